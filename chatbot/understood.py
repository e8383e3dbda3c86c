"""What a form can be filled with from all that a caller said, to the assistant and to the person after it.

Pure functions: the assistant's form (`chatbot.form`) comes first, since the caller has confirmed it word by word; what was said besides
fills what is empty there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chatbot import hearing
from chatbot.draft import Draft, Slot
from chatbot.facts import find_name, has_matter
from chatbot.places import find_time, gazetteer
from chatbot.rules import wants_person

_MOST = 4800


@dataclass(frozen=True)
class Understood:
    """Matter, place, time and contact; an empty text was not said."""

    content: str = ""
    address: str = ""
    district: str = ""
    occurred: str = ""
    name: str = ""
    phone: str = ""


def understand(form: Draft | None, said: Sequence[str]) -> Understood:
    """What `said` (the caller's sentences in their order) and the assistant's open form tell."""
    places = [place for text in said if (place := gazetteer().find(text)) and not gazetteer().is_district_only(place)]
    told = Understood(
        content=_content(said),
        address=max(places, key=len, default=""),
        district=next((found for text in said if (found := gazetteer().districts_in(text))), ""),
        occurred=next((when for text in said if (when := find_time(_without_place(text), anchored=True))), ""),
        name=next((name for text in reversed(said) if (name := find_name(_without_place(text)))), ""),
        phone=next((phone for text in reversed(said) if (phone := hearing.find_phone(_without_place(text)))), ""),
    )
    return told if form is None else _confirmed(form, told)


def _confirmed(form: Draft, told: Understood) -> Understood:
    address = form.value(Slot.WHERE) or told.address
    return Understood(
        content=told.content or form.value(Slot.WHAT),
        address=address,
        district=gazetteer().districts_in(address) or told.district,
        occurred=form.value(Slot.WHEN) or told.occurred,
        name=form.value(Slot.NAME) or told.name,
        phone=form.value(Slot.PHONE) or told.phone,
    )


def _content(said: Sequence[str]) -> str:
    """The sentences that say something of the matter, each once."""
    kept = dict.fromkeys(text.strip().rstrip("。") for text in said if _tells(text))
    return "。".join(kept)[:_MOST]


def _tells(text: str) -> bool:
    if not has_matter(text) or wants_person(text):
        return False
    if hearing.is_yes(text) or hearing.is_no(text) or hearing.is_skip(text) or hearing.is_cancel(text):
        return False
    bare = len(hearing.clean(text))
    return not (hearing.find_phone(text) and bare <= 24) and not (find_name(text) and bare <= 10)


def _without_place(text: str) -> str:
    place = gazetteer().find(text)
    return text.replace(place, " ") if place else text
