"""Steps of supervision on a ticket: formal order, card by hand, false reply, promise. One form, one service function each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, time, timedelta

from channels.console.step import Step
from channels.console.step_buttons import COMMIT, FALSE_REPLY, GIVE_CARD, SUPERVISE, Action
from channels.console.ticket_view import TicketPage
from hotline.clock import CITY_ZONE
from hotline.errors import InvalidInput
from hotline.i18n import _
from ticketing.people.actor import Actor
from ticketing.people.permissions import may
from ticketing.supervision import cards, commitments, false_reply, formal
from ticketing.supervision.formal import Order
from ticketing.ticket.states import TicketState


def buttons(page: TicketPage, actor: Actor) -> list[Action]:
    """What of supervision this person may do on this ticket now."""
    found = []
    handled = any(item.assignment.state not in ("returned", "cancelled") for item in page.handlings)
    if handled and may(actor, "supervision.open") and TicketState(page.ticket.state).is_open:
        found.append(SUPERVISE)
    if handled and may(actor, "card.give"):
        found.append(GIVE_CARD)
    if may(actor, "card.give") and any(item.reply is not None and item.reply.signed_off_at is not None for item in page.handlings):
        found.append(FALSE_REPLY)
    if may(actor, "commitment.note") and page.ticket.state not in commitments.WITHOUT:
        found.append(COMMIT)
    return found


async def _supervise(step: Step) -> str:
    order = Order(
        unit_id=step.number("unit_id", _("请选择承办这张工单的单位")),
        demands=step.text("demands", 4000),
        days=step.number("days", _("请写明几个工作日内答复")),
        ordered_by=step.text("ordered_by", 60),
        instruction=step.text("instruction", 2000),
    )
    await formal.issue(step.core, step.session, step.actor, step.ticket, order)
    return "supervised"


async def _give_card(step: Step) -> str:
    unit = step.number("unit_id", _("请选择单位"))
    note, colour = step.text("note", 1000), step.text("colour", 10)
    await cards.give_by_hand(step.core, step.session, step.actor, step.ticket, unit_id=unit, colour=colour, note=note)
    return "carded"


async def _false_reply(step: Step) -> str:
    unit, facts = step.number("unit_id", _("请选择单位")), step.text("facts", 5000)
    hand_over = step.yes("hand_over", _("请选择是否移交"))
    organ = step.text("organ", 60)
    await false_reply.establish(
        step.core, step.session, step.actor, step.ticket, unit_id=unit, facts=facts, hand_over=hand_over, organ=organ
    )
    return "false_reply"


async def _commit(step: Step) -> str:
    day = step.day("due_at", _("请写明兑现日期"))
    if day.year > 9000:
        raise InvalidInput(_("请写明兑现日期"), field="due_at")
    due_at = datetime.combine(day + timedelta(days=1), time(0), CITY_ZONE)  # the day itself is still in time
    what, who = step.text("what", 1000), step.text("promised_by", 60)
    await commitments.promise(step.core, step.session, step.actor, step.ticket, what=what, due_at=due_at, promised_by=who)
    return "committed"


SUPERVISION_HANDLERS: dict[str, Callable[[Step], Awaitable[str]]] = {
    "supervise": _supervise,
    "give_card": _give_card,
    "false_reply": _false_reply,
    "commit": _commit,
}
SUPERVISION_PERMISSIONS = {
    "supervise": "supervision.open",
    "give_card": "card.give",
    "false_reply": "card.give",
    "commit": "commitment.note",
}

__all__ = ["SUPERVISION_HANDLERS", "SUPERVISION_PERMISSIONS", "buttons"]
