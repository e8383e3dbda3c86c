/* A worker: solves the riddles of channels/portal/flood.py, so that the page stays quick. Gets {token, bits, pieces}, answers the proof.
   SHA-256 by ourselves: the browser's own is slow for many small texts, and missing where the page is not secure. */
(function () {
'use strict';
var K = new Int32Array(64), H = [];
(function () {   // the first 32 bits of the fractional parts of roots of primes (FIPS 180-4)
  function part(x) { return ((x - Math.floor(x)) * 4294967296) | 0; }
  for (var n = 2, count = 0; count < 64; n++) {
    var prime = true;
    for (var d = 2; d * d <= n; d++) if (n % d === 0) { prime = false; break; }
    if (!prime) continue;
    if (H.length < 8) H.push(part(Math.sqrt(n)));
    K[count++] = part(Math.cbrt(n));
  }
})();
var W = new Int32Array(64), S = new Int32Array(8);
function block(words, at) {
  var i, a = S[0], b = S[1], c = S[2], d = S[3], e = S[4], f = S[5], g = S[6], h = S[7], x, y, t, u;
  for (i = 0; i < 16; i++) W[i] = words[at + i];
  for (; i < 64; i++) {
    x = W[i - 15]; y = W[i - 2];
    W[i] = (W[i - 16] + ((x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3) + W[i - 7] + ((y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10)) | 0;
  }
  for (i = 0; i < 64; i++) {
    t = (h + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7)) + (e & f ^ ~e & g) + K[i] + W[i]) | 0;
    u = (((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10)) + (a & b ^ a & c ^ b & c)) | 0;
    h = g; g = f; f = e; e = (d + t) | 0; d = c; c = b; b = a; a = (t + u) | 0;
  }
  S[0] += a; S[1] += b; S[2] += c; S[3] += d; S[4] += e; S[5] += f; S[6] += g; S[7] += h;
}
function first(text) {   // the first 32 bits of SHA-256 of an ASCII text
  var size = text.length, words = new Int32Array(((size + 8 >> 6) + 1) * 16), i;
  for (i = 0; i < size; i++) words[i >> 2] |= text.charCodeAt(i) << 24 - (i & 3) * 8;
  words[size >> 2] |= 0x80 << 24 - (size & 3) * 8;
  words[words.length - 1] = size * 8;
  for (i = 0; i < 8; i++) S[i] = H[i];
  for (i = 0; i < words.length; i += 16) block(words, i);
  return S[0];
}
self.onmessage = function (event) {
  var asked = event.data, found = [];
  for (var number = 0; number < asked.pieces; number++) {
    var start = asked.token + ':' + number + ':', nonce = 0;
    while (first(start + nonce) >>> 32 - asked.bits !== 0) nonce++;
    found.push(nonce);
  }
  self.postMessage(found.join('.'));
};
})();
