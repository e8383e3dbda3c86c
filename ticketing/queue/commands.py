"""What a person wants done with a call that goes on: written here, carried out by the telephony process that has the call.

The row is the request, its permission check and, with the event, its record; NOTIFY makes it arrive at once. Nothing listens
for commands on a network port (decision 0153).
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.events import record
from hotline.i18n import _
from ticketing.context import Core
from ticketing.conversation.models import Call, CallState
from ticketing.duty.models import Duty, DutyState
from ticketing.people.actor import SYSTEM, Actor
from ticketing.people.lines import calls_of
from ticketing.people.models import User
from ticketing.people.permissions import ensure
from ticketing.queue.models import CallCommand
from ticketing.queue.service import wake
from ticketing.ticket.access import closed_conversations

OWN = frozenset({"hold", "resume", "consult", "transfer", "retrieve", "conference", "blind", "hangup"})
"""What the agent of a call may do with it (permission call.control)."""
SUPERVISING = frozenset({"listen", "whisper", "take_over", "stop_listening"})
"""What a supervisor may do with somebody else's call (permission call.supervise)."""
_WITH_TARGET = frozenset({"consult", "blind"})
_VALID = timedelta(seconds=10)
_TOLD = timedelta(seconds=30)
_NUMBER = re.compile(r"[0-9]{3,15}")


async def command(core: Core, session: AsyncSession, actor: Actor, call_id: UUID, action: str, *, to: str = "") -> CallCommand:
    """Ask for `action` on this call. `to`: `agent:<staff number>` or a telephone number, for consult and blind.

    hold, resume; consult (the citizen hears music, the agent speaks with `to`), then transfer (the agent leaves), conference (all
    three) or retrieve (back to the citizen alone); blind transfer; hangup. listen, whisper (only the agent hears the supervisor),
    take_over, stop_listening. Raises NotAllowed, NotFound, IllegalStep, InvalidInput.
    """
    if action not in OWN | SUPERVISING:
        raise InvalidInput(_("没有这个操作"), field="action")
    actor = ensure(actor, "call.control" if action in OWN else "call.supervise")
    call = (await session.scalars(select(Call).where(Call.id == call_id, calls_of(actor)).with_for_update())).first()
    if call is None:
        raise NotFound(_("没有找到这通电话"))
    if call.state != CallState.TALKING.value:
        raise IllegalStep(_("这通电话现在没有坐席在接听"))
    await _may(core, session, actor, call, action)
    arguments = await _target(session, actor, to) if action in _WITH_TARGET else {}
    now = core.clock.now()
    row = CallCommand(
        call_id=call.id,
        worker=call.worker,
        user_id=actor.account,
        action=action,
        arguments=arguments,
        created_at=now,
        valid_until=now + _VALID,
    )  # fmt: skip
    session.add(row)
    await session.flush()
    told = {"action": action, **({"to": "agent" if "user" in arguments else "number"} if arguments else {})}
    await record(session, at=now, name=f"call.{action}", subject="call", subject_id=call.id, who=actor.who, data=told)
    await wake(session, "command", worker=call.worker, call_id=call.id)
    return row


async def _may(core: Core, session: AsyncSession, actor: Actor, call: Call, action: str) -> None:
    duty = (await session.scalars(select(Duty).where(Duty.user_id == (actor.user_id or 0)))).first()
    on_it = duty is not None and duty.call_id == call.id and duty.state == DutyState.BUSY.value
    mine = on_it and call.data.get("agent_id") == actor.user_id  # who listens in is on the call as well
    if action in OWN and not mine:
        raise NotAllowed(_("这通电话不是你在接听"))
    if action in SUPERVISING and mine:
        raise IllegalStep(_("这是你自己的通话"))
    if action in SUPERVISING and action != "stop_listening" and await closed_conversations(core, session, actor, [call.conversation_id]):
        raise NotFound(_("没有找到这通电话"))  # a secret ticket came of it: what is being said is no more open than what was said
    if action in SUPERVISING and (duty is None or not duty.phone):
        raise IllegalStep(_("还没有登记话机，请联系管理员"))


async def _target(session: AsyncSession, actor: Actor, to: str) -> dict[str, Any]:
    """Whom to call: a colleague by staff number, or a telephone number (checked again against the allowed prefixes where it is dialled)."""
    if to.startswith("agent:"):
        found = select(User, Duty).join(Duty, Duty.user_id == User.id).where(User.staff_number == to.removeprefix("agent:"), User.active)
        row = (await session.execute(found)).first()
        if row is None or not row.Duty.phone or row.User.id == actor.user_id:
            raise InvalidInput(_("这位坐席现在接不了电话"), field="to")
        if row.Duty.state in (DutyState.RINGING.value, DutyState.BUSY.value, DutyState.OFF.value):
            raise IllegalStep(_("这位坐席正在通话或已离岗"))
        return {"user": row.User.id, "phone": row.Duty.phone}
    if not _NUMBER.fullmatch(to):
        raise InvalidInput(_("请填写号码，或选择坐席"), field="to")
    return {"number": to}


async def pending(core: Core, session: AsyncSession, worker: str) -> list[CallCommand]:
    """Take the commands for this process, oldest first: nobody takes them twice. Those that came too late have failed."""
    statement = select(CallCommand).where(CallCommand.worker == worker, CallCommand.state == "waiting").order_by(CallCommand.id)
    found, now = [], core.clock.now()
    for row in await session.scalars(statement.with_for_update(skip_locked=True)):
        if row.valid_until < now:
            row.state, row.result, row.done_at = "failed", "late", now
        else:
            row.state = "taken"
            found.append(row)
    await session.flush()
    return found


async def failed_now(core: Core, session: AsyncSession, actor: Actor, call: Call) -> CallCommand | None:
    """The newest command of this person on the call, when it could not be carried out a moment ago: they are told, the caller waits."""
    newest = select(CallCommand).where(CallCommand.call_id == call.id, CallCommand.user_id == (actor.user_id or 0))
    row = (await session.scalars(newest.order_by(CallCommand.id.desc()).limit(1))).first()
    if row is None or row.state != "failed" or row.done_at is None or row.done_at < core.clock.now() - _TOLD:
        return None
    return row


async def settle(core: Core, session: AsyncSession, row_id: int, *, ok: bool, result: str = "") -> None:
    """The command was carried out, or could not be: `result` is a code (busy, no_answer, not_allowed, gone, failed)."""
    row = await session.get(CallCommand, row_id, with_for_update=True)
    if row is None or row.state not in ("waiting", "taken"):
        return
    row.state, row.result, row.done_at = "done" if ok else "failed", result[:40], core.clock.now()
    await session.flush()
    data = {"action": row.action, "result": row.result}
    name = "call.command_done" if ok else "call.command_failed"
    await record(session, at=core.clock.now(), name=name, subject="call", subject_id=row.call_id, who=SYSTEM.who, data=data)
