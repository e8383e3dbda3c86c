"""Sound between a SIP leg and a page's leg."""

from __future__ import annotations

from telephony.leg import FRAME_BYTES, Leg
from telephony.media.codec import Codec
from telephony.webrtc.leg import BrowserLeg
from telephony.webrtc.live import LiveSource


class Wire:
    """Carries sound both ways between one SIP leg and whatever page is connected just now."""

    def __init__(self, leg: Leg) -> None:
        """Silent until `join`."""
        self._leg = leg
        self._browser: BrowserLeg | None = None
        self._live = LiveSource()
        self._partial = b""

    def join(self, browser: BrowserLeg) -> None:
        """From now on both hear each other; a page that was there before hears nothing any more."""
        self._browser = browser
        self._leg.feed(self._live.take)
        self._leg.listen(self._to_page)

    def cut(self) -> None:
        """Nobody hears anybody."""
        self._browser = None
        self._leg.feed(None)
        self._leg.listen(None)

    def heard(self, payload: bytes, codec: Codec) -> None:
        """Sound of the page, cut into the frames of the line."""
        sound = self._partial + codec.decode(payload)
        whole = len(sound) // FRAME_BYTES * FRAME_BYTES
        self._partial = sound[whole:]
        for start in range(0, whole, FRAME_BYTES):
            self._live.push(sound[start : start + FRAME_BYTES])

    def _to_page(self, pcm16: bytes) -> None:
        if self._browser is not None:
            self._browser.send(self._browser.codec.encode(pcm16))
