"""Blind transfer by REFER and NOTIFY, in both directions."""

from __future__ import annotations

import asyncio

import pytest

from telephony.leg import CallFailed, LegGone
from tests.telephony.conftest import MakePeer, MakePhone
from tests.telephony.sip.desk import Desk
from tests.telephony.sip.peer import Peer

TARGET = "sip:1001@127.0.0.1:5099"


def notify(peer: Peer, cseq: int, fragment: str, state: str) -> None:
    headers = f"Event: refer\r\nSubscription-State: {state}\r\n"
    peer.request("NOTIFY", cseq, fragment, content_type="message/sipfrag;version=2.0", headers=headers)


async def start(peer: Peer, desk: Desk) -> asyncio.Task[None]:
    """A call in which we have asked for a transfer, which the other side took."""
    await peer.call()
    transfer = asyncio.create_task(desk.leg.refer(TARGET, timeout_s=3))
    refer = await peer.expect_request("REFER")
    assert refer.get("Refer-To") == f"<{TARGET}>"
    assert refer.get("Referred-By").startswith("<sip:hotline@127.0.0.1")
    peer.respond(refer, "202 Accepted")
    return transfer


async def test_a_transfer_that_works(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk()
    peer = await make_peer(await make_phone(desk))
    transfer = await start(peer, desk)
    notify(peer, 2, "SIP/2.0 100 Trying\r\n", "active;expires=60")
    await peer.expect(200, "NOTIFY")
    assert not transfer.done()
    notify(peer, 3, "SIP/2.0 200 OK\r\n", "terminated;reason=noresource")
    await peer.expect(200, "NOTIFY")
    await transfer
    await desk.leg.hang_up()
    peer.respond(await peer.expect_request("BYE"), "200 OK")


@pytest.mark.parametrize(("fragment", "status"), [("SIP/2.0 486 Busy Here\r\n", 486), ("SIP/2.0 100 Trying\r\n", 487), ("nonsense", 487)])
async def test_a_transfer_that_does_not(make_phone: MakePhone, make_peer: MakePeer, fragment: str, status: int) -> None:
    desk = Desk()
    peer = await make_peer(await make_phone(desk))
    transfer = await start(peer, desk)
    notify(peer, 2, fragment, "terminated;reason=noresource")
    await peer.expect(200, "NOTIFY")
    with pytest.raises(CallFailed) as failure:
        await transfer
    assert failure.value.status == status
    assert desk.leg.live
    notify(peer, 3, fragment, "terminated")
    await peer.expect(481, "NOTIFY")
    await peer.hang_up()


async def test_a_phone_that_takes_no_transfers(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk()
    peer = await make_peer(await make_phone(desk))
    await peer.call()
    transfer = asyncio.create_task(desk.leg.refer(TARGET))
    peer.respond(await peer.expect_request("REFER"), "405 Method Not Allowed")
    with pytest.raises(CallFailed, match="405"):
        await transfer
    with pytest.raises(ValueError, match="address like"):
        await desk.leg.refer("tel:110")
    await peer.hang_up()


async def test_silence_about_the_outcome_ends_in_408(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk()
    peer = await make_peer(await make_phone(desk))
    await peer.call()
    transfer = asyncio.create_task(desk.leg.refer(TARGET, timeout_s=0.2))
    peer.respond(await peer.expect_request("REFER"), "202 Accepted")
    with pytest.raises(CallFailed, match="408"):
        await transfer
    await peer.hang_up()


async def test_who_hangs_up_after_taking_it_has_taken_it_and_before_has_not(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk()
    hotline = await make_phone(desk)
    peer = await make_peer(hotline)
    transfer = await start(peer, desk)
    await peer.hang_up()
    await transfer
    other = await make_peer(hotline)
    await other.call()
    transfer = asyncio.create_task(desk.leg.refer(TARGET))
    await other.expect_request("REFER")
    await other.hang_up()
    with pytest.raises(LegGone):
        await transfer


@pytest.mark.parametrize(("failure", "status"), [(None, 200), (CallFailed(486, "busy"), 486), (RuntimeError("a defect"), 500)])
async def test_their_transfer_is_carried_out_by_the_owner(
    make_phone: MakePhone, make_peer: MakePeer, failure: Exception | None, status: int
) -> None:
    desk = Desk()
    peer = await make_peer(await make_phone(desk))
    await peer.call()
    targets: list[str] = []

    async def transfer(target: str) -> None:
        targets.append(target)
        if failure is not None:
            raise failure

    desk.leg.on_transfer = transfer
    peer.request("REFER", 2)
    await peer.expect_any("REFER", status=400)
    peer.request("REFER", 3, headers=f"Refer-To: <{TARGET}>\r\n")
    await peer.expect_any("REFER", status=202)
    for fragment, state in (("SIP/2.0 100", "active"), (f"SIP/2.0 {status}", "terminated")):
        told = await peer.expect_request("NOTIFY")
        peer.respond(told, "200 OK")
        assert told.body.decode().startswith(fragment)
        assert told.get("Subscription-State").startswith(state)
        assert told.get("Event") == "refer"
    assert targets == [TARGET]
    await peer.hang_up()
