"""What is done to an article on its page: each button a step of `knowledge.article.service`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.articles import id_of, redirect, respond
from channels.console.session import require_may
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE
from hotline.clock import CITY_ZONE
from hotline.errors import HotlineError, InvalidInput
from hotline.i18n import _
from knowledge.article import service
from knowledge.article.access import access_article
from knowledge.article.life import STEPS
from ticketing.context import Core
from ticketing.people.actor import Actor


@dataclass(frozen=True)
class _Asked:
    """One posted step."""

    core: Core
    session: AsyncSession
    actor: Actor
    article_id: int
    form: Mapping[str, Any]

    @property
    def seen(self) -> int:
        """The newest version that the page showed."""
        return whole_number(str(self.form.get("seen", "")), most=10**6) or 0

    @property
    def reason(self) -> str:
        return str(self.form.get("reason", ""))[:500]


async def _submit(asked: _Asked) -> None:
    note = str(asked.form.get("unit_note", ""))[:500]
    await service.submit(asked.core, asked.session, asked.actor, asked.article_id, unit_note=note, seen_version=asked.seen)


async def _pass(asked: _Asked) -> None:
    await service.pass_unit(asked.core, asked.session, asked.actor, asked.article_id, seen_version=asked.seen)


async def _send_back(asked: _Asked) -> None:
    await service.send_back(asked.core, asked.session, asked.actor, asked.article_id, asked.reason, seen_version=asked.seen)


async def _publish(asked: _Asked) -> None:
    version, text = whole_number(str(asked.form.get("version", "")), most=10**6) or 0, str(asked.form.get("at", "")).strip()
    moment = None
    if text:
        try:
            moment = datetime.fromisoformat(text).replace(tzinfo=CITY_ZONE)
        except ValueError:
            raise InvalidInput(_("请填时间，例如2026-11-18 09:30"), field="at") from None
    await service.publish(asked.core, asked.session, asked.actor, asked.article_id, version=version, at=moment)


async def _recall(asked: _Asked) -> None:
    await service.recall(asked.core, asked.session, asked.actor, asked.article_id, asked.reason)


async def _drop(asked: _Asked) -> None:
    await service.drop(asked.core, asked.session, asked.actor, asked.article_id, asked.reason, seen_version=asked.seen)


async def _confirm(asked: _Asked) -> None:
    text = str(asked.form.get("valid_until", "")).strip()
    try:
        until = date.fromisoformat(text) if text else None
    except ValueError:
        raise InvalidInput(_("请填日期，例如2027-01-01"), field="valid_until") from None
    await service.confirm(asked.core, asked.session, asked.actor, asked.article_id, valid_until=until, seen_version=asked.seen)


async def _restore(asked: _Asked) -> None:
    version = whole_number(str(asked.form.get("version", "")), most=10**6) or 0
    await service.restore(asked.core, asked.session, asked.actor, asked.article_id, version, seen_version=asked.seen)


async def _wrong(asked: _Asked) -> None:
    article = await access_article(asked.core, asked.session, asked.actor, asked.article_id)
    await service.mark_wrong(asked.core, asked.session, asked.actor, article, asked.reason)


HANDLERS: dict[str, tuple[Callable[[_Asked], Awaitable[None]], tuple[str, ...]]] = {
    "submit": (_submit, STEPS["submit"].permissions),
    "pass": (_pass, STEPS["pass"].permissions),
    "send_back": (_send_back, STEPS["send_back"].permissions),
    "publish": (_publish, STEPS["publish"].permissions),
    "recall": (_recall, STEPS["recall"].permissions),
    "drop": (_drop, STEPS["drop"].permissions),
    "confirm": (_confirm, STEPS["confirm"].permissions),
    "restore": (_restore, STEPS["edit"].permissions),
    "wrong": (_wrong, STEPS["collect"].permissions),
}
"""What a button does, and the permissions of which the person needs one to post at all; the service decides the rest."""


async def act(request: web.Request) -> web.StreamResponse:
    """POST /console/articles/{id}/{step}."""
    key = request.match_info["step"]
    handler, permissions = HANDLERS[key]
    person = require_may(request, *permissions)
    form = await request.post()
    try:
        async with request.app[DATABASE].transaction() as session:
            await access_article(request.app[CORE], session, person.actor, id_of(request))
            await handler(_Asked(request.app[CORE], session, person.actor, id_of(request), form))
    except HotlineError as problem:
        return await respond(request, problem, opened=key)
    return redirect(request, f"article_{key}")
