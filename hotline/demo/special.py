"""What is rarer in a month: extension, 挂账, dispute, merging, the repeat chain, a leader's instruction, an objection, level 3."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from hotline.clock import to_city
from hotline.demo import at_centre, steps
from hotline.demo.plan import Planner
from hotline.demo.stage import Life, Script, Stage, Step
from ticketing.assignment.pass_on import pass_on
from ticketing.assignment.service import access_assignment
from ticketing.deadline.limits import Limit
from ticketing.people.actor import Actor
from ticketing.relation import investigation, merge, repeat
from ticketing.request import dispute, extension, suspension
from ticketing.request import service as requests
from ticketing.request.states import RequestKind, SuspensionReason
from ticketing.supervision import formal
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket import refusal
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Channel, DispatchMode, Kind, Satisfaction, Source, TicketState

TOLD = "已电话向市民说明原因和下一步安排，市民表示理解"


def build(planner: Planner) -> None:
    """All of it."""
    for add in (extended, suspended, disputed, merged, repeated, instructed, objected, passed_on, supervised, exchanged):
        add(planner)


def _by(login: str, function: Callable[..., Awaitable[object]], *args: object, **values: object) -> Step:
    """A service function on the ticket by somebody of the centre."""

    async def step(stage: Stage, life: Life) -> None:
        await function(stage.core, stage.session, stage.people[login], await life.ticket(stage), *args, **values)

    return step


def _ask(unit: str, function: Callable[..., Awaitable[object]], **values: object) -> Step:
    """A request of the unit's clerk with its chief's consent."""

    async def step(stage: Stage, life: Life) -> None:
        clerk = stage.clerk(unit)
        assignment, ticket = await access_assignment(stage.session, clerk, life.assignment_id)
        await function(stage.core, stage.session, clerk, assignment, ticket, **values)
        for request in await requests.pending(stage.session, ticket.id):
            await requests.consent(stage.core, stage.session, stage.chief(unit), ticket, request.id)

    return step


def _decide(login: str, kind: RequestKind, function: Callable[..., Awaitable[object]], note: str, *, approve: bool = True) -> Step:
    async def step(stage: Stage, life: Life) -> None:
        ticket = await life.ticket(stage)
        request = await requests.only_pending(stage.session, ticket, kind)
        await function(stage.core, stage.session, stage.people[login], ticket, request.id, approve=approve, note=note)

    return step


def extended(planner: Planner) -> None:
    """Asked in time: approved, refused, waiting for the supervisor."""
    ask = {"limit": Limit(2, "wd"), "reason": "材料送检，检测机构后天出具报告，现场已先行处置", "told": TOLD}
    for number, code in enumerate(("0504", "0805", "0303")):  # something of each is sent to a laboratory
        made = planner.handle(planner.office_hours_ago(12), planner.matter(code), until="contact", pace=0.5, mode=DispatchMode.PHONE)
        made.work(1, 2).do(_ask(made.unit, extension.ask, **ask))
        if number < 2:
            note = "情况属实，同意延期，抓紧办理" if number == 0 else "可以先出初步意见，不同意延期"
            made.work(0.5, 1).do(_decide("supervisor", RequestKind.EXTENSION, extension.decide, note, approve=number == 0))


def suspended(planner: Planner) -> None:
    """In winter no asphalt is laid; one request waits for the leader."""
    for number, days in enumerate((60, 120)):
        made = planner.handle(planner.past(8, 12), planner.matter("0405"), until="contact", mode=DispatchMode.WRITTEN)
        review_on = to_city(planner.now).date() + timedelta(days=days)
        reason = "需要列入明年开春的养护计划统一施工，冬季无法作业"
        values = {"reason_class": SuspensionReason.SEASON, "reason": reason, "told": TOLD, "review_on": review_on}
        made.work(1, 2).do(_ask(made.unit, suspension.ask, **values))
        if number == 0:
            made.work(0.5, 1).do(_decide("supervisor", RequestKind.SUSPENSION, suspension.decide, "同意挂账，到期复查"))


async def _overlap(stage: Stage, life: Life) -> None:
    ticket = await life.ticket(stage)
    overlap = dispute.Overlap((stage.units["water-affairs"], stage.units["ecology"]))
    words = "河道归水务，排污口归生态环境，两家职责交叉，都说不归自己"
    await dispute.open_dispute(stage.core, stage.session, stage.people["dispatcher"], ticket, words, overlap)


def disputed(planner: Planner) -> None:
    """Two units say it is the other's; one was ruled, one waits."""
    for number in range(2):
        matter = planner.matter("0504")
        made = planner.handle(planner.office_hours_ago(8 + 12 * number), matter, until="sign", pace=0.5, mode=DispatchMode.WRITTEN)
        made.work(0.5, 1).do(_overlap)
        if number:
            made.work(1, 2).do(_rule(made.unit, "water-affairs"))


def _rule(lead: str, helper: str) -> Step:
    async def step(stage: Stage, life: Life) -> None:
        ticket = await life.ticket(stage)
        co_units = () if lead == helper else (dispatching.CoUnit(stage.units[helper]),)
        order = dispatching.Order(stage.units[lead], DispatchMode.WRITTEN, co_units=co_units)
        await dispute.rule(
            stage.core, stage.session, stage.people["supervisor"], ticket, order, grounds="按市权责清单第12项，由主管单位牵头"
        )

    return step


def merged(planner: Planner) -> None:
    """Three neighbours bring the same matter within an hour."""
    matter = planner.matter("0805")  # not of the sub-platform: its own number would make another line of one of the three
    place = planner.place(matter)
    start = planner.office_hours_ago(9)
    first = planner.script(start)
    first.unit = steps.unit_of(planner.stage, matter, place)
    first.do(steps.register_matter(matter, place, Channel.PHONE)).wait(50, 60).do(steps.dispatch(first.unit, DispatchMode.PHONE))
    for number in range(2):
        other = planner.script(start + timedelta(minutes=10 + 12 * number))
        other.do(steps.register_matter(matter, place, Channel.WECHAT if number else Channel.WEB)).wait(8, 15).do(_merge(first.life))
    first.work(0.5, 1).do(steps.sign(first.unit)).work(0.3, 1).do(steps.contact(first.unit))


def _merge(master: Life) -> Step:
    async def step(stage: Stage, life: Life) -> None:
        into = await stage.session.get_one(Ticket, master.ticket_id)
        who: Actor = stage.people["dispatcher"]
        await merge.merge(stage.core, stage.session, who, await life.ticket(stage), into, reason="同一地点同一时段，三位居民反映同一件事")

    return step


def repeated(planner: Planner) -> None:
    """The same matter a second time (the unit explains) and a third time (the supervisor investigates)."""
    matter = next(planner.normal)
    place = planner.place(matter)
    earlier: Script | None = None
    for number, days in enumerate((24, 12, 2)):
        made = planner.script(planner.past(days, days + 0.5))
        made.unit = steps.unit_of(planner.stage, matter, place)
        made.do(steps.register_matter(matter, place, Channel.PHONE)).work(0.1, 0.3)
        if earlier is not None:
            made.do(_link(earlier.life)).work(0.1, 0.2)
        made.do(steps.dispatch(made.unit, DispatchMode.PHONE)).work(0.2, 1).do(steps.sign(made.unit)).work(0.2, 1).do(
            steps.contact(made.unit)
        )
        if number < 2:
            made.work(2, 4).do(steps.draft(made.unit, matter)).work(0.2, 1).do(steps.sign_off(made.unit))
            made.work(0.3, 1).do(steps.review()).work(0.5, 2).do(steps.callback(Satisfaction.SATISFIED))
        else:
            made.work(0.2, 0.5).do(_by("supervisor", investigation.take))
        earlier = made


def _link(earlier: Life) -> Step:
    async def step(stage: Stage, life: Life) -> None:
        other = await stage.session.get_one(Ticket, earlier.ticket_id)
        if TicketState(other.state).is_open:
            return  # a long holiday lies between: it is not closed yet
        await repeat.link(stage.core, stage.session, stage.people["dispatcher"], await life.ticket(stage), other)

    return step


def instructed(planner: Planner) -> None:
    """A leader read about it in the paper: seven days."""
    matter = next(planner.normal)
    place = planner.place(matter)
    made = planner.script(planner.past(3, 4))
    made.unit = steps.unit_of(planner.stage, matter, place)
    made.do(steps.register_matter(matter, place, Channel.PHONE)).work(0.2, 0.5).do(_instruct(made.unit))
    made.work(0.2, 1).do(steps.sign(made.unit))


def _instruct(unit: str) -> Step:
    async def step(stage: Stage, life: Life) -> None:
        ticket = await life.ticket(stage)
        ticket.source = Source.LEADER.value
        order = dispatching.Order(stage.units[unit], DispatchMode.LEADER, leader_days=7, instruction="请一周内办结并书面报告。")
        made = await dispatching.dispatch_order(stage.core, stage.session, stage.people["dispatcher"], ticket, order)
        life.assignment_id = made.id

    return step


def objected(planner: Planner) -> None:
    """Refused, and the citizen objects: another person decides today."""
    rejection = planner.stage.content.others.rejections[0]
    made = planner.script(planner.office_hours_ago(6))  # office hours: on a Sunday «two days ago» is no time at which anybody decides
    made.do(steps.register_plain(rejection, Channel.PHONE, Kind.HELP)).work(0.1, 0.5).do(at_centre.reject(rejection))
    made.at(planner.now - timedelta(hours=1)).do(_object())


def _object() -> Step:
    async def step(stage: Stage, life: Life) -> None:
        words = "法院说这部分不在诉讼请求里，应该由行政部门先处理"
        if (await life.ticket(stage)).state != TicketState.REJECTED.value:
            return
        await refusal.object_to(stage.core, stage.session, await life.citizen(stage), await life.ticket(stage), words)

    return step


def passed_on(planner: Planner) -> None:
    """A district passes its part on to a street."""
    made = planner.handle(planner.office_hours_ago(6), next(planner.normal), until="register")
    made.work(0.2, 0.5).do(steps.dispatch("linjiang", DispatchMode.WRITTEN)).work(0.2, 0.5).do(steps.sign("linjiang"))
    made.work(0.2, 0.5).do(_pass_on("linjiang", "binhe"))


def _pass_on(unit: str, below: str) -> Step:
    async def step(stage: Stage, life: Life) -> None:
        clerk = stage.clerk(unit)
        await pass_on(stage.core, stage.session, clerk, life.assignment_id, stage.units[below], "请今天派人到现场核实并拍照")

    return step


def supervised(planner: Planner) -> None:
    """督办: a late matter gets an order of its own."""
    made = planner.handle(planner.past(9, 10), next(planner.normal), until="contact", mode=DispatchMode.PHONE)
    made.at(planner.now - timedelta(hours=3)).do(_order(made.unit))


def _order(unit: str) -> Step:
    async def step(stage: Stage, life: Life) -> None:
        order = formal.Order(stage.units[unit], "三日内查清延误原因，办结后书面报告并附现场照片", days=3)
        await formal.issue(stage.core, stage.session, stage.people["supervisor"], await life.ticket(stage), order)

    return step


def exchanged(planner: Planner) -> None:
    """Two matters for a unit that works in a system of its own (`hotline.demo.partners`): nobody there has signed yet."""
    matters = [matter for matter in planner.stage.content.matters if planner.stage.category_units[matter.code] == "water"]
    for number in range(2):  # wall time: some of these are urgent and run at night and on Sundays
        start = planner.now - timedelta(minutes=60 + 15 * number)
        planner.handle(start, matters[number % len(matters)], until="dispatch", pace=0.2, mode=DispatchMode.PHONE)
