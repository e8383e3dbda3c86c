"""Who of the staff is told what about an article, by the inbox of `ticketing.supervision.notices`."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from knowledge.article.models import Article
from ticketing.context import Core
from ticketing.people.models import Role, User
from ticketing.supervision.notices import NewNotice, NoticeKind, give

CENTRE = (Role.EDITOR,)
UNIT = (Role.CLERK, Role.CHIEF)
CHIEFS = (Role.CHIEF,)


async def tell(
    core: Core, session: AsyncSession, article: Article, kind: NoticeKind, *, centre: tuple[Role, ...] = (), unit: tuple[Role, ...] = (),
    users: tuple[int | None, ...] = (), but: int | None = None, urgent: bool = False,
) -> int:  # fmt: skip
    """One message to the people of these roles, in the centre and in the article's unit, and to `users`; not to `but`, who did it."""
    statement = select(User.id).where(User.active, User.role.in_([role.value for role in centre]))
    found = set(await session.scalars(statement)) if centre else set()
    if unit and article.unit_id is not None:
        mine = select(User.id).where(User.active, User.unit_id == article.unit_id, User.role.in_([role.value for role in unit]))
        found |= set(await session.scalars(mine))
    found |= {user for user in users if user is not None}
    data = {"article": article.id, "name": article.title}
    return await give(core, session, [NewNotice(user, kind, urgent=urgent, data=data) for user in sorted(found - {but})])
