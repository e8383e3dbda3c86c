"""What a password must be: long, not one of the common ones, not the account's own words (NIST SP 800-63B, 5.1.1.2).

No rules about kinds of characters and no forced change: both make people choose weaker ones.
"""

from __future__ import annotations

import secrets
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise

from hotline.errors import InvalidInput
from hotline.i18n import _

MIN_LENGTH = 10
MAX_LENGTH = 200
"""Longer ones would only cost time to hash."""
_INITIAL_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"


@lru_cache(maxsize=1)
def common_passwords() -> frozenset[str]:
    """Passwords that are tried first by whoever guesses; in small letters."""
    text = (files("ticketing.people") / "common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))


def check_password(password: str, *, login: str, name: str = "", staff_number: str = "") -> None:
    """Raises InvalidInput that says what to do when the password is too weak."""
    if len(password) < MIN_LENGTH:
        raise InvalidInput(_("密码至少{n}个字符，用一句自己记得住的话最好"), field="password", n=MIN_LENGTH)
    if len(password) > MAX_LENGTH:
        raise InvalidInput(_("请控制在{n}字以内"), field="password", n=MAX_LENGTH)
    plain = password.casefold()
    if plain in common_passwords() or len(set(plain)) < 4 or _is_row(plain):
        raise InvalidInput(_("这个密码太常见，容易被猜到，请换一个"), field="password")
    own = [word.casefold() for word in (login, name, staff_number) if word]
    if any(plain in (word, word * 2) or (len(word) >= 4 and len(plain.replace(word, "")) < MIN_LENGTH // 2) for word in own):
        raise InvalidInput(_("密码里请不要用自己的账号、姓名或工号"), field="password")


def _is_row(plain: str) -> bool:
    """Whether each character follows the one before: 1234567890, abcdefghij, 9876543210."""
    steps = {(ord(after) - ord(before)) for before, after in pairwise(plain)}
    return len(steps - {-9, 9}) == 1 and steps <= {1, -1, -9, 9}


def initial_password() -> str:
    """A password for the first log-in that can be read aloud: twelve characters in groups of four, about 59 bits."""
    letters = "".join(secrets.choice(_INITIAL_ALPHABET) for _number in range(12))
    return "-".join((letters[:4], letters[4:8], letters[8:]))
