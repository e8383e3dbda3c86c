"""An article as a form: what was typed, read into a `Content`, and a `Content` as it is typed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from channels.web.inputs import whole_number
from hotline.errors import InvalidInput
from hotline.i18n import _
from knowledge.article.content import AUDIENCES, Content
from knowledge.article.text import FIELDS, SPOKEN_PARTS

LISTS = ("materials", "procedure")
"""Fields of the body that hold one item per line."""
LIMITS = ("statutory", "promised")
LONG = ("conditions", "basis", "note", "online")
"""Fields of the body that get several lines in the form."""
_MOST = 20_000


def entered(content: Content) -> dict[str, Any]:
    """The content as the form shows it."""
    body = content.body
    limits = body.get("time_limit")
    limits = limits if isinstance(limits, dict) else {"promised": limits or ""}
    values: dict[str, Any] = {
        "title": content.title, "kind": content.kind, "scene": content.scene, "also_scenes": "、".join(content.also_scenes),
        "district": content.district, "audiences": list(content.audiences), "topic_id": str(content.topic_id or ""),
        "questions": "\n".join(content.questions), "spoken": content.spoken, "source": content.source,
        "valid_from": content.valid_from.isoformat(), "checked_on": content.checked_on.isoformat(), "files": list(content.files),
        "valid_until": content.valid_until.isoformat() if content.valid_until else "", "sample_data": content.sample_data,
    }  # fmt: skip
    values.update({f"spoken_{name}": content.spoken_parts.get(name, "") for name in SPOKEN_PARTS})
    values.update({f"time_limit_{name}": str(limits.get(name) or "") for name in LIMITS})
    for name, _heading in FIELDS:
        if name != "time_limit":
            value = body.get(name, "")
            values[f"body_{name}"] = "\n".join(map(str, value)) if isinstance(value, list | tuple) else str(value or "")
    return values


def blank(today: date) -> dict[str, Any]:
    """The form of a new article."""
    return entered(Content("", "", "", (), valid_from=today, checked_on=today))


def typed(form: Any) -> dict[str, Any]:
    """What came with the form, so that a refused one is shown again as it was."""
    values: dict[str, Any] = {name: str(value)[:_MOST] for name, value in form.items() if isinstance(value, str)}
    values["audiences"] = [str(value) for value in form.getall("audiences", []) if isinstance(value, str) and value in AUDIENCES]
    values["files"] = [str(value)[:40] for value in form.getall("files", []) if isinstance(value, str)]
    values["sample_data"] = form.get("sample_data") == "1"
    return values


def content_of(values: Mapping[str, Any]) -> Content:
    """The content that was typed. Raises InvalidInput for dates that are none; the rest is judged by `Content.check`."""

    def text(name: str) -> str:
        return str(values.get(name, "")).strip().replace("\r\n", "\n")

    body: dict[str, Any] = {}
    for name, _heading in FIELDS:
        if name == "time_limit":
            value: Any = {limit: text(f"time_limit_{limit}") for limit in LIMITS if text(f"time_limit_{limit}")}
        else:
            value = _lines(text(f"body_{name}")) if name in LISTS else text(f"body_{name}")
        if value:
            body[name] = value
    days, faults = {}, {}
    for name in ("valid_from", "valid_until", "checked_on"):
        try:
            days[name] = date.fromisoformat(text(name)) if text(name) else None
        except ValueError:
            faults[name] = _("请填日期，例如2027-01-01")
    valid_from, checked_on = days.get("valid_from"), days.get("checked_on")
    if not faults and (valid_from is None or checked_on is None):
        faults = {name: _("请填日期，例如2027-01-01") for name in ("valid_from", "checked_on") if days[name] is None}
    if faults or valid_from is None or checked_on is None:
        raise InvalidInput(errors=faults)
    topic = text("topic_id")
    return Content(
        title=text("title"), kind=text("kind") or "guide", scene=text("scene"), also_scenes=tuple(_words(text("also_scenes"))),
        district=text("district"), audiences=tuple(values.get("audiences", ())), questions=tuple(_lines(text("questions"))),
        spoken=" ".join(text("spoken").split()), body=body, source=text("source"), valid_from=valid_from,
        valid_until=days["valid_until"], checked_on=checked_on, sample_data=bool(values.get("sample_data")),
        files=tuple(values.get("files", ())), topic_id=whole_number(topic) if topic else None,
        spoken_parts={name: words for name in SPOKEN_PARTS if (words := " ".join(text(f"spoken_{name}").split()))},
    )  # fmt: skip


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.replace("，", "、").replace(",", "、").split("、") if word.strip()]
