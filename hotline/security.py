"""Passwords, encryption of personal data at rest, keyed hashes to find it again, and random codes."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

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


_KEY_ID_LENGTH = 8
_NONCE_BYTES = 12


def key_id(key: str) -> str:
    """Eight hex characters that name an encryption key without telling it; they stand in front of whatever it sealed."""
    return hashlib.sha256(f"hotline key id\0{key}".encode()).hexdigest()[:_KEY_ID_LENGTH]


class PersonVault:
    """Seals the private fields of one person with that person's own data key (AES-256-GCM).

    The data key lies beside the fields, wrapped by the master key (`Vault.for_person`). Destroying the wrapped key makes
    every field of the person unreadable, wherever a copy of it lies. The name of the field is bound into what is sealed,
    so that one field cannot be passed off as another.
    """

    def __init__(self, data_key: bytes) -> None:
        """`data_key`: 32 random bytes."""
        self._cipher = AESGCM(data_key)

    def seal(self, text: str, field: str) -> bytes:
        """Encrypt `text` as the value of `field` (name, phone …)."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text.encode(), field.encode())

    def open(self, sealed: bytes, field: str) -> str:
        """Decrypt; raises `InvalidToken` when it was sealed by another key or as another field."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], field.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise InvalidToken from error


class Vault:
    """The key ring of the service: encrypts personal data at rest and finds it by keyed hash.

    What one person owns is sealed by that person's data key (`new_person`, `for_person`), and only the data key by the
    ring's master key. What belongs to nobody in particular (a raw message that waits for its answer) is sealed directly:
    `seal`, `open`. Sealed bytes are ASCII, `key id . Fernet token` (AES-128-CBC with HMAC-SHA256), so that a job can
    find and re-seal what lies under an old key while the service runs (`hotline keys rotate`).

    Keyed hashes have keys of their own: the newest writes, all are looked for (`fingerprints`).
    """

    def __init__(self, keys: Sequence[str], lookup_key: str, old_lookup_keys: Sequence[str] = ()) -> None:
        """`keys` are Fernet keys, newest first; `lookup_key` is any secret text, `old_lookup_keys` what it was before."""
        self._ring = {key_id(key): Fernet(key) for key in keys}
        self.key_id = key_id(keys[0])
        """Names the key that seals from now on."""
        self._lookup_keys = [key.encode() for key in (lookup_key, *old_lookup_keys)]

    def seal(self, text: str) -> bytes:
        """Encrypt `text` with the newest key."""
        return self._seal(text.encode())

    def open(self, sealed: bytes) -> str:
        """Decrypt; raises `InvalidToken` when no key of the ring fits."""
        return self._open(sealed).decode()

    def is_current(self, sealed: bytes) -> bool:
        """Whether the newest key sealed it."""
        return sealed.startswith(f"{self.key_id}.".encode())

    def reseal(self, sealed: bytes) -> bytes:
        """The same content under the newest key; raises `InvalidToken` when no key of the ring fits."""
        return sealed if self.is_current(sealed) else self._seal(self._open(sealed))

    def new_person(self) -> tuple[PersonVault, bytes]:
        """A new data key: ready for use, and wrapped as it is stored (`citizen.data_key_sealed`)."""
        data_key = AESGCM.generate_key(256)
        return PersonVault(data_key), self._seal(data_key)

    def for_person(self, wrapped: bytes) -> PersonVault:
        """The data key behind `wrapped`; raises `InvalidToken` when no key of the ring fits."""
        return PersonVault(self._open(wrapped))

    def new_file_key(self) -> tuple[bytes, bytes]:
        """A key for one file (`hotline.sealed_file`): wrapped as it is stored, and itself."""
        key = AESGCM.generate_key(256)
        return self._seal(key), key

    def file_key(self, wrapped: bytes) -> bytes:
        """The key behind `wrapped`; raises `InvalidToken` when no key of the ring fits."""
        return self._open(wrapped)

    def fingerprint(self, text: str, purpose: str) -> str:
        """A keyed hash by which the same `text` is found again; `purpose` keeps phone and openid apart."""
        return self.fingerprints(text, purpose)[0]

    def fingerprints(self, text: str, purpose: str) -> list[str]:
        """The hash under every lookup key, newest first: rows that `hotline keys rehash` has not reached have an older one."""
        return [hmac.new(key, f"{purpose}\0{text}".encode(), hashlib.sha256).hexdigest() for key in self._lookup_keys]

    def _seal(self, content: bytes) -> bytes:
        return f"{self.key_id}.".encode() + self._ring[self.key_id].encrypt(content)

    def _open(self, sealed: bytes) -> bytes:
        name, _dot, token = sealed.partition(b".")
        cipher = self._ring.get(name.decode(errors="replace"))
        if cipher is None:
            raise InvalidToken
        return cipher.decrypt(token)


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
    "PersonVault",
    "Vault",
    "hash_password",
    "hash_query_code",
    "hash_token",
    "key_id",
    "new_query_code",
    "new_token",
    "verify_password",
]
