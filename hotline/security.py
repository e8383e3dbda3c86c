"""Passwords, encryption of personal data at rest, keyed hashes to find it again, and random codes."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

_hasher = PasswordHasher()  # argon2id with the library's defaults (RFC 9106 low-memory profile)
_CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


def hash_password(password: str) -> str:
    """An argon2id hash to store."""
    return _hasher.hash(password)


def verify_password(stored: str, password: str) -> bool:
    """Whether `password` is the one behind `stored`. Takes the same time for a missing account's dummy hash."""
    try:
        return _hasher.verify(stored, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


DUMMY_PASSWORD_HASH = hash_password(secrets.token_urlsafe(16))
"""Verified against when the account does not exist, so that timing does not tell."""


class Vault:
    """Encrypts personal fields and finds them by keyed hash.

    Fernet (AES-128-CBC with HMAC-SHA256). The first key encrypts, all keys decrypt, so keys can be changed while
    running. The hash key is separate, since a lookup hash must stay the same when an encryption key changes.
    """

    def __init__(self, keys: Sequence[str], lookup_key: str) -> None:
        """`keys` are Fernet keys, newest first; `lookup_key` is any secret text."""
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        self._lookup_key = lookup_key.encode()

    def seal(self, text: str) -> bytes:
        """Encrypt `text`."""
        return self._fernet.encrypt(text.encode())

    def open(self, sealed: bytes) -> str:
        """Decrypt; raises `InvalidToken` when none of the keys fits."""
        return self._fernet.decrypt(sealed).decode()

    def fingerprint(self, text: str, purpose: str) -> str:
        """A keyed hash by which the same `text` is found again; `purpose` keeps phone and openid apart."""
        return hmac.new(self._lookup_key, f"{purpose}\0{text}".encode(), hashlib.sha256).hexdigest()


def new_query_code() -> str:
    """Eight characters that a person can read aloud: no 0 O 1 I L. About 39 bits."""
    return "".join(secrets.choice(_CODE_ALPHABET) for _ in range(8))


def hash_query_code(code: str, secret: str) -> str:
    """What is stored of a query code. Case and blanks do not matter."""
    return hmac.new(secret.encode(), "".join(code.split()).upper().encode(), hashlib.sha256).hexdigest()


def new_token() -> str:
    """A random token of 256 bits for sessions and links."""
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """What is stored of a token. It has full entropy, so a plain hash suffices. Never raises."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


__all__ = [
    "DUMMY_PASSWORD_HASH",
    "InvalidToken",
    "Vault",
    "hash_password",
    "hash_query_code",
    "hash_token",
    "new_query_code",
    "new_token",
    "verify_password",
]
