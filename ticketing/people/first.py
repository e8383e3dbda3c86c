"""The first administrator of an installation: somebody has to be there before anybody can add others."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import Conflict
from hotline.i18n import _
from ticketing.context import Core
from ticketing.people import accounts, units
from ticketing.people.accounts import Account, Made
from ticketing.people.actor import SYSTEM
from ticketing.people.models import Role, Unit, User

CENTRE = "centre"
"""Code of the unit that is made when there is none."""
_INSTALLER = replace(SYSTEM, label="安装", role=Role.ADMIN)


async def first_administrator(core: Core, session: AsyncSession, *, login: str, name: str, staff_number: str, centre: str) -> Made:
    """An administrator with a one-time password, in the hotline centre; both are events like any other account and unit.

    Only while no administrator's account is active: whoever can run this on the server may let the city in again, and nobody gets
    a second way in by it.

    Args:
        centre: name of the hotline centre, made when no unit of level 1 is active.

    Raises Conflict when there is an administrator, or the log-in, number or name is taken; InvalidInput by field.
    """
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("hotline first administrator", 0))))
    there = await session.scalar(select(User.login).where(User.role == Role.ADMIN.value, User.active).limit(1))
    if there is not None:
        raise Conflict(_("已经有管理员（{login}），请由管理员在“人员”页添加账号").format(login=there))
    unit_id = await session.scalar(select(Unit.id).where(Unit.level == 1, Unit.active).order_by(Unit.id).limit(1))
    if unit_id is None:
        unit_id = (await units.add_unit(core, session, _INSTALLER, code=CENTRE, name=centre, level=1, parent_id=None)).id
    return await accounts.add_account(core, session, _INSTALLER, Account(login, name, staff_number, Role.ADMIN, unit_id))
