"""The list of reasons for not accepting an appeal (T4): read whole or not at all."""

from __future__ import annotations

import pytest

from ticketing.ticket import refusal_reasons
from ticketing.ticket.refusal_reasons import RefusalListError, parse

OTHER = {"code": "other", "words": "其他不予受理的事项", "way": ""}
COURT = {"code": "court", "words": "属于法院管辖的事项", "way": "请向人民法院起诉"}


@pytest.mark.parametrize(
    "reasons",
    [
        [],
        [COURT],  # what fits none of them needs `other`
        [OTHER, OTHER],
        [OTHER, {**COURT, "code": "法院"}],
        [OTHER, {**COURT, "words": ""}],
        [OTHER, {**COURT, "law": "x"}],
    ],
)
def test_a_wrong_list_is_refused(reasons: list[dict[str, str]]) -> None:
    with pytest.raises(RefusalListError):
        parse({"version": 1, "reasons": reasons})


def test_the_list_that_comes_along_has_the_reasons_of_the_domain() -> None:
    assert {"outside_area", "litigation", "arbitration", "discipline", "petition", "other"} <= set(refusal_reasons.load())
    assert all(reason.way or code == "other" for code, reason in refusal_reasons.load().items())
    assert [item.value for item in refusal_reasons.RefusalCode] == list(refusal_reasons.choices())
