"""Yellow and red cards: giving, revoking, lists and scores. No card disappears: a revoked one stays with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.i18n import _
from ticketing.assignment.models import Assignment
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.models import Unit, User
from ticketing.people.permissions import may
from ticketing.supervision import rules
from ticketing.supervision.models import Card, CardReason
from ticketing.supervision.notices import Directory, NoticeKind, tell_people
from ticketing.supervision.rectification import drop_without_card, open_tasks
from ticketing.ticket.access import visible
from ticketing.ticket.models import Ticket
from ticketing.ticket.steps import tell

PAGE = 50


@dataclass(frozen=True)
class NewCard:
    """A card to be given."""

    ticket_id: int
    unit_id: int | None
    colour: str
    reason: str
    user_id: int | None = None
    deadline_id: int | None = None
    note: str = ""
    given_by_id: int | None = None


@dataclass(frozen=True)
class Given:
    """A card that was given now."""

    id: int
    ticket_id: int
    unit_id: int | None
    user_id: int | None
    colour: str
    reason: str
    deadline_id: int | None


async def give(core: Core, session: AsyncSession, wanted: Sequence[NewCard]) -> list[Given]:
    """Give cards, each once per clock and colour, open their rectification tasks, and turn two yellow ones into a red one.

    Returns what was really given; events and notices are the caller's. The tickets must be locked.
    """
    if not wanted:
        return []
    given = await _insert(core, session, wanted)
    yellow = {(card.ticket_id, card.unit_id) for card in given if card.colour == "yellow"}
    reds = [NewCard(ticket_id, unit_id, "red", CardReason.TWO_YELLOWS.value) for ticket_id, unit_id in await _two_yellows(session, yellow)]
    return [*given, *(await _insert(core, session, reds) if reds else [])]


async def _insert(core: Core, session: AsyncSession, wanted: Sequence[NewCard]) -> list[Given]:
    tasks = await open_tasks(core, session, {(card.ticket_id, card.unit_id) for card in wanted})
    now = core.clock.now()
    rows = [
        {
            "ticket_id": card.ticket_id,
            "deadline_id": card.deadline_id,
            "unit_id": card.unit_id,
            "user_id": card.user_id,
            "colour": card.colour,
            "reason": card.reason,
            "note": card.note,
            "at": now,
            "given_by_id": card.given_by_id,
            "state": "given",
            "rectification_id": tasks[card.ticket_id, card.unit_id],
        }
        for card in wanted
    ]
    columns = (Card.id, Card.ticket_id, Card.unit_id, Card.user_id, Card.colour, Card.reason, Card.deadline_id)
    done = await session.execute(insert(Card).on_conflict_do_nothing().returning(*columns), rows)
    return sorted((Given(*row) for row in done), key=lambda card: card.id)


async def _two_yellows(session: AsyncSession, pairs: set[tuple[int, int | None]]) -> list[tuple[int, int | None]]:
    """Units that have as many yellow cards on one ticket as make a red one, and no red one yet."""
    if not pairs:
        return []
    yellow = func.count().filter(Card.colour == "yellow")
    red = func.count().filter(Card.colour == "red")
    statement = (
        select(Card.ticket_id, Card.unit_id)
        .where(Card.ticket_id.in_({ticket_id for ticket_id, _unit in pairs}), Card.state == "given")
        .group_by(Card.ticket_id, Card.unit_id)
        .having((yellow >= rules.load().cards.yellows_for_red) & (red == 0))
    )
    return [(row.ticket_id, row.unit_id) for row in await session.execute(statement) if (row.ticket_id, row.unit_id) in pairs]


async def give_by_hand(
    core: Core,
    session: AsyncSession,
    actor: Actor,
    ticket: Ticket,
    *,
    unit_id: int,
    colour: str,
    note: str,
    reason: CardReason = CardReason.BY_HAND,
) -> Given:
    """A supervisor or leader gives a card to a unit that handles the ticket, with a reason of at least ten characters."""
    if not may(actor, "card.give"):
        raise NotAllowed(_("你的岗位不能发牌"))
    if colour not in ("yellow", "red"):
        raise InvalidInput(_("请选择黄牌还是红牌"), field="colour")
    if len(note.strip()) < 10:
        raise InvalidInput(_("请写明发牌的理由，至少10个字"), field="note")
    part = (
        select(Assignment).where(Assignment.ticket_id == ticket.id, Assignment.unit_id == unit_id).order_by(Assignment.id.desc()).limit(1)
    )
    assignment = (await session.scalars(part)).first()
    if assignment is None:
        raise InvalidInput(_("这个单位没有承办这张工单"), field="unit_id")
    card = NewCard(ticket.id, unit_id, colour, reason.value, assignment.signed_by_id, None, note.strip()[:1000], given_by_id=actor.user_id)
    given = await give(core, session, [card])
    directory = await Directory.load(session)
    for one in given:
        data = {"card": one.id, "unit": one.unit_id, "cause": one.reason, "note": note.strip()[:500] if one is given[0] else ""}
        await tell(core, session, actor, ticket, f"supervise.{one.colour}", data)
        people = [*directory.of_unit(unit_id, ticket.line), *([one.user_id] if one.user_id else [])]
        await tell_people(core, session, people, NoticeKind(one.colour), ticket, card=one.id, reason=one.reason)
    return given[0]


async def access_card(core: Core, session: AsyncSession, actor: Actor, card_id: int) -> tuple[Card, Ticket]:
    """The card and its ticket, the ticket locked. Raises NotFound for what the actor may not see."""
    statement = select(Ticket).join(Card, Card.ticket_id == Ticket.id).where(Card.id == card_id, may_see(core, actor))
    ticket = (await session.scalars(statement.with_for_update(of=Ticket))).first()
    if ticket is None:
        raise NotFound(_("没有找到这张牌"))
    return (await session.scalars(select(Card).where(Card.id == card_id).with_for_update())).one(), ticket


def may_see(core: Core, actor: Actor) -> ColumnElement[bool]:
    """Cards on tickets that the actor may see; unit people only their own unit's. For statements with Card and Ticket."""
    if not may(actor, "card.see"):
        return Card.id.is_(None)
    condition = visible(core, actor)
    return condition & (Card.unit_id == actor.unit_id) if actor.role and actor.role.in_unit else condition


async def revoke(core: Core, session: AsyncSession, actor: Actor, card_id: int, reason: str) -> None:
    """A supervisor takes a card out of the count, with a reason; the card stays visible. A red card that rested on it goes with it."""
    if not may(actor, "card.revoke"):
        raise NotAllowed(_("只有督办可以撤销牌"))
    if len(reason.strip()) < 10:
        raise InvalidInput(_("请写明撤销的理由，至少10个字"), field="reason")
    card, ticket = await access_card(core, session, actor, card_id)
    if card.state == "revoked":
        raise IllegalStep(_("这张牌已经撤销过了"))
    await _revoke_one(core, session, actor, ticket, card, reason.strip()[:1000])
    if card.colour == "yellow":
        await _revoke_baseless_red(core, session, actor, ticket, card)


async def _revoke_one(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, card: Card, reason: str) -> None:
    card.state, card.revoke_reason = "revoked", reason
    card.revoked_at, card.revoked_by_id = core.clock.now(), actor.user_id
    await session.flush()
    await drop_without_card(session, card.rectification_id)
    data = {"card": card.id, "colour": card.colour, "unit": card.unit_id, "cause": card.reason, "reason": reason}
    await tell(core, session, actor, ticket, "supervise.revoked", data)
    if card.unit_id is not None:
        people = (await Directory.load(session)).of_unit(card.unit_id, ticket.line)
        await tell_people(core, session, people, NoticeKind.REVOKED, ticket, card=card.id, colour=card.colour)


async def _revoke_baseless_red(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, yellow: Card) -> None:
    same = (Card.ticket_id == ticket.id, Card.unit_id.is_not_distinct_from(yellow.unit_id), Card.state == "given")
    left = await session.scalar(select(func.count()).where(*same, Card.colour == "yellow")) or 0
    if left >= rules.load().cards.yellows_for_red:
        return
    reds = select(Card).where(*same, Card.reason == CardReason.TWO_YELLOWS.value).with_for_update()
    for red in await session.scalars(reds):
        await _revoke_one(core, session, actor, ticket, red, _("所依据的黄牌已经撤销，两张黄牌的条件不再成立"))


@dataclass(frozen=True)
class CardLine:
    """One line of the list of cards."""

    card: Card
    number: str
    title: str
    unit: str
    person: str


async def list_cards(
    core: Core,
    session: AsyncSession,
    actor: Actor,
    *,
    unit_id: int | None = None,
    colour: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    before: tuple[datetime, int] | None = None,
    limit: int = PAGE,
) -> list[CardLine]:
    """Cards, newest first. `unit_id` 0: the centre's own. `before`: moment and id of the last card of the page before."""
    statement = (
        select(Card, Ticket.number, Ticket.title, Unit.name, User.name.label("person"))
        .join(Ticket, Ticket.id == Card.ticket_id)
        .outerjoin(Unit, Unit.id == Card.unit_id)
        .outerjoin(User, User.id == Card.user_id)
        .where(may_see(core, actor))
    )
    if unit_id is not None:
        statement = statement.where(Card.unit_id == unit_id if unit_id else Card.unit_id.is_(None))
    if colour:
        statement = statement.where(Card.colour == colour)
    if since is not None:
        statement = statement.where(Card.at >= since)
    if until is not None:
        statement = statement.where(Card.at < until)
    if before is not None:
        statement = statement.where(tuple_(Card.at, Card.id) < before)
    rows = await session.execute(statement.order_by(Card.at.desc(), Card.id.desc()).limit(limit))
    return [CardLine(row.Card, row.number, row.title, row.name or "", row.person or "") for row in rows]


@dataclass(frozen=True)
class Score:
    """A unit's cards of a stretch of time. Points are a burden: more is worse."""

    unit_id: int | None
    unit: str
    yellow: int
    red: int
    revoked: int
    points: int


async def scores(core: Core, session: AsyncSession, actor: Actor, since: datetime, until: datetime) -> list[Score]:
    """Cards by unit in [since, until), most points first; what `list_cards` shows with the same bounds adds up to it."""
    counts = Card.state == "given"
    yellow = func.count().filter(counts & (Card.colour == "yellow")).label("yellow")
    red = func.count().filter(counts & (Card.colour == "red")).label("red")
    revoked = func.count().filter(Card.state == "revoked").label("revoked")
    points = rules.load().cards.points
    total = (yellow * points["yellow"] + red * points["red"]).label("points")
    statement = (
        select(Card.unit_id, Unit.name, yellow, red, revoked, total)
        .join(Ticket, Ticket.id == Card.ticket_id)
        .outerjoin(Unit, Unit.id == Card.unit_id)
        .where(may_see(core, actor), Card.at >= since, Card.at < until)
        .group_by(Card.unit_id, Unit.name)
        .order_by(total.desc(), Card.unit_id)
    )
    return [Score(row.unit_id, row.name or "", row.yellow, row.red, row.revoked, row.points) for row in await session.execute(statement)]


async def of_ticket(session: AsyncSession, ticket_id: int) -> list[Card]:
    """All cards of a ticket, oldest first. The ticket must have come through its door."""
    return list(await session.scalars(select(Card).where(Card.ticket_id == ticket_id).order_by(Card.at, Card.id)))
