/* The form of the agent's own call: the machine goes on filling in what nobody has touched. Floor: Chromium 86. */
(function () {
  'use strict';
  function form() { return document.getElementById('pop-form'); }
  function touched(node) { return (node.elements.touched.value || '').split(',').filter(Boolean); }

  // Before htmx sends the draft: whatever a person has written is theirs from now on.
  document.addEventListener('input', function (event) {
    var own = event.target.form, name = event.target.name;
    if (!own || own.id !== 'pop-form' || !name) return;
    var names = touched(own);
    if (names.indexOf(name) < 0) own.elements.touched.value = names.concat(name).join(',');
    written = Date.now();
  }, true);

  // The last letters before a reload, or before «hold» was pressed, are saved on the way out.
  var written = 0;
  window.addEventListener('pagehide', function () {
    var own = form();
    if (own && !own.dataset.sent && Date.now() - written < 3000) navigator.sendBeacon(own.getAttribute('hx-post'), new FormData(own));
  });

  var timer = 0, asked = 0;
  document.addEventListener('talk', function () {           // somebody has finished a sentence
    if (!form()) return;
    clearTimeout(timer);
    timer = setTimeout(refill, 400);
  });
  function refill() {
    var own = form(), turn = ++asked;
    if (!own) return;
    fetch(own.dataset.fields, { credentials: 'same-origin' }).then(function (answer) { return answer.ok ? answer.json() : null; }).then(function (found) {
      if (!found || turn !== asked || form() !== own) return;
      var mine = touched(own);
      Object.keys(found).forEach(function (name) {
        var field = own.elements[name];
        if (!field || mine.indexOf(name) >= 0 || field === document.activeElement && field.value) return;
        field.value = found[name];
        var box = field.closest('[data-machine]');
        if (box) box.classList.add('field--machine');
      });
    }, function () { /* offline: the next sentence asks again */ });
  }
})();
