"""SIP messages: reading what the network sends, strictly where it matters and kindly where devices differ; writing ours.

Reading accepts any case of header names, compact forms, folded lines, several values in one line and bare LF line ends.
Bytes that are no UTF-8 are refused in the start line and in what names the call (Via, From, To, Call-ID, CSeq);
they are replaced elsewhere, and in display names.
What breaks the grammar raises `Malformed` with the status to answer and, when there is enough to answer to, the message.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from telephony.sip.headers import NameAddress, Via, parse_address, parse_uri, parse_via, split_list

Address = tuple[str, int]

LONGEST_MESSAGE = 32768
MOST_HEADERS = 256
LONGEST_HEADER = 8192
VERSION = "SIP/2.0"

SERVED = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "UPDATE", "PRACK", "REFER", "NOTIFY")
KNOWN = frozenset({*SERVED, "REGISTER", "SUBSCRIBE", "MESSAGE", "PUBLISH"})
"""Methods of the standards: those that we do not serve get 405, anything else 501."""

_COMPACT = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}
_LISTS = frozenset(
    {
        *("via", "route", "record-route", "contact", "require", "supported", "allow", "accept", "proxy-require"),
        *("p-asserted-identity", "diversion"),
    }
)
_SINGLE = ("from", "to", "call-id", "cseq", "content-length", "content-type", "max-forwards")
_NEEDED = ("via", "from", "to", "call-id", "cseq")
_CSEQ = re.compile(r"(\d{1,10})\s+([^\s]+)$")
_NAME = re.compile(r"[A-Za-z0-9.!%*_+`'~-]+$")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_FOREIGN = re.compile(r"[\ud800-\udfff]")
"""What `surrogateescape` makes of bytes that are no UTF-8."""

REASONS = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    422: "Session Interval Too Small",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    603: "Decline",
}


class Malformed(Exception):
    """The message breaks the grammar. `message` is what could be read, None when there is nothing to answer to."""

    def __init__(self, status: int, reason: str, message: Request | None = None) -> None:
        """`reason` is ours, it never quotes the message."""
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.message = message


@dataclass
class Message:
    """What requests and responses share. Header names are in lower case, lists are split."""

    headers: dict[str, list[str]]
    body: bytes = b""
    source: Address = ("", 0)
    """Where the datagram came from."""
    via: Via | None = None
    from_: NameAddress | None = None
    to: NameAddress | None = None
    cseq: int = 0
    cseq_method: str = ""

    def get(self, name: str) -> str | None:
        """The first value of a header (name in lower case)."""
        values = self.headers.get(name)
        return values[0] if values else None

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return self.headers.get(name, [])

    def supports(self, extension: str) -> bool:
        """Whether the sender understands an extension, for example 100rel or timer."""
        return any(extension == name.lower() for name in (*self.all("supported"), *self.all("require")))

    def requires(self, extension: str) -> bool:
        """Whether the sender insists on it."""
        return any(extension == name.lower() for name in self.all("require"))

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        return self.get("call-id") or ""

    @property
    def branch(self) -> str:
        """The transaction's name, given by whoever sent the request."""
        return self.via.branch if self.via else ""

    @property
    def from_tag(self) -> str:
        """Tag of the one who opened the dialog."""
        return self.from_.tag if self.from_ else ""

    @property
    def to_tag(self) -> str:
        """Tag of the other one, empty outside of a dialog."""
        return self.to.tag if self.to else ""


@dataclass
class Request(Message):
    """INVITE, ACK, BYE and so on."""

    method: str = ""
    uri: str = ""


@dataclass
class Response(Message):
    """180, 200, 486 and so on."""

    status: int = 0
    reason: str = ""


@dataclass
class _Draft:
    """What was read of a message so far."""

    start: list[str]
    headers: dict[str, list[str]] = field(default_factory=dict)
    body: bytes = b""
    complete: bool = True


def is_keep_alive(data: bytes) -> bool:
    """Line ends or zero bytes that keep a NAT open: no message."""
    return not data.strip(b"\r\n\0")


def parse(data: bytes, source: Address) -> Request | Response:
    """Read one datagram; raises `Malformed`."""
    if len(data) > LONGEST_MESSAGE:
        raise Malformed(513, "Message Too Large")
    draft = _split(data)
    message: Request | Response
    if draft.start[0].upper() == VERSION:
        if not re.match(r"[1-6]\d\d$", draft.start[1]):
            raise Malformed(400, "Bad Status-Line")
        message = Response(draft.headers, draft.body, source, status=int(draft.start[1]), reason=_readable(draft.start[2]))
    else:
        message = Request(draft.headers, draft.body, source, method=draft.start[0], uri=draft.start[1])
    try:
        _check(message, draft)
    except ValueError as error:
        raise _malformed(message, 400, str(error)) from None
    return message


def _malformed(message: Request | Response, status: int, reason: str) -> Malformed:
    """Only a request that says where it came from and which call it means can be answered."""
    answerable = isinstance(message, Request) and message.via is not None and message.call_id and message.method != "ACK"
    return Malformed(status, reason, message if answerable and isinstance(message, Request) else None)


def _split(data: bytes) -> _Draft:
    head, body, complete = _cut(data.lstrip(b"\r\n"))
    lines = re.sub(r"\r?\n[ \t]+", " ", head.decode("utf-8", "surrogateescape")).split("\n")
    lines = [line.rstrip("\r") for line in lines]
    start = lines[0].split(" ", 2)
    if len(start) == 2 and start[0].upper() == VERSION:
        start.append("")  # a status line without words
    if len(start) < 3:
        raise Malformed(400, "Bad Start-Line")
    if len(lines) > MOST_HEADERS:
        raise Malformed(400, "Too Many Headers")
    draft = _Draft(start, body=body, complete=complete)
    for line in lines[1:]:
        _read_header(line, draft.headers)
    return draft


def _cut(data: bytes) -> tuple[bytes, bytes, bool]:
    match = re.search(rb"\r?\n\r?\n", data)
    return (data[: match.start()], data[match.end() :], True) if match else (data, b"", False)


def _read_header(line: str, headers: dict[str, list[str]]) -> None:
    name, colon, value = line.partition(":")
    name = name.strip().lower()
    if not colon or not _NAME.match(name) or len(line) > LONGEST_HEADER:
        headers.setdefault("", []).append("bad header line")
        return
    name = _COMPACT.get(name, name)
    value = value.strip()
    if name not in _NEEDED:
        value = _readable(value)
    if _CONTROL.search(value):
        headers.setdefault("", []).append("control character in a header")
        return
    try:
        values = split_list(value) if name in _LISTS else [value]
    except ValueError:
        values = [value]
    headers.setdefault(name, []).extend(values)


def _readable(text: str) -> str:
    """`text` with U+FFFD for bytes that were no UTF-8: for what is only read, never sent back."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _check(message: Request | Response, draft: _Draft) -> None:
    """Fill the typed fields and hold the message to the rules; raises ValueError, or `Malformed` for another status."""
    if message.all("via"):
        message.via = parse_via(message.all("via")[0])
    missing = [name for name in _NEEDED if not message.get(name)]
    if missing:
        raise ValueError(f"Missing {missing[0]}")
    if draft.headers.pop("", None):
        raise ValueError("Bad Header")
    # what names a call must be storable and sent back as it came; until here its bytes are kept, for the answer
    naming = (*draft.start[:2], *(value for name in ("via", "call-id", "cseq") for value in message.all(name)))
    if any(_FOREIGN.search(text) for text in naming) or _CONTROL.search("".join(draft.start)):
        raise ValueError("Not UTF-8 Text")
    for name in _SINGLE:
        if len(message.all(name)) > 1:
            raise ValueError(f"Multiple {name}")
    match = _CSEQ.match(message.get("cseq") or "")
    if not match or int(match[1]) >= 2**31:
        raise ValueError("Bad CSeq")
    message.cseq, message.cseq_method = int(match[1]), match[2]
    if isinstance(message, Request):
        _check_request(message, draft.start[2])
    message.from_ = _party(message.get("from") or "")
    message.to = _party(message.get("to") or "")
    for name in ("contact", "route", "record-route"):
        for value in message.all(name):
            if value != "*":
                parse_address(value)
    if not draft.complete:
        raise ValueError("No End Of Headers")
    message.body = _exact_body(message)


def _party(value: str) -> NameAddress:
    """From or To. Telephone systems here send display names in GBK: no reason to refuse a caller, everything else is."""
    address = parse_address(value)
    if any(_FOREIGN.search(text or "") for text in (address.uri, *address.parameters, *address.parameters.values())):
        raise ValueError("Not UTF-8 Text")
    return replace(address, name=_readable(address.name))


def _check_request(request: Request, version: str) -> None:
    if version != VERSION:
        if re.match(r"SIP/\d+\.\d+$", version, re.IGNORECASE):
            raise _malformed(request, 505, REASONS[505])
        raise ValueError("Bad Request-Line")
    if request.cseq_method != request.method:
        raise ValueError("CSeq Method Mismatch")
    if not _NAME.match(request.method):
        raise ValueError("Bad Method")
    if parse_uri(request.uri).scheme not in ("sip", "sips", "tel"):
        raise _malformed(request, 416, REASONS[416])
    hops = request.get("max-forwards")
    if hops is not None and not (hops.isdigit() and int(hops) <= 255):
        raise ValueError("Bad Max-Forwards")


def _exact_body(message: Message) -> bytes:
    length = message.get("content-length")
    if length is None:
        return message.body
    if not re.match(r"\d{1,6}$", length) or int(length) > len(message.body):
        raise ValueError("Bad Content-Length")
    return message.body[: int(length)]


def render(start: str, headers: Iterable[tuple[str, str]], body: bytes = b"") -> bytes:
    """The datagram. Values must come from `parse` or from us: line ends in them raise ValueError (header injection)."""
    lines = [start]
    for name, value in headers:
        if "\r" in value or "\n" in value:
            raise ValueError(f"line end in {name}")
        lines.append(f"{name}: {value}")
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body
