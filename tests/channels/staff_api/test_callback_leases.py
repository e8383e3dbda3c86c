"""A robot of another maker calls citizens by the API; an agent's own state; who waits."""

from __future__ import annotations

from uuid import uuid4

from sqlalchemy import select, update

from hotline.events import Event
from tests.channels.console.test_callbacks import state_of, to_callback
from tests.channels.console.test_queue import at_desk, caller
from tests.channels.staff import City
from tests.channels.staff_api.conftest import Programs
from ticketing.callback.models import CallbackTask, Plan
from ticketing.people.models import Line, User

ANSWERS = {"contacted": "yes", "solved": "yes", "attitude": "good", "satisfaction": "satisfied"}


async def for_robot(city: City) -> str:
    number = await to_callback(city)
    async with city.database.transaction() as session:
        await session.execute(update(CallbackTask).values(plan=Plan.ROBOT.value, next_attempt_at=city.clock.now()))
    return number


async def test_a_machine_claims_calls_and_records(city: City, program: Programs) -> None:
    number = await for_robot(city)
    machine = await program("callback")
    task = (await machine.post("/callback-leases", {}))["task"]
    assert (task["number"], task["phone"], task["round"]) == (number, "13900002716", 1)
    assert {"solved", "satisfaction"} <= {question["key"] for question in task["questions"]}
    assert await machine.post("/callback-leases", {}) == {"task": None}  # nobody else gets it
    path = f"/callback-leases/{task['lease']}"
    assert await machine.post(f"{path}/start") == {"attempt": 1}
    assert await machine.post(f"{path}/start") == {"attempt": 1}
    refused = await machine.post(f"{path}/answers", {"answers": {"solved": "yes"}}, 422)
    assert "satisfaction" in {error["field"] for error in refused["errors"]}
    assert await machine.post(f"{path}/answers", {"answers": ANSWERS}) == {"state": "closed"}
    await machine.post(f"{path}/answers", {"answers": ANSWERS}, 409)
    async with city.database.transaction() as session:
        seen = (await session.scalars(select(Event).where(Event.name == "view.revealed"))).one()
    assert seen.actor_id == city.people["callback"].user_id


async def test_who_was_not_reached_goes_back_and_who_wants_a_person_gets_one(city: City, program: Programs) -> None:
    number = await for_robot(city)
    machine = await program("callback")
    task = (await machine.post("/callback-leases", {"channel": "robot"}))["task"]
    path = f"/callback-leases/{task['lease']}"
    await machine.post(f"{path}/start")
    said = {"outcome": "no_answer", "answers": {"solved": "yes"}}
    assert await machine.post(f"{path}/give-back", said) == {"closed": False}
    await machine.post(f"{path}/start", None, 409)
    city.clock.advance(days=1)
    async with city.database.transaction() as session:
        await session.execute(update(CallbackTask).values(plan=Plan.ROBOT.value, next_attempt_at=city.clock.now()))
    task = (await machine.post("/callback-leases", {}))["task"]
    assert task["answered"] == {"solved": "yes"}, "the next call goes on where the answers ended"
    assert await machine.post(f"/callback-leases/{task['lease']}/hand-over") == {"handed": True}
    async with city.database.transaction() as session:
        assert (await session.scalars(select(CallbackTask.plan))).one() == "clerk"
    assert await state_of(city, number) == "callback"
    await machine.post(f"/callback-leases/{uuid4()}/start", None, 409)
    await machine.post("/callback-leases/none/start", None, 404)


async def test_a_machine_of_one_line_gets_no_task_of_another(city: City, program: Programs) -> None:
    await for_robot(city)
    async with city.database.transaction() as session:
        session.add(Line(number="12319", name="城建热线", greeting="", active=True))
        await session.flush()
        await session.execute(update(User).where(User.login == "callback").values(line="12319"))
    assert await (await program("callback")).post("/callback-leases", {}) == {"task": None}


async def test_an_agent_sets_the_own_state_and_the_board_shows_who_waits(city: City, program: Programs) -> None:
    agent, supervisor = await program("agent"), await program("supervisor")
    assert (await agent.get("/duty"))["state"] == "off"
    await agent.post("/duty", {"state": "ready"}, 409)  # no telephone yet
    await at_desk(city, "agent", ready=False)
    assert (await agent.post("/duty", {"state": "ready"}))["state"] == "ready"
    await agent.post("/duty", {"state": "break", "reason": "nap"}, 422)
    assert (await agent.post("/duty", {"state": "break", "reason": "meal"}))["reason"] == "meal"
    assert (await agent.get("/duty"))["has_phone"] is True
    await caller(city)
    city.clock.advance(seconds=30)
    response = await supervisor.ask("GET", "/queue")
    assert "13900002716" not in await response.text()
    [waiting] = (await response.json())["items"]
    assert (waiting["position"], waiting["queue"], waiting["line"], waiting["seconds"]) == (1, "hotline", "12345", 30)
