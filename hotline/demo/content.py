"""The demo's texts, read from the YAML files beside this module and checked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from hotline.errors import InvalidInput
from hotline.i18n import _
from ticketing.assignment.models import Facts
from ticketing.assignment.service import ReplyDraft, check_reply
from ticketing.seed.files import SeedEntry, parse_entry, parse_list, read_document
from ticketing.ticket.states import Kind, Urgency

DEMO_DIR = Path(__file__).parent


class Place(SeedEntry):
    """Where something happens."""

    district: str = Field(min_length=2)
    address: str = Field(min_length=2)


class Matter(SeedEntry):
    """What a citizen complains about, and the unit's answer."""

    code: str = Field(pattern=r"^[0-9]{4}$")
    kind: Kind = Kind.COMPLAINT
    urgency: Urgency = Urgency.NORMAL
    places: tuple[str, ...] = Field(min_length=1)
    title: str = Field(min_length=4, max_length=30)
    content: str = Field(min_length=10)
    measures: str
    basis: str = Field(min_length=4)
    secret: bool = False

    def title_at(self, place: str) -> str:
        """The title; with the place where the matter is about it rather than about the person."""
        return self.title if self.kind in (Kind.HELP, Kind.PRAISE, Kind.CONSULT) else f"{place}{self.title}"

    @property
    def reply(self) -> ReplyDraft:
        """The unit's structured reply."""
        return ReplyDraft(Facts.TRUE, self.measures, self.basis, "已电话告知市民办理情况")


class Consult(SeedEntry):
    """A question answered on the spot."""

    code: str
    content: str
    answer: str = Field(min_length=20)


class Rejection(SeedEntry):
    """What the hotline does not accept, why, and where to go instead."""

    code: str
    content: str
    why: str
    """Code of ticketing/seed/refusals.yaml."""
    reason: str = ""
    legal_way: str


class Emergency(SeedEntry):
    """What is handed to an emergency line at once."""

    code: str
    content: str
    title: str
    target: str
    place: str


class Incomplete(SeedEntry):
    """An appeal that lacks what is needed, and what was asked for."""

    code: str
    content: str
    missing: str


class Nonsense(SeedEntry):
    """Not an appeal."""

    content: str


class Others(SeedEntry):
    """Everything that is not dispatched."""

    consults: tuple[Consult, ...]
    rejections: tuple[Rejection, ...]
    emergencies: tuple[Emergency, ...]
    incomplete: tuple[Incomplete, ...]
    invalid: tuple[Nonsense, ...]


class Question(SeedEntry):
    """A guide question and the article that answers it."""

    channel: Literal["phone", "web", "wechat"]
    question: str
    slug: str


@dataclass(frozen=True)
class Content:
    """All texts of the demo."""

    matters: list[Matter]
    places: dict[str, Place]
    others: Others
    questions: list[Question]


@lru_cache(maxsize=1)
def load() -> Content:
    """Read and check the files. Raises `InvalidInput` that names file and entry."""
    path = DEMO_DIR / "places.yaml"
    places = {name: parse_entry(Place, data, path=path, entry=name) for name, data in read_document(path).items()}
    path = DEMO_DIR / "matters.yaml"
    matters = parse_list(Matter, read_document(path), path=path, key=lambda matter: matter.title)
    for matter in matters:
        faults = check_reply(matter.reply)
        if unknown := set(matter.places) - set(places):
            faults["places"] = _("places.yaml 里没有 {names}").format(names="、".join(sorted(unknown)))
        if faults:
            listing = "；".join(f"{field}：{fault}" for field, fault in faults.items())
            raise InvalidInput(_("种子数据 {path} 的“{entry}”有误：{listing}"), path=str(path), entry=matter.title, listing=listing)
    path = DEMO_DIR / "others.yaml"
    others = parse_entry(Others, read_document(path), path=path, entry=path.stem)
    path = DEMO_DIR / "dialogues.yaml"
    questions = parse_list(Question, read_document(path), path=path, key=lambda question: question.question)
    return Content(matters, places, others, questions)
