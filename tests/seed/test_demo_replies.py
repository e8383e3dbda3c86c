"""The demo's units do not paste the same reply: otherwise 疑点 is full of what nobody wrote on purpose."""

from __future__ import annotations

from datetime import date

import pytest

from hotline.demo.content import Matter, load
from hotline.demo.replies import COPIED, reply_to
from ticketing.assignment.service import check_reply
from ticketing.supervision import rules
from ticketing.supervision.likeness import likeness, shingles

DAY = date(2026, 11, 20)


@pytest.mark.parametrize("matter", load().matters, ids=lambda matter: matter.code)
def test_two_replies_to_the_same_matter_are_told_in_different_words(matter: Matter) -> None:
    law = rules.load().monitoring
    one, other = (reply_to(matter, "江畔花园", DAY, serial) for serial in (3, 75))
    assert not check_reply(one)
    assert not any(phrase in one.measures for phrase in (*law.brush_off.refused, *law.brush_off.suspected))
    copied = likeness(shingles(one.measures), shingles(other.measures)) >= law.same_text.likeness
    assert copied == (matter.code in COPIED)
