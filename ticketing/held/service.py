"""Holding an appeal until an agent has looked at it, releasing or discarding it, and what its citizen is shown meanwhile."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput, NotFound, Unavailable
from hotline.events import record
from hotline.i18n import _
from hotline.security import hash_token, new_token
from ticketing.attachment.service import delete_attachments
from ticketing.citizen.service import local_form, mask_name, mask_phone, normalise_phone
from ticketing.context import Core
from ticketing.held.models import HeldAppeal, HeldState
from ticketing.people.actor import Actor, citizen_actor
from ticketing.people.permissions import ensure
from ticketing.ticket.models import Attachment, Ticket
from ticketing.ticket.service import Appeal, keep_secrets_out, readable, register
from ticketing.ticket.states import Channel, Kind

MOST, MOST_OF_SOURCE = 5000, 5
"""How many may wait at all, and of one network address."""
KEPT = timedelta(days=30)
"""How long the citizen's page shows number and query code."""
PERMISSION = "appeal.release"
_FIELDS = (
    "kind", "content", "district", "address", "occurred", "name", "phone", "anonymous", "contact_by", "preferred_time", "longitude",
    "latitude",
)  # fmt: skip
MIN_REASON = 2


@dataclass(frozen=True)
class Held:
    """One that waits, as the agent reads it: who it is stays masked."""

    id: UUID
    received_at: datetime
    kind: str
    content: str
    place: str
    occurred: str
    who: str
    files: int
    of_source: int
    """How many wait from the same network address, this one among them."""


@dataclass(frozen=True)
class Shown:
    """What the citizen's page says."""

    state: HeldState
    number: str = ""
    query_code: str = ""
    reason: str = ""


async def hold(core: Core, session: AsyncSession, appeal: Appeal, *, source: str, files: Sequence[UUID] = ()) -> str:
    """Keep `appeal` and return the token of its citizen's page.

    Args:
        source: the network address; only a keyed hash of it is kept.
        files: attachments that belong to nothing yet.

    Raises:
        SecretContent: carries a marking of secrecy.
        InvalidInput: too many wait from this address (field `what`).
        Unavailable: too many wait at all.
    """
    appeal = keep_secrets_out(core, readable(appeal))
    fingerprint = core.vault.fingerprint(source, "held")
    waiting = HeldAppeal.state == HeldState.WAITING.value
    of_all = func.count()
    of_source = func.count().filter(HeldAppeal.source_hash.in_(core.vault.fingerprints(source, "held")))
    every, mine = (await session.execute(select(of_all, of_source).where(waiting))).one()
    if mine >= MOST_OF_SOURCE:
        raise InvalidInput(_("您这里已经有{n}件等着核对，请等核对完再提交，或拨打热线").format(n=mine), field="what")
    if every >= MOST:
        raise Unavailable(_("现在等着核对的太多，请过一会儿再试，或拨打热线"))
    token, body = new_token(), json.dumps({name: asdict(appeal)[name] for name in _FIELDS}, ensure_ascii=False)
    row = HeldAppeal(
        id=uuid4(), token_hash=hash_token(token), body_sealed=core.vault.seal(body), source_hash=fingerprint,
        state=HeldState.WAITING.value, received_at=core.clock.now(), reason="",
    )  # fmt: skip
    session.add(row)
    await session.flush()
    if files:
        nobodys = (Attachment.id.in_(files), Attachment.ticket_id.is_(None), Attachment.held_id.is_(None))
        await session.execute(update(Attachment).where(*nobodys).values(held_id=row.id))
    return token


async def shown(core: Core, session: AsyncSession, token: str) -> Shown:
    """For the citizen. Raises the same NotFound for a token that never was, and one that is over."""
    row = (await session.scalars(select(HeldAppeal).where(HeldAppeal.token_hash == hash_token(token)))).first()
    now = core.clock.now()
    if row is None or (row.decided_at is not None and row.decided_at + KEPT < now):
        raise NotFound(_("这个页面已经失效。可以用登记时的手机号查，或拨打热线"))
    state = HeldState(row.state)
    if state is not HeldState.RELEASED:
        return Shown(state, reason=row.reason)
    number = await session.scalar(select(Ticket.number).where(Ticket.id == row.ticket_id))
    return Shown(state, str(number), core.vault.open(row.query_code_sealed) if row.query_code_sealed else "")


async def waiting(core: Core, session: AsyncSession, actor: Actor, *, limit: int = 50) -> list[Held]:
    """Those that wait, oldest first."""
    ensure(actor, PERMISSION)
    waits = HeldAppeal.state == HeldState.WAITING.value
    rows = list(await session.scalars(select(HeldAppeal).where(waits).order_by(HeldAppeal.received_at).limit(limit)))
    found = select(HeldAppeal.source_hash, func.count()).where(waits).group_by(HeldAppeal.source_hash)
    sources = {row[0]: row[1] for row in await session.execute(found)}
    counted = select(Attachment.held_id, func.count()).where(Attachment.held_id.in_([row.id for row in rows])).group_by(Attachment.held_id)
    files = {row[0]: row[1] for row in await session.execute(counted)}
    return [_read(row, _body(core, row), files.get(row.id, 0), sources.get(row.source_hash, 1)) for row in rows]


def _body(core: Core, row: HeldAppeal) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(core.vault.open(row.body_sealed or b""))
    return body


def _read(row: HeldAppeal, body: dict[str, Any], files: int, of_source: int) -> Held:
    number = normalise_phone(body["phone"])
    who = (
        _("匿名")
        if body["anonymous"]
        else " ".join(filter(None, (mask_name(body["name"]), mask_phone(local_form(number)) if number else "")))
    )
    return Held(
        row.id, row.received_at, body["kind"], body["content"], body["district"] + body["address"], body["occurred"], who, files, of_source
    )


async def count_waiting(session: AsyncSession) -> int:
    """How many wait."""
    statement = select(func.count()).select_from(HeldAppeal).where(HeldAppeal.state == HeldState.WAITING.value)
    return await session.scalar(statement) or 0


async def _locked(session: AsyncSession, held_id: UUID) -> HeldAppeal:
    row = (await session.scalars(select(HeldAppeal).where(HeldAppeal.id == held_id).with_for_update())).first()
    if row is None:
        raise NotFound(_("没有找到这件待核对的反映"))
    if row.state != HeldState.WAITING.value:
        raise IllegalStep(_("这一件刚刚有人处理过了"))
    return row


async def release(core: Core, session: AsyncSession, actor: Actor, held_id: UUID) -> Ticket:
    """放行: register it as its citizen sent it, with its files. Raises NotFound, IllegalStep when somebody was quicker."""
    ensure(actor, PERMISSION)
    row = await _locked(session, held_id)
    body = _body(core, row)
    made = await register(core, session, citizen_actor(), Appeal(**{**body, "channel": Channel.WEB, "kind": Kind(body["kind"])}))
    await session.execute(update(Attachment).where(Attachment.held_id == row.id).values(ticket_id=made.ticket.id, held_id=None))
    row.state, row.ticket_id, row.query_code_sealed = HeldState.RELEASED.value, made.ticket.id, core.vault.seal(made.query_code)
    _decide(core, actor, row)
    data = {"held_since": row.received_at.isoformat()}
    await record(
        session, at=core.clock.now(), name="appeal.released", subject="ticket", subject_id=made.ticket.id, who=actor.who, data=data
    )
    return made.ticket


async def discard(core: Core, session: AsyncSession, actor: Actor, held_id: UUID, reason: str) -> None:
    """丢弃: not an appeal. Its words and files go; the citizen's page tells the reason. Raises InvalidInput without one."""
    ensure(actor, PERMISSION)
    reason = reason.strip()
    if not MIN_REASON <= len(reason) <= 200:
        raise InvalidInput(_("请写明为什么不登记，市民会看到"), field="reason")
    row = await _locked(session, held_id)
    await delete_attachments(
        core, session, list(await session.scalars(select(Attachment).where(Attachment.held_id == row.id))), why="discarded"
    )
    row.state, row.reason = HeldState.DISCARDED.value, reason
    _decide(core, actor, row)
    await record(session, at=core.clock.now(), name="appeal.discarded", subject="held_appeal", subject_id=row.id, who=actor.who)


def _decide(core: Core, actor: Actor, row: HeldAppeal) -> None:
    row.body_sealed, row.decided_at, row.decided_by_id = None, core.clock.now(), actor.user_id


__all__ = ["Held", "Shown", "count_waiting", "discard", "hold", "release", "shown", "waiting"]
