/* Small behaviours that need no server. Everything else is htmx. Floor: Chromium 86. */
(function () {
  'use strict';
  var root = document.documentElement;
  var store = { get: function (k) { try { return localStorage.getItem(k); } catch (e) { return null; } },
                set: function (k, v) { try { localStorage.setItem(k, v); } catch (e) { /* private mode: choice lasts one page */ } } };

  // Theme, density, elder mode: one attribute on <html>, remembered. ?theme=dark wins (for tests).
  var query = new URLSearchParams(location.search);
  ['theme', 'density', 'mode', 'keys'].forEach(function (name) {
    var value = query.get(name) || store.get('ui.' + name);
    if (value) root.dataset[name] = value;
  });
  document.addEventListener('click', function (event) {
    var button = event.target.closest('[data-set]');
    if (!button) return;
    var pair = button.dataset.set.split('=');
    var value = root.dataset[pair[0]] === pair[1] ? '' : pair[1];
    root.dataset[pair[0]] = value;
    if (button.tagName === 'BUTTON') button.setAttribute('aria-pressed', String(!!value));
    store.set('ui.' + pair[0], value);
    document.dispatchEvent(new CustomEvent('ui:change'));
  });

  document.querySelectorAll('[data-set]').forEach(function (control) {
    var pair = control.dataset.set.split('=');
    var on = root.dataset[pair[0]] === pair[1];
    if (control.tagName === 'BUTTON') control.setAttribute('aria-pressed', String(on));
    if (control.type === 'checkbox') control.checked = on;
  });

  // Dialogs: data-open="id" on a button; a dialog printed with data-opened shows at once (a form that came back with errors).
  document.addEventListener('click', function (event) {
    if (event.target.closest('[data-print]')) window.print();
    var button = event.target.closest('[data-open]');
    if (button) { event.preventDefault(); show(document.getElementById(button.dataset.open)); return; }
    var shut = event.target.closest('[data-close]');
    if (shut) { event.preventDefault(); shut.closest('dialog').close(); }
  });
  function show(dialog) {
    if (!dialog || dialog.open) return;
    document.querySelectorAll('details.menu[open]').forEach(function (menu) { menu.removeAttribute('open'); });
    dialog.showModal();
    dialog.dispatchEvent(new CustomEvent('shown'));
    var first = dialog.querySelector('.errors') || dialog.querySelector('.body input:not([type=hidden]):not([disabled]), .body select, .body textarea') || dialog.querySelector('footer button');
    if (first) first.focus();
  }
  document.querySelectorAll('dialog[data-opened]').forEach(show);
  document.addEventListener('click', function (event) {       // a menu closes when the next thing is clicked
    document.querySelectorAll('details.menu[open]').forEach(function (menu) { if (!menu.contains(event.target)) menu.removeAttribute('open'); });
  });

  // Show a password for a moment.
  document.addEventListener('click', function (event) {
    var button = event.target.closest('[data-reveal]');
    if (!button) return;
    var field = document.getElementById(button.dataset.reveal), shown = field.type === 'text';
    field.type = shown ? 'password' : 'text';
    button.setAttribute('aria-pressed', String(!shown));
  });

  // Toasts go away by themselves, but not while they are pointed at or focused.
  function fade(node) {
    setTimeout(function () { if (node.matches(':hover') || node.contains(document.activeElement)) fade(node); else node.remove(); }, 6000);
  }
  document.querySelectorAll('[data-toast]').forEach(fade);
  function toast(text) {
    var box = document.getElementById('toasts');
    if (!box || !text || Array.prototype.some.call(box.children, function (node) { return node.textContent === text; })) return;
    var node = document.createElement('div');
    node.className = 'toast'; node.setAttribute('role', 'status'); node.textContent = text;
    box.appendChild(node); fade(node);
  }
  window.uiToast = toast;
  document.addEventListener('htmx:response:error', function (event) {
    var context = event.detail && event.detail.ctx, status = context && context.response && context.response.status;
    if (again(event.target) || status < 500) return;
    toast(root.dataset.textOffline);
  });
  document.addEventListener('htmx:error', function (event) { if (!again(event.target)) toast(root.dataset.textOffline); });

  // A form is sent once: the button rests until the answer is there (or the page comes back from the cache).
  document.addEventListener('submit', function (event) {
    var form = event.target;
    if (form.method !== 'post' || event.defaultPrevented) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = '1';
    setTimeout(function () { delete form.dataset.sent; }, 4000);
  });
  window.addEventListener('pageshow', function () { document.querySelectorAll('form[data-sent]').forEach(function (form) { delete form.dataset.sent; }); });

  // Running clocks: <time class="timer" data-since="seconds already gone">, data-left="seconds to go"
  function clock(s) { return String(Math.floor(s / 60)).padStart(2, '0') + ':' + String(s % 60).padStart(2, '0'); }
  function tick() {
    document.querySelectorAll('[data-since]').forEach(function (node) {
      node._start = node._start || Date.now() - 1000 * Number(node.dataset.since);
      node.textContent = clock(Math.floor((Date.now() - node._start) / 1000));
    });
    document.querySelectorAll('[data-left]').forEach(function (node) {
      node._end = node._end || Date.now() + 1000 * Number(node.dataset.left);
      node.textContent = clock(Math.max(0, Math.ceil((node._end - Date.now()) / 1000)));
    });
  }
  if (!query.has('still')) { tick(); setInterval(tick, 1000); }

  // Suggestion chips fill their field; touching a machine-filled field makes it a person's.
  document.addEventListener('click', function (event) {
    var chip = event.target.closest('[data-fill]');
    if (!chip) return;
    var field = document.getElementById(chip.dataset.fill);
    field.value = chip.dataset.value || chip.textContent.trim();
    field.dispatchEvent(new Event('input', { bubbles: true }));
    field.focus();
  });
  // A sentence goes behind what is already written.
  document.addEventListener('click', function (event) {
    var sentence = event.target.closest('[data-append]');
    var field = sentence && document.getElementById(sentence.dataset.append);
    if (!field || field.readOnly || field.disabled) return;
    var written = field.value.replace(/\s+$/, '');
    field.value = written + (written ? '\n' : '') + sentence.dataset.value;
    field.dispatchEvent(new Event('input', { bubbles: true }));
    field.focus();
    field.setSelectionRange(field.value.length, field.value.length);
  });
  document.addEventListener('input', function (event) {
    var field = event.target.closest('.field--machine');
    if (field) field.classList.remove('field--machine');
  });

  // Keyboard. Single letters act only outside text fields and can be switched off (WCAG 2.1.4).
  function rows() { return Array.prototype.slice.call(document.querySelectorAll('[data-rows] > tr, [data-rows] > li')); }
  function move(step) {
    var all = rows(); if (!all.length) return;
    var at = all.findIndex(function (r) { return r.getAttribute('aria-current') === 'true'; });
    var to = Math.max(0, Math.min(all.length - 1, at + step));
    all.forEach(function (r, i) { r.setAttribute('aria-current', String(i === to)); r.tabIndex = i === to ? 0 : -1; });
    all[to].focus(); all[to].scrollIntoView({ block: 'nearest' });
    root._row = all[to].id;
  }
  function typing(node) { return /^(INPUT|TEXTAREA|SELECT)$/.test(node.tagName) || node.isContentEditable; }
  document.addEventListener('keydown', function (event) {
    if (event.isComposing) return;                       // never steal keys from a Chinese input method
    var key = event.key, name = (event.ctrlKey || event.metaKey ? 'Ctrl+' : '') + (event.altKey ? 'Alt+' : '') + (key.length === 1 ? key.toUpperCase() : key);
    if (name === 'Ctrl+Enter' && event.target.form) {
      event.preventDefault();
      var send = event.target.form.querySelector('button[type="submit"]');
      if (send) send.click();
      return;
    }
    // Keys of the page rest while a dialog is open: it has its own. Nothing that cannot be seen has a key.
    var dialog = document.querySelector('dialog[open]');
    var hit = Array.prototype.find.call((dialog || document).querySelectorAll('[data-key="' + name.replace(/["\\]/g, '') + '"]'), function (node) {
      return !node.disabled && !node.closest('[hidden]') && (dialog || !node.closest('dialog'));
    });
    if (dialog && !hit) return;
    var plain = name.length === 1 || name === '?';
    if (hit && !(plain && (typing(event.target) || root.dataset.keys === 'off'))) {
      event.preventDefault();
      if (typing(hit)) hit.focus(); else hit.click();
      return;
    }
    if (event.altKey && /^Key[JK]$/.test(event.code)) {  // next, previous conversation: works while writing too
      event.preventDefault(); move(event.code === 'KeyJ' ? 1 : -1);
      var link = document.activeElement.querySelector('a[hx-get]'); if (link) link.click();
      return;
    }
    if (typing(event.target)) return;
    if (key === 'j' || key === 'ArrowDown' && event.target.closest('[data-rows]')) { event.preventDefault(); move(1); }
    if (key === 'k' || key === 'ArrowUp' && event.target.closest('[data-rows]')) { event.preventDefault(); move(-1); }
    if (key === 'Enter' && event.target.matches('[data-rows] > *')) { var a = event.target.querySelector('a'); if (a) a.click(); }
  });

  // Error summary takes focus, as on GOV.UK.
  var errors = document.querySelector('.errors');
  if (errors && !query.has('still')) errors.focus();
  // Follow a talk to its end, unless the reader has scrolled up.
  function follow() {
    document.querySelectorAll('[data-follow]').forEach(function (talk) {
      if (!talk._seen || talk.scrollHeight - talk.scrollTop - talk.clientHeight < 160) talk.scrollTop = talk.scrollHeight;
      talk._seen = true;
    });
  }
  follow();

  // Something new waits: say it to screen readers, show a toast, mark the tab. data-bell is the number that waits.
  var bells = {}, title = document.title;
  function ring() {
    document.querySelectorAll('[data-bell]').forEach(function (node) {
      var key = node.dataset.bellText, count = Number(node.dataset.bell), before = bells[key];
      bells[key] = count;
      document.title = (count ? '(' + count + ') ' : '') + title;
      if (before === undefined || count <= before) return;
      var voice = document.getElementById('bell');
      if (voice) voice.textContent = key;
      toast(key);
      document.dispatchEvent(new CustomEvent('ui:bell'));
    });
  }
  ring();

  // The row that was chosen with J and K stays chosen when the list is refreshed.
  function keepRow() {
    var node = root._row && document.getElementById(root._row);
    if (!node || node.getAttribute('aria-current') === 'true') return;
    rows().forEach(function (row) { row.setAttribute('aria-current', String(row === node)); row.tabIndex = row === node ? 0 : -1; });
  }
  document.addEventListener('htmx:after:swap', function () { follow(); ring(); keepRow(); });

  // A chat answer is taken out of the box once it is stored.
  document.addEventListener('htmx:after:request', function (event) {
    var form = event.target.closest && event.target.closest('form[data-clear]'), context = event.detail && event.detail.ctx;
    if (form && context && context.response && context.response.status < 300) { var box = form.querySelector('textarea'); if (box) box.defaultValue = ''; form.reset(); if (box) box.focus(); }
    if (form) delete form.dataset.sent;
  });

  // Whether the page is live is readable on the stream's element.
  document.addEventListener('htmx:sse:after:connection', function (event) { clearTimeout(event.target._again); event.target._tries = 0; event.target.dataset.live = 'on'; });
  document.addEventListener('htmx:sse:error', function (event) { event.target.dataset.live = 'off'; });

  // A stream that was cut is opened again by htmx. One that could not be opened at all (restart, 503, no network) is tried
  // again here: soon at first, then ever more rarely, at least every 15 s. Returns whether `node` is a stream's element.
  function again(node) {
    if (!node || !node.hasAttribute || !node.hasAttribute('hx-sse:connect')) return false;
    var tries = node._tries || 0;
    node._tries = tries + 1;
    node.dataset.live = 'off';
    clearTimeout(node._again);
    node._again = setTimeout(function () { node.dispatchEvent(new CustomEvent('connect')); }, Math.min(15000, 500 * Math.pow(2, tries)) * (0.7 + 0.6 * Math.random()));
    if (tries === 1) toast(root.dataset.textOffline);   // once; a single failure is not worth a word
    return true;
  }

  // A ticket changed while its page is open: show the new page, unless somebody is writing on it or is on the way to another page.
  document.addEventListener('reload', function () { document.dispatchEvent(new CustomEvent('ticket')); });
  document.addEventListener('ticket', function () {
    var live = document.querySelector('[data-last-url]');
    if (!live) return;
    fetch(live.dataset.lastUrl, { credentials: 'same-origin' }).then(function (answer) { return answer.ok ? answer.text() : '0'; }).then(function (text) {
      if (Number(text) > Number(live.dataset.last)) renew();     // our own step is on the page already
    }, function () { /* offline: the next notice asks again */ });
  });
  var leaving = 0;
  window.addEventListener('beforeunload', function () { leaving = Date.now(); });   // a reload would undo the click on a slow link
  function written() {
    return Array.prototype.some.call(document.querySelectorAll('#main form'), function (form) {
      return Array.prototype.some.call(form.elements, function (field) {
        if (field.type === 'hidden' || field.type === 'submit') return false;
        if (field.tagName === 'SELECT') return Array.prototype.some.call(field.options, function (option) { return option.selected !== option.defaultSelected && option.index > 0; });
        return field.type === 'checkbox' || field.type === 'radio' ? field.checked !== field.defaultChecked : 'defaultValue' in field && field.value !== field.defaultValue;
      });
    });
  }
  function renew() {
    if (Date.now() - leaving < 10000) return;
    if (document.querySelector('dialog[open]') || written()) { toast(root.dataset.textRenewed); return; }
    var sound = document.querySelector('audio');
    if (sound && !sound.paused) return;
    try { sessionStorage.setItem('ui.top', location.pathname + ' ' + document.getElementById('main').scrollTop); } catch (e) { /* private mode */ }
    location.reload();
  }
  try {
    var kept = (sessionStorage.getItem('ui.top') || '').split(' ');
    if (kept[0] === location.pathname) document.getElementById('main').scrollTop = Number(kept[1]);
    sessionStorage.removeItem('ui.top');
  } catch (e) { /* private mode */ }

  // Parts of a form that only matter for some answers: data-when="name=value,value".
  function showParts() {
    document.querySelectorAll('[data-when]').forEach(function (part) {
      var pair = part.dataset.when.split('='), chosen = part.closest('form').querySelector('[name="' + pair[0] + '"]:checked');
      part.hidden = !chosen || pair[1].split(',').indexOf(chosen.value) < 0;
    });
  }
  showParts();
  document.addEventListener('change', showParts);

  // Choosing a category proposes its unit.
  document.addEventListener('change', function (event) {
    var select = event.target.closest('select[data-units]');
    if (!select) return;
    var unit = select.selectedOptions[0] && select.selectedOptions[0].dataset.unit, target = document.getElementById(select.dataset.units);
    if (unit && target) target.value = unit;
  });
})();
