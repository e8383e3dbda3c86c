"""What a version says: its fields, how they are checked, how they are stored."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from datetime import date, timedelta
from typing import Any

from hotline.errors import InvalidInput
from hotline.i18n import _, texts
from knowledge.article.models import Article, ArticleKind
from knowledge.article.text import FIELDS, NEEDED, SPOKEN_PARTS, lines_of, spoken_fault

AUDIENCES = texts({"person": "个人", "company": "企业", "elderly": "老年人", "foreigner": "外国人"})
"""Whom an article may be for; none named: everybody."""
MOST_QUESTIONS, MOST_FILES, MOST_TEXT = 40, 10, 4000
_REVIEW_AHEAD = timedelta(days=30)
_YEARLY = timedelta(days=365)
_TUPLES = ("questions", "also_scenes", "audiences", "files")
_DATES = ("valid_from", "valid_until", "checked_on")


@dataclass(frozen=True)
class Content:
    """What a version says. The fields are those of `Article`."""

    title: str
    scene: str
    spoken: str
    questions: tuple[str, ...]
    valid_from: date
    checked_on: date
    body: dict[str, Any] = field(default_factory=dict)
    kind: str = "guide"
    valid_until: date | None = None
    sample_data: bool = False
    spoken_parts: dict[str, str] = field(default_factory=dict)
    also_scenes: tuple[str, ...] = ()
    district: str = ""
    audiences: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    topic_id: int | None = None
    source: str = ""

    def check(self, *, collected: bool = False) -> None:
        """Raises InvalidInput that names every field at fault. What was only collected needs a title and a scene."""
        faults = {**self._head_faults(), **self._list_faults(), **self._body_faults(), **self._date_faults()}
        if fault := spoken_fault(self.spoken):
            faults["spoken"] = fault
        if not self.questions:
            faults["questions"] = _("至少写一个市民会怎么问，每句2到100个字")
        if collected:
            faults = {name: words for name, words in faults.items() if name == "title" or getattr(self, name, None)}
        if faults:
            raise InvalidInput(errors=faults)

    def check_complete(self) -> None:
        """Raises InvalidInput that names what a guide item still lacks to be a complete answer (一次性告知, C03)."""
        if self.kind != ArticleKind.GUIDE.value:
            return
        missing = [heading for name, heading in FIELDS if name in NEEDED and not lines_of(self.body.get(name))]
        if not lines_of(self.body.get("address")) and not lines_of(self.body.get("online")):
            missing.append("办理地点")
        if missing:
            raise InvalidInput(
                _("办事指南要一次告知清楚，还缺：{names}").format(names="、".join(_(name) for name in missing)), field="body"
            )

    @property
    def review_on(self) -> date:
        """When somebody must look at it again: 30 days before it ends (sooner when it is short), at the latest a year after checking."""
        yearly = self.checked_on + _YEARLY
        if self.valid_until is None:
            return yearly
        return min(yearly, self.valid_until - min(_REVIEW_AHEAD, (self.valid_until - self.valid_from) // 3))

    def _head_faults(self) -> dict[str, str]:
        faults: dict[str, str] = {}
        if not 2 <= len(self.title) <= 60:
            faults["title"] = _("标题应为2到60个字")
        if not 1 <= len(self.scene) <= 30:
            faults["scene"] = _("请选择场景")
        if self.kind not in {kind.value for kind in ArticleKind}:
            faults["kind"] = _("类别只能是办事指南、常见问题、公告或应急专题")
        if (self.kind == ArticleKind.EMERGENCY.value) != (self.topic_id is not None):
            faults["topic_id"] = _("应急专题的答复要选择所属专题，别的类别不选")
        if len(self.district) > 30:
            faults["district"] = _("区县名称太长")
        if len(self.source) > MOST_TEXT:
            faults["source"] = _("来源太长")
        return faults

    def _list_faults(self) -> dict[str, str]:
        faults: dict[str, str] = {}
        if len(self.questions) > MOST_QUESTIONS or any(not 2 <= len(question) <= 100 for question in self.questions):
            faults["questions"] = _("至少写一个市民会怎么问，每句2到100个字")
        if len(self.also_scenes) > 6 or any(not 1 <= len(scene) <= 30 for scene in self.also_scenes):
            faults["also_scenes"] = _("最多再列入6个场景")
        if unknown := set(self.audiences) - set(AUDIENCES):
            faults["audiences"] = _("没有这种对象：{names}").format(names="、".join(sorted(unknown)))
        if len(self.files) > MOST_FILES:
            faults["files"] = _("最多{n}个附件").format(n=MOST_FILES)
        return faults

    def _body_faults(self) -> dict[str, str]:
        faults: dict[str, str] = {}
        if unknown := set(self.body) - {name for name, _heading in FIELDS}:
            faults["body"] = _("没有这些栏目：{names}").format(names="、".join(sorted(unknown)))
        elif too_long := [_(heading) for name, heading in FIELDS if sum(map(len, lines_of(self.body.get(name)))) > MOST_TEXT]:
            faults["body"] = _("太长了：{names}").format(names="、".join(too_long))
        if unknown := set(self.spoken_parts) - set(SPOKEN_PARTS):
            faults["spoken_parts"] = _("没有这些栏目：{names}").format(names="、".join(sorted(unknown)))
        for name, words in self.spoken_parts.items():
            if fault := spoken_fault(words):
                faults["spoken_parts"] = f"{_(SPOKEN_PARTS.get(name, name))}：{fault}"
        return faults

    def _date_faults(self) -> dict[str, str]:
        if self.valid_until and self.valid_until < self.valid_from:
            return {"valid_until": _("失效日期不能早于生效日期")}
        if self.kind == ArticleKind.NOTICE.value and self.valid_until is None:
            return {"valid_until": _("公告要写明有效到哪一天")}
        return {}

    def stored(self) -> dict[str, Any]:
        """As JSON."""
        plain = asdict(self)
        plain.update({name: list(plain[name]) for name in _TUPLES})
        return {key: value.isoformat() if isinstance(value, date) else value for key, value in plain.items()}

    @classmethod
    def loaded(cls, stored: dict[str, Any]) -> Content:
        """From JSON as `stored` makes it; a version kept by an older program lacks the newer fields."""
        known = {item.name for item in fields(cls)}
        values = {key: value for key, value in stored.items() if key in known}
        values.update({name: tuple(values[name]) for name in _TUPLES if name in values})
        values.update({name: date.fromisoformat(values[name]) if values.get(name) else None for name in _DATES})
        return cls(**values)


def current_content(article: Article) -> Content:
    """What the article says now."""
    values = {item.name: getattr(article, item.name) for item in fields(Content)}
    return Content(**{**values, **{name: tuple(values[name] or ()) for name in _TUPLES}})
