"""What changes a conversation or a phone call. Functions flush and never commit: the caller owns the transaction.

Storing a phone call's life step by step is what makes «hang-up at any moment loses nothing» true: each final utterance
is a `Message` the moment it is heard, and a caller who was promised a person is owed a return call (回拨).
"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import Conflict, IllegalStep, NotAllowed, NotFound
from hotline.events import NOTIFY_CHANNEL, record
from hotline.i18n import _
from ticketing.context import Core
from ticketing.conversation.models import Author, Conversation, Message, Owner
from ticketing.people.actor import SYSTEM, Actor, citizen_actor
from ticketing.people.models import Role
from ticketing.secrecy import FLAG, WITHHELD, is_secret

_CITIZEN = citizen_actor()


async def open_conversation(
    core: Core,
    session: AsyncSession,
    *,
    channel: str,
    conversation_id: UUID | None = None,
    party: str | None = None,
    citizen_id: int | None = None,
    line: str | None = None,
) -> Conversation:
    """Start a conversation, or return the live one.

    Args:
        channel: phone, wechat or web.
        conversation_id: chosen by the channel; an existing one with this id is returned as it is.
        party: a stable name of the other side (the openid); at most one live conversation each.
        citizen_id: whose it is, when known.
        line: the sub-platform whose entrance was used; the city's own by default.
    """
    now = core.clock.now()
    party_hash = core.vault.fingerprint(party, "party") if party else None
    values = {
        "id": conversation_id or uuid4(),
        "channel": channel,
        "line": line or core.line,
        "party_hash": party_hash,
        "citizen_id": citizen_id,
        "owner": Owner.BOT.value,
        "created_at": now,
        "updated_at": now,
    }
    made = await session.execute(insert(Conversation).values(**values).on_conflict_do_nothing().returning(Conversation.id))
    made_id = made.scalar()
    if made_id is None:
        return await _already_open(session, channel, conversation_id, party_hash)
    told = {"channel": channel}
    await record(
        session, at=now, name="conversation.opened", subject="conversation", subject_id=made_id, who=_CITIZEN.who, data=told
    )  # fmt: skip
    return (await session.scalars(select(Conversation).where(Conversation.id == made_id))).one()


async def _already_open(session: AsyncSession, channel: str, conversation_id: UUID | None, party_hash: str | None) -> Conversation:
    """The other side's live conversation, else the one of this id. Raises Conflict when it is over, or of another channel."""
    same = Conversation.id == conversation_id
    if party_hash:
        same = (Conversation.channel == channel) & (Conversation.party_hash == party_hash) & (Conversation.owner != Owner.CLOSED.value)
    found = (await session.scalars(select(Conversation).where(same))).first()
    if found is None or found.channel != channel:
        raise Conflict(_("这个会话已经结束，请重新开始"))
    return found


async def get_conversation(session: AsyncSession, conversation_id: UUID, *, lock: bool = False) -> Conversation:
    """The conversation; with `lock`, its row is held until the transaction ends. Raises NotFound."""
    statement = select(Conversation).where(Conversation.id == conversation_id)
    found = (await session.scalars(statement.with_for_update() if lock else statement)).first()
    if found is None:
        raise NotFound(_("没有找到这个会话"))
    return found


async def add_message(
    core: Core,
    session: AsyncSession,
    conversation: Conversation,
    author: Author,
    text: str,
    *,
    external_id: str | None = None,
    article: tuple[int, int] | None = None,
    data: dict[str, Any] | None = None,
) -> Message:
    """Store one thing said.

    Args:
        external_id: unique within the conversation; a repeat returns the stored message instead of a second one.
        article: (id, version) of the knowledge article that the text comes from.
        data: choices, start_s and end_s in the recording, confidence …
    """
    now = core.clock.now()
    if author is Author.CITIZEN and is_secret(core, text):  # I08: typed words are not kept, spoken ones are flagged
        text, data = (text if conversation.channel == "phone" else WITHHELD), {**(data or {}), FLAG: True}
    values = {
        "conversation_id": conversation.id,
        "external_id": external_id,
        "author": author.value,
        "text": text[:10_000],
        "at": now,
        "article_id": article[0] if article else None,
        "article_version": article[1] if article else None,
        "data": data or {},
    }
    statement = insert(Message).values(**values).on_conflict_do_nothing(index_elements=["conversation_id", "external_id"])
    with session.no_autoflush:  # what changed in the conversation goes with `updated_at`, in one statement
        message = (await session.scalars(statement.returning(Message))).first()
    if message is None:
        again = select(Message).where(Message.conversation_id == conversation.id, Message.external_id == external_id)
        return (await session.scalars(again)).one()
    conversation.updated_at = now
    await notify(session, conversation, "conversation.message")
    return message


async def notify(session: AsyncSession, conversation: Conversation, name: str) -> None:
    """Wake pages that watch this conversation, without an audit event: what was said is a row of its own."""
    payload = json.dumps({"name": name, "subject": "conversation", "id": str(conversation.id), "owner": conversation.owner})
    await session.execute(select(func.pg_notify(NOTIFY_CHANNEL, payload)))


async def messages(session: AsyncSession, conversation_id: UUID, *, after: int = 0, limit: int = 500) -> list[Message]:
    """What was said, oldest first, from message id `after` (exclusive)."""
    statement = select(Message).where(Message.conversation_id == conversation_id, Message.id > after).order_by(Message.id).limit(limit)
    return list(await session.scalars(statement))


async def request_person(core: Core, session: AsyncSession, conversation: Conversation, reason: str) -> bool:
    """Hand over to the agent queue (转人工). Returns False when a person was already asked for or is there."""
    if conversation.owner != Owner.BOT.value:
        return False
    conversation.owner = Owner.QUEUE.value
    conversation.queued_at = conversation.updated_at = core.clock.now()
    conversation.handover_reason = reason
    await _event(core, session, conversation, "bot.handoff", _CITIZEN, {"reason": reason})
    return True


async def nobody_came(core: Core, session: AsyncSession, conversation: Conversation) -> None:
    """A person was asked for and nobody is on duty: the bot goes on. Harmless when it never was handed over."""
    if conversation.owner == Owner.QUEUE.value:
        conversation.owner, conversation.queued_at, conversation.updated_at = Owner.BOT.value, None, core.clock.now()
        await _event(core, session, conversation, "conversation.given_to_bot", SYSTEM, {"why": "nobody_on_duty"})


async def take(core: Core, session: AsyncSession, actor: Actor, conversation_id: UUID) -> Conversation:
    """An agent takes a waiting web or WeChat conversation; a supervisor also one that another has in hand.

    Raises Conflict when somebody else was faster.
    """
    _needs(actor, Role.AGENT, Role.DISPATCHER, Role.SUPERVISOR)
    conversation = await get_conversation(session, conversation_id, lock=True)
    if actor.line not in (None, conversation.line):
        raise NotFound(_("没有找到这个会话"))
    if conversation.channel == "phone":
        raise IllegalStep(_("电话不能在这里接听，请用“回拨”联系来电人"))
    if conversation.owner == Owner.HUMAN.value and conversation.agent_id == actor.user_id:
        return conversation
    over = conversation.agent_id if conversation.owner == Owner.HUMAN.value and actor.has(Role.SUPERVISOR) else None
    if conversation.owner != Owner.QUEUE.value and over is None:
        raise Conflict(_("这个会话已经有人接待或已经结束"))
    conversation.owner, conversation.agent_id = Owner.HUMAN.value, actor.user_id
    await _event(core, session, conversation, "conversation.taken", actor, {"from_user": over} if over is not None else {})
    return conversation


async def say_as_agent(core: Core, session: AsyncSession, actor: Actor, conversation_id: UUID, text: str) -> Message:
    """The agent who owns the conversation answers. The channel delivers it (web by polling or stream, WeChat by outbox)."""
    conversation = await get_conversation(session, conversation_id, lock=True)
    if conversation.owner != Owner.HUMAN.value or conversation.agent_id != actor.user_id:
        raise Conflict(_("这个会话现在不由你接待，没有发送"))
    return await add_message(core, session, conversation, Author.AGENT, text)


async def give_back(core: Core, session: AsyncSession, actor: Actor, conversation_id: UUID, *, to: Owner) -> Conversation:
    """The agent ends the conversation (`to` CLOSED), gives it back to the queue or to the bot."""
    conversation = await get_conversation(session, conversation_id, lock=True)
    if conversation.owner != Owner.HUMAN.value or conversation.agent_id != actor.user_id:
        raise Conflict(_("这个会话现在不由你接待"))
    conversation.agent_id, conversation.owner = None, to.value
    if to is Owner.CLOSED:
        conversation.closed_at = core.clock.now()
    if to is Owner.BOT:
        conversation.bot_state = {**conversation.bot_state, "restart": True}
    await _event(core, session, conversation, f"conversation.given_to_{to.value}", actor, {})
    return conversation


async def close_conversation(core: Core, session: AsyncSession, conversation: Conversation) -> None:
    """The channel says that it is over."""
    if conversation.owner == Owner.CLOSED.value:
        return
    conversation.owner, conversation.agent_id = Owner.CLOSED.value, None
    conversation.closed_at = conversation.updated_at = core.clock.now()
    await _event(core, session, conversation, "conversation.closed", SYSTEM, {})


def chats_of(actor: Actor) -> ColumnElement[bool]:
    """Which chats the actor may see by their line: people bound to a line only that line's, others all (A07)."""
    return true() if actor.line is None else Conversation.line == actor.line


async def waiting(session: AsyncSession, actor: Actor) -> list[Conversation]:
    """Conversations of the actor's lines that wait for a person or are with one, longest waiting first."""
    owners = (Owner.QUEUE.value, Owner.HUMAN.value)
    statement = select(Conversation).where(Conversation.owner.in_(owners), chats_of(actor))
    return list(await session.scalars(statement.order_by(Conversation.queued_at)))


async def place_in_queue(session: AsyncSession, conversation: Conversation) -> int:
    """Which one it is of the chats that wait for a person on its line, from 1; 0 when it does not wait. Calls have a queue of their own."""
    if conversation.owner != Owner.QUEUE.value or conversation.queued_at is None:
        return 0
    sooner = (Conversation.queued_at < conversation.queued_at) | (
        (Conversation.queued_at == conversation.queued_at) & (Conversation.id < conversation.id)
    )
    before = select(func.count()).where(
        Conversation.owner == Owner.QUEUE.value, Conversation.line == conversation.line, Conversation.channel != "phone", sooner
    )
    return 1 + int(await session.scalar(before) or 0)


def _needs(actor: Actor, *roles: Role) -> None:
    if not actor.has(*roles):
        raise NotAllowed(_("你的岗位不能做这一步"))


async def _event(core: Core, session: AsyncSession, conversation: Conversation, name: str, actor: Actor, data: dict[str, Any]) -> None:
    await session.flush()
    await record(
        session,
        at=core.clock.now(),
        name=name,
        subject="conversation",
        subject_id=conversation.id,
        who=actor.who,
        data=data,
        notify={"owner": conversation.owner, "channel": conversation.channel},
    )
