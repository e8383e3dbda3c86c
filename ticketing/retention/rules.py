"""What each kind of data is, when its time is over, and how it ends. One rule per kind; how long is data (`models`)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ARRAY, BigInteger, MetaData, bindparam, delete, null, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import TypeEngine

from hotline.sealed_words import destroy_keys
from ticketing.attachment.removal import request_removals
from ticketing.attachment.service import delete_attachments
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import person
from ticketing.context import Core
from ticketing.conversation.models import Call, Conversation, Message
from ticketing.people.actor import SYSTEM
from ticketing.retention.models import Ending
from ticketing.retention.redaction import redact
from ticketing.retention.words import ERASED, places, rewrite
from ticketing.ticket.models import Attachment, Ticket
from ticketing.ticket.steps import take_step, tell


@dataclass(frozen=True)
class Work:
    """What a rule works with."""

    core: Core
    metadata: MetaData
    """Every table of the installation: words are found in all of them."""


Apply = Callable[[Work, AsyncSession, Sequence[Any]], Awaitable[Sequence[Any]]]
"""Ends the data of these ids and returns those it got hold of; on the others somebody works at this moment."""


@dataclass(frozen=True)
class Rule:
    """One kind of data."""

    kind: str
    ending: Ending
    label: str
    due: str
    """SELECT of id and what a dry run shows of it, oldest first; `:before` is the moment before which the time is over."""
    apply: Apply


_NOT_HELD = "NOT EXISTS (SELECT 1 FROM legal_hold WHERE legal_hold.ticket_id = t.id)"
_NOBODY_NEEDS_IT = (
    "NOT EXISTS (SELECT 1 FROM ticket t WHERE (t.conversation_id = c.id OR t.id = c.ticket_id)"
    " AND (t.state NOT IN ('archived', 'rejected', 'merged', 'withdrawn', 'invalid')"
    " OR EXISTS (SELECT 1 FROM legal_hold WHERE legal_hold.ticket_id = t.id)))"
)


def list_of(ids: Sequence[Any], kind: TypeEngine[Any]) -> Any:
    """`ids` as one parameter."""
    return bindparam("ids", list(ids), type_=ARRAY(kind))


async def _archive(work: Work, session: AsyncSession, ids: Sequence[Any]) -> Sequence[Any]:
    locked = select(Ticket).where(Ticket.id.in_(ids), Ticket.state == "closed").order_by(Ticket.id).with_for_update(skip_locked=True)
    tickets = list(await session.scalars(locked))
    for ticket in tickets:
        await take_step(work.core, session, SYSTEM, ticket, "archive")
    return [ticket.id for ticket in tickets]


async def anonymise(work: Work, session: AsyncSession, ids: Sequence[Any]) -> Sequence[Any]:
    """Take the person out of tickets: the tie to the citizen, numbers and names in every text, files, words of events."""
    locked = select(Ticket).where(Ticket.id.in_(ids)).order_by(Ticket.id).with_for_update(skip_locked=True)
    now = work.core.clock.now()
    tickets = list(await session.scalars(locked))
    for ticket in tickets:
        names = await _names(work.core, session, ticket)
        await tell(work.core, session, SYSTEM, ticket, "ticket.anonymised")
        for place in places(work.metadata, "ticket"):
            await rewrite(session, place, [ticket.id], lambda words, names=names: redact(words, names))  # type: ignore[misc]
        await forget_files(work.core, session, ticket.id, why="retention")
    done = [ticket.id for ticket in tickets]
    await destroy_keys(session, now, "ticket", [str(each) for each in done])
    await cut_off(session, done, now)
    return done


async def _names(core: Core, session: AsyncSession, ticket: Ticket) -> tuple[str, ...]:
    citizen = await session.get(Citizen, ticket.citizen_id) if ticket.citizen_id else None
    return (person(core, citizen, masked=False).name,) if citizen else ()


async def cut_off(session: AsyncSession, ticket_ids: Sequence[int], now: datetime) -> None:
    """Nothing leads from these tickets to a person any more. Written past the version: nobody edits what is archived."""
    values = {"citizen_id": None, "conversation_id": None, "longitude": None, "latitude": None, "anonymised_at": now}
    await session.execute(update(Ticket).where(Ticket.id.in_(ticket_ids)).values(**values).execution_options(synchronize_session=False))
    ids = list_of(ticket_ids, BigInteger())
    for derived in ("callback_link", "ticket_place", "ticket_signature"):  # a way in, the place, what the text was compared by
        await session.execute(text(f"DELETE FROM {derived} WHERE ticket_id = ANY(:ids)").bindparams(ids))
    await session.execute(text("UPDATE conversation SET ticket_id = NULL WHERE ticket_id = ANY(:ids)").bindparams(ids))
    session.expire_all()


async def forget_files(core: Core, session: AsyncSession, ticket_id: int, *, why: str) -> None:
    """Delete every attachment of a ticket."""
    theirs = list(await session.scalars(select(Attachment).where(Attachment.ticket_id == ticket_id)))
    await delete_attachments(core, session, theirs, why=why)


async def erase_conversations(work: Work, session: AsyncSession, ids: Sequence[Any], *, why: str = "retention") -> Sequence[Any]:
    """Erase what was said: messages, drafts, files that no ticket has, the words of the events, the tie to the citizen."""
    now = work.core.clock.now()
    loose = select(Attachment).where(Attachment.conversation_id.in_(ids), Attachment.ticket_id.is_(None))
    await delete_attachments(work.core, session, list(await session.scalars(loose)), why=why)
    await session.execute(update(Attachment).where(Attachment.conversation_id.in_(ids)).values(conversation_id=None))
    await session.execute(delete(Message).where(Message.conversation_id.in_(ids)))
    for place in places(work.metadata, "conversation"):
        if place.table.name not in ("conversation", "message", "call"):
            await rewrite(session, place, ids, lambda words: ERASED)
    await destroy_keys(session, now, "conversation", [str(each) for each in ids])
    gone: dict[str, Any] = {"draft": null(), "bot_state": {}, "party_hash": None, "citizen_id": None, "erased_at": now}
    await session.execute(update(Conversation).where(Conversation.id.in_(ids)).values(**gone))
    return ids


async def erase_recordings(work: Work, session: AsyncSession, ids: Sequence[Any], *, why: str = "retention") -> Sequence[Any]:
    """Ask for the files to be removed and forget where they were; the job verifies that they are gone."""
    theirs = select(Call.recording_path).where(Call.id.in_(ids), Call.recording_path.is_not(None))
    paths = [path for path in await session.scalars(theirs) if path]
    await request_removals(work.core, session, "data", paths, why=why)
    await session.execute(update(Call).where(Call.id.in_(ids)).values(recording_path=None))
    return ids


async def forget_callers(work: Work, session: AsyncSession, ids: Sequence[Any]) -> Sequence[Any]:
    """The journal of calls keeps when and how long, not who."""
    gone: dict[str, Any] = {"caller_sealed": None, "caller_hash": None, "citizen_id": None, "data": {}}
    await session.execute(update(Call).where(Call.id.in_(ids)).values(**gone))
    return ids


async def _forget_drafts(_work: Work, session: AsyncSession, ids: Sequence[Any]) -> Sequence[Any]:
    await session.execute(update(Conversation).where(Conversation.id.in_(ids)).values(draft=null()))
    return ids


def _delete_from(table: str) -> Apply:
    async def apply(work: Work, session: AsyncSession, ids: Sequence[Any]) -> Sequence[Any]:
        target = work.metadata.tables[table]
        await session.execute(delete(target).where(target.c.id.in_(ids)))
        return ids

    return apply


async def _forget_notices(work: Work, session: AsyncSession, ids: Sequence[Any]) -> Sequence[Any]:
    notice = work.metadata.tables["notice"]
    await session.execute(update(notice).where(notice.c.id.in_(ids)).values(text_sealed=None, text=ERASED))
    return ids


async def _forget_sent(_work: Work, session: AsyncSession, ids: Sequence[Any]) -> Sequence[Any]:
    await session.execute(text("UPDATE outbox SET payload = '{}' WHERE id = ANY(:ids)").bindparams(list_of(ids, BigInteger())))
    return ids


# ruff: noqa: S608 - the parts of these statements are the texts above
RULES: dict[str, Rule] = {
    rule.kind: rule
    for rule in (
        Rule(
            "tickets_archive", Ending.ARCHIVE, "工单归档",
            "SELECT t.id, t.number FROM ticket t WHERE t.state = 'closed' AND t.closed_at < :before"
            " AND NOT EXISTS (SELECT 1 FROM deadline d WHERE d.ticket_id = t.id AND d.state IN ('running', 'paused'))"
            " AND NOT EXISTS (SELECT 1 FROM request r WHERE r.ticket_id = t.id AND r.state = 'pending')"
            " AND NOT EXISTS (SELECT 1 FROM return_call o WHERE o.ticket_id = t.id AND o.state = 'open')"
            " ORDER BY t.closed_at",
            _archive,
        ),
        Rule(
            "tickets", Ending.ANONYMISE, "工单匿名",
            "SELECT due.id, due.number FROM ("
            "SELECT t.id, t.number, t.closed_at AS ended FROM ticket t"
            f" WHERE t.state = 'archived' AND t.anonymised_at IS NULL AND t.closed_at < :before AND {_NOT_HELD}"
            " UNION ALL SELECT t.id, t.number, t.updated_at FROM ticket t"
            " WHERE t.state IN ('merged', 'withdrawn', 'invalid') AND t.anonymised_at IS NULL"
            f" AND t.received_at < :before AND t.updated_at < :before AND {_NOT_HELD}"  # received_at: for the index
            " AND NOT EXISTS (SELECT 1 FROM ticket m WHERE m.id = t.master_id AND m.state <> 'archived')"
            ") AS due ORDER BY due.ended",
            anonymise,
        ),
        Rule(
            "recordings", Ending.ERASE, "录音",
            "SELECT k.id, k.id::text FROM call k JOIN conversation c ON c.id = k.conversation_id"
            f" WHERE k.recording_path IS NOT NULL AND k.ended_at < :before AND {_NOBODY_NEEDS_IT} ORDER BY k.ended_at",
            erase_recordings,
        ),
        Rule(
            "transcripts", Ending.ERASE, "工单的通话和聊天文字",
            "SELECT c.id, c.id::text FROM conversation c WHERE c.erased_at IS NULL AND c.updated_at < :before"
            " AND c.owner NOT IN ('queue', 'human')"
            f" AND {_NOBODY_NEEDS_IT} ORDER BY c.updated_at",
            erase_conversations,
        ),
        Rule(
            "conversations", Ending.ERASE, "没有形成工单的会话",
            "SELECT c.id, c.id::text FROM conversation c WHERE c.erased_at IS NULL AND c.updated_at < :before AND c.ticket_id IS NULL"
            " AND NOT EXISTS (SELECT 1 FROM ticket t WHERE t.conversation_id = c.id) AND c.owner NOT IN ('queue', 'human')"
            " AND NOT EXISTS (SELECT 1 FROM call k JOIN return_call o ON o.call_id = k.id"
            " WHERE k.conversation_id = c.id AND o.state = 'open')"
            " ORDER BY c.updated_at",
            erase_conversations,
        ),
        Rule(
            "calls", Ending.ANONYMISE, "通话记录",
            "SELECT k.id, k.id::text FROM call k JOIN conversation c ON c.id = k.conversation_id"
            f" WHERE k.caller_sealed IS NOT NULL AND k.ended_at < :before AND {_NOBODY_NEEDS_IT} ORDER BY k.ended_at",
            forget_callers,
        ),
        Rule(
            "wechat_journal", Ending.ERASE, "收件日志",
            "SELECT i.id, i.id::text FROM inbound_message i WHERE i.received_at < :before AND i.state <> 'received' ORDER BY i.received_at",
            _delete_from("inbound_message"),
        ),
        Rule(
            "web_drafts", Ending.ERASE, "没有填完的表单",
            "SELECT c.id, c.id::text FROM conversation c WHERE c.draft IS NOT NULL AND c.draft <> 'null' AND c.updated_at < :before"
            " AND c.owner NOT IN ('queue', 'human') ORDER BY c.updated_at",
            _forget_drafts,
        ),
        Rule(
            "ticket_drafts", Ending.ERASE, "没有登记完的工单",
            "SELECT d.id, d.id::text FROM ticket_draft d WHERE d.saved_at < :before ORDER BY d.saved_at",
            _delete_from("ticket_draft"),
        ),
        Rule(
            "login_sessions", Ending.ERASE, "登录会话",
            "SELECT s.id, s.id::text FROM login_session s WHERE s.expires_at < :before ORDER BY s.id",
            _delete_from("login_session"),
        ),
        Rule(
            "notices", Ending.ERASE, "告知书内容",
            "SELECT n.id, t.number FROM notice n JOIN ticket t ON t.id = n.ticket_id WHERE n.text_sealed IS NOT NULL"
            f" AND n.created_at < :before AND {_NOT_HELD} ORDER BY n.id",
            _forget_notices,
        ),
        Rule(
            "sent_messages", Ending.ERASE, "已发消息内容",
            "SELECT o.id, o.id::text FROM outbox o WHERE o.state = 'sent' AND o.sent_at < :before AND o.payload <> '{}' ORDER BY o.id",
            _forget_sent,
        ),
        Rule(
            "unanswered", Ending.ERASE, "没有答上的问题",
            "SELECT q.id, q.id::text FROM gap_sentence q WHERE q.at < :before ORDER BY q.at",
            _delete_from("gap_sentence"),
        ),
    )
}  # fmt: skip
"""By kind. `logs` is no table and has its own function below."""


async def old_logs(core: Core, before: datetime) -> list[Path]:
    """Log files that were not written to since `before`."""

    def find() -> list[Path]:
        files = (core.data_dir / "logs").glob("*.log*")
        return sorted(path for path in files if path.is_file() and path.stat().st_mtime < before.timestamp())

    return await asyncio.to_thread(find)


__all__ = ["RULES", "Rule", "Work", "anonymise", "cut_off", "erase_conversations", "erase_recordings", "forget_callers", "old_logs"]
