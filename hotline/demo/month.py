"""Which appeals the demo's month has, and how each of them ends. Deterministic for a given moment of the start."""

from __future__ import annotations

from datetime import datetime, timedelta

from hotline.clock import CITY_ZONE, to_city
from hotline.demo import at_centre, main_unit, robot, special, steps, talks
from hotline.demo.content import Matter
from hotline.demo.pictures import attach
from hotline.demo.plan import Planner
from hotline.demo.stage import Script
from ticketing.deadline.models import Stage as ClockStage
from ticketing.ticket.states import Channel, DispatchMode, Kind, Satisfaction, Urgency

GOOD = (Satisfaction.VERY_SATISFIED, Satisfaction.SATISFIED)


def build(planner: Planner) -> list[Script]:
    """Every script of the month."""
    for add in (closed, unreached, together, dissatisfied, corrected, returned, late, on_the_spot, refused, incomplete, taken_back):
        add(planner)
    special.build(planner)
    main_unit.build(planner)
    for add in (waiting_today, at_the_units, at_the_centre, by_stage, secret, conversations, lost_calls):
        add(planner)
    robot.build(planner)
    return planner.scripts


def closed(planner: Planner) -> None:
    """What went well: closed by a callback clerk, or rated by the citizen."""
    for number in range(66):
        made = planner.handle(planner.past(7, 30), next(planner.all))
        made.work(0.5, 6).do(steps.callback(planner.rng.choice(GOOD)))
        if number % 22 == 0:
            made.steps.insert(1, (made.steps[0][0] + timedelta(minutes=2), attach("现场照片.png")))
    for number in range(16):
        made = planner.handle(planner.past(7, 28), next(planner.all), anonymous=number < 4)
        by = "web" if number % 2 or number < 4 else "wechat"
        made.wait(30, 900).do(steps.callback(planner.rng.choice(GOOD), by_citizen=by))


def unreached(planner: Planner) -> None:
    """Three tries on two days, then closed as not reached."""
    for _number in range(5):
        made = planner.handle(planner.past(9, 28), next(planner.all))
        made.work(0.5, 3).do(steps.attempt("no_answer")).wait(60, 200).do(steps.attempt("busy"))
        made.wait(24 * 60, 26 * 60).do(steps.attempt("no_answer"))


def together(planner: Planner) -> None:
    """A lead unit and a co-unit."""
    for _number in range(4):
        made = planner.handle(planner.past(9, 28), next(planner.normal), mode=DispatchMode.WRITTEN, co_unit="linjiang")
        made.work(0.5, 6).do(steps.callback(Satisfaction.SATISFIED))


def dissatisfied(planner: Planner) -> None:
    """不满意: a second round, or closed by the supervisor because the reply stands."""
    for number in range(10):
        matter = next(planner.normal)
        made = planner.handle(planner.past(10, 28), matter)
        made.work(0.5, 6).do(steps.callback(Satisfaction.DISSATISFIED, by_citizen="web" if number % 3 == 0 else ""))
        planner.second_round(made, matter).work(0.5, 6).do(steps.callback(Satisfaction.SATISFIED))
    for _number in range(3):
        planner.handle(planner.past(9, 25), next(planner.normal)).work(1, 6).do(steps.close_disputed())


def corrected(planner: Planner) -> None:
    """The review sent the reply back once."""
    for _number in range(4):
        matter = next(planner.normal)
        made = planner.handle(planner.past(9, 25), matter, until="sign_off")
        made.work(0.3, 2).do(steps.review(accept=False))
        planner.second_round(made, matter).work(0.5, 6).do(steps.callback(Satisfaction.SATISFIED))


def _begin(planner: Planner, matter: Matter, start: datetime, *, wrong: bool = False) -> Script:
    """Registered and dispatched by telephone order; to the wrong unit when asked so."""
    place = planner.place(matter)
    right = steps.unit_of(planner.stage, matter, place)
    made = planner.script(start)
    made.unit = right if not wrong else ("parks" if right != "parks" else "city-management")
    made.do(planner.intake(matter, place)).wait(5, 20).work(0.1, 1).do(steps.dispatch(made.unit, DispatchMode.PHONE))
    if wrong:
        made.work(0.3, 2).do(steps.request_return(made.unit))
        made.unit = right
    return made


def _finish(made: Script, matter: Matter) -> Script:
    """From the draft to a satisfied citizen."""
    made.work(0.5, 3).do(steps.draft(made.unit, matter)).work(0.2, 1).do(steps.sign_off(made.unit))
    return made.work(0.3, 3).do(steps.review()).work(0.5, 6).do(steps.callback(Satisfaction.SATISFIED))


def returned(planner: Planner) -> None:
    """The first unit gave it back; one such request waits today."""
    for _number in range(4):
        matter = next(planner.normal)
        made = _begin(planner, matter, planner.past(9, 25), wrong=True)
        made.work(0.2, 1).do(steps.decide_return(approve=True)).work(0.2, 1).do(steps.dispatch(made.unit, DispatchMode.PHONE))
        made.work(0.3, 2).do(steps.sign(made.unit)).work(0.2, 1).do(steps.contact(made.unit))
        _finish(made, matter)
    for _number in range(2):
        _begin(planner, next(planner.normal), planner.office_hours_ago(3), wrong=True)


def late(planner: Planner) -> None:
    """Answered after the due time: yellow cards, half of them red ones too."""
    for number in range(8):
        matter = next(planner.normal)
        made = _begin(planner, matter, planner.past(14, 28))
        made.work(0.3, 3).do(steps.sign(made.unit)).work(0.2, 2).do(steps.contact(made.unit))
        low = 32 if number % 2 == 0 else 25
        made.work(low, low + 3).do(steps.urge())
        _finish(made, matter)
        if number % 3:
            made.work(4, 9).do(steps.rectify(made.unit))
            if number % 3 == 2:
                made.work(1, 4).do(steps.confirm_rectification())


def on_the_spot(planner: Planner) -> None:
    """Questions that an agent answers at once: rated, not rated in three days, waiting for the rating."""
    for number, entry in enumerate(planner.stage.content.others.consults * 2):
        recent = number >= 17
        start = planner.past(0.3, 1.5) if recent else planner.past(5, 29)
        made = planner.script(start)
        channel = planner.rng.choice((Channel.PHONE, Channel.PHONE, Channel.WEB))
        made.do(steps.register_plain(entry, channel, Kind.CONSULT)).wait(2, 9).do(at_centre.answer(entry.answer))
        if recent:
            continue
        if number % 3:
            made.wait(5, 600).do(steps.callback(planner.rng.choice(GOOD), by_citizen="web"))


def refused(planner: Planner) -> None:
    """Not accepted, with the right way named; handed to an emergency line; no appeal at all."""
    others = planner.stage.content.others
    for rejection in others.rejections:
        made = planner.script(planner.past(3, 27))
        made.do(steps.register_plain(rejection, Channel.PHONE, Kind.HELP)).work(0.1, 1.5).do(at_centre.reject(rejection))
    for number, emergency in enumerate(others.emergencies):
        made = planner.script(planner.now - timedelta(minutes=18) if number == 0 else planner.past(2, 27))
        made.do(steps.register_plain(emergency, Channel.PHONE, Kind.HELP)).wait(0.5, 1).do(at_centre.hand_to_emergency(emergency))
        if number:
            made.wait(20, 28).do(at_centre.follow_emergency())
    for nonsense in others.invalid:
        made = planner.script(planner.past(3, 27))
        made.do(steps.register_plain(nonsense, Channel.PHONE, Kind.HELP)).work(0.5, 2).do(at_centre.invalidate())


def incomplete(planner: Planner) -> None:
    """Something was missing: given and handled, never given, or still waited for."""
    for number, entry in enumerate(planner.stage.content.others.incomplete):
        waiting = number % 3 == 2
        started = planner.past(0.2, 1.5) if waiting else planner.past(24, 27) if number % 3 == 1 else planner.past(12, 26)
        made = planner.script(started)
        made.do(steps.register_plain(entry, Channel.WEB, Kind.HELP)).wait(10, 40).do(at_centre.ask_for_more(entry))
        if number % 3 == 0:
            made.wait(60, 900).do(at_centre.supplement("在文昌苑五号楼西侧，昨天下午开始的，照片可以加微信发给你们。"))
            matter = next(item for item in planner.stage.content.matters if item.code == entry.code)
            made.unit = steps.unit_of(planner.stage, matter, "文昌苑")
            made.work(0.2, 1).do(steps.dispatch(made.unit, DispatchMode.PHONE)).work(0.3, 2).do(steps.sign(made.unit))
            _finish(made.work(0.2, 1).do(steps.contact(made.unit)), matter)
        elif number % 3 == 1:
            made.work(46, 47).do(at_centre.ask_for_more(entry)).work(46, 47).do(at_centre.no_contact())  # past the end of the fifth day


def taken_back(planner: Planner) -> None:
    """Withdrawn by the citizen before or while it is handled."""
    for number in range(4):
        made = planner.handle(planner.past(4, 26), next(planner.normal), until="dispatch" if number % 2 else "register")
        made.wait(20, 200).do(steps.withdraw())


def waiting_today(planner: Planner) -> None:
    """What came in today and waits for the dispatcher, some of it complete already."""
    midnight = datetime.combine(to_city(planner.now).date(), datetime.min.time(), CITY_ZONE)
    span = min(timedelta(hours=3), planner.now - midnight) - timedelta(minutes=1)
    for number in range(10):
        ago = max(timedelta(minutes=1), span * (number + 0.3) / 10)
        matter = next(planner.urgent) if number in (1, 4) else next(planner.normal)
        if matter.urgency is not Urgency.NORMAL:
            ago = min(ago, timedelta(minutes=35))
        place = planner.place(matter)
        made = planner.script(planner.now - ago)
        channel = (Channel.PHONE, Channel.WEB, Channel.WECHAT)[number % 3]
        if channel is Channel.PHONE and ago > timedelta(minutes=5):
            made.do(talks.take_down(matter, place, channel))
        else:
            made.do(steps.register_matter(matter, place, channel, anonymous=number == 7, with_category=number % 2 == 0))
        if number == 4:
            made.steps.append((made.cursor + timedelta(seconds=30), attach("手机拍摄.png")))
        if number in (3, 6, 8, 9):
            made.at(planner.now - ago / 3).do(steps.submit(matter))


def at_the_units(planner: Planner) -> None:
    """In the hands of the units, at every point of the way."""
    for until, count, hours in (("dispatch", 5, 3), ("sign", 4, 6), ("contact", 6, 8), ("draft", 4, 12)):
        for number in range(count):
            planner.handle(planner.office_hours_ago(hours + number), next(planner.normal), until=until, pace=0.5, mode=DispatchMode.WRITTEN)
    for _number in range(3):
        matter = next(planner.normal)
        made = planner.handle(planner.office_hours_ago(30), matter, pace=0.5)
        made.work(1, 4).do(steps.callback(Satisfaction.DISSATISFIED))
    made = planner.handle(planner.past(6, 8), next(planner.normal), pace=0.4)
    made.work(0.5, 2).do(steps.callback(Satisfaction.SATISFIED)).at(planner.now - timedelta(hours=2)).do(steps.reopen())


def at_the_centre(planner: Planner) -> None:
    """Replies to review, citizens to call back."""
    for number in range(6):
        planner.handle(planner.office_hours_ago(9 + 0.8 * number), next(planner.normal), until="sign_off", pace=0.5)
    for number in range(8):
        planner.handle(planner.office_hours_ago(11 + 0.8 * number), next(planner.normal), pace=0.5)
    for _number in range(2):
        made = planner.handle(planner.office_hours_ago(14), next(planner.normal), pace=0.5)
        made.work(0.3, 1).do(steps.attempt("no_answer"))


def by_stage(planner: Planner) -> None:
    """Handling clocks at every stage: calm, reminder, warning, yellow card, red card."""
    wanted = ((ClockStage.CALM, 4), (ClockStage.WHITE, 4), (ClockStage.AMBER, 4), (ClockStage.YELLOW, 4), (ClockStage.RED, 3))
    for stage, count in wanted:
        for number in range(count):
            urgent = number == 0 and stage is not ClockStage.RED
            matter = next(planner.urgent) if urgent else next(planner.normal)
            mode = DispatchMode.WRITTEN if number == 2 else DispatchMode.PHONE
            start = planner.stage_start(stage, mode, matter.urgency, matter.kind)
            if start is None:  # the calendar has no such moment (long holidays): urgent clocks run every hour
                matter, mode = next(planner.urgent), DispatchMode.PHONE
                start = planner.stage_start(stage, mode, matter.urgency, matter.kind)
            if start is not None:
                _to_stage(planner, matter, mode, start, urged=stage in (ClockStage.YELLOW, ClockStage.RED))


def _to_stage(planner: Planner, matter: Matter, mode: DispatchMode, start: datetime, *, urged: bool) -> None:
    place = planner.place(matter)
    unit = steps.unit_of(planner.stage, matter, place)
    made = planner.script(start - timedelta(minutes=14), urgent=matter.urgency is not Urgency.NORMAL)
    made.do(planner.intake(matter, place)).at(start).do(steps.dispatch(unit, mode))
    made.work(0.1, 0.5).do(steps.sign(unit)).work(0.1, 0.6).do(steps.contact(unit))
    if urged:
        made.at(planner.now - timedelta(minutes=planner.rng.uniform(15, 110))).do(steps.urge())


def secret(planner: Planner) -> None:
    """A report that only named people see."""
    matter = next(item for item in planner.stage.content.matters if item.secret)
    made = planner.script(planner.office_hours_ago(10))
    made.do(steps.register_matter(matter, "云岭镇", Channel.PHONE)).work(0.2, 1).do(steps.dispatch("discipline", DispatchMode.WRITTEN))
    made.work(0.2, 1).do(steps.sign("discipline"))


def conversations(planner: Planner) -> None:
    """Guide questions that the bot answered, and chats that a person took over."""
    for number, question in enumerate(planner.stage.content.questions):
        start = planner.now - timedelta(minutes=40 + 25 * number) if number % 3 == 0 else planner.past(0.5, 12)
        planner.script(start).do(talks.ask(question))
    chats = (
        (
            "我的居住证签注过期两个月了还能补吗",
            "可以补办签注。请带居民身份证和现在的住址证明到居住地派出所，补办签注手续后居住证继续有效，不收费。",
        ),
        ("公租房合同快到期了怎么续签", "请在到期前三个月向原申请街道提交续租申请，街道复核收入和住房情况，符合条件的续签合同。"),
    )
    for asked, reply in chats:
        planner.script(planner.past(1, 6)).do(talks.chat_with_agent(asked, reply))


def lost_calls(planner: Planner) -> None:
    """Callers who hung up while they waited: called back already, and one who is still to be called."""
    made = planner.script(planner.past(2, 5)).do(talks.lost_call("我家孩子的学籍转不过来，学校让我问教育局"))
    made.wait(15, 40).do(talks.call_back("已回拨，指导家长在政务服务网提交转学申请，家长表示清楚了"))
    words = "转学由转入学校在网上发起，家长在政务服务网提交申请即可，两地学校十个工作日内办完，不用两头跑。"
    made.wait(2, 5).do(at_centre.answer(words)).wait(30, 300).do(steps.callback(Satisfaction.SATISFIED, by_citizen="web"))
    planner.script(planner.now - timedelta(minutes=11)).do(talks.lost_call("我想问一下小区门口修路要修到什么时候"))
