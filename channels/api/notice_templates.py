"""Templates of notices to citizens (告知模板): what they say now, their versions, a preview with sample values, a further version."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from pydantic import Field

from channels.api.call import Call, Operation
from channels.api.models import Sent, Told, text
from ticketing.notice import templates
from ticketing.people.permissions import ensure

TAG = "告知模板"
PERMISSION = "notice.edit"


class TemplateOut(Told):
    """A template as it is in force."""

    key: str
    title: str
    channels: list[str]
    placeholders: list[str] = Field(description="可以写的占位词，写成{词}")
    text: str
    sms: str
    required: bool = Field(description="依法要告知，不能退订")
    version: int


class Templates(Told):
    """All of them."""

    items: list[TemplateOut]


class TemplateVersionOut(Told):
    """An edited version; version 1 came with the program."""

    version: int
    text: str
    sms: str
    reason: str
    edited_at: dt.datetime
    edited_by_id: int


class TemplateVersions(Told):
    """Newest first."""

    items: list[TemplateVersionOut]


class TemplateWords(Sent):
    """Both texts, to be tried with sample values."""

    text: Annotated[str, text(1, templates.MAX_TEXT)]
    sms: Annotated[str, text(1, templates.MAX_SMS)]


class NewTemplate(TemplateWords):
    """A further version of a template."""

    reason: Annotated[str, text(4, 500, "为什么修改")]
    seen: Annotated[int, Field(ge=1, le=1_000_000, description="改之前看到的版本；别人先改过就是422")]


class TemplatePreview(Told):
    """What citizens would read."""

    text: str
    sms: str


def _out(found: templates.Template) -> TemplateOut:
    same = {name: getattr(found, name) for name in ("key", "title", "text", "sms", "required", "version")}
    return TemplateOut(**same, channels=list(found.channels), placeholders=sorted({*templates.COMMON, *found.values}))


async def list_templates(call: Call) -> Templates:
    """All templates with what they say now."""
    ensure(call.actor, PERMISSION)
    return Templates(items=[_out(await templates.current(call.session, each.key)) for each in templates.load().templates])


async def get_template(call: Call) -> TemplateOut:
    """One template."""
    ensure(call.actor, PERMISSION)
    return _out(await templates.current(call.session, call.part("key")))


async def list_versions(call: Call) -> TemplateVersions:
    """Its edited versions."""
    ensure(call.actor, PERMISSION)
    key = templates.load().template(call.part("key")).key
    rows = await templates.versions(call.session, key)
    return TemplateVersions(items=[TemplateVersionOut.of(row) for row in rows])


async def try_words(call: Call) -> TemplatePreview:
    """What the texts would look like."""
    ensure(call.actor, PERMISSION)
    sent, base = call.sent(TemplateWords), templates.load().template(call.part("key"))
    shown, sms = templates.preview(sent.text, sent.sms, base.values, call.settings.web_url)
    return TemplatePreview(text=shown, sms=sms)


async def edit(call: Call) -> TemplateOut:
    """A further version, from the next notice on."""
    ensure(call.actor, PERMISSION)
    sent, key = call.sent(NewTemplate), call.part("key")
    await templates.edit(call.core, call.session, call.actor, key, **sent.model_dump())
    return _out(await templates.current(call.session, key))


def _one(method: str, path: str, run: Any, name: str, summary: str, answer: Any, **more: Any) -> Operation:
    return Operation(method, f"/notice-templates{path}", run, name, TAG, summary, answer=answer, **more)


OPERATIONS = (
    _one("GET", "", list_templates, "listTemplates", "告知模板", Templates),
    _one("GET", "/{key}", get_template, "getTemplate", "一个模板的现行文字", TemplateOut),
    _one("GET", "/{key}/versions", list_versions, "listTemplateVersions", "一个模板的各版本", TemplateVersions),
    _one("POST", "/{key}/preview", try_words, "previewTemplate", "用示例内容试看", TemplatePreview, body=TemplateWords, changes=False),
    _one("PUT", "/{key}", edit, "editTemplate", "修改模板", TemplateOut, body=NewTemplate),
)
