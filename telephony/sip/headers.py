"""Values of SIP headers: lists, addresses, URIs, Via (RFC 3261 sections 20 and 25)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_TOKEN = r"[A-Za-z0-9.!%*_+`'~-]+"  # noqa: S105 - the grammar's word for a word
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*$")
_HOST_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>\d{1,5}))?$")
_VIA = re.compile(
    rf"SIP\s*/\s*2\.0\s*/\s*(?P<transport>{_TOKEN})\s+(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?:\s*:\s*(?P<port>\d{{1,5}}))?\s*(?P<rest>;.*)?$",
    re.IGNORECASE,
)


def split_list(value: str, separator: str = ",") -> list[str]:
    """Cut at separators that stand outside of quotes and angle brackets. Raises ValueError for an open quote."""
    pieces: list[str] = []
    piece: list[str] = []
    quoted = escaped = False
    depth = 0
    for character in value:
        if escaped:
            escaped = False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif not quoted and character in "<>":
            depth = max(0, depth + (1 if character == "<" else -1))
        elif character == separator and not quoted and depth == 0:
            pieces.append("".join(piece).strip())
            piece.clear()
            continue
        piece.append(character)
    if quoted:
        raise ValueError("a quote is not closed")
    pieces.append("".join(piece).strip())
    return pieces


def parameters(text: str) -> dict[str, str | None]:
    """`;a=1;b` as {"a": "1", "b": None}; names in lower case, quotes taken off."""
    found: dict[str, str | None] = {}
    for piece in split_list(text, ";"):
        if piece:
            name, equals, value = piece.partition("=")
            found[name.strip().lower()] = value.strip().strip('"') if equals else None
    return found


@dataclass(frozen=True)
class Uri:
    """sip:user@host:port;parameters, or tel:number (host is empty then)."""

    scheme: str
    user: str
    host: str
    port: int | None
    parameters: dict[str, str | None] = field(default_factory=dict)

    @property
    def loose(self) -> bool:
        """Whether it is a loose router (;lr), as every router since 2002."""
        return "lr" in self.parameters


def parse_uri(text: str) -> Uri:
    """Read a URI; raises ValueError."""
    scheme, colon, rest = text.partition(":")
    if not colon or not rest or not _SCHEME.match(scheme) or re.search(r"[\s<>\"]", text):
        raise ValueError("not a URI")
    if scheme.lower() not in ("sip", "sips"):
        return Uri(scheme.lower(), rest.partition(";")[0], "", None)
    user, at, place = rest.rpartition("@")  # the user part may hold nearly anything, question marks and semicolons too
    address, _, options = place.partition("?")[0].partition(";")
    match = _HOST_PORT.match(address)
    if not match or (at and not user):
        raise ValueError("not a SIP URI")
    port = int(match["port"]) if match["port"] else None
    if port is not None and not 0 < port < 65536:
        raise ValueError("the port is out of range")
    return Uri(scheme.lower(), user.partition(";")[0].partition(":")[0], match["host"], port, parameters(options))


@dataclass(frozen=True)
class NameAddress:
    """A name, a URI in angle brackets and parameters, as in From, To, Contact and Route."""

    name: str
    uri: str
    parameters: dict[str, str | None]

    @property
    def tag(self) -> str:
        """The dialog tag, empty when there is none."""
        return self.parameters.get("tag") or ""


def parse_address(value: str) -> NameAddress:
    """Read a From/To/Contact/Route value; raises ValueError."""
    pieces = split_list(value, ";")
    head = pieces[0]
    if "<" in head:
        match = re.match(r'\s*(?P<name>"(?:[^"\\]|\\.)*"|[^"<]*)\s*<(?P<uri>[^<>]*)>\s*$', head)
        if not match:
            raise ValueError("not an address")
        name, uri = match["name"].strip().strip('"'), match["uri"].strip()
    else:
        name, uri = "", head.strip()
    parse_uri(uri)
    return NameAddress(name, uri, parameters(";".join(pieces[1:])))


@dataclass(frozen=True)
class Via:
    """One hop that the message took."""

    transport: str
    host: str
    port: int | None
    branch: str
    parameters: dict[str, str | None]


def parse_via(value: str) -> Via:
    """Read one Via value; raises ValueError."""
    match = _VIA.match(value)
    if not match:
        raise ValueError("not a Via")
    options = parameters((match["rest"] or "")[1:])
    port = int(match["port"]) if match["port"] else None
    return Via(match["transport"].upper(), match["host"].lower(), port, options.get("branch") or "", options)
