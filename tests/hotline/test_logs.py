"""What citizens wrote does not reach the logs: neither ours nor PostgreSQL's."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from hotline import logs
from hotline.database import Database
from hotline.processes.postgres import PrivatePostgres
from hotline.tracebacks import without_rows
from ticketing.conversation.models import InboundMessage

SECRET = "邻居半夜砸门（周敏）\n第二行 [x]"
SECOND = "第二行"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What a role's log gets; the test runner's own logging comes back afterwards."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    logs.configure("test")
    [handler] = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    stream = io.StringIO()
    handler.setStream(stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


async def _break_a_check(database: Database) -> DBAPIError:
    with pytest.raises(IntegrityError) as caught:
        async with database.transaction() as session:
            session.add(
                InboundMessage(
                    channel="web",
                    external_id=SECRET,
                    body_sealed=b"x",
                    body_hash="x",
                    received_at=datetime.now(UTC),
                    state="no such state",
                    attempts=1,
                )
            )
    return caught.value


async def test_a_failing_row_is_logged_without_what_it_holds(database: Database, written: io.StringIO) -> None:
    error = await _break_a_check(database)
    driver = error.orig.__cause__ if error.orig is not None else None
    assert SECOND in str(driver), "the driver's own words hold the row: else this test shows nothing"
    logs.get("ours").error("failed", exc_info=error)
    logs.get("ours").error("failed", reason=str(driver))
    logging.getLogger("asyncio").error("Task exception was never retrieved", exc_info=error)
    try:
        raise RuntimeError(f"wrapped: {driver}") from error
    except RuntimeError:
        logging.getLogger("other").exception("wrapped")
    said = written.getvalue()
    assert said.count("\n") == 4
    assert "周敏" not in said
    assert SECOND not in said
    assert "Failing row" not in said
    for kept in (
        "IntegrityError",
        "sqlstate=23514",
        "constraint_name=ck_inbound_message_state",
        "INSERT INTO inbound_message",
        "test_logs.py",
    ):
        assert kept in said


async def test_parameters_of_a_statement_are_logged_nowhere(database: Database, written: io.StringIO) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with database.transaction() as session:
            await session.execute(text("SELECT CAST(:a AS integer)"), {"a": SECRET})
    logs.get("ours").error("failed", exc_info=caught.value)
    assert "SELECT CAST" in written.getvalue()
    assert SECOND not in written.getvalue()
    assert "周敏" not in written.getvalue()


async def test_the_private_servers_own_log_holds_no_row(server: PrivatePostgres, database: Database) -> None:
    await _break_a_check(database)
    said = await asyncio.to_thread((server.home / "postgres.log").read_text, errors="replace")
    assert "ck_inbound_message_state" in said
    assert SECOND not in said
    assert "周敏" not in said
    assert "Failing row" not in said


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a [parameters: ('x]\n y', 'z')]\n(Background on this error at: u)", "a [parameters left out]\n(Background on this error at: u)"),
        ("a\nDETAIL: Failing row contains (1, x\ny).\n[SQL: SELECT 1]", "a\nDETAIL left out\n[SQL: SELECT 1]"),
        ("Key (phone)=(139) already exists.", "Key (phone)"),
        ("nothing of the database", "nothing of the database"),
    ],
)
def test_messages_that_cite_a_database_error_lose_the_values(given: str, kept: str) -> None:
    assert without_rows(given) == kept


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("13900002716", "139****2716"),
        ("call 139 0000 2716 now", "call 139****2716 now"),
        ("139-0000-2716", "139****2716"),
        ("+86 139 00002716", "+86 139****2716"),
        ("1 3 9 0 0 0 0 2 7 1 6", "1 3 9****2 7 1 6"),
        ("0571-8888 1234", "0571****1234"),
        ("010-88881234", "010****1234"),
        ("330102 19900101 123X", "330****123X"),
        ("330102199001011234", "330****1234"),
    ],
)
def test_numbers_are_masked_however_they_are_written(given: str, shown: str) -> None:
    assert logs.mask_numbers(given) == shown


@pytest.mark.parametrize("text", ["12345-20261118-00871", "2026-11-18 10:00:00", "8ed84c50-cc50-4e5e-946c-d1401a9cddf9", "port 48080"])
def test_ticket_numbers_and_times_stay_readable(text: str) -> None:
    assert logs.mask_numbers(text) == text
