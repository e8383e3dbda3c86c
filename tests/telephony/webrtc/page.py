"""An agent's page without a browser: aiortc as the other side of the gateway's leg."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcrtpreceiver import RTCRtpReceiver

from telephony.media.codec import CODECS
from telephony.webrtc.track import G711Track
from tests.telephony.sounds import best_stretch

FRAME = 320
LAWS = {0: CODECS["PCMU"], 8: CODECS["PCMA"]}


class Page:
    """Speaks a sound in a loop, keeps what it hears, with the moment of each packet."""

    def __init__(self, sound: bytes, *, law: str = "PCMA") -> None:
        """`sound`: PCM16 at 8 kHz, a whole number of frames."""
        self.heard = bytearray()
        self.talking = True
        self._codec = CODECS[law]
        self._frames = [sound[start : start + FRAME] for start in range(0, len(sound), FRAME)]
        self._track = G711Track()
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._speaking: asyncio.Task[None] | None = None

    async def offer(self) -> str:
        """What the page sends with `accept`."""
        transceiver = self._peer.addTransceiver(self._track, "sendrecv")
        capabilities = RTCRtpReceiver.getCapabilities("audio")
        assert capabilities is not None
        name = f"audio/{self._codec.name}"
        transceiver.setCodecPreferences([codec for codec in capabilities.codecs if codec.mimeType == name])
        await self._peer.setLocalDescription(await self._peer.createOffer())
        receiver: Any = transceiver.receiver
        receiver._handle_rtp_packet = self._receive
        return str(self._peer.localDescription.sdp)

    async def connect(self, answer: str) -> None:
        """Read the gateway's answer and begin to speak."""
        await self._peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        self._speaking = asyncio.create_task(self._speak())

    async def close(self) -> None:
        """The tab is closed."""
        if self._speaking:
            self._speaking.cancel()
        await self._peer.close()

    async def _receive(self, packet: Any, arrival_time_ms: int) -> None:
        self.heard += LAWS[packet.payload_type].decode(packet.payload)

    async def _speak(self) -> None:
        loop = asyncio.get_running_loop()
        due, number = loop.time(), 0
        while True:
            if self.talking:
                self._track.push(self._codec.encode(self._frames[number % len(self._frames)]))
            number, due = number + 1, due + 0.02
            await asyncio.sleep(max(0.0, due - loop.time()))


async def hears(heard: bytearray, hertz: float, least_db: float, *, tries: int = 12) -> None:
    """Wait for a second of this tone that is so clean. Measured once a second: measuring more often would itself tear the sound."""
    best = -math.inf
    for _second in range(tries):
        begin = len(heard)
        await until(lambda begin=begin: len(heard) >= begin + 16000, 30)  # type: ignore[misc]
        best = max(best, best_stretch(bytes(heard[begin:]), hertz))
        if best > least_db:
            return
    raise AssertionError(f"the best stretch of the {hertz} Hz tone has {best:.1f} dB, wanted {least_db}")


async def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Wait for a condition, not for a time."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.02)
