"""The complaint form (诉求登记) as pure functions: a draft and an utterance in, the next draft and what to do out.

Questions: what, where, when, who is concerned (where it matters), name, phone. Each may be skipped, corrected at any time, and the
whole be called off.
What is already said in the first sentence is not asked again. Nothing here knows a database, Rasa or a channel.
"""

from __future__ import annotations

import re
from dataclasses import replace

from chatbot import hearing
from chatbot.draft import Draft, Note, Outcome, Slot, Step
from chatbot.facts import concerned_words, find_concerned, find_name, has_matter, is_vague_place, place_words, short_name
from chatbot.intents import UNSURE, Hint, Intent
from chatbot.places import find_time, gazetteer

_TRIES = 2
"""How often an answer that cannot be used is asked for again before the form goes on without it."""

_NAMED = {
    Slot.WHERE: r"地址|地点|位置|地方",
    Slot.WHEN: r"时间|日期",
    Slot.PHONE: r"电话|号码|手机号?|联系方式",
    Slot.NAME: r"名字|姓名|称呼|姓",
    Slot.WHAT: r"内容|事情|事项|问题|描述",
    Slot.CONCERNED: r"涉及(?:单位|的?公司|对象)?|单位|公司名?|店名|商家|车牌号?",
}
_WRONG = r"(?:不对|不是|错了|写错了|说错了|记错了|有误|有错|要改|改一下|改下|改|换一下|换个|换|更正)"
_SAYS = r"(?:[，,、\s]*(?:应该|应当|改|换)?(?:是|成|为|在|叫|到)?)"
_UNNAMED_FIX = re.compile(rf"^(?:不+对+|错了|说错了|我说错了|不是的?[，,、\s]+|不是(?=是))[，,、\s]*(?:我说的)?{_SAYS}(?P<value>.+)$")
_NOT_BUT = re.compile(r"^不(?:是|在)(?P<old>.{1,20}?)[，,、\s]*(?:而是|是|在)(?P<value>.{2,})$")


def open_draft(text: str, *, draft_id: str, kind: str = "complaint", caller_known: bool = False, danger: str = "", begun: str = "") -> Step:
    """Start the form with the citizen's first sentence: it is the description if it says anything."""
    draft = Draft(id=draft_id, kind=kind, caller_known=caller_known, danger=danger, begun=begun)
    if has_matter(text):
        draft = _take_facts(draft.with_value(Slot.WHAT, text), text)
    return _ask_next(draft)


def hear(draft: Draft, text: str, hint: Hint = UNSURE) -> Step:
    """One answer of the citizen."""
    if draft.calling_off:
        draft = replace(draft, calling_off=False)
        if hearing.is_yes(text) or hearing.is_cancel(text):
            return Step(draft, Outcome.CANCELLED)
        if hearing.is_no(text):
            return Step(draft, Outcome.ASK)
    elif draft.asking in (Slot.NAME, Slot.PHONE) and _NEVER_MIND.fullmatch(hearing.clean(text)):
        return Step(replace(draft, calling_off=True), Outcome.ASK, (Note.CALL_OFF,))
    if _calls_off(draft, text, hint):
        return Step(draft, Outcome.CANCELLED)
    fixed = _correction(draft, text)
    if fixed is not None:
        return fixed
    if draft.asking is None:
        return _hear_verdict(draft, text, hint)
    if hearing.is_skip(text) or (hint.is_(Intent.SKIP, least=0.8) and len(hearing.clean(text)) <= 8):
        return _skip(draft, draft.asking, text)
    if hearing.is_yes(text) and draft.asking is not Slot.WHAT:
        return _unusable(draft, draft.asking)
    return _HEARERS[draft.asking](draft, text)


_UNWANTED = re.compile(r"(?:不用|不要|不需要|不必)(?:了|登记|谢谢|吧)*")
_NEVER_MIND = re.compile(r"(?:那|那就|还是|我)*(?:算了|不说了|不想说了)+(?:吧|啊)*")
"""Said to «your name, your number?» it may mean the number or the whole complaint: that is asked, once."""


def _calls_off(draft: Draft, text: str, hint: Hint) -> bool:
    if draft.asking is Slot.WHAT and _UNWANTED.fullmatch(hearing.clean(text)):
        return True
    return hearing.is_cancel(text) or (hint.is_(Intent.CANCEL, least=0.8) and len(hearing.clean(text)) <= 8 and not hearing.is_skip(text))


def _ask_next(draft: Draft, *notes: Note) -> Step:
    question = draft.next_question()
    draft = replace(draft, asking=question, choosing=False)
    return Step(draft, Outcome.CONFIRM if question is None else Outcome.ASK, notes)


def _unusable(draft: Draft, slot: Slot, *notes: Note) -> Step:
    """The answer answers something else: ask once more, then go on without."""
    if draft.tries >= 1:
        return _ask_next(draft if slot in draft.values else draft.with_value(slot, ""))
    return Step(replace(draft, tries=draft.tries + 1), Outcome.ASK, notes)


def _skip(draft: Draft, slot: Slot, text: str) -> Step:
    if slot is Slot.WHAT and draft.tries < 1:
        return Step(replace(draft, tries=draft.tries + 1), Outcome.ASK, (Note.NEED_MATTER,))
    if slot in (Slot.NAME, Slot.PHONE) and "匿名" in text:
        draft = replace(draft, anonymous=True)
    return _ask_next(draft.with_value(slot, ""))


def _hear_what(draft: Draft, text: str) -> Step:
    if not has_matter(text) and draft.tries < _TRIES:
        return Step(replace(draft, tries=draft.tries + 1), Outcome.ASK, (Note.NEED_MATTER,))
    return _ask_next(_take_facts(draft.with_value(Slot.WHAT, text), text))


def _hear_where(draft: Draft, text: str) -> Step:
    known = gazetteer().find(text)
    if not known and (other := _out_of_turn(draft, Slot.WHERE, text)):
        return other
    place = known if known and len(hearing.clean(text)) > len(known) + 8 else place_words(text)
    if (gazetteer().is_district_only(place) or is_vague_place(text)) and draft.tries < 1:
        return Step(replace(draft, tries=1), Outcome.ASK, (Note.WHERE_EXACTLY,))
    district = gazetteer().districts_in(draft.value(Slot.WHAT))
    draft = draft.with_value(Slot.WHERE, place if not district or district in place else district + place)
    return _ask_next(_take_facts(draft, text))


def _out_of_turn(draft: Draft, asked: Slot, text: str) -> Step | None:
    """Something else than what was asked for: keep it where it belongs, and ask again (once)."""
    if draft.tries >= 1:
        return None
    meant = _slot_of(text)
    if meant is None and asked is not Slot.PHONE and _tells_more(text):
        return Step(replace(supplement(draft, text), asking=asked, tries=1), Outcome.ASK)
    if meant in (None, asked):
        return None
    taken = _take_facts(draft, text)
    if meant is Slot.WHERE and not gazetteer().find(draft.value(Slot.WHERE)):
        taken = _set(taken, Slot.WHERE, text)
    return Step(replace(taken, asking=asked, tries=1), Outcome.ASK)


def _tells_more(text: str) -> bool:
    """Whether a sentence goes on telling instead of answering: long, or with the marks of a sentence."""
    said = hearing.clean(text)
    return len(said) >= 7 and bool(re.search(r"[不没都老总也还]|坏|吵|漏|了$|半夜|天天", said))


def _hear_when(draft: Draft, text: str) -> Step:
    time = find_time(text)
    if not time and (other := _out_of_turn(draft, Slot.WHEN, text)):
        return other
    mixed = find_name(text) or hearing.find_phone(text) or gazetteer().find(text)
    return _ask_next(_take_facts(draft.with_value(Slot.WHEN, time if time and mixed else text[:200]), text))


def _hear_concerned(draft: Draft, text: str) -> Step:
    if not find_concerned(text) and (other := _out_of_turn(draft, Slot.CONCERNED, text)):
        return other
    return _ask_next(_take_facts(draft.with_value(Slot.CONCERNED, find_concerned(text) or concerned_words(text)), text))


def _hear_name(draft: Draft, text: str) -> Step:
    name = find_name(text) or short_name(text)
    if name:
        return _ask_next(_take_facts(draft.with_value(Slot.NAME, name), text))
    if Slot.PHONE not in (filled := _take_facts(draft, text)).values and draft.tries < 1:
        return _out_of_turn(draft, Slot.NAME, text) or Step(replace(filled, tries=1), Outcome.ASK)
    return _ask_next(filled.with_value(Slot.NAME, ""))


def _hear_phone(draft: Draft, text: str) -> Step:
    digits = "".join(hearing.digit_runs(text))
    phone = hearing.find_phone(draft.phone_part + digits if draft.phone_part and digits else text) or hearing.find_phone(text)
    if phone:
        return _ask_next(draft.with_value(Slot.PHONE, phone))
    if draft.tries >= _TRIES:
        return _ask_next(draft.with_value(Slot.PHONE, ""))
    if name := find_name(text):
        return Step(replace(draft, values={**draft.values, Slot.NAME: name}, tries=draft.tries + 1), Outcome.ASK)
    heard = draft.phone_part + digits
    if 3 <= len(heard) < 11 and heard.startswith("1"):
        return Step(replace(draft, tries=draft.tries + 1, phone_part=heard), Outcome.ASK, (Note.PHONE_MORE,))
    return Step(replace(draft, tries=draft.tries + 1, phone_part=""), Outcome.ASK, (Note.PHONE_SHORT,))


_HEARERS = {
    Slot.WHAT: _hear_what,
    Slot.WHERE: _hear_where,
    Slot.WHEN: _hear_when,
    Slot.CONCERNED: _hear_concerned,
    Slot.NAME: _hear_name,
    Slot.PHONE: _hear_phone,
}


def _hear_verdict(draft: Draft, text: str, hint: Hint) -> Step:
    """The answer to «is that right?»."""
    said = hearing.clean(text)
    if draft.choosing:
        return _hear_choice(draft, text)
    if hearing.is_yes(text) or (hint.is_(Intent.AFFIRM, least=0.6) and len(said) <= 8):
        return Step(draft, Outcome.SUBMIT)
    if hearing.is_no(text) or (hint.is_(Intent.DENY, least=0.6) and len(said) <= 6):
        return Step(replace(draft, choosing=True, tries=draft.tries + 1), Outcome.WHICH)
    if len(said) >= 6 and not hearing.is_question(text):
        return Step(replace(supplement(draft, text), asking=None), Outcome.CONFIRM, (Note.ADDED,))
    if draft.tries >= _TRIES:
        return Step(draft, Outcome.SUBMIT)  # an appeal is never lost because «yes» was not understood
    return Step(replace(draft, tries=draft.tries + 1), Outcome.CONFIRM)


def _hear_choice(draft: Draft, text: str) -> Step:
    """The answer to «which item is wrong?»: the item's name, its new content, or that all is right after all."""
    for slot, names in _NAMED.items():
        if re.search(names, text):
            return Step(replace(draft, asking=slot, choosing=False, tries=0), Outcome.ASK)
    meant = _slot_of(text)
    if meant is not None:
        return _ask_next(_set(draft, meant, text), Note.CHANGED)
    if hearing.is_yes(text) or hearing.is_skip(text) or draft.tries >= _TRIES + 1:
        return Step(replace(draft, choosing=False), Outcome.SUBMIT if hearing.is_yes(text) else Outcome.CONFIRM)
    if len(hearing.clean(text)) >= 6:
        return Step(replace(supplement(draft, text), asking=None), Outcome.CONFIRM, (Note.ADDED,))
    return Step(replace(draft, tries=draft.tries + 1), Outcome.WHICH)


def supplement(draft: Draft, text: str) -> Draft:
    """The draft with one more sentence to the matter."""
    before = draft.value(Slot.WHAT).rstrip("。 ")
    return draft.with_value(Slot.WHAT, f"{before}。{text.strip()}" if before else text)


def _correction(draft: Draft, text: str) -> Step | None:
    """«The address is wrong, it is …», «no, it is …»; None when the utterance corrects nothing."""
    if not draft.values or draft.asking is Slot.WHAT:
        return None
    said = text.strip().rstrip("。.!！")
    if draft.value(Slot.PHONE) and hearing.corrects_ending(said):
        return _apply_fix(draft, Slot.PHONE, hearing.with_ending(draft.value(Slot.PHONE), said) or "")
    for slot, names in _NAMED.items():
        named = re.match(
            rf"^(?:不对|不是|错了)?[，,、\s]*(?:我的|那个|这个)?(?:(?:{names}){_WRONG}了?|{_WRONG}(?:一下|个)?(?:{names})){_SAYS}(?P<value>.*)$",
            said,
        )
        if named and slot in draft.values:
            return _apply_fix(draft, slot, named["value"])
    fix = _UNNAMED_FIX.match(said) or _NOT_BUT.match(said)
    if fix is None or len(hearing.clean(fix["value"])) < 2:
        return None
    value = fix["value"]
    slot_meant = _slot_of(value) or _holder(draft, fix.groupdict().get("old") or "")
    if slot_meant is None:
        return _apply_fix(draft, _last_answered(draft), value) if draft.asking is not None else None
    if slot_meant is draft.asking:
        return None
    return _apply_fix(draft, slot_meant, value)


def _apply_fix(draft: Draft, slot: Slot, value: str) -> Step:
    if len(hearing.clean(value)) < 2:
        values = {key: kept for key, kept in draft.values.items() if key is not slot}
        return Step(replace(draft, values=values, asking=slot, tries=0, choosing=False), Outcome.ASK)
    return _ask_next(_set(draft, slot, value), Note.CHANGED)


def _set(draft: Draft, slot: Slot, value: str) -> Draft:
    if slot is Slot.PHONE:
        return draft.with_value(slot, hearing.find_phone(value) or draft.value(slot))
    if slot is Slot.NAME:
        return draft.with_value(slot, find_name(value) or short_name(value) or draft.value(slot))
    if slot is Slot.CONCERNED:
        return draft.with_value(slot, find_concerned(value) or concerned_words(value))
    return draft.with_value(slot, place_words(value) if slot is Slot.WHERE else value)


def _slot_of(value: str) -> Slot | None:
    """Which question a bare answer belongs to."""
    if hearing.find_phone(value):
        return Slot.PHONE
    if find_name(value):
        return Slot.NAME
    if gazetteer().find(value) or re.search(r"号楼|单元|小区|路口|[路街]$", value):
        return Slot.WHERE
    return Slot.WHEN if find_time(value) and len(hearing.clean(value)) <= 14 else None


def _holder(draft: Draft, old: str) -> Slot | None:
    return next((slot for slot, value in draft.values.items() if old and old in value and slot is not Slot.WHAT), None)


def _last_answered(draft: Draft) -> Slot:
    return list(draft.values)[-1]


def _take_facts(draft: Draft, text: str) -> Draft:
    """Fill what the utterance says besides the answer itself; answers already given stay."""
    place = gazetteer().find(text)
    rest = text.replace(place, " ") if place else text
    facts = {
        Slot.WHERE: place,
        Slot.WHEN: find_time(rest, anchored=True),
        Slot.CONCERNED: find_concerned(text),
        Slot.NAME: find_name(rest),
        Slot.PHONE: hearing.find_phone(rest) or "",
    }
    if gazetteer().is_district_only(place):
        facts[Slot.WHERE] = ""
    if re.search(r"匿名|不要(?:透露|泄露)我的", text):
        draft = replace(draft, anonymous=True)
    found = {slot: value for slot, value in facts.items() if value and slot not in draft.values}
    return replace(draft, values={**draft.values, **found})


def again(draft: Draft) -> Step:
    """The open question once more, after something came in between."""
    if draft.asking is None:
        return Step(draft, Outcome.WHICH if draft.choosing else Outcome.CONFIRM)
    return Step(draft, Outcome.ASK)


def hear_danger(draft: Draft, text: str, danger: str) -> Step:
    """Somebody is in danger: that belongs into the appeal, and the open question is asked once more."""
    draft = replace(draft, danger=danger)
    if draft.asking is Slot.WHAT:
        return _ask_next(_take_facts(draft.with_value(Slot.WHAT, text), text))
    return again(replace(supplement(draft, text), asking=draft.asking, tries=draft.tries))
