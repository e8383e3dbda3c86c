"""The unit tree: see, add, rename, switch off and on."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.pages import page, see_other
from channels.console.session import require_may
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE
from hotline.errors import Conflict, HotlineError, InvalidInput, NotFound
from hotline.i18n import _
from ticketing.people import units
from ticketing.people.models import Unit, User


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/units."""
    require_may(request, "units.manage")
    return await _respond(request)


async def add(request: web.Request) -> web.StreamResponse:
    """POST /console/units."""
    person = require_may(request, "units.manage")
    form = await request.post()
    entered = {name: str(form.get(name, "")).strip()[:60] for name in ("code", "name", "level", "parent")}
    try:
        async with request.app[DATABASE].transaction() as session:
            await units.add_unit(
                request.app[CORE],
                session,
                person.actor,
                code=entered["code"],
                name=entered["name"],
                level=whole_number(entered["level"]) or 0,
                parent_id=whole_number(entered["parent"]),
            )
    except (InvalidInput, Conflict) as problem:
        return await _respond(request, problem=problem, opened="add", entered=entered)
    return see_other(request, "/console/units", "unit_saved")


async def step(request: web.Request) -> web.StreamResponse:
    """POST /console/units/{id}/{rename|off|on}."""
    person, core = require_may(request, "units.manage"), request.app[CORE]
    unit_id, key = whole_number(request.match_info["id"]), request.match_info["step"]
    if unit_id is None:
        raise NotFound(_("没有找到这个单位"))
    name = str((await request.post()).get("name", ""))[:60]
    try:
        async with request.app[DATABASE].transaction() as session:
            if key == "rename":
                await units.rename_unit(core, session, person.actor, unit_id, name)
            else:
                await units.set_active(core, session, person.actor, unit_id, active=key == "on")
    except (InvalidInput, Conflict) as problem:
        return await _respond(request, problem=problem, opened=f"{key}-{unit_id}", entered={"name": name})
    return see_other(request, "/console/units", "unit_saved")


async def _respond(
    request: web.Request, *, problem: HotlineError | None = None, opened: str = "", entered: dict[str, str] | None = None
) -> web.Response:
    async with request.app[DATABASE].transaction() as session:
        rows = await _tree(session)
        counts = {row[0]: row[1] for row in await session.execute(_people_by_unit())}
    return page(
        request,
        "console/units.html",
        nav="accounts",
        status=problem.status if problem else 200,
        rows=rows,
        counts=counts,
        parents=[unit for unit, _depth in rows if unit.active and unit.level < 3],
        problem=str(problem) if problem else "",
        opened=opened,
        entered=entered or {},
    )


def _people_by_unit() -> Select[int | None, int]:
    return select(User.unit_id, func.count()).where(User.active).group_by(User.unit_id)


async def _tree(session: AsyncSession) -> list[tuple[Unit, int]]:
    """Every unit with its depth, children after their parent."""
    children: dict[int | None, list[Unit]] = {}
    for unit in await session.scalars(select(Unit).order_by(Unit.level, Unit.id)):
        children.setdefault(unit.parent_id, []).append(unit)
    rows: list[tuple[Unit, int]] = []

    def walk(parent: int | None, depth: int) -> None:
        for unit in children.get(parent, []):
            rows.append((unit, depth))
            walk(unit.id, depth + 1)

    walk(None, 0)
    return rows
