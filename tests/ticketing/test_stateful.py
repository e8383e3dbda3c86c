"""Random people do random things to a few tickets while time passes; the invariants hold after each step (domain.md 4a).

In every run the same lives, so that CI is no lottery. With HOTLINE_LONG_TESTS=1 others each time, for a few minutes; the seed is
printed, and HOTLINE_SEED plays it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections import Counter, defaultdict
from collections.abc import Coroutine
from datetime import datetime
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select

from hotline.clock import ManualClock
from hotline.database import Database
from hotline.errors import HotlineError
from hotline.events import Event, body_digest, link_digest
from tests.databases import TEMPLATE, Databases
from tests.ticketing.conftest import City, settle
from tests.ticketing.life import ACTIONS, LIKELY, STORIES, attempt
from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.audit import seal
from ticketing.audit.verify import verify
from ticketing.callback.models import CallbackTask
from ticketing.context import Core
from ticketing.deadline.models import Deadline
from ticketing.people.actor import Actor, citizen_actor, staff_actor
from ticketing.people.models import Line, Role, User
from ticketing.relation.models import Investigation
from ticketing.request.models import Request
from ticketing.supervision import sweep
from ticketing.supervision.models import Card
from ticketing.ticket.models import Ticket
from ticketing.ticket.service import Appeal, register
from ticketing.ticket.states import Channel, Confidentiality, Kind, TicketState, Urgency

pytestmark = pytest.mark.slow
T = TypeVar("T")
CLOCKS: dict[str, set[str]] = {
    "registered": {"dispatch"},
    "to_dispatch": {"dispatch"},
    "reply_review": {"review"},
    "callback": {"callback"},
    "answered": {"evaluation"},
    "rejected": {"objection"},
    "disputed": {"dispute"},
    "suspended": {"suspension"},
    "need_info": {"supplement", "dispatch"},
    "emergency_out": {"follow_up"},
}
"""Of these clocks one must run or be paused in that state."""
LONG = bool(os.environ.get("HOTLINE_LONG_TESTS"))
SEED = int(os.environ.get("HOTLINE_SEED") or (random.randrange(1 << 30) if LONG else 1))
PRAISE = "P-PRAISE"
"""domain.md 4c: signed within a day; nothing to handle or call back by a date. Its review has the centre's own limit (0243)."""
LINE = "12350"
"""A line with people of its own, who see its tickets only."""
NAMED = ("dispatcher", "clerk", "chief", "supervisor", "callback", "leader")
"""Who is named on a secret ticket."""
ENDED = {"closed", "archived", "merged", "withdrawn", "invalid"}


class Lives(RuleBasedStateMachine):
    """A city with a few tickets. The databases are given by the test below."""

    databases: Databases
    core: Core
    clock: ManualClock
    start: datetime
    done: Counter[str]
    """Over all lives: which actions succeeded."""
    reached: Counter[str]
    """And which states were seen."""
    kinds: Counter[tuple[str, ...]]
    """And of which kinds tickets were."""
    seed = 0
    """Of the dice; the lives of one seed are the same each time."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.dice = random.Random(f"{self.seed} {sum(self.reached.values())}")
        self.cards: dict[int, tuple[int, str]] = {}
        self.open = contextlib.AsyncExitStack()
        self.clock.set(self.start)
        database = self.do(self.open.enter_async_context(self.databases.fresh(TEMPLATE, self.core.vault)))
        self.city: City = self.do(settle(self.core, database, self.clock))
        self.do(_open_line(self.city))
        self.numbers: list[str] = []
        for _each in range(3):
            self.register()

    def do(self, what: Coroutine[Any, Any, T]) -> T:
        """Run on the machine's own loop."""
        return self.runner.run(what)

    def register(self) -> None:
        """One more appeal, of any kind, urgency and confidentiality, by a citizen or by somebody of the other line."""
        dice = self.dice
        kind, urgency = dice.choice([*Kind, Kind.COMPLAINT]), dice.choice([*Urgency, Urgency.NORMAL])
        secrecy = dice.choice([*Confidentiality, Confidentiality.MASKED, Confidentiality.MASKED])
        named = tuple(self.city.people[login].account for login in NAMED) if secrecy is Confidentiality.SECRET else ()
        by = self.city.people["line_agent"] if dice.random() < 0.2 and not named else citizen_actor()
        appeal = Appeal(
            channel=Channel.WEB if by.user_id is None else Channel.STAFF, content="江畔花园北门工地夜间施工，影响休息", kind=kind,
            category_code="0501", urgency=urgency, confidentiality=secrecy, district="全市", address="滨河路", name="周女士",
            phone="13900002716", named_user_ids=named,
        )  # fmt: skip
        ticket = self.do(_register(self.city, by, appeal))
        self.numbers.append(ticket.number)
        self.kinds.update([("kind", ticket.kind), ("urgency", ticket.urgency), ("secrecy", ticket.confidentiality), ("line", ticket.line)])

    def teardown(self) -> None:
        """The whole log, sealed, is verified; then the database goes."""
        self.do(_log_is_whole(self.city))
        self.do(self.open.aclose())
        self.runner.close()

    def attempt(self, who: str, what: str, number: str) -> bool:
        """Try it: it works, or a typed error says why not; nothing else may come out."""
        actor = citizen_actor() if who == "citizen" else self.city.people[who]
        other = self.numbers[(self.numbers.index(number) + 1) % len(self.numbers)]
        try:
            self.do(attempt(self.city, actor, what, number, other))
        except HotlineError:
            return False
        self.done[what] += 1
        return True

    @rule(steps=st.integers(6, 16))
    def goes_on(self, steps: int) -> None:
        """A ticket takes a few of the steps that usually come next: the first that works, in random order.

        Which, our own dice say: hypothesis prefers small numbers, and would open and rule disputes all day.
        """
        for _step in range(steps):
            number = self.dice.choice(self.numbers)
            usual = LIKELY.get(self.do(_state(self.city.database, number)), [])
            for who, what in self.dice.sample(usual, len(usual)):
                if self.attempt(who, what, number):
                    break

    @rule(which=st.sampled_from(sorted(STORIES)))
    def story(self, which: str) -> None:
        """Steps of several people in a row, on the first ticket on which they can begin."""
        (who, what), *rest = STORIES[which]
        for number in self.dice.sample(self.numbers, len(self.numbers)):
            if self.attempt(who, what, number):
                for person, step in rest:
                    self.attempt(person, step, number)
                return

    @rule(data=st.data(), what=st.sampled_from(sorted(ACTIONS)))
    def anything(self, data: st.DataObject, what: str) -> None:
        """Anybody tries anything."""
        who = data.draw(st.sampled_from([*sorted(self.city.people), "citizen"]))
        self.attempt(who, what, data.draw(st.sampled_from(self.numbers)))

    @rule(hours=st.sampled_from([1, 4, 24, 72, 200]))
    def time_passes(self, hours: int) -> None:
        """Clocks come due: reminders, cards, windows."""
        self.clock.advance(hours=hours)
        self.do(sweep.run(self.city.core, self.city.database))

    @precondition(lambda self: len(self.numbers) < 9)
    @rule()
    def somebody_else_calls(self) -> None:
        """One more appeal."""
        self.register()

    @invariant()
    def everything_holds(self) -> None:
        """All invariants at once: one reading of the database a step."""
        self.reached.update(self.do(_check(self.city.database, self.numbers)))
        now = self.do(_cards(self.city.database))
        lost = {number for number, facts in self.cards.items() if now.get(number) != facts}
        assert lost == set(), "a card vanished or became another"
        self.cards = now


async def _open_line(city: City) -> None:
    """A second line, with an agent, a dispatcher and a supervisor of its own."""
    async with city.database.transaction() as session:
        session.add(Line(number=LINE, name="价格投诉", greeting="", active=True))
        await session.flush()
        for number, role in enumerate((Role.AGENT, Role.DISPATCHER, Role.SUPERVISOR), 2001):
            login = f"line_{role.value}"
            user = User(login=login, name=login, staff_number=str(number), role=role.value, line=LINE, password_hash="x")
            user.unit_id = city.units["centre"]
            session.add(user)
            await session.flush()
            city.people[login] = staff_actor(user)


async def _register(city: City, by: Actor, appeal: Appeal) -> Ticket:
    async with city.database.transaction() as session:
        return (await register(city.core, session, by, appeal)).ticket


async def _log_is_whole(city: City) -> None:
    await seal.run(city.core, city.database, patience_s=0)
    verdict = await verify(city.database)
    assert verdict.whole, verdict.broken
    assert verdict.events > 0


async def _cards(database: Database) -> dict[int, tuple[int, str]]:
    """Every card that ever was given: of which ticket, and its colour."""
    async with database.transaction() as session:
        return {card.id: (card.ticket_id, card.colour) for card in await session.scalars(select(Card))}


async def _state(database: Database, number: str) -> str:
    async with database.transaction() as session:
        return str(await session.scalar(select(Ticket.state).where(Ticket.number == number)))


async def _check(database: Database, numbers: list[str]) -> set[str]:
    async with database.transaction() as session:
        tickets = {ticket.id: ticket for ticket in await session.scalars(select(Ticket))}
        clocks: dict[int, list[Deadline]] = defaultdict(list)
        for clock in await session.scalars(select(Deadline)):
            clocks[clock.ticket_id].append(clock)
        parts: dict[int, list[Assignment]] = defaultdict(list)
        for part in await session.scalars(select(Assignment)):
            parts[part.ticket_id].append(part)
        events: dict[int, list[Event]] = defaultdict(list)
        for event in await session.scalars(select(Event).where(Event.subject == "ticket").order_by(Event.seq)):
            events[int(event.subject_id)].append(event)
        waiting = set(await session.scalars(select(Request.ticket_id).where(Request.state == "pending")))
        calling = set(await session.scalars(select(CallbackTask.ticket_id).where(CallbackTask.state == "open")))
        searched = set(await session.scalars(select(Investigation.ticket_id).where(Investigation.concluded_at.is_(None))))
    assert {ticket.number for ticket in tickets.values()} == set(numbers), "a ticket was lost"
    for ticket in tickets.values():
        try:
            _clocks_fit(ticket, clocks[ticket.id])
            _parts_fit(ticket, parts[ticket.id], clocks[ticket.id], investigated=ticket.id in searched)
            _replay(ticket, events[ticket.id])
        except AssertionError as error:
            facts = (ticket.number, ticket.kind, ticket.urgency, ticket.confidentiality, ticket.dispatch_mode, ticket.policy_key)
            error.add_note(f"{facts}: " + " ".join(f"{event.name}/{event.actor_label}" for event in events[ticket.id]))
            raise
        if ticket.state in ("closed", "archived"):
            assert ticket.satisfaction or ticket.no_callback_reason, "closed without feedback"
        assert (ticket.id in calling) <= (ticket.state in ("callback", "closed", "answered")), (ticket.state, "a callback waits")
        if ticket.state in ENDED:
            assert ticket.id not in waiting, (ticket.state, "a request waits on an ended ticket")
        if ticket.master_id is not None and ticket.state == "merged":
            assert tickets[ticket.master_id].state != "merged", "a chain of masters"
    return {ticket.state for ticket in tickets.values()}


def _clocks_fit(ticket: Ticket, clocks: list[Deadline]) -> None:
    """No state without its clocks, no clock without its state."""
    alive = {clock.kind for clock in clocks if clock.state in ("running", "paused")}
    if ticket.state in ENDED:
        assert alive == set(), (ticket.state, alive)
    wanted = CLOCKS.get(ticket.state)
    if ticket.policy_key == PRAISE and ticket.state == "callback":
        wanted = None  # nobody is called; the citizen may rate until the task's `skip_at`
    assert not wanted or wanted & alive, (ticket.state, alive)
    if ticket.state == "suspended":
        assert {clock.state for clock in clocks if clock.kind == "handle"} & {"running"} == set()


def _parts_fit(ticket: Ticket, parts: list[Assignment], clocks: list[Deadline], *, investigated: bool) -> None:
    """One lead; whoever owes something has a handle clock; nothing is owed on a ticket that is over."""
    current = [part for part in parts if part.state not in ("returned", "cancelled")]
    owing = [part for part in current if AssignmentState(part.state).is_open]
    assert sum(part.lead for part in current) <= 1
    if ticket.state in ENDED or ticket.state in ("registered", "to_dispatch", "reply_review", "callback"):
        assert owing == [], (ticket.state, [part.state for part in owing])
    if ticket.state in ("in_progress", "disputed", "suspended"):
        answered = any(part.state == "replied" for part in current)
        assert owing or (investigated and answered) or ticket.state == "disputed", (ticket.state, "nobody works on it")
        if not owing and ticket.state == "in_progress":  # the findings are owed
            assert any(clock.kind == "review" and clock.state == "running" for clock in clocks), "nobody is reminded of the findings"
        handled = {clock.assignment_id for clock in clocks if clock.kind == "handle" and clock.state in ("running", "paused")}
        assert ticket.policy_key == PRAISE or {part.id for part in owing} <= handled, "a unit without a handling clock"


def _replay(ticket: Ticket, events: list[Event]) -> None:
    """The events alone lead to the state, without a gap, and their chain is whole."""
    state, previous = TicketState.REGISTERED.value, ""
    assert events[0].name == "ticket.registered"
    for number, event in enumerate(events, 1):
        assert (event.seq, event.previous_hash) == (number, previous)
        assert event.hash == link_digest(previous, event.seq, body_digest({**vars(event), "data": event.stored}))
        previous = event.hash
        if "to" in event.stored:
            assert event.stored["from"] == state, (event.name, event.stored, state)
            state = event.stored["to"]
    assert state == ticket.state


def test_random_lives_keep_the_invariants(databases: Databases, core: Core, clock: ManualClock) -> None:
    """Not shrunk, which takes minutes: set `phases` to find the shortest."""

    class Machine(Lives):
        pass

    number = SEED
    print(f"HOTLINE_SEED={number}")  # noqa: T201 - shown with a failure, to play it again
    Machine.databases, Machine.core, Machine.clock, Machine.start = databases, core, clock, clock.now()
    Machine.done, Machine.reached, Machine.kinds, Machine.seed = Counter(), Counter(), Counter(), number
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    how = settings(
        max_examples=60 if LONG else 12, stateful_step_count=60 if LONG else 40, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=checks,
    )  # fmt: skip
    run_state_machine_as_test(seed(number)(Machine), settings=how)
    unseen = {state.value for state in TicketState} - {"draft", "archived"} - set(Machine.reached)
    assert unseen == set(), "the random lives are too short to prove anything about these states"
    assert len(Machine.done) > len(ACTIONS) * 0.75, sorted(set(ACTIONS) - set(Machine.done))
    wanted = (
        {("kind", kind) for kind in Kind} | {("urgency", urgency) for urgency in Urgency} | {("line", line) for line in (core.line, LINE)}
    )
    assert wanted | {("secrecy", each) for each in Confidentiality} <= set(Machine.kinds), Machine.kinds
