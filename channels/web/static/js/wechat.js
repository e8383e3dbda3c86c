/* Inside WeChat: the phone's position and pictures by the platform's own script, and the consent to be told (wx-open-subscribe).
   Each part appears only after the platform has agreed to this page; without it everything works as in any browser. */
(function () {
  'use strict';
  var wx = window.wx;
  if (!wx || !wx.config) return;

  function ask(method, address, body, done) {
    var request = new XMLHttpRequest();   // old Android WeChat has no fetch
    request.open(method, address);
    request.setRequestHeader('Accept', 'application/json');
    request.onload = function () {
      var answer = null;
      try { answer = JSON.parse(request.responseText); } catch (e) { /* a page instead: handled as a failure */ }
      done(request.status === 200 ? answer : null, answer && answer.error ? answer.error.message : '');
    };
    request.onerror = function () { done(null, ''); };
    if (body) request.setRequestHeader('Content-Type', 'application/x-www-form-urlencoded');
    request.send(body);
  }

  ask('GET', '/my/jssdk?at=' + encodeURIComponent(location.pathname + location.search), null, function (signed) {
    if (!signed) return;
    signed.jsApiList = ['getLocation', 'chooseImage', 'uploadImage'];
    signed.openTagList = ['wx-open-subscribe'];
    var refused = false;   // `ready` is called after a refusal too
    wx.error(function () { refused = true; });
    wx.ready(function () { if (!refused) { place(); photos(); consent(); } });
    wx.config(signed);
  });

  function place() {
    var locate = function (found, failed) {
      wx.getLocation({type: 'wgs84', success: found, fail: failed, cancel: failed});
    };
    document.dispatchEvent(new CustomEvent('place:ready', {detail: locate}));
  }

  // Pictures go one after the other: iPhones lose them otherwise.
  function photos() {
    var box = document.querySelector('[data-wechat-photos]'), list = document.querySelector('[data-kept-files]');
    if (!box || !list) return;
    var button = box.querySelector('button'), said = box.querySelector('[role="status"]'), form = box.closest('form');
    var most = +list.dataset.keptMost;
    box.hidden = false;
    button.addEventListener('click', function () {
      var left = most - list.querySelectorAll('input:checked').length;
      if (left < 1) { say('full', most); return; }
      wx.chooseImage({count: Math.min(left, 9), sizeType: ['compressed'], sourceType: ['album', 'camera'], success: function (chosen) {
        send(chosen.localIds || [], 0, 0, '');
      }});
    });
    function say(key, number) { said.textContent = box.dataset[key].replace('{n}', String(number)); }
    function send(ids, at, got, problem) {
      if (at === ids.length) {
        button.disabled = false;
        if (problem) said.textContent = problem;
        else say(got === ids.length ? 'done' : 'failed', got);
        return;
      }
      button.disabled = true;
      say('wait', at + 1);
      var next = function (kept, words) {
        if (kept) add(kept);
        send(ids, at + 1, got + (kept ? 1 : 0), words || problem);
      };
      wx.uploadImage({localId: ids[at], isShowProgressTips: 0, success: function (given) {
        var body = 'csrf=' + encodeURIComponent(form.elements.csrf.value) + '&media=' + encodeURIComponent(given.serverId);
        ask('POST', '/my/photo', body, next);
      }, fail: function () { next(null, ''); }});
    }
    function add(kept) {
      var label = document.createElement('label'), tick = document.createElement('input');
      label.className = 'choice';
      tick.type = 'checkbox';
      tick.name = 'kept';
      tick.value = kept.kept;
      tick.checked = true;
      label.appendChild(tick);
      label.appendChild(document.createTextNode(box.dataset.name.replace('{n}', String(list.querySelectorAll('input').length + 1))));
      list.appendChild(label);
      list.hidden = false;
    }
  }

  // The tag is drawn by WeChat, apart from the page's style; here it is put in its place, and what came of the tap is said.
  // The platform tells the server on its own.
  function consent() {
    var look = getComputedStyle(document.documentElement), ours = function (name) { return look.getPropertyValue(name).trim(); };
    var rule = '.consent { width: 100%; min-height: 48px; border: 0; border-radius: ' + ours('--radius-s') + '; font: 17px ' + ours('--font') +
      '; color: ' + ours('--on-brand') + '; background: ' + ours('--brand') + '; }';
    function slot(name, inner) {
      var part = document.createElement('script');
      part.type = 'text/wxtag-template';
      if (name) part.setAttribute('slot', name);
      part.textContent = inner.outerHTML;
      return part;
    }
    Array.prototype.forEach.call(document.querySelectorAll('[data-consent]'), function (box, number) {
      var tag = document.createElement('wx-open-subscribe'), said = box.querySelector('[role="status"]');
      var style = document.createElement('style'), button = document.createElement('button');
      style.textContent = rule;
      button.className = 'consent';
      button.textContent = box.dataset.button;
      tag.id = 'consent-' + (number + 1);
      tag.setAttribute('template', box.dataset.consent);
      tag.appendChild(slot('style', style));
      tag.appendChild(slot('', button));
      box.insertBefore(tag, said);
      box.hidden = false;
      tag.addEventListener('success', function (event) {
        var details = String(event.detail && event.detail.subscribeDetails || '');
        said.textContent = details.indexOf('accept') >= 0 ? box.dataset.done : box.dataset.declined;
      });
      tag.addEventListener('error', function () { said.textContent = box.dataset.failed; });
    });
  }
})();
