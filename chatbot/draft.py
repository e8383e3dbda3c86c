"""What the complaint form knows: the draft, its questions, and one step of it. How answers are understood: `chatbot.form`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from chatbot.facts import is_about_somebody
from chatbot.when import with_day

MAX_ANSWER = 4800


class Slot(StrEnum):
    """The questions, in the order in which they are asked."""

    WHAT = "what"
    WHERE = "where"
    WHEN = "when"
    CONCERNED = "concerned"
    """What or whom it is about, a shop or a car; asked only where the matter is somebody's conduct and nobody was named."""
    NAME = "name"
    PHONE = "phone"


class Outcome(StrEnum):
    """What the channel has to do next."""

    ASK = "ask"
    CONFIRM = "confirm"
    """Read the summary and ask whether it is right."""
    WHICH = "which"
    """Ask which item is wrong."""
    SUBMIT = "submit"
    CANCELLED = "cancelled"


class Note(StrEnum):
    """Something to say before the next question."""

    NEED_MATTER = "need_matter"
    WHERE_EXACTLY = "where_exactly"
    PHONE_SHORT = "phone_short"
    PHONE_MORE = "phone_more"
    CHANGED = "changed"
    CALL_OFF = "call_off"
    """Ask whether all is to be called off or only this question."""
    ADDED = "added"


@dataclass(frozen=True)
class Draft:
    """What was said so far. An empty value means skipped; a missing one was not asked yet."""

    id: str
    """Makes registration happen once, however often it is tried."""
    kind: str = "complaint"
    values: Mapping[Slot, str] = field(default_factory=dict)
    asking: Slot | None = Slot.WHAT
    """None: the summary was read and an answer to it is awaited."""
    tries: int = 0
    phone_part: str = ""
    caller_known: bool = False
    """The network told the number, so it is not asked for."""
    anonymous: bool = False
    choosing: bool = False
    """«Which item is wrong?» was asked."""
    calling_off: bool = False
    """«Shall the registration be called off?» was asked."""
    danger: str = ""
    begun: str = ""
    """When the form was opened, ISO 8601: «last night» is counted from here."""

    def value(self, slot: Slot) -> str:
        """What was said, or an empty string."""
        return self.values.get(slot, "")

    @property
    def occurred(self) -> str:
        """The words about the time, with the day that they mean."""
        said = self.value(Slot.WHEN)
        return with_day(said, datetime.fromisoformat(self.begun)) if self.begun and said else said

    def with_value(self, slot: Slot, value: str) -> Draft:
        """The draft with one answer more."""
        return replace(self, values={**self.values, slot: value.strip()[:MAX_ANSWER]}, tries=0, phone_part="", choosing=False)

    def next_question(self) -> Slot | None:
        """The first question without an answer."""
        for slot in Slot:
            if slot in self.values or (slot is Slot.PHONE and self.caller_known):
                continue
            if self.anonymous and slot in (Slot.NAME, Slot.PHONE):
                continue
            if slot is Slot.CONCERNED and not is_about_somebody(self.value(Slot.WHAT)):
                continue
            return slot
        return None

    def stored(self) -> dict[str, Any]:
        """As JSON."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**plain, "values": {slot.value: value for slot, value in self.values.items()}}

    @classmethod
    def loaded(cls, stored: Mapping[str, Any]) -> Draft:
        """From JSON as `stored` makes it; unknown fields of an older release are dropped."""
        known = {name: value for name, value in stored.items() if name in cls.__dataclass_fields__}
        known["values"] = {Slot(slot): str(value) for slot, value in stored.get("values", {}).items()}
        known["asking"] = Slot(stored["asking"]) if stored.get("asking") else None
        return cls(**known)


@dataclass(frozen=True)
class Step:
    """One step of the form."""

    draft: Draft
    outcome: Outcome
    notes: tuple[Note, ...] = ()
