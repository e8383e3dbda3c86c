"""Answers from the knowledge base: find, and tell with article and version."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from chatbot.hearing import clean
from chatbot.wording import Say
from hotline.clock import to_city
from hotline.i18n import _
from knowledge.article.access import is_told
from knowledge.article.content import AUDIENCES
from knowledge.article.files import files_of
from knowledge.article.models import Article
from knowledge.article.service import used
from knowledge.article.text import render, sections, spoken_for
from knowledge.search.filters import Filters
from knowledge.search.service import MIDDLE, Hit, is_sure, search
from ticketing.context import Core

MOST_CHOICES = 3


@dataclass(frozen=True)
class Found:
    """What the search says about a question."""

    hits: tuple[Hit, ...]
    district: str | None = None
    """Where it was asked for; None: not known."""

    @property
    def differs(self) -> bool:
        """Whether the answer depends on a district that is not known: what fits best holds in one only, or is told otherwise there."""
        return self.district is None and any(hit.article.district for hit in self.maybe if hit.near)

    @property
    def sure(self) -> bool:
        """Whether the first hit may be told as the answer."""
        return is_sure(self.hits)

    @property
    def maybe(self) -> tuple[Hit, ...]:
        """The hits that are good enough to be offered as choices."""
        return tuple(hit for hit in self.hits[:MOST_CHOICES] if hit.score >= MIDDLE)


async def find(core: Core, session: AsyncSession, question: str, *, district: str | None = None) -> Found:
    """Search the published and valid articles; `district`: only what holds there (see `knowledge.search.filters`)."""
    today, filters = to_city(core.clock.now()).date(), Filters(district=district)
    return Found(tuple(await search(session, question, limit=MOST_CHOICES, today=today, filters=filters)), district)


def title_of(article: Article) -> str:
    """The title as it is offered: two articles on one matter are told apart by where and for whom they hold."""
    marks = [article.district, *(_(AUDIENCES[name]) for name in article.audiences)]
    shown = "，".join(mark for mark in marks if mark)
    return f"{article.title}（{shown}）" if shown else article.title


async def told(core: Core, session: AsyncSession, article_id: int) -> Article | None:
    """The article if it may still be told today: it may have been recalled since it was offered."""
    today = to_city(core.clock.now()).date()
    return (await session.scalars(select(Article).where(Article.id == article_id, is_told(today)))).first()


async def answer(session: AsyncSession, article: Article, *, asked: str = "", then: str = "") -> Say:
    """The whole answer as text; as speech the short one to what `asked` asks for (fee, place …), followed by the question `then`."""
    await used(session, article)
    spoken, text = spoken_for(article, _one_part(asked)), render(article)
    if files := await files_of(session, article.id, article.files):
        names = _("、").join(file.file_name for file in files)
        text += "\n" + _("可下载：{names}（在网站“办事指南”的“{title}”页）").format(names=names, title=article.title)
        spoken += _("需要的表格可以在网站的办事指南里下载。")
    return Say(text, spoken + (then or _("您还有别的问题吗？")), article=(article.id, article.version))


_ASKS_FOR = (
    ("address", r"在哪|哪里|哪儿|地址|地点|去哪|位置|什么地方|哪个地方"),
    ("materials", r"带什么|带啥|什么材料|啥材料|材料|证件|带哪些|资料|什么东西"),
    ("fee", r"多少钱|收费|收钱|要钱|费用|花钱|交钱"),
    ("time_limit", r"多久|几天|多长时间|什么时候能?办好|多少天"),
    ("hours", r"几点|上班|下班|周末|周六|周日|星期六|办公时间|开门"),
    ("phone", r"电话|号码|联系方式"),
    ("online", r"网上|手机上|线上|网办|网络"),
    ("conditions", r"条件|要求|资格"),
    ("procedure", r"流程|步骤|怎么办理|怎么弄|怎么走|手续"),
    ("basis", r"依据|规定|法律"),
)
_AROUND = (
    "那|那么|请问|这个|它|去|在|要|需要|得|是|有|我|能|可以|可|办|办理|申请|收|不|呢|啊|吗|呀|的|给|一下|大概|什么|哪些|具体|里|到|上|"
    "行|告诉|说|查|看|拿|带|多少"
)
_FOLLOW_UPS = tuple((name, re.compile(words), re.compile(f"(?:{words}|{_AROUND})+")) for name, words in _ASKS_FOR)


def _one_part(asked: str) -> str:
    """The one part of a matter that a question asks for; empty when it asks for several or for the whole."""
    parts = [name for name, words, _whole in _FOLLOW_UPS if words.search(asked)]
    return parts[0] if len(parts) == 1 else ""


def follow_up(article: Article, text: str) -> Say | None:
    """The part of the article just told that a short question asks for (在哪办, 要多少钱); None when it asks something else."""
    said = clean(text)[:40]
    field = next((name for name, words, whole in _FOLLOW_UPS if words.search(said) and whole.fullmatch(said)), None)
    found = next((lines for name, _heading, lines in sections(article.body) if name == field), None) if field else None
    if not found:
        return None
    words = str(article.spoken_parts.get(field or "") or "。".join(found) + "。")
    spoken = words + _("您还有别的问题吗？")
    return Say(_("【{title}】{answer}").format(title=article.title, answer="\n".join(found)), spoken, article=(article.id, article.version))
