"""Examples that editors add in the console: conflicts first, then they are learned at the next training. Nothing here commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from chatbot.intents import Intent
from chatbot.learning import evaluation, sentences
from chatbot.learning.models import IntentExample, Purpose
from hotline.errors import InvalidInput, NotFound
from hotline.events import record
from hotline.i18n import _, texts
from knowledge.article.access import live_articles
from knowledge.article.models import LIVE, Article
from knowledge.seed.loader import load_articles
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.permissions import ensure

PERMISSION = "bot.train"
ALIKE = 0.75
"""Share of common pairs of characters from which two sentences are nearly the same."""
MOST_LENGTH = 200
MOST_ARTICLES = 2000
"""So many of the city's own articles are learned from, the newest; a hundred thousand would make a training last hours."""
_SHOWN = 5

INTENT_NAMES: dict[Intent, str] = texts(
    {
        Intent.ASK_GUIDE: "问办事指南",
        Intent.FILE_COMPLAINT: "反映问题",
        Intent.FEEDBACK: "建议、表扬",
        Intent.QUERY_PROGRESS: "查进度",
        Intent.WANT_PERSON: "要转人工",
        Intent.EMERGENCY: "紧急情况",
        Intent.GREET: "打招呼",
        Intent.GOODBYE: "告别",
        Intent.THANKS: "道谢",
        Intent.AFFIRM: "说对",
        Intent.DENY: "说不对",
        Intent.SKIP: "跳过一项",
        Intent.CANCEL: "取消登记",
        Intent.INFORM: "只说信息",
        Intent.ABOUT_BOT: "问助手自己",
        Intent.OUT_OF_SCOPE: "与热线无关",
    }
)


@dataclass(frozen=True)
class Clash:
    """A sentence that is the same or nearly the same and belongs to something else."""

    text: str
    where: str
    """The intent, or the article, in words."""
    same: bool


def pairs_of(text: str) -> frozenset[str]:
    """Pairs of characters, by which sentences are compared."""
    plain = sentences.tidy(text).replace("，", "")
    return frozenset(plain[start : start + 2] for start in range(len(plain) - 1)) or frozenset(plain)


def alike(one: frozenset[str], other: frozenset[str]) -> float:
    """Share of the common pairs: 1 for the same sentence."""
    return len(one & other) / len(one | other) if one | other else 1.0


async def clashes(core: Core, session: AsyncSession, intent: Intent, text: str) -> list[Clash]:
    """Where the same or nearly the same sentence stands under another intent, in an article, or among the held-out ones; worst first."""
    mine, plain = pairs_of(text), sentences.tidy(text)
    found: list[tuple[float, Clash]] = []

    def look(other: str, where: str) -> None:
        share = 1.0 if (clean := sentences.tidy(other)) == plain else alike(mine, pairs_of(other))
        if share >= ALIKE:
            found.append((share, Clash(clean, where, clean == plain)))

    for named, lines in sentences.examples().items():
        for line in lines if named is not intent else ():
            look(line, _(INTENT_NAMES[named]))
    for row in await session.scalars(select(IntentExample).where(IntentExample.removed_at.is_(None))):
        if row.intent != intent.value or sentences.tidy(row.text) == plain:
            look(row.text, _(INTENT_NAMES[Intent(row.intent)]))
    for wanted, line in evaluation.heldout():
        look(line, _("检验句（{intent}），训练不能用").format(intent=_(INTENT_NAMES[Intent(wanted)])))
    if intent is not Intent.ASK_GUIDE:
        for title, questions in (await session.execute(live_articles(core).with_only_columns(Article.title, Article.questions))).all():
            for question in questions:
                look(question, _("知识“{title}”的问法").format(title=title))
    found.sort(key=lambda clash: -clash[0])
    return [clash for _share, clash in found[:_SHOWN]]


async def add(
    core: Core, session: AsyncSession, actor: Actor, intent: Intent, text: str, *, purpose: Purpose = Purpose.LEARN, anyway: bool = False
) -> IntentExample:
    """Add an example.

    Args:
        anyway: take it although a nearly same sentence stands elsewhere; the very same is refused always.

    Raises InvalidInput (with what it clashes with) and NotAllowed.
    """
    actor = ensure(actor, PERMISSION)
    plain = sentences.tidy(text)
    if not 1 <= len(plain) <= MOST_LENGTH or intent is Intent.UNKNOWN:
        raise InvalidInput(_("请写一句话，最多{most}个字").format(most=MOST_LENGTH), field="text")
    against = await clashes(core, session, intent, plain)
    if same := next((clash for clash in against if clash.same), None):
        raise InvalidInput(_("同一句话已经在“{where}”里，请先改那一处").format(where=same.where), field="text")
    if against and not anyway:
        near = "；".join(_("“{text}”（{where}）").format(text=clash.text, where=clash.where) for clash in against)
        raise InvalidInput(_("很像别处的句子：{near}。确实要加，请勾选“仍然添加”").format(near=near), field="anyway")
    row = IntentExample(intent=intent.value, text=plain, purpose=purpose.value, created_at=core.clock.now(), created_by_id=actor.account)
    session.add(row)
    await session.flush()
    await _tell(core, session, actor, "bot.example_added", row)
    return row


async def remove(core: Core, session: AsyncSession, actor: Actor, example_id: int) -> None:
    """Take an example away; the row stays as a record. Raises NotFound and NotAllowed."""
    actor = ensure(actor, PERMISSION)
    row = await session.get(IntentExample, example_id, with_for_update=True)
    if row is None or row.removed_at is not None:
        raise NotFound(_("没有这条例句，可能已经被删除"))
    row.removed_at, row.removed_by_id = core.clock.now(), actor.account
    await _tell(core, session, actor, "bot.example_removed", row)


async def listed(session: AsyncSession, limit: int = 300) -> Sequence[IntentExample]:
    """The examples in use, newest first."""
    rows = select(IntentExample).where(IntentExample.removed_at.is_(None)).order_by(IntentExample.id.desc()).limit(limit)
    return list(await session.scalars(rows))


async def for_training(session: AsyncSession) -> dict[Intent, list[str]]:
    """What editors added to be learned, by intent, and the questions of the city's own published articles."""
    found: dict[Intent, list[str]] = {}
    if own := await _own_questions(session):
        found[Intent.ASK_GUIDE] = own
    rows = select(IntentExample).where(IntentExample.removed_at.is_(None), IntentExample.purpose == Purpose.LEARN.value)
    for row in await session.scalars(rows.order_by(IntentExample.id)):
        found.setdefault(Intent(row.intent), []).append(row.text)
    return found


async def _own_questions(session: AsyncSession) -> list[str]:
    """Titles and example questions of published articles that no shipped article has; held-out sentences are left out."""
    shipped = {sentences.tidy(line) for article in load_articles() for line in (article.title, *article.questions)}
    kept_out = {sentences.tidy(line) for _intent, line in (*evaluation.heldout(), *await for_checking(session))}
    live = select(Article.title, Article.questions).where(Article.state.in_([state.value for state in LIVE]))
    rows = await session.execute(live.order_by(Article.id.desc()).limit(MOST_ARTICLES))
    lines = dict.fromkeys(plain for title, questions in rows for line in (title, *questions) if (plain := sentences.tidy(line)))
    return [line for line in lines if line not in shipped and line not in kept_out]


async def for_checking(session: AsyncSession) -> list[tuple[str, str]]:
    """The editors' held-out sentences: (intent, sentence)."""
    rows = select(IntentExample).where(IntentExample.removed_at.is_(None), IntentExample.purpose == Purpose.CHECK.value)
    return [(row.intent, row.text) for row in await session.scalars(rows.order_by(IntentExample.id))]


async def _tell(core: Core, session: AsyncSession, actor: Actor, name: str, row: IntentExample) -> None:
    await session.flush()
    await record(
        session, at=core.clock.now(), name=name, subject="intent_example", subject_id=row.id, who=actor.who, data={"intent": row.intent}
    )
