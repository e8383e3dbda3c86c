"""Speaks with Rasa over HTTP on loopback. Every failure is one error, `RasaDown`; the caller then answers without it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import UUID

import aiohttp

from hotline import logs

LOG = logs.get(__name__)
PAUSE_S = 5.0
"""After a failure Rasa is left alone this long, so that not every citizen waits for its timeout."""
MOST_AT_ONCE = 6
"""Turns in flight from one process; one more is answered without Rasa at once instead of waiting in a queue that only
grows (measured: about 8 turns a second, docs/bot.md)."""
WARM_UP_S = 60.0
FORM = "complaint_form"
_DIGITS = re.compile(r"\d")


class RasaDown(Exception):
    """Rasa did not answer in time, or not as agreed."""


class RasaBusy(RasaDown):
    """Rasa was not even asked: it rests after a failure, or has enough to do."""


def derive(secret: str, purpose: str) -> str:
    """A key for one purpose, from the secret key: the same in every process, useless for anything else."""
    return hmac.new(secret.encode(), f"chatbot/{purpose}".encode(), hashlib.sha256).hexdigest()


def turn_token(secret: str, conversation_id: UUID, message_id: int) -> str:
    """Proof that this turn was begun by us: Rasa's webhook has no log-in, so nobody else may start one."""
    proof = hmac.new(derive(secret, "turn").encode(), f"{conversation_id}/{message_id}".encode(), hashlib.sha256).hexdigest()
    return f"{message_id}.{proof}"


def read_turn_token(secret: str, conversation_id: UUID, token: str) -> int | None:
    """The message id of a genuine token, else None."""
    number, _dot, _proof = token.partition(".")
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        return None
    genuine = turn_token(secret, conversation_id, int(number))
    return int(number) if hmac.compare_digest(genuine.encode(), token.encode()) else None


class RasaClient:
    """A client of one Rasa server. Use it as an async context manager, or call `close`."""

    def __init__(self, url: str, secret: str, *, timeout_s: float) -> None:
        """`url` without slash at the end; `timeout_s` bounds one whole turn."""
        self._url = url
        self._secret = secret
        self._token = derive(secret, "rasa-api")
        self._channel_key = {"Authorization": f"Bearer {derive(secret, 'rasa-channel')}"}
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None
        self._rest_until = 0.0
        self._in_flight = 0

    async def __aenter__(self) -> RasaClient:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def turn(self, conversation_id: UUID, message_id: int, text: str, *, align_form: bool | None) -> None:
        """Let Rasa decide one turn; its action call writes the answer into our database before this returns.

        Args:
            align_form: when not None, first set Rasa's memory of the conversation back, with the form open or not.

        Raises RasaDown; its kind RasaBusy at once while Rasa is left alone after a failure or has enough to do.
        """
        loop = asyncio.get_running_loop()
        if loop.time() < self._rest_until:
            raise RasaBusy("left alone after a failure")
        if self._in_flight >= MOST_AT_ONCE:
            raise RasaBusy("too many turns at once")
        self._in_flight += 1
        try:
            async with asyncio.timeout(self._timeout_s):
                if align_form is not None:
                    await self._align(conversation_id, align_form)
                body = {
                    "sender": str(conversation_id),
                    "message": _DIGITS.sub("0", text)[:1000],  # Rasa keeps what it hears: numbers are none of its business
                    "metadata": {"turn": turn_token(self._secret, conversation_id, message_id)},
                }
                await self._post("/webhooks/rest/webhook", body, headers=self._channel_key)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            self._rest_until = loop.time() + PAUSE_S
            LOG.warning("rasa.down", error=type(error).__name__)
            raise RasaDown(str(error) or type(error).__name__) from error
        finally:
            self._in_flight -= 1

    async def ready(self) -> bool:
        """Whether Rasa answers and has a model loaded."""
        try:
            async with asyncio.timeout(2.0):
                async with self._http().get(f"{self._url}/status", params={"token": self._token}) as response:
                    return response.status == 200 and bool((await response.json()).get("model_file"))
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
            return False

    async def load(self, model: Path) -> None:
        """Let Rasa take another model; conversations go on, since they lie in the tracker store. Raises RasaDown."""
        try:
            async with asyncio.timeout(WARM_UP_S):
                async with self._http().put(
                    f"{self._url}/model", json={"model_file": str(model)}, params={"token": self._token}
                ) as response:
                    if response.status != 204:
                        raise ValueError(f"Rasa answered {response.status}")
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise RasaDown(str(error) or type(error).__name__) from error

    async def warm_up(self) -> None:
        """Let Rasa understand and decide once, keeping nothing: its first time takes seconds. Raises RasaDown."""
        text = "身份证怎么办"
        heard = {"event": "user", "text": text, "parse_data": {"text": text, "intent": {"name": "ask_guide", "confidence": 0.9}}}
        try:
            async with asyncio.timeout(WARM_UP_S):
                await self._post("/model/parse", {"text": text})
                await self._post("/model/predict", [{"event": "action", "name": "action_listen"}, heard])
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise RasaDown(str(error) or type(error).__name__) from error

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _align(self, conversation_id: UUID, form_open: bool) -> None:
        events: list[dict[str, Any]] = [{"event": "restart"}, {"event": "action", "name": "action_listen"}]
        if form_open:
            events = [
                {"event": "restart"},
                {"event": "action", "name": "action_listen"},
                {"event": "action", "name": FORM},
                {"event": "active_loop", "name": FORM},
                {"event": "slot", "name": "requested_slot", "value": "complaint_open"},
                {"event": "action", "name": "action_listen"},
            ]
        await self._post(f"/conversations/{conversation_id}/tracker/events", events)

    async def _post(self, path: str, body: object, *, headers: dict[str, str] | None = None) -> None:
        async with self._http().post(f"{self._url}{path}", json=body, params={"token": self._token}, headers=headers) as response:
            if response.status != 200:
                raise ValueError(f"Rasa answered {response.status}")
            answer = await response.json()
            if not isinstance(answer, list | dict):
                raise ValueError("Rasa answered something else than JSON objects")

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(trust_env=False)
        return self._session
