"""One utterance in its conversation, and the moves that every part of the dialogue makes: tell, ask, offer, hand over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from chatbot import districts, fallback, form, fulltext, gaps, guide, rules, wording
from chatbot.draft import Draft
from chatbot.memory import Memory
from chatbot.progress import Progress
from chatbot.registration import save_draft
from chatbot.reply import Reply
from chatbot.wording import Say
from hotline.events import record
from hotline.i18n import _
from knowledge.article.models import Article
from knowledge.gap.models import Cause
from ticketing.citizen.models import Citizen
from ticketing.context import Core
from ticketing.conversation.models import Conversation, Message
from ticketing.conversation.service import request_person
from ticketing.people.actor import BOT

TELLS_NUMBER = frozenset({"phone", "sms"})
"""Channels whose carrier tells the citizen's number: nobody is asked for it again."""


@dataclass
class Talk:
    """One utterance in its conversation."""

    core: Core
    session: AsyncSession
    conversation: Conversation
    memory: Memory
    text: str
    message: Message

    @property
    def phone(self) -> bool:
        """Spoken, not written."""
        return self.conversation.channel == "phone"

    async def warn(self, danger: rules.Danger | None, draft: Draft | None) -> Reply:
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

    def ask_danger(self, danger: rules.Danger | None, draft: Draft | None) -> Reply:
        """Something sounds like danger: ask whether somebody is in danger now, rather than say nothing (decision 0220)."""
        if draft is not None:
            save_draft(self.core, self.conversation, None)
        self.memory.make_offer("danger", question=self.text[:1000], kind="complaint")
        self.memory.state.update(asked_danger=True, doubt=danger.value if danger is not None else "")
        return Reply([wording.ask_danger(danger)])

    async def hand_over(self, reason: str) -> Reply:
        """A person is asked for; `reason` is what statistics call it. The bot is silent from here on."""
        await request_person(self.core, self.session, self.conversation, reason)
        await gaps.followed(self.core, self.session, self.conversation, Cause.HANDED_OVER)
        gaps.forget(self.memory.state)
        self.memory.hit()
        return Reply([wording.handover(phone=self.phone)], handover_reason=reason)

    async def open_form(self, text: str, kind: str, lead: Say | None = None) -> Reply:
        """Begin the form with what was said; `lead` is said before its first question."""
        caller_known = False
        if self.conversation.channel in TELLS_NUMBER and self.conversation.citizen_id:
            citizen = await self.session.get_one(Citizen, self.conversation.citizen_id)
            caller_known = citizen.phone_sealed is not None
        danger = str(self.memory.state.pop("danger", ""))
        self.memory.hit()
        gaps.forget(self.memory.state)
        begun = self.core.clock.now().isoformat()
        step = form.open_draft(text, draft_id=str(uuid4()), kind=kind, caller_known=caller_known, danger=danger, begun=begun)
        save_draft(self.core, self.conversation, step.draft)
        return Reply([*([lead] if lead else []), wording.form_step(step, first=True)])

    async def find(self, question: str) -> guide.Found:
        """Articles for the question, those of the citizen's own district first."""
        district = await districts.district_of(self.session, self.conversation, self.memory.state, question)
        return await guide.find(self.core, self.session, question, district=district)

    async def answered(self, article: Article, *, picked: bool = False, asked: str = "") -> Reply:
        """Tell the article. `picked`: the citizen chose it; `asked`: the question it answers, if that is not the text."""
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

    def which_district(self) -> Reply:
        """The answer differs by district: ask for it."""
        gaps.remember(self.memory.state, self.message.id)
        self.memory.make_offer("district", question=self.text[:1000])
        return Reply([wording.which_district(districts.names())])

    def offer_choices(self, found: guide.Found, *, question: str, register: bool = False) -> Reply:
        """Two or three titles to pick from; `register`: taking it down is one of them."""
        titles = [guide.title_of(hit.article) for hit in found.maybe]
        complaint = register or fallback.looks_like_complaint(question)
        self.memory.make_offer(
            "choices",
            choices=[{"id": hit.article.id, "title": title} for hit, title in zip(found.maybe, titles, strict=True)],
            question=question[:1000],
            kind="complaint" if complaint else "consult",
        )
        return Reply([wording.which_article(titles, register=complaint)])

    async def note(self, found: guide.Found, cause: Cause) -> None:
        """Put the question on the gap list."""
        await gaps.missed(self.core, self.session, self.conversation, self.message, found, cause)
        gaps.remember(self.memory.state, self.message.id)

    def missed(self, question: str) -> Reply:
        """Not understood: offer to take it down; the second time in a row, a person."""
        again = self.memory.miss(question) >= 2
        self.memory.make_offer("person" if again else "register", kind="consult")
        return Reply([wording.missed(again=again)])

    def said(self, say: Say) -> Reply:
        """Understood, and answered in one sentence."""
        self.memory.hit()
        return Reply([say])

    def more_question(self, article: Any = None) -> Reply:
        """Whether there is anything else."""
        self.memory.hit()
        self.memory.make_offer("more", **({"article": article} if article else {}))
        return Reply([Say(_("好的。还有别的可以帮您吗？"))])

    async def farewell(self) -> Reply:
        """Once, after an answer from the knowledge base, ask whether it helped; web pages have a button for it beside each answer."""
        told = gaps.was_told(self.memory.state)
        if not told or self.memory.state.get("opinion") or self.conversation.channel == "web":
            return self.goodbye()
        self.memory.state["opinion"] = True
        self.memory.make_offer("helped")
        return Reply([wording.helped()])

    def goodbye(self) -> Reply:
        """The talk is over."""
        self.memory.hit()
        return Reply([Say(_("感谢您的来电，再见。") if self.phone else _("好的，感谢您的信任，有事随时找我。"))], finished=True)

    async def send_fulltext(self) -> Reply | None:
        """The whole text of the article told last by WeChat or SMS; None where there is no way or it was sent often enough."""
        article_id, by = self.memory.state.get("article"), await fulltext.way(self.core, self.session, self.conversation)
        article = await guide.told(self.core, self.session, int(article_id)) if article_id else None
        sent = int(self.memory.state.get("sent", 0))
        if article is None or by is None or sent >= fulltext.MOST:
            return None
        say = await fulltext.send(self.core, self.session, self.conversation, article, by)
        self.memory.make_offer("more", article=article.id)
        self.memory.state["sent"] = sent + 1
        return Reply([say])

    async def progress(self) -> Reply:
        """How far the citizen's ticket is, or the question for its number."""
        say = await Progress(self.core, self.session, self.conversation, self.memory.state).ask(self.text)
        if self.memory.offer not in ("number", "code"):
            self.memory.hit()
            self.memory.make_offer("more")
        return Reply([say])
