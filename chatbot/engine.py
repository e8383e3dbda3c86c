"""Decides what one utterance is answered with, does it, and writes it down: all in the caller's one transaction.

The same code serves the action endpoint (Rasa has found the intent), the fallback (rules have) and the look before both
(danger, a person, a picked choice: `hint` is None then). The first of them answers, the others find its answer stored, so
a slow Rasa, a repeat and a retry never answer twice. Whether the bot owns the conversation is checked under the same lock.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chatbot import form, guide, hearing, rules, wording
from chatbot.draft import Draft, Outcome, Slot
from chatbot.intents import UNSURE, Hint, Intent
from chatbot.memory import Memory
from chatbot.moments import citizen_moment
from chatbot.offers import by_offer
from chatbot.progress import Progress, mentions_number
from chatbot.registration import load_draft, promise, register_draft, save_draft
from chatbot.reply import Reply, TicketRef, Turn, silent, store, stored_turn
from chatbot.talk import Talk
from chatbot.verdict import Verdict, judge, may_be_danger
from chatbot.wording import Say
from hotline.i18n import _
from knowledge.article.topics import announcement
from knowledge.gap.models import Cause
from ticketing.context import Core
from ticketing.conversation.models import Conversation, Message, Owner
from ticketing.conversation.service import get_conversation
from ticketing.secrecy import WITHHELD, refusal

PATIENCE = 3
"""Questions in a row without an answer after which a person is asked for; at the one before, a person is offered."""


async def respond(
    core: Core, session: AsyncSession, conversation_id: UUID, message_id: int, hint: Hint | None, *, degraded: bool = False
) -> Turn | None:
    """Answer the citizen's stored message.

    Args:
        message_id: the citizen's message; it is answered at most once.
        hint: what the classifier believes; None: only what rules and the last offer decide.
        degraded: the hint comes from rules because Rasa did not answer.

    Returns None when `hint` is None and a classifier is needed; nothing was written then.
    """
    conversation = await get_conversation(session, conversation_id, lock=True)
    return await respond_in(core, session, conversation, message_id, hint, degraded=degraded)


async def respond_in(
    core: Core, session: AsyncSession, conversation: Conversation, message_id: int, hint: Hint | None, *, degraded: bool = False
) -> Turn | None:
    """The same in a conversation whose row the caller has locked."""
    answered = await stored_turn(core, session, conversation, message_id)
    if answered is not None:
        return answered
    if conversation.owner != Owner.BOT.value:
        return silent(conversation)
    message = await session.get_one(Message, message_id)
    talk = Talk(core, session, conversation, Memory(conversation), message.text, message)
    reply = await _decide(talk, hint)
    if reply is None:
        return None
    reply.degraded = degraded
    talk.memory.save()
    return await store(core, session, conversation, message_id, reply)


async def _decide(talk: Talk, hint: Hint | None) -> Reply | None:
    draft = load_draft(talk.core, talk.conversation)
    by_rule = await _by_rule(talk, draft)
    if by_rule is not None:
        return by_rule
    if draft is not None:
        return None if hint is None else await _in_form(talk, draft, hint)
    to_offer = await by_offer(talk)
    if to_offer is not None or hint is None:
        return to_offer
    return await _by_intent(talk, hint)


async def _by_rule(talk: Talk, draft: Draft | None) -> Reply | None:
    if talk.text == WITHHELD:
        return Reply([Say(refusal())])
    danger = rules.danger_in(talk.text)
    if danger is not None and not (draft is not None and draft.danger):
        return await talk.warn(danger, draft)
    if (doubt := rules.doubt_in(talk.text)) is not None and _asks_about_danger(talk, draft):
        return talk.ask_danger(doubt, draft)
    a_digit = talk.memory.offer in ("number", "code") and hearing.clean(talk.text) in ("0", "零")
    if rules.wants_person(talk.text) and not a_digit:
        return await talk.hand_over("citizen_asked")
    if draft is None and rules.is_angry(talk.text):
        return await talk.hand_over("angry")
    return None


def _asks_about_danger(talk: Talk, draft: Draft | None) -> bool:
    """Once in a conversation: where a matter begins, not in the answers to the form's later questions."""
    if talk.memory.state.get("asked_danger") or (draft is not None and (draft.danger or draft.asking is not Slot.WHAT)):
        return False
    return talk.memory.offer != "danger"


async def _in_form(talk: Talk, draft: Draft, hint: Hint) -> Reply:
    if may_be_danger(talk.text, hint) and _asks_about_danger(talk, draft):
        return talk.ask_danger(rules.suspicion_in(talk.text), draft)
    aside = await _aside(talk, draft, hint)
    if aside is not None:
        return aside
    step = form.hear(draft, talk.text, hint)
    if step.outcome is Outcome.CANCELLED:
        save_draft(talk.core, talk.conversation, None)
        talk.memory.make_offer("more")
        return Reply([Say(_("好的，已经取消，没有登记。还有别的可以帮您吗？"))])
    if step.outcome is Outcome.SUBMIT:
        return await _submit(talk, step.draft)
    save_draft(talk.core, talk.conversation, step.draft)
    return Reply([wording.form_step(step)])


async def _aside(talk: Talk, draft: Draft, hint: Hint) -> Reply | None:
    """A guide question or a ticket number in the middle of the form: answer it, then ask the form's question again."""
    if mentions_number(talk.text, talk.core):
        say = await Progress(talk.core, talk.session, talk.conversation, talk.memory.state).ask(talk.text)
        talk.memory.forget_offer()
        return Reply([say, wording.form_step(form.again(draft))])
    if not hint.is_(Intent.ASK_GUIDE, Intent.UNKNOWN) or not hearing.is_question(talk.text):
        return None
    found = await talk.find(talk.text)
    if not found.sure or found.differs:
        return None
    return Reply([await guide.answer(talk.session, found.hits[0].article, asked=talk.text), wording.form_step(form.again(draft))])


async def _submit(talk: Talk, draft: Draft) -> Reply:
    registered = await register_draft(talk.core, talk.session, talk.conversation, draft)
    talk.memory.make_offer("more")
    if registered is None:
        return Reply([Say(_("这件事已经登记过了。还有别的事吗？"))])
    due = await promise(talk.session, registered.ticket)
    say = wording.registered(registered.ticket.number, registered.query_code, citizen_moment(due) if due else "", phone=talk.phone)
    return Reply([say], ticket=TicketRef(registered.ticket.number, registered.query_code))


async def _by_intent(talk: Talk, hint: Hint) -> Reply:
    match hint.intent:
        case Intent.GREET:
            greeting = _("您好，我是{line}智能助手。您可以问办事指南，也可以说要反映的事，或者查办理进度。").format(line=talk.core.line)
            return talk.said(Say(await announcement(talk.core, talk.session) + greeting))
        case Intent.ABOUT_BOT:
            return talk.said(Say(_("我是智能助手，不是真人。我能回答办事问题、登记诉求、查进度。要找话务员请说转人工。")))
        case Intent.THANKS:
            talk.memory.make_offer("more")
            return Reply([Say(_("不客气。还有别的可以帮您吗？"))])
        case Intent.GOODBYE:
            return await talk.farewell()
        case Intent.QUERY_PROGRESS:
            return await talk.progress()
    return await _by_matter(talk, hint)


async def _by_matter(talk: Talk, hint: Hint) -> Reply:
    """A question or a complaint: the search has a say, and so have the words."""
    small = len(hearing.clean(talk.text)) <= 6
    if small and hint.is_(Intent.DENY, Intent.CANCEL, Intent.SKIP, Intent.AFFIRM, Intent.INFORM, least=0.5):
        return talk.said(Say(_("好的。您请说，要问什么事，或者反映什么问题？")))
    found = await talk.find(talk.text)
    match judge(talk.text, hint, sure=found.sure, maybe=bool(found.maybe)):
        case Verdict.DOUBT if not talk.memory.state.get("asked_danger"):
            return talk.ask_danger(rules.suspicion_in(talk.text), None)
        case Verdict.PERSON:
            return await talk.hand_over("citizen_asked")
        case Verdict.ANSWER | Verdict.CHOICES if found.differs:
            return talk.which_district()
        case Verdict.ANSWER:
            return await talk.answered(found.hits[0].article)
        case Verdict.FORM | Verdict.DOUBT:
            return await talk.open_form(talk.text, "feedback" if hint.is_(Intent.FEEDBACK) else "complaint")
        case Verdict.BOTH | Verdict.CHOICES as verdict:
            await talk.note(found, Cause.UNSURE)
            return talk.offer_choices(found, register=verdict is Verdict.BOTH, question=talk.text)
        case Verdict.FOREIGN:
            return talk.said(wording.foreign(talk.core.line))
    await talk.note(found, Cause.UNANSWERED)
    if talk.memory.misses + 1 >= PATIENCE:
        return await talk.hand_over("not_understood")
    return talk.missed(talk.text)


__all__ = ["UNSURE", "respond", "respond_in"]
