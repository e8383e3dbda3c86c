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
})();
