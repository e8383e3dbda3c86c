"""What is kept how long: a dry run writes nothing, a run ends what is due and nothing else, the event chain stays whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.events import Event, history
from hotline.schema import metadata
from tests.pictures import png
from tests.ticketing.conftest import City
from ticketing.attachment import removal
from ticketing.attachment.service import store
from ticketing.audit import seal
from ticketing.audit.verify import verify
from ticketing.citizen.models import Citizen
from ticketing.conversation.models import Author, Call, Conversation, InboundMessage, Message
from ticketing.conversation.service import add_message, get_conversation, open_conversation
from ticketing.people.actor import SYSTEM, citizen_actor
from ticketing.relation.links import access_other
from ticketing.relation.merge import merge
from ticketing.retention.models import RetentionPolicy
from ticketing.retention.person import hold, release
from ticketing.retention.redaction import redact
from ticketing.retention.rules import RULES, Work
from ticketing.retention.run import LOGS, run
from ticketing.retention.words import _fitting
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket.access import access_ticket
from ticketing.ticket.models import Attachment, Ticket
from ticketing.ticket.steps import take_step

WORDS = "江畔花园3号楼2单元501室周女士反映噪音，电话13900002716"


async def say(city: City, *lines: str, channel: str = "web") -> UUID:
    async with city.database.transaction() as session:
        talk = await open_conversation(city.core, session, channel=channel, conversation_id=uuid4())
        for line in lines:
            await add_message(city.core, session, talk, Author.CITIZEN, line)
        return talk.id


async def closed_ticket(city: City, **fields: object) -> Ticket:
    """Answered, rated by nobody, closed when the window was over; with a photo and words in the events."""
    made = await city.register(content=WORDS, **fields)
    number = made.ticket.number
    async with city.database.transaction() as session:
        settings = city_settings(city)
        await store(city.core, settings, session, body=png(), file_name="a.png", from_citizen=True, ticket_id=made.ticket.id)
    await city.act(number, city.agent, dispatching.answer, "周女士您好，施工已停止，如有问题请拨打13900002716联系我们工作人员处理。")
    async with city.database.transaction() as session:
        ticket = await access_ticket(city.core, session, city.dispatcher, number, lock=True)
        await session.execute(text("UPDATE deadline SET state = 'met', stopped_at = now(), next_stage_at = NULL"))
        await take_step(city.core, session, SYSTEM, ticket, "answer_window_over", no_callback_reason="evaluation_window_over")
    return ticket


def city_settings(city: City):  # type: ignore[no-untyped-def]
    from hotline.settings import Settings

    return Settings(demo=True, data_dir=city.core.data_dir)


async def load(city: City, ticket_id: int) -> Ticket:
    async with city.database.transaction() as session:
        return await session.get_one(Ticket, ticket_id)


async def rows_of_everything(city: City) -> str:
    async with city.database.transaction() as session:
        found = []
        for table in metadata.sorted_tables:
            found += [str(row) for row in (await session.execute(select(table))).all()]
        return "\n".join(found)


async def test_a_dry_run_says_what_is_due_and_writes_nothing(city: City) -> None:
    ticket = await closed_ticket(city)
    city.clock.advance(days=8)
    before = await rows_of_everything(city)
    outcomes = {each.kind: each for each in await run(city.core, city.database, metadata, dry=True)}
    assert set(outcomes) == {*RULES, LOGS}
    assert (outcomes["tickets_archive"].count, outcomes["tickets_archive"].samples) == (1, (ticket.number,))
    assert not any(outcome.failed for outcome in outcomes.values())
    assert sum(outcome.count for outcome in outcomes.values()) == 1
    assert await rows_of_everything(city) == before


async def test_t28_a_closed_ticket_is_archived_when_its_windows_are_over(city: City) -> None:
    ticket = await closed_ticket(city)
    city.clock.advance(days=6, hours=23)
    await run(city.core, city.database, metadata, dry=False)
    assert (await load(city, ticket.id)).state == "closed"
    city.clock.advance(hours=2)
    async with city.database.transaction() as session:
        await session.execute(text("UPDATE deadline SET state = 'running', stopped_at = NULL WHERE id = (SELECT min(id) FROM deadline)"))
    await run(city.core, city.database, metadata, dry=False)
    assert (await load(city, ticket.id)).state == "closed", "a clock still runs"
    async with city.database.transaction() as session:
        await session.execute(text("UPDATE deadline SET state = 'met', stopped_at = now(), next_stage_at = NULL"))
    outcomes = {each.kind: each.count for each in await run(city.core, city.database, metadata, dry=False)}
    assert (outcomes["tickets_archive"], (await load(city, ticket.id)).state) == (1, "archived")
    async with city.database.transaction() as session:
        assert (await history(session, "ticket", ticket.id))[-1].name == "ticket.archived"
        assert (await session.scalars(select(Event.name).where(Event.subject == "retention"))).all() == ["retention.run"]


async def test_after_five_years_nobody_is_found_in_a_ticket_and_statistics_stay(city: City) -> None:
    talk = await say(city, WORDS)
    ticket = await closed_ticket(city, conversation_id=talk)
    await seal.run(city.core, city.database)
    city.clock.advance(days=8)
    await run(city.core, city.database, metadata, dry=False)
    city.clock.advance(days=1825)
    outcomes = await run(city.core, city.database, metadata, dry=False)
    assert not any(outcome.failed for outcome in outcomes)
    after = await load(city, ticket.id)
    assert (after.category_code, after.received_at, after.number, after.kind) == (
        ticket.category_code,
        ticket.received_at,
        ticket.number,
        ticket.kind,
    )
    assert (after.citizen_id, after.conversation_id, after.anonymised_at) == (None, None, city.clock.now())
    assert after.content.rstrip("＊") == "江畔花园［门牌］［姓名］反映噪音，电话［电话］"
    assert "13900002716" not in await rows_of_everything(city)
    await removal.run(city.core, city.database)
    async with city.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Attachment)) == 0
        assert "周女士" not in str([event.data for event in await history(session, "ticket", ticket.id)])
    assert [path for path in (city.core.data_dir / "files").glob("**/*") if path.is_file()] == []
    await seal.run(city.core, city.database)
    assert (await verify(city.database)).whole
    again = await run(city.core, city.database, metadata, dry=True)
    assert [each.kind for each in again if each.count] == [], "once is enough"


async def test_what_was_merged_withdrawn_or_invalid_is_not_kept_for_ever(city: City) -> None:
    master, follower, withdrawn, invalid = [(await city.register(content=WORDS, name="周女士")).ticket for _ in range(4)]
    async with city.database.transaction() as session:
        ticket = await access_ticket(city.core, session, city.dispatcher, follower.number, lock=True)
        other = await access_other(city.core, session, city.dispatcher, ticket, master.number)
        await merge(city.core, session, city.dispatcher, ticket, other, reason="同一处工地的施工噪声")
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.id == withdrawn.id).with_for_update())).one()
        await dispatching.withdraw(city.core, session, citizen_actor(), ticket)
    await city.act(invalid.number, city.supervisor, take_step, "invalidate")
    city.clock.advance(days=1826)
    assert not any(outcome.failed for outcome in await run(city.core, city.database, metadata, dry=False))
    for ticket in (withdrawn, invalid):
        assert (await load(city, ticket.id)).anonymised_at == city.clock.now()
    assert (await load(city, follower.id)).anonymised_at is None, "its master is still at work"


async def test_a_ticket_on_hold_is_kept_as_it_is_until_released(city: City) -> None:
    ticket = await closed_ticket(city)
    work = Work(city.core, metadata)
    async with city.database.transaction() as session:
        held = await session.get_one(Ticket, ticket.id)
        await hold(work, session, city.supervisor, held, "行政复议，案号2026-12")
    city.clock.advance(days=8)
    await run(city.core, city.database, metadata, dry=False)
    city.clock.advance(days=1825)
    await run(city.core, city.database, metadata, dry=False)
    assert (await load(city, ticket.id)).content == WORDS
    async with city.database.transaction() as session:
        await release(work, session, city.supervisor, await session.get_one(Ticket, ticket.id))
    await run(city.core, city.database, metadata, dry=False)
    assert (await load(city, ticket.id)).anonymised_at is not None


async def test_recordings_leave_the_disk(city: City) -> None:
    talk = await say(city, "路灯坏了", channel="phone")
    path = city.core.data_dir / "recordings" / "a.wav"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"RIFF")
    async with city.database.transaction() as session:
        now = city.clock.now()
        sealed = city.core.vault.seal("+8613900002716")
        session.add(
            Call(
                id=uuid4(), conversation_id=talk, sip_call_id="x@y", called="12345", codec="PCMA", worker="w",
                caller_sealed=sealed, state="ended",
                started_at=now, ended_at=now, recording_path="recordings/a.wav",
            )
        )  # fmt: skip
        (await get_conversation(session, talk)).owner = "closed"
    city.clock.advance(days=731)
    await run(city.core, city.database, metadata, dry=False, kinds=["recordings", "calls"])
    assert path.exists(), "removed by the job after the commit"
    assert await removal.run(city.core, city.database) == 1
    assert not path.exists()
    async with city.database.transaction() as session:
        call = (await session.scalars(select(Call))).one()
    assert (call.recording_path, call.caller_sealed is None) == (None, False)
    city.clock.advance(days=1100)
    await run(city.core, city.database, metadata, dry=False, kinds=["calls"])
    async with city.database.transaction() as session:
        assert (await session.scalars(select(Call.caller_sealed))).one() is None


async def test_conversations_without_a_ticket_drafts_and_journals_go(city: City) -> None:
    talk = await say(city, WORDS)
    async with city.database.transaction() as session:
        await session.execute(update(Conversation).values(draft={"content": WORDS}))
        common = {"channel": "wechat", "body_sealed": b"x", "body_hash": "h", "received_at": city.clock.now()}
        session.add(InboundMessage(external_id="1", state="answered", **common))
        session.add(InboundMessage(external_id="2", state="received", **common))
    city.clock.advance(days=8)
    await run(city.core, city.database, metadata, dry=False)
    async with city.database.transaction() as session:
        assert (await session.get_one(Conversation, talk)).draft is None
    city.clock.advance(days=180)
    await run(city.core, city.database, metadata, dry=False)
    async with city.database.transaction() as session:
        assert list(await session.scalars(select(Message))) == []
        assert list(await session.scalars(select(InboundMessage.external_id))) == ["2"], "what was not answered is never swept away unseen"
        assert (await session.get_one(Conversation, talk)).erased_at is not None


async def test_old_log_files_go(city: City, tmp_path: Path) -> None:
    folder = city.core.data_dir / "logs"
    folder.mkdir(parents=True)
    (folder / "web.log.5").write_text("old")
    city.clock.advance(days=365 * 30)  # the file's own time is the real one
    outcomes = {each.kind: each for each in await run(city.core, city.database, metadata, dry=True, kinds=[LOGS])}
    assert outcomes[LOGS].samples == ("web.log.5",)
    assert (folder / "web.log.5").exists()
    await run(city.core, city.database, metadata, dry=False, kinds=[LOGS])
    assert not (folder / "web.log.5").exists()


async def test_what_the_city_changed_is_not_overwritten_and_what_is_off_does_nothing(city: City) -> None:
    ticket = await closed_ticket(city)
    await run(city.core, city.database, metadata, dry=False)
    async with city.database.transaction() as session:
        await session.execute(update(RetentionPolicy).where(RetentionPolicy.kind == "tickets_archive").values(active=False))
        await session.execute(update(RetentionPolicy).where(RetentionPolicy.kind == "recordings").values(keep_days=5))
    city.clock.advance(days=30)
    outcomes = {each.kind: each for each in await run(city.core, city.database, metadata, dry=False)}
    assert "tickets_archive" not in outcomes
    assert outcomes["recordings"].keep_days == 5
    assert (await load(city, ticket.id)).state == "closed"


async def test_a_kind_that_fails_does_not_keep_the_others(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_args: object) -> list[int]:
        raise LookupError

    ticket = await closed_ticket(city)
    async with city.database.transaction() as session:
        session.add(
            InboundMessage(
                channel="wechat", external_id="1", state="answered", body_sealed=b"x", body_hash="h", received_at=city.clock.now()
            )
        )
    rule = RULES["wechat_journal"]
    monkeypatch.setitem(RULES, "wechat_journal", type(rule)(rule.kind, rule.ending, rule.label, rule.due, broken))
    city.clock.advance(days=31)
    outcomes = {each.kind: each for each in await run(city.core, city.database, metadata, dry=False)}
    assert outcomes["wechat_journal"].failed
    assert (await load(city, ticket.id)).state == "archived"


async def test_one_bad_row_does_not_keep_its_batch(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    tickets = [await closed_ticket(city) for _ in range(3)]
    rule, bad = RULES["tickets_archive"], tickets[1].id

    async def stumbling(work: Work, session: AsyncSession, ids: Sequence[int]) -> Sequence[int]:
        if bad in ids:
            await session.execute(text("SELECT 1/0"))
        return await rule.apply(work, session, ids)

    monkeypatch.setitem(RULES, rule.kind, type(rule)(rule.kind, rule.ending, rule.label, rule.due, stumbling))
    city.clock.advance(days=8)
    outcomes = {each.kind: each for each in await run(city.core, city.database, metadata, dry=False)}
    assert outcomes["tickets_archive"].count == 2
    assert [(await load(city, ticket.id)).state for ticket in tickets] == ["archived", "closed", "archived"]


def test_what_is_redacted_still_fits_the_rules_of_the_tables() -> None:
    measures = "已打电话13900002716和13900002717并处理完毕"
    assert len(measures) >= 30 > len(redact(measures))
    assert len(_fitting(measures, redact(measures))) == 30
    title = "王先生" * 33
    assert len(_fitting(title, redact(title))) <= 100


async def test_the_citizen_stays_when_other_tickets_need_him(city: City) -> None:
    await closed_ticket(city)
    city.clock.advance(days=8)
    await run(city.core, city.database, metadata, dry=False)
    async with city.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Citizen)) == 1
