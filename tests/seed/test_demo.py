"""The demo city as `hotline seed` makes it: every state is there, everything came about by real steps, twice is once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from hotline.assembly import Services
from hotline.clock import CITY_ZONE, ManualClock
from hotline.demo.content import load as load_content
from hotline.demo.pictures import street_picture
from hotline.demo.robot import ENDINGS
from hotline.demo.seed import seed
from hotline.errors import InvalidInput
from hotline.processes.postgres import PrivatePostgres
from hotline.security import hash_query_code
from hotline.settings import Settings
from knowledge.seed import load_articles
from tests.databases import Databases
from tests.seed import crawl

pytestmark = pytest.mark.slow
"""Plays a month of appeals."""

NOW = datetime(2026, 11, 18, 10, 0, tzinfo=CITY_ZONE)
REACHABLE = {
    "registered", "need_info", "rejected", "emergency_out", "answered", "to_dispatch", "in_progress", "reply_review", "callback",
    "closed", "withdrawn", "invalid", "disputed", "suspended", "merged", "archived",
}  # fmt: skip
Row = tuple[Any, ...]


class Demo:
    """A seeded database, asked with plain statements."""

    def __init__(self, server: PrivatePostgres, name: str, folder: Path) -> None:
        self.lines: list[str] = []
        self._settings = Settings(
            demo=True,
            data_dir=folder,
            secret_key="test-secret-key-of-forty-characters-0001",
            encryption_keys=(Fernet.generate_key().decode(),),
            database_url=server.url(name),
        )

    def seed(self) -> float:
        """Seed; returns how many seconds of our CPU it took: a busy machine makes no difference."""
        began = time.process_time()
        asyncio.run(self._run(None))
        return time.process_time() - began

    def rows(self, statement: str) -> list[Row]:
        """What the database answers."""
        return asyncio.run(self._run(statement))

    def codes(self) -> str:
        """What the seeding left for whoever tries the demo."""
        return (self._settings.data_dir / "codes.txt").read_text(encoding="utf-8")

    def hashed(self, code: str) -> str:
        """As the ticket keeps it."""
        return hash_query_code(code, self._settings.secret)

    def dead_links(self) -> list[str]:
        """What every role is shown and cannot open."""
        return asyncio.run(self._crawl())

    async def _crawl(self) -> list[str]:
        services = Services.of(self._settings, ManualClock(NOW))
        try:
            return await crawl.dead_links(services)
        finally:
            await services.close()

    async def _run(self, statement: str | None) -> list[Row]:
        services = Services.of(self._settings, ManualClock(NOW))
        try:
            if statement is None:
                await seed(services, progress=self.lines.append)
                return []
            async with services.database.transaction() as session:
                return [tuple(row) for row in await session.execute(text(statement))]
        finally:
            await services.close()


@pytest.fixture(scope="module")
def demo(server: PrivatePostgres, databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Seeded once for all tests of this file, which only read."""
    server.create_database("demo_seed", template="hotline_template")
    made = Demo(server, "demo_seed", tmp_path_factory.mktemp("demo"))
    made.seed()
    yield made
    server.psql('DROP DATABASE "demo_seed" WITH (FORCE)')


def test_about_two_hundred_tickets_in_every_reachable_state(demo: Demo) -> None:
    states: dict[str, int] = dict(demo.rows("SELECT state, count(*) FROM ticket GROUP BY 1"))
    assert set(states) == REACHABLE
    assert 190 <= sum(states.values()) <= 290
    assert {state for (state,) in demo.rows("SELECT DISTINCT state FROM assignment")} == {
        "assigned", "signed", "working", "unit_review", "replied", "accepted", "returned", "cancelled", "redo",
    }  # fmt: skip


def test_clocks_stand_at_every_stage_and_cards_were_given(demo: Demo) -> None:
    stages = {stage for (stage,) in demo.rows("SELECT DISTINCT stage FROM deadline WHERE state = 'running' AND kind = 'handle'")}
    assert stages == {"calm", "white", "amber", "yellow", "red"}
    assert {colour for (colour,) in demo.rows("SELECT DISTINCT colour FROM card")} == {"yellow", "red"}
    early = demo.rows(
        "SELECT count(*) FROM card JOIN deadline d ON d.id = deadline_id "
        "WHERE (card.at < d.due_at OR card.at > d.red_at + interval '1 min') AND NOT EXISTS "
        "(SELECT FROM jsonb_array_elements(d.adjustments) a WHERE (a -> 'pause' ->> 0)::timestamptz > card.at)"
    )
    assert early == [(0,)]  # each card came at its moment, not at the end of the seeding; a later pause moves only what is to come


def test_every_group_of_matters_and_at_least_sixty_different_ones(demo: Demo) -> None:
    [(groups, contents)] = demo.rows("SELECT count(DISTINCT left(category_code, 2)), count(DISTINCT content) FROM ticket")
    assert groups == 12
    assert contents >= 60


def test_all_channels_and_today(demo: Demo) -> None:
    assert {channel for (channel,) in demo.rows("SELECT DISTINCT channel FROM ticket")} == {"phone", "wechat", "web", "open311"}
    [(today,)] = demo.rows(
        "SELECT count(*) FROM ticket WHERE received_at >= '2026-11-18 00:00+08' AND state IN ('registered', 'to_dispatch')"
    )
    assert today >= 6
    [(future,)] = demo.rows("SELECT count(*) FROM event WHERE at > '2026-11-18 10:05+08'")
    assert future == 0


def test_the_robot_has_citizens_to_call(demo: Demo) -> None:
    task = "FROM callback_task WHERE plan = 'robot' AND state = 'open'"
    assert demo.rows(f"SELECT count(*), bool_and(rule = 'consult-by-robot'), max(attempts) {task}") == [(len(ENDINGS), True, 0)]
    assert demo.rows(f"SELECT count(DISTINCT ticket_id) {task} AND next_attempt_at <= timestamptz '{NOW.isoformat()}'") == [(len(ENDINGS),)]


def test_ratings_callbacks_returns_and_attachments(demo: Demo) -> None:
    assert {rating for (rating,) in demo.rows("SELECT DISTINCT satisfaction FROM ticket WHERE satisfaction IS NOT NULL")} == {
        "very_satisfied", "satisfied", "dissatisfied",
    }  # fmt: skip
    assert {state for (state,) in demo.rows("SELECT DISTINCT state FROM callback_task")} == {"open", "reached", "unreached"}
    assert {state for (state,) in demo.rows("SELECT DISTINCT state FROM return_call")} == {"open", "done"}
    assert demo.rows("SELECT count(*) FROM request WHERE kind = 'return' AND state = 'pending'") == [(2,)]
    assert demo.rows("SELECT count(*) > 1 FROM attachment") == [(True,)]
    assert demo.rows("SELECT count(*) FROM ticket WHERE confidentiality = 'secret' AND jsonb_array_length(extra->'named') > 0") == [(1,)]


def test_calls_and_chats_are_over_and_have_their_words(demo: Demo) -> None:
    assert demo.rows("SELECT count(*) FROM call WHERE state <> 'ended'") == [(0,)]
    [(calls, spoken)] = demo.rows(
        "SELECT count(DISTINCT c.id), count(m.id) FROM call c"
        " JOIN message m ON m.conversation_id = c.conversation_id WHERE m.author = 'citizen'"
    )
    assert calls >= 10
    assert spoken >= 2 * calls
    assert demo.rows("SELECT count(*) > 5 FROM message WHERE article_id IS NOT NULL") == [(True,)]


def test_no_telephone_number_or_name_is_stored_in_clear(demo: Demo) -> None:
    for statement in ("SELECT data::text FROM event", "SELECT title || content || address FROM ticket"):
        assert not [row for row in demo.rows(statement) if "1390000" in row[0]]


def test_every_closed_ticket_went_the_whole_way(demo: Demo) -> None:
    [(wrong,)] = demo.rows(
        "SELECT count(*) FROM ticket t WHERE state = 'closed' AND satisfaction IS NOT NULL AND policy_key IS NOT NULL AND NOT EXISTS"
        " (SELECT FROM event e WHERE e.subject = 'ticket' AND e.subject_id = t.id::text"
        " AND e.name IN ('callback.done', 'ticket.closed_disputed'))"
    )
    assert wrong == 0


def test_other_systems_were_told_or_given_up_after_ten_tries(demo: Demo) -> None:
    states = dict(demo.rows("SELECT state || ' ' || max(attempts), count(*) FROM outbox WHERE channel = 'webhook' GROUP BY state"))
    assert states["sent 1"] > 5
    assert states["parked 10"] >= 3
    assert demo.rows("SELECT DISTINCT last_error LIKE 'ClientConnector%' FROM outbox WHERE state = 'parked' AND channel = 'webhook'") == [
        (True,)
    ]
    pushed = demo.rows("SELECT state, external_id LIKE 'GS%' FROM exchange_message")
    assert len(pushed) >= 2
    assert set(pushed) == {("delivered", True)}


def test_codes_of_invented_citizens_open_their_tickets(demo: Demo) -> None:
    lines = [line.split(maxsplit=2) for line in demo.codes().splitlines() if not line.startswith("#")]
    assert {"等市民评价（可以自己评）", "等市民补充材料", "不予受理，可以提出异议"} <= {words for _number, _code, words in lines}
    for number, code, _words in lines:
        assert demo.rows(f"SELECT query_code_hash = '{demo.hashed(code)}' FROM ticket WHERE number = '{number}'") == [(True,)]


def test_no_link_that_a_role_is_shown_is_dead(demo: Demo) -> None:
    dead = demo.dead_links()
    assert not dead, "\n".join(dead)


def test_seeding_again_does_nothing_and_takes_less_than_a_second(demo: Demo) -> None:
    tables = ("ticket", "event", "staff", "unit", "category", "article", "article_version", "message", "card", "calendar_day")
    before = [demo.rows(f"SELECT count(*) FROM {table}") for table in tables]
    assert demo.seed() < 1
    assert [demo.rows(f"SELECT count(*) FROM {table}") for table in tables] == before
    assert demo.lines[-1] == "demo city: already there"


def test_a_seeding_that_fails_leaves_nothing(
    server: PrivatePostgres, databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.create_database("demo_broken", template="hotline_template")
    broken = Demo(server, "demo_broken", tmp_path)

    async def fails(*_arguments: object) -> int:
        raise InvalidInput("broken seed file")

    with monkeypatch.context() as patch:
        patch.setattr("hotline.demo.seed.load_seed", fails)
        with pytest.raises(InvalidInput):
            broken.seed()
    assert broken.rows("SELECT (SELECT count(*) FROM unit) + (SELECT count(*) FROM event)") == [(0,)]
    server.psql('DROP DATABASE "demo_broken" WITH (FORCE)')


def test_the_texts_fit_together() -> None:
    content = load_content()
    articles = {article.slug: article for article in load_articles()}
    assert all(entry.question in articles[entry.slug].questions for entry in content.questions)
    assert {matter.code[:2] for matter in content.matters} == {f"{number:02d}" for number in range(1, 13)}
    assert all(emergency.place in content.places for emergency in content.others.emergencies)


def test_pictures_are_images() -> None:
    assert street_picture(1).startswith(b"\x89PNG\r\n\x1a\n")
    assert street_picture(1) != street_picture(2)


def test_the_month_ends_now(demo: Demo) -> None:
    [(first, last)] = demo.rows("SELECT min(received_at), max(received_at) FROM ticket")
    assert NOW - timedelta(days=32) < first < NOW - timedelta(days=20)
    assert NOW - timedelta(minutes=30) < last <= NOW
