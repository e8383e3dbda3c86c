"""Sound between a SIP leg and a page's leg: passed on as it comes, both ways. The page and the bridge have buffers, here is none."""

from __future__ import annotations

import asyncio

from telephony.leg import FRAME_BYTES, Leg
from telephony.media.codec import Codec
from telephony.webrtc.leg import BrowserLeg


class Wire:
    """Carries sound both ways between one SIP leg and whatever page is connected just now."""

    def __init__(self, leg: Leg) -> None:
        """Silent until `join`. Made on the loop."""
        self._loop = asyncio.get_running_loop()
        self._leg = leg
        self._browser: BrowserLeg | None = None
        self._partial = b""

    def join(self, browser: BrowserLeg) -> None:
        """From now on both hear each other; a page that was there before hears nothing any more."""
        self._browser = browser
        self._leg.relay(self._on_media_thread)

    def cut(self) -> None:
        """Nobody hears anybody."""
        self._browser = None
        self._leg.relay(None)

    def heard(self, payload: bytes, codec: Codec) -> None:
        """Sound of the page, cut into the frames of the line. Nobody hears a page before it is joined, or one that was cut off."""
        if self._browser is None:
            return
        sound = self._partial + codec.decode(payload)
        whole = len(sound) // FRAME_BYTES * FRAME_BYTES
        self._partial = sound[whole:]
        for start in range(0, whole, FRAME_BYTES):
            self._leg.forward(sound[start : start + FRAME_BYTES])

    def _on_media_thread(self, pcm16: bytes) -> None:
        self._loop.call_soon_threadsafe(self._to_page, pcm16)

    def _to_page(self, pcm16: bytes) -> None:
        if self._browser is not None:
            self._browser.send(self._browser.codec.encode(pcm16))
