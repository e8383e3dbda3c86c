/* The bar above the desk and the telephone in its own window: one keyboard for both. Floor: Chromium 86.
   The telephone tells its state on a BroadcastChannel (same browser, same origin, nothing leaves the machine) and does what it is asked. */
(function () {
  'use strict';
  var bar = document.getElementById('callbar');
  if (!bar) return;
  var line = window.BroadcastChannel ? new BroadcastChannel('hotline-phone') : null;
  var phone = { state: 'gone', muted: false };

  // What only the telephone in the browser can do is shown while its window is there.
  function apply() {
    var state = phone.state, talking = state === 'talking' || state === 'silent';
    var shown = { answer: state === 'ringing', mute: talking, keys: talking, elsewhere: state !== 'ringing' };
    bar.querySelectorAll('[data-phone]').forEach(function (node) { node.hidden = !shown[node.dataset.phone]; });
    var mute = bar.querySelector('[data-phone="mute"]'), told = document.getElementById('bar-muted');
    if (mute) mute.setAttribute('aria-pressed', String(talking && phone.muted));
    if (told) told.hidden = !(talking && phone.muted);
  }
  if (line) {
    line.onmessage = function (event) { if (event.data && event.data.type === 'state') { phone = event.data; apply(); } };
    line.postMessage({ type: 'ask' });
  }
  document.addEventListener('htmx:after:swap', apply);
  document.addEventListener('click', function (event) {
    var button = event.target.closest('#callbar [data-phone], #keypad [data-digit]');
    if (!button || !line) return;
    if (button.dataset.digit) line.postMessage({ type: 'do', what: 'digit', digit: button.dataset.digit });
    else if (button.dataset.phone === 'answer' || button.dataset.phone === 'mute') line.postMessage({ type: 'do', what: button.dataset.phone });
  });

  // A dialog whose answer is on its way is closed; where the cursor was, it is again.
  document.addEventListener('submit', function (event) {
    var dialog = event.target.closest('#call-dialogs dialog');
    if (dialog) dialog.close();
  });
})();
