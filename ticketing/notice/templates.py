"""Templates of notices: read from seed/notices.yaml, edited versions from the database; checked, rendered, previewed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from typing import Any
from weakref import WeakKeyDictionary

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from sqlalchemy import Engine, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import InvalidInput, NotAllowed, NotFound
from hotline.events import record
from hotline.i18n import _
from ticketing.context import Core
from ticketing.notice.models import NoticeTemplate
from ticketing.people.actor import Actor
from ticketing.people.permissions import may

COMMON = frozenset({"number", "title", "line", "unit", "deadline", "days", "site", "track"})
"""Placeholders that every template may use. `site` and `track` are addresses, put in by whoever shows or sends the text."""
LATE = ("site", "track")
MAX_TEXT, MAX_SMS = 600, 200
_FIELD = re.compile(r"\{([a-z_]+)\}")
_OPTIONAL = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)
_TWO_ENDS = re.compile(r"([。！？；])[。；]")
"""What somebody wrote ends with a full stop, and so does the sentence of the template around it."""
_SAMPLE = {
    "number": "12345-20261118-00871",
    "title": "江畔花园北门工地夜间施工",
    "line": "12345",
    "unit": "市城市管理局",
    "deadline": "11月23日24:00",
    "days": "7",
    "query_code": "K7M2P9QX",
    "reason": "属于法院正在审理的案件",
    "legal_way": "向受理法院提出",
    "missing": "施工地点、时间和照片",
    "target": "119消防",
    "answer": "路灯故障由市政维修中心24小时内修复。",
    "way": "电话",
    "reason_class": "受季节限制",
    "review_date": "2027年3月1日",
    "master": "12345-20261117-00412",
    "result": "已责令停止夜间施工。",
    "files": "2",
    "procedure_result": "经查已对经营者立案处罚，罚款2000元。",
    "link": "/r/Xm2f…",
    "publication": "128",
    "explanation": "该路段属于市政养护范围，依法允许夜间抢修。",
}


class TemplatesError(ValueError):
    """The file is wrong; the text says where."""


class About(StrEnum):
    """What a notice is about, as far as a citizen chooses a way of their own for it."""

    ACCEPTANCE = "acceptance"
    """受理、补正、转紧急热线: all of it has to be told"""
    PROGRESS = "progress"
    """办理进展: dispatched, extended, suspended, merged, handled again"""
    RESULT = "result"
    """答复和办结: the answer and the result have to be told, the end need not be"""
    CALLBACK = "callback"
    """回访和评价"""
    PUBLISHED = "published"
    """公开答复: the answer stands on the portal for everybody"""


class Template(BaseModel):
    """One notice's words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str = Field(pattern="^[a-z_]{3,40}$")
    title: str
    about: About
    channels: tuple[str, ...]
    values: tuple[str, ...]
    text: str
    sms: str
    urgent: bool = False
    required: bool = False
    """Has to be told by law: neither 退订 nor a preference keeps it back."""
    on_request: bool = False
    """Pushed only to who chose a way for this kind (`about`)."""
    version: int = 1

    @model_validator(mode="after")
    def _sound(self) -> Template:
        if unknown := set(self.channels) - {"sms", "wechat"}:
            raise ValueError(f"unknown channel {', '.join(sorted(unknown))}")
        if faults := faults_of(self.text, self.sms, self.values):
            raise ValueError("; ".join(faults.values()))
        return self


class Hook(BaseModel):
    """Which event sends which template."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    event: str
    template: str
    when: dict[str, Any] = {}
    values: dict[str, str] = {}

    def fits(self, name: str, data: Mapping[str, Any]) -> bool:
        """Whether this event is meant."""
        return name == self.event and all(data.get(key) == value for key, value in self.when.items())


class Quiet(BaseModel):
    """Quiet hours; they may run over midnight."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    start: time = Field(alias="from")
    end: time = Field(alias="to")


class Notices(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int
    quiet: Quiet
    unverified_per_day: int = Field(ge=1)
    templates: tuple[Template, ...]
    secret: str
    events: tuple[Hook, ...]
    followers: tuple[Hook, ...]
    """What the people of merged tickets are told of the events of their master."""

    @model_validator(mode="after")
    def _whole(self) -> Notices:
        keys = [template.key for template in self.templates]
        if len(set(keys)) != len(keys):
            raise ValueError("a template stands twice")
        if unknown := {hook.template for hook in (*self.events, *self.followers)} - set(keys):
            raise ValueError(f"an event sends an unknown template: {', '.join(sorted(unknown))}")
        if set(_FIELD.findall(self.secret)) - {"line", *LATE}:
            raise ValueError("secret: only {line}, {site} and {track}")
        return self

    def hook(self, name: str, data: Mapping[str, Any]) -> Hook | None:
        """The first entry that fits the event."""
        return next((hook for hook in self.events if hook.fits(name, data)), None)

    def follower_hook(self, name: str, data: Mapping[str, Any]) -> Hook | None:
        """The first entry that fits an event of a master, for the people of the tickets that were merged into it."""
        return next((hook for hook in self.followers if hook.fits(name, data)), None)

    def may_be_off(self, about: About) -> bool:
        """Whether a citizen may choose to hear nothing of this kind: something of it need not be told."""
        return any(template.about is about and not template.required for template in self.templates)

    def template(self, key: str) -> Template:
        """The file's template; raises NotFound."""
        found = next((template for template in self.templates if template.key == key), None)
        if found is None:
            raise NotFound(_("没有这个通知模板"))
        return found


def faults_of(text: str, sms: str, values: tuple[str, ...]) -> dict[str, str]:
    """What is wrong with the words of a template, by field; empty when they are sound."""
    faults = {}
    for name, words, limit in (("text", text, MAX_TEXT), ("sms", sms, MAX_SMS)):
        if not 5 <= len(words.strip()) <= limit:
            faults[name] = _("请写5到{limit}个字").format(limit=limit)
            continue
        allowed = COMMON | set(values)
        if unknown := set(_FIELD.findall(words)) - allowed:
            faults[name] = _("没有这些占位符：{names}。可以用：{allowed}").format(
                names="、".join(sorted(unknown)), allowed="、".join(sorted(allowed))
            )
        elif re.search(r"[{}]", _FIELD.sub("", words)) or re.search(r"\[\[|\]\]", _OPTIONAL.sub("", words)):
            faults[name] = _("括号不成对：占位符写成{name}，可省略的部分写成[[…]]").replace("{name}", "{number}")
        elif any(character < " " and character != "\n" for character in words):
            faults[name] = _("内容里有不能保存的字符，请重新输入")
    return faults


def render(words: str, values: Mapping[str, str]) -> str:
    """Fill in the placeholders in one pass, so that nothing in a value is taken for one; `site` and `track` stay for `put_address`.

    A part in [[…]] is left out when one of its values is empty.
    """

    def fill(part: str) -> str:
        return _FIELD.sub(lambda found: found[0] if found[1] in LATE else values.get(found[1], "").replace("{", "｛"), part)

    def optional(found: re.Match[str]) -> str:
        names = set(_FIELD.findall(found[1])) - set(LATE)
        return fill(found[1]) if all(values.get(name) for name in names) else ""

    pieces, end = [], 0
    for found in _OPTIONAL.finditer(words):
        pieces += [fill(words[end : found.start()]), optional(found)]
        end = found.end()
    return _TWO_ENDS.sub(r"\1", "".join([*pieces, fill(words[end:])]))


def put_address(words: str, site: str) -> str:
    """The text as the citizen reads it; `site` is the portal's address without a slash at the end."""
    return words.replace("{track}", f"{site}/track").replace("{site}", site)


def preview(text: str, sms: str, values: tuple[str, ...], site: str) -> tuple[str, str]:
    """Both texts with sample values. Raises InvalidInput naming what is wrong."""
    if faults := faults_of(text, sms, values):
        raise InvalidInput(errors=faults)
    return put_address(render(text, _SAMPLE), site), put_address(render(sms, _SAMPLE), site)


def parse(raw: Any) -> Notices:
    """Check and build; raises TemplatesError naming what is at fault."""
    try:
        return Notices.model_validate(raw)
    except ValidationError as error:
        lines = [f"{'.'.join(str(part) for part in item['loc']) or 'file'}: {item['msg']}" for item in error.errors()]
        raise TemplatesError("notices: " + "; ".join(lines)) from error


@lru_cache(maxsize=1)
def load() -> Notices:
    """The notices of this installation, as the file has them."""
    return parse(yaml.safe_load((files("ticketing") / "seed" / "notices.yaml").read_text(encoding="utf-8")))


_KEPT_FOR = timedelta(seconds=30)
_kept: WeakKeyDictionary[Engine, dict[str, tuple[datetime, Template]]] = WeakKeyDictionary()
"""Per database: templates change once a month and every ticket needs one. Another process sees an edit after half a minute."""


async def in_force(core: Core, session: AsyncSession, key: str) -> Template:
    """The template in force, at most half a minute old: for sending. Raises NotFound for an unknown key."""
    engine = session.sync_session.get_bind().engine
    kept, now = _kept.setdefault(engine, {}), core.clock.now()
    known = kept.get(key)
    if known is None or not known[0] <= now < known[0] + _KEPT_FOR:
        known = kept[key] = (now, await current(session, key))
    return known[1]


async def current(session: AsyncSession, key: str) -> Template:
    """The template as it stands in the database now: for editing. Raises NotFound for an unknown key."""
    base = load().template(key)
    statement = select(NoticeTemplate).where(NoticeTemplate.key == key).order_by(NoticeTemplate.version.desc()).limit(1)
    edited = (await session.scalars(statement)).first()
    if edited is None:
        return base
    return base.model_copy(update={"text": edited.text, "sms": edited.sms, "version": edited.version})


async def versions(session: AsyncSession, key: str) -> list[NoticeTemplate]:
    """The edited versions, newest first."""
    return list(await session.scalars(select(NoticeTemplate).where(NoticeTemplate.key == key).order_by(NoticeTemplate.version.desc())))


async def edit(core: Core, session: AsyncSession, actor: Actor, key: str, *, text: str, sms: str, reason: str, seen: int) -> NoticeTemplate:
    """A new version of a template. Running tickets get it with their next notice; what was sent stays as it was sent.

    `seen` is the version that the person edited; another one in between raises InvalidInput. Only the administrator.
    """
    if not may(actor, "notice.edit"):
        raise NotAllowed(_("只有管理员可以修改通知模板"))
    base = load().template(key)
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"notice_template:{key}", 0))))
    before = await current(session, key)
    errors = faults_of(text, sms, base.values)
    if len(reason.strip()) < 4:
        errors["reason"] = _("请写明为什么修改")
    if before.version != seen:
        errors["text"] = _("刚才有人改过这个模板，请看过新的内容再改")
    if errors:
        raise InvalidInput(errors=errors)
    now = core.clock.now()
    made = NoticeTemplate(
        key=key,
        version=before.version + 1,
        text=text.strip(),
        sms=sms.strip(),
        edited_at=now,
        edited_by_id=actor.user_id,
        reason=reason.strip()[:500],
    )
    session.add(made)
    await session.flush()
    _kept.pop(session.sync_session.get_bind().engine, None)
    data = {"key": key, "version": made.version, "before": {"text": before.text, "sms": before.sms}, "reason": made.reason}
    await record(session, at=now, name="policy.changed", subject="policy", subject_id=f"notice:{key}", who=actor.who, data=data)
    return made
