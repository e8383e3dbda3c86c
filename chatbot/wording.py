"""Everything the bot says, as text and as speech. Gentle, short, 您; what to do next stands at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chatbot.draft import Draft, Note, Outcome, Slot, Step
from chatbot.hearing import say_digits
from chatbot.rules import Danger
from chatbot.spoken import to_spoken
from hotline.i18n import _

REGISTER = "登记下来"
PERSON = "转人工"
CALL_OFF = "取消登记"
NONE_OF_THEM = "都不是"
SKIP = "跳过"
RIGHT = "对"
WRONG = "不对"


@dataclass(frozen=True)
class Say:
    """One thing to say. `spoken` is made from `text` when it is empty."""

    text: str
    spoken: str = ""
    choices: tuple[str, ...] = ()
    article: tuple[int, int] | None = None
    """Id and version of the article that the text comes from."""
    secret: str = ""
    """Put in place of {secret} for the citizen only; the stored message shows dots."""

    @property
    def aloud(self) -> str:
        """What the voice reads."""
        return to_spoken(self.spoken or self.text)


_QUESTIONS: dict[Slot, tuple[str, str]] = {
    Slot.WHAT: ("请您说一说是什么事。", "请说，是什么事？"),
    Slot.WHERE: ("这件事发生在什么地方？请尽量说到路名、小区和楼号。", "在什么地方？"),
    Slot.WHEN: ("是什么时候的事？", "什么时候的事？"),
    Slot.CONCERNED: ("这件事涉及哪家单位、哪家店或者哪辆车？说名字或者车牌都可以。", "是哪家单位或者哪家店？"),
    Slot.NAME: ("怎么称呼您？", "请问怎么称呼您？"),
    Slot.PHONE: ("请留一个联系电话，方便承办单位与您联系。", "请说一个联系电话。"),
}
_NOTES: dict[Note, str] = {
    Note.NEED_MATTER: "要登记下来，我需要知道是什么事，一句话就可以。",
    Note.WHERE_EXACTLY: "能再具体一些吗，比如路名或者小区。",
    Note.PHONE_SHORT: "手机号是十一位数字，固定电话请加区号。不方便的话可以说跳过。",
    Note.PHONE_MORE: "好，请接着说后面的数字。",
    Note.CHANGED: "好的，已经改了。",
    Note.ADDED: "好的，已经加上了。",
    Note.CALL_OFF: "要取消登记吗？如果只是不想回答这一项，可以说“跳过”，前面说的我照样为您登记。",
}


def form_step(step: Step, *, first: bool = False) -> Say:
    """The words for a step of the form that asks something."""
    lead = "".join(_(_NOTES[note]) for note in step.notes)
    if first:
        lead = _("好的，我帮您登记。") + lead
    if step.outcome is Outcome.CONFIRM:
        return summary(step.draft, lead)
    if step.outcome is Outcome.WHICH:
        named = ("事情", "地点", "时间", *(("涉及单位",) if Slot.CONCERNED in step.draft.values else ()), "称呼", "电话")
        items = tuple(_(name) for name in named)
        return Say(lead + _("请问哪一项要改？可以直接说正确的内容。"), choices=items)
    slot = step.draft.asking or Slot.WHAT
    text, spoken = _QUESTIONS[slot]
    if Note.CALL_OFF in step.notes:
        return Say(lead, choices=(_(CALL_OFF), _(SKIP)))
    if Note.PHONE_MORE in step.notes:
        return Say(lead, choices=(_(SKIP),))
    hint = "" if slot is Slot.WHAT else _("（不清楚或不方便可以说“跳过”）")
    return Say(lead + _(text) + hint, lead + _(spoken), choices=() if slot is Slot.WHAT else (_(SKIP),))


def summary(draft: Draft, lead: str = "") -> Say:
    """Read back what was understood, and ask whether it is right."""
    skipped = _("没有说")
    lines = [
        _("事情：{value}").format(value=draft.value(Slot.WHAT) or skipped),
        _("地点：{value}").format(value=draft.value(Slot.WHERE) or skipped),
        _("时间：{value}").format(value=draft.occurred or skipped),
        *([_("涉及：{value}").format(value=draft.value(Slot.CONCERNED) or skipped)] if Slot.CONCERNED in draft.values else []),
        _("称呼：{value}").format(value=_("匿名") if draft.anonymous else draft.value(Slot.NAME) or skipped),
        _("电话：{value}").format(value=_contact(draft) or skipped),
    ]
    spoken = [draft.value(Slot.WHAT)[:60], draft.value(Slot.WHERE), draft.occurred, draft.value(Slot.CONCERNED), draft.value(Slot.NAME)]
    phone = draft.value(Slot.PHONE)
    said = "，".join(part for part in spoken if part) + (_("，电话{digits}").format(digits=say_digits(phone)) if phone else "")
    return Say(
        lead + _("我记下的是：") + "\n" + "\n".join(lines) + "\n" + _("对吗？"),
        lead + _("我记下的是，{said}。对吗？").format(said=said),
        choices=(_(RIGHT), _(WRONG)),
    )


def _contact(draft: Draft) -> str:
    if draft.value(Slot.PHONE):
        return draft.value(Slot.PHONE)
    return _("您现在用的号码") if draft.caller_known and not draft.anonymous else ""


def registered(number: str, query_code: str, due: str, *, phone: bool) -> Say:
    """The ticket exists: its number, the code, and when somebody looks at it."""
    promise = _("最晚{due}派给对口单位办理。").format(due=due) if due else ""
    text = _("已经为您登记，工单编号 {number}，查询码 {code}。请记下来，凭编号和查询码可以随时查进度。{promise}").format(
        number=number, code="{secret}", promise=promise
    )
    spoken = _("已经为您登记。工单编号是，{digits}。最后五位是，{short}。用这个电话打来就能查进度。{promise}还有别的事吗？").format(
        digits=say_digits(number), short=say_digits(number[-5:]), promise=promise
    )
    return Say(text + ("" if phone else _("还有别的事可以接着说。")), spoken, secret=query_code)


_DANGERS: dict[Danger, tuple[str, str]] = {
    Danger.FIRE: ("请马上拨打119报火警，先离开危险的地方。", "请马上拨打幺幺九，先离开危险的地方。"),
    Danger.GAS: (
        "请马上离开现场，不要开关电器，不要打火，到室外再拨打119和燃气公司抢修电话。",
        "请马上离开，不要开灯，不要打火，到室外再打幺幺九。",
    ),
    Danger.INJURY: ("请马上拨打120叫救护车。", "请马上拨打幺二零，叫救护车。"),
    Danger.CRIME: ("请马上拨打110报警，先保证自己的安全。", "请马上拨打幺幺零，先保证自己的安全。"),
    Danger.TRAFFIC: (
        "有人受伤请马上拨打120，交通事故请拨打122，人先到安全的地方。",
        "有人受伤请打幺二零，交通事故请打幺二二，人先到安全的地方。",
    ),
    Danger.LIFE: (
        "听到您这样说，我很担心您。请马上拨打110，或者全国统一心理援助热线12356，会有人陪您说话。身边有人的话，请让他陪着您。",
        "听到您这样说，我很担心您。请马上拨打幺幺零，或者心理援助热线幺二三五六，会有人陪您说话。",
    ),
    Danger.RESCUE: ("请马上拨打119求救，说清楚被困的地方，不要自己冒险。", "请马上拨打幺幺九求救，说清楚被困的地方，不要自己冒险。"),
    Danger.CHEMICAL: (
        "请马上捂住口鼻离开，往上风方向走，再拨打119；有人不舒服请拨打120。",
        "请马上捂住口鼻离开，再打幺幺九。有人不舒服请打幺二零。",
    ),
}


_ANY_DANGER = (
    "如果有人有危险，请马上拨打电话：火警119，急救120，报警110，交通事故122，先到安全的地方。",
    "如果有人有危险，请马上打电话：火警幺幺九，急救幺二零，报警幺幺零，先到安全的地方。",
)


def danger(kind: Danger | None) -> Say:
    """The right emergency line at once (all of them when it was not understood which); registering is still offered."""
    text, spoken = _DANGERS.get(kind, _ANY_DANGER) if kind is not None else _ANY_DANGER
    offer = _("需要的话，我也可以为您转人工，或者把情况登记下来。")
    return Say(_(text) + offer, _(spoken) + offer, choices=(_(PERSON), _(REGISTER)))


IN_DANGER = "有危险"
NO_DANGER = "没有危险"
_ASKED_LINES: dict[Danger, tuple[str, str]] = {
    Danger.FIRE: ("119", "幺幺九"),
    Danger.RESCUE: ("119", "幺幺九"),
    Danger.GAS: ("119", "幺幺九"),
    Danger.CHEMICAL: ("119", "幺幺九"),
    Danger.INJURY: ("120", "幺二零"),
    Danger.CRIME: ("110", "幺幺零"),
    Danger.LIFE: ("110", "幺幺零"),
}


def ask_danger(kind: Danger | None) -> Say:
    """«Is somebody in danger now?», with the number that would be called; the numbers are told here already, nobody has to answer first."""
    line, aloud = (
        _ASKED_LINES.get(kind, ("119、120、110", "幺幺九、幺二零、幺幺零"))
        if kind is not None
        else ("119、120、110", "幺幺九、幺二零、幺幺零")
    )
    return Say(
        _("现在有人有危险吗？如果有，请马上拨打{line}。没有的话，我来为您登记。").format(line=line),
        _("现在有人有危险吗？如果有，请马上打{line}。没有的话，请说没有危险。").format(line=aloud),
        choices=(_(IN_DANGER), _(NO_DANGER)),
    )


def which_article(titles: Sequence[str], *, register: bool = False) -> Say:
    """One to three articles may fit: ask which. `register`: it may be a complaint as well."""
    marks = ("一", "二", "三")
    listed = [_("第{mark}，{title}").format(mark=mark, title=title) for mark, title in zip(marks, titles, strict=False)]
    spoken = _("您是想问：") + "；".join(listed)
    return Say(
        _("您是不是想问下面的事情？可以直接点选，或者换个说法。"),
        spoken + (_("。请说第几个，要登记诉求请说登记下来。") if register else _("。请说第几个，都不是请说都不是。")),
        choices=(*titles, *((_(REGISTER),) if register else ()), _(NONE_OF_THEM)),
    )


def which_district(names: Sequence[str]) -> Say:
    """The answer differs by district: ask where they live."""
    return Say(_("这件事各区的规定不一样。请问您在哪个区？"), choices=(*names, _("不清楚")))


def handover(*, phone: bool) -> Say:
    """A person will take over."""
    if phone:
        return Say(_("好的，正在为您转接话务员，请稍等。"))
    return Say(_("好的，已经为您转人工，话务员看到后会在这里回复您。您可以先把情况写下来。"))


def foreign(line: str) -> Say:
    """Nothing for a government line."""
    return Say(
        _("抱歉，这个问题不在{line}的服务范围里，我帮不上忙。办事指南、反映问题、查办理进度，都可以问我。").format(line=line),
        choices=(PERSON,),
    )


def helped() -> Say:
    """Was the answer any help? Asked once at the end."""
    return Say(_("请问刚才的回答有帮助吗？"), _("请问刚才的回答有帮助吗？请说有帮助，或者没帮助。"), choices=(_("有帮助"), _("没帮助")))


def missed(*, again: bool) -> Say:
    """Nothing was found; the second time in a row a person is offered."""
    if again:
        return Say(_("这个问题我还是没有找到答案。需要为您转人工吗？也可以登记下来，由人工答复您。"), choices=(_(PERSON), _(REGISTER)))
    return Say(
        _("抱歉，我没有找到合适的答案。您可以换个说法再问一次，也可以登记下来，由人工答复您。"),
        _("抱歉，我没有找到答案。您可以换个说法，也可以说登记下来，或者转人工。"),
        choices=(_(REGISTER), _(PERSON)),
    )
