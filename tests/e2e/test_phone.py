"""Real calls to the running demo: a guide question, a complaint, a person wanted, a hang-up; both codecs, and SIPp as caller."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from telephony.client import Caller
from telephony.media.codec import CODECS
from telephony.speech.voice import EspeakVoice
from tests.e2e.demo import Demo, calls_in, until
from tests.telephony.sip.sipp import SIPP, run_sipp
from tests.telephony.sounds import tone

LONG_S = 90.0
"""A ticket number and its query code are dictated twice."""


@pytest.fixture
def number() -> str:
    """A caller's number of its own."""
    return f"138{time.time_ns() % 10**8:08d}"


@pytest.fixture
async def voice() -> AsyncIterator[EspeakVoice]:
    """The synthetic caller's mouth."""
    voice = EspeakVoice()
    yield voice
    await voice.close()


async def talk(demo: Demo, number: str, voice: EspeakVoice, *sentences: str, codec: str = "PCMA") -> int:
    """Call, wait for the greeting, say each sentence and listen to the answer; how many answers were heard."""
    heard = 0
    async with Caller(demo.sip, codec=codec, number=number) as caller:
        await caller.hear(LONG_S)
        for sentence in sentences:
            if not await caller.say(await voice.say(sentence)):
                break
            await caller.hear(LONG_S)
            heard += 1
    return heard


def newest_call(demo: Demo, since: str) -> str:
    """The call that has just ended."""
    query = f"SELECT id {calls_in(since)} AND state = 'ended' ORDER BY started_at DESC LIMIT 1"
    return str(until(lambda: demo.sql(query), within_s=30, what="the end of the call in the database")[0])


def said(demo: Demo, call: str, author: str) -> str:
    """What one side said in the call."""
    rows = demo.sql(
        f"SELECT m.text FROM message m JOIN call c USING (conversation_id) WHERE c.id = '{call}' AND author = '{author}' ORDER BY m.id"
    )
    return "\n".join(rows)


def now(demo: Demo) -> str:
    return demo.sql("SELECT now()")[0]


@pytest.mark.parametrize("codec", ["PCMA", "PCMU"])
async def test_a_guide_question_is_answered_and_kept(demo: Demo, number: str, voice: EspeakVoice, codec: str) -> None:
    since = now(demo)
    assert await talk(demo, number, voice, "身份证丢了怎么补办", codec=codec) == 1
    call = newest_call(demo, since)
    assert "身份证" in said(demo, call, "citizen")
    of_call = f"FROM message m JOIN call c USING (conversation_id) WHERE c.id = '{call}'"
    traced = demo.sql(f"SELECT m.article_id {of_call} AND m.article_version IS NOT NULL")
    assert traced, said(demo, call, "bot")
    codec_of, recording = demo.sql(f"SELECT codec, recording_path FROM call WHERE id = '{call}'")[0].split("|")
    assert codec_of == codec
    assert (demo.data_dir / recording).stat().st_size > 5 * 32_000


async def test_a_complaint_becomes_one_ticket_whose_number_is_told(demo: Demo, number: str, voice: EspeakVoice) -> None:
    since = now(demo)
    await talk(demo, number, voice, "我要投诉工地半夜施工太吵", "江畔花园北门", "昨天晚上", "我姓王", "对", "没有了")
    call = newest_call(demo, since)
    query = f"SELECT t.number, t.content, t.address, t.state FROM ticket t JOIN call c USING (conversation_id) WHERE c.id = '{call}'"
    tickets = demo.sql(query)
    assert len(tickets) == 1, said(demo, call, "citizen")
    ticket, content, address, state = tickets[0].split("|")
    assert "施工" in content
    assert "江畔花园" in address
    assert state == "registered"
    assert ticket in said(demo, call, "bot")
    shown = demo.hotline("ticket", "show", ticket)
    assert shown.returncode == 0
    assert ticket in shown.stdout


@contextmanager
def agent_is(demo: Demo, state: str, wrap_until: str = "NULL") -> Iterator[None]:
    """The agent comes or goes; in the wrap-up of another call nobody is rung, and callers may wait. The own telephone is given back."""
    own = demo.sql("SELECT phone FROM duty JOIN staff ON staff.id = user_id WHERE login = 'agent'")
    columns = "(user_id, state, wrap_until, phone, since, idle_since)"
    values = f"{columns} SELECT id, '{state}', {wrap_until}, 'sip:2999@127.0.0.1', now(), now() FROM staff WHERE login = 'agent'"
    changed = "state = excluded.state, wrap_until = excluded.wrap_until, phone = excluded.phone"
    demo.sql(f"INSERT INTO duty {values} ON CONFLICT (user_id) DO UPDATE SET {changed}")
    try:
        yield
    finally:
        given_back = f"state = 'off', wrap_until = NULL, phone = '{own[0] if own else ''}'"
        demo.sql(f"UPDATE duty SET {given_back} WHERE user_id = (SELECT id FROM staff WHERE login = 'agent')")


async def test_zero_with_nobody_on_duty_is_owed_a_return_call(demo: Demo, number: str) -> None:
    since = now(demo)
    with agent_is(demo, "off"):
        async with Caller(demo.sip, number=number) as caller:
            await caller.press("0")
            closed = "SELECT c.id FROM call c JOIN message m USING (conversation_id) WHERE m.data->>'prompt' = 'closed'"
            told = f"{closed} AND c.started_at >= '{since}'"
            call = until(lambda: demo.sql(told), within_s=30, what="that nobody is there")[0]
    owed = f"SELECT reason FROM return_call WHERE call_id = '{call}'"
    assert until(lambda: demo.sql(owed), within_s=30, what="the return call") == ["nobody_on_duty"]


async def test_zero_puts_the_caller_in_the_queue_and_hanging_up_there_is_owed_a_return_call(demo: Demo, number: str) -> None:
    since = now(demo)
    in_queue = "SELECT c.id FROM call c JOIN conversation v ON v.id = c.conversation_id WHERE c.state = 'queued' AND v.owner = 'queue'"
    waiting = f"{in_queue} AND c.started_at >= '{since}'"
    with agent_is(demo, "wrap_up", "now() + interval '10 minutes'"):
        async with Caller(demo.sip, number=number) as caller:
            await caller.press("0")  # during the greeting: barge-in by key
            call = until(lambda: demo.sql(waiting), within_s=30, what="the waiting call")[0]
        assert newest_call(demo, since) == call
        owed = f"SELECT r.state, t.number FROM return_call r JOIN ticket t ON t.id = r.ticket_id WHERE r.call_id = '{call}'"
        [row] = until(lambda: demo.sql(owed), within_s=30, what="the return call")
    assert row.startswith("open|12345-")


async def test_hanging_up_in_the_middle_of_the_form_loses_nothing(demo: Demo, number: str, voice: EspeakVoice) -> None:
    since = now(demo)
    await talk(demo, number, voice, "我要投诉下水道堵了")
    call = newest_call(demo, since)
    query = f"SELECT t.content FROM ticket t JOIN return_call r ON r.ticket_id = t.id WHERE r.call_id = '{call}'"
    [content] = until(lambda: demo.sql(query), within_s=30, what="the ticket of the caller who hung up")
    assert "下水道" in content


@pytest.mark.skipif(SIPP is None, reason="sipp is not installed (Debian package sip-tester)")
@pytest.mark.parametrize("codec", ["PCMA", "PCMU"])
async def test_somebody_elses_sip_stack_is_served_too(demo: Demo, codec: str, tmp_path: Path) -> None:
    (tmp_path / "tone").write_bytes(CODECS[codec].encode(tone(440, 1.0)))
    since = now(demo)
    await run_sipp(demo.sip_port, codec.lower(), tmp_path, calls=3, rate=3)
    ended = f"SELECT id {calls_in(since)} AND state = 'ended'"
    until(lambda: len(demo.sql(ended)) >= 3, within_s=30, what="three ended calls")


async def test_without_the_bot_questions_are_answered_and_complaints_become_tickets(demo: Demo) -> None:
    """Degraded mode: Rasa and the action endpoint are killed again and again while a citizen writes."""
    old = demo.kill("bot")
    status, answer = demo.post_json("/api/v1/chat", {"conversation": f"degraded-{time.time_ns()}", "text": "身份证丢了怎么补办"})
    assert status == 200
    assert answer["replies"][0]["article"], answer
    conversation, ticket = f"degraded-form-{time.time_ns()}", None
    for text in ("我要投诉工地半夜施工太吵", "江畔花园北门", "昨天晚上", "我姓王", "跳过", "对"):
        if demo.pid("bot") not in (None, old):
            old = demo.kill("bot")
        status, answer = demo.post_json("/api/v1/chat", {"conversation": conversation, "text": text})
        assert status == 200
        ticket = ticket or answer["ticket"]
    assert ticket, answer
    assert len(demo.sql(f"SELECT id FROM ticket WHERE number = '{ticket['number']}'")) == 1
    demo.until_ready(within_s=120)
