"""The timeline as people tell it: chapters of the ticket's life, days within them, small things folded, the citizen's words marked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import groupby

from channels.console.timeline import Entry
from hotline.clock import to_city
from hotline.i18n import _, texts

_BEGINS = texts({
    "ticket.registered": "登记和派单",
    "ticket.redispatched": "重新派单",
    "ticket.info_requested": "等市民补充",
    "ticket.info_received": "登记和派单",
    "ticket.emergency_transferred": "紧急处置",
    "ticket.dispatched": "承办单位办理",
    "ticket.suspended": "挂账",
    "ticket.resumed": "承办单位办理",
    "dispute.opened": "争议会商",
    "dispute.ruled": "承办单位办理",
    "ticket.reply_ready": "审核答复",
    "reply.sent_back": "承办单位办理",
    "ticket.redo": "重新办理",
    "ticket.reopened": "重新办理",
    "ticket.merged": "并单",
    "ticket.unmerged": "登记和派单",
    **dict.fromkeys(
        (
            "ticket.answered", "ticket.rejected", "ticket.closed", "ticket.closed_disputed", "ticket.closed_no_contact",
            "ticket.withdrawn", "ticket.invalidated",
        ),
        "结果",
    ),
})  # fmt: skip
"""Event -> the chapter that it begins, unless that one goes on already; the events of callbacks begin theirs."""
_SMALL = frozenset(
    {
        "view.revealed", "view.recording", "export.made", "supervise.reminded", "supervise.warned", "ticket.edited", "ticket.named",
        "ticket.submitted", "attachment.added", "assignment.dated", "callback.opened", "callback.taken", "callback.put_back",
        "callback.returned", "callback.link_sent", "deadline.recomputed", "policy.moved", "exchange.pushed", "transcript.added",
        "notice.sent", "notice.resent", "notice.acknowledged", "contact.called", "ticket.archived",
    }
)  # fmt: skip
"""What nobody has to read to follow the story; kept, and shown by a click."""
_FOLDED_FROM = 2
"""A single small thing needs no more room than the line that would hide it."""


@dataclass(frozen=True)
class Passage:
    """One thing that is told, or several small ones behind one line."""

    entries: tuple[Entry, ...]

    @property
    def folded(self) -> bool:
        """Whether it is shown by a click only."""
        return len(self.entries) >= _FOLDED_FROM

    @property
    def small(self) -> bool:
        """Whether it is a small thing that stands alone."""
        return not self.folded and self.entries[0].name in _SMALL

    @property
    def words(self) -> str:
        """What is behind the line: each thing once, in its order."""
        return "、".join(dict.fromkeys(entry.title for entry in self.entries))


@dataclass(frozen=True)
class Day:
    """What happened on one day of the city."""

    at: datetime
    passages: list[Passage]


@dataclass
class Chapter:
    """A part of the ticket's life."""

    title: str
    entries: list[Entry] = field(default_factory=list)

    @property
    def days(self) -> list[Day]:
        """By days, in their order."""
        found = groupby(self.entries, key=_day)
        return [Day(entries[0].at, _passages(entries)) for entries in ([*each] for _key, each in found)]


_CALLBACK = texts("回访市民")


def chapters(story: Iterable[Entry]) -> list[Chapter]:
    """The story in chapters. Each entry is in exactly one passage; words that the entry before has just quoted are not quoted again."""
    found: list[Chapter] = []
    quoted = ""
    for entry in story:
        begins = _CALLBACK if entry.name.startswith("callback.") else _BEGINS.get(entry.name)
        if not found or (begins is not None and _(begins) != found[-1].title):
            found.append(Chapter(_(begins or "登记和派单")))
        found[-1].entries.append(replace(entry, quote="") if entry.quote and entry.quote == quoted else entry)
        quoted = entry.quote or quoted
    return found


def _day(entry: Entry) -> date:
    return to_city(entry.at).date()


def _passages(entries: list[Entry]) -> list[Passage]:
    found: list[Passage] = []
    for small, run in groupby(entries, key=lambda entry: entry.name in _SMALL):
        if small:
            found.append(Passage(tuple(run)))
        else:
            found += [Passage((entry,)) for entry in run]
    return found


__all__ = ["Chapter", "Day", "Passage", "chapters"]
