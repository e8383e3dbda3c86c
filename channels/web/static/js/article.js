/* The editor of articles: hear a short answer as the telephone says it, see its length. Everything works without this file. Floor: Chromium 86. */
(function () {
  'use strict';
  var player = document.getElementById('hear');
  document.querySelectorAll('[data-hear]').forEach(function (button) {
    var field = document.getElementById(button.dataset.hear);
    button.hidden = false;
    button.addEventListener('click', function () {
      var text = field.value.replace(/\s+/g, ' ').trim();
      if (!text) { field.focus(); return; }
      player.hidden = false;
      player.src = '/console/articles/speech?text=' + encodeURIComponent(text);
      player.play();
    });
  });
  document.querySelectorAll('[data-counts]').forEach(function (told) {
    var field = document.getElementById(told.dataset.counts);
    function count() { told.textContent = field.value.trim().length + ' / ' + field.maxLength; }
    told.hidden = false; field.addEventListener('input', count); count();
  });
  // Leaving with unsaved words asks first.
  var form = document.querySelector('[data-article]'), changed = false;
  if (!form) { return; }                                    // a proposal waits: nothing to write
  form.addEventListener('input', function () { changed = true; });
  form.addEventListener('submit', function () { changed = false; });
  window.addEventListener('beforeunload', function (event) { if (changed) event.preventDefault(); });
})();
