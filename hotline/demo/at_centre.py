"""Steps that end at the centre: answered, refused, asked about, handed to an emergency line."""

from __future__ import annotations

from hotline.demo.content import Emergency, Incomplete, Rejection
from hotline.demo.stage import Life, Stage, Step
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket import exits, refusal


def answer(text: str) -> Step:
    """An agent answers on the spot."""

    async def step(stage: Stage, life: Life) -> None:
        await dispatching.answer(stage.core, stage.session, stage.people["agent"], await life.ticket(stage), text)

    return step


def reject(entry: Rejection) -> Step:
    """A dispatcher refuses it and names the right way."""

    async def step(stage: Stage, life: Life) -> None:
        ticket = await life.ticket(stage)
        told = {"code": entry.why, "reason": entry.reason, "legal_way": entry.legal_way}
        await refusal.reject(stage.core, stage.session, stage.people["dispatcher"], ticket, **told)

    return step


def ask_for_more(entry: Incomplete) -> Step:
    """An agent asks for what is missing."""

    async def step(stage: Stage, life: Life) -> None:
        await dispatching.request_info(stage.core, stage.session, stage.people["agent"], await life.ticket(stage), entry.missing)

    return step


def supplement(text: str) -> Step:
    """The citizen gives it."""

    async def step(stage: Stage, life: Life) -> None:
        await dispatching.supplement(stage.core, stage.session, await life.citizen(stage), await life.ticket(stage), text)

    return step


def no_contact() -> Step:
    """What was asked for never came."""

    async def step(stage: Stage, life: Life) -> None:
        note = "发短信两次、电话三次均未联系上，事项要素不全无法派单"
        await exits.close_no_contact(stage.core, stage.session, stage.people["dispatcher"], await life.ticket(stage), note=note)

    return step


def invalidate() -> Step:
    """A supervisor marks it as no appeal."""

    async def step(stage: Stage, life: Life) -> None:
        ticket = await life.ticket(stage)
        await exits.invalidate(stage.core, stage.session, stage.people["supervisor"], ticket, code="test", reason="测试通话，没有诉求内容")

    return step


def hand_to_emergency(entry: Emergency) -> Step:
    """An agent hands it to the emergency line."""

    async def step(stage: Stage, life: Life) -> None:
        ticket = await life.ticket(stage)
        note = f"三方通话转接{entry.target}，对方已接听并出动"
        await exits.transfer_emergency(stage.core, stage.session, stage.people["agent"], ticket, target=entry.target, note=note)

    return step


def follow_emergency() -> Step:
    """An agent asks afterwards."""

    async def step(stage: Stage, life: Life) -> None:
        ticket = await life.ticket(stage)
        note = "接警员已确认到场处置，人员安全，现场已交由出警人员处理"
        agent = stage.people["agent"]
        await exits.follow_emergency(stage.core, stage.session, agent, ticket, taken_over=True, receiver="接警员0317", note=note)

    return step
