"""`hotline telephones` on a database of its own, and `hotline drain` without a running service."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from hotline.assembly import make_database
from hotline.cli import app
from hotline.commands.serve import drain
from hotline.errors import NotFound
from hotline.processes.postgres import PrivatePostgres
from hotline.settings import Settings
from tests.databases import TEMPLATE, Databases
from ticketing.people.models import Role, Unit, User
from ticketing.sip_account.service import ha1


@pytest.fixture
def installation(databases: Databases, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a database with an administrator (1) and an agent; the command line finds it."""
    name = f"test_{uuid4().hex}"
    server = databases.server
    server.create_database(name, template=TEMPLATE)
    found = settings.model_copy(update={"database_url": server.url(name)})
    asyncio.run(_people(found))
    monkeypatch.setattr("hotline.commands.environment.find_settings", lambda: found)
    yield name
    server.psql(f'DROP DATABASE "{name}" WITH (FORCE)')


async def _people(settings: Settings) -> None:
    database = make_database(settings)
    async with database.transaction() as session:
        centre = Unit(code="centre", name="市12345热线中心", level=1)
        session.add(centre)
        await session.flush()
        for number, (login, role) in enumerate((("root1", Role.ADMIN), ("agent1", Role.AGENT)), 1):
            person = {"login": login, "name": login, "staff_number": str(number), "role": role.value}
            session.add(User(**person, unit_id=centre.id, password_hash="-"))
    await database.close()


def run(*words: str) -> str:
    done = CliRunner().invoke(app, ["telephones", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_telephone_is_given_listed_and_taken(server: PrivatePostgres, installation: str) -> None:
    given = run("give", "agent1", "2001", "--by", "1")
    password = given.partition("password ")[2].partition(",")[0]
    assert given.startswith("user name 2001, ")
    assert server.psql("SELECT ha1 FROM sip_subscriber", installation).stdout.strip() == ha1("2001", password)
    assert run("list", "--by", "1") == "2001  agent1  agent1\n"
    run("take", "agent1", "--by", "1")
    assert run("list", "--by", "1") == ""


def test_who_is_unknown_is_said(installation: str) -> None:
    assert installation
    with pytest.raises(NotFound, match="no account nobody"):
        run("give", "nobody", "2001", "--by", "1")
    with pytest.raises(NotFound, match="staff number 9"):
        run("list", "--by", "9")


@pytest.mark.parametrize("name", ["telephony", "telephony-2", "web"])
def test_only_telephony_processes_that_run_are_drained(settings: Settings, name: str) -> None:
    with pytest.raises(NotFound, match=f"no process {name}"):
        drain(settings, name)
