"""What waits for the plain log-ins: a case of each step at 市城市管理局 (`clerk`, `chief`) and at the centre, open today."""

from __future__ import annotations

from datetime import datetime, timedelta

from hotline.clock import CITY_ZONE, to_city
from hotline.demo import steps
from hotline.demo.plan import Planner
from hotline.demo.special import TOLD
from hotline.demo.stage import Life, Stage, Step
from ticketing.assignment.service import access_assignment
from ticketing.callback import service as callbacks
from ticketing.callback.service import CallbackResult
from ticketing.deadline.limits import Limit
from ticketing.request import extension
from ticketing.supervision import commitments, false_reply
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket import refusal
from ticketing.ticket.states import Channel, DispatchMode, HandlingKind, Kind, Satisfaction, Urgency

UNIT = "city-management"


def build(planner: Planner) -> None:
    """All of it."""
    for add in (to_sign, again, to_sign_off, to_consent, to_plan, on_site, unhappy, proposed, promised, untrue):
        add(planner)


def to_sign(planner: Planner) -> None:
    """Dispatched an hour and a half ago: to be signed, or returned with the reason."""
    planner.handle(planner.office_hours_ago(2), planner.matter("0104"), until="dispatch", pace=0.4, mode=DispatchMode.PHONE)


def again(planner: Planner) -> None:
    """The citizen was called and is not content: a second round."""
    made = planner.handle(planner.office_hours_ago(20), planner.matter("0101"), pace=0.4, mode=DispatchMode.PHONE)
    made.work(0.5, 2).do(steps.callback(Satisfaction.DISSATISFIED))


def to_sign_off(planner: Planner) -> None:
    """A reply that the chief has to sign."""
    planner.handle(planner.office_hours_ago(6), planner.matter("0102"), until="draft", pace=0.4, mode=DispatchMode.WRITTEN)


def to_consent(planner: Planner) -> None:
    """The clerk asks for more time; the chief has not consented yet."""
    made = planner.handle(planner.office_hours_ago(8), planner.matter("0101"), until="contact", pace=0.4, mode=DispatchMode.PHONE)
    made.work(0.5, 1).do(_ask_for_time)


async def _ask_for_time(stage: Stage, life: Life) -> None:
    clerk = stage.clerk(UNIT)
    assignment, ticket = await access_assignment(stage.session, clerk, life.assignment_id)
    reason = "要和市场开办方、街道一起划定疏导点，后天上午现场会商，先行劝离"
    await extension.ask(stage.core, stage.session, clerk, assignment, ticket, limit=Limit(1, "wd"), reason=reason, told=TOLD)


def to_plan(planner: Planner) -> None:
    """疑难件: a plan is due before the matter itself."""
    matter = planner.matter("0103")
    made = planner.handle(planner.office_hours_ago(7), matter, until="register")
    made.work(0.1, 0.2).do(_dispatch(HandlingKind.HARD, DispatchMode.WRITTEN)).work(0.1, 0.3).do(steps.sign(UNIT))


def on_site(planner: Planner) -> None:
    """特急: somebody is on the way, the first feedback from the place is due."""
    matter = planner.matter("0105").model_copy(update={"urgency": Urgency.EMERGENCY})
    made = planner.script(planner.now - timedelta(minutes=26), urgent=True)
    made.unit = UNIT
    made.do(steps.register_matter(matter, matter.places[0], Channel.PHONE)).wait(4, 6).do(steps.dispatch(UNIT, DispatchMode.PHONE))
    made.wait(3, 5).do(steps.sign(UNIT)).wait(2, 4).do(steps.contact(UNIT))


def _dispatch(handling: HandlingKind, mode: DispatchMode) -> Step:
    async def step(stage: Stage, life: Life) -> None:
        order = dispatching.Order(stage.units[UNIT], mode, handling=handling, instruction="情况复杂，请先报办理方案，明确分工和时间。")
        made = await dispatching.dispatch_order(stage.core, stage.session, stage.people["dispatcher"], await life.ticket(stage), order)
        life.assignment_id = made.id

    return step


def unhappy(planner: Planner) -> None:
    """不满意 on the web not two hours ago: the second visit waits for a decision."""
    made = planner.handle(planner.office_hours_ago(16), planner.matter("0104"), pace=0.4, mode=DispatchMode.PHONE)
    made.at(planner.now - timedelta(minutes=100)).do(_says_no)


async def _says_no(stage: Stage, life: Life) -> None:
    result = CallbackResult(
        Satisfaction.DISSATISFIED, solved=False, contacted=True, attitude="fair", note="修好的两盏灯昨晚又灭了，路口还是黑的"
    )
    await callbacks.finish_callback(stage.core, stage.session, await life.citizen(stage), await life.ticket(stage), result, by="web")


def proposed(planner: Planner) -> None:
    """An agent proposes not to accept; a dispatcher decides."""
    rejection = planner.stage.content.others.rejections[-1]
    made = planner.script(planner.now - timedelta(minutes=50))

    async def propose(stage: Stage, life: Life) -> None:
        ticket, agent = await life.ticket(stage), stage.people["agent"]
        await refusal.propose(stage.core, stage.session, agent, ticket, code=rejection.why, reason=rejection.reason)

    made.do(steps.register_plain(rejection, Channel.PHONE, Kind.HELP)).wait(5, 9).do(propose)


def promised(planner: Planner) -> None:
    """Two promises: one kept, one due the day after tomorrow."""
    for number, (days, what) in enumerate(((12, "本周五前把楼前六盏路灯全部换成新灯头"), (3, "后天晚上带市民到现场看修复结果"))):
        made = planner.handle(planner.past(days, days + 1), planner.matter("0104"), until="contact", pace=0.4, mode=DispatchMode.WRITTEN)
        made.work(0.3, 0.6).do(_promise(what, planner.now + timedelta(days=2) if number else None))
        if not number:
            made.work(8, 12).do(_keep).do(steps.draft(UNIT, planner.matter("0104"))).work(0.2, 0.5).do(steps.sign_off(UNIT))
            made.work(0.3, 1).do(steps.review()).work(0.5, 3).do(steps.callback(Satisfaction.SATISFIED))


def _promise(what: str, due: datetime | None) -> Step:
    async def step(stage: Stage, life: Life) -> None:
        day = to_city(due or stage.clock.now() + timedelta(days=3)).date()
        due_at = datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=CITY_ZONE)
        await commitments.promise(stage.core, stage.session, stage.clerk(UNIT), await life.ticket(stage), what=what, due_at=due_at)

    return step


async def _keep(stage: Stage, life: Life) -> None:
    for row in await commitments.of_ticket(stage.session, life.ticket_id):
        proof = "施工单位当晚换完，夜间巡查照片六张，市民电话确认都亮了"
        await commitments.decide(stage.core, stage.session, stage.clerk(UNIT), row.id, kept=True, proof=proof)


def untrue(planner: Planner) -> None:
    """The supervisor went and looked: the reply was not true. A red card, and a record for the discipline organ."""
    made = planner.handle(planner.past(6, 8), planner.matter("0502"), mode=DispatchMode.PHONE, pace=0.4)

    async def establish(stage: Stage, life: Life) -> None:
        facts = "答复称已责令安装油烟净化器并清洗，现场核查净化器没有通电，店主称无人来检查过"
        await false_reply.establish(
            stage.core, stage.session, stage.people["supervisor"], await life.ticket(stage), unit_id=stage.units[made.unit],
            facts=facts, hand_over=True,
        )  # fmt: skip

    made.work(2, 4).do(establish)
