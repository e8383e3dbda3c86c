/* Several chats at once, by keys: «/» at the beginning of an answer opens the phrases, Alt J and Alt K go to the next chat. Floor: Chromium 86. */
(function () {
  'use strict';
  document.addEventListener('keydown', function (event) {
    if (event.isComposing) return;
    var field = event.target.closest('[data-phrases]');
    if (event.key === '/' && field && !field.value.trim()) {
      var open = document.querySelector('[data-open="' + field.dataset.phrases + '"]');
      if (open) { event.preventDefault(); open.click(); }
    }
    // Alt J, Alt K move in the list (ui.js); here the chat is opened as well, also while writing: what was written is kept.
    if (event.altKey && (event.code === 'KeyJ' || event.code === 'KeyK')) {
      setTimeout(function () {
        var link = document.querySelector('.inbox > [aria-current="true"] a');
        if (link && link.href !== location.href) location.assign(link.href);
      }, 0);
    }
  }, true);
  // The last letters before the page goes are saved on the way out.
  var say = document.getElementById('say'), written = 0;
  if (say) {
    say.addEventListener('input', function () { written = Date.now(); });
    window.addEventListener('pagehide', function () {
      if (Date.now() - written < 3000 && say.value) navigator.sendBeacon(say.getAttribute('hx-post'), new FormData(say.form));
    });
  }
})();
