"""Calls and chats of the demo: with the bot that takes a complaint down, with the bot that answers, with a person.

What was said is stored as it would have been; there are no recordings, and the call says so (`transcriber` is "demo").
"""

from __future__ import annotations

from uuid import uuid4

from hotline.demo.content import Matter, Question
from hotline.demo.stage import Life, Stage, Step
from hotline.demo.steps import register_matter
from ticketing.callback.service import finish_return_call
from ticketing.citizen.service import by_openid
from ticketing.conversation import calls
from ticketing.conversation import service as conversations
from ticketing.conversation.models import Author, Call, Conversation, Owner
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Channel

GREETING = "您好，这里是云川市12345热线，通话会录音。请直接说您的事情，转人工请按零。"
WEB_GREETING = "您好，这里是云川市12345热线的智能助手，请说一说您的事。"
SECONDS_A_CHARACTER = 0.22


class Talk:
    """One conversation being played: each thing said takes its time."""

    def __init__(self, stage: Stage, conversation: Conversation, call: Call | None = None) -> None:
        """Start now."""
        self.stage, self.conversation, self.call = stage, conversation, call
        self.started = stage.clock.now()

    async def say(self, author: Author, text: str, *, article: tuple[int, int] | None = None) -> None:
        """Store one thing said and let the time pass that it takes."""
        begin = (self.stage.clock.now() - self.started).total_seconds()
        length = 1 + SECONDS_A_CHARACTER * len(text)
        data = {"start_s": round(begin, 2), "end_s": round(begin + length, 2)} if self.call else {}
        await conversations.add_message(self.stage.core, self.stage.session, self.conversation, author, text, article=article, data=data)
        self.stage.clock.advance(seconds=length + 0.8)

    async def end(self, reason: str = "finished") -> None:
        """Hang up, or close the chat."""
        if self.call:
            await calls.end_call(self.stage.core, self.stage.session, self.call.id, reason=reason)
        else:
            await conversations.close_conversation(self.stage.core, self.stage.session, self.conversation)


async def open_talk(stage: Stage, life: Life, channel: str) -> Talk:
    """Begin a call or a chat and greet."""
    if channel == "phone":
        conversation, call = await calls.start_call(
            stage.core,
            stage.session,
            sip_call_id=f"demo-{life.serial}-{uuid4().hex[:8]}",
            caller=life.phone,
            called=stage.settings.line_number,
            codec=stage.rng.choice(("PCMA", "PCMU")),
            worker="demo",
            transcriber="demo",
        )
        talk = Talk(stage, conversation, call)
    else:
        openid = f"demo-openid-{life.serial}" if channel == "wechat" else None
        citizen = await by_openid(stage.core, stage.session, openid) if openid else None
        conversation = await conversations.open_conversation(
            stage.core, stage.session, channel=channel, party=openid, citizen_id=citizen.id if citizen else None
        )
        talk = Talk(stage, conversation)
    life.conversation_id, life.citizen_id = conversation.id, conversation.citizen_id
    await talk.say(Author.BOT, GREETING if channel == "phone" else WEB_GREETING)
    return talk


def take_down(matter: Matter, place: str, channel: Channel) -> Step:
    """The bot takes a complaint down and registers it, by telephone or WeChat."""

    async def step(stage: Stage, life: Life) -> None:
        talk = await open_talk(stage, life, channel.value)
        await talk.say(Author.CITIZEN, matter.content.replace("{place}", place))
        await talk.say(Author.BOT, "好的，我帮您登记。请问在什么地方，越具体越好？")
        await talk.say(Author.CITIZEN, stage.content.places[place].address)
        await talk.say(Author.BOT, "什么时候发生的？不清楚可以说跳过。")
        await talk.say(Author.CITIZEN, life.occurred or "跳过")
        await talk.say(Author.BOT, "请问怎么称呼您？不想说可以说跳过。")
        await talk.say(Author.CITIZEN, life.name)
        await register_matter(matter, place, channel)(stage, life)
        ticket = await stage.session.get_one(Ticket, life.ticket_id)
        await talk.say(Author.BOT, f"已经登记，编号{ticket.number}，承办单位会在规定时间内和您联系。请记好查询码。")
        await talk.end()

    return step


def ask(question: Question) -> Step:
    """A guide question, answered from the knowledge base."""

    async def step(stage: Stage, life: Life) -> None:
        article_id, version, spoken = stage.articles[question.slug]
        talk = await open_talk(stage, life, question.channel)
        await talk.say(Author.CITIZEN, question.question)
        await talk.say(Author.BOT, spoken, article=(article_id, version))
        await talk.say(Author.CITIZEN, stage.rng.choice(("好的谢谢", "知道了，谢谢", "明白了")))
        await talk.say(Author.BOT, "不客气，祝您生活愉快。")
        await talk.end("caller_hung_up")

    return step


def chat_with_agent(question: str, reply: str) -> Step:
    """A web chat that a person took over."""

    async def step(stage: Stage, life: Life) -> None:
        talk = await open_talk(stage, life, "web")
        await talk.say(Author.CITIZEN, question)
        await talk.say(Author.CITIZEN, "转人工")
        await conversations.request_person(stage.core, stage.session, talk.conversation, "asked")
        agent = stage.people["agent2"]
        stage.clock.advance(seconds=25)
        await conversations.take(stage.core, stage.session, agent, talk.conversation.id)
        await talk.say(Author.AGENT, reply)
        await talk.say(Author.CITIZEN, "好的，谢谢您")
        await conversations.give_back(stage.core, stage.session, agent, talk.conversation.id, to=Owner.CLOSED)

    return step


def lost_call(words: str) -> Step:
    """A caller waits for a person and hangs up: a ticket and a return call are owed."""

    async def step(stage: Stage, life: Life) -> None:
        talk = await open_talk(stage, life, "phone")
        await talk.say(Author.CITIZEN, words)
        await talk.say(Author.CITIZEN, "转人工")
        await talk.say(Author.BOT, "正在为您转接话务员，请稍等。")
        call = talk.call
        if call is None:
            raise TypeError("a lost call is a telephone call")
        await conversations.request_person(stage.core, stage.session, talk.conversation, "asked")
        await calls.queue_call(stage.core, stage.session, call.id)
        stage.clock.advance(seconds=38)
        await talk.end("caller_hung_up")
        owed = await calls.owe_return_call(stage.core, stage.session, call.id, reason="hung_up_in_queue")
        life.ticket_id, life.assignment_id = owed.ticket_id, owed.id

    return step


def call_back(note: str) -> Step:
    """An agent calls the lost caller back (after `lost_call`)."""

    async def step(stage: Stage, life: Life) -> None:
        await finish_return_call(stage.core, stage.session, stage.people["agent3"], life.assignment_id, note)

    return step
