"""What the API's article operations take and tell."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import Field

from channels.api.models import Id, Moment, Page, Query, Sent, Told, text
from knowledge.article.content import MOST_FILES, MOST_QUESTIONS, MOST_TEXT
from knowledge.article.lists import View

Spoken = Annotated[str, text(1, 300, "电话里说的话：汉字和标点")]
Line = Annotated[str, text(1, MOST_TEXT)]
Lines = Annotated[list[Line], Field(max_length=50)]
Words = Annotated[str, text(0, MOST_TEXT)]
Day = Annotated[dt.date, Field(strict=False)]
Audience = Literal["person", "company", "elderly", "foreigner"]
Kind = Literal["guide", "question", "notice", "emergency"]


class TimeLimitIn(Sent):
    """办理时限: the statutory one and the shorter one that is promised."""

    statutory: Annotated[str, text(0, 200)] = ""
    promised: Annotated[str, text(0, 200)] = ""


class SpokenParts(Sent):
    """Short answers to a part of the matter."""

    materials: Spoken | None = None
    fee: Spoken | None = None
    time_limit: Spoken | None = None
    address: Spoken | None = None


class GuideFields(Sent):
    """Fields of a guide item (H01-H03); empty ones are left out."""

    conditions: Words = ""
    materials: Lines = Field(default_factory=list)
    procedure: Lines = Field(default_factory=list)
    time_limit: TimeLimitIn | None = None
    fee: Words = ""
    fee_basis: Words = ""
    address: Words = ""
    hours: Words = ""
    online: Words = ""
    accepting_unit: Words = ""
    handling_unit: Words = ""
    phone: Words = ""
    complaint_phone: Words = ""
    basis: Words = ""
    archived: Words = ""
    note: Words = ""


class ContentIn(Sent):
    """What an article says."""

    title: Annotated[str, text(2, 60)]
    kind: Kind = "guide"
    scene: Annotated[str, text(1, 30)]
    also_scenes: Annotated[list[Annotated[str, text(1, 30)]], Field(max_length=6, default_factory=list)]
    district: Annotated[str, text(0, 30, "空是全市")] = ""
    audiences: Annotated[list[Audience], Field(max_length=4, default_factory=list, description="空是所有人")]
    questions: Annotated[list[Annotated[str, text(2, 100)]], Field(min_length=1, max_length=MOST_QUESTIONS)]
    spoken: Spoken
    spoken_parts: SpokenParts = SpokenParts()
    body: GuideFields = GuideFields()
    files: Annotated[list[Annotated[str, text(36, 36)]], Field(max_length=MOST_FILES, default_factory=list, description="本条已有的附件")]
    topic_id: Id | None = None
    source: Words = ""
    sample_data: bool = False
    checked_on: Day
    valid_from: Day
    valid_until: Day | None = None


class NewArticle(Sent):
    """A new article, as a draft."""

    content: ContentIn
    unit_id: Annotated[Id | None, Field(description="哪个单位的事；单位人员只能是本单位，不填是热线中心")] = None
    note: Annotated[str, text(0, 500)] = ""


class NewVersion(Sent):
    """A next version, as a draft; what is published stays until it is reviewed."""

    content: ContentIn
    seen_version: Annotated[int, Field(ge=1, le=10**6, description="编辑时看到的最新版本；已有更新的回409")]
    note: Annotated[str, text(0, 500, "这次改了什么")] = ""


class ArticleStep(Sent):
    """A step; which of the fields matter is said with the step in docs/knowledge.md."""

    step: Literal["submit", "pass", "send_back", "publish", "recall", "drop", "confirm", "restore", "wrong"]
    seen_version: Annotated[int, Field(ge=0, le=10**6)] = 0
    version: Annotated[int, Field(ge=0, le=10**6, description="发布和恢复的版本")] = 0
    reason: Annotated[str, text(0, 500)] = ""
    unit_note: Annotated[str, text(0, 500, "单位已同意的依据")] = ""
    at: Annotated[Moment | None, Field(description="定时发布；不填马上")] = None
    valid_until: Day | None = None


class ArticleQuery(Page):
    """Filters of the list."""

    view: Annotated[View, Field(description="told市民可查，drafts编写审核中，review等我审核，due到期复核，ended失效和撤回")] = View.TOLD
    q: Annotated[str, Field(max_length=100)] = ""
    kind: Kind | None = None
    scene: Annotated[str, Field(max_length=30)] = ""
    district: Annotated[str, Field(max_length=30)] = ""
    audience: Audience | None = None
    unit_id: Annotated[int | None, Field(ge=1, le=2**53 - 1)] = None
    topic_id: Annotated[int | None, Field(ge=1, le=2**53 - 1)] = None


class ArticleOut(Told):
    """An article in a list."""

    id: int
    slug: str
    kind: str
    title: str
    scene: str
    district: str
    audiences: list[str]
    unit_id: int | None
    topic_id: int | None
    state: str
    version: int
    draft_state: str | None = Field(description="旁边的新稿；看不到或没有是null")
    draft_version: int | None
    valid_from: dt.date
    valid_until: dt.date | None
    review_on: dt.date | None
    used_count: int
    helpful_count: int = Field(description="多少次有市民说有用")
    updated_at: dt.datetime


class ArticlePage(Told):
    """Newest first."""

    items: list[ArticleOut]
    next: str | None = Field(description="下一页的cursor；没有下一页是null")


class ArticleDetail(ArticleOut):
    """An article with what it says to citizens (before the first publication: its newest draft)."""

    content: dict[str, Any]
    steps: list[str] = Field(description="你现在可以做的")
    newest_version: int | None = Field(description="改它时作为seen_version；看不到草稿的人是null")


class VersionOut(Told):
    """One version."""

    version: int
    state: str
    note: str
    created_at: dt.datetime
    author_id: int | None = Field(description="null：随系统提供")
    unit_reviewer_id: int | None
    unit_note: str
    reviewer_id: int | None
    publish_at: dt.datetime | None
    published_at: dt.datetime | None
    ended_at: dt.datetime | None


class VersionDetail(VersionOut):
    """One version with its text."""

    content: dict[str, Any]


class Versions(Told):
    """Newest first."""

    items: list[VersionOut]
    next: str | None = Field(description="下一页的cursor；没有下一页是null")


class CompareQuery(Query):
    """Which two."""

    before: Annotated[int, Field(ge=1, le=10**6)]
    after: Annotated[int, Field(ge=1, le=10**6)]


class ChangedField(Told):
    """A field that differs."""

    field: str
    heading: str
    before: str
    after: str


class Comparison(Told):
    """What differs."""

    items: list[ChangedField]


class ToldQuery(Page):
    """Of one version only."""

    version: Annotated[int | None, Field(ge=1, le=10**6)] = None


class AnswerOut(Told):
    """One answer that was given, without words of the citizen."""

    message_id: int
    conversation_id: str
    at: dt.datetime
    channel: str
    version: int


class Answers(Told):
    """Newest first."""

    items: list[AnswerOut]
    next: str | None = Field(description="下一页的cursor；没有下一页是null")


class NewTopic(Sent):
    """An emergency package (应急专题)."""

    name: Annotated[str, text(2, 40)]
    message: Annotated[str, text(0, 200, "网站上的公告语")] = ""


class TopicSwitch(Sent):
    """On or off, from the next question on."""

    active: bool
    until: Annotated[Day | None, Field(description="用到哪一天")] = None


class TopicOut(Told):
    """A package."""

    id: int
    name: str
    message: str
    active: bool
    active_until: dt.date | None
    articles: int
    ready: int = Field(description="审核通过、可以用的答复")


class Topics(Told):
    """Those that are on first."""

    items: list[TopicOut]
