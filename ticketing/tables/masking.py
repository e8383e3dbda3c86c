"""Private things that people type into free text, covered before the text leaves the house."""

from __future__ import annotations

import re

_ID_NUMBER = re.compile(r"(?<![0-9])(\d{6})\d{8}(\d{3}[0-9Xx])(?![0-9])")
_MOBILE = re.compile(r"(?<![0-9])(1[3-9]\d)[ -]?\d{4}[ -]?(\d{4})(?![0-9])")
_LANDLINE = re.compile(r"(?<![0-9])(0\d{2,3}[- ]?)\d{4}(\d{3,4})(?![0-9])")
_BANK_CARD = re.compile(r"(?<![0-9])(\d{4})\d{8,11}(\d{4})(?![0-9])")


def mask_text(text: str) -> str:
    """The text with the middle of telephone, identity and bank card numbers covered."""
    text = _ID_NUMBER.sub(r"\1********\2", text)
    text = _BANK_CARD.sub(r"\1********\2", text)
    text = _MOBILE.sub(r"\1****\2", text)
    return _LANDLINE.sub(r"\1****\2", text)
