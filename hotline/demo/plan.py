"""Building blocks of the demo's month: citizens, moments, and the ordinary way of an appeal."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import cycle

from hotline.clock import CITY_ZONE, to_city
from hotline.demo import steps, talks
from hotline.demo.content import Matter
from hotline.demo.stage import Life, Script, Stage, Step
from ticketing.deadline import policy
from ticketing.deadline.compute import moments
from ticketing.deadline.models import ClockKind
from ticketing.deadline.models import Stage as ClockStage
from ticketing.ticket.states import Channel, DispatchMode, Kind, Urgency

OCCURRED = ("昨天晚上", "今天早上", "这一个星期", "最近几天", "上个月开始", "昨天下午", "")
SURNAMES = "王李张刘陈杨赵黄周吴徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹"
CHANNELS = (Channel.PHONE,) * 11 + (Channel.WECHAT,) * 4 + (Channel.WEB,) * 4 + (Channel.OPEN311,)
ORDER = ("register", "dispatch", "sign", "contact", "draft", "sign_off", "review")
"""The way of an appeal to the callback; a script may stop after any of them."""


class Planner:
    """Builds the scripts. `now` is when the demo starts: nothing is planned after it."""

    def __init__(self, stage: Stage, now: datetime) -> None:
        """Shuffle the matters once; they are used in turn, so that every one comes up."""
        self.stage, self.now, self.rng = stage, now, stage.rng
        self.scripts: list[Script] = []
        matters = [matter for matter in stage.content.matters if not matter.secret]
        self.rng.shuffle(matters)
        self.normal = cycle([matter for matter in matters if matter.urgency is Urgency.NORMAL and matter.kind is not Kind.PRAISE])
        self.urgent = cycle([matter for matter in matters if matter.urgency is not Urgency.NORMAL])
        self.all = cycle(matters)
        self._serial = 0

    def script(self, start: datetime, *, urgent: bool = False) -> Script:
        """A new citizen, whose story begins at `start`."""
        self._serial += 1
        name = self.rng.choice(SURNAMES) + self.rng.choice(("先生", "女士"))
        phone = f"1390000{1000 + self._serial * 37 % 9000:04d}"
        life = Life(self._serial, name, phone, occurred=self.rng.choice(OCCURRED))
        made = Script(life, start, self.stage.calendar, self.rng, urgent)
        self.scripts.append(made)
        return made

    def past(self, low_days: float, high_days: float) -> datetime:
        """A moment so many days ago, at an hour at which people call."""
        day = to_city(self.now - timedelta(days=self.rng.uniform(low_days, high_days))).date()
        hour = self.rng.triangular(7, 22, 10)
        return datetime(day.year, day.month, day.day, tzinfo=CITY_ZONE) + timedelta(hours=hour)

    def office_hours_ago(self, hours: float) -> datetime:
        """A moment so many office hours ago."""
        return self.stage.calendar.add_working_seconds(self.now, -hours * 3600)

    def matter(self, code: str) -> Matter:
        """The one of a category, where not every matter would fit."""
        return next(matter for matter in self.stage.content.matters if matter.code == code)

    def place(self, matter: Matter) -> str:
        """One of the matter's places."""
        return self.rng.choice(matter.places)

    def mode(self) -> DispatchMode:
        """电话交办 a little more often than 书面转办."""
        return DispatchMode.PHONE if self.rng.random() < 0.6 else DispatchMode.WRITTEN

    def intake(self, matter: Matter, place: str, *, anonymous: bool = False) -> Step:
        """How it came in: now and then the bot took it down, so that there is a transcript."""
        channel = self.rng.choice((Channel.WEB, Channel.OPEN311)) if anonymous else self.rng.choice(CHANNELS)
        if channel in (Channel.PHONE, Channel.WECHAT) and self.rng.random() < 0.3:
            return talks.take_down(matter, place, channel)
        return steps.register_matter(matter, place, channel, anonymous=anonymous)

    def handle(
        self,
        start: datetime,
        matter: Matter,
        *,
        until: str = "review",
        pace: float = 1.0,
        mode: DispatchMode | None = None,
        anonymous: bool = False,
        co_unit: str | None = None,
    ) -> Script:
        """The ordinary way, up to and with the step `until`. `pace` below one is quicker."""
        place, last = self.place(matter), ORDER.index(until)
        made = self.script(start, urgent=matter.urgency is not Urgency.NORMAL)
        unit = steps.unit_of(self.stage, matter, place)
        made.unit = unit
        made.do(self.intake(matter, place, anonymous=anonymous))
        if last >= ORDER.index("dispatch"):
            made.wait(3, 15)
            if self.rng.random() < 0.5:
                made.do(steps.submit(matter))
            made.wait(3, 20) if made.urgent else made.work(0.1, 1.5)
            made.do(steps.dispatch(unit, mode or self.mode(), co_unit))
        ways: list[tuple[str, float, float, Step]] = [
            ("sign", 0.2, 1.6, steps.sign(unit)),
            ("contact", 0.2, 1.6, steps.contact(unit)),
            ("draft", 2, 9, steps.draft(unit, matter)),
            ("sign_off", 0.2, 2, steps.sign_off(unit)),
            ("review", 0.3, 3, steps.review()),
        ]
        for name, low, high, step in ways:
            if last >= ORDER.index(name):
                made.work(low * pace, high * pace).do(step)
            if name == "sign_off" and co_unit and last >= ORDER.index(name):
                made.work(0.5, 3).do(steps.co_unit_part(co_unit, matter))
        return made

    def second_round(self, made: Script, matter: Matter) -> Script:
        """After 不满意, or after the review sent it back: the unit's next reply, up to the callback."""
        made.work(0.4, 1.2).do(steps.draft(made.unit, matter)).work(0.2, 0.8).do(steps.sign_off(made.unit))
        return made.work(0.3, 2).do(steps.review())

    def stage_start(self, wanted: ClockStage, mode: DispatchMode, urgency: Urgency, kind: Kind) -> datetime | None:
        """A dispatch moment after which the handling clock stands at `wanted` now; None when the calendar has none."""
        limit = policy.load().find(mode, urgency, kind=kind).limits.get(ClockKind.HANDLE)
        if limit is None:
            return None
        calendar, found = self.stage.calendar, []
        for minutes in range(20, 16 * 24 * 60, 20):
            start = self.now - timedelta(minutes=minutes)
            if urgency is Urgency.NORMAL and calendar.working_seconds(start, start + timedelta(minutes=1)) < 60:
                continue
            times = moments(calendar, start, limit)
            bounds = (times.white_at, times.amber_at, times.due_at, times.red_at)
            if list(ClockStage)[sum(bound <= self.now for bound in bounds)] is wanted:
                found.append(start)
        return self.rng.choice(found[:40]) if found else None
