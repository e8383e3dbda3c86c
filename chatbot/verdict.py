"""What is done with a sentence: told as a guide answer, taken down as an appeal, or both offered. Pure, so that it can be measured.

What rules hear (danger, a doubt of it, a person wanted) was decided before.

Two mistakes hurt: an appeal that gets an article read out, and a question that is pushed into the form. Where the classifier and the search
do not agree, both are offered, which is neither.
"""

from __future__ import annotations

from enum import StrEnum

from chatbot import fallback, hearing
from chatbot.intents import Hint, Intent
from chatbot.rules import suspicion_in

CERTAIN = 0.93
"""From here on an appeal is taken down although the knowledge base knows something about the matter."""
SURE_OF_COMPLAINT = 0.75
"""Below this, a complaint in the form of a question that the knowledge base answers is taken as a question."""
DOUBTFUL = 0.75
"""Below this, and without a word of complaint, nothing is taken down unasked."""
FOREIGN = 0.5
SURELY_FOREIGN = 0.8
DANGER = 0.5
"""From this share of `emergency` on it is asked whether somebody is in danger, even when something else is likelier."""
DANGER_TOO = 0.2
"""From this share on it is asked where the classifier of danger suspects the same: two ears that each hear a little."""
PERSON = 0.5


class Verdict(StrEnum):
    """What to do."""

    DOUBT = "doubt"
    """It may be danger, and no rule said so: ask."""
    PERSON = "person"
    ANSWER = "answer"
    FORM = "form"
    BOTH = "both"
    """Offer the articles and the registration."""
    CHOICES = "choices"
    """Offer the articles."""
    FOREIGN = "foreign"
    """Nothing for a government line: say so politely."""
    MISSED = "missed"


def may_be_danger(text: str, hint: Hint) -> bool:
    """Whether somebody may be in danger although no rule said so: one classifier is rather sure, or two have the same suspicion."""
    if hint.danger >= DANGER or hint.is_(Intent.EMERGENCY, least=DANGER):
        return True
    return hint.danger >= DANGER_TOO and suspicion_in(text) is not None


def judge(text: str, hint: Hint, *, sure: bool, maybe: bool) -> Verdict:
    """The verdict.

    Args:
        sure: the search's first article may be told as the answer.
        maybe: it has articles that are worth offering.
    """
    if may_be_danger(text, hint):
        return Verdict.DOUBT
    if hint.is_(Intent.WANT_PERSON, least=PERSON):
        return Verdict.PERSON
    if hint.is_(Intent.OUT_OF_SCOPE, least=FOREIGN if not sure else SURELY_FOREIGN):
        return Verdict.FOREIGN
    asking = hearing.is_question(text)
    if hint.is_(Intent.FILE_COMPLAINT, Intent.FEEDBACK, Intent.EMERGENCY):
        return _of_appeal(hint, asking=asking, sure=sure, maybe=maybe, complaining=fallback.looks_like_complaint(text))
    guide = hint.is_(Intent.ASK_GUIDE, least=SURE_OF_COMPLAINT)
    complaining = not asking and not guide and fallback.looks_like_complaint(text)
    if sure and hint.is_(Intent.UNKNOWN) and hint.danger > 0:  # the classifier heard it and recognised nothing
        return Verdict.CHOICES if asking else Verdict.BOTH
    if sure:
        return Verdict.ANSWER if asking or (hint.is_(Intent.ASK_GUIDE) and not complaining) else Verdict.BOTH
    if complaining:
        return Verdict.BOTH if maybe else Verdict.FORM
    return Verdict.CHOICES if maybe else Verdict.MISSED


def _of_appeal(hint: Hint, *, asking: bool, sure: bool, maybe: bool, complaining: bool) -> Verdict:
    if asking and sure and hint.confidence < (DOUBTFUL if complaining else CERTAIN):
        return Verdict.ANSWER  # a story that ends in a question which the knowledge base answers
    if not complaining and (asking or hint.confidence < DOUBTFUL):
        return Verdict.BOTH if maybe else Verdict.MISSED  # which offers to register
    if asking:
        return Verdict.BOTH if maybe else Verdict.FORM
    if hint.confidence >= CERTAIN or not maybe or (complaining and hint.confidence >= SURE_OF_COMPLAINT):
        return Verdict.FORM
    return Verdict.BOTH if sure or hint.confidence < SURE_OF_COMPLAINT else Verdict.FORM
