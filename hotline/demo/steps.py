"""The steps of the demo's appeals, each one call of a real service function by the person whose work it is."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from hotline.clock import to_city
from hotline.demo import pictures
from hotline.demo.content import Consult, Emergency, Incomplete, Matter, Nonsense, Rejection
from hotline.demo.replies import reply_to
from hotline.demo.stage import Life, Stage, Step
from ticketing.assignment import service as assignments
from ticketing.assignment.models import Assignment
from ticketing.assignment.service import ReplyDraft
from ticketing.callback import service as callbacks
from ticketing.callback.redo import may_order
from ticketing.callback.service import GATES, CallbackResult
from ticketing.people.actor import BOT, Actor, citizen_actor
from ticketing.relation.investigation import level
from ticketing.request import returns
from ticketing.request import service as requests
from ticketing.request.states import RequestKind
from ticketing.supervision import rectification
from ticketing.supervision.urging import urge as citizen_urges
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket.access import reveal
from ticketing.ticket.area import UNKNOWN
from ticketing.ticket.models import Ticket
from ticketing.ticket.service import Appeal, register
from ticketing.ticket.states import Channel, Confidentiality, DispatchMode, Kind, Satisfaction

PRAISES = ("处理得很快，谢谢", "问题解决了", "工作人员态度很好", "比较满意", "希望继续保持")
COMPLAINTS = ("当天好了，过两天又和原来一样，希望彻底解决", "只打了一个电话，没有人到现场来看过", "说是处理了，可是问题还在，要求重新核实")
IMPATIENT = ("已经过了答复时间，还没有人联系我，请催一下", "上次说三天给答复，今天第五天了", "来看过一次就没有下文了，请问办到哪一步了")
DISTRICT_UNITS = {"临江区": "linjiang", "青石区": "qingshi", "南湖区": "nanhu", "高新区": "gaoxin", "云岭县": "yunling"}

SUB_PLATFORM = "12319"


def _registrar(stage: Stage, channel: Channel) -> Actor:
    if channel in (Channel.PHONE, Channel.STAFF):
        return stage.people[stage.rng.choice(("agent", "agent2", "agent3"))]
    return BOT if channel is Channel.WECHAT else citizen_actor()


async def _register(stage: Stage, life: Life, appeal: Appeal, actor: Actor) -> None:
    # callers with a matter of the city's housekeeping dialled its own number, so that the sub-platform has something to do
    own_line = appeal.channel is Channel.PHONE and (appeal.category_code or "").startswith("01")
    core = replace(stage.core, line=SUB_PLATFORM) if own_line else stage.core
    made = await register(core, stage.session, actor, appeal)
    life.ticket_id, life.query_code = made.ticket.id, made.query_code


def register_matter(matter: Matter, place: str, channel: Channel, *, anonymous: bool = False, with_category: bool = True) -> Step:
    """A citizen brings a matter."""

    async def step(stage: Stage, life: Life) -> None:
        spot = stage.content.places[place]
        people = stage.people
        named = tuple(
            people[login].user_id or 0
            for login in ("dispatcher", "supervisor", "callback", "clerk-discipline", "chief-discipline")
            if matter.secret
        )
        appeal = Appeal(
            channel=channel,
            content=matter.content.replace("{place}", place),
            kind=matter.kind,
            title=matter.title_at(place),
            category_code=matter.code if with_category else None,
            urgency=matter.urgency,
            confidentiality=Confidentiality.SECRET if matter.secret else Confidentiality.MASKED,
            occurred=life.occurred,
            district=spot.district,
            address=spot.address,
            name="" if anonymous else life.name,
            phone="" if anonymous else life.phone,
            anonymous=anonymous,
            contact_by="none" if anonymous else stage.rng.choice(("phone", "phone", "phone", "sms")),
            citizen_id=life.citizen_id,
            conversation_id=life.conversation_id,
            named_user_ids=named,
        )
        await _register(stage, life, appeal, BOT if life.conversation_id else _registrar(stage, channel))

    return step


def register_plain(entry: Consult | Rejection | Emergency | Incomplete | Nonsense, channel: Channel, kind: Kind) -> Step:
    """A citizen brings something that will not be dispatched (or not yet)."""

    async def step(stage: Stage, life: Life) -> None:
        spot = stage.content.places[entry.place] if isinstance(entry, Emergency) else None
        appeal = Appeal(
            channel=channel,
            content=entry.content,
            kind=kind,
            title=entry.title if isinstance(entry, Emergency) else "",
            category_code=None if isinstance(entry, Nonsense) else entry.code,
            district=spot.district if spot else UNKNOWN,
            address=spot.address if spot else "",
            name=life.name,
            phone=life.phone,
        )
        await _register(stage, life, appeal, _registrar(stage, channel))

    return step


def unit_of(stage: Stage, matter: Matter, place: str) -> str:
    """Code of the unit that handles it: the category's, or the district's where the category belongs to «the place»."""
    unit = stage.category_units[matter.code]
    return DISTRICT_UNITS[stage.content.places[place].district] if unit == "local-street" else unit


def submit(matter: Matter) -> Step:
    """An agent completes category and urgency."""

    async def step(stage: Stage, life: Life) -> None:
        ticket = await life.ticket(stage)
        await dispatching.submit(
            stage.core, stage.session, stage.people["agent2"], ticket, category_code=matter.code, urgency=matter.urgency
        )

    return step


def dispatch(unit: str, mode: DispatchMode, co_unit: str | None = None) -> Step:
    """A dispatcher hands it to a unit."""

    async def step(stage: Stage, life: Life) -> None:
        ticket = await life.ticket(stage)
        made = await dispatching.dispatch(
            stage.core,
            stage.session,
            stage.people["dispatcher"],
            ticket,
            unit_id=stage.units[unit],
            mode=mode,
            instruction="请先联系市民，按时限办理并答复。" if co_unit is None else "请牵头会同协办单位到现场核查后统一答复。",
            co_unit_ids=(stage.units[co_unit],) if co_unit else (),
        )
        life.assignment_id = made.id

    return step


def sign(unit: str) -> Step:
    """The unit's clerk takes it over."""

    async def step(stage: Stage, life: Life) -> None:
        await assignments.sign(stage.core, stage.session, stage.clerk(unit), life.assignment_id)

    return step


def contact(unit: str) -> Step:
    """The unit's clerk speaks with the citizen."""

    async def step(stage: Stage, life: Life) -> None:
        note = stage.rng.choice(
            ("已与市民通话，了解情况并约定到现场的时间", "电话联系市民，说明办理安排和答复时限", "已上门核对情况，市民提供了照片")
        )
        way = "visit" if note.startswith("已上门") else "phone"
        await assignments.contact(stage.core, stage.session, stage.clerk(unit), life.assignment_id, way=way, note=note)

    return step


def _reply(stage: Stage, life: Life, matter: Matter, ticket: Ticket) -> ReplyDraft:
    return reply_to(matter, ticket.address, to_city(stage.clock.now()).date(), life.serial + ticket.round)


def draft(unit: str, matter: Matter) -> Step:
    """The unit's clerk writes the reply."""

    async def step(stage: Stage, life: Life) -> None:
        again = "上次处理后同样的问题又出现，原因是只做了临时处置，这次从源头整改并安排专人复查"
        ticket = await life.ticket(stage)
        answer = _reply(stage, life, matter, ticket)
        if level(ticket) > 1:
            answer = replace(answer, explanation=again)
        answer = replace(answer, attachments=await pictures.afterwards(stage, life))
        await assignments.draft_reply(stage.core, stage.session, stage.clerk(unit), life.assignment_id, answer)

    return step


def sign_off(unit: str) -> Step:
    """The unit's chief signs the reply."""

    async def step(stage: Stage, life: Life) -> None:
        await assignments.sign_off(stage.core, stage.session, stage.chief(unit), life.assignment_id)

    return step


def co_unit_part(unit: str, matter: Matter) -> Step:
    """A co-unit signs, answers and signs off its part."""

    async def step(stage: Stage, life: Life) -> None:
        found = select(Assignment.id).where(Assignment.ticket_id == life.ticket_id, Assignment.unit_id == stage.units[unit])
        part = (await stage.session.scalars(found)).one()
        await assignments.sign(stage.core, stage.session, stage.clerk(unit), part)
        answer = _reply(stage, life, matter, await life.ticket(stage))
        await assignments.draft_reply(stage.core, stage.session, stage.clerk(unit), part, answer)
        await assignments.sign_off(stage.core, stage.session, stage.chief(unit), part)

    return step


def review(*, accept: bool = True) -> Step:
    """The centre passes the reply or sends it back."""

    async def step(stage: Stage, life: Life) -> None:
        ticket = await life.ticket(stage)
        reviewer = stage.people["dispatcher2"]
        if accept:
            await callbacks.review(stage.core, stage.session, reviewer, ticket, accept=True, gates=GATES)
        else:
            note = "没有写明到现场检查的时间和结果，请补充后再报"
            await callbacks.review(stage.core, stage.session, reviewer, ticket, accept=False, note=note)

    return step


def callback(satisfaction: Satisfaction, *, by_citizen: str = "") -> Step:
    """The citizen says how it went: to a callback clerk, or by web or WeChat."""

    async def step(stage: Stage, life: Life) -> None:
        ticket = await life.ticket(stage)
        bad = satisfaction is Satisfaction.DISSATISFIED
        note = stage.rng.choice(COMPLAINTS if bad else PRAISES)
        attitude = "fair" if bad else "good"
        result = CallbackResult(satisfaction, solved=not bad, contacted=True, attitude=attitude, note=note)
        if by_citizen:
            await callbacks.finish_callback(stage.core, stage.session, await life.citizen(stage), ticket, result, by=by_citizen)
        else:
            clerk = stage.people[stage.rng.choice(("callback", "callback2"))]
            if ticket.citizen_id is not None and ticket.id % 40:  # now and then nobody looked at the number: a case for the monitoring
                await reveal(stage.core, stage.session, clerk, ticket, "回访核实办理结果")
            await callbacks.finish_callback(stage.core, stage.session, clerk, ticket, result)
        if bad and ticket.state == "callback":  # the second visit, which a person decides: by some policies the supervisor alone
            clerk, wanted = stage.people["callback"], f"按市民反映整改：{note}"
            decides = clerk if await may_order(stage.session, clerk, ticket) else stage.people["supervisor"]
            await callbacks.decide_redo(stage.core, stage.session, decides, ticket, cause="not_solved", rectification=wanted)

    return step


def attempt(outcome: str) -> Step:
    """A callback clerk does not reach the citizen."""

    async def step(stage: Stage, life: Life) -> None:
        await callbacks.record_attempt(stage.core, stage.session, stage.people["callback"], await life.ticket(stage), outcome)

    return step


def close_disputed() -> Step:
    """不满意, but the reply stands: a supervisor closes with evidence."""

    async def step(stage: Stage, life: Life) -> None:
        evidence = "经核查现场照片、执法记录和检测报告，承办单位办理合法合理，市民的诉求超出法律规定，已当面解释并告知法定途径。"
        await callbacks.close_disputed(stage.core, stage.session, stage.people["supervisor"], await life.ticket(stage), evidence=evidence)

    return step


def request_return(unit: str) -> Step:
    """The unit says that it is not its matter."""

    async def step(stage: Stage, life: Life) -> None:
        reason = "按市权责清单，该事项不属于本单位职责，建议改派给清单载明的主管单位"
        await returns.ask(stage.core, stage.session, stage.clerk(unit), life.assignment_id, reason)

    return step


def decide_return(*, approve: bool) -> Step:
    """A dispatcher decides on it."""

    async def step(stage: Stage, life: Life) -> None:
        note = "同意退单，改派主管单位" if approve else "职责清单写明由你单位牵头，请签收办理"
        ticket = await life.ticket(stage)
        request = await requests.only_pending(stage.session, ticket, RequestKind.RETURN)
        await returns.decide(stage.core, stage.session, stage.people["dispatcher"], ticket, request.id, approve=approve, note=note)

    return step


def urge() -> Step:
    """The citizen asks where it stays."""

    async def step(stage: Stage, life: Life) -> None:
        ticket = await life.ticket(stage)
        await citizen_urges(stage.core, stage.session, await life.citizen(stage), ticket, stage.rng.choice(IMPATIENT))

    return step


def rectify(unit: str) -> Step:
    """The unit says why it was late and what it changed."""

    async def step(stage: Stage, life: Life) -> None:
        for task in await rectification.of_ticket(stage.session, stage.chief(unit), life.ticket_id):
            if task.state == "open" and task.unit_id == stage.units[unit]:
                await rectification.finish(
                    stage.core, stage.session, stage.chief(unit), task.id, cause="经办人请假期间没有移交，超过时限才发现",
                    measure="已明确代理人并每天上午核对待办，本件已办结答复，对经办人作了提醒",
                )  # fmt: skip

    return step


def confirm_rectification() -> Step:
    """The supervisor is content with it."""

    async def step(stage: Stage, life: Life) -> None:
        supervisor = stage.people["supervisor"]
        for task in await rectification.of_ticket(stage.session, supervisor, life.ticket_id):
            if task.state == "done":
                await rectification.judge(stage.core, stage.session, supervisor, task.id, confirm=True)

    return step


def reopen() -> Step:
    """The citizen says that it came back."""

    async def step(stage: Stage, life: Life) -> None:
        ticket = await life.ticket(stage)
        await callbacks.reopen(stage.core, stage.session, await life.citizen(stage), ticket, "回访以后没过几天，同样的问题又出现了")

    return step


def withdraw() -> Step:
    """The citizen takes it back."""

    async def step(stage: Stage, life: Life) -> None:
        ticket = await life.ticket(stage)
        await dispatching.withdraw(stage.core, stage.session, await life.citizen(stage), ticket, "对方已经主动解决，不用再办了")

    return step
