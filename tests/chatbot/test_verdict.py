"""What is done with a sentence: the two mistakes that hurt, danger, and foreign matters."""

from __future__ import annotations

import pytest

from chatbot.intents import UNSURE, Hint, Intent
from chatbot.verdict import Verdict, judge

COMPLAINT, GUIDE = Intent.FILE_COMPLAINT, Intent.ASK_GUIDE


@pytest.mark.parametrize(
    ("text", "hint", "sure", "maybe", "wanted"),
    [
        ("楼上天天半夜装修", Hint(COMPLAINT, 0.99), True, True, Verdict.FORM),
        ("我妈的退休金突然停了", Hint(COMPLAINT, 0.8), True, True, Verdict.BOTH),
        ("物业不修电梯怎么办", Hint(COMPLAINT, 0.9), True, True, Verdict.BOTH),
        ("夜里几点之后不让施工", Hint(COMPLAINT, 0.6), True, True, Verdict.ANSWER),
        ("近视眼手术疼不疼", Hint(COMPLAINT, 0.93), False, False, Verdict.MISSED),
        ("请把那个打开", Hint(COMPLAINT, 0.6), False, False, Verdict.MISSED),
        ("护照怎么办", Hint(GUIDE, 0.9), True, True, Verdict.ANSWER),
        ("护照怎么办", Hint(GUIDE, 0.9), False, True, Verdict.CHOICES),
        ("护照怎么办", Hint(GUIDE, 0.9), False, False, Verdict.MISSED),
        ("一楼把花园挖空了做地下车库", Hint(Intent.INFORM, 0.8), True, True, Verdict.BOTH),
        ("给我讲个笑话", Hint(Intent.OUT_OF_SCOPE, 0.6), False, True, Verdict.FOREIGN),
        ("机票怎么订", Hint(Intent.OUT_OF_SCOPE, 0.6), True, True, Verdict.ANSWER),
        ("机票怎么订", Hint(Intent.OUT_OF_SCOPE, 0.9), True, True, Verdict.FOREIGN),
        ("有人掉下去没上来", Hint(COMPLAINT, 0.4, danger=0.55), False, False, Verdict.DOUBT),
        ("断了一根绳子找谁", Hint(GUIDE, 0.7, danger=0.25), False, True, Verdict.DOUBT),
        ("路灯不亮了三天没人修", Hint(COMPLAINT, 0.9, danger=0.25), False, False, Verdict.FORM),
        ("断了一根绳子找谁", Hint(GUIDE, 0.9, danger=0.1), False, True, Verdict.CHOICES),
        ("找个大活人", Hint(Intent.WANT_PERSON, 0.7), False, False, Verdict.PERSON),
        ("嗯那个什么来着的那回事", UNSURE, False, False, Verdict.MISSED),
    ],
)
def test_verdicts(text: str, hint: Hint, sure: bool, maybe: bool, wanted: Verdict) -> None:
    assert judge(text, hint, sure=sure, maybe=maybe) is wanted


@pytest.mark.parametrize("confidence", [0.3, 0.5, 0.7, 0.9, 0.99])
@pytest.mark.parametrize(("sure", "maybe"), [(False, False), (False, True), (True, True)])
def test_no_statement_that_sounds_like_an_appeal_is_answered_with_an_article(confidence: float, sure: bool, maybe: bool) -> None:
    got = judge("楼下烧烤摊吵到半夜", Hint(COMPLAINT, confidence), sure=sure, maybe=maybe)
    assert got in (Verdict.FORM, Verdict.BOTH)
