"""Texts of strangers without characters that nobody sees: they hide words, turn the reading direction, or break a terminal."""

from __future__ import annotations

import unicodedata

_KEPT = frozenset("\n\t\u200c\u200d")
"""Line ends, and the joiners that some scripts and emoji need."""
_INVISIBLE = frozenset({"Cc", "Cf", "Zl", "Zp"})
"""Control characters, format characters (directions U+202A-202E and U+2066-2069, marks, U+FEFF), separators of lines."""


def plain(text: str) -> str:
    """`text` without control and direction characters; line ends are one character. NUL stays, so that it is refused, not hidden."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isprintable():  # nearly always
        return text
    return "".join(char for char in text if char in _KEPT or char == "\0" or unicodedata.category(char) not in _INVISIBLE)
