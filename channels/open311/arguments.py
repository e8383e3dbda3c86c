"""Reading and checking what a client sent. Everything that is wrong is collected and told at once."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

from channels.open311.problems import Problems, Refused
from hotline.clock import CITY_ZONE
from hotline.i18n import _
from ticketing.citizen.service import normalise_phone
from ticketing.ticket.states import Kind

WINDOW = timedelta(days=90)
"""Longest span of one query, and the span when none is asked for."""
MAX_ROWS = 1000
MAX_IDS = 200
MAX_FIELDS = 100
MAX_DESCRIPTION = 4000
MAX_ADDRESS = 200
MAX_NAME = 50
MAX_URL = 1000
_TICKET_NUMBER = re.compile(r"\d{3,8}-\d{8}-\d{1,12}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,185}\.[^@\s.]{2,}")
_ATTRIBUTE = re.compile(r"attribute\[([A-Za-z0-9_]{1,30})\](?:\[\])?")


@dataclass(frozen=True)
class Query:
    """Which requests are wanted."""

    numbers: tuple[str, ...] | None
    """Exactly these; every other filter is then without effect, as the specification says."""
    service_codes: tuple[str, ...]
    start: datetime
    end: datetime
    statuses: frozenset[str]
    """A subset of open and closed; never empty."""
    offset: int
    limit: int


@dataclass(frozen=True)
class NewRequest:
    """A checked report, before it becomes a ticket."""

    service_code: str
    description: str
    address: str
    address_id: str
    latitude: float | None
    longitude: float | None
    name: str
    phone: str
    email: str
    media_url: str
    kind: Kind
    occurred: str
    contact_by: str


def is_ticket_number(text: str) -> bool:
    """Whether a ticket could have this number. Saves the database from everything else."""
    return _TICKET_NUMBER.fullmatch(text) is not None


def read_query(values: Mapping[str, Sequence[str]], now: datetime) -> Query:
    """The filters of GET requests. Raises `Refused`."""
    problems = Problems()
    numbers = _listed(values, "service_request_id")
    if len(numbers) > MAX_IDS:
        problems.add(_("一次最多查询{count}个service_request_id").format(count=MAX_IDS))
    statuses = frozenset(part.lower() for part in _listed(values, "status"))
    for status in sorted(statuses - {"open", "closed"}):
        problems.add(_("status只能是open或closed，收到的是{value}").format(value=_shown(status)))
    start, end = _period(values, now, problems)
    page = _whole_number(values, "page", 1, 1, 1_000_000, problems)
    size = _whole_number(values, "page_size", MAX_ROWS, 1, MAX_ROWS, problems)
    problems.refuse_if_any()
    return Query(
        numbers=tuple(dict.fromkeys(filter(is_ticket_number, numbers))) if numbers else None,
        service_codes=tuple(dict.fromkeys(_listed(values, "service_code"))),
        start=start,
        end=end,
        statuses=statuses or frozenset({"open", "closed"}),
        offset=(page - 1) * size,
        limit=size,
    )


def read_form(body: bytes) -> dict[str, list[str]]:
    """The fields of a form-encoded body. Raises `Refused` when it is not such a body in UTF-8."""
    try:
        text = body.decode("utf-8")
        pairs = parse_qsl(text, keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=MAX_FIELDS)
    except UnicodeDecodeError:
        raise _refused(_("请求内容不是有效的UTF-8，请用UTF-8编码后再提交")) from None
    except ValueError:
        raise _refused(_("字段太多，一次最多{count}个").format(count=MAX_FIELDS)) from None
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields


def read_new_request(fields: Mapping[str, Sequence[str]], known_codes: frozenset[str]) -> NewRequest:
    """The checked report of POST requests. Raises `Refused` with every problem."""
    problems = Problems()
    code = _text(fields, "service_code", 20, problems)
    if not code:
        problems.add(_("缺少service_code，请先用GET services查询服务代码"))
    elif code not in known_codes:
        problems.add(_("没有service_code {value}，请先用GET services查询服务代码").format(value=_shown(code)), code=404)
    latitude, longitude = _place(fields, problems)
    address = _text(fields, "address_string", MAX_ADDRESS, problems)
    address_id = _text(fields, "address_id", 60, problems)
    if not (address or address_id or _first(fields, "lat") or _first(fields, "long")):
        problems.add(_("缺少地点：请提供lat和long，或address_string，或address_id"))
    phone = _text(fields, "phone", 40, problems)
    if phone and normalise_phone(phone) is None:
        problems.add(_("phone不是可以回拨的电话号码，请填11位手机号，或带区号的座机号；也可以不填"))
    email = _text(fields, "email", 254, problems)
    if email and not _EMAIL.fullmatch(email):
        problems.add(_("email不是有效的邮箱地址，请改正，也可以不填"))
    media_url = _text(fields, "media_url", MAX_URL, problems)
    if media_url and not _is_web_address(media_url):
        problems.add(_("media_url应是http或https开头的网址"))
    description = _text(fields, "description", MAX_DESCRIPTION, problems)
    name = _name(fields, problems)
    attributes = _attributes(fields, problems)
    kind, contact_by = _choices(attributes, problems)
    problems.refuse_if_any()
    return NewRequest(
        service_code=code,
        description=description,
        address=address,
        address_id=address_id,
        latitude=latitude,
        longitude=longitude,
        name=name,
        phone=phone,
        email=email,
        media_url=media_url,
        kind=kind,
        occurred=attributes.get("OCCURRED", ""),
        contact_by=contact_by if phone else "none",
    )


KINDS: dict[Kind, str] = {
    Kind.HELP: "求助",
    Kind.COMPLAINT: "投诉",
    Kind.REPORT: "举报",
    Kind.SUGGESTION: "建议",
    Kind.CONSULT: "咨询",
    Kind.PRAISE: "表扬",
}
CONTACTS: dict[str, str] = {"phone": "打电话", "sms": "只发短信", "none": "不用联系"}


def definition(service_code: str) -> dict[str, object]:
    """The service definition: what may be told beyond the standard fields. All of it is optional."""
    return {
        "service_code": service_code,
        "attributes": [
            _attribute("KIND", "singlevaluelist", 1, _("这是一件什么事？"), {kind.value: _(words) for kind, words in KINDS.items()}),
            _attribute("OCCURRED", "string", 2, _("什么时候发生的？例如：昨晚十一点"), {}),
            _attribute("CONTACT", "singlevaluelist", 3, _("希望怎么告诉您结果？"), {key: _(words) for key, words in CONTACTS.items()}),
        ],
    }


def _attribute(code: str, datatype: str, order: int, description: str, values: dict[str, str]) -> dict[str, object]:
    return {
        "variable": True,
        "code": code,
        "datatype": datatype,
        "required": False,
        "datatype_description": None,
        "order": order,
        "description": description,
        "values": [{"key": key, "name": name} for key, name in values.items()],
    }


def _attributes(fields: Mapping[str, Sequence[str]], problems: Problems) -> dict[str, str]:
    limits = {"KIND": 20, "OCCURRED": 100, "CONTACT": 20}
    found: dict[str, str] = {}
    for name in fields:
        if not name.startswith("attribute"):
            continue
        match = _ATTRIBUTE.fullmatch(name)
        if match is None or match[1] not in limits:
            problems.add(_("没有属性{value}，请先用GET services/服务代码查询有哪些属性").format(value=_shown(name)))
        else:
            found[match[1]] = _text(fields, name, limits[match[1]], problems)
    return found


def _choices(attributes: Mapping[str, str], problems: Problems) -> tuple[Kind, str]:
    kind, contact = attributes.get("KIND") or Kind.HELP.value, attributes.get("CONTACT") or "phone"
    if kind not in {member.value for member in KINDS}:
        problems.add(_("attribute[KIND]只能是：{values}").format(values="、".join(member.value for member in KINDS)))
        kind = Kind.HELP.value
    if contact not in CONTACTS:
        problems.add(_("attribute[CONTACT]只能是：{values}").format(values="、".join(CONTACTS)))
    return Kind(kind), contact


def _place(fields: Mapping[str, Sequence[str]], problems: Problems) -> tuple[float | None, float | None]:
    texts = {"lat": _first(fields, "lat"), "long": _first(fields, "long")}
    if not any(texts.values()):
        return None, None
    numbers: list[float] = []
    for name, limit in (("lat", 90.0), ("long", 180.0)):
        if not texts[name]:
            problems.add(_("lat和long要同时提供，缺少{name}").format(name=name))
            continue
        number = _decimal(texts[name])
        if number is None or abs(number) > limit:
            problems.add(_("{name}应是-{limit}到{limit}之间的十进制度数").format(name=name, limit=int(limit)))
        else:
            numbers.append(number)
    if len(numbers) < 2:
        return None, None
    if numbers == [0.0, 0.0]:
        problems.add(_("lat和long都是0，多半是定位没有成功，请重新定位或改用address_string"))
    return numbers[0], numbers[1]


def _decimal(text: str) -> float | None:
    """A plain decimal number; no nan, inf, exponents or underscores."""
    if not re.fullmatch(r"[+-]?\d{1,3}(\.\d{1,20})?", text, re.ASCII):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def _name(fields: Mapping[str, Sequence[str]], problems: Problems) -> str:
    first, last = _text(fields, "first_name", MAX_NAME, problems), _text(fields, "last_name", MAX_NAME, problems)
    return f"{first} {last}".strip() if (first + last).isascii() else last + first


def _period(values: Mapping[str, Sequence[str]], now: datetime, problems: Problems) -> tuple[datetime, datetime]:
    moments: dict[str, datetime | None] = {}
    for name in ("start_date", "end_date"):
        text = _first(values, name)
        moments[name] = _moment(text) if text else None
        if text and moments[name] is None:
            problems.add(_("{name}应是ISO 8601时间，例如2026-01-01T00:00:00+08:00").format(name=name))
    start, end = moments["start_date"], moments["end_date"]
    if start and end and start > end:
        problems.add(_("start_date不能晚于end_date"))
    if start and end and end - start > WINDOW:
        problems.add(_("start_date到end_date最多相隔{days}天，请分几次查询").format(days=WINDOW.days))
    if end is None:
        end = min(now, start + WINDOW) if start else now
    return start or end - WINDOW, end


def _moment(text: str) -> datetime | None:
    """An ISO 8601 moment; without a zone it means the city's. A `+` that arrived as a blank is put right."""
    mended = re.sub(r" (\d\d:?\d\d)$", r"+\1", text.strip()) if "T" in text else text.strip()
    try:
        moment = datetime.fromisoformat(mended)
    except ValueError:
        return None
    if not 1990 <= moment.year <= 2200:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=CITY_ZONE)


def _whole_number(values: Mapping[str, Sequence[str]], name: str, default: int, low: int, high: int, problems: Problems) -> int:
    text = _first(values, name)
    if not text:
        return default
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not low <= int(text) <= high:
        problems.add(_("{name}应是{low}到{high}之间的整数").format(name=name, low=low, high=high))
        return default
    return int(text)


def _text(fields: Mapping[str, Sequence[str]], name: str, limit: int, problems: Problems) -> str:
    text = _first(fields, name).replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > limit:
        problems.add(_("{name}太长，最多{limit}个字").format(name=name, limit=limit))
        return text[:limit]
    if _CONTROL.search(text):
        problems.add(_("{name}里有不能保存的控制字符，请去掉").format(name=name))
        return _CONTROL.sub("", text)
    return text


def _first(values: Mapping[str, Sequence[str]], name: str) -> str:
    """The value; an empty one counts as not sent, as the specification says."""
    return next((value.strip() for value in values.get(name, ()) if value.strip()), "")


def _listed(values: Mapping[str, Sequence[str]], name: str) -> list[str]:
    """A field that may be repeated and may hold several values, comma-delimited."""
    return [part.strip() for value in values.get(name, ()) for part in value.split(",") if part.strip()]


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", text)


def _shown(text: str) -> str:
    """A client's own text inside a message: short, and without anything that could hide in it."""
    return _CONTROL.sub("", text)[:40]


def _refused(description: str) -> Refused:
    problems = Problems()
    problems.add(description)
    return Refused(*problems.found)
