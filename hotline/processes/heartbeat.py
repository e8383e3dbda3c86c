"""A process says that it lives: one row per worker, read by `/metrics` and `hotline doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects.postgresql import insert

from ticketing.conversation.models import Heartbeat

if TYPE_CHECKING:
    from hotline.assembly import Services


async def beat(services: Services, worker: str, role: str, **data: Any) -> None:
    """Write the present moment for `worker`."""
    values = {"role": role, "at": services.core.clock.now(), "data": data}
    async with services.database.transaction() as session:
        statement = insert(Heartbeat).values(worker=worker, **values)
        await session.execute(statement.on_conflict_do_update(index_elements=["worker"], set_=values))
