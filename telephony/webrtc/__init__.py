"""Agents' telephones in the browser: a gateway that is a SIP phone towards the telephony process and WebRTC towards the page.

It runs as a process of its own (role `webrtc`), because any 50 ms in which its loop is busy are heard. The telephony process
knows nothing of browsers: it dials `sip:seat-7@gateway` as it would dial a desk phone. Here lives what turns that call into a
ring on a page and carries the sound: `leg` (one WebRTC connection), `track` and `live` (sound in flight), `seat` (one agent's page),
`gateway` (which call belongs to which seat), `server` and `process`. Not here: who is rung and when (telephony.queue), hold, transfer
and conference (telephony.bridge), the page itself (channels.console). Facts and traps: docs/browser-phone.md, decision 0157.
"""
