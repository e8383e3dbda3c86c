"""SDP offer and answer for one audio stream (RFC 3264, RFC 4566): G.711 and key presses, the directions, hold."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field

from telephony.media.codec import CODECS, PCMA, PCMU, Codec
from telephony.media.digits import EVENT_PAYLOAD_TYPE
from telephony.media.session import MediaPlan
from telephony.sip.message import Message

CONTENT_TYPE = "application/sdp"
_LONGEST = 8192
_DIRECTIONS = frozenset({"sendrecv", "sendonly", "recvonly", "inactive"})
_DIRECTION = {(True, True): "sendrecv", (True, False): "sendonly", (False, True): "recvonly", (False, False): "inactive"}
"""By whether we send and whether we receive."""
_RTPMAP = re.compile(r"(\d{1,3})\s+([A-Za-z0-9-]+)/(\d+)(?:/1)?$")
_STATIC = {"0": ("pcmu", 8000), "8": ("pcma", 8000)}


class NotAcceptable(Exception):
    """Nothing in the description fits (SIP 488)."""


def find_body(content_type: str, body: bytes) -> bytes | None:
    """The session description in a message's body, also out of multipart/mixed (carriers add ISUP); None: no such thing."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == CONTENT_TYPE:
        return body
    boundary = re.search(r';\s*boundary\s*=\s*(?:"([^"]{1,70})"|([^\s;"]{1,70}))', content_type, re.IGNORECASE)
    if not kind.startswith("multipart/") or not boundary:
        return None
    mark = b"--" + (boundary[1] or boundary[2]).encode("utf-8", "replace")
    for part in body.split(mark)[1:]:
        head, _, content = part.partition(b"\r\n\r\n")
        if re.search(rb"^content-type\s*:\s*application/sdp\s*(;|$)", head, re.IGNORECASE | re.MULTILINE):
            return content.removesuffix(b"\r\n")
    return None


def body_of(message: Message) -> bytes:
    """The session description that a message carries, empty when there is none (which `parse` then refuses)."""
    return find_body(message.get("content-type") or "", message.body) or b""


@dataclass
class MediaLine:
    """One m= line with what belongs to it."""

    kind: str
    port: int
    protocol: str
    formats: list[str]
    host: str | None = None
    direction: str | None = None
    names: dict[str, tuple[str, int]] = field(default_factory=dict)

    @property
    def usable(self) -> bool:
        """Whether it is audio over plain RTP and not switched off."""
        return self.kind == "audio" and self.protocol == "RTP/AVP" and self.port > 0


@dataclass
class Description:
    """A whole SDP body."""

    host: str | None = None
    direction: str = "sendrecv"
    media: list[MediaLine] = field(default_factory=list)


def parse(body: bytes) -> Description:
    """Read a body; raises `NotAcceptable` when it is not SDP. Unknown lines are skipped, as SDP wants it."""
    text = body.decode("utf-8", "replace").replace("\r\n", "\n")
    if len(body) > _LONGEST or not text.startswith("v=0"):
        raise NotAcceptable("no session description")
    description = Description()
    for line in text.split("\n"):
        kind, equals, value = line.partition("=")
        if equals:
            _read_line(kind, value.strip(), description)
    return description


def _read_line(kind: str, value: str, description: Description) -> None:
    media = description.media[-1] if description.media else None
    if kind == "m":
        description.media.append(_read_media(value))
    elif kind == "c":
        host = _read_connection(value)
        if media is None:
            description.host = host
        else:
            media.host = host
    elif kind == "a" and value in _DIRECTIONS:
        if media is None:
            description.direction = value
        else:
            media.direction = value
    elif kind == "a" and media is not None and value.startswith("rtpmap:"):
        match = _RTPMAP.match(value.removeprefix("rtpmap:"))
        if match:
            media.names[match[1]] = (match[2].lower(), int(match[3]))


def _read_media(value: str) -> MediaLine:
    words = value.split()
    port = words[1].partition("/")[0] if len(words) > 3 else ""
    if not port.isdigit() or int(port) > 65535:
        raise NotAcceptable("bad media line")
    return MediaLine(words[0], int(port), words[2], words[3:])


def _read_connection(value: str) -> str | None:
    words = value.split()
    if len(words) != 3 or words[:2] != ["IN", "IP4"]:
        return None
    host = words[2].partition("/")[0]
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        return None  # a name would need DNS, which an offer must not make us ask
    return None if address.is_multicast else host


@dataclass(frozen=True)
class Agreement:
    """What both sides use, and our words for it."""

    plan: MediaPlan
    line: int
    """Which of the other side's m= lines."""
    direction: str
    """Ours: sendrecv, sendonly, recvonly or inactive."""
    described: Description
    held: bool
    """Whether the other side has put us on hold."""


def agree(description: Description, *, prefer: Codec | None = None, ours: str = "sendrecv") -> Agreement:
    """Choose from an offer, or read an answer; raises `NotAcceptable`. The offer's order decides unless `prefer` is in it.

    `ours`: the direction that we want (sendonly while we hold the other side); the agreement is what both want.
    """
    for number, media in enumerate(description.media):
        host = media.host or description.host
        if not media.usable or host is None:
            continue
        choices = [(fmt, codec) for fmt in media.formats if (codec := _codec(fmt, media)) is not None]
        if not choices:
            continue
        fmt, codec = next((choice for choice in choices if choice[1] is prefer), choices[0])
        silent = host == "0.0.0.0"  # noqa: S104 - the old way to say hold (RFC 2543)
        theirs = "inactive" if silent else media.direction or description.direction
        listens, speaks = theirs in ("sendrecv", "recvonly"), theirs in ("sendrecv", "sendonly")
        plan = MediaPlan(
            codec,
            int(fmt),
            _event_type(media),
            (host, media.port),
            may_send=listens and ours in ("sendrecv", "sendonly"),
            will_receive=speaks and ours in ("sendrecv", "recvonly"),
        )
        return Agreement(plan, number, _DIRECTION[plan.may_send, plan.will_receive], description, not listens)
    raise NotAcceptable("no audio that we can use")


def _codec(fmt: str, media: MediaLine) -> Codec | None:
    name, rate = media.names.get(fmt) or _STATIC.get(fmt) or ("", 0)
    return CODECS.get(name.upper()) if rate == 8000 and fmt.isdigit() and int(fmt) < 128 else None


def _event_type(media: MediaLine) -> int | None:
    for fmt in media.formats:
        if media.names.get(fmt) == ("telephone-event", 8000) and fmt.isdigit() and int(fmt) < 128:
            return int(fmt)
    return None


@dataclass
class LocalDescription:
    """Our side of a session; counts its versions."""

    host: str
    port: int
    session: int
    """Any number, the same for the whole call."""
    version: int = 0
    _last: list[str] = field(default_factory=list)

    def offer(self, codecs: tuple[Codec, ...] = (PCMA, PCMU), direction: str = "sendrecv") -> bytes:
        """Our offer: these codecs in this order, and key presses."""
        formats = [(codec.static_payload_type, codec.name) for codec in codecs]
        return self._render([_audio(self.port, formats, EVENT_PAYLOAD_TYPE, direction)])

    def answer(self, agreement: Agreement) -> bytes:
        """Our answer: one codec; every other stream of the offer is refused with port 0, in its place."""
        plan = agreement.plan
        blocks: list[list[str]] = []
        for number, media in enumerate(agreement.described.media):
            if number == agreement.line:
                blocks.append(_audio(self.port, [(plan.payload_type, plan.codec.name)], plan.event_type, agreement.direction))
            else:
                blocks.append([f"m={media.kind} 0 {media.protocol} {' '.join(media.formats)}"])
        return self._render(blocks)

    def _render(self, blocks: list[list[str]]) -> bytes:
        """The version counts up when something has changed, and only then (RFC 3264 8)."""
        lines = [line for block in blocks for line in block]
        if lines != self._last:
            self.version += 1
            self._last = lines
        head = [
            "v=0",
            f"o=hotline {self.session} {self.version} IN IP4 {self.host}",
            "s=-",
            f"c=IN IP4 {self.host}",
            "t=0 0",
        ]
        return "\r\n".join([*head, *lines, ""]).encode()


def _audio(port: int, formats: list[tuple[int, str]], event_type: int | None, direction: str) -> list[str]:
    numbers = [str(number) for number, _ in formats]
    lines = [f"a=rtpmap:{number} {name}/8000" for number, name in formats]
    if event_type is not None:
        numbers.append(str(event_type))
        lines += [f"a=rtpmap:{event_type} telephone-event/8000", f"a=fmtp:{event_type} 0-15"]
    return [f"m=audio {port} RTP/AVP {' '.join(numbers)}", *lines, "a=ptime:20", f"a={direction}"]
