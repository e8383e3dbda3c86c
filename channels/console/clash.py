"""Two people on one ticket: what somebody typed beside what stands there now, field by field, after a step was refused with 409."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from channels.console.kept import label_of, said_of
from channels.console.ticket_view import TicketPage

_OF_TICKET = ("title", "category_code", "urgency", "confidentiality", "handling", "district", "street", "community", "address", "occurred")
_OF_REPLY = ("facts", "measures", "basis", "contact_note", "explanation", "legal_procedure", "legal_limit")
_COLUMNS = {"handling": "handling_kind"}
_STEPS = {**dict.fromkeys(("edit", "submit", "dispatch"), _OF_TICKET), "reply": _OF_REPLY}


@dataclass(frozen=True)
class Clash:
    """One field."""

    name: str
    label: str
    now: str
    mine: str
    now_words: str
    mine_words: str


def clashes(page: TicketPage, action: str, entered: Mapping[str, str]) -> list[Clash]:
    """The fields of the form that say something else than what is saved now. Both stay at hand: either can be put in."""
    source: object = page.ticket
    if action == "reply":
        source = page.mine.reply if page.mine else None
    found = []
    for name in _STEPS.get(action, ()) if source is not None else ():
        now = str(getattr(source, _COLUMNS.get(name, name), "") or "").strip()
        mine = entered.get(name, "").strip().replace("\r\n", "\n")
        if name in entered and mine != now:
            found.append(Clash(name, label_of(name), now, mine, said_of(name, now, page.units), said_of(name, mine, page.units)))
    return found


__all__ = ["Clash", "clashes"]
