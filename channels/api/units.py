"""Keeping the unit tree and the lines. `GET /units` is reference data; what stands here is for administrators."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from channels.api.call import Answer, Call, Operation
from channels.api.models import Id, Sent, Switch, Told, text
from channels.api.reference import UnitOut
from ticketing.people import lines as line_service
from ticketing.people import units as unit_service
from ticketing.people.models import Line, Unit
from ticketing.people.permissions import ensure

TAG = "单位与线路"
LineNumber = Annotated[str, Field(pattern=r"^[0-9]{3,8}$")]


class NewUnit(Sent):
    """A unit of the tree."""

    code: Annotated[str, text(1, 40, "小写字母、数字和连字符")]
    name: Annotated[str, text(2, 40)]
    level: Annotated[int, Field(ge=1, le=3, description="1热线中心，2部门、区县，3街道、乡镇")] = 2
    parent_id: Annotated[Id | None, Field(description="上级单位，级别要更高；三级单位要有")] = None


class UnitName(Sent):
    """Another name."""

    name: Annotated[str, text(2, 40)]


class LineFields(Sent):
    """What may be changed of a line."""

    name: Annotated[str, text(2, 30)]
    greeting: Annotated[str, text(0, 60, "来电首先听到的话；不填用全市的")] = ""
    aliases: Annotated[list[Annotated[str, Field(pattern=r"^[0-9]{3,12}$")]], Field(max_length=20, default_factory=list)]


class NewLine(LineFields):
    """A line."""

    number: LineNumber


class LineOut(Told):
    """A number that citizens dial."""

    number: str
    name: str
    greeting: str
    aliases: list[str]
    active: bool


class Lines(Told):
    """All lines."""

    items: list[LineOut]


def _unit(unit: Unit) -> UnitOut:
    return UnitOut(id=unit.id, code=unit.code, name=unit.name, parent_id=unit.parent_id, level=unit.level, active=unit.active)


async def add_unit(call: Call) -> Answer:
    """A new unit."""
    sent = call.sent(NewUnit)
    unit = await unit_service.add_unit(
        call.core, call.session, call.actor, code=sent.code, name=sent.name, level=sent.level, parent_id=sent.parent_id
    )
    return Answer(_unit(unit), 201)


async def rename_unit(call: Call) -> UnitOut:
    """Another name; the old one stays in the event."""
    await unit_service.rename_unit(call.core, call.session, call.actor, call.id(), call.sent(UnitName).name)
    return _unit(await call.session.get_one(Unit, call.id()))


async def switch_unit(call: Call) -> UnitOut:
    """Off or on."""
    await unit_service.set_active(call.core, call.session, call.actor, call.id(), active=call.sent(Switch).active)
    return _unit(await call.session.get_one(Unit, call.id()))


async def list_lines(call: Call) -> Lines:
    """All lines with their aliases."""
    ensure(call.actor, "lines.manage")
    others = await line_service.aliases(call.session)
    return Lines(items=[_line(line, others) for line in await line_service.all_lines(call.session)])


def _line(line: Line, others: dict[str, list[str]]) -> LineOut:
    return LineOut(number=line.number, name=line.name, greeting=line.greeting, aliases=others.get(line.number, []), active=line.active)


async def add_line(call: Call) -> Answer:
    """A new line."""
    sent = call.sent(NewLine)
    return Answer(await _save(call, sent.number, sent, new=True), 201)


async def change_line(call: Call) -> LineOut:
    """Another name, greeting, aliases."""
    return await _save(call, call.part("line"), call.sent(LineFields), new=False)


async def _save(call: Call, number: str, sent: LineFields, *, new: bool) -> LineOut:
    line = await line_service.save_line(
        call.core, call.session, call.actor, number, name=sent.name, greeting=sent.greeting, aliases=sent.aliases, new=new
    )
    return _line(line, await line_service.aliases(call.session))


async def switch_line(call: Call) -> LineOut:
    """Off or on."""
    number = call.part("line")
    await line_service.switch_line(call.core, call.session, call.actor, number, active=call.sent(Switch).active)
    return _line(await call.session.get_one(Line, number), await line_service.aliases(call.session))


OPERATIONS = (
    Operation("POST", "/units", add_unit, "addUnit", TAG, "新建单位", answer=UnitOut, body=NewUnit, status=201),
    Operation("PATCH", "/units/{id}", rename_unit, "renameUnit", TAG, "单位改名", answer=UnitOut, body=UnitName),
    Operation("POST", "/units/{id}/switch", switch_unit, "switchUnit", TAG, "停用或启用单位", answer=UnitOut, body=Switch),
    Operation("GET", "/lines", list_lines, "listLines", TAG, "线路", answer=Lines),
    Operation("POST", "/lines", add_line, "addLine", TAG, "新建线路", answer=LineOut, body=NewLine, status=201),
    Operation("PUT", "/lines/{line}", change_line, "changeLine", TAG, "修改线路", answer=LineOut, body=LineFields),
    Operation("POST", "/lines/{line}/switch", switch_line, "switchLine", TAG, "停用或启用线路", answer=LineOut, body=Switch),
)
