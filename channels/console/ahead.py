"""What comes of a step, in plain words: told in its form before it is sent, and beside a request as long as it waits.

The functions run inside a transaction that is undone (`previews`): what they tell is what the core does, not what somebody wrote about it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from channels.console.step import Step
from channels.web.formats import citizen_time, month_day
from hotline.errors import HotlineError
from hotline.i18n import _
from ticketing.assignment.models import Assignment
from ticketing.deadline.limits import UNITS, Limit
from ticketing.deadline.service import extend_clock, policy_of
from ticketing.people.models import Role, Unit
from ticketing.request import service as requests
from ticketing.request.extension import rule_for
from ticketing.request.models import Request
from ticketing.request.states import RequestKind


async def _reply(_step: Step) -> list[str]:
    return [_("提交后由首席代表审签，再送中心按四关审核；审核通过才告知市民。")]


async def _ask_extension(step: Step) -> list[str]:
    """The due time that would be, who decides, and whether it can be asked for once more."""
    amount, unit = step.form.get("limit_value", ""), step.form.get("limit_unit", "wd")
    said = [_("先由首席代表同意，再送中心决定；批准以前计时照常，没有批准就按原来的期限。")]
    if not amount.isdecimal() or not 1 <= int(amount) <= 365 or unit not in UNITS:
        return said
    with suppress(HotlineError):
        deadline, rule = await rule_for(step.session, step.ticket, await step.assignment())
        if rule is None:
            return said
        before, again = deadline.due_at, (await policy_of(step.session, step.ticket)).extension(deadline.extensions + 1)
        await extend_clock(step.core, step.session, deadline, Limit(float(amount), unit))
        said.insert(0, _("同意后，期限从{before}改到{after}。").format(before=citizen_time(before), after=citizen_time(deadline.due_at)))
        said.append(_("由领导决定。") if rule.by is Role.LEADER else _("由督办决定。"))
        said.append(_("以后还可以再申请一次。") if again is not None else _("这是最后一次，以后不能再延期。"))
    return said


async def _ask_suspension(step: Step) -> list[str]:
    said = [_("先由首席代表同意，再由督办决定，超过90天的由领导决定；批准以前计时照常。")]
    with suppress(HotlineError):
        day = step.day("review_on", "-")
        said.insert(0, _("同意后办理计时暂停，到{day}恢复，剩下的时间接着算。").format(day=month_day(day)))
    return said


async def _request_return(_step: Step) -> list[str]:
    return [
        _("由派单员决定。同意后重新派给别的单位，本单位不再办理；不同意就要签收办理。"),
        _("每张工单只能申请一次；别的单位已经退过的，这次直接提交裁定。批准以前计时照常。"),
    ]


async def _asked(step: Step, kind: RequestKind) -> Request | None:
    """The request that the form is about; None when it cannot be decided any more, which the step itself says."""
    with suppress(HotlineError):
        number = step.number("request", "-")
        return await requests.access_request(step.core, step.session, step.actor, step.ticket, number, kind)
    return None


async def _decide_extension(step: Step) -> list[str]:
    request = await _asked(step, RequestKind.EXTENSION)
    if request is None or request.assignment_id is None or request.limit_value is None or request.limit_unit is None:
        return []
    said: list[str] = []
    with suppress(HotlineError):
        deadline, _rule = await rule_for(step.session, step.ticket, request.assignment_id)
        before = deadline.due_at
        if step.form.get("approve") == "no":
            said = [_("不同意：期限仍是{before}，单位会看到理由，要按时答复。").format(before=citizen_time(before))]
        else:
            await extend_clock(step.core, step.session, deadline, Limit(request.limit_value, request.limit_unit))
            words = _("同意：期限从{before}改到{after}，市民会收到告知；已经发的牌不撤。")
            said = [words.format(before=citizen_time(before), after=citizen_time(deadline.due_at))]
    return said


async def _decide_suspension(step: Step) -> list[str]:
    request = await _asked(step, RequestKind.SUSPENSION)
    if request is None or request.review_on is None:
        return []
    if step.form.get("approve") == "no":
        return [_("不同意：办理计时照常，单位继续办理。")]
    day = month_day(request.review_on)
    return [_("同意：办理计时暂停，市民会收到告知；{day}自动恢复，剩下的时间接着算，也可以提前恢复。").format(day=day)]


async def _decide_return(step: Step) -> list[str]:
    request = await _asked(step, RequestKind.RETURN)
    part = await step.session.get(Assignment, request.assignment_id) if request is not None and request.assignment_id else None
    if part is None:
        return []
    unit = await step.session.get_one(Unit, part.unit_id)
    if step.form.get("approve") == "no":
        return [_("不同意：{unit}要签收办理，不能再申请退单，原来的期限不变。").format(unit=unit.name)]
    if part.lead:
        return [_("同意：{unit}和协办单位撤出，工单回到待派单，派单计时重新开始。").format(unit=unit.name)]
    return [_("同意：{unit}不再协办，主办单位继续办理。").format(unit=unit.name)]


AHEAD: dict[str, Callable[[Step], Awaitable[list[str]]]] = {
    "reply": _reply,
    "ask_extension": _ask_extension,
    "ask_suspension": _ask_suspension,
    "request_return": _request_return,
    "decide_extension": _decide_extension,
    "decide_suspension": _decide_suspension,
    "decide_return": _decide_return,
}
"""Form -> what it tells."""


def what_next(request: Request) -> str:
    """Beside a request that waits: for whom, and what goes on meanwhile."""
    consented = request.consented_at is not None
    match RequestKind(request.kind):
        case RequestKind.RETURN:
            return _("等派单员决定：同意就改派别的单位，不同意就要签收办理。期间计时照常。")
        case RequestKind.EXTENSION:
            who = _("等中心决定") if consented else _("等首席代表同意，再送中心决定")
            return _("{who}。到期以前没有批准，就按原来的期限。").format(who=who)
        case RequestKind.SUSPENSION:
            who = _("等中心决定") if consented else _("等首席代表同意，再送中心决定")
            return _("{who}。批准以前计时照常，请继续办理。").format(who=who)
        case RequestKind.DISPUTE:
            return _("等裁定主办单位；裁定以后不能再退单。")
        case _:
            return _("等派单员决定是否受理。")


__all__ = ["AHEAD", "what_next"]
