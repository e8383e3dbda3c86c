"""What can be imported. Each importer reads cells and calls the service that keeps the rules; nothing is decided here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import InvalidInput
from hotline.events import record
from hotline.i18n import _
from ticketing.calendar import changes as calendar_changes
from ticketing.calendar import versions
from ticketing.calendar.lists import Day, DayList
from ticketing.context import Core
from ticketing.deadline import changes as policy_changes
from ticketing.people import accounts, units
from ticketing.people.accounts import Account
from ticketing.people.actor import Actor
from ticketing.people.models import Role, Unit, User
from ticketing.tables.cells import day_of, flag
from ticketing.tables.exports import CALENDAR_COLUMNS, CATEGORY_COLUMNS, PEOPLE_COLUMNS, UNIT_COLUMNS
from ticketing.tables.imports import Change, Importer
from ticketing.tables.migration import TicketImporter
from ticketing.tables.reader import Line
from ticketing.tables.table import Column
from ticketing.taxonomy.models import Category


async def unit_by_code(session: AsyncSession, code: str, key: str) -> Unit:
    """The unit with this code (or exactly this name). Raises InvalidInput at the column `key`."""
    unit = (await session.scalars(select(Unit).where((Unit.code == code.lower()) | (Unit.name == code)))).first()
    if unit is None:
        raise InvalidInput(_("没有这个单位：{code}").format(code=code), field=key)
    return unit


@contextmanager
def noting(wrong: dict[str, str]) -> Iterator[None]:
    """What is wrong with a cell is noted in `wrong` by its column, and the next cell is looked at."""
    try:
        yield
    except InvalidInput as error:
        wrong.update(error.errors)


class UnitImporter(Importer):
    """Units, by code. The level of a unit that exists is not changed: its tickets and people hang on it."""

    kind, roles, columns, required = "units", (Role.ADMIN,), UNIT_COLUMNS, frozenset({"code", "name", "level"})

    async def take(self, core: Core, session: AsyncSession, actor: Actor, line: Line) -> tuple[Change, str]:
        """One unit."""
        cells = line.cells
        level = cells["level"]
        if level not in ("1", "2", "3"):
            raise InvalidInput(_("级别是1、2或3"), field="level")
        parent = await unit_by_code(session, cells["parent"], "parent") if cells.get("parent") else None
        active = flag(line, "active")
        unit = (await session.scalars(select(Unit).where(Unit.code == cells["code"].lower()))).first()
        if unit is None:
            made = await units.add_unit(
                core, session, actor, code=cells["code"], name=cells["name"], level=int(level), parent_id=parent.id if parent else None
            )
            if not active:
                await units.set_active(core, session, actor, made.id, active=False)
            return Change.NEW, ""
        if unit.level != int(level):
            raise InvalidInput(_("已有单位的级别不能通过导入修改"), field="level")
        if parent is not None and unit.parent_id != parent.id:
            raise InvalidInput(_("已有单位的上级不能通过导入修改"), field="parent")
        change = Change.SAME
        if unit.name != " ".join(cells["name"].split()):
            await units.rename_unit(core, session, actor, unit.id, cells["name"])
            change = Change.CHANGED
        if unit.active != active:
            await units.set_active(core, session, actor, unit.id, active=active)
            change = Change.CHANGED
        return change, ""


class PeopleImporter(Importer):
    """Accounts, by log-in. A new one gets a one-time password, which is shown once."""

    kind, roles, columns, required = "people", (Role.ADMIN,), PEOPLE_COLUMNS, frozenset({"login", "name", "staff_number", "role"})
    max_rows = 500
    """Each new password is hashed slowly on purpose."""

    async def take(self, core: Core, session: AsyncSession, actor: Actor, line: Line) -> tuple[Change, str]:
        """One account."""
        cells, wrong = line.cells, dict[str, str]()
        unit, role, active = None, Role.AGENT, True
        with noting(wrong):
            unit = await unit_by_code(session, cells["unit"], "unit") if cells.get("unit") else None
        with noting(wrong):
            role = _role(cells["role"])
        with noting(wrong):
            active = flag(line, "active")
        if wrong:
            raise InvalidInput(errors=wrong)
        account = Account(cells["login"], cells["name"], cells["staff_number"], role, unit.id if unit else None, cells.get("line") or None)
        user = (await session.scalars(select(User).where(User.login == account.login))).first()
        if user is None:
            made = await accounts.add_account(core, session, actor, account)
            if not active:
                await accounts.set_active(core, session, actor, made.user.id, active=False)
            return Change.NEW, made.password
        if user.staff_number != account.staff_number:
            raise InvalidInput(_("这个账号的工号是{number}，工号不能修改").format(number=user.staff_number), field="staff_number")
        change = Change.SAME
        if (user.name, user.role, user.unit_id, user.line) != (account.name, account.role.value, account.unit_id, account.line):
            await accounts.change_account(core, session, actor, user.id, account)
            change = Change.CHANGED
        if user.active != active:
            await accounts.set_active(core, session, actor, user.id, active=active)
            change = Change.CHANGED
        return change, ""


ROLE_WORDS = {
    "话务员": Role.AGENT, "派单员": Role.DISPATCHER, "经办人": Role.CLERK, "首席代表": Role.CHIEF, "督办": Role.SUPERVISOR,
    "回访员": Role.CALLBACK, "质检员": Role.QUALITY, "知识编辑": Role.EDITOR, "管理员": Role.ADMIN, "领导": Role.LEADER,
}  # fmt: skip


def _role(text: str) -> Role:
    if text in ROLE_WORDS:
        return ROLE_WORDS[text]
    try:
        return Role(text.lower())
    except ValueError:
        raise InvalidInput(_("没有这个岗位，可以填：{roles}").format(roles="、".join(ROLE_WORDS)), field="role") from None


class CategoryImporter(Importer):
    """Categories, by code."""

    kind, roles, columns, required = "categories", (Role.ADMIN,), CATEGORY_COLUMNS, frozenset({"code", "group_name", "name", "unit"})

    async def take(self, core: Core, session: AsyncSession, actor: Actor, line: Line) -> tuple[Change, str]:
        """One category."""
        cells = line.cells
        code = cells["code"].zfill(4)  # a spreadsheet makes 101 of 0101
        errors = {key: _("请填写") for key in ("group_name", "name") if not cells[key]}
        if not re.fullmatch(r"\d{4}", code):
            errors["code"] = _("类别代码是4位数字，前两位是大类")
        elif not errors and not cells["group_name"].startswith(code[:2]):
            errors["group_name"] = _("大类要以代码的前两位开头，例如“05 生态环境”")
        if errors:
            raise InvalidInput(errors=errors)
        unit = await unit_by_code(session, cells["unit"], "unit")
        wanted = {"group_name": cells["group_name"], "name": cells["name"], "unit_id": unit.id, "active": flag(line, "active")}
        if "keywords" in cells:
            wanted["keywords"] = " ".join(re.split(r"[\s,，、;；]+", cells["keywords"])).strip()
        category = await session.get(Category, code)
        before = {key: getattr(category, key) for key in wanted} if category else {}
        if category is not None and before == wanted:
            return Change.SAME, ""
        if category is None:
            session.add(Category(code=code, **wanted))
        else:
            for key, value in wanted.items():
                setattr(category, key, value)
        await session.flush()
        data = {key: [before.get(key), value] for key, value in wanted.items() if before.get(key) != value}
        await record(session, at=core.clock.now(), name="category.changed", subject="category", subject_id=code, who=actor.who, data=data)
        return (Change.CHANGED if category else Change.NEW), ""


class CalendarImporter(Importer):
    """Working days: the rows become one list, which `ticketing.calendar.changes` checks and writes as a whole."""

    kind, roles, columns, required = "calendar", (Role.ADMIN,), CALENDAR_COLUMNS, frozenset({"day", "is_work"})

    def __init__(self) -> None:
        self.list = DayList(source="file")
        self.known: dict[date, tuple[bool, str]] = {}
        self.changed = False

    async def begin(self, core: Core, session: AsyncSession, actor: Actor, lines: tuple[Line, ...]) -> None:
        """What the calendar says now."""
        from ticketing.calendar.models import CalendarDay

        rows = await session.execute(select(CalendarDay.day, CalendarDay.is_work, CalendarDay.name))
        self.known = {row.day: (row.is_work, row.name) for row in rows}

    async def take(self, core: Core, session: AsyncSession, actor: Actor, line: Line) -> tuple[Change, str]:
        """One day."""
        day = day_of(line.cells["day"], "day")
        if day in self.list.days:
            raise InvalidInput(_("这一天在文件里出现了两次"), field="day")
        text = line.cells["is_work"].lower()
        words = {"上班": True, "工作日": True, "1": True, "是": True, "true": True, "休息": False, "放假": False, "0": False, "否": False,
                 "false": False}  # fmt: skip
        if text not in words:
            raise InvalidInput(_("请填“是”（上班）或“否”（休息）"), field="is_work")
        found = Day(day, words[text], line.cells.get("name", "")[:30])
        self.list.days[day] = found
        before = self.known.get(day)
        if before is None:
            self.changed = True
            return Change.NEW, ""
        same = before[0] == found.is_work and (before[1] == found.name or not found.name)
        self.changed = self.changed or not same
        return (Change.SAME if same else Change.CHANGED), ""

    async def end(self, core: Core, session: AsyncSession, actor: Actor) -> None:
        """Write the list; the clocks are recomputed by the calendar's own job."""
        if self.changed:
            version = (await versions.current(session)).calendar
            await calendar_changes.apply(core, session, actor, self.list, base_version=version, note=_("表格导入"))


class PolicyImporter(Importer):
    """Deadline policies: each changed row becomes a proposal, which another administrator puts in force (D13)."""

    kind, roles = "policies", (Role.SUPERVISOR, Role.ADMIN)
    columns = (Column("key", "规则编号"), Column("document", "规则内容"), Column("reason", "修改理由"))
    required = frozenset({"key", "document", "reason"})
    max_rows = 200

    async def take(self, core: Core, session: AsyncSession, actor: Actor, line: Line) -> tuple[Change, str]:
        """One policy."""
        key = line.cells["key"]
        try:
            document: Any = json.loads(line.cells["document"])
        except (ValueError, RecursionError) as error:
            raise InvalidInput(_("规则内容不是JSON：{error}").format(error=str(error)[:100]), field="document") from error
        if not isinstance(document, dict):
            raise InvalidInput(_("规则内容应是JSON对象"), field="document")
        before = await policy_changes.in_force_document(session, key, core.clock.now())
        if before == document:
            return Change.SAME, ""
        await policy_changes.propose(core, session, actor, document, reason=line.cells["reason"], key=key)
        return (Change.CHANGED if before else Change.NEW), ""


IMPORTERS: dict[str, type[Importer]] = {
    "units": UnitImporter,
    "people": PeopleImporter,
    "categories": CategoryImporter,
    "calendar": CalendarImporter,
    "policies": PolicyImporter,
    "tickets": TicketImporter,
}
