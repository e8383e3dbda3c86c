"""Reading seed files: YAML or JSON, checked by a pydantic model, with errors that name the file and the entry."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from hotline.errors import InvalidInput
from hotline.i18n import _


class SeedEntry(BaseModel):
    """One entry of a seed file. Unknown fields are refused, since they are mostly misspelt ones."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


Entry = TypeVar("Entry", bound=SeedEntry)


def read_document(path: Path) -> Any:
    """The parsed content of a `.yaml` or `.json` file.

    Raises `InvalidInput` that names the file (and the line, if it is not well-formed).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(_("种子数据文件读不出来：{path}（{reason}）"), path=str(path), reason=str(error)) from error
    try:
        return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (json.JSONDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise InvalidInput(_("种子数据文件格式不对：{path}：{reason}"), path=str(path), reason=reason) from error


def parse_entry(model: type[Entry], data: Any, *, path: Path, entry: str) -> Entry:
    """`data` as `model`; raises `InvalidInput` that names the file, the entry and every field at fault."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        faults = {
            ".".join(str(part) for part in item["loc"]) or "(整条)": item["msg"].removeprefix("Value error, ") for item in error.errors()
        }
        listing = "；".join(f"{field}：{reason}" for field, reason in faults.items())
        raise InvalidInput(
            _("种子数据 {path} 的“{entry}”有误：{listing}"), errors=faults, path=str(path), entry=entry, listing=listing
        ) from error


def parse_list(model: type[Entry], data: Any, *, path: Path, key: Callable[[Entry], str]) -> list[Entry]:
    """A list of entries; `key` gives the natural key, which must be unique within the file."""
    if not isinstance(data, list) or not data:
        raise InvalidInput(_("种子数据 {path} 应当是一个不为空的列表"), path=str(path))
    entries = [parse_entry(model, item, path=path, entry=_label(item, position)) for position, item in enumerate(data, start=1)]
    refuse_repeats((key(entry) for entry in entries), path=path)
    return entries


def refuse_repeats(keys: Iterable[str], *, path: Path) -> None:
    """Raises `InvalidInput` when a natural key stands twice."""
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            raise InvalidInput(_("种子数据 {path} 里“{entry}”出现了两次，请删去一条"), path=str(path), entry=key)
        seen.add(key)


def _label(item: Any, position: int) -> str:
    """How an entry is called in an error: its own key if it has one, and its position."""
    if isinstance(item, dict):
        for field in ("slug", "code", "login", "name", "question", "title"):
            if isinstance(item.get(field), str):
                return f"第{position}条 {item[field]}"
    return f"第{position}条"
