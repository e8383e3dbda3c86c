/* One call from the portal to the hotline. Messages: docs/browser-phone.md. Floor: Chromium 86. */
(function () {
  'use strict';
  var box = document.getElementById('webcall');
  if (!box) return;
  var el = function (name) { return document.getElementById('webcall-' + name); };
  var socket = null, peer = null, stream = null;
  function show(state) {
    box.dataset.state = state;
    el('state').textContent = box.getAttribute('data-text-' + state);
    var on = state === 'connecting' || state === 'talking';
    el('on').hidden = on; el('off').hidden = !on; el('keys').hidden = state !== 'talking';
  }
  function end(state) {
    var old = socket; socket = null;
    if (old) old.close();
    if (peer) peer.close();
    if (stream) stream.getTracks().forEach(function (track) { track.stop(); });   // the microphone is not kept open
    peer = stream = null; el('sound').srcObject = null;
    show(state);
  }
  function say(message) { if (socket && socket.readyState === 1) socket.send(JSON.stringify(message)); }
  function hear(message) {
    if (message.type === 'answer' && peer) peer.setRemoteDescription({ type: 'answer', sdp: message.sdp }).catch(function () { end('failed'); });
    else if (message.type === 'state') { if (message.state === 'talking') show('talking'); else end(message.state); }
  }
  function offer() {
    var mine = peer = new RTCPeerConnection({ iceServers: [] });
    mine.ontrack = function (event) { el('sound').srcObject = event.streams[0] || new MediaStream([event.track]); };
    mine.addTrack(stream.getAudioTracks()[0], stream);
    return mine.createOffer().then(function (found) { return mine.setLocalDescription(found); }).then(function () {
      return new Promise(function (done) {
        if (mine.iceGatheringState === 'complete') { done(); return; }
        mine.addEventListener('icegatheringstatechange', function () { if (mine.iceGatheringState === 'complete') done(); });
      });
    }).then(function () { return mine.localDescription.sdp; });
  }
  function start() {
    if (!navigator.mediaDevices) { show('insecure'); return; }
    show('connecting');
    navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true } }).then(function (found) {
      stream = found;
      return fetch('/call/pass', { method: 'POST', credentials: 'same-origin', headers: { 'X-CSRF-Token': box.dataset.csrf } });
    }, function () { throw new Error('denied'); }).then(function (answer) {
      if (answer.status === 429) throw new Error('busy');
      if (!answer.ok) throw new Error('failed');
      return answer.json();
    }).then(function (body) {
      return offer().then(function (sdp) {
        var mine = socket = new WebSocket(box.dataset.url);
        mine.onopen = function () { say({ type: 'hello', phone_pass: body.pass }); say({ type: 'call', sdp: sdp }); };
        mine.onmessage = function (event) { if (mine === socket) hear(JSON.parse(event.data)); };
        mine.onclose = function () { if (mine === socket) end(box.dataset.state === 'talking' ? 'ended' : 'failed'); };
      });
    }).catch(function (error) { end(/^(denied|busy)$/.test(error.message) ? error.message : 'failed'); });
  }
  el('on').addEventListener('click', start);
  el('off').addEventListener('click', function () { say({ type: 'hangup' }); end('ended'); });
  el('keys').addEventListener('click', function (event) { var key = event.target.closest('[data-digit]'); if (key) say({ type: 'digit', digit: key.dataset.digit }); });
  window.addEventListener('pagehide', function () { if (socket) end('ended'); });
  show('off');
})();
