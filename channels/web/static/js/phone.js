/* The agent's telephone. Signalling: one WebSocket to the gateway; sound: one WebRTC connection per call. Floor: Chromium 86.
   Messages: docs/browser-phone.md. The microphone is opened once and kept for the shift: permission is asked once. */
(function () {
  'use strict';
  var box = document.getElementById('phone');
  if (!box) return;
  var el = function (name) { return document.getElementById('phone-' + name); };
  var text = function (name) { return box.getAttribute('data-text-' + name) || ''; };
  var socket = null, peer = null, stream = null, audio = null, call = '', ringing = null, since = 0, tries = 0, wanted = false, here = true;

  // What is shown.
  var SHOWN = { off: ['on'], connecting: ['out'], again: ['out'], idle: ['out'], desk: ['out'], replaced: ['on'], ringing: ['answer', 'refuse'],
                answering: ['hangup'], talking: ['mute', 'hangup', 'keys'], silent: ['mute', 'hangup', 'keys'] };
  function show(state) {
    box.dataset.state = state;
    el('state').textContent = text(state);
    ['on', 'answer', 'refuse', 'mute', 'hangup', 'out', 'keys'].forEach(function (name) { el(name).hidden = SHOWN[state].indexOf(name) < 0; });
    el('call').hidden = !call;
    document.title = (state === 'ringing' ? '☎ ' : '') + document.title.replace(/^☎ /, '');
    if (state !== 'ringing') quiet();
    tell();
  }
  // The desk in the other window shows this telephone's state and has its keys (callbar.js).
  var desk = window.BroadcastChannel ? new BroadcastChannel('hotline-phone') : null;
  function tell() { if (desk) desk.postMessage({ type: 'state', state: box.dataset.state, muted: el('mute').getAttribute('aria-pressed') === 'true' }); }
  if (desk) {
    desk.onmessage = function (event) {
      var what = event.data && event.data.what;
      if (event.data.type === 'ask') tell();
      else if ((what === 'answer' || what === 'mute') && !el(what).hidden) el(what).click();
      else if (what === 'digit' && /^[0-9*#]$/.test(event.data.digit)) say({ type: 'digit', call: call, digit: event.data.digit });
    };
    window.addEventListener('pagehide', function () { desk.postMessage({ type: 'state', state: 'gone', muted: false }); });
  }
  function note(name) { el('note').textContent = name ? text(name) : ''; el('note').hidden = !name; }

  // Sound of our own: the ring, and the test tone. It needs a click first: that is the button.
  function beep(seconds, hertz) {
    if (!audio) return;
    var tone = audio.createOscillator(), volume = audio.createGain();
    tone.frequency.value = hertz; volume.gain.value = 0.15;
    tone.connect(volume); volume.connect(audio.destination);
    tone.start(); tone.stop(audio.currentTime + seconds);
  }
  function ring() { quiet(); beep(0.8, 450); ringing = setInterval(function () { beep(0.8, 450); }, 3000); }
  function quiet() { if (ringing) clearInterval(ringing); ringing = null; }

  // The microphone.
  var REASONS = { NotAllowedError: 'denied', NotFoundError: 'missing', OverconstrainedError: 'missing', NotReadableError: 'taken' };
  function microphone(device) {
    if (!navigator.mediaDevices) return Promise.reject({ name: 'insecure' });
    var wish = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
    if (device) wish.deviceId = { exact: device };
    return navigator.mediaDevices.getUserMedia({ audio: wish }).then(function (found) {
      if (stream) stream.getTracks().forEach(function (track) { track.stop(); });
      stream = found;
      meter(found);
      var sender = peer && peer.getSenders()[0];
      if (sender) sender.replaceTrack(found.getAudioTracks()[0]);
      return devices();
    });
  }
  function devices() {
    return navigator.mediaDevices.enumerateDevices().then(function (all) {
      var list = el('mic'), now = stream.getAudioTracks()[0].getSettings().deviceId;
      list.textContent = ''; list.disabled = false;
      all.filter(function (one) { return one.kind === 'audioinput'; }).forEach(function (one) {
        var option = document.createElement('option');
        option.value = one.deviceId; option.textContent = one.label || one.deviceId; option.selected = one.deviceId === now;
        list.appendChild(option);
      });
    });
  }
  function meter(source) {
    var analyser = audio.createAnalyser(), samples = new Uint8Array(256);
    analyser.fftSize = 256;
    audio.createMediaStreamSource(source).connect(analyser);
    clearInterval(meter.timer);
    meter.timer = setInterval(function () {
      analyser.getByteTimeDomainData(samples);
      el('level').value = Math.min(100, Math.max.apply(null, Array.prototype.map.call(samples, function (v) { return Math.abs(v - 128); })) * 2);
    }, 100);
  }

  // The connection to the gateway.
  function connect() {
    show(tries ? 'again' : 'connecting');
    fetch('/console/phone/pass', { method: 'POST', credentials: 'same-origin', headers: { 'X-CSRF-Token': box.dataset.csrf } })
      .then(function (answer) {
        if (answer.redirected || answer.status === 401 || answer.status === 403) { location.reload(); throw new Error('logged out'); }
        return answer.json();
      })
      .then(function (body) {
        var mine = socket = new WebSocket(box.dataset.url);
        mine.onopen = function () { say({ type: 'hello', phone_pass: body.pass }); };
        mine.onmessage = function (event) { if (mine === socket) hear(JSON.parse(event.data)); };
        mine.onclose = function () { if (mine === socket) lost(); };
      })
      .catch(function () { if (wanted) lost(); });
  }
  function lost() {
    socket = null;
    if (!wanted) return;
    tries += 1;
    if (!call) show('again');          // a call goes on: its sound has a way of its own
    setTimeout(function () { if (wanted && !socket) connect(); }, Math.min(10000, 500 * Math.pow(2, Math.min(tries, 5))) * (0.7 + 0.6 * Math.random()));
  }
  function say(message) { if (socket && socket.readyState === 1) socket.send(JSON.stringify(message)); }
  function rest() { call = ''; hangPeer(); note(''); show(here ? 'idle' : 'desk'); }

  function hear(message) {
    if (message.type === 'welcome') {
      tries = 0;
      if (message.call) { call = message.call; if (!peer || peer.connectionState !== 'connected') accept(); } else if (call) rest();
    } else if (message.type === 'ready') {
      here = message.here;
      if (!call) show(here ? 'idle' : 'desk');
    } else if (message.type === 'ring') {
      call = message.call; since = 0;
      el('caller').textContent = message.caller || text('unknown'); el('time').textContent = '';
      show('ringing'); ring();
      if (window.Notification && Notification.permission === 'granted' && document.hidden) new Notification(text('ringing'), { tag: 'phone' });
    } else if (message.type === 'answer' && message.call === call && peer) {
      peer.setRemoteDescription({ type: 'answer', sdp: message.sdp }).catch(function () { note('failed'); });
    } else if (message.type === 'state' && message.call === call) {
      if (message.state === 'ended') rest();
      else { if (!since) since = Date.now(); note(message.state === 'silent' ? 'silent' : ''); show(message.state); }
    } else if (message.type === 'replaced') {
      wanted = false; call = ''; hangPeer(); show('replaced');
    } else if (message.type === 'error' && call) {
      note('failed'); say({ type: 'refuse', call: call });
    }
  }

  // A call.
  function accept() {
    show('answering'); hangPeer();
    var mine = peer = new RTCPeerConnection({ iceServers: [] });
    mine.ontrack = function (event) { el('sound').srcObject = event.streams[0] || new MediaStream([event.track]); };
    mine.onconnectionstatechange = function () { if (mine === peer && call && mine.connectionState === 'failed') accept(); };
    mine.addTrack(stream.getAudioTracks()[0], stream);
    mine.createOffer().then(function (offer) { return mine.setLocalDescription(offer); }).then(function () { return gathered(mine); })
      .then(function () { say({ type: 'accept', call: call, sdp: mine.localDescription.sdp }); }, function () { note('failed'); say({ type: 'refuse', call: call }); });
  }
  function gathered(mine) {
    return new Promise(function (done) {
      if (mine.iceGatheringState === 'complete') { done(); return; }
      mine.addEventListener('icegatheringstatechange', function () { if (mine.iceGatheringState === 'complete') done(); });
    });
  }
  function hangPeer() {
    if (peer) { peer.onconnectionstatechange = null; peer.close(); }
    peer = null; el('sound').srcObject = null;
    if (stream) stream.getAudioTracks()[0].enabled = true;
    el('mute').setAttribute('aria-pressed', 'false');
  }

  // The buttons.
  el('on').addEventListener('click', function () {
    audio = audio || new AudioContext(); audio.resume();
    note('');
    microphone('').then(function () {
      el('tone').disabled = false; wanted = true; tries = 0;
      try { sessionStorage.setItem('phone.on', '1'); } catch (e) { /* private mode: after a reload one more click */ }
      if (window.Notification && Notification.permission === 'default') Notification.requestPermission();
      connect();
    }, function (error) { note(REASONS[error.name] || (error.name === 'insecure' ? 'insecure' : 'missing')); show('off'); });
  });
  el('out').addEventListener('click', function () {
    wanted = false;
    try { sessionStorage.removeItem('phone.on'); } catch (e) { /* private mode */ }
    if (socket) socket.close();
    socket = null; rest(); show('off');
  });
  el('answer').addEventListener('click', accept);
  el('refuse').addEventListener('click', function () { say({ type: 'refuse', call: call }); });
  el('hangup').addEventListener('click', function () { say({ type: 'hangup', call: call }); });
  el('mute').addEventListener('click', function () {
    if (Date.now() - since < 700) return;          // the key that answered, pressed twice
    var track = stream.getAudioTracks()[0];
    track.enabled = !track.enabled;
    el('mute').setAttribute('aria-pressed', String(!track.enabled));
    tell();
  });
  el('keys').addEventListener('click', function (event) {
    var key = event.target.closest('[data-digit]');
    if (key) say({ type: 'digit', call: call, digit: key.dataset.digit });
  });
  el('tone').addEventListener('click', function () { beep(1, 440); });
  el('mic').addEventListener('change', function () { microphone(el('mic').value).catch(function () { note('missing'); }); });
  if (navigator.mediaDevices) navigator.mediaDevices.addEventListener('devicechange', function () {
    if (stream && stream.getAudioTracks()[0].readyState === 'ended') microphone('').catch(function () { note('missing'); });
    else if (stream) devices();
  });
  setInterval(function () {
    if (!since || !call) return;
    var s = Math.floor((Date.now() - since) / 1000);
    el('time').textContent = String(Math.floor(s / 60)).padStart(2, '0') + ':' + String(s % 60).padStart(2, '0');
  }, 500);
  window.addEventListener('beforeunload', function (event) { if (call && box.dataset.state === 'talking') { event.preventDefault(); event.returnValue = ''; } });

  show('off');
  // After a reload in the middle of a shift the page goes on by itself: the permission stands, and the call waits 20 s.
  try { if (sessionStorage.getItem('phone.on')) el('on').click(); } catch (e) { /* private mode */ }
})();
