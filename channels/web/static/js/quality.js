/* One call under inspection: transcript in step with the recording, speed, keys, the sum of the sheet. Floor: Chromium 86. */
(function () {
  'use strict';
  var player = document.getElementById('player'), box = document.querySelector('[data-transcript]'), current = null;
  var lines = Array.prototype.slice.call(document.querySelectorAll('[data-start]')).sort(function (a, b) { return a.dataset.start - b.dataset.start; });

  function jump(line) { player.currentTime = Number(line.dataset.start); player.play(); }
  function follow() {
    var found = null;
    lines.forEach(function (line) { if (Number(line.dataset.start) <= player.currentTime + 0.05) found = line; });
    if (found === current) return;
    if (current) current.removeAttribute('aria-current');
    current = found;
    if (!current) return;
    current.setAttribute('aria-current', 'true');
    // Only the transcript scrolls, never the page: the sheet stays under the hands.
    var top = current.offsetTop - box.offsetTop;
    if (top < box.scrollTop || top + current.offsetHeight > box.scrollTop + box.clientHeight) box.scrollTop = Math.max(0, top - box.clientHeight / 3);
  }
  if (player) {
    lines.forEach(function (line) {
      var button = line.querySelector('[data-jump]');
      if (button) { button.hidden = false; button.addEventListener('click', function (event) { event.stopPropagation(); jump(line); }); }
      line.addEventListener('click', function () { if (!String(window.getSelection())) jump(line); });
    });
    player.addEventListener('timeupdate', follow);
    player.addEventListener('seeked', follow);
    document.querySelectorAll('[data-speed]').forEach(function (choice) {
      choice.addEventListener('change', function () { player.defaultPlaybackRate = player.playbackRate = Number(choice.value); });
    });
    document.addEventListener('keydown', function (event) {
      if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
      if (event.target.closest('input, textarea, select, button, a, audio, summary, dialog')) return;
      if (event.key === ' ') { event.preventDefault(); if (player.paused) player.play(); else player.pause(); }
      if (event.key === 'ArrowLeft') { event.preventDefault(); player.currentTime = Math.max(0, player.currentTime - 5); }
      if (event.key === 'ArrowRight') { event.preventDefault(); player.currentTime += 5; }
    });
  }

  document.querySelectorAll('[data-sheet]').forEach(function (form) {
    var told = form.querySelector('[data-total]'), before = told && told.textContent;
    function add() {
      var sum = 0, whole = true;
      form.querySelectorAll('[data-points]').forEach(function (field) { if (field.value === '') whole = false; else sum += Number(field.value); });
      told.textContent = form.querySelector('[data-fatal]:checked') ? '0' : whole ? String(sum) : before;
    }
    if (told) { form.addEventListener('input', add); add(); }
  });
})();
