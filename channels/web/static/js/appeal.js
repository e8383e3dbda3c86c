/* The form of an appeal: what was typed is kept in this browser for a day, and the position is told when the button is pressed.
   Name and telephone number are never kept: the computer may be a library's. The form works without this file. */
(function () {
  'use strict';
  var form = document.querySelector('[data-draft]');
  if (!form) return;
  var KEY = 'draft.' + form.dataset.draft, DAY = 864e5, FIELDS = ['what', 'where', 'when', 'district', 'kind'];

  function read() {
    try {
      var held = JSON.parse(localStorage.getItem(KEY));
      return held && Date.now() - held.at < DAY ? held.fields : null;
    } catch (e) { return null; }
  }
  function save() {
    var fields = {};
    FIELDS.forEach(function (name) { if (form.elements[name]) fields[name] = form.elements[name].value; });
    try {
      if (fields.what || fields.where || fields.when) localStorage.setItem(KEY, JSON.stringify({at: Date.now(), fields: fields}));
      else localStorage.removeItem(KEY);
    } catch (e) { /* private mode, or full: nothing is kept */ }
  }
  function forget() { try { localStorage.removeItem(KEY); } catch (e) { /* private mode */ } }

  var held = read();
  if (held && held.what && !form.elements.what.value && !form.elements.where.value) {
    FIELDS.forEach(function (name) { if (form.elements[name] && held[name]) form.elements[name].value = held[name]; });
    var note = document.createElement('p'), clear = document.createElement('button');
    note.className = 'note row';
    note.setAttribute('role', 'status');
    note.textContent = form.dataset.draftWords + ' ';
    clear.type = 'button';
    clear.className = 'btn btn--small push';
    clear.textContent = form.dataset.draftClear;
    clear.addEventListener('click', function () { forget(); form.reset(); note.remove(); form.elements.what.focus(); });
    note.appendChild(clear);
    form.insertBefore(note, form.firstChild);
  }
  var waiting;
  form.addEventListener('input', function () { clearTimeout(waiting); waiting = setTimeout(save, 300); });
  form.addEventListener('change', save);
  window.addEventListener('pagehide', save);

  var hints = document.getElementById('hints');
  if (hints) hints.focus();

  // While the portal is flooded: the riddle is solved while the person still writes, a press before that waits for it.
  var riddle = (form.dataset.riddle || '').split(','), button0 = form.querySelector('[data-send]');
  if (riddle.length === 2 && window.Worker) {
    var worker = new Worker(form.dataset.worker), proof = document.createElement('input'), pressed = false, note0 = form.querySelector('[data-riddle-said]');
    proof.type = 'hidden';
    proof.name = 'proof';
    form.appendChild(proof);
    worker.onmessage = function (event) {
      proof.value = event.data;
      worker.terminate();
      if (note0) note0.textContent = form.dataset.riddleDone;
      if (pressed) form.submit();
    };
    worker.onerror = function () { riddle = []; if (pressed) form.submit(); };   // the other ways are offered then
    worker.postMessage({token: form.elements.token.value, bits: +riddle[0], pieces: +riddle[1]});
    form.addEventListener('submit', function (event) {
      if (proof.value || !riddle.length || event.submitter && event.submitter.name === 'way') return;
      event.preventDefault();
      event.stopImmediatePropagation();
      pressed = true;
      button0.textContent = form.dataset.riddleWait;
    }, true);
  }

  // Where I am: asked for only when the button is pressed.
  var place = form.querySelector('[data-position]');
  if (!place) return;
  var field = form.elements.position, button = place.querySelector('button'), label = button.querySelector('span'), said = place.querySelector('[role="status"]');
  var ask = label.textContent;
  var locate = navigator.geolocation && window.isSecureContext && function (found, failed) {
    navigator.geolocation.getCurrentPosition(function (at) { found(at.coords); }, failed, {timeout: 10000, maximumAge: 60000, enableHighAccuracy: true});
  };
  place.hidden = !locate;
  // Inside WeChat the phone's position comes by its own script (js/wechat.js), which is asked for less often.
  document.addEventListener('place:ready', function (event) { locate = event.detail; place.hidden = false; });
  show(field.value ? place.dataset.kept : '');
  function show(words) {
    label.textContent = field.value ? place.dataset.off : ask;
    said.textContent = words;
  }
  button.addEventListener('click', function () {
    if (field.value) { field.value = ''; show(''); return; }
    said.textContent = place.dataset.wait;
    locate(function (found) {
      field.value = (+found.latitude).toFixed(6) + ',' + (+found.longitude).toFixed(6);
      show(place.dataset.words.replace('{n}', String(Math.round(found.accuracy))));
    }, function () { show(place.dataset.failed); });
  });
})();
