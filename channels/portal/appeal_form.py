"""The form of an appeal: reading it, checking it, and turning it into what the core registers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

from hotline.errors import InvalidInput
from hotline.i18n import _, texts
from ticketing.callback import rules
from ticketing.citizen.service import normalise_phone
from ticketing.suggestion.places import districts
from ticketing.ticket.service import Appeal
from ticketing.ticket.states import Channel, Kind

MAX_ABOUT = 100
MAX_WHAT = 2000
MIN_WHAT = 10
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_POSITION = re.compile(r"(-?\d{1,2}(?:\.\d{1,8})?),(-?\d{1,3}(?:\.\d{1,8})?)")
_PLACE_NEEDED = (Kind.HELP, Kind.COMPLAINT, Kind.REPORT)
CONTACTS = texts((("phone", "打电话"), ("sms", "只发短信（听障人士可选）"), ("none", "不用联系，我自己查")))


def contacts() -> list[tuple[str, str]]:
    """The ways in which the result can be told, with their words."""
    return [(key, _(words)) for key, words in CONTACTS]


def call_windows() -> list[tuple[str, str]]:
    """When a citizen may want to be called, with the words."""
    return [("", _("什么时候都行")), *((window.key, _(window.label)) for window in rules.load().windows)]


@dataclass(frozen=True)
class AppealForm:
    """What was typed, kept as it is so that a form with errors comes back complete. Field names are those of the page."""

    kind: str = Kind.COMPLAINT.value
    about: str = ""
    """Title of the guide article from which the citizen came (办事指南页上的“投诉”); empty otherwise."""
    what: str = ""
    district: str = ""
    where: str = ""
    when: str = ""
    name: str = ""
    phone: str = ""
    contact: str = "phone"
    call_time: str = ""
    """When to be called: key of a window of the callback rules, empty for any time."""
    anonymous: str = ""
    position: str = ""
    """Latitude, longitude (WGS 84) that the browser was allowed to tell, as `30.12345,104.54321`; left out when it is anything else."""

    @classmethod
    def read(cls, data: Mapping[str, object]) -> AppealForm:
        """From posted fields; files and unknown fields are left alone."""
        typed = {field.name: data.get(field.name) for field in fields(cls)}
        texts = {name: value.replace("\r\n", "\n").strip() for name, value in typed.items() if isinstance(value, str)}
        return cls(**{name: value for name, value in texts.items() if value or name not in ("kind", "contact")})

    @property
    def is_anonymous(self) -> bool:
        """Whether no name and number are to be kept."""
        return bool(self.anonymous)

    @property
    def coordinates(self) -> tuple[float, float] | None:
        """(longitude, latitude) of `position`."""
        found = _POSITION.fullmatch(self.position)
        latitude, longitude = (float(found[1]), float(found[2])) if found else (91.0, 181.0)
        return (longitude, latitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None

    def check(self) -> None:
        """Raises InvalidInput that names every field at fault, with the words shown beside it."""
        errors: dict[str, str] = {}
        if self.kind not in set(Kind):
            errors["kind"] = _("请选择这是一件什么事")
        if len(self.what) < MIN_WHAT:
            errors["what"] = _("请写出要反映的事，至少{count}个字").format(count=MIN_WHAT)
        elif len(self.what) > MAX_WHAT:
            errors["what"] = _("请把内容控制在{count}个字以内，现在是{now}个字").format(count=MAX_WHAT, now=len(self.what))
        if self.district and self.district not in districts():
            errors["district"] = _("请从列表里选择一个区县，也可以不选")
        if self.kind in _PLACE_NEEDED and len(self.where) < 2:
            errors["where"] = _("请填写地点，例如路名和小区名")
        if not self.is_anonymous:
            self._check_person(errors)
        for name, limit in (("about", MAX_ABOUT), ("where", 200), ("when", 100), ("name", 50), ("phone", 40)):
            if len(getattr(self, name)) > limit:
                errors[name] = _("这里最多{limit}个字").format(limit=limit)
        for field in fields(self):
            if _CONTROL.search(getattr(self, field.name)):
                errors[field.name] = _("这里有不能保存的字符，请重新输入")
        if errors:
            raise InvalidInput(errors=errors)

    def _check_person(self, errors: dict[str, str]) -> None:
        if self.contact not in dict(CONTACTS):
            errors["contact"] = _("请选择怎么告诉您结果")
        if self.call_time and rules.load().window(self.call_time) is None:
            errors["call_time"] = _("请从列表里选择方便接电话的时间")
        if not self.phone and self.contact != "none":
            errors["phone"] = _("请填写手机号，我们好告诉您结果；也可以选择匿名")
        elif self.phone and normalise_phone(self.phone) is None:
            errors["phone"] = _("手机号应为11位数字，固定电话请加区号")
        elif self.contact == "sms" and not (normalise_phone(self.phone) or "").startswith("+861"):
            errors["phone"] = _("接收短信请填11位手机号")

    def appeal(self) -> Appeal:
        """What the core registers. Call `check` first."""
        hidden, position = self.is_anonymous, self.coordinates
        return Appeal(
            channel=Channel.WEB,
            kind=Kind(self.kind),
            content=f"{self.about}：{self.what}" if self.about else self.what,
            district=self.district,
            address=self.where,
            occurred=self.when,
            name="" if hidden else self.name,
            phone="" if hidden else self.phone,
            anonymous=hidden,
            longitude=position[0] if position else None,
            latitude=position[1] if position else None,
            contact_by="none" if hidden else self.contact,
            preferred_time="" if hidden else self.call_time,
        )
