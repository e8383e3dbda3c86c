/* Queues and ticket pages: what the small script adds. Everything is complete without it but for comfort. Floor: Chromium 86. */
(function () {
  'use strict';

  // What the machine proposes goes into fields that nobody has touched; as their default, so that it is no change of a person.
  function prefill() {
    document.querySelectorAll('[data-prefill]').forEach(function (note) {
      var field = document.getElementById(note.dataset.prefill), value = note.dataset.value;
      note.removeAttribute('data-prefill');
      if (!field || field.value) return;
      if (field.tagName !== 'SELECT') { field.defaultValue = value; return; }
      var option = Array.prototype.find.call(field.options, function (one) { return one.value === value; });
      if (!option) return;
      if (note.dataset.mark) option.textContent += note.dataset.mark;
      option.defaultSelected = true;
      field.value = value;
    });
  }
  document.addEventListener('htmx:after:swap', prefill);
  prefill();

  // A button that ticks several boxes of its form, and opens the part in which they stand.
  document.addEventListener('click', function (event) {
    var button = event.target.closest('[data-tick]');
    if (!button) return;
    var wanted = button.dataset.values.split(','), part = document.getElementById(button.dataset.show);
    button.closest('form').querySelectorAll('[name="' + button.dataset.tick + '"]').forEach(function (box) { if (wanted.indexOf(box.value) >= 0) box.checked = true; });
    if (part) part.open = true;
  });

  // Several tickets at once: X ticks the line of J and K; the bar with the steps shows while something is ticked.
  var bar = document.getElementById('bulk');
  function boxes() { return Array.prototype.slice.call(document.querySelectorAll('input[form="bulk"]')); }
  function count() {
    if (!bar) return;
    var ticked = boxes().filter(function (box) { return box.checked; }).length;
    bar.hidden = !ticked;
    bar.querySelector('[data-ticked]').textContent = ticked;
  }
  document.addEventListener('change', function (event) { if (event.target.getAttribute('form') === 'bulk') count(); });
  document.addEventListener('click', function (event) {
    if (!event.target.closest('[data-untick]')) return;
    boxes().forEach(function (box) { box.checked = false; });
    count();
  });
  document.addEventListener('keydown', function (event) {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey || event.key.toLowerCase() !== 'x') return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) && event.target.type !== 'checkbox') return;
    if (document.documentElement.dataset.keys === 'off' || document.querySelector('dialog[open]')) return;
    var row = event.target.closest('[data-rows] > tr') || document.querySelector('[data-rows] > tr[aria-current="true"]');
    var box = row && row.querySelector('input[form="bulk"]');
    if (!box) return;
    event.preventDefault();
    box.checked = !box.checked;
    count();
  });
  document.addEventListener('htmx:after:swap', count);
  count();

  // Texts come from the page; {name} is filled in here.
  function filled(text, values) { return text.replace(/\{(\w+)\}/g, function (whole, name) { return name in values ? String(values[name]) : whole; }); }

  // Files go one by one; what the network drops stays in the page and is sent again, soon at first, then every 15 s and when it is back.
  document.addEventListener('submit', function (event) {
    var form = event.target.closest('form[data-upload]');
    if (!form || !window.fetch) return;
    var files = [], told = form.querySelector('[data-uploaded]'), button = form.querySelector('button[type="submit"]');
    form.querySelectorAll('input[type="file"]').forEach(function (input) { files = files.concat(Array.prototype.slice.call(input.files)); });
    if (!files.length) return;                               // the server says what is missing
    event.preventDefault();
    button.disabled = true;
    var at = 0, tries = 0, wait;
    function next() {
      clearTimeout(wait);
      if (at === files.length) { location.href = form.dataset.upload; return; }
      told.textContent = filled(told.dataset.textSending, { n: at + 1, all: files.length });
      var body = new FormData();
      body.append('csrf', form.elements.csrf.value);
      body.append('files', files[at], files[at].name);
      fetch(form.action, { method: 'POST', body: body, credentials: 'same-origin' }).then(function (answer) {
        if (answer.ok) { at += 1; tries = 0; next(); return; }
        if (answer.status >= 500) { again(); return; }
        told.textContent = filled(told.dataset.textRefused, { name: files[at].name, n: at });
        button.disabled = false;
      }, again);
    }
    function again() {
      tries += 1;
      told.textContent = filled(told.dataset.textCut, { n: at, left: files.length - at });
      wait = setTimeout(next, Math.min(15000, 500 * Math.pow(2, tries)));
    }
    window.addEventListener('online', function () { if (tries) next(); });
    next();
  });

  // Theirs or mine, field by field, after somebody else was quicker.
  document.addEventListener('click', function (event) {
    var take = event.target.closest('[data-take]');
    if (!take) return;
    var form = take.closest('form'), value = take.dataset.value;
    form.querySelectorAll('[name="' + take.dataset.take + '"]').forEach(function (field) {
      if (field.type === 'radio') field.checked = field.value === value; else field.value = value;
      field.dispatchEvent(new Event('input', { bubbles: true }));
    });
    take.closest('tr').querySelectorAll('[data-take]').forEach(function (other) { other.setAttribute('aria-pressed', String(other === take)); });
  });

  // A questionnaire by digits: the digit chooses an answer and the next question has its turn; after the last one what is to be written.
  function answer(event) {
    var survey = document.querySelector('dialog[open] [data-digits]'), target = event.target;
    if (!survey || event.isComposing || event.ctrlKey || event.metaKey || event.altKey || !/^[1-9]$/.test(event.key)) return;
    if (/^(TEXTAREA|SELECT)$/.test(target.tagName) || target.tagName === 'INPUT' && target.type !== 'radio' && target.type !== 'checkbox') return;
    var questions = Array.prototype.slice.call(survey.querySelectorAll('fieldset'));
    var at = questions.indexOf(target.closest('fieldset'));
    if (at < 0) at = questions.findIndex(function (one) { return !one.querySelector('input:checked'); });
    var choice = at < 0 ? null : questions[at].querySelectorAll('input[type="radio"]')[Number(event.key) - 1];
    if (!choice) return;
    event.preventDefault();
    choice.checked = true;
    choice.focus();
    choice.dispatchEvent(new Event('change', { bubbles: true }));
    var next = questions[at + 1], form = survey.closest('form');
    var field = next ? next.querySelector('input:checked') || next.querySelector('input') : Array.prototype.find.call(form.querySelectorAll('textarea'), function (box) { return !box.closest('[hidden]'); });
    if (field) field.focus();
  }
  document.addEventListener('keydown', answer);

  // A form that tells what will happen is asked again when the person pauses.
  var pause;
  function foresee(event) {
    var form = event.target.closest && event.target.closest('dialog form'), told = form && form.querySelector('[data-foresee]');
    if (!told) return;
    clearTimeout(pause);
    pause = setTimeout(function () { told.dispatchEvent(new CustomEvent('foresee')); }, event.type === 'change' ? 200 : 1000);
  }
  ['input', 'change', 'focusin'].forEach(function (name) { document.addEventListener(name, foresee); });

  // What is left is told again each half minute, in the words that the server chose; when the next stage begins the list is asked for.
  var began = Date.now(), units = document.documentElement.dataset.textUnits.split(' ');   // day, hour, minute, second
  var gap = document.documentElement.lang.slice(0, 2) === 'zh' ? '' : ' ';
  function length(seconds) {                                 // as channels/web/formats.py: the two largest units at most
    var days = Math.floor(seconds / 86400), hours = Math.floor(seconds % 86400 / 3600), minutes = Math.floor(seconds % 3600 / 60);
    if (days) return days + units[0] + (hours ? gap + hours + units[1] : '');
    if (hours) return hours + units[1] + (minutes ? gap + String(minutes).padStart(2, '0') + units[2] : '');
    return minutes ? minutes + units[2] : Math.floor(seconds % 60) + units[3];
  }
  function tell() {
    var due = false;
    document.querySelectorAll('[data-due-left]').forEach(function (badge) {
      badge._from = badge._from && badge._said === badge.dataset.dueLeft ? badge._from : Date.now();
      badge._said = badge.dataset.dueLeft;
      var gone = (Date.now() - badge._from) / 1000, left = Number(badge.dataset.dueLeft) - gone;
      if (badge.dataset.turns && gone >= Number(badge.dataset.turns)) due = true;
      badge.lastChild.textContent = badge.dataset.words.replace('{}', length(Math.abs(left)));
    });
    if (due && Date.now() - began > 25000) { began = Date.now(); document.body.dispatchEvent(new CustomEvent('stage')); }
  }
  if (!new URLSearchParams(location.search).has('still')) setInterval(tell, 30000);
})();
