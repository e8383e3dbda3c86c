"""An optional language model words an answer for the question that was asked (off by default; nothing needs it).

The search has found the article and the answer is stored before a model hears of it. The model gets the question without personal data
and the article, nothing else, and only the short answer at the head is reworded: the fields of the article below it stay as the unit wrote
them. What comes back is used only if it claims exactly what the short answer claims and nothing that the article does not say
(`chatbot.claims`). Whatever else happens (late, rude, huge, nonsense), the stored answer stands.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp

from chatbot.claims import claims
from hotline import logs
from hotline.settings import Settings
from knowledge.article.text import spoken_fault
from knowledge.search import words

LOG = logs.get(__name__)
PAUSE_S = 30.0
"""After a failure the model is left alone this long: citizens do not wait for it again and again."""
MOST_AT_ONCE = 4
MAX_ANSWER_BYTES = 64 * 1024
MAX_SOURCE = 6000
LEAST_SHARED = 0.4
"""So much of what the model says (pairs of characters) must stand in the article; else it talks of something else."""
_INSULT = re.compile(r"笨蛋|傻|蠢|白痴|滚|闭嘴|神经病|有病|废物|他妈|妈的|去死|懒得|活该|自己不会|少废话|烦死|不关我事|关我什么事")
_ASKS = """你是政务服务热线的助手。只根据“知识”里的内容，把“原答复”换成更贴合“市民的问题”的一两句口语，用“您”称呼。
不得增加、减少或改动任何数字、金额、时间、地点、电话、材料和条件；不要使用网址、字母、括号、符号和列表；知识里没有的不要说。只输出改写后的话。"""


@dataclass(frozen=True)
class Source:
    """What may be reworded, and out of what."""

    short: str
    """The short answer as the editors wrote it."""
    article: str
    """The whole article: the only source."""


class Rephraser(Protocol):
    """Words an answer anew; None: the original is to be used."""

    name: str

    async def rephrase(self, question: str, source: Source) -> str | None:
        """`question`: personal data covered. Never raises for what the other side does."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


def fault(text: str, source: Source) -> str | None:
    """Why a reworded answer must not be used; None when it may."""
    if bad := spoken_fault(text):
        return f"form: {bad}"
    if _INSULT.search(text):
        return "rude"
    said, article, short = claims(text), claims(f"{source.short}\n{source.article}"), claims(source.short)
    if invented := said.missing_in(article):
        return f"not in the article: {', '.join(sorted(invented))}"
    if lost := short.facts - said.facts:
        return f"left out: {', '.join(sorted(lost))}"
    pairs = {pair for pair in words.grams(words.normalise(text)) if len(pair) == 2}
    told = set(words.grams(words.normalise(f"{source.short}\n{source.article}")))
    if not pairs or len(pairs & told) / len(pairs) < LEAST_SHARED:
        return "about something else"
    return None


class EndpointRephraser:
    """Any endpoint that speaks the chat completions protocol of OpenAI, which most servers of open models do."""

    def __init__(self, url: str, model: str, key: str, *, timeout_s: float) -> None:
        """`url` up to and without /chat/completions."""
        self.name = model
        self._url = url.rstrip("/") + "/chat/completions"
        self._key = key
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None
        self._rest_until = 0.0
        self._in_flight = 0

    @classmethod
    def of(cls, settings: Settings) -> EndpointRephraser | None:
        """As configured; None when it is off."""
        if settings.llm_url is None:
            return None
        return cls(str(settings.llm_url), settings.llm_model, settings.llm_key.get_secret_value(), timeout_s=settings.llm_timeout_s)

    async def rephrase(self, question: str, source: Source) -> str | None:
        """What the model says, if it may be said."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._rest_until or self._in_flight >= MOST_AT_ONCE:
            return None
        self._in_flight += 1
        try:
            async with asyncio.timeout(self._timeout_s):
                said = await self._ask(question, source)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError, KeyError, TypeError, IndexError) as error:
            self._rest_until = loop.time() + PAUSE_S
            LOG.warning("llm.failed", error=type(error).__name__)
            return None
        finally:
            self._in_flight -= 1
        why = fault(said, source)
        if why is not None:
            LOG.warning("llm.refused", why=why.partition(":")[0])
            return None
        return said

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(self, question: str, source: Source) -> str:
        told = f"市民的问题：{question}\n原答复：{source.short}\n知识：\n{source.article[:MAX_SOURCE]}"
        messages = [{"role": "system", "content": _ASKS}, {"role": "user", "content": told}]
        body = {"model": self.name, "messages": messages, "temperature": 0, "max_tokens": 400, "stream": False}
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        async with self._http().post(self._url, json=body, headers=headers, allow_redirects=False) as response:
            if response.status != 200:
                raise ValueError(f"answered {response.status}")
            answer = await _bounded(response)
        content: Any = json.loads(answer)["choices"][0]["message"]["content"]
        if not isinstance(content, str):
            raise TypeError("no text")
        return " ".join(content.split())

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(trust_env=False)
        return self._session


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    """The body; raises ValueError when it is larger than any sensible answer."""
    body = bytearray()
    async for piece in response.content.iter_chunked(8192):
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise ValueError("answer too large")
    return bytes(body)
