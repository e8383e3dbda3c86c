"""The steps of an article's life as data: from which state, to which, who may. The service asks here, and so do pages and API.

A step moves one version. What citizens get is the live version; a successor is worked on beside it (`Article.draft_state`).
"""

from __future__ import annotations

from dataclasses import dataclass

from hotline.errors import IllegalStep, NotAllowed
from hotline.events import ActorKind
from hotline.i18n import _, texts
from knowledge.article.models import Article, ArticleState, ArticleVersion
from ticketing.people.actor import Actor
from ticketing.people.permissions import Scope, may, roles_with, scope_of
from ticketing.words import word

S = ArticleState


@dataclass(frozen=True)
class Step:
    """One step."""

    key: str
    label: str
    sources: tuple[ArticleState, ...]
    targets: tuple[ArticleState, ...]
    permissions: tuple[str, ...]
    """Any one of them; none: only the clock does it."""
    event: str
    another: bool = False
    """Somebody else than who wrote the version (four eyes)."""
    reason: bool = False
    """Needs words: why."""


STEPS = texts({
    step.key: step
    for step in (
        Step("collect", "收集线索", (), (S.COLLECTED,), ("knowledge.suggest",), "knowledge.collected"),
        Step("create", "新建", (), (S.EDITING,), ("knowledge.supply", "knowledge.approve"), "knowledge.created"),
        Step(
            "edit", "修改", (S.COLLECTED, S.EDITING, S.UNIT_REVIEW, S.CENTRE_REVIEW, S.PUBLISHED, S.DUE_FOR_REVIEW, S.EXPIRED, S.RECALLED),
            (S.EDITING,), ("knowledge.supply", "knowledge.approve"), "knowledge.edited",
        ),
        Step(
            "submit", "提交审核", (S.EDITING,), (S.UNIT_REVIEW, S.CENTRE_REVIEW), ("knowledge.supply", "knowledge.approve"),
            "knowledge.submitted",
        ),
        Step("pass", "单位审核通过", (S.UNIT_REVIEW,), (S.CENTRE_REVIEW,), ("knowledge.approve",), "knowledge.passed", another=True),
        Step(
            "send_back", "退回修改", (S.UNIT_REVIEW, S.CENTRE_REVIEW, S.SCHEDULED), (S.EDITING,),
            ("knowledge.approve", "knowledge.publish"), "knowledge.sent_back", reason=True,
        ),
        Step(
            "publish", "发布", (S.CENTRE_REVIEW,), (S.PUBLISHED, S.SCHEDULED), ("knowledge.publish",), "knowledge.published",
            another=True,
        ),
        Step("go_live", "到时发布", (S.SCHEDULED,), (S.PUBLISHED,), (), "knowledge.published"),
        Step("fall_due", "到期复核", (S.PUBLISHED,), (S.DUE_FOR_REVIEW,), (), "knowledge.due_for_review"),
        Step(
            "confirm", "复核无误", (S.PUBLISHED, S.DUE_FOR_REVIEW, S.EXPIRED), (S.UNIT_REVIEW, S.CENTRE_REVIEW),
            ("knowledge.supply", "knowledge.approve"), "knowledge.confirmed",
        ),
        Step("revise", "由新版代替", (S.PUBLISHED, S.DUE_FOR_REVIEW), (S.REVISED,), (), "knowledge.published"),
        Step("expire", "失效", (S.PUBLISHED, S.DUE_FOR_REVIEW), (S.EXPIRED,), (), "knowledge.expired"),
        Step(
            "recall", "立即撤回", (S.PUBLISHED, S.DUE_FOR_REVIEW), (S.RECALLED,), ("knowledge.recall",), "knowledge.recalled",
            reason=True,
        ),
        Step(
            "drop", "放弃这份草稿", (S.COLLECTED, S.EDITING, S.UNIT_REVIEW, S.CENTRE_REVIEW, S.SCHEDULED), (S.REVISED, S.RECALLED),
            ("knowledge.supply", "knowledge.approve"), "knowledge.dropped", reason=True,
        ),
    )
})  # fmt: skip
"""Every change of state there is. docs/knowledge.md shows it; tests/knowledge/test_life.py holds it to domain.md 4a."""

_CALLS = {"restore": STEPS["edit"].permissions, "wrong": ("knowledge.suggest", "knowledge.supply", "knowledge.approve")}
"""What changes no state or is another step by another name."""
_LIVE_STEPS = frozenset({"recall", "confirm", "fall_due", "revise", "expire"})
"""Steps of the live version; the others are of the draft, if there is one."""


def permissions_of(key: str) -> tuple[str, ...]:
    """The permissions of which a person needs one for the call at all; `refuse_unless` decides the rest. Raises KeyError."""
    return _CALLS[key] if key in _CALLS else STEPS[key].permissions


def refuse_unless(actor: Actor, key: str, unit_id: int | None) -> Actor:
    """The actor as it may do this step on an article of this unit, as deputy if need be. Raises NotAllowed."""
    if actor.kind is ActorKind.SYSTEM:
        return actor
    permissions = permissions_of(key)
    acting = actor.acting_as(roles_with(*permissions)) if permissions else actor
    scopes = {scope_of(acting, permission) for permission in permissions} - {None}
    if not scopes:
        raise NotAllowed(_("你的岗位不能做这一步"))
    if Scope.ALL not in scopes and (acting.unit_id is None or acting.unit_id != unit_id):
        raise NotAllowed(_("只能处理本单位的知识"))
    return acting


def refuse_own(actor: Actor, key: str, version: ArticleVersion) -> None:
    """Four eyes: raises NotAllowed when the step is for somebody else than the author or, for publishing, the unit's reviewer."""
    if not STEPS[key].another or actor.user_id is None:
        return
    if version.author_id == actor.user_id:
        raise NotAllowed(_("自己写的内容要由另一个人审核"))
    if key == "publish" and version.unit_reviewer_id == actor.user_id:
        raise NotAllowed(_("单位审核和发布要由两个人完成"))


def source_of(article: Article, key: str) -> ArticleState:
    """The state that the step would leave: the draft's, or that of the live version."""
    if article.draft_state is not None and key not in _LIVE_STEPS:
        return ArticleState(article.draft_state)
    return ArticleState(article.state)


def refuse_state(article: Article, key: str) -> None:
    """Raises IllegalStep, which says what the article's state is, unless the step starts there."""
    source = source_of(article, key)
    if source not in STEPS[key].sources:
        raise IllegalStep(_("这条知识现在是“{state}”，不能“{step}”").format(state=word("article", source.value), step=_(STEPS[key].label)))
    if key == "confirm" and article.draft_state is not None:
        raise IllegalStep(_("这条知识已有一份草稿在处理，请在草稿上修改"))


def offered(actor: Actor, article: Article, draft: ArticleVersion | None) -> list[Step]:
    """The steps that the actor may do now: what is offered is accepted."""
    found = []
    for key, step in STEPS.items():
        if not step.sources or not step.permissions or not any(may(actor, name) for name in step.permissions):
            continue
        try:
            acting = refuse_unless(actor, key, article.unit_id)
            refuse_state(article, key)
            if draft is not None and key in ("pass", "publish"):
                refuse_own(acting, key, draft)
        except (NotAllowed, IllegalStep):
            continue
        found.append(step)
    return found
