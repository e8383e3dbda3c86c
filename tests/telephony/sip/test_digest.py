"""The examples of the standards: RFC 7616 section 3.9.1, and RFC 2069 without qop (with its known hashes)."""

from __future__ import annotations

import hashlib

import pytest

from telephony.sip import digest
from telephony.sip.digest import Credentials, authorization
from telephony.sip.message import Response

LOGIN = Credentials("Mufasa", "Circle of Life")
NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
OURS = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def challenge(*values: str, status: int = 401) -> Response:
    return Response({"www-authenticate" if status == 401 else "proxy-authenticate": list(values)}, status=status)


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_standards_example(monkeypatch: pytest.MonkeyPatch, algorithm: str, expected: str) -> None:
    monkeypatch.setattr(digest.secrets, "token_hex", lambda _length: OURS)
    value = f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, nonce="{NONCE}", opaque="FQhe/qa"'
    header = authorization(challenge(value), "GET", "/dir/index.html", LOGIN)
    assert header is not None
    assert header[0] == "Authorization"
    assert f'response="{expected}"' in header[1]
    assert 'opaque="FQhe/qa"' in header[1]


def test_without_qop() -> None:
    header = authorization(challenge('Digest realm="r", nonce="n"', status=407), "INVITE", "sip:a@b", Credentials("u", "p"))
    assert header is not None
    assert header[0] == "Proxy-Authorization"

    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    assert f'response="{md5(md5("u:r:p") + ":n:" + md5("INVITE:sip:a@b"))}"' in header[1]


def test_the_stronger_of_two_challenges_is_answered() -> None:
    header = authorization(
        challenge('Digest realm="r", nonce="n"', 'Digest realm="r", nonce="n", algorithm=SHA-256'), "INVITE", "sip:a", LOGIN
    )
    assert header is not None
    assert "algorithm=SHA-256" in header[1]


def test_what_cannot_be_answered() -> None:
    for value in ("Basic realm=x", "Digest nonce=1", 'Digest realm="r", nonce="n", algorithm=AKAv1-MD5', ""):
        assert authorization(challenge(value), "INVITE", "sip:a", LOGIN) is None


def test_a_password_is_never_printed() -> None:
    assert "Circle" not in repr(LOGIN)
