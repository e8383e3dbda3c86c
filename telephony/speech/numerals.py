"""Numbers and letters as Chinese characters, the way they are said aloud on the telephone."""

from __future__ import annotations

from collections.abc import Iterable

DIGITS = "零一二三四五六七八九"
_PLACES = ("", "十", "百", "千")
_LONGEST = 16

LETTERS = {
    "A": "诶", "B": "必", "C": "西", "D": "弟", "E": "衣", "F": "艾付", "G": "寄", "H": "艾尺", "I": "爱",
    "J": "杰", "K": "开", "L": "艾勒", "M": "艾姆", "N": "恩", "O": "欧", "P": "批", "Q": "酷", "R": "阿",
    "S": "艾丝", "T": "替", "U": "优", "V": "微", "W": "达不溜", "X": "艾克斯", "Y": "歪", "Z": "贼德",
}  # fmt: skip
"""The names of the letters in characters, since the voice switches to English for a Latin letter."""


def _group(value: int) -> str:
    """1 to 9999; zeros inside are said once."""
    out, gap = "", False
    for place in range(3, -1, -1):
        digit = value // 10**place % 10
        if digit:
            out += ("零" if gap and out else "") + DIGITS[digit] + _PLACES[place]
            gap = False
        else:
            gap = True
    return out


def cardinal(digits: str) -> str:
    """A whole number as an amount: 105 -> 一百零五, 12 -> 十二. More than 16 digits are said one by one."""
    digits = digits.lstrip("0") or "0"
    if len(digits) > _LONGEST:
        return one_by_one(digits)
    if digits == "0":
        return DIGITS[0]
    out = _amount(int(digits))
    return out.removeprefix("一") if out.startswith("一十") else out


def _amount(value: int) -> str:
    """Chinese counts in steps of 万 up to 亿, and the number of 亿 is again counted so."""
    for unit, size in (("亿", 10**8), ("万", 10**4)):
        if value >= size:
            high, low = divmod(value, size)
            gap = "零" if low and (low < size // 10 or high % 10 == 0) else ""
            return _amount(high) + unit + gap + (_amount(low) if low else "")
    return _group(value)


def decimal(text: str) -> str:
    """A number with an optional sign, thousands commas and fraction: -1,234.50 -> 负一千二百三十四点五零."""
    sign = "负" if text.startswith("-") else ""
    whole, _, fraction = text.lstrip("+-").replace(",", "").partition(".")
    return sign + cardinal(whole or "0") + ("点" + one_by_one(fraction) if fraction else "")


def one_by_one(digits: str) -> str:
    """2026 -> 二零二六: years, and whatever is too long for an amount."""
    return "".join(DIGITS[int(c)] for c in digits)


def telephone(digits: str) -> str:
    """Digit by digit with 幺 for 1, as telephone numbers are said: 110 -> 幺幺零."""
    return "".join("幺" if c == "1" else DIGITS[int(c)] for c in digits)


def spelled(text: str) -> str:
    """Letters and digits one by one, everything else left out."""
    return "".join(LETTERS.get(c, telephone(c) if c in "0123456789" else "") for c in text.upper())


def slowly(text: str, group: int = 4) -> str:
    """Like `spelled`, with a pause after each `group` characters and at each gap: how numbers to write down are read."""
    parts = "".join(c if c.isascii() and c.isalnum() else " " for c in text.upper()).split()
    return "，".join(spelled(piece) for part in parts for piece in _pieces(part, group))


def _pieces(part: str, group: int) -> Iterable[str]:
    step = group if len(part) > group + 1 else len(part)  # no single character on its own
    return (part[i : i + step] for i in range(0, len(part), step))
