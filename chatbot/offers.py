"""The citizen's answer to what the bot offered last: danger or not, which article, the number, the full text, anything else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from chatbot import districts, fulltext, gaps, guide, hearing, rules, wording
from chatbot.progress import mentions_number
from chatbot.reply import Reply
from chatbot.talk import Talk
from chatbot.wording import NONE_OF_THEM, REGISTER, Say
from hotline.i18n import _
from knowledge.gap.models import Cause

_NOT_THAT = ("不用", "不用了", "不要", "不要了", "不需要", "不必", "不必了", "不发", "别发", "不用发", "不用发了", "不了")
"""«No» to the whole text; «nothing more» (没有了) is a farewell."""


async def by_offer(talk: Talk) -> Reply | None:
    """What the text means as an answer to the last offer; None when it is something else."""
    said = hearing.clean(talk.text)
    if not said:
        return Reply([Say(_("抱歉，没有听清，请再说一遍。"))])
    if said == hearing.clean(REGISTER):
        return await talk.open_form(talk.memory.question, str(talk.memory.state.get("kind", "complaint")))
    if mentions_number(talk.text, talk.core):
        return await talk.progress()
    handler = _HANDLERS.get(talk.memory.offer)
    return await handler(talk) if handler else None


async def _danger_or_not(talk: Talk) -> Reply | None:
    """The answer to «is somebody in danger now?»; who goes on telling is taken down with both sentences."""
    question, doubt = talk.memory.question, str(talk.memory.state.pop("doubt", ""))
    if hearing.is_in_danger(talk.text):
        talk.text = question
        return await talk.warn(rules.Danger(doubt) if doubt else None, None)
    if hearing.is_not_in_danger(talk.text):
        found = await talk.find(question)
        if found.sure and hearing.is_question(question):
            talk.text = question
            return await talk.answered(found.hits[0].article)
        return await talk.open_form(question, "complaint")
    return None if hearing.is_question(talk.text) else await talk.open_form(f"{question}。{talk.text}", "complaint")


async def _picked(talk: Talk) -> Reply | None:
    titles = [str(choice["title"]) for choice in talk.memory.choices]
    place = 0 if len(titles) == 1 and hearing.is_yes(talk.text) else hearing.which(talk.text, titles)
    if place is not None:
        article = await guide.told(talk.core, talk.session, int(talk.memory.choices[place]["id"]))
        return await talk.answered(article, picked=True) if article else Reply([wording.missed(again=False)])
    if hearing.is_no(talk.text) or hearing.clean(talk.text) == NONE_OF_THEM:
        await gaps.followed(talk.core, talk.session, talk.conversation, Cause.UNANSWERED)
        return talk.missed(talk.memory.question)
    return None


async def _district_or_not(talk: Talk) -> Reply | None:
    """What holds there; who cannot say gets what holds in the whole city, or the choice with the districts named."""
    named, question = districts.heard(talk.memory.state, talk.text), talk.memory.question
    if named is None:
        return None
    found = await guide.find(talk.core, talk.session, question, district=named)
    if not found.sure and not named:
        found = await guide.find(talk.core, talk.session, question)
    if found.sure and not found.differs:
        return await talk.answered(found.hits[0].article, picked=True, asked=question)
    return talk.offer_choices(found, question=question) if found.maybe else talk.missed(question)


async def _register_or_not(talk: Talk) -> Reply | None:
    if hearing.is_yes(talk.text):
        return await talk.open_form(talk.memory.question, str(talk.memory.state.get("kind", "complaint")))
    return talk.more_question() if hearing.is_no(talk.text) else None


async def _person_or_not(talk: Talk) -> Reply | None:
    if hearing.is_yes(talk.text):
        return await talk.hand_over("not_understood")
    return talk.more_question() if hearing.is_no(talk.text) else None


async def _number_or_not(talk: Talk) -> Reply | None:
    now = talk.core.clock.now()
    if hearing.find_ticket_number(talk.text, talk.core.line, now) or len(hearing.digit_runs(talk.text)) > 0:
        return await talk.progress()
    return talk.more_question() if hearing.is_no(talk.text) or hearing.is_skip(talk.text) or hearing.is_cancel(talk.text) else None


async def _code_or_not(talk: Talk) -> Reply | None:
    if hearing.find_query_code(talk.text) or hearing.find_ticket_number(talk.text, talk.core.line, talk.core.clock.now()):
        return await talk.progress()
    if hearing.is_no(talk.text) or hearing.is_skip(talk.text) or hearing.is_cancel(talk.text):
        return talk.more_question()
    return None


async def _fulltext_or_not(talk: Talk) -> Reply | None:
    if hearing.is_yes(talk.text) or fulltext.wished(talk.text):
        return await talk.send_fulltext()
    if hearing.clean(talk.text) in _NOT_THAT:
        return talk.more_question(article=talk.memory.state.get("article"))
    return await _more_or_not(talk)


async def _helped_or_not(talk: Talk) -> Reply | None:
    """The answer to «was it any help»: noted, and the talk is over; anything else goes on as what it is."""
    useful = hearing.opinion(talk.text)
    if useful is None:
        return None
    await gaps.rate_last(talk.core, talk.session, talk.conversation, useful=useful)
    return talk.goodbye()


async def _more_or_not(talk: Talk) -> Reply | None:
    if hearing.is_no(talk.text):
        return await talk.farewell()
    if fulltext.wished(talk.text) and (sent := await talk.send_fulltext()):
        return sent
    article_id = talk.memory.state.get("article")
    article = await guide.told(talk.core, talk.session, int(article_id)) if article_id else None
    say = guide.follow_up(article, talk.text) if article else None
    return Reply([say]) if say else None


_HANDLERS: dict[str, Callable[[Talk], Awaitable[Reply | None]]] = {
    "danger": _danger_or_not,
    "choices": _picked,
    "district": _district_or_not,
    "register": _register_or_not,
    "person": _person_or_not,
    "number": _number_or_not,
    "code": _code_or_not,
    "more": _more_or_not,
    "fulltext": _fulltext_or_not,
    "helped": _helped_or_not,
}
"""By the name that `Memory.make_offer` was given."""
