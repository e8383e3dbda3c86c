"""One person has one number, however a trunk, a form or a person writes it (zammad 5128)."""

from __future__ import annotations

import pytest

from ticketing.citizen.service import local_form, normalise_phone


@pytest.mark.parametrize(
    "text", ["13812345678", "8613812345678", "008613812345678", "+8613812345678", "138-1234 5678", "１３８１２３４５６７８"]
)
def test_a_mobile(text: str) -> None:
    assert normalise_phone(text) == "+8613812345678"
    assert local_form("+8613812345678") == "13812345678"


@pytest.mark.parametrize("text", ["01012345678", "010/12345678", "(010)1234 5678", "+8601012345678", "+861012345678", "0086 10 1234 5678"])
def test_a_fixed_line_with_its_area_code(text: str) -> None:
    assert normalise_phone(text) == "+861012345678", "a trunk that writes E.164 leaves the 0 out"
    assert local_form("+861012345678") == "01012345678"


@pytest.mark.parametrize("text", ["+8675512345678", "075512345678", "+86 755 1234 5678"])
def test_a_fixed_line_with_a_long_area_code(text: str) -> None:
    assert local_form(normalise_phone(text) or "") == "075512345678"


@pytest.mark.parametrize("text", [None, "", "anonymous", "+86138123456", "+8612345", "+4930123456"])
def test_what_cannot_be_called_back(text: str | None) -> None:
    assert normalise_phone(text) is None
