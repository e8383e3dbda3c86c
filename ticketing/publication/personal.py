"""Looks for persons in words that everybody is to read. It refuses rather than covers: whoever writes says it otherwise.

Rules find what looks like a person; what is known of the ticket's own person is looked for literally. A name that looks like
no name and is not the citizen's is for the second reader.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from hotline.i18n import _
from ticketing.retention.redaction import redact

_MARKS = {
    "［证件号］": "证件号", "［邮箱］": "邮箱", "［电话］": "电话号码", "［卡号］": "卡号", "［账号］": "账号", "［车牌］": "车牌号",
    "［门牌］": "门牌号", "［姓名］": "姓名",
}  # fmt: skip
_DAY = re.compile(r"(?:19|20)\d{2}[-./年]\d{1,2}[-./月]\d{1,2}日?")
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[\s.·—_()-]+(?=\d)")
_LONG_NUMBER = re.compile(r"\d{7,}")
_SPOKEN_NUMBER = re.compile(r"(?:[零〇一二三四五六七八九幺][\s.·—_-]*){7,}")
_HOUSE = re.compile(r"(?:路|街|巷|弄|里|道|村|组|胡同|小区|花园)\s*\d+(?:-\d+)?\s*号(?!线)")
_LEAST = 2
"""Characters that a known word must have to be looked for."""


def find(words: str, known: Iterable[str] = ()) -> list[str]:
    """What of a person stands in `words`, in words for the writer; empty: nothing was found.

    Args:
        known: the citizen's own name, number and address.
    """
    plain = _plain(words)
    covered = redact(plain)
    found = [label for mark, label in _MARKS.items() if mark in covered]
    digits = _BETWEEN_DIGITS.sub("", _DAY.sub(" ", plain))
    if (_LONG_NUMBER.search(digits) or _SPOKEN_NUMBER.search(plain)) and "电话号码" not in found:
        found.append("长号码")
    if _HOUSE.search(plain) and "门牌号" not in found:
        found.append("门牌号")
    closed = _closed(plain)
    if any(word in closed for word in map(_closed, map(_plain, known)) if len(word) >= _LEAST):
        found.append("反映人的信息")
    return [_(label) for label in found]


def _plain(text: str) -> str:
    """Full-width forms as ordinary ones, nothing that cannot be seen: «１３９» and a 139 with a gap of no width are the same number.

    The marks that a first wording was covered with become ordinary brackets too, so that they are not taken for something found.
    """
    return "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf")


def _closed(text: str) -> str:
    return re.sub(r"[\s·-]+", "", text)


__all__ = ["find"]
