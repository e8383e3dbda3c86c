"""The platform's own encoding, written from its documentation and not with wechatpy, so that the two check each other."""

from __future__ import annotations

import base64
import hashlib
import secrets
import struct
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


class MessageCipher:
    """AES-256-CBC, PKCS#7 to 32 bytes; plain text = 16 random bytes + length + message + AppID."""

    def __init__(self, encoding_aes_key: str, app_id: str) -> None:
        self._key, self._app_id = base64.b64decode(encoding_aes_key + "="), app_id.encode()

    def _cipher(self) -> Cipher[modes.CBC]:
        return Cipher(algorithms.AES(self._key), modes.CBC(self._key[:16]))

    def encrypt(self, text: str) -> str:
        raw = text.encode()
        raw = secrets.token_bytes(16) + struct.pack("!I", len(raw)) + raw + self._app_id
        pad = 32 - len(raw) % 32
        encryptor = self._cipher().encryptor()
        return base64.b64encode(encryptor.update(raw + bytes([pad]) * pad) + encryptor.finalize()).decode()

    def decrypt(self, text: str) -> str:
        decryptor = self._cipher().decryptor()
        raw = decryptor.update(base64.b64decode(text)) + decryptor.finalize()
        raw = raw[16 : -raw[-1]]
        size = struct.unpack("!I", raw[:4])[0]
        if raw[4 + size :] != self._app_id:
            raise ValueError("AppID differs")
        return raw[4 : 4 + size].decode()


def new_aes_key() -> str:
    """A random EncodingAESKey of 43 characters."""
    return base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")


def sign(*parts: str) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()  # noqa: S324 - the platform's choice


def to_xml(value: Any, tag: str = "xml") -> str:
    if isinstance(value, Mapping):
        return f"<{tag}>" + "".join(to_xml(inner, key) for key, inner in value.items()) + f"</{tag}>"
    if isinstance(value, list):
        return "".join(to_xml(inner, tag) for inner in value)
    if isinstance(value, int):
        return f"<{tag}>{value}</{tag}>"
    return f"<{tag}><![CDATA[{str(value).replace(']]>', ']]]]><![CDATA[>')}]]></{tag}>"


def from_xml(text: str) -> dict[str, Any]:
    """Raises ValueError or ParseError when it is not the platform's kind of XML."""

    def read(node: ElementTree.Element) -> Any:
        return {child.tag: read(child) for child in node} if len(node) else (node.text or "")

    root = ElementTree.fromstring(text)  # noqa: S314 - our own server's answer
    if root.tag != "xml":
        raise ValueError("root element is not xml")
    result = read(root)
    return result if isinstance(result, dict) else {}
