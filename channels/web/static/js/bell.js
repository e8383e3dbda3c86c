/* Somebody new waits: two soft notes of our own making; while the own telephone rings the tab's title blinks. Floor: Chromium 86.
   The ringing itself is the telephone's (phone.js, or the desk telephone). A browser plays nothing before the first key or click. */
(function () {
  'use strict';
  var audio = null;
  function wake() {
    if (!audio && window.AudioContext) audio = new AudioContext();
    if (audio && audio.state === 'suspended') audio.resume();
  }
  ['keydown', 'pointerdown'].forEach(function (name) { document.addEventListener(name, wake, { passive: true }); });
  function note(hertz, at) {
    var tone = audio.createOscillator(), volume = audio.createGain(), start = audio.currentTime + at;
    tone.frequency.value = hertz;
    volume.gain.setValueAtTime(0, start);
    volume.gain.linearRampToValueAtTime(0.08, start + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.001, start + 0.35);
    tone.connect(volume); volume.connect(audio.destination);
    tone.start(start); tone.stop(start + 0.36);
  }
  document.addEventListener('ui:bell', function () {
    document.documentElement.dataset.rung = String(1 + Number(document.documentElement.dataset.rung || 0));
    if (!audio || audio.state !== 'running') return;
    note(660, 0); note(880, 0.18);
  });
  var mark = '☎ ';
  setInterval(function () {
    var ringing = document.querySelector('[data-ring="1"]'), marked = document.title.indexOf(mark) === 0;
    if (ringing && !marked) document.title = mark + document.title;
    else if (marked) document.title = document.title.slice(mark.length);
  }, 800);
})();
