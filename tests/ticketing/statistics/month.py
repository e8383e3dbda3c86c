# ruff: noqa: E501 - the month is a table
"""A small city's November 2026, written down row by row, so that every indicator can be counted by hand.

All times are the city's wall clock: `at(5, 14)` is 5 November, 14:00. Units: C the city administration, W the water company.

| ticket | what happened |
|---|---|
| T1 | phone, complaint 0501, 江畔区, C. Signed, contacted, replied in time; very satisfied, solved; closed 5 Nov |
| T2 | wechat, help 0301, 江畔区, W. Signed late, contacted in time, replied late (yellow); dissatisfied; round 2 in time; satisfied; closed 20 Nov |
| T3 | phone, complaint 0501, 云山区, C. Extension approved: due 9 Nov -> 11 Nov, replied 10 Nov; not reached in three tries; closed 13 Nov |
| T4 | web, consult, answered on the spot, rated satisfied 6 Nov |
| T5 | web, consult, answered on the spot, not rated yet |
| T6 | web, refused (litigation), filed when nobody objected: neither accepted nor closed nor answered on the spot |
| T7 | phone, invalid: counts nowhere |
| T8 | phone, complaint 0501, 江畔区, merged into T1 |
| T9 | phone, complaint 0501, 江畔区, repeats T1. First to W: returned with approval; then C: signed in time, no contact, no reply: yellow, red |
| T10 | phone, complaint 0501, 云山区, C, secret. All in time; satisfied, solved; closed 16 Nov |
| T11 | wechat, help 0301, 江畔区, W. Signed, contacted in time; suspension approved, handling clock paused |
| T12 | web, complaint 0301 about W, 云山区, handled by C; upheld; dissatisfied, closed as disputed 19 Nov; left out of the rates; one finding |
| T13 | web, report 0501, 云山区, C, anonymous: no contact, no callback; replied in time; closed 18 Nov |
| T14 | phone, complaint 0501, 江畔区, C, received 30 October; handled by 2 Nov, closed 4 Nov, very satisfied, solved |
| T15 | web, registered 30 Nov 23:59 in the city (15:59 UTC): still November |
| T16 | web, registered 1 Dec 00:00 in the city (30 Nov 16:00 UTC): no longer November |
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import CITY_ZONE
from knowledge.article.models import Article
from knowledge.gap.models import AnswerCheck, Gap, GapSentence
from ticketing.assignment.models import Assignment, Reply
from ticketing.callback.models import CallbackTask, ReturnCall
from ticketing.citizen.models import Citizen
from ticketing.conversation.models import Call, Conversation, Message
from ticketing.deadline.models import Deadline
from ticketing.people.models import User
from ticketing.quality.models import QualityCheck
from ticketing.request.models import Request
from ticketing.supervision.models import Card
from ticketing.supervision.suspicions import Finding
from ticketing.taxonomy.models import Category
from ticketing.ticket.models import Ticket

NOW = datetime(2026, 12, 1, 10, tzinfo=CITY_ZONE)
"""When the month is looked at."""


def at(day: int, hour: int = 10, minute: int = 0, *, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=CITY_ZONE)


class Month:
    """Writes the rows."""

    def __init__(self, session: AsyncSession, units: dict[str, int], staff: dict[str, int]) -> None:
        self.session, self.units, self.staff = session, units, staff
        self.tickets: dict[str, Ticket] = {}

    async def ticket(self, name: str, received: datetime, **fields: Any) -> Ticket:
        citizen = Citizen(created_at=received, needs="")
        self.session.add(citizen)
        await self.session.flush()
        number = f"12345-{received:%Y%m%d}-{int(name[1:]):05d}"
        values = {
            "number": number, "query_code_hash": "x", "state": "closed", "line": "12345", "channel": "phone", "kind": "complaint",
            "category_code": "0501", "title": f"{name} 夜间施工噪声扰民", "content": "江畔花园北门工地夜间施工", "district": "江畔区",
            "citizen_id": citizen.id, "received_at": received, "updated_at": received, "created_by_id": self.staff["agent"],
        }  # fmt: skip
        ticket = Ticket(**{**values, **fields})
        self.session.add(ticket)
        await self.session.flush()
        self.tickets[name] = ticket
        return ticket

    async def assign(self, name: str, unit: str, assigned: datetime, *, state: str = "accepted", **fields: Any) -> Assignment:
        made = Assignment(
            ticket_id=self.tickets[name].id, unit_id=self.units[unit], state=state, assigned_at=assigned,
            assigned_by_id=self.staff["dispatcher"], **fields,
        )  # fmt: skip
        self.session.add(made)
        await self.session.flush()
        return made

    async def clock(
        self, name: str, kind: str, assignment: Assignment | None, due: datetime, stopped: datetime | None, **fields: Any
    ) -> Deadline:
        state = "running" if stopped is None else "met" if stopped <= due else "late"
        started = fields.pop("started", due - timedelta(days=2))
        made = Deadline(
            ticket_id=self.tickets[name].id, assignment_id=assignment.id if assignment else None, kind=kind,
            limit_value=2, limit_unit="d", started_at=started, due_at=due, white_at=due, amber_at=due, red_at=due + timedelta(days=1),
            stopped_at=stopped, **{"state": state, **fields},
        )  # fmt: skip
        self.session.add(made)
        await self.session.flush()
        return made

    async def reply(
        self, assignment: Assignment, written: datetime, *, facts: str = "true", accepted: bool = True, round_: int = 1
    ) -> None:
        self.session.add(
            Reply(
                assignment_id=assignment.id, round=round_, facts=facts, measures="执法队当晚到场检查，已责令工地停止夜间施工，并安排连续三晚巡查。",
                author_id=self.staff["clerk"], written_at=written, accepted=accepted, reviewed_by_id=self.staff["supervisor"], reviewed_at=written,
            )
        )  # fmt: skip
        await self.session.flush()

    async def callback(self, name: str, created: datetime, *, round_: int = 1, said: str | None = "satisfied", solved: bool = True,
                       finished: datetime | None = None, state: str = "reached", kind: str = "callback") -> None:  # fmt: skip
        tries: dict[str, Any] = {}
        if state == "unreached":
            tries = {"attempts": 3, "first_attempt_day": created.date(), "last_attempt_day": (created + timedelta(days=1)).date()}
        self.session.add(
            CallbackTask(
                ticket_id=self.tickets[name].id, round=round_, state=state, kind=kind, created_at=created, finished_at=finished,
                satisfaction=said if state == "reached" else None, solved=solved if state == "reached" else None, by="clerk",
                user_id=self.staff["callback"], **tries,
            )
        )  # fmt: skip
        await self.session.flush()

    async def card(self, name: str, clock: Deadline, unit: str, colour: str, given: datetime) -> None:
        self.session.add(
            Card(
                ticket_id=self.tickets[name].id, deadline_id=clock.id, unit_id=self.units[unit], colour=colour, reason=clock.kind, at=given
            )
        )
        await self.session.flush()


async def write_month(session: AsyncSession, units: dict[str, int], staff: dict[str, int]) -> dict[str, Ticket]:
    """All rows of the table above; returns the tickets by name."""
    month = Month(session, units, staff)
    if await session.get(Category, "0301") is None:
        session.add(Category(code="0301", group_name="03 公用事业", name="供水", unit_id=units["water"], keywords="停水"))
        await session.flush()
    await _first_six(month)
    await _seven_to_ten(month)
    await _eleven_to_sixteen(month)
    await _calls(month)
    return month.tickets


async def _handled(month: Month, name: str, unit: str, day: int, *, replied: datetime, due: datetime, **fields: Any) -> Assignment:
    """Assigned at 10:00, signed at 11:00 (due 14:00), contacted at 15:00 (due 24:00), replied, accepted an hour later."""
    assignment = await month.assign(name, unit, at(day), replied_at=replied, accepted_at=replied + timedelta(hours=1), **fields)
    await month.clock(name, "sign", assignment, at(day, 14), at(day, 11), started=at(day))
    await month.clock(name, "contact", assignment, at(day + 1, 0), at(day, 15), started=at(day))
    await month.clock(name, "handle", assignment, due, replied, started=at(day))
    await month.reply(assignment, replied)
    return assignment


async def _first_six(month: Month) -> None:
    await month.ticket("T1", at(2, 9), dispatched_at=at(2), closed_at=at(5, 9), satisfaction="very_satisfied", solved=True)
    await _handled(month, "T1", "city", 2, replied=at(4, 10), due=at(6, 10))  # half of the four days: 提速率 50 %
    await month.clock("T1", "callback", None, at(6, 11), at(5, 9), started=at(4, 11))
    await month.callback("T1", at(4, 11), said="very_satisfied", finished=at(5, 9))

    await month.ticket("T2", at(3, 9), channel="wechat", kind="help", category_code="0301", dispatched_at=at(3), closed_at=at(20, 9), round=2,
                       satisfaction="satisfied", solved=True)  # fmt: skip
    second = await month.assign("T2", "water", at(3), replied_at=at(18), accepted_at=at(18, 11))
    await month.clock("T2", "sign", second, at(3, 14), at(3, 16), started=at(3))  # late
    await month.clock("T2", "contact", second, at(4, 0), at(3, 17), started=at(3))
    late = await month.clock("T2", "handle", second, at(7, 10), at(9, 10), started=at(3))  # four days promised, six used: -50 %
    await month.card("T2", late, "water", "yellow", at(7, 10))
    await month.reply(second, at(9, 10))
    await month.clock("T2", "callback", None, at(11, 10), at(10, 10), started=at(9, 11))
    await month.callback("T2", at(9, 11), said="dissatisfied", solved=False, finished=at(10, 10))
    await month.clock("T2", "handle", second, at(20, 10), at(18, 10), started=at(10, 10))  # ten days promised, eight used: 20 %
    await month.reply(second, at(18, 10), round_=2)
    await month.clock("T2", "callback", None, at(20, 11), at(20, 9), started=at(18, 11))
    await month.callback("T2", at(18, 11), round_=2, said="satisfied", finished=at(20, 9))

    await month.ticket("T3", at(4, 9), district="云山区", dispatched_at=at(4), closed_at=at(13, 9), no_callback_reason="unreached")
    third = await month.assign("T3", "city", at(4), replied_at=at(10), accepted_at=at(10, 11))
    await month.clock("T3", "sign", third, at(4, 14), at(4, 11), started=at(4))
    await month.clock("T3", "contact", third, at(5, 0), at(4, 15), started=at(4))
    # promised within five days, used six: -20 %
    await month.clock("T3", "handle", third, at(11), at(10), started=at(4), original_due_at=at(9), extensions=1)
    month.session.add(
        Request(
            kind="extension", state="approved", ticket_id=month.tickets["T3"].id, assignment_id=third.id, reason="需要上级检测机构出报告",
            limit_value=2, limit_unit="wd", asked_by_id=month.staff["clerk"], asked_at=at(6), decided_by_id=month.staff["supervisor"],
            decided_at=at(6, 12),
        )
    )  # fmt: skip
    await month.reply(third, at(9), accepted=False)  # sent back once
    await month.reply(third, at(10))
    await month.clock("T3", "callback", None, at(12, 11), at(13, 9), started=at(10, 11))
    await month.callback("T3", at(10, 11), state="unreached", finished=at(13, 9))

    on_the_spot = {
        "channel": "web",
        "kind": "consult",
        "category_code": None,
        "answer": "请带身份证到政务大厅一楼窗口办理，工作日9点到17点。",
    }
    await month.ticket("T4", at(5, 9), closed_at=at(6, 9), satisfaction="satisfied", **on_the_spot)
    await month.ticket("T5", at(6, 9), state="answered", **on_the_spot)
    await month.ticket("T6", at(7, 9), state="archived", closed_at=at(15), no_callback_reason="rejected", answer="请向人民法院提起诉讼",
                       refusal_reason="litigation", channel="web")  # fmt: skip


async def _seven_to_ten(month: Month) -> None:
    await month.ticket("T7", at(7, 10), state="invalid")
    await month.ticket("T8", at(8, 9), state="merged", master_id=month.tickets["T1"].id)
    await month.ticket("T9", at(21, 9), state="in_progress", dispatched_at=at(21), repeat_of_id=month.tickets["T1"].id, repeat_level=2)
    wrong = await month.assign("T9", "water", at(21), state="returned")
    await month.clock("T9", "sign", wrong, at(21, 14), at(21, 12), started=at(21), state="cancelled")
    right = await month.assign("T9", "city", at(22), state="signed")
    await month.clock("T9", "sign", right, at(22, 14), at(22, 11), started=at(22))
    await month.clock("T9", "contact", right, at(23, 0), None, started=at(22))  # never contacted
    overdue = await month.clock("T9", "handle", right, at(27), None, started=at(22))  # never replied
    await month.card("T9", overdue, "city", "yellow", at(27))
    await month.card("T9", overdue, "city", "red", at(28))
    await month.ticket("T10", at(10, 9), district="云山区", confidentiality="secret", dispatched_at=at(10), closed_at=at(16, 9),
                       satisfaction="satisfied", solved=True, created_by_id=None)  # fmt: skip
    await _handled(month, "T10", "city", 10, replied=at(12), due=at(14))  # half: 50 %
    await month.clock("T10", "callback", None, at(16, 11), at(16, 9), started=at(12, 11))
    await month.callback("T10", at(12, 11), said="satisfied", finished=at(16, 9))


async def _eleven_to_sixteen(month: Month) -> None:
    await month.ticket("T11", at(11, 9), channel="wechat", kind="help", category_code="0301", state="suspended", dispatched_at=at(11))
    paused = await month.assign("T11", "water", at(11), state="working")
    await month.clock("T11", "sign", paused, at(11, 14), at(11, 11), started=at(11))
    await month.clock("T11", "contact", paused, at(12, 0), at(11, 15), started=at(11))
    await month.clock("T11", "handle", paused, at(15), None, started=at(11), state="paused", paused_at=at(13), remaining_seconds=100.0)
    month.session.add(
        Request(
            kind="suspension", state="approved", ticket_id=month.tickets["T11"].id, assignment_id=paused.id, reason="冬季不能开挖路面",
            reason_class="season", review_on=datetime(2027, 3, 1).date(), asked_by_id=month.staff["clerk"], asked_at=at(12),
            decided_by_id=month.staff["supervisor"], decided_at=at(13),
        )
    )  # fmt: skip
    await month.ticket("T12", at(12, 9), channel="web", category_code="0301", district="云山区", reported_unit_id=month.units["water"],
                       dispatched_at=at(12), closed_at=at(19, 9), satisfaction="dissatisfied", solved=False, excluded_from_rates=True,
                       excluded_reason="执法事项，依法处罚，市民不接受")  # fmt: skip
    await _handled(month, "T12", "city", 12, replied=at(14), due=at(16))  # half: 50 %
    await month.clock("T12", "callback", None, at(18, 11), at(17, 9), started=at(14, 11))
    await month.callback("T12", at(14, 11), said="dissatisfied", solved=False, finished=at(17, 9))
    month.session.add(Finding(rule="brush_off", key="t12", ticket_id=month.tickets["T12"].id, unit_id=month.units["city"], found_at=at(17)))
    await month.ticket("T13", at(13, 9), channel="web", kind="report", district="云山区", dispatched_at=at(13), closed_at=at(18, 9),
                       anonymous=True, citizen_id=None, contact_by="none", no_callback_reason="anonymous")  # fmt: skip
    report = await month.assign("T13", "city", at(13), replied_at=at(17), accepted_at=at(17, 11))
    await month.clock("T13", "sign", report, at(13, 14), at(13, 11), started=at(13))
    await month.clock("T13", "handle", report, at(18), at(17), started=at(13))  # four of five days used: 20 %
    await month.reply(report, at(17), facts="cannot_verify")
    await month.ticket("T14", at(30, 9, month=10), dispatched_at=at(30, month=10), closed_at=at(4, 9), satisfaction="very_satisfied",
                       solved=True)  # fmt: skip
    october = await month.assign("T14", "city", at(30, month=10), replied_at=at(1), accepted_at=at(1, 11))
    await month.clock("T14", "sign", october, at(30, 14, month=10), at(30, 11, month=10), started=at(30, month=10))
    await month.clock("T14", "contact", october, at(31, 0, month=10), at(30, 15, month=10), started=at(30, month=10))
    await month.clock("T14", "handle", october, at(3), at(1), started=at(30, month=10))  # two of four days: 50 %
    await month.reply(october, at(1))
    await month.clock("T14", "callback", None, at(4, 11), at(4, 9), started=at(1, 11))
    await month.callback("T14", at(1, 11), said="very_satisfied", finished=at(4, 9))
    await month.ticket("T15", at(30, 23, 59), state="registered", channel="web")
    await month.ticket("T16", at(1, 0, month=12), state="registered", channel="web")


async def _calls(month: Month) -> None:
    """Six calls and a web chat.

    | call | what happened |
    |---|---|
    | 1 | bot to the end, 100 s |
    | 2 | queued, a person after 10 s, talked until 200 s |
    | 3 | queued, a person after 30 s, talked until 300 s |
    | 4 | queued, hung up after 60 s; called back after 20 minutes |
    | 5 | queued, hung up after 3 s: too short to count |
    | 6 | queued, gave up after 100 s; called back only after two hours |
    """
    plan = ((None, None, 100, "finished"), (10, 10, 200, "finished"), (20, 30, 300, "finished"), (5, None, 65, "caller_hung_up"),
            (5, None, 8, "caller_hung_up"), (20, None, 120, "queue_timeout"))  # fmt: skip
    for number, (queued, wait, ended, reason) in enumerate(plan, 1):
        began = at(9, 9, number)
        who = Citizen(created_at=began, needs="")
        month.session.add(who)
        await month.session.flush()
        talk = Conversation(
            id=UUID(int=number), channel="phone", citizen_id=who.id, owner="closed", created_at=began, updated_at=began,
            closed_at=began + timedelta(seconds=ended), handover_reason="asked" if queued else None, bot_state={},
        )  # fmt: skip
        month.session.add(talk)
        await month.session.flush()
        month.session.add(Message(conversation_id=talk.id, author="citizen", text="路灯不亮", at=began))
        answered = began + timedelta(seconds=(queued or 0) + wait) if wait else None
        month.session.add(
            Call(
                id=UUID(int=number), conversation_id=talk.id, sip_call_id=str(number), called="12345", codec="PCMA", state="ended", worker="t",
                started_at=began, answered_at=began, queued_at=began + timedelta(seconds=queued) if queued else None,
                ended_at=began + timedelta(seconds=ended), end_reason=reason,
                data={"person_answered_at": answered.isoformat()} if answered else {},
            )
        )  # fmt: skip
        await month.session.flush()
    _quality(month)
    for number, minutes in ((4, 20), (6, 120)):
        promised = at(9, 9, 10)
        month.session.add(
            ReturnCall(
                call_id=UUID(int=number), ticket_id=month.tickets["T3"].id, reason="hung_up_in_queue", state="done", created_at=promised,
                due_at=promised + timedelta(hours=1), done_at=promised + timedelta(minutes=minutes), done_by_id=month.staff["agent"],
            )
        )  # fmt: skip
    chat = Conversation(
        id=UUID(int=99), channel="web", owner="closed", created_at=at(9), updated_at=at(9), closed_at=at(9, 11), bot_state={},
        ticket_id=month.tickets["T4"].id,
    )  # fmt: skip
    month.session.add(chat)
    await month.session.flush()
    await _questions(month, chat)


async def _questions(month: Month, chat: Conversation) -> None:
    """Three questions of the chat: not found; answered and judged right; answered, then a person was wanted and the answer judged wrong."""
    article = Article(slug="card", state="editing", title="社保卡", scene="社保", questions=[], spoken="带身份证。", body={}, valid_from=at(1).date(),
                      checked_on=at(1).date(), search="", updated_at=at(1))  # fmt: skip
    gap = Gap(state="open", count=2, first_at=at(9), last_at=at(9))
    month.session.add_all([article, gap])
    await month.session.flush()
    for text, cause, result in (
        ("社保卡怎么办", "unanswered", None),
        ("社保卡多久", None, "right"),
        ("社保卡丢了", "handed_over", "wrong"),
    ):
        asked = Message(conversation_id=chat.id, author="citizen", text=text, at=at(9))
        month.session.add(asked)
        await month.session.flush()
        if cause:
            month.session.add(
                GapSentence(
                    gap_id=gap.id, conversation_id=chat.id, message_id=asked.id, text=text, channel="web", at=at(9), cause=cause, score=1
                )
            )
        if result:
            told = Message(conversation_id=chat.id, author="bot", text="带身份证。", at=at(9), article_id=article.id, article_version=1,
                           data={"reply_to": asked.id})  # fmt: skip
            month.session.add(told)
            await month.session.flush()
            month.session.add(
                AnswerCheck(conversation_id=chat.id, message_id=told.id, asked_id=asked.id, asked=text, answer=told.text, channel="web", at=at(9),
                            article_id=article.id, article_version=1, drawn_at=at(10), result=result, judged_at=at(10))
            )  # fmt: skip
    await month.session.flush()


def _quality(month: Month) -> None:
    """Three calls were scored: 80 (open appeal), 90 (after an appeal that was right) and 0 for a fatal error; a fourth waits."""
    scored: dict[str, object] = {"scored_at": at(10), "scored_by_id": month.staff["quality"]}
    decided = {"appealed_at": at(11), "decided_at": at(12), "decided_by_id": month.staff["supervisor"], "upheld": True, "first_score": 70}
    for number, state, more in (
        (1, "waiting", {}),
        (2, "appealed", {**scored, "score": 80, "appealed_at": at(11)}),
        (3, "decided", {**scored, **decided, "score": 90}),
        (4, "scored", {**scored, "score": 0, "fatal": ["rude"]}),
    ):
        call = {"call_id": UUID(int=number), "agent_id": month.staff["agent"], "rule": "share", "drawn_at": at(9)}
        month.session.add(QualityCheck(**call, state=state, **more))


async def staff_ids(session: AsyncSession) -> dict[str, int]:
    """Account numbers by log-in."""
    return {row.login: row.id for row in await session.execute(select(User.login, User.id))}
