"""Click-to-call, missed callers and call control by API."""

from __future__ import annotations

from uuid import uuid4

from tests.channels.console.test_queue import at_desk, caller, talking
from tests.channels.staff import City
from tests.channels.staff_api.conftest import Programs
from ticketing.conversation.calls import owe_return_call


async def test_a_program_calls_a_citizen_and_sees_how_it_went(program: Programs, city: City) -> None:
    number = (await city.register()).ticket.number
    agent = await program("agent")
    await agent.post(f"/tickets/{number}/calls", status=409)
    await at_desk(city, "agent", ready=False)
    made = await agent.post(f"/tickets/{number}/calls", status=201)
    assert (made["state"], made["purpose"]) == ("waiting", "contact")
    await agent.post(f"/tickets/{number}/calls", status=409)
    listed = await agent.get(f"/tickets/{number}/calls")
    assert [item["call"] for item in listed["items"]] == [made["call"]]
    assert "13900002716" not in str(listed)
    leader = await program("leader")
    await leader.post(f"/tickets/{number}/calls", status=403)


async def test_missed_callers_and_control(program: Programs, city: City) -> None:
    call = await talking(city)
    owed_for = await caller(city)
    async with city.database.transaction() as session:
        await owe_return_call(city.core, session, owed_for, reason="queue_timeout")
    agent = await program("agent")
    [missed] = (await agent.get("/missed-calls"))["items"]
    assert (missed["reason"], missed["overdue"], missed["attempts"]) == ("queue_timeout", False, 0)
    done = await agent.post(f"/calls/{call}/commands", {"action": "hold"})
    assert done["action"] == "hold"
    await agent.post(f"/calls/{call}/commands", {"action": "listen"}, status=403)
    await agent.post(f"/calls/{uuid4()}/commands", {"action": "hold"}, status=404)
    await (await program("clerk")).get("/missed-calls", status=403)
