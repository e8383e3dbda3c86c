"""One browser as a leg: ICE, DTLS and SRTP by aiortc, G.711 payloads in and out.

aiortc's jitter buffer and decoder are bypassed: after one lost packet the buffer would hold 280 ms for the rest of the call
(measured, shared/webrtc.md 3). Nothing is ever renegotiated: hold, mute and transfer are the bridge's business, and a page that
was reloaded makes a new leg.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Literal

import aioice.ice
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.exceptions import OperationError
from aiortc.rtcrtpreceiver import RTCRtpReceiver

from hotline import logs
from telephony.media.codec import CODECS, Codec
from telephony.webrtc.candidates import vetted
from telephony.webrtc.track import G711Track

_log = logs.get(__name__)

State = Literal["new", "connecting", "connected", "silent", "closed"]
Reason = Literal["hangup", "replaced", "lost", "failed"]

_LAWS = {codec.static_payload_type: codec for codec in CODECS.values()}
_PREFERRED = ("audio/PCMA", "audio/PCMU")
_LOOK_S = 0.25


class NoCommonCodec(ValueError):
    """The page offers neither PCMA nor PCMU."""


def _check_sections(offer: str) -> None:
    """Raise ValueError unless the offer is for one sound and nothing else, before aiortc reads it.

    What else is offered (a picture, a second sound, a data channel) aiortc accepts, decodes, and piles up in queues without a limit
    that nobody here reads: a page could fill the memory of the gateway.
    """
    sections = [line for line in offer.splitlines() if line.startswith("m=")]  # as aiortc cuts it
    if len(sections) != 1 or not sections[0].startswith("m=audio "):
        raise ValueError("the page must offer one sound and nothing else")


def offer_only(addresses: tuple[str, ...]) -> None:
    """Offer exactly these addresses to pages; without any, every interface of the machine but loopback (aioice's own choice).

    aioice 0.13 has no setting for it, so its one function is replaced for the process.
    """
    if addresses:
        aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: list(addresses)


class BrowserLeg:
    """One WebRTC connection to one page: new, connecting, connected, silent and back, closed. Never used twice."""

    def __init__(
        self,
        on_audio: Callable[[bytes, Codec], None],
        on_state: Callable[[State], None] = lambda _state: None,
        *,
        stranger: bool = False,
        silent_after_s: float = 2.0,
        lost_after_s: float = 15.0,
    ) -> None:
        """`on_audio` gets each payload that arrives and its law; both callbacks run on the loop. `stranger`: see `candidates.vetted`.

        A page that sends nothing for `silent_after_s` is told so, after `lost_after_s` the leg closes as lost: aiortc itself notices
        a vanished page only after 33 s.
        """
        self.state: State = "new"
        self.reason: Reason | None = None
        """Why it closed."""
        self.received = 0
        """Packets with sound so far."""
        self.codec: Codec = CODECS["PCMA"]
        self._on_audio = on_audio
        self._on_state = on_state
        self._silent_after_s = silent_after_s
        self._lost_after_s = lost_after_s
        self._stranger = stranger
        self._heard_at = 0.0
        self._track = G711Track()
        self._watch: asyncio.Task[None] | None = None
        # No server for ICE: the default is a public one on the internet, and one that does not answer costs five seconds.
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))

    async def answer(self, offer: str) -> str:
        """Answer the page's SDP offer. Raises NoCommonCodec, or ValueError when it is no offer of one sound."""
        try:
            _check_sections(offer)
            offer = vetted(offer, stranger=self._stranger)
        except ValueError:
            await self.close("failed")
            raise
        transceiver = self._peer.addTransceiver(self._track, "sendrecv")
        capabilities = RTCRtpReceiver.getCapabilities("audio")
        known = {codec.mimeType: codec for codec in capabilities.codecs} if capabilities else {}
        # The preference counts only before the offer is read: aiortc chooses the codecs in setRemoteDescription.
        transceiver.setCodecPreferences([known[name] for name in _PREFERRED if name in known])
        try:
            await self._peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        except OperationError as error:  # "Failed to set remote audio description send parameters": no codec is left
            await self.close("failed")
            raise NoCommonCodec("the page offers neither PCMA nor PCMU") from error
        except Exception as error:  # aiortc's parser raises whatever it stumbles over (IndexError, KeyError, AssertionError …)
            await self.close("failed")
            raise ValueError("the page's offer cannot be read") from error
        chosen = transceiver._codecs
        if not chosen or chosen[0].payloadType not in _LAWS:
            await self.close("failed")
            raise NoCommonCodec("the page offers neither PCMA nor PCMU")
        self.codec = _LAWS[chosen[0].payloadType]
        receiver: Any = transceiver.receiver
        receiver._handle_rtp_packet = self._receive
        self._peer.on("connectionstatechange", self._connection_changed)
        await self._peer.setLocalDescription(await self._peer.createAnswer())
        self._set("connecting")
        self._watch = asyncio.get_running_loop().create_task(self._look(), name="browser-leg-watch")
        return str(self._peer.localDescription.sdp)

    def send(self, payload: bytes) -> None:
        """Let the page hear this, in `codec`'s law. Before it is connected only the last 200 ms are kept."""
        if self.state != "closed":
            self._track.push(payload)

    async def close(self, reason: Reason = "hangup") -> None:
        """End it; twice is harmless."""
        if self.state == "closed":
            return
        self.reason = reason
        self._set("closed")
        if self._watch is not None and self._watch is not asyncio.current_task():
            self._watch.cancel()
        self._track.stop()
        await self._peer.close()

    async def _receive(self, packet: Any, arrival_time_ms: int) -> None:
        self._heard_at = time.monotonic()
        codec = _LAWS.get(packet.payload_type)
        if codec is not None and self.state in ("connected", "silent"):
            self.received += 1
            self._on_audio(packet.payload, codec)

    async def _connection_changed(self) -> None:
        state = self._peer.connectionState
        if state == "connected":
            self._heard_at = time.monotonic()
            self._set("connected")
        elif state == "closed":
            await self.close("hangup")
        elif state == "failed":
            await self.close("failed")

    async def _look(self) -> None:
        """The missing sound tells at once what ICE would tell half a minute later."""
        began = time.monotonic()
        while self.state != "closed":
            await asyncio.sleep(_LOOK_S)
            quiet_s = time.monotonic() - (self._heard_at or began)
            if quiet_s > self._lost_after_s:
                _log.warning("webrtc.leg.lost", quiet_s=round(quiet_s, 1))
                await self.close("lost")
            elif self.state in ("connected", "silent"):
                self._set("silent" if quiet_s > self._silent_after_s else "connected")

    def _set(self, state: State) -> None:
        if state != self.state and self.state != "closed":
            self.state = state
            self._on_state(state)
