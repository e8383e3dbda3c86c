"""Log-in by digest (RFC 3261 section 22, RFC 8760): the answer to a 401 or 407."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from telephony.sip.message import Response

_PAIR = re.compile(r'([A-Za-z0-9_-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^,\s]+)')
_HASHES: dict[str, Callable[[bytes], str]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
}


@dataclass(frozen=True)
class Credentials:
    """A log-in at the trunk."""

    user: str
    password: str

    def __repr__(self) -> str:
        """Never shows the password."""
        return f"Credentials({self.user!r})"


def authorization(response: Response, method: str, uri: str, login: Credentials) -> tuple[str, str] | None:
    """Name and value of the header that answers the strongest challenge; None when there is none that we can answer."""
    name, answer = ("www-authenticate", "Authorization") if response.status == 401 else ("proxy-authenticate", "Proxy-Authorization")
    challenges = [_read(value) for value in response.all(name)]
    for algorithm in ("SHA-256", "MD5"):
        for challenge in challenges:
            if challenge and challenge.get("algorithm", "MD5").upper() == algorithm:
                return answer, _answer(challenge, algorithm, method, uri, login)
    return None


def _read(value: str) -> dict[str, str] | None:
    scheme, _, rest = value.partition(" ")
    found = {name.lower(): text.strip('"') for name, text in _PAIR.findall(rest)}
    return found if scheme.lower() == "digest" and "realm" in found and "nonce" in found else None


def _answer(challenge: dict[str, str], algorithm: str, method: str, uri: str, login: Credentials) -> str:
    digest = _HASHES[algorithm]
    realm, nonce = challenge["realm"], challenge["nonce"]
    secret = digest(f"{login.user}:{realm}:{login.password}".encode())
    what = digest(f"{method}:{uri}".encode())
    parts = [f'username="{login.user}"', f'realm="{realm}"', f'nonce="{nonce}"', f'uri="{uri}"', f"algorithm={algorithm}"]
    if "auth" in [choice.strip() for choice in challenge.get("qop", "").split(",")]:
        ours = secrets.token_hex(8)
        result = digest(f"{secret}:{nonce}:00000001:{ours}:auth:{what}".encode())
        parts += ["qop=auth", "nc=00000001", f'cnonce="{ours}"']
    else:
        result = digest(f"{secret}:{nonce}:{what}".encode())
    parts.append(f'response="{result}"')
    if "opaque" in challenge:
        parts.append(f'opaque="{challenge["opaque"]}"')
    return "Digest " + ", ".join(parts)
