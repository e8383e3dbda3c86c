"""The call flow as a document: which steps the callers of a number go through, and how the queues behave.

Options of a queue are named as in Asterisk's queues.conf where they mean the same. A document that is read is whole:
every name in it is known, every text can be said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, field_validator, model_validator

from hotline import typed_yaml
from hotline.clock import to_city
from hotline.errors import InvalidInput
from hotline.i18n import _
from ticketing.calendar.working_time import WorkCalendar
from ticketing.call_flow.tongue import TongueEntry
from ticketing.seed.files import SeedEntry

SEED = Path(__file__).parent.parent / "seed" / "call_flow.yaml"
LONGEST_TEXT = 300
_WEEK = WorkCalendar()
"""Monday to Friday and the holidays of a fixed date: what holds while no calendar is at hand."""
MOST_CHARACTERS = 60_000
Text = Annotated[str, Field(min_length=2, max_length=LONGEST_TEXT)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,29}$")]
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00")


class Hours(SeedEntry):
    """Office hours in the city's time, [from, to); days 1 Monday to 7 Sunday. Left out: at any hour.

    `calendar: work` holds on working days of the official calendar (not on statutory holidays, but on the weekend days that are
    worked instead), `rest` on all other days. Together with `days` both must hold.
    """

    calendar: Literal["any", "work", "rest"] = "any"
    days: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)
    start: str = Field("00:00", alias="from")
    end: str = Field("24:00", alias="to")

    @field_validator("start", "end")
    @classmethod
    def _is_time(cls, value: str) -> str:
        if not _TIME.fullmatch(value):
            raise ValueError("时间写成08:30")
        return value

    @model_validator(mode="after")
    def _forward(self) -> Hours:
        if self.start >= self.end:
            raise ValueError("结束时间要晚于开始时间")
        if not self.days or not set(self.days) <= set(range(1, 8)):
            raise ValueError("星期是1到7")
        return self

    def open_at(self, moment: datetime, calendar: WorkCalendar = _WEEK) -> bool:
        """Whether `moment` (aware) lies in these hours. `calendar`: the city's, with holidays and make-up working days."""
        local = to_city(moment)
        if self.calendar != "any" and calendar.is_work(local.date()) != (self.calendar == "work"):
            return False
        return local.isoweekday() in self.days and self.start <= f"{local:%H:%M}" < self.end


def _as_list(value: object) -> object:
    return [value] if isinstance(value, dict | Hours) else value


AllHours = Annotated[tuple[Hours, ...], BeforeValidator(_as_list), Field(min_length=1, max_length=10)]
"""One entry or several: open when any of them holds (working days until eight, holidays until five)."""


def is_open(hours: tuple[Hours, ...], moment: datetime, calendar: WorkCalendar = _WEEK) -> bool:
    """Whether any of these hours holds at `moment`."""
    return any(each.open_at(moment, calendar) for each in hours)


class Screen(SeedEntry):
    """Callers on the nuisance list hear one sentence and the call ends."""

    step: Literal["screen"]
    say: Text


class Greet(SeedEntry):
    """The greeting of the dialled line, and that the call is recorded. `say` replaces the line's own."""

    step: Literal["greet"]
    say: Annotated[str, Field(max_length=LONGEST_TEXT)] = ""


class Announce(SeedEntry):
    """A sentence for everybody in a period: a stopped water supply, a storm."""

    step: Literal["announce"]
    say: Text
    start: date | None = Field(None, alias="from")
    until: date | None = None
    hours: AllHours = (Hours(),)

    def holds_at(self, moment: datetime, calendar: WorkCalendar = _WEEK) -> bool:
        """Whether it is said at this moment; `until` is the last day."""
        day = to_city(moment).date()
        in_period = (self.start is None or self.start <= day) and (self.until is None or day <= self.until)
        return in_period and is_open(self.hours, moment, calendar)


class Straight(SeedEntry):
    """Who has one of these needs, or called from one of these numbers, goes straight to a person when one is on duty."""

    step: Literal["straight"]
    needs: tuple[Literal["elderly", "deaf"], ...] = ("elderly",)
    say: Text


class Unheard(SeedEntry):
    """What is said when nothing was heard, or nothing was understood; after the last one the way out."""

    say: Annotated[tuple[Text, ...], Field(min_length=1, max_length=3)]
    then: Literal["person", "goodbye"]


class Talk(SeedEntry):
    """Speech first: the caller says the matter, the assistant answers. 0 calls a person at any moment."""

    step: Literal["talk"]
    barge_in_ms: Annotated[int, Field(alias="barge-in-ms", ge=0, le=1000)] = 160
    """So much of the caller's voice stops what is being said; 0: only understood words do."""
    silence: Unheard
    no_match: Annotated[Unheard, Field(alias="no-match")]


class Queue(SeedEntry):
    """Waiting for a person, in this queue; left out: in the flow's own."""

    step: Literal["queue"]
    queue: Name | None = None


class Message(SeedEntry):
    """Leaving a message."""

    step: Literal["message"]


Step = Annotated[Screen | Greet | Announce | Straight | Talk | Queue | Message, Field(discriminator="step")]


class Person(SeedEntry):
    """How a person is reached."""

    queue: Name
    hours: AllHours = (Hours(),)
    closed: Text
    """Said outside the hours and when nobody is on duty; then the assistant goes on."""


_UTILITY_NAMES = {"gas": "燃气抢修电话", "power": "供电抢修电话"}


class Emergency(SeedEntry):
    """Words of danger: the offer to connect the emergency number at once."""

    lines: tuple[Literal["110", "119", "120", "122"], ...] = ("110", "119", "120", "122")
    utilities: dict[Literal["gas", "power"], Annotated[str, Field(pattern=r"^[0-9]{3,12}$")]] = Field(default_factory=dict)
    """Numbers of the city's emergency services for gas and power. Without one, gas is offered 119 and power nothing."""
    offer: Text
    """With {line}."""
    ask: Text = "您现在有危险吗？要不要马上帮您接通{line}？需要接通，请按一，或者说接通。"
    """Said in the queue and in a message, where what was said may be danger."""
    dial: Text = "如果现在有危险，请您马上挂机拨打{line}。"
    """Said where no assistant speaks (queue, message) and the line cannot be connected."""
    connecting: Text
    failed: Text

    @field_validator("offer", "ask", "dial", "connecting", "failed")
    @classmethod
    def _names_line(cls, value: str) -> str:
        return _fillable(value, {"line": "119"})

    def line_for(self, line: str | None) -> str | None:
        """Which line is offered for a danger with this one (`ticketing.suggestion.emergency`); None: there is none to offer."""
        if line in self.lines or line in self.utilities:
            return line
        return "119" if line == "gas" and "119" in self.lines else None

    def number_of(self, line: str) -> str:
        """What is dialled for an offered line."""
        return next((number for name, number in self.utilities.items() if name == line), line)

    def name_of(self, line: str) -> str:
        """What an offered line is called when it is spoken: a number that nobody knows by heart is said with its name."""
        return _UTILITY_NAMES.get(line, "") + self.number_of(line)


class Flow(SeedEntry):
    """What callers of one or more numbers go through."""

    name: Annotated[str, Field(min_length=2, max_length=30)]
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] = "zh"
    dialect: Annotated[str, Field(pattern=r"^([a-z][a-z0-9_-]{0,29})?$")] = ""
    """Callers of these numbers are put to agents with this skill, when there are any."""
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=20)]
    person: Person
    emergency: Emergency | None = None

    @model_validator(mode="after")
    def _ends(self) -> Flow:
        if not isinstance(self.steps[-1], Talk | Queue | Message):
            raise ValueError("最后一步应是 talk、queue 或 message")
        if any(isinstance(step, Talk | Queue | Message) for step in self.steps[:-1]):
            raise ValueError("talk、queue、message 只能是最后一步")
        return self


class QueueOptions(SeedEntry):
    """One queue. Times in seconds."""

    name: Annotated[str, Field(min_length=2, max_length=30)]
    strategy: Literal["leastrecent", "fewestcalls", "random", "ringall"] = "leastrecent"
    """leastrecent: who has been idle longest; fewestcalls: who took the fewest today; ringall: everybody who is free, at once."""
    timeout: Annotated[int, Field(ge=1, le=120)] = 15
    """How long an agent's phone rings before the next one's does."""
    retry: Annotated[int, Field(ge=0, le=120)] = 5
    """After an unanswered ring the same agent is left alone for this caller so long."""
    skill_wait: Annotated[int, Field(alias="skill-wait", ge=0, le=600)] = 30
    """So long callers wait for somebody on duty who speaks their language or dialect; then whoever is free answers. Nobody there
    who does: at once (as Asterisk's QUEUE_MIN_PENALTY falls with the time waited)."""
    wrapuptime: Annotated[int, Field(ge=0, le=900)] = 30
    """话后整理: pause after a call."""
    autopause: Annotated[int, Field(ge=0, le=10)] = 2
    """So many unanswered rings in a row set an agent to a break; 0: never."""
    any_line: Annotated[bool, Field(alias="any-line")] = False
    """Agents of every line answer, whatever lines their skills name: for a queue that others overflow into."""
    maxlen: Annotated[int, Field(ge=1, le=1000)] = 50
    """More callers than this overflow at once."""
    weight: Annotated[int, Field(ge=0, le=100)] = 0
    """Agents of several queues take callers of the heavier one first."""
    announce_frequency: Annotated[int, Field(alias="announce-frequency", ge=5, le=600)] = 30
    announce_position: Annotated[bool, Field(alias="announce-position")] = True
    announce_holdtime: Annotated[bool, Field(alias="announce-holdtime")] = True
    servicelevel: Annotated[int, Field(ge=5, le=120)] = 15
    joinempty: bool = False
    """Whether callers may wait while nobody answers: everybody off duty or on a break."""
    leavewhenempty: bool = True
    """Whether those who wait are given a return call when the last agent goes off duty."""
    return_call_after: Annotated[int, Field(alias="return-call-after", ge=0, le=600)] = 60
    """When the return call that keeps the place is offered first; 0: never."""
    return_call_dial: Annotated[bool, Field(alias="return-call-dial")] = True
    """Whether the queue itself dials those return calls when it is the caller's turn; else they wait in the list of missed calls."""
    max_wait: Annotated[int, Field(alias="max-wait", ge=1, le=3600)] = 600
    """After so long: overflow."""
    overflow: Annotated[str, Field(pattern=r"^(return-call|message|queue:[a-z][a-z0-9_-]{0,29})$")] = "return-call"


Spoken = Annotated[str, Field(min_length=2, max_length=LONGEST_TEXT), AfterValidator(lambda text: _fillable(text, {"number": "1001"}))]


class Prompts(SeedEntry):
    """What agents say and write again and again (话术); `{number}` is the agent's staff number."""

    opening: Spoken
    """开场白"""
    notice: Spoken
    """一次性告知: what the caller is told once, when the matter is taken down."""
    closing: Spoken
    """结束语"""
    chat: Annotated[tuple[Spoken, ...], Field(max_length=20)] = ()
    """常用语 for written answers."""

    def of(self, number: str) -> Prompts:
        """With the agent's staff number in its places."""
        fill = {"number": number}
        spoken = {name: getattr(self, name).format(**fill) for name in ("opening", "notice", "closing")}
        return self.model_copy(update={**spoken, "chat": tuple(text.format(**fill) for text in self.chat)})


class Document(SeedEntry):
    """The whole file."""

    version: Annotated[int, Field(ge=1, le=1_000_000)]
    default: Name
    """The flow of every number that is not named."""
    numbers: dict[Annotated[str, Field(pattern=r"^[0-9]{3,20}$")], Name] = Field(default_factory=dict)
    flows: dict[Name, Flow]
    queues: dict[Name, QueueOptions]
    tongues: Annotated[dict[Name, TongueEntry], Field(max_length=50)] = Field(default_factory=dict)
    """Languages and dialects that a caller may ask for; left out: none."""
    prompts: Prompts | None = None
    """Left out, agents see none."""

    @model_validator(mode="after")
    def _names_are_known(self) -> Document:
        for name in (self.default, *self.numbers.values()):
            if name not in self.flows:
                raise ValueError(f"没有流程 {name}")
        named = [step.queue for flow in self.flows.values() for step in flow.steps if isinstance(step, Queue) and step.queue]
        for name in (*(flow.person.queue for flow in self.flows.values()), *named):
            if name not in self.queues:
                raise ValueError(f"没有队列 {name}")
        for name, queue in self.queues.items():
            other = queue.overflow.removeprefix("queue:")
            if queue.overflow.startswith("queue:") and (other not in self.queues or other == name):
                raise ValueError(f"队列 {name} 溢出到不存在的队列 {other}")
            if self._goes_round(name):
                raise ValueError(f"队列 {name} 溢出绕回自己")
        return self

    def _goes_round(self, name: str) -> bool:
        last = self.queues.get(self.overflows_of(name)[-1])
        return last is not None and last.overflow.startswith("queue:")

    def overflows_of(self, name: str) -> tuple[str, ...]:
        """This queue and those that its callers overflow into, in their order."""
        found = [name]
        while (queue := self.queues.get(found[-1])) and queue.overflow.startswith("queue:"):
            other = queue.overflow.removeprefix("queue:")
            if other in found:
                break
            found.append(other)
        return tuple(found)

    def flow_of(self, called: str) -> Flow:
        """The flow of a dialled number."""
        digits = "".join(character for character in called if character.isdigit())
        return self.flows[self.numbers.get(digits, self.default)]


def _fillable(text: str, values: Mapping[str, str]) -> str:
    try:
        text.format(**values)
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(f"只能填{'、'.join('{' + key + '}' for key in values)}") from error
    return text


def parse_text(text: str) -> Document:
    """Read and check; raises InvalidInput naming every entry at fault."""
    if len(text) > MOST_CHARACTERS:
        raise InvalidInput(_("文件太大"), field="document")
    try:
        return Document.model_validate(typed_yaml.read(text))
    except yaml.YAMLError as error:
        raise InvalidInput(_("不是正确的YAML：{reason}"), field="document", reason=" ".join(str(error).split())[:300]) from error
    except ValidationError as error:
        faults = [
            f"{'.'.join(str(part) for part in item['loc']) or '-'}：{item['msg'].removeprefix('Value error, ')}"
            for item in error.errors()[:8]
        ]
        raise InvalidInput(_("流程文件有误：{error}"), field="document", error="；".join(faults)) from error


def seed_text() -> str:
    """The document that comes with the package."""
    return SEED.read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def package_document() -> Document:
    """The document that comes with the package, read once."""
    return parse_text(seed_text())


__all__ = ["Document", "Flow", "Hours", "QueueOptions", "package_document", "parse_text", "seed_text"]
