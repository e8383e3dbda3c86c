"""The telephony process: speech loaded, prompts ready, the phone listening, and a heartbeat until it is told to end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from hotline.clock import to_city
from hotline.errors import HotlineError, Unavailable
from hotline.instance import instance_of
from hotline.logs import get
from hotline.settings import Settings
from knowledge.search.service import search
from knowledge.search.words import normalise, tokens
from telephony import afterwards
from telephony.bridge.agent_leg import OnEarly
from telephony.draining import drain_on_signal
from telephony.flow.call import CallFlow
from telephony.flow.captions import CaptionWriter
from telephony.flow.parts import Parts
from telephony.flow.pending import PendingCalls
from telephony.flow.record import pending_folder
from telephony.flow.recovery import Refusals, end_abandoned, pick_up
from telephony.flow.tones import music
from telephony.leg import Leg
from telephony.media.codec import preferring
from telephony.outgoing.work import OutgoingCalls
from telephony.phone import Phone
from telephony.queue.switchboard import Switchboard
from telephony.robot.work import CallbackRobot
from telephony.speech import models
from telephony.speech.processes import ProcessTranscriber
from telephony.speech.prompts import PromptStore
from telephony.speech.voice import EspeakVoice
from ticketing.conversation.models import Heartbeat
from ticketing.people.models import Unit
from ticketing.taxonomy.models import Category

if TYPE_CHECKING:
    from hotline.assembly import Services

log = get(__name__)
_BEAT_S = 5.0
_GRACE_S = 8.0
"""How long calls have at a stop to write down what was said; the role is cut off after 12 s."""


def worker_name(settings: Settings) -> str:
    """What this process's calls bear: another machine has another name, and the process's next start the same."""
    return f"telephony-{instance_of(settings)}-{settings.sip_port}"


async def run(services: Services) -> None:
    """Serve calls until cancelled. Raises OSError when the SIP or the control address is taken."""
    transcriber = await models.start(services.settings, names=await _names(services))
    captions = CaptionWriter(services.core, services.database)
    beside = [asyncio.create_task(captions.run(), name="captions")]
    if transcriber is not None:
        beside.append(asyncio.create_task(afterwards.run(services.core, services.database, transcriber), name="transcribing-afterwards"))
    try:
        await _serve(services, transcriber, captions)
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        if transcriber is not None:
            await asyncio.shield(asyncio.ensure_future(transcriber.close()))


async def _serve(services: Services, transcriber: ProcessTranscriber | None, captions: CaptionWriter) -> None:
    settings = services.settings
    voice = EspeakVoice(timeout_s=settings.tts_timeout_s)
    prompts = PromptStore.of(settings, voice)
    await prompts.warm()
    await _warm_search(services)
    worker = worker_name(settings)
    await asyncio.to_thread(music)

    async def dial(uri: str, ring_s: float, codec: str, *, on_early: OnEarly | None = None) -> Leg:
        return await phone.dial(uri, codecs=preferring(codec), ring_s=ring_s, on_early=on_early)

    board = Switchboard(services.core, services.database, worker, dial)
    parts = Parts(settings, services.core, services.database, services.dialogue, transcriber, voice, prompts, worker, board, captions)
    flow = CallFlow(parts)
    phone = Phone.from_settings(settings, flow.run, services.core.vault)
    pending, refusals = PendingCalls(pending_folder(settings.data_dir), services.core.vault), Refusals()

    def state() -> dict[str, Any]:
        return _state(settings, phone, voice, transcriber, pending, refusals)

    tending: asyncio.Task[None] | None = None
    exchange = asyncio.create_task(board.run(), name="switchboard")

    def dials() -> bool:
        return not phone.endpoint.draining

    robot = CallbackRobot(parts, phone.dial, at_once=settings.robot_calls, per_minute=settings.robot_calls_per_minute, takes_calls=dials)
    calling: asyncio.Task[None] | None = None
    outgoing = OutgoingCalls(parts, takes_calls=dials)
    dialling: asyncio.Task[None] | None = None
    health: web.AppRunner | None = None
    try:
        await phone.start()
        tending = asyncio.create_task(
            _tend(services, lambda: frozenset(flow.live | outgoing.live), worker, state, refusals), name="telephony-tending"
        )
        health = await _serve_health(settings.control_port, state, lambda: phone.metrics() + parts.answer_times.exposition())
        log.info("telephony_ready", **{key: value for key, value in state().items() if key != "counters"})
        if settings.outbound_uri and settings.robot_calls:
            calling = asyncio.create_task(robot.run(), name="callback-robot")
        dialling = asyncio.create_task(outgoing.run(), name="outgoing-calls")
        draining = drain_on_signal(phone, tending.cancel)
        try:
            await tending
        finally:
            draining.cancel()
    finally:
        await asyncio.shield(asyncio.ensure_future(_stop(phone, [tending, calling, dialling], exchange, health, voice)))


def _state(
    settings: Settings, phone: Phone, voice: EspeakVoice, transcriber: ProcessTranscriber | None, pending: PendingCalls, refusals: Refusals
) -> dict[str, Any]:
    """What the heartbeat and the control port say of this process."""
    return {
        "sip": f"{settings.sip_host}:{phone.port}",
        "registered": phone.registered,
        "transcriber": transcriber.name if transcriber else None,
        "transcripts": transcriber.state() if transcriber else {},
        "voice": voice.name,
        "live_calls": phone.live_calls,
        "pending_calls": pending.count(),
        "pending_calls_refused": len(refusals),
        "counters": phone.counters(),
    }


async def _names(services: Services) -> list[str]:
    """Units and categories as they are called today: recognised by name. Without a database the city's files must do."""
    try:
        async with services.database.transaction() as session:
            units = await session.scalars(select(Unit.name).where(Unit.active))
            return [*units, *await session.scalars(select(Category.name))]
    except (HotlineError, SQLAlchemyError) as error:
        log.warning("speech_names_not_read", reason=str(error))
        return []


async def _warm_search(services: Services) -> None:
    """Dictionary and index in memory, or the first caller would wait seconds for an answer. Without a database: later."""
    await asyncio.to_thread(lambda: tokens(normalise("护照怎么办")))
    try:
        async with services.database.transaction() as session:
            await search(session, "护照怎么办", today=to_city(services.core.clock.now()).date())
    except (HotlineError, SQLAlchemyError) as error:
        log.warning("search_not_warmed", reason=str(error))


async def _stop(
    phone: Phone, first: list[asyncio.Task[None] | None], exchange: asyncio.Task[None], health: web.AppRunner | None, voice: EspeakVoice
) -> None:
    """In this order: housekeeping and the robot, calls with their last rows, the queue, the voice."""
    ending = [task for task in first if task is not None]
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)
    await phone.stop(_GRACE_S)
    exchange.cancel()
    await asyncio.gather(exchange, return_exceptions=True)
    if health is not None:
        await health.cleanup()
    await voice.close()


async def _serve_health(port: int, state: Any, metrics: Callable[[], bytes]) -> web.AppRunner:
    """`/healthz` and `/metrics` on loopback: no names, no numbers of callers."""

    async def healthz(_request: web.Request) -> web.Response:
        return web.json_response(state())

    async def prometheus(_request: web.Request) -> web.Response:
        return web.Response(body=metrics(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/metrics", prometheus)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
    return runner


async def _tend(services: Services, live: Callable[[], frozenset[str]], worker: str, state: Any, refusals: Refusals) -> None:
    """Every few seconds: say that we live, and write what an outage or a crash has left. A missing database is waited for."""
    abandoned = True
    while True:
        try:
            if abandoned:
                await end_abandoned(services.core, services.database, worker, live=live())
                abandoned = False
            await pick_up(services.core, services.database, live=live(), refusals=refusals)
            await _beat(services, worker, state())
        except Unavailable as error:
            log.warning("telephony_without_database", reason=str(error))
        except Exception:  # calls go on whatever is wrong with the housekeeping
            log.exception("telephony_tending_failed")
        await asyncio.sleep(_BEAT_S)


async def _beat(services: Services, worker: str, data: dict[str, Any]) -> None:
    values = {"role": "telephony", "at": services.core.clock.now(), "data": data}
    statement = insert(Heartbeat).values(worker=worker, **values)
    async with services.database.transaction() as session:
        await session.execute(statement.on_conflict_do_update(index_elements=["worker"], set_=values))
