"""Writes docs/configuration.md from the settings. `script/configuration` calls it, a test compares."""

from __future__ import annotations

import re
from inspect import getsource
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import AnyHttpUrl, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from hotline.settings import Settings

FILE = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"
_HEAD = """# Configuration

Every setting is an environment variable. They are read once at start; a wrong value is refused with a message that names it,
and nothing starts (exit code 2). `hotline doctor` checks what they lead to. This page is written by `script/configuration`
from `hotline/settings.py`, and a test compares the two.

Production needs at least `HOTLINE_SECRET_KEY`, `HOTLINE_ENCRYPTION_KEYS` (`hotline new-key` prints both), `HOTLINE_DATABASE_URL`
and `HOTLINE_PUBLIC_URL`. The demo (`script/demo`) makes its own keys once in `secrets.env` of the data folder; what the
environment sets wins over that file. A command that finds such a file in `HOTLINE_DATA_DIR` uses that demo.
"""
_TAIL = """
## Variables of the set-up

Read by `script/bootstrap`, `script/demo` and `script/test`, not by the service.

| variable | meaning |
|---|---|
| `HOTLINE_PYTHON` | Python 3.11 to 3.13 for the main environment; default: looked for on PATH and in pyenv's folder |
| `HOTLINE_PYTHON310` | Python 3.10 for Rasa; default: `python3.10` that really runs, pyenv's folder, `uv python install 3.10` |
"""


def document() -> str:
    """The whole page."""
    parts = [_HEAD]
    for title, names in _sections():
        parts.append(f"\n## {title}\n\n| variable | default | values | meaning |\n|---|---|---|---|\n")
        parts += [_row(name, Settings.model_fields[name]) for name in names]
    return "".join(parts) + _TAIL


def write() -> Path:
    """Write the page and say where it is."""
    FILE.write_text(document(), encoding="utf-8")
    return FILE


def _sections() -> list[tuple[str, list[str]]]:
    """Groups of fields, as the comments in the class divide them."""
    sections: list[tuple[str, list[str]]] = [("General", [])]
    for line in getsource(Settings).splitlines():
        if comment := re.fullmatch(r"    # (.+)", line):
            sections.append((comment[1][0].upper() + comment[1][1:], []))
        elif (field := re.match(r"    (\w+):", line)) and field[1] in Settings.model_fields:
            sections[-1][1].append(field[1])
    return sections


def _row(name: str, field: FieldInfo) -> str:
    return f"| `HOTLINE_{name.upper()}` | {_default(field)} | {_values(field)} | {field.description} |\n"


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, tuple):
        value = ",".join(str(each) for each in value)
    if value in (None, "", PydanticUndefined):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _values(field: FieldInfo) -> str:
    kind = field.annotation
    choices = [each for each in get_args(kind) if each is not type(None)]
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in choices)
    if get_origin(kind) is tuple:
        return "comma-separated"
    if choices:
        kind = choices[0]
    names = {
        bool: "`true`, `false`",
        int: "whole number",
        float: "number",
        Path: "path",
        AnyHttpUrl: "http(s) address",
        SecretStr: "secret",
    }
    limits = {type(limit).__name__.lower(): limit for limit in field.metadata}
    low = next((getattr(limits[each], each) for each in ("ge", "gt") if each in limits), None)
    high = next((getattr(limits[each], each) for each in ("le", "lt") if each in limits), None)
    text = names.get(kind, "text") if isinstance(kind, type) else "text"
    if low is not None and high is not None:
        return f"{text} {low} to {high}"
    return f"{text} from {low}" if low is not None else text
