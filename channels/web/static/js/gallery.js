/* Photographs of a ticket, one large at a time. The buttons carry the arrow keys (ui.js); Esc closes, as it does every dialog. */
(function () {
  'use strict';
  var dialog = document.getElementById('gallery');
  if (!dialog || !dialog.showModal) return;                  // without it each photograph is a download
  var links = Array.prototype.slice.call(document.querySelectorAll('[data-picture]')), at = 0, from;
  function show(number) {
    at = (number + links.length) % links.length;
    var link = links[at], large = dialog.querySelector('[data-large]');
    large.src = link.href;
    large.alt = link.querySelector('img').alt;
    dialog.querySelector('[data-caption]').textContent = link.dataset.words;
    dialog.querySelector('[data-save]').href = link.href;
    dialog.querySelector('[data-place]').textContent = dialog.dataset.textPlace.replace('{n}', at + 1).replace('{all}', links.length);
  }
  document.addEventListener('click', function (event) {
    var link = event.target.closest('[data-picture]'), turn = event.target.closest('[data-turn]');
    if (link) { event.preventDefault(); from = link; show(links.indexOf(link)); dialog.showModal(); }
    if (turn) show(at + Number(turn.dataset.turn));
  });
  dialog.addEventListener('close', function () { if (from) from.focus(); });
})();
