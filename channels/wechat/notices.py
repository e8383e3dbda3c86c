"""模板消息 and 订阅通知: how a notice reaches a citizen whose 48 hours are over. The operator's templates stand in a file.

The platform knows a template by its id and each of its fields by a name that says the type (`thing2`, `phrase3`); a value that
breaks its type is refused (47003), so values are made to fit here. They stand on lock screens: number, office and dates only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from hotline.clock import to_city

ALLOWED = frozenset({"number", "unit", "deadline", "line", "now"})
"""What a value may hold: nothing of the matter and nobody's name."""
_PLACE = re.compile(r"\{([a-z_]+)\}")
_MOST = {"thing": 20, "phrase": 5, "character_string": 32, "time": 32, "name": 10, "const": 20, "short_thing": 5}
"""Characters by type of field (../shared/wechat.md)."""
EMPTY = {"character_string": "-", "phrase": "处理中"}
"""An empty value is refused."""
TEMPLATE_ID = re.compile(r"[A-Za-z0-9_-]{10,64}")
FIELD = re.compile(r"(thing|phrase|character_string|time|name|const|short_thing)\d{1,2}")


class TemplatesError(ValueError):
    """HOTLINE_WECHAT_TEMPLATES is wrong; the text says where."""


class Approved(BaseModel):
    """One template of the account."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: Literal["template", "subscription"] = "template"
    """模板消息 for followers; 订阅通知 for whoever subscribed."""
    id: str = Field(pattern=rf"^{TEMPLATE_ID.pattern}$")
    lasting: bool = False
    """长期订阅 (open to 政务民生): one consent is good for all notices. Else it is used up by one."""
    values: dict[str, str]
    """The platform's field and what goes in: words with {number}, {unit}, {deadline}, {line}, {now}."""

    @field_validator("values")
    @classmethod
    def _sound(cls, values: dict[str, str]) -> dict[str, str]:
        for name, words in values.items():
            if not FIELD.fullmatch(name):
                raise ValueError(f"{name}: no field of the platform")
            if unknown := set(_PLACE.findall(words)) - ALLOWED:
                raise ValueError(f"{name}: may not hold {', '.join(sorted(unknown))}")
        return values

    @model_validator(mode="after")
    def _only_subscriptions_last(self) -> Self:
        if self.lasting and self.by != "subscription":
            raise ValueError("lasting: only a subscription can last")
        return self


class TemplateMap(BaseModel):
    """HOTLINE_WECHAT_TEMPLATES: by the key of the notice; `*` for all others."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    templates: dict[str, Approved]

    @classmethod
    def read(cls, path: Path) -> TemplateMap:
        """Raises TemplatesError that names what is wrong."""
        try:
            return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (OSError, yaml.YAMLError) as error:
            raise TemplatesError(f"{path}: {error}") from error
        except ValidationError as error:
            lines = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()]
            raise TemplatesError(f"{path}: {'; '.join(lines)}") from error

    def find(self, key: str) -> Approved | None:
        """The template of a notice. A secret matter has one only if it is named: `*` is not for it."""
        return self.templates.get(key) or (self.templates.get("*") if key != "secret" else None)


def fill(approved: Approved, values: Mapping[str, str], now: datetime) -> dict[str, dict[str, str]]:
    """The fields as the platform wants them, each made to fit its type."""
    local = to_city(now)
    known = {name: values.get(name, "") for name in ALLOWED} | {"now": f"{local.year}年{local.month}月{local.day}日 {local:%H:%M}"}
    return {name: {"value": _fit(name, _PLACE.sub(lambda found: known[found[1]], words))} for name, words in approved.values.items()}


def _fit(name: str, text: str) -> str:
    kind = name.rstrip("0123456789")
    clean = " ".join(text.split())
    if kind == "character_string":
        clean = "".join(char for char in clean if char.isascii())
    most = _MOST[kind]
    return (clean if len(clean) <= most else clean[: most - 1] + ("…" if kind == "thing" else "")) or EMPTY.get(kind, "无")


def body(approved: Approved, openid: str, values: Mapping[str, str], now: datetime, *, url: str, key: str) -> tuple[str, dict[str, Any]]:
    """(address, JSON) of the call. `key` lets the platform drop a repeat within ten minutes; a subscription notice knows none."""
    data = {"touser": openid, "template_id": approved.id, "data": fill(approved, values, now)}
    if approved.by == "subscription":
        return "/cgi-bin/message/subscribe/bizsend", {**data, "page": url}
    return "/cgi-bin/message/template/send", {**data, "url": url, "client_msg_id": key[:32]}


def values_of(sealed: str) -> dict[str, str]:
    """What `ticketing.notice.service.queue_delivery` put into the row, opened."""
    return {str(name): str(value) for name, value in json.loads(sealed).items()}


__all__ = ["Approved", "TemplateMap", "TemplatesError", "body", "fill", "values_of"]
