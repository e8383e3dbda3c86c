"""Decides what one utterance is answered with, does it, and writes it down: all in the caller's one transaction.

The same code serves the action endpoint (Rasa has found the intent), the fallback (rules have) and the look before both
(danger, a person, a picked choice: `hint` is None then). The first of them answers, the others find its answer stored, so
a slow Rasa, a repeat and a retry never answer twice. Whether the bot owns the conversation is checked under the same lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from chatbot import districts, fallback, form, fulltext, gaps, guide, hearing, rules, wording
from chatbot.draft import Draft, Outcome, Slot
from chatbot.intents import UNSURE, Hint, Intent
from chatbot.memory import Memory
from chatbot.moments import citizen_moment
from chatbot.progress import Progress, mentions_number
from chatbot.registration import load_draft, promise, register_draft, save_draft
from chatbot.reply import Reply, TicketRef, Turn, silent, store, stored_turn
from chatbot.verdict import Verdict, judge
from chatbot.wording import NONE_OF_THEM, REGISTER, Say
from hotline.events import record
from hotline.i18n import _
from knowledge.article.models import Article
from knowledge.article.topics import announcement
from knowledge.gap.models import Cause
from ticketing.citizen.models import Citizen
from ticketing.context import Core
from ticketing.conversation.models import Conversation, Message, Owner
from ticketing.conversation.service import get_conversation, request_person
from ticketing.people.actor import BOT
from ticketing.secrecy import WITHHELD, refusal

PATIENCE = 3
"""Questions in a row without an answer after which a person is asked for; at the one before, a person is offered."""


_NOT_THAT = ("不用", "不用了", "不要", "不要了", "不需要", "不必", "不必了", "不发", "别发", "不用发", "不用发了", "不了")
"""«No» to the whole text; «nothing more» (没有了) is a farewell."""


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
    talk = _Talk(core, session, conversation, Memory(conversation), message.text, message)
    reply = await talk.decide(hint)
    if reply is None:
        return None
    reply.degraded = degraded
    talk.memory.save()
    return await store(core, session, conversation, message_id, reply)


@dataclass
class _Talk:
    """One utterance in its conversation."""

    core: Core
    session: AsyncSession
    conversation: Conversation
    memory: Memory
    text: str
    message: Message

    @property
    def phone(self) -> bool:
        return self.conversation.channel == "phone"

    async def decide(self, hint: Hint | None) -> Reply | None:
        draft = load_draft(self.core, self.conversation)
        by_rule = await self._by_rule(draft)
        if by_rule is not None:
            return by_rule
        if draft is not None:
            return None if hint is None else await self._in_form(draft, hint)
        by_offer = await self._by_offer()
        if by_offer is not None or hint is None:
            return by_offer
        return await self._by_intent(hint)

    # rules

    async def _by_rule(self, draft: Draft | None) -> Reply | None:
        if self.text == WITHHELD:
            return Reply([Say(refusal())])
        danger = rules.danger_in(self.text)
        if danger is not None and not (draft is not None and draft.danger):
            return await self._warn(danger, draft)
        if self._sounds_like_danger(draft):
            return self._ask_danger(rules.doubt_in(self.text), draft)
        a_digit = self.memory.offer in ("number", "code") and hearing.clean(self.text) in ("0", "零")
        if rules.wants_person(self.text) and not a_digit:
            return await self._hand_over("citizen_asked")
        if draft is None and rules.is_angry(self.text):
            return await self._hand_over("angry")
        return None

    async def _warn(self, danger: rules.Danger | None, draft: Draft | None) -> Reply:
        """Tell the emergency line; `danger` None: the classifier heard danger, but not which."""
        named = danger.value if danger is not None else "unnamed"
        await record(
            self.session,
            at=self.core.clock.now(),
            name="bot.emergency",
            subject="conversation",
            subject_id=self.conversation.id,
            who=BOT.who,
            data={"danger": named},
            notify={"channel": self.conversation.channel},
        )
        says = [wording.danger(danger)]
        if draft is not None:
            step = form.hear_danger(draft, self.text, named)
            save_draft(self.core, self.conversation, step.draft)
            says.append(wording.form_step(step))
        else:
            self.memory.make_offer("register", kind="complaint", danger=named, question=self.text[:1000])
        return Reply(says)

    def _sounds_like_danger(self, draft: Draft | None) -> bool:
        """Once in a conversation: where a matter begins, not in the answers to the form's later questions."""
        if self.memory.state.get("asked_danger") or (draft is not None and (draft.danger or draft.asking is not Slot.WHAT)):
            return False
        return self.memory.offer != "danger" and rules.doubt_in(self.text) is not None

    def _ask_danger(self, danger: rules.Danger | None, draft: Draft | None) -> Reply:
        """Something sounds like danger: ask whether somebody is in danger now, rather than say nothing (decision 0220)."""
        if draft is not None:
            save_draft(self.core, self.conversation, None)
        self.memory.make_offer("danger", question=self.text[:1000], kind="complaint")
        self.memory.state.update(asked_danger=True, doubt=danger.value if danger is not None else "")
        return Reply([wording.ask_danger(danger)])

    async def _danger_or_not(self) -> Reply | None:
        """The answer to «is somebody in danger now?»; who goes on telling is taken down with both sentences."""
        question, doubt = self.memory.question, str(self.memory.state.pop("doubt", ""))
        if hearing.is_in_danger(self.text):
            self.text = question
            return await self._warn(rules.Danger(doubt) if doubt else None, None)
        if hearing.clean(self.text) == hearing.clean(REGISTER) or hearing.is_not_in_danger(self.text):
            found = await self._find(question)
            if found.sure and hearing.is_question(question):
                self.text = question
                return await self._answered(found.hits[0].article)
            return await self._open_form(question, "complaint")
        return None if hearing.is_question(self.text) else await self._open_form(f"{question}。{self.text}", "complaint")

    async def _hand_over(self, reason: str) -> Reply:
        await request_person(self.core, self.session, self.conversation, reason)
        await gaps.followed(self.core, self.session, self.conversation, Cause.HANDED_OVER)
        gaps.forget(self.memory.state)
        self.memory.hit()
        return Reply([wording.handover(phone=self.phone)], handover_reason=reason)

    # the form

    async def _open_form(self, text: str, kind: str, lead: Say | None = None) -> Reply:
        caller_known = False
        if self.phone and self.conversation.citizen_id:
            citizen = await self.session.get_one(Citizen, self.conversation.citizen_id)
            caller_known = citizen.phone_sealed is not None
        danger = str(self.memory.state.pop("danger", ""))
        self.memory.hit()
        gaps.forget(self.memory.state)
        begun = self.core.clock.now().isoformat()
        step = form.open_draft(text, draft_id=str(uuid4()), kind=kind, caller_known=caller_known, danger=danger, begun=begun)
        save_draft(self.core, self.conversation, step.draft)
        return Reply([*([lead] if lead else []), wording.form_step(step, first=True)])

    async def _in_form(self, draft: Draft, hint: Hint) -> Reply:
        aside = await self._aside(draft, hint)
        if aside is not None:
            return aside
        step = form.hear(draft, self.text, hint)
        if step.outcome is Outcome.CANCELLED:
            save_draft(self.core, self.conversation, None)
            self.memory.make_offer("more")
            return Reply([Say(_("好的，已经取消，没有登记。还有别的可以帮您吗？"))])
        if step.outcome is Outcome.SUBMIT:
            return await self._submit(step.draft)
        save_draft(self.core, self.conversation, step.draft)
        return Reply([wording.form_step(step)])

    async def _aside(self, draft: Draft, hint: Hint) -> Reply | None:
        """A guide question or a ticket number in the middle of the form: answer it, then ask the form's question again."""
        if mentions_number(self.text, self.core):
            say = await Progress(self.core, self.session, self.conversation, self.memory.state).ask(self.text)
            self.memory.forget_offer()
            return Reply([say, wording.form_step(form.again(draft))])
        if not hint.is_(Intent.ASK_GUIDE, Intent.UNKNOWN) or not hearing.is_question(self.text):
            return None
        found = await self._find(self.text)
        if not found.sure or found.differs:
            return None
        return Reply([await guide.answer(self.session, found.hits[0].article, asked=self.text), wording.form_step(form.again(draft))])

    async def _submit(self, draft: Draft) -> Reply:
        registered = await register_draft(self.core, self.session, self.conversation, draft)
        self.memory.make_offer("more")
        if registered is None:
            return Reply([Say(_("这件事已经登记过了。还有别的事吗？"))])
        due = await promise(self.session, registered.ticket)
        say = wording.registered(registered.ticket.number, registered.query_code, citizen_moment(due) if due else "", phone=self.phone)
        return Reply([say], ticket=TicketRef(registered.ticket.number, registered.query_code))

    # what the last answer offered

    async def _by_offer(self) -> Reply | None:
        said = hearing.clean(self.text)
        if not said:
            return Reply([Say(_("抱歉，没有听清，请再说一遍。"))])
        if said == hearing.clean(REGISTER):
            return await self._open_form(self.memory.question, str(self.memory.state.get("kind", "complaint")))
        if mentions_number(self.text, self.core):
            return await self._progress()
        handler = {
            "danger": self._danger_or_not,
            "choices": self._picked,
            "district": self._district_or_not,
            "register": self._register_or_not,
            "person": self._person_or_not,
            "number": self._number_or_not,
            "code": self._code_or_not,
            "more": self._more_or_not,
            "fulltext": self._fulltext_or_not,
            "helped": self._helped_or_not,
        }.get(self.memory.offer)
        return await handler() if handler else None

    async def _picked(self) -> Reply | None:
        titles = [str(choice["title"]) for choice in self.memory.choices]
        place = 0 if len(titles) == 1 and hearing.is_yes(self.text) else hearing.which(self.text, titles)
        if place is not None:
            article = await guide.told(self.core, self.session, int(self.memory.choices[place]["id"]))
            return await self._answered(article, picked=True) if article else Reply([wording.missed(again=False)])
        if hearing.is_no(self.text) or hearing.clean(self.text) == NONE_OF_THEM:
            await gaps.followed(self.core, self.session, self.conversation, Cause.UNANSWERED)
            return self._missed(self.memory.question)
        return None

    def _which_district(self) -> Reply:
        gaps.remember(self.memory.state, self.message.id)
        self.memory.make_offer("district", question=self.text[:1000])
        return Reply([wording.which_district(districts.names())])

    async def _district_or_not(self) -> Reply | None:
        """What holds there; who cannot say gets what holds in the whole city, or the choice with the districts named."""
        named, question = districts.heard(self.memory.state, self.text), self.memory.question
        if named is None:
            return None
        found = await guide.find(self.core, self.session, question, district=named)
        if not found.sure and not named:
            found = await guide.find(self.core, self.session, question)
        if found.sure and not found.differs:
            return await self._answered(found.hits[0].article, picked=True, asked=question)
        return self._offer_choices(found, question=question) if found.maybe else self._missed(question)

    async def _find(self, question: str) -> guide.Found:
        district = await districts.district_of(self.session, self.conversation, self.memory.state, question)
        return await guide.find(self.core, self.session, question, district=district)

    async def _register_or_not(self) -> Reply | None:
        if hearing.is_yes(self.text):
            return await self._open_form(self.memory.question, str(self.memory.state.get("kind", "complaint")))
        return self._more_question() if hearing.is_no(self.text) else None

    async def _person_or_not(self) -> Reply | None:
        if hearing.is_yes(self.text):
            return await self._hand_over("not_understood")
        return self._more_question() if hearing.is_no(self.text) else None

    async def _number_or_not(self) -> Reply | None:
        now = self.core.clock.now()
        if hearing.find_ticket_number(self.text, self.core.line, now) or len(hearing.digit_runs(self.text)) > 0:
            return await self._progress()
        return self._more_question() if hearing.is_no(self.text) or hearing.is_skip(self.text) or hearing.is_cancel(self.text) else None

    async def _code_or_not(self) -> Reply | None:
        if hearing.find_query_code(self.text) or hearing.find_ticket_number(self.text, self.core.line, self.core.clock.now()):
            return await self._progress()
        if hearing.is_no(self.text) or hearing.is_skip(self.text) or hearing.is_cancel(self.text):
            return self._more_question()
        return None

    async def _fulltext_or_not(self) -> Reply | None:
        if hearing.is_yes(self.text) or fulltext.wished(self.text):
            return await self._send_fulltext()
        if hearing.clean(self.text) in _NOT_THAT:
            return self._more_question(article=self.memory.state.get("article"))
        return await self._more_or_not()

    async def _send_fulltext(self) -> Reply | None:
        article_id, by = self.memory.state.get("article"), await fulltext.way(self.core, self.session, self.conversation)
        article = await guide.told(self.core, self.session, int(article_id)) if article_id else None
        sent = int(self.memory.state.get("sent", 0))
        if article is None or by is None or sent >= fulltext.MOST:
            return None
        say = await fulltext.send(self.core, self.session, self.conversation, article, by)
        self.memory.make_offer("more", article=article.id)
        self.memory.state["sent"] = sent + 1
        return Reply([say])

    async def _helped_or_not(self) -> Reply | None:
        """The answer to «was it any help»: noted, and the talk is over; anything else goes on as what it is."""
        useful = hearing.opinion(self.text)
        if useful is None:
            return None
        await gaps.rate_last(self.core, self.session, self.conversation, useful=useful)
        return self._goodbye()

    async def _more_or_not(self) -> Reply | None:
        if hearing.is_no(self.text):
            return await self._farewell()
        if fulltext.wished(self.text) and (sent := await self._send_fulltext()):
            return sent
        article_id = self.memory.state.get("article")
        article = await guide.told(self.core, self.session, int(article_id)) if article_id else None
        say = guide.follow_up(article, self.text) if article else None
        return Reply([say]) if say else None

    async def _answered(self, article: Article, *, picked: bool = False, asked: str = "") -> Reply:
        question = (asked or self.text)[:1000]
        self.memory.hit()
        by = await fulltext.way(self.core, self.session, self.conversation)
        self.memory.make_offer("fulltext" if by else "more", question=question, article=article.id)
        if picked:
            gaps.picked(self.memory.state, article)
        else:
            gaps.remember(self.memory.state, self.message.id, told=article)
        asked = asked if picked else self.text
        return Reply([await guide.answer(self.session, article, asked=asked, then=fulltext.offer(by) if by else "")])

    def _more_question(self, article: Any = None) -> Reply:
        self.memory.hit()
        self.memory.make_offer("more", **({"article": article} if article else {}))
        return Reply([Say(_("好的。还有别的可以帮您吗？"))])

    async def _farewell(self) -> Reply:
        """Once, after an answer from the knowledge base, ask whether it helped; web pages have a button for it beside each answer."""
        told = gaps.was_told(self.memory.state)
        if not told or self.memory.state.get("opinion") or self.conversation.channel == "web":
            return self._goodbye()
        self.memory.state["opinion"] = True
        self.memory.make_offer("helped")
        return Reply([wording.helped()])

    def _goodbye(self) -> Reply:
        self.memory.hit()
        return Reply([Say(_("感谢您的来电，再见。") if self.phone else _("好的，感谢您的信任，有事随时找我。"))], finished=True)

    # intents

    async def _by_intent(self, hint: Hint) -> Reply:
        match hint.intent:
            case Intent.GREET:
                greeting = _("您好，我是{line}智能助手。您可以问办事指南，也可以说要反映的事，或者查办理进度。").format(line=self.core.line)
                return self._said(Say(await announcement(self.core, self.session) + greeting))
            case Intent.ABOUT_BOT:
                return self._said(Say(_("我是智能助手，不是真人。我能回答办事问题、登记诉求、查进度。要找话务员请说转人工。")))
            case Intent.THANKS:
                self.memory.make_offer("more")
                return Reply([Say(_("不客气。还有别的可以帮您吗？"))])
            case Intent.GOODBYE:
                return await self._farewell()
            case Intent.QUERY_PROGRESS:
                return await self._progress()
        return await self._by_matter(hint)

    async def _by_matter(self, hint: Hint) -> Reply:
        """A question or a complaint: the search has a say, and so have the words."""
        small = len(hearing.clean(self.text)) <= 6
        if small and hint.is_(Intent.DENY, Intent.CANCEL, Intent.SKIP, Intent.AFFIRM, Intent.INFORM, least=0.5):
            return self._said(Say(_("好的。您请说，要问什么事，或者反映什么问题？")))
        found = await self._find(self.text)
        match judge(self.text, hint, sure=found.sure, maybe=bool(found.maybe)):
            case Verdict.DOUBT if not self.memory.state.get("asked_danger"):
                return self._ask_danger(None, None)
            case Verdict.PERSON:
                return await self._hand_over("citizen_asked")
            case Verdict.ANSWER | Verdict.CHOICES if found.differs:
                return self._which_district()
            case Verdict.ANSWER:
                return await self._answered(found.hits[0].article)
            case Verdict.FORM | Verdict.DOUBT:
                return await self._open_form(self.text, "feedback" if hint.is_(Intent.FEEDBACK) else "complaint")
            case Verdict.BOTH | Verdict.CHOICES as verdict:
                await self._note(found, Cause.UNSURE)
                return self._offer_choices(found, register=verdict is Verdict.BOTH, question=self.text)
            case Verdict.FOREIGN:
                return self._said(wording.foreign(self.core.line))
        await self._note(found, Cause.UNANSWERED)
        if self.memory.misses + 1 >= PATIENCE:
            return await self._hand_over("not_understood")
        return self._missed(self.text)

    async def _note(self, found: guide.Found, cause: Cause) -> None:
        await gaps.missed(self.core, self.session, self.conversation, self.message, found, cause)
        gaps.remember(self.memory.state, self.message.id)

    def _offer_choices(self, found: guide.Found, *, question: str, register: bool = False) -> Reply:
        titles = [guide.title_of(hit.article) for hit in found.maybe]
        complaint = register or fallback.looks_like_complaint(question)
        self.memory.make_offer(
            "choices",
            choices=[{"id": hit.article.id, "title": title} for hit, title in zip(found.maybe, titles, strict=True)],
            question=question[:1000],
            kind="complaint" if complaint else "consult",
        )
        return Reply([wording.which_article(titles, register=complaint)])

    def _said(self, say: Say) -> Reply:
        self.memory.hit()
        return Reply([say])

    def _missed(self, question: str) -> Reply:
        again = self.memory.miss(question) >= 2
        self.memory.make_offer("person" if again else "register", kind="consult")
        return Reply([wording.missed(again=again)])

    async def _progress(self) -> Reply:
        say = await Progress(self.core, self.session, self.conversation, self.memory.state).ask(self.text)
        if self.memory.offer not in ("number", "code"):
            self.memory.hit()
            self.memory.make_offer("more")
        return Reply([say])


__all__ = ["UNSURE", "respond", "respond_in"]
