"""Articles (知识): what citizens are told, drafts beside it, and every step of their life. The same door and rules as the pages."""

from __future__ import annotations

import secrets
from typing import Any

from channels.api.article_models import (
    AnswerOut,
    Answers,
    ArticleDetail,
    ArticleOut,
    ArticlePage,
    ArticleQuery,
    ArticleStep,
    ChangedField,
    CompareQuery,
    Comparison,
    ContentIn,
    NewArticle,
    NewTopic,
    NewVersion,
    ToldQuery,
    TopicOut,
    Topics,
    TopicSwitch,
    VersionDetail,
    VersionOut,
    Versions,
)
from channels.api.call import Answer, Call, Operation
from channels.api.models import Page
from channels.api.paging import Paging
from channels.web.inputs import whole_number
from hotline.errors import NotFound
from hotline.i18n import _
from knowledge.article import lists, service, topics
from knowledge.article.access import access_article, works_on
from knowledge.article.content import Content, current_content
from knowledge.article.life import STEPS, offered, permissions_of
from knowledge.article.lists import ArticleFilter
from knowledge.article.models import Article
from knowledge.article.steps import Wish, take
from knowledge.article.trace import answers_given
from knowledge.article.versions import compare, draft_of, get_version, latest_version
from knowledge.article.versions import list_versions as versions_of
from ticketing.people.permissions import ensure, may

TAG = "知识"
_KEEP = ("knowledge.supply", "knowledge.approve", "knowledge.publish")


def content_of(sent: ContentIn) -> Content:
    """What was sent as the service takes it."""
    body: dict[str, Any] = {name: value for name, value in sent.body.model_dump().items() if value}
    if limits := body.get("time_limit"):
        body["time_limit"] = {name: value for name, value in limits.items() if value}
    plain = sent.model_dump(exclude={"body", "spoken_parts"})
    for name in ("also_scenes", "audiences", "questions", "files"):
        plain[name] = tuple(plain[name])
    return Content(**plain, body=body, spoken_parts={name: words for name, words in sent.spoken_parts.model_dump().items() if words})


def _one_of(call: Call, names: tuple[str, ...]) -> None:
    """Raises NotAllowed for whoever has none of the permissions."""
    ensure(call.actor, next((name for name in names if may(call.actor, name)), names[0]))


def _without_draft(*, working: bool) -> dict[str, None]:
    """Who does not work on an article sees nothing of a draft beside it."""
    return {} if working else {"draft_state": None, "draft_version": None}


async def _mine(call: Call) -> Article:
    """The article of the address, for who works on it. Raises NotAllowed, NotFound."""
    _one_of(call, _KEEP)
    article = await access_article(call.core, call.session, call.actor, call.id())
    if not works_on(call.actor, article):
        raise NotFound(_("没有找到这条知识"))
    return article


async def list_articles(call: Call) -> ArticlePage:
    """What citizens get, or with `view` what the person works on."""
    asked = call.asked(ArticleQuery)
    paging = Paging(call, "articles", asked)
    only = ArticleFilter(
        asked.view, asked.q, asked.kind or "", asked.scene, asked.district, asked.audience or "", asked.unit_id, asked.topic_id
    )
    found = await lists.list_articles(call.core, call.session, call.actor, only, before=paging.before, limit=paging.limit)
    rows, following = paging.cut(found, lambda row: (row.id,))
    items = [ArticleOut.of(row, **_without_draft(working=works_on(call.actor, row))) for row in rows]
    return ArticlePage(items=items, next=following)


async def get(call: Call) -> ArticleDetail:
    """One article."""
    return await _detail(call, await access_article(call.core, call.session, call.actor, call.id()))


async def _detail(call: Call, article: Article) -> ArticleDetail:
    working = works_on(call.actor, article)
    draft = await draft_of(call.session, article) if working else None
    return ArticleDetail.of(
        article, **_without_draft(working=working), content=current_content(article).stored(),
        steps=[step.key for step in offered(call.actor, article, draft)],
        newest_version=(await latest_version(call.session, article.id)).version if working else None,
    )  # fmt: skip


async def create(call: Call) -> Answer:
    """A draft; nothing reaches citizens."""
    sent, actor = call.sent(NewArticle), call.actor
    _one_of(call, STEPS["create"].permissions)
    unit = sent.unit_id or (actor.unit_id if actor.role and actor.role.in_unit else None)
    slug = f"k-{secrets.token_hex(4)}"
    made = await service.create(call.core, call.session, actor, slug, content_of(sent.content), unit_id=unit, note=sent.note)
    return Answer(await _detail(call, made), 201)


async def add_version(call: Call) -> Answer:
    """A next version as a draft."""
    sent = call.sent(NewVersion)
    article = await _mine(call)
    await service.update(
        call.core, call.session, call.actor, article.id, content_of(sent.content), seen_version=sent.seen_version, note=sent.note
    )
    return Answer(await _detail(call, article), 201)


async def step(call: Call) -> ArticleDetail:
    """One step of its life."""
    sent = call.sent(ArticleStep)
    _one_of(call, permissions_of(sent.step))
    wish = Wish(sent.seen_version, sent.reason, sent.unit_note, sent.version, sent.at, sent.valid_until)
    return await _detail(call, await take(call.core, call.session, call.actor, call.id(), sent.step, wish))


async def list_versions(call: Call) -> Versions:
    """The versions, for who works on the article."""
    article = await _mine(call)
    paging = Paging(call, f"versions {article.id}", call.asked(Page))
    found = await versions_of(call.session, article.id, before=paging.before, limit=paging.limit)
    rows, following = paging.cut(found, lambda row: (row.version,))
    return Versions(items=[VersionOut.of(row) for row in rows], next=following)


async def get_one_version(call: Call) -> VersionDetail:
    """One version with its text."""
    article, number = await _mine(call), whole_number(call.part("version"), most=10**6)
    row = await get_version(call.session, article.id, number or 0)
    return VersionDetail.of(row)


async def comparison(call: Call) -> Comparison:
    """What differs between two versions."""
    article, asked = await _mine(call), call.asked(CompareQuery)
    pair = [Content.loaded((await get_version(call.session, article.id, number)).content) for number in (asked.before, asked.after)]
    items = [
        ChangedField(
            field=each.field, heading=each.heading, before="".join(piece.text for piece in each.before),
            after="".join(piece.text for piece in each.after),
        )
        for each in compare(*pair)
    ]  # fmt: skip
    return Comparison(items=items)


async def list_answers(call: Call) -> Answers:
    """Which conversations were given this article."""
    article, asked = await _mine(call), call.asked(ToldQuery)
    paging = Paging(call, f"answers {article.id}", asked)
    found = await answers_given(call.session, article.id, version=asked.version, before=paging.before, limit=paging.limit)
    rows, following = paging.cut(found, lambda row: (row.message_id,))
    items = [
        AnswerOut(message_id=row.message_id, conversation_id=str(row.conversation_id), at=row.at, channel=row.channel, version=row.version)
        for row in rows
    ]
    return Answers(items=items, next=following)


async def list_topics(call: Call) -> Topics:
    """The emergency packages."""
    ensure(call.actor, "knowledge.publish")
    return Topics(items=[_topic(line) for line in await topics.list_topics(call.session)])


def _topic(line: topics.TopicLine) -> TopicOut:
    names = ("id", "name", "message", "active", "active_until")
    return TopicOut(**{name: getattr(line.topic, name) for name in names}, articles=line.articles, ready=line.ready)


async def add_topic(call: Call) -> Answer:
    """A new package, switched off."""
    sent = call.sent(NewTopic)
    made = await topics.save_topic(call.core, call.session, call.actor, name=sent.name, message=sent.message)
    return Answer(_topic(topics.TopicLine(made, 0, 0)), 201)


async def switch_topic(call: Call) -> TopicOut:
    """Tell all its answers, or none, from the next question on."""
    sent = call.sent(TopicSwitch)
    ensure(call.actor, "knowledge.publish")
    topic = await topics.switch(call.core, call.session, call.actor, call.id(), on=sent.active, until=sent.until)
    return next(_topic(line) for line in await topics.list_topics(call.session) if line.topic.id == topic.id)


OPERATIONS = (
    Operation("GET", "/articles", list_articles, "listArticles", TAG, "知识列表", answer=ArticlePage, query=ArticleQuery),
    Operation("POST", "/articles", create, "createArticle", TAG, "新建知识（草稿）", answer=ArticleDetail, body=NewArticle, status=201),
    Operation("GET", "/articles/{id}", get, "getArticle", TAG, "一条知识", answer=ArticleDetail),
    Operation("GET", "/articles/{id}/versions", list_versions, "listArticleVersions", TAG, "各版本", answer=Versions, query=Page),
    Operation(
        "POST", "/articles/{id}/versions", add_version, "addArticleVersion", TAG, "新的一版（草稿）", answer=ArticleDetail, body=NewVersion,
        status=201,
    ),
    Operation("GET", "/articles/{id}/versions/{version}", get_one_version, "getArticleVersion", TAG, "一个版本", answer=VersionDetail),
    Operation(
        "GET", "/articles/{id}/compare", comparison, "compareArticleVersions", TAG, "两个版本的差别", answer=Comparison,
        query=CompareQuery,
    ),
    Operation("GET", "/articles/{id}/answers", list_answers, "listArticleAnswers", TAG, "哪些会话用过", answer=Answers, query=ToldQuery),
    Operation("POST", "/articles/{id}/steps", step, "stepArticle", TAG, "提交、审核、发布、撤回等", answer=ArticleDetail, body=ArticleStep),
    Operation("GET", "/knowledge-topics", list_topics, "listTopics", TAG, "应急专题", answer=Topics),
    Operation("POST", "/knowledge-topics", add_topic, "addTopic", TAG, "新建应急专题", answer=TopicOut, body=NewTopic, status=201),
    Operation(
        "POST", "/knowledge-topics/{id}/switch", switch_topic, "switchTopic", TAG, "启用或停用应急专题", answer=TopicOut, body=TopicSwitch,
    ),
)  # fmt: skip
