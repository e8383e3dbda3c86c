"""A key or a few words as the answer to a question of the questionnaire.

Words come from a recogniser that mishears, so only clear ones count: what is not clear is asked again, never guessed. A wrong
「满意」 would close a ticket over the citizen's head.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ticketing.callback.rules import Question, Step
from ticketing.ticket.states import Satisfaction

_GREETING = re.compile(r"^(?:(?:喂|你好|您好|哈喽|哎|诶|欸)[，。！？、,.!?\s]*)+")
"""How telephones are answered."""
_NODDING = re.compile(r"(?:喂|你好|您好|哈喽|哎|诶|欸|嗯|哦|噢|啊|唔|呃|[，。！？、,.!?\s])*")
"""Greetings, and what says no more than that somebody listens (附和)."""
_NO = ("没有", "没", "不是", "未", "不对", "否", "还没")
_YES = ("是", "有", "对", "嗯", "联系过", "联系了", "解决了", "解决", "好了", "行")
_PERSON = ("人工", "真人", "转人", "找人", "接线员", "话务员")
_NOT_ME = ("打错", "不认识", "没反映过", "没打过", "找错")
_DISSATISFIED = ("不满意", "不太满意", "不怎么满意", "不大满意", "没满意", "很差", "太差", "糟糕", "不行")
_VERY = ("非常满意", "很满意", "特别满意", "十分满意", "相当满意", "太满意")
_CHOICES = {"good": ("很好", "挺好", "好", "不错"), "fair": ("一般", "还行", "还可以", "凑合"), "bad": ("不好", "不太好", "差", "恶劣")}


def wants_person(text: str) -> bool:
    """The citizen asks for a human being."""
    return any(word in text for word in _PERSON)


def somebody_else(text: str) -> bool:
    """Whoever answers has not reported anything."""
    return any(word in text for word in _NOT_ME)


def only_listens(text: str) -> bool:
    """Nothing but a greeting or 「嗯」: while we speak, that is neither an answer nor a wish to interrupt."""
    return _NODDING.fullmatch(text) is not None


def by_key(question: Question, key: str, scale: Sequence[Step]) -> str | None:
    """The answer behind a key: in the order in which `options` reads them out, from 1 on."""
    values = [value for value, _label in options(question, scale)]
    index = int(key) - 1 if key.isdigit() else -1
    return values[index] if 0 <= index < len(values) else None


def by_words(question: Question, text: str, scale: Sequence[Step]) -> str | None:
    """The answer that these words clearly give, else None. How somebody greets is none: 「您好」 holds 好."""
    text = _GREETING.sub("", text)
    if question.kind == "yes_no":
        return _yes_or_no(text)
    if question.kind == "choice":
        return _choice(question, text)
    if question.kind == "scale":
        return _step(text, scale)
    return None


def options(question: Question, scale: Sequence[Step]) -> list[tuple[str, str]]:
    """Value and words of each possible answer; empty for free text, which a robot does not ask."""
    if question.kind == "yes_no":
        return [("yes", "是"), ("no", "不是")]
    if question.kind == "choice":
        return list(question.choices.items())
    if question.kind == "scale":
        return [(step.value, step.label) for step in scale]
    return []


def _yes_or_no(text: str) -> str | None:
    # "没有解决" holds both 没 and 解决: a no anywhere is a no, but "没有不满意" and "不是没有" are nobody's clear answer
    if sum(text.count(word) for word in ("没", "不")) > 1:
        return None
    if any(word in text for word in _NO) or text.startswith("不"):
        return "no"
    return "yes" if any(word in text for word in _YES) else None


def _choice(question: Question, text: str) -> str | None:
    found = {value for value, label in question.choices.items() if label and label in text}
    found |= {value for value, words in _CHOICES.items() if value in question.choices and any(word in text for word in words)}
    if "bad" in found and any(word in text for word in ("不好", "不太好")):
        found.discard("good")  # 不好 holds 好
    return found.pop() if len(found) == 1 else None


def _step(text: str, scale: Sequence[Step]) -> str | None:
    exact = {step.value for step in scale if step.label in text and len(step.label) == max(len(s.label) for s in scale if s.label in text)}
    if any(word in text for word in _DISSATISFIED):
        wanted = Satisfaction.DISSATISFIED
    elif any(word in text for word in _VERY):
        wanted = Satisfaction.VERY_SATISFIED
    elif "满意" in text:
        wanted = Satisfaction.SATISFIED
    else:
        return None
    of_result = [step.value for step in scale if step.result == wanted]
    if len(exact) == 1 and (only := next(iter(exact))) in of_result:
        return only
    return of_result[0] if len(of_result) == 1 else None


__all__ = ["by_key", "by_words", "only_listens", "options", "somebody_else", "wants_person"]
