/* Small comforts of the citizens' pages. Every page works without this file. */
(function () {
  'use strict';
  // After one's own message: show it at the top, with the answer below, so that a long answer is read from its beginning.
  var last = lastOwn();
  function lastOwn() {
    var own = document.querySelectorAll('#talk > li.us');
    return own.length ? own[own.length - 1].id : '';
  }
  function show(id) {
    var item = document.getElementById(id), box = item && item.closest('.talkbox');
    if (box) box.scrollTop += item.getBoundingClientRect().top - box.getBoundingClientRect().top - 8;
  }
  var answered = hasAnswer(last);
  function hasAnswer(id) {
    var next = id && document.getElementById(id).nextElementSibling;
    return !!next && next.id !== 'last' && next.id !== 'm-answering';
  }
  document.addEventListener('htmx:after:swap', function () {
    var now = lastOwn();
    if (!now || now === last && (answered || !hasAnswer(now))) return;   // the question may come in before its answer
    last = now;
    answered = hasAnswer(now);
    show(now);
  });
  show(last);

  // A pressed choice is gone with the answer: the keyboard goes on in the field, not at the top of the page.
  document.addEventListener('htmx:after:swap', function () {
    var field = document.getElementById('say');
    if (field && (!document.activeElement || document.activeElement === document.body)) field.focus();
  });

  // The chat's paper clip: say what is attached. A message may be files alone.
  document.addEventListener('change', function (event) {
    var box = event.target.closest('[data-attach]');
    if (!box) return;
    var names = Array.prototype.map.call(event.target.files, function (file) { return file.name; });
    document.querySelector('[data-attach-names]').textContent = names.join('、');
    if (names.length) box.dataset.chosen = ''; else delete box.dataset.chosen;
  });

  // What was sent is no draft any more.
  var sent = document.querySelector('[data-draft-done]');
  if (sent) try { localStorage.removeItem('draft.' + sent.dataset.draftDone); } catch (e) { /* private mode */ }

  // Say which files were chosen.
  document.addEventListener('change', function (event) {
    var box = event.target.closest('.upload');
    if (!box || !event.target.files) return;
    var names = Array.prototype.map.call(event.target.files, function (file) { return file.name; });
    var label = box.querySelector('span');
    box.dataset.empty = box.dataset.empty || label.textContent;
    label.textContent = names.length ? names.join('、') : box.dataset.empty;
    if (names.length) box.dataset.chosen = ''; else delete box.dataset.chosen;
  });
})();
