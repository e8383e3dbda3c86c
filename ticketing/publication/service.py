"""Proposing an answer for everybody, passing, refusing and taking it off; what the portal shows. Flushes, never commits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import Conflict, IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.i18n import _
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import person
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.permissions import ensure, may
from ticketing.publication import personal
from ticketing.publication.models import PublicationState, PublishedAnswer
from ticketing.retention.redaction import redact
from ticketing.suggestion.places import districts
from ticketing.ticket.access import access_ticket, is_reason, public_tickets
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Confidentiality, Kind, TicketState
from ticketing.ticket.steps import tell

PROPOSE, APPROVE = "answer.propose", "answer.approve"
LENGTHS = {"title": (4, 60), "asked": (10, 1000), "answered": (10, 3000)}
"""Least and most characters of each part."""
_OVER = (TicketState.CLOSED.value, TicketState.ARCHIVED.value)


@dataclass(frozen=True)
class Words:
    """What everybody is to read."""

    title: str
    asked: str
    answered: str


def fits(ticket: Ticket) -> bool:
    """Whether this ticket may be published at all: ended with an answer, no report of a person, nothing secret."""
    ordinary = ticket.confidentiality != Confidentiality.SECRET.value and ticket.kind != Kind.REPORT.value
    return ticket.state in _OVER and bool(ticket.answer) and ordinary


async def draft(core: Core, session: AsyncSession, actor: Actor, number: str) -> tuple[Ticket, Words]:
    """The ticket and a first wording, persons covered. Raises NotFound, NotAllowed, IllegalStep (does not fit)."""
    ticket = await _own(core, session, actor, number)
    names = (await _known(core, session, ticket))[:1]
    title, asked, answered = (redact(words, names) for words in (ticket.title, ticket.content, ticket.answer or ""))
    return ticket, Words(title[: LENGTHS["title"][1]], asked[: LENGTHS["asked"][1]], answered[: LENGTHS["answered"][1]])


async def propose(core: Core, session: AsyncSession, actor: Actor, number: str, words: Words) -> PublishedAnswer:
    """Hand in a wording for another person to pass.

    Raises NotFound, NotAllowed, IllegalStep (does not fit), Conflict (one is proposed or published already), InvalidInput
    (a part is too short or too long, or tells who it is).
    """
    ticket = await _own(core, session, actor, number, lock=True)
    words = _checked(words, await _known(core, session, ticket))
    alive = PublishedAnswer.state.in_((PublicationState.PROPOSED.value, PublicationState.PUBLISHED.value))
    if await session.scalar(select(PublishedAnswer.id).where(PublishedAnswer.ticket_id == ticket.id, alive)):
        raise Conflict(_("这件工单的答复已经公开或者正在等审核"))
    district = ticket.district if ticket.district in districts() else ""  # «不详» and «全市» are no places to look under
    row = PublishedAnswer(
        ticket_id=ticket.id, state=PublicationState.PROPOSED.value, line=ticket.line, title=words.title, asked=words.asked,
        answered=words.answered, category_code=ticket.category_code, district=district, author_id=actor.account,
        proposed_at=core.clock.now(),
    )  # fmt: skip
    session.add(row)
    await session.flush()
    await tell(core, session, actor, ticket, "answer.proposed", {"publication": row.id})
    return row


async def reword(core: Core, session: AsyncSession, actor: Actor, publication_id: int, words: Words, *, seen: int) -> PublishedAnswer:
    """Other words for what waits; whoever wrote them last is the author. Raises like `propose`, Conflict when it changed."""
    row, ticket = await _locked(session, actor, publication_id, seen, PublicationState.PROPOSED)
    words = _checked(words, await _known(core, session, ticket))
    row.title, row.asked, row.answered, row.author_id = words.title, words.asked, words.answered, actor.account
    await tell(core, session, actor, ticket, "answer.proposed", {"publication": row.id})
    await session.flush()
    return row


async def approve(core: Core, session: AsyncSession, actor: Actor, publication_id: int, *, seen: int) -> PublishedAnswer:
    """The second person passes it: from now on everybody reads it.

    Raises NotAllowed (the author, or no permission), IllegalStep (it does not wait, or the ticket is handled again), Conflict.
    """
    ensure(actor, APPROVE)
    row, ticket = await _locked(session, actor, publication_id, seen, PublicationState.PROPOSED)
    if row.author_id == actor.account:
        raise NotAllowed(_("写的人不能自己审核，请另一位同事审核"))
    if not fits(ticket):
        raise IllegalStep(_("这件工单又在办理或者不能公开，不能发布"))
    _checked(Words(row.title, row.asked, row.answered), await _known(core, session, ticket))
    row.state, row.reviewer_id, row.published_at = PublicationState.PUBLISHED.value, actor.account, core.clock.now()
    await tell(core, session, actor, ticket, "answer.published", {"publication": row.id})
    await session.flush()
    return row


async def end(core: Core, session: AsyncSession, actor: Actor, publication_id: int, note: str, *, seen: int) -> PublishedAnswer:
    """Refuse what waits, or take off what is published; at once, by one person. Raises InvalidInput without a reason."""
    ensure(actor, APPROVE)
    note = note.strip()
    if not is_reason(note) or len(note) > 200:
        raise InvalidInput(_("请写明理由，4到200个字"), field="note")
    row, ticket = await _locked(session, actor, publication_id, seen, PublicationState.PROPOSED, PublicationState.PUBLISHED)
    was_public = row.state == PublicationState.PUBLISHED.value
    row.state = (PublicationState.RECALLED if was_public else PublicationState.REFUSED).value
    row.note, row.ended_at = note, core.clock.now()
    await tell(core, session, actor, ticket, "answer.recalled" if was_public else "answer.refused", {"publication": row.id, "note": note})
    await session.flush()
    return row


async def listed(session: AsyncSession, actor: Actor, state: PublicationState, *, before: int | None, limit: int) -> list[PublishedAnswer]:
    """Those in this state, newest first, for who proposes or passes."""
    _ensure_works(actor)
    statement = select(PublishedAnswer).where(PublishedAnswer.state == state.value)
    if actor.line:
        statement = statement.where(PublishedAnswer.line == actor.line)
    if before is not None:
        statement = statement.where(PublishedAnswer.id < before)
    return list(await session.scalars(statement.order_by(PublishedAnswer.id.desc()).limit(limit)))


def shown(words: str = "", *, category_group: str = "", district: str = "") -> Select[PublishedAnswer]:
    """What everybody reads, newest first. A ticket that is handled again or became secret takes its answer off by itself."""
    still = public_tickets().where(Ticket.state.in_(_OVER)).with_only_columns(Ticket.id)
    statement = select(PublishedAnswer).where(
        PublishedAnswer.state == PublicationState.PUBLISHED.value, PublishedAnswer.ticket_id.in_(still)
    )
    for word in words.split()[:5]:
        anywhere = (PublishedAnswer.title, PublishedAnswer.asked, PublishedAnswer.answered)
        statement = statement.where(or_(*(column.icontains(word, autoescape=True) for column in anywhere)))
    if category_group:
        statement = statement.where(PublishedAnswer.category_code.startswith(category_group, autoescape=True))
    if district:
        statement = statement.where(PublishedAnswer.district == district)
    return statement.order_by(PublishedAnswer.published_at.desc(), PublishedAnswer.id.desc())


def after(statement: Select[PublishedAnswer], place: tuple[datetime, int]) -> Select[PublishedAnswer]:
    """The page of `shown` behind the row that was published at this moment."""
    return statement.where(tuple_(PublishedAnswer.published_at, PublishedAnswer.id) < place)


def _ensure_works(actor: Actor) -> None:
    if not (may(actor, PROPOSE) or may(actor, APPROVE)):
        raise NotAllowed(_("你的岗位不能办理公开答复"))


async def _own(core: Core, session: AsyncSession, actor: Actor, number: str, *, lock: bool = False) -> Ticket:
    ensure(actor, PROPOSE)
    ticket = await access_ticket(core, session, actor, number, lock=lock)
    if not fits(ticket):
        raise IllegalStep(_("只有已经办结、有答复的工单可以公开；举报和保密的不公开"))
    return ticket


async def _locked(
    session: AsyncSession, actor: Actor, publication_id: int, seen: int, *states: PublicationState
) -> tuple[PublishedAnswer, Ticket]:
    """The row with its ticket, ticket first. Raises NotFound, IllegalStep (other state), Conflict (changed since it was read)."""
    _ensure_works(actor)
    found = select(PublishedAnswer).where(PublishedAnswer.id == publication_id)
    if actor.line:
        found = found.where(PublishedAnswer.line == actor.line)
    ticket_id = await session.scalar(found.with_only_columns(PublishedAnswer.ticket_id))
    if ticket_id is None:
        raise NotFound(_("没有找到这条公开答复"))
    ticket = (await session.scalars(select(Ticket).where(Ticket.id == ticket_id).with_for_update())).one()
    row = (await session.scalars(found.with_for_update().execution_options(populate_existing=True))).one()
    if row.state not in states:
        raise IllegalStep(_("这一条刚刚有人处理过了"))
    if row.version != seen:
        raise Conflict(_("文字刚刚有人改过，请看过新的再操作"))
    return row, ticket


async def _known(core: Core, session: AsyncSession, ticket: Ticket) -> list[str]:
    """What is known of the ticket's person: name first, then number and house."""
    citizen = await session.get(Citizen, ticket.citizen_id) if ticket.citizen_id else None
    who = person(core, citizen, masked=False)
    house = ticket.address if any(char.isdigit() for char in ticket.address) else ""  # a street alone is nobody's home
    return [who.name, who.phone, house, ticket.number]


def _checked(words: Words, known: list[str]) -> Words:
    """Without blanks around. Raises InvalidInput by field: length, or what of a person stands in it."""
    stripped = Words(*(getattr(words, name).replace("\r\n", "\n").strip() for name in LENGTHS))
    errors = {}
    for name, (least, most) in LENGTHS.items():
        text = getattr(stripped, name)
        if not least <= len(text) <= most:
            errors[name] = _("请写{least}到{most}个字").format(least=least, most=most)
        elif found := personal.find(text, known):
            errors[name] = _("这里还有：{what}。请改写后再提交").format(what="、".join(found))
    if errors:
        raise InvalidInput(next(iter(errors.values())), errors=errors)
    return stripped


__all__ = ["Words", "after", "approve", "draft", "end", "fits", "listed", "propose", "reword", "shown"]
