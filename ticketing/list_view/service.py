"""Named filters and chosen columns of the person who acts. Nobody reads or changes somebody else's.

A view is a way back to a list, never a right: what it finds is asked of `ticketing.ticket.access` each time it is opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import InvalidInput, NotAllowed, NotFound
from hotline.i18n import _
from ticketing.context import Core
from ticketing.list_view.models import ListChoice
from ticketing.people.actor import Actor
from ticketing.ticket.queues import Queue

MOST = 20
"""Views of one person; nine of them have a key."""
MAX_NAME, MAX_FIELD, MAX_FIELDS, MAX_COLUMNS = 20, 100, 12, 12


@dataclass(frozen=True)
class View:
    """A named filter (常用筛选)."""

    id: int
    name: str
    queue: str
    fields: dict[str, str]
    """As the address of the list has them."""


@dataclass(frozen=True)
class Choices:
    """What one person chose."""

    views: tuple[View, ...] = ()
    default: View | None = None
    """What the list opens with."""
    columns: Mapping[str, tuple[str, ...]] | None = None
    """Queue -> columns; a queue that is missing shows the usual ones."""

    def columns_of(self, queue: str) -> tuple[str, ...] | None:
        """The columns of a queue; None: the usual ones."""
        return (self.columns or {}).get(queue)


async def choices_of(session: AsyncSession, actor: Actor) -> Choices:
    """One's own; nothing for who is no member of staff."""
    row = await session.get(ListChoice, actor.user_id) if actor.user_id is not None else None
    if row is None:
        return Choices()
    views = _views(row)
    columns = {queue: tuple(names) for queue, names in row.columns.items()}
    return Choices(tuple(views), next((view for view in views if view.id == row.default_view), None), columns)


async def save_view(core: Core, session: AsyncSession, actor: Actor, name: str, queue: Queue, fields: Mapping[str, str]) -> View:
    """Keep a filter under a name. Raises InvalidInput (no name, a name that is taken, nothing is filtered, too many)."""
    row = await _own(core, session, actor)
    views, kept = _views(row), {key: value for key, value in fields.items() if value}
    if not kept:
        raise InvalidInput(_("先选筛选条件，再存为常用筛选"), field="name")
    if len(kept) > MAX_FIELDS or any(len(value) > MAX_FIELD for value in kept.values()):
        raise InvalidInput(_("筛选条件太长"), field="name")
    if len(views) >= MOST:
        raise InvalidInput(_("常用筛选最多{n}个，请先删除不用的").format(n=MOST), field="name")
    view = View(row.next_id, _name(name, views), queue.value, kept)
    row.next_id += 1
    return await _keep(core, session, row, [*views, view], view)


async def rename_view(core: Core, session: AsyncSession, actor: Actor, view_id: int, name: str) -> View:
    """Give it another name. Raises NotFound, InvalidInput."""
    row = await _own(core, session, actor)
    views = _views(row)
    old = _found(views, view_id)
    new = replace(old, name=_name(name, [view for view in views if view is not old]))
    return await _keep(core, session, row, [new if view is old else view for view in views], new)


async def delete_view(core: Core, session: AsyncSession, actor: Actor, view_id: int) -> None:
    """Forget it; deleting twice is as deleting once."""
    row = await _own(core, session, actor)
    row.views = [view for view in row.views if view["id"] != view_id]
    if row.default_view == view_id:
        row.default_view = None
    row.changed_at = core.clock.now()
    await session.flush()


async def set_default(core: Core, session: AsyncSession, actor: Actor, view_id: int | None) -> None:
    """What the list opens with; None: the role's first queue again. Raises NotFound."""
    row = await _own(core, session, actor)
    if view_id is not None:
        _found(_views(row), view_id)
    row.default_view, row.changed_at = view_id, core.clock.now()
    await session.flush()


async def choose_columns(core: Core, session: AsyncSession, actor: Actor, queue: Queue, columns: Iterable[str]) -> None:
    """The columns of a queue in the order in which the list has them; none: the usual ones. Raises InvalidInput."""
    names = list(dict.fromkeys(columns))
    if len(names) > MAX_COLUMNS or any(not name.isidentifier() or len(name) > MAX_NAME for name in names):
        raise InvalidInput(_("没有这些列"), field="columns")
    row = await _own(core, session, actor)
    others = {key: value for key, value in row.columns.items() if key != queue.value}
    row.columns, row.changed_at = others | ({queue.value: names} if names else {}), core.clock.now()
    await session.flush()


async def _own(core: Core, session: AsyncSession, actor: Actor) -> ListChoice:
    """One's own row, locked: two browsers of one person lose nothing."""
    if actor.user_id is None or actor.role is None:
        raise NotAllowed(_("只有工作人员本人能设置自己的列表"))
    now = core.clock.now()
    await session.execute(insert(ListChoice).values(user_id=actor.user_id, changed_at=now).on_conflict_do_nothing())
    return await session.get_one(ListChoice, actor.user_id, with_for_update=True, populate_existing=True)


def _views(row: ListChoice) -> list[View]:
    return [View(**each) for each in row.views]


async def _keep(core: Core, session: AsyncSession, row: ListChoice, views: list[View], view: View) -> View:
    kept: list[dict[str, Any]] = [asdict(each) for each in views]
    row.views, row.changed_at = kept, core.clock.now()
    await session.flush()
    return view


def _found(views: list[View], view_id: int) -> View:
    view = next((each for each in views if each.id == view_id), None)
    if view is None:
        raise NotFound(_("没有找到这个常用筛选"))
    return view


def _name(name: str, others: list[View]) -> str:
    found = " ".join(name.split())
    if not found or len(found) > MAX_NAME or not found.isprintable():
        raise InvalidInput(_("请起一个1到{n}个字的名字").format(n=MAX_NAME), field="name")
    if any(view.name == found for view in others):
        raise InvalidInput(_("已经有叫“{name}”的常用筛选").format(name=found), field="name")
    return found


__all__ = ["MOST", "Choices", "View", "choices_of", "choose_columns", "delete_view", "rename_view", "save_view", "set_default"]
