"""`hotline ticket show`: for the operator at the machine. Personal data stays masked, secret matters stay closed."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline import events
from hotline.assembly import Services
from hotline.clock import to_city
from hotline.errors import NotFound
from hotline.settings import Settings
from ticketing.assignment.models import Assignment
from ticketing.callback.models import CallbackTask, ReturnCall
from ticketing.conversation.models import Call, Message
from ticketing.deadline.models import Deadline
from ticketing.people.models import Unit
from ticketing.ticket.access import person_of
from ticketing.ticket.models import Attachment, Ticket
from ticketing.ticket.states import Confidentiality

_LONG_NUMBER = re.compile(r"(?<!\d)(\d{3})\d{4,11}(\d{4})(?!\d)")


def show(settings: Settings, number: str, *, as_json: bool) -> None:
    """Print the ticket; raises `NotFound`."""
    ticket = asyncio.run(_load(settings, number))
    if as_json:
        sys.stdout.write(json.dumps(ticket, ensure_ascii=False, indent=2) + "\n")
        return
    for name, value in ticket.items():
        if isinstance(value, list):
            sys.stdout.write(f"{name}:\n" + "".join(f"  {_line(entry)}\n" for entry in value))
        elif value not in (None, ""):
            sys.stdout.write(f"{name}: {value}\n")


def _line(entry: dict[str, Any]) -> str:
    return "  ".join(str(value) for value in entry.values() if value not in (None, "", {}))


async def _load(settings: Settings, number: str) -> dict[str, Any]:
    services = Services.of(settings)
    try:
        async with services.database.transaction() as session:
            ticket = (await session.scalars(select(Ticket).where(Ticket.number == number.strip()))).first()
            if ticket is None:
                raise NotFound(f"there is no ticket {number}")
            return await _describe(services, session, ticket)
    finally:
        await services.close()


async def _describe(services: Services, session: AsyncSession, ticket: Ticket) -> dict[str, Any]:
    person = await person_of(services.core, session, ticket)
    secret = ticket.confidentiality == Confidentiality.SECRET.value
    plain = ("number", "state", "channel", "kind", "category_code", "urgency", "confidentiality", "dispatch_mode", "round", "satisfaction")
    found: dict[str, Any] = {name: getattr(ticket, name) for name in plain}
    found |= {"received_at": _at(ticket.received_at), "dispatched_at": _at(ticket.dispatched_at), "closed_at": _at(ticket.closed_at)}
    if not secret:
        texts = ("title", "content", "occurred", "district", "address", "answer")
        found |= {name: _LONG_NUMBER.sub(r"\1****\2", getattr(ticket, name) or "") for name in texts}
        found |= {"citizen": person.name, "phone": person.phone, "extra": ticket.extra}
        found |= await _contact(session, ticket)
    found |= await _work(session, ticket)
    history = await events.history(session, "ticket", ticket.id)
    found["timeline"] = [{"at": _at(event.at), "event": event.name, "by": event.actor_label} for event in history]
    return found


async def _contact(session: AsyncSession, ticket: Ticket) -> dict[str, Any]:
    """How it came in: calls with recording, what was said, attachments."""
    attachments = await session.scalars(select(Attachment).where(Attachment.ticket_id == ticket.id))
    files = [{"name": each.file_name, "type": each.content_type, "bytes": each.size_bytes} for each in attachments]
    if ticket.conversation_id is None:
        return {"attachments": files, "calls": [], "transcript": []}
    calls = await session.scalars(select(Call).where(Call.conversation_id == ticket.conversation_id).order_by(Call.started_at))
    said = await session.scalars(select(Message).where(Message.conversation_id == ticket.conversation_id).order_by(Message.id))
    return {
        "attachments": files,
        "calls": [
            {
                "id": str(call.id),
                "started_at": _at(call.started_at),
                "state": call.state,
                "end_reason": call.end_reason,
                "recording": call.recording_path,
                "seconds": call.recording_seconds,
                "transcriber": call.transcriber,
            }
            for call in calls
        ],
        "transcript": [{"at": _at(each.at), "who": each.author, "text": _LONG_NUMBER.sub(r"\1****\2", each.text)} for each in said],
    }


async def _work(session: AsyncSession, ticket: Ticket) -> dict[str, Any]:
    """Who has it, until when, and which calls are owed."""
    units = dict((await session.execute(select(Unit.id, Unit.name))).tuples().all())
    assignments = await session.scalars(select(Assignment).where(Assignment.ticket_id == ticket.id).order_by(Assignment.id))
    clocks = await session.scalars(select(Deadline).where(Deadline.ticket_id == ticket.id).order_by(Deadline.id))
    callbacks = await session.scalars(select(CallbackTask).where(CallbackTask.ticket_id == ticket.id).order_by(CallbackTask.id))
    owed = await session.scalars(select(ReturnCall).where(ReturnCall.ticket_id == ticket.id).order_by(ReturnCall.id))
    return {
        "assignments": [{"unit": units[each.unit_id], "lead": each.lead, "state": each.state} for each in assignments],
        "deadlines": [{"kind": each.kind, "state": each.state, "stage": each.stage, "due_at": _at(each.due_at)} for each in clocks],
        "callbacks": [{"round": each.round, "state": each.state, "satisfaction": each.satisfaction} for each in callbacks],
        "return_calls": [{"state": each.state, "reason": each.reason, "due_at": _at(each.due_at)} for each in owed],
    }


def _at(moment: datetime | None) -> str | None:
    return to_city(moment).isoformat(timespec="seconds") if moment else None
