"""Opening what the platform pushes and closing what we reply: plain mode and safe mode (AES)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import xmltodict
from pydantic import SecretStr
from wechatpy.crypto import PrpCrypto, WeChatCrypto

from channels.wechat.incoming import Incoming, UnreadableMessage, read
from channels.wechat.replies import render
from channels.wechat.signature import Signed, matches
from hotline.settings import Settings


class Forged(Exception):
    """The push is not from the platform, or not in the mode that we demand."""


@dataclass(frozen=True)
class Push:
    """One authentic push."""

    xml: str
    """The message in clear, as the platform wrote it."""
    message: Incoming
    crypto: WeChatCrypto | None
    """The key it was encrypted with, with which the reply must be encrypted too; None in plain mode."""
    timestamp: str
    nonce: str

    def reply(self, text: str) -> str:
        """The passive reply's XML, encrypted if the push was."""
        xml = render(self.message, text, self.timestamp)
        return xml if self.crypto is None else str(self.crypto.encrypt_message(xml, self.nonce, self.timestamp))


class Envelope:
    """Knows the account's token and keys."""

    def __init__(self, token: str, app_id: str, aes_keys: tuple[str, ...] = (), *, require_encryption: bool = False) -> None:
        """`aes_keys`: the EncodingAESKey, then the previous one, which the platform uses for a while after a change."""
        self._token, self._app_id = token, app_id
        self._cryptos = [WeChatCrypto(token, key, app_id) for key in aes_keys]
        self._require_encryption = require_encryption

    @classmethod
    def of(cls, settings: Settings) -> Envelope:
        """The envelope of the account in the settings."""
        keys: tuple[SecretStr, ...] = (settings.wechat_aes_key, settings.wechat_aes_key_previous)
        return cls(
            settings.wechat_token.get_secret_value(),
            settings.wechat_app_id,
            tuple(key.get_secret_value() for key in keys if key.get_secret_value()),
            require_encryption=settings.wechat_require_encryption,
        )

    def is_signed(self, signed: Signed) -> bool:
        """Whether the address line carries the platform's signature."""
        return matches(signed.signature, self._token, signed.timestamp, signed.nonce)

    def open(self, query: Mapping[str, str], body: bytes) -> Push:
        """The message inside `body`; raises `Forged`, or `UnreadableMessage` when it cannot be parsed."""
        timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
        try:
            text = body.decode()
        except UnicodeDecodeError:
            raise UnreadableMessage("not UTF-8") from None
        crypto: WeChatCrypto | None = None
        if query.get("encrypt_type", "raw") == "aes":
            text, crypto = self._decrypt(query, text)
        elif self._require_encryption:
            raise Forged("plain mode is switched off: nothing signs the body there")
        return Push(text, read(text), crypto, timestamp, nonce)

    def _decrypt(self, query: Mapping[str, str], text: str) -> tuple[str, WeChatCrypto]:
        try:
            sealed = xmltodict.parse(text)["xml"]["Encrypt"]
        except Exception as error:  # noqa: BLE001 - the parser raises six kinds of exceptions on bad input
            raise UnreadableMessage(type(error).__name__) from None
        if not isinstance(sealed, str):
            raise UnreadableMessage("no ciphertext")
        # checked here and not by wechatpy, which compares with != and not in constant time
        if not matches(query.get("msg_signature", ""), self._token, query.get("timestamp", ""), query.get("nonce", ""), sealed):
            raise Forged("msg_signature")
        for crypto in self._cryptos:
            try:
                return str(PrpCrypto(crypto.key).decrypt(sealed, self._app_id)), crypto
            except Exception:  # noqa: BLE001, S112 - a wrong key shows itself in any way; the next key is tried
                continue
        raise UnreadableMessage("none of the AES keys fits, or the AppID differs")
