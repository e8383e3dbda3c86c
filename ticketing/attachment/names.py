"""File names of strangers, made harmless. They are shown and offered for saving, never used as a path of ours."""

from __future__ import annotations

import unicodedata

_LONGEST = 80
_FORBIDDEN = frozenset('<>:"|?*')
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))})


def clean_name(name: str, suffix: str) -> str:
    """The person's file name without path, control and direction characters, with the ending of what the file really is."""
    base = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    base = "".join(char for char in base if char.isprintable() and char not in _FORBIDDEN)  # direction marks are not printable
    stem = base.rsplit(".", 1)[0].strip(" .")[:_LONGEST].strip(" .") or "附件"
    return ("_" if stem.lower() in _DEVICES else "") + stem + suffix
