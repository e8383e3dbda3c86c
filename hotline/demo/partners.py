"""Who is told of events in the demo city: a screen that answers, a system that is gone, and 市供水集团, which takes its tickets.

Played after the month, when its events are in the log: the real sender really calls the addresses, on a clock that is moved
from pause to pause. So what is delivered was delivered, and what was given up had its ten tries.
"""

from __future__ import annotations

import socket
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import func, select

from channels.hooks import deliver
from hotline.assembly import Services
from hotline.clock import ManualClock
from hotline.demo.neighbour import HOST, SCREEN, TICKETS, Known, Neighbour
from hotline.events import Event, Outbox
from ticketing.access_token import service as tokens
from ticketing.access_token.models import TokenScope
from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.exchange import service as exchange
from ticketing.people.actor import Actor, staff_actor
from ticketing.people.models import Unit, User
from ticketing.webhook import service as webhooks

UNIT = "water"
GONE = f"http://{HOST}:9/events"
"""Port 9 is the discard service, which nobody runs: the connection is refused."""
LONG_AGO = timedelta(hours=20)
"""All tries together take some sixteen hours, at most twenty."""
GIVEN_UP = 5
RECENT = 200
"""Among so many of the newest parts those are looked for that nobody has signed yet."""
TOLD = ("ticket.dispatched", "ticket.closed")


async def introduce(services: Services, now: datetime) -> None:
    """Register the three and let the time up to `now` pass. What they know goes to the data folder."""
    clock = ManualClock(now)
    allowed = services.settings.model_copy(update={"webhook_private_hosts": (HOST,)})
    played = Services(allowed, replace(services.core, clock=clock), services.database)
    known = Known(_free_port(), {})
    async with Neighbour(known, clock, known.waiting.append).listening():
        await _tell(played, clock, known, now)
        await _until(played, clock, now)
        await _connect(played, clock, known, now)
        await _until(played, clock, now)
    known.write(services.settings.data_dir)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


async def _person(services: Services, login: str) -> Actor:
    async with services.database.transaction() as session:
        return staff_actor((await session.scalars(select(User).where(User.login == login))).one())


async def _tell(services: Services, clock: ManualClock, known: Known, now: datetime) -> None:
    """Two addresses since shortly before the last closings that lie long enough ago, and a delivery for each event since."""
    admin = await _person(services, "admin")
    async with services.database.transaction() as session:
        closed = select(Event.at).where(Event.name == "ticket.closed", Event.at < now - LONG_AGO)
        last = list(await session.scalars(closed.order_by(Event.at.desc()).limit(GIVEN_UP)))
        start = (last[-1] if last else now - LONG_AGO) - timedelta(minutes=5)
        clock.set(start)
        for name, url, events in (
            ("市城市运行中心大屏", f"http://{HOST}:{known.port}{SCREEN}", list(TOLD)),
            ("市融媒体中心（旧地址）", GONE, ["ticket.closed"]),
        ):
            made = await webhooks.subscribe(services.core, session, admin, name=name, url=url, events=events, allowed_hosts=(HOST,))
            if url != GONE:
                known.secrets[SCREEN] = made.secret
        since = select(Event).where(Event.name.in_(TOLD), Event.at >= start).order_by(Event.at, Event.id)
        for event in list(await session.scalars(since)):
            clock.set(event.at)
            await webhooks.fan_out(services.core, session, [event])
    clock.set(start)


async def _connect(services: Services, clock: ManualClock, known: Known, now: datetime) -> None:
    """The unit's system is connected now: what it has not signed yet is pushed at once, and a token lets it answer."""
    clock.set(now)
    admin, clerk = await _person(services, "admin"), await _person(services, f"clerk-{UNIT}")
    async with services.database.transaction() as session:
        unit_id = (await session.scalars(select(Unit.id).where(Unit.code == UNIT))).one()
        url = f"http://{HOST}:{known.port}{TICKETS}"
        made = await exchange.add_partner(
            services.core, session, admin, unit_id=unit_id, name="供水调度系统", url=url, allowed_hosts=(HOST,)
        )
        known.secrets[TICKETS] = made.secret
        known.token = (await tokens.issue(services.core, session, clerk, name="供水调度系统回传", scope=TokenScope.WRITE, days=90)).text
        mine = select(Assignment.id).where(Assignment.unit_id == unit_id, Assignment.state == AssignmentState.ASSIGNED.value)
        in_hand = set(await session.scalars(mine))
        given = select(Event).where(Event.name == "assignment.created").order_by(Event.id.desc()).limit(RECENT)
        events = [event for event in await session.scalars(given) if event.stored.get("assignment") in in_hand]
        await exchange.push_new(services.core, session, events[::-1])


async def _until(services: Services, clock: ManualClock, now: datetime) -> None:
    """The scheduler's tick at each moment at which something is to be sent."""
    waiting = select(func.min(Outbox.not_before)).where(Outbox.state == "waiting", Outbox.channel.in_(deliver.CHANNELS))
    while True:
        async with services.database.transaction() as session:
            due = await session.scalar(waiting)
        if due is None or due > now:
            break
        clock.set(max(due, clock.now()))
        await deliver.run(services)
    clock.set(now)
