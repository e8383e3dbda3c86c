"""`hotline import` and `hotline export` on a database of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from hotline.assembly import make_database
from hotline.commands.tables import export_file, import_file
from hotline.errors import InvalidInput, NotFound
from hotline.settings import Settings
from tests.databases import TEMPLATE, Databases
from ticketing.people.models import Role, Unit, User

UNITS = "单位代码,单位名称,级别\nparks,市园林绿化局,2\n"


@pytest.fixture
def installation(databases: Databases, settings: Settings) -> Iterator[Settings]:
    name = f"test_{uuid4().hex}"
    server = databases.server
    server.create_database(name, template=TEMPLATE)
    found = settings.model_copy(update={"database_url": server.url(name)})
    asyncio.run(_administrator(found))
    yield found
    server.psql(f'DROP DATABASE "{name}" WITH (FORCE)')


async def _administrator(settings: Settings) -> None:
    database = make_database(settings)
    async with database.transaction() as session:
        centre = Unit(code="centre", name="市12345热线中心", level=1)
        session.add(centre)
        await session.flush()
        session.add(User(login="root1", name="管理员", staff_number="1", role=Role.ADMIN.value, unit_id=centre.id, password_hash="-"))
    await database.close()


def test_a_dry_run_writes_nothing_and_an_import_does(installation: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "units.csv"
    file.write_text(UNITS, encoding="gb18030")
    assert import_file(installation, "units", file, dry_run=True) == 0
    assert "nothing written: 1 new" in capsys.readouterr().out
    assert import_file(installation, "units", file, dry_run=False) == 0
    assert import_file(installation, "units", file, dry_run=False) == 0
    assert "imported: 0 new, 0 changed, 1 same" in capsys.readouterr().out
    out = tmp_path / "out.xlsx"
    export_file(installation, "units", out)
    assert "2 rows" in capsys.readouterr().out
    assert import_file(installation, "units", out, dry_run=True) == 0


def test_faulty_rows_are_named_and_the_exit_code_says(installation: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "units.csv"
    file.write_text(UNITS + "x y,坏代码局,2\n", encoding="utf-8")
    assert import_file(installation, "units", file, dry_run=False) == 1
    told = capsys.readouterr().out
    assert "line 3, code:" in told
    assert "nothing written" in told


def test_the_password_of_a_new_account_is_printed_once(installation: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "people.csv"
    file.write_text("账号,姓名,工号,岗位,单位代码\nli4,李四,2002,督办,centre\n", encoding="utf-8")
    assert import_file(installation, "people", file, dry_run=False) == 0
    assert "one-time password of li4: " in capsys.readouterr().out


def test_what_cannot_be_done_is_said(installation: Settings, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no such table"):
        export_file(installation, "moods", tmp_path / "a.csv")
    with pytest.raises(InvalidInput, match=r"\.xlsx or \.csv"):
        export_file(installation, "units", tmp_path / "a.pdf")
    with pytest.raises(NotFound):
        export_file(installation, "units", tmp_path / "a.csv", login="nobody")
