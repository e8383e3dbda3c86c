"""An article as one complete answer (一次性告知) and as spoken words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from hotline.i18n import _, texts
from knowledge.article.models import Article

FIELDS: tuple[tuple[str, str], ...] = texts(
    (
        ("conditions", "办理条件"),
        ("materials", "所需材料"),
        ("procedure", "办理流程"),
        ("time_limit", "办理时限"),
        ("fee", "收费"),
        ("fee_basis", "收费依据"),
        ("address", "办理地点"),
        ("hours", "办公时间"),
        ("online", "网上办理"),
        ("accepting_unit", "受理单位"),
        ("handling_unit", "办理机构"),
        ("phone", "咨询电话"),
        ("complaint_phone", "监督电话"),
        ("basis", "办理依据"),
        ("archived", "存档资料"),
        ("note", "说明"),
    )
)
"""Guide fields in the order in which a citizen needs them, with their headings (H01-H03). The name is the title, scenes are fields
of their own."""
NEEDED = frozenset({"conditions", "materials", "procedure", "time_limit", "fee", "phone", "basis"})
"""Without these a guide item is no complete answer; besides, a place or an address in the net."""
SPOKEN_PARTS = texts({"materials": "要带什么", "fee": "多少钱", "time_limit": "要多久", "address": "在哪里办"})
"""What a caller asks for by itself and may be told in a short answer of its own; the keys are fields of the body."""

_LIMITS = texts({"statutory": "法定时限", "promised": "承诺时限"})


def sections(body: dict[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    """(field, heading, lines) of the filled guide fields."""
    for field, heading in FIELDS:
        lines = lines_of(body.get(field))
        if lines:
            yield field, _(heading), lines


def render(article: Article) -> str:
    """The whole answer: title, short answer, then all guide fields, so that nobody has to come twice."""
    parts = [f"【{article.title}】", article.spoken]
    for field, heading, lines in sections(article.body):
        if len(lines) == 1:
            parts.append(f"{heading}：{lines[0]}")
        else:
            numbered = field in ("materials", "procedure")
            parts.append(f"{heading}：\n" + "\n".join(f"{index}. {line}" if numbered else line for index, line in enumerate(lines, 1)))
    return "\n".join(parts)


def lines_of(value: Any) -> list[str]:
    """The filled lines of one guide field, whatever its form (text, list, the two time limits)."""
    if isinstance(value, dict):
        return [f"{_(_LIMITS.get(str(key), str(key)))}：{text}" for key, text in value.items() if text]
    if isinstance(value, list):
        return [str(line).strip() for line in value if str(line).strip()]
    text = str(value or "").strip()
    return [text] if text else []


def spoken_for(article: Article, asked: str = "") -> str:
    """What the voice says: the short answer to the part that was asked for (a key of SPOKEN_PARTS), else the general one."""
    return str(article.spoken_parts.get(asked) or article.spoken)


_FORBIDDEN_IN_SPOKEN = re.compile(r"[A-Za-z<>\[\]()（）【】《》{}#*_/\\|@]|https?:")


def spoken_fault(spoken: str) -> str | None:
    """Why `spoken` cannot be read aloud as it is, or None."""
    if not 1 <= len(spoken) <= 300:
        return _("口头答复应为1到300个字")
    found = _FORBIDDEN_IN_SPOKEN.search(spoken)
    return _("口头答复里不能有括号、网址、字母和符号：{sign}").format(sign=found.group()) if found else None
