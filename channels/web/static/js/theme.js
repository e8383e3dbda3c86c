/* In the head of the citizens' pages, so that nothing flashes: dark where the system is dark, unless the person has chosen. */
(function () {
  'use strict';
  var chosen = null;
  try { chosen = localStorage.getItem('ui.theme'); } catch (e) { /* private mode */ }
  var wanted = new URLSearchParams(location.search).get('theme');
  if (wanted === null && chosen === null && window.matchMedia && matchMedia('(prefers-color-scheme: dark)').matches) {
    document.documentElement.dataset.theme = 'dark';
  }
})();
