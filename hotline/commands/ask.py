"""`hotline ask`: one turn of dialogue, through the running service or, when none runs, directly."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any
from uuid import uuid4

from aiohttp import ClientConnectionError, ClientSession, ClientTimeout

from hotline.assembly import Services
from hotline.errors import Unavailable
from hotline.settings import Settings


def ask(settings: Settings, text: str, *, as_json: bool) -> None:
    """Print the answer to `text`."""
    answer = asyncio.run(_ask(settings, text))
    if as_json:
        sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
        return
    for reply in answer["replies"]:
        sys.stdout.write(reply["text"] + "\n")
        for number, choice in enumerate(reply["choices"], 1):
            sys.stdout.write(f"  {number}. {choice}\n")
    if answer["ticket"]:
        sys.stdout.write(f"→ {answer['ticket']['number']}  {answer['ticket']['query_code']}\n")


async def _ask(settings: Settings, text: str) -> dict[str, Any]:
    try:
        return await _through_the_service(settings, text)
    except ClientConnectionError:
        return await _directly(settings, text)


async def _through_the_service(settings: Settings, text: str) -> dict[str, Any]:
    async with ClientSession(timeout=ClientTimeout(total=15, connect=2)) as session:
        url = f"http://{settings.http_host}:{settings.http_port}/api/v1/chat"
        async with session.post(url, json={"conversation": str(uuid4()), "text": text}) as response:
            body: dict[str, Any] = await response.json(content_type=None)
            if response.status != 200:
                raise Unavailable(f"{url} answered {response.status}: {json.dumps(body, ensure_ascii=False)[:300]}")
            return body


async def _directly(settings: Settings, text: str) -> dict[str, Any]:
    """The same turn in this process; needs the database, not the web server."""
    from ticketing.conversation.service import open_conversation
    from ticketing.ticket.states import Channel

    services = Services.of(settings)
    try:
        async with services.database.transaction() as session:
            conversation = await open_conversation(services.core, session, channel=Channel.WEB.value)
        turn = await services.dialogue.turn(conversation.id, text)
    finally:
        await services.close()
    return {
        "conversation": str(conversation.id),
        "replies": [
            {
                "text": answer.text,
                "article": {"id": answer.article_id, "version": answer.article_version} if answer.article_id else None,
                "choices": list(answer.choices),
            }
            for answer in turn.answers
        ],
        "handover": turn.handover,
        "ticket": {"number": turn.ticket.number, "query_code": turn.ticket.query_code} if turn.ticket else None,
    }
