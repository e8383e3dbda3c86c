"""The bot process: serves the action endpoint and keeps Rasa running as its child."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from aiohttp import web

from chatbot.actions import create_app
from chatbot.dialogue import Dialogue
from chatbot.learning import jobs
from chatbot.learning.registry import Registry
from chatbot.rasa_client import RasaClient, RasaDown
from chatbot.rasa_files import PROJECT, RasaFiles
from chatbot.tracker_store import keep_purged
from chatbot.training import model_state
from hotline import logs
from hotline.children import die_with_parent
from hotline.errors import HotlineError
from hotline.settings import Settings

if TYPE_CHECKING:
    from hotline.assembly import Services

LOG = logs.get(__name__)
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0
_STEADY_S = 60.0
"""A Rasa that ran this long counts as healthy; its next death is answered at once again."""
_WARM_RETRY_S = 0.5
_LOOK_EVERY_S = 2.0
"""How often it is looked whether another model is in use."""
_END_PATIENCE_S = 5.0
_LOG_LIMIT = 10 * 1024 * 1024


async def run(services: Services) -> None:
    """Serve until cancelled."""
    settings = services.settings
    children = [RasaChild(settings, Dialogue(services.core, services.database, None), port) for port in settings.rasa_ports]
    runner = web.AppRunner(create_app(services.core, services.database, lambda: missing(children)), access_log=None, shutdown_timeout=3.0)
    await runner.setup()
    beside = [
        asyncio.create_task(keep_purged(RasaFiles.of(settings).tracker, services.core.clock), name="tracker-purge"),
        asyncio.create_task(jobs.keep_working(services.core, services.database, settings), name="bot-training"),
        asyncio.create_task(follow_model(RasaFiles.of(settings).registry, children), name="model-switch"),
    ]
    try:
        await web.TCPSite(runner, "127.0.0.1", settings.action_port, reuse_address=True).start()
        LOG.info("actions.listening", port=settings.action_port)
        await asyncio.gather(*(child.keep() for child in children))
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await asyncio.gather(*(child.end() for child in children))
        await runner.cleanup()


async def missing(children: Sequence[RasaChild]) -> str | None:
    """What keeps the bot from full service, None when nothing does."""
    for child in children:
        if (why := await child.missing()) is not None:
            return why
    return None


async def follow_model(registry: Registry, children: Sequence[RasaChild]) -> None:
    """Notice that another model is in use (trained here or by hand) and let each Rasa take it, one after the other."""
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        name = await asyncio.to_thread(registry.live)
        for child in children:
            if name is not None:
                await child.take(name, registry.path(name))


class RasaChild:
    """Rasa as a child process: started, watched, restarted with growing pauses, ended with us."""

    def __init__(self, settings: Settings, dialogue: Dialogue, port: int) -> None:
        """Starts nothing. `dialogue`: what the actions of this process use, warmed up together with Rasa."""
        self._port = port
        self._model = ""
        self._dialogue = dialogue
        self._warm = False
        self._settings = settings
        self._files = RasaFiles.of(settings)
        url, secret = f"http://127.0.0.1:{port}", settings.secret
        self._client = RasaClient(url, secret, timeout_s=settings.bot_timeout_s) if settings.bot_enabled else None
        self.process: asyncio.subprocess.Process | None = None

    async def missing(self) -> str | None:
        """What keeps the bot from full service, None when nothing does."""
        if self._client is None:
            return "switched off (HOTLINE_BOT_ENABLED=false)"
        if problem := self.problem():
            return problem
        if not self._warm:
            return "Rasa is starting"
        return None if await self._client.ready() else "Rasa does not answer"

    async def take(self, name: str, model: Path) -> None:
        """Load this model if another one is loaded. A Rasa that cannot is ended, and starts again with it."""
        if self._client is None or not self._warm or name == self._model:
            return
        try:
            await self._client.load(model)
            await self._client.warm_up()
        except RasaDown as error:
            LOG.warning("rasa.model_not_loaded", model=name, reason=str(error))
            if self.process is not None and self.process.returncode is None:
                self.process.terminate()
            return
        self._model = name
        LOG.info("rasa.model_loaded", model=name, port=self._port)

    def problem(self) -> str | None:
        """Why Rasa cannot be started at all, None when it can."""
        try:
            self._files.need_python()
        except HotlineError as error:
            return str(error)
        if self._files.model is None:
            return model_state(self._settings)[1] + ": run hotline bot train"
        return None

    async def keep(self) -> None:
        """Start Rasa and start it again whenever it ends; waits for environment and model when they are missing."""
        if self._client is None:
            LOG.info("rasa.off")
            await asyncio.Event().wait()
        pause, said = _FIRST_PAUSE_S, ""
        while True:
            problem = self.problem()
            if problem is not None:
                if problem != said:
                    LOG.warning("rasa.degraded", why=problem)
                    said = problem
                await asyncio.sleep(_LONGEST_PAUSE_S / 3)
                continue
            started = time.monotonic()
            code = await self._run_once()
            pause = _FIRST_PAUSE_S if time.monotonic() - started > _STEADY_S else min(2 * pause, _LONGEST_PAUSE_S)
            LOG.error("rasa.ended", status=code, again_in_s=pause, log="logs/rasa.log")
            await asyncio.sleep(pause)

    async def _run_once(self) -> int:
        self._files.write_endpoints(self._settings)
        self._model = self._files.registry.live() or ""
        with self._open_log() as log:
            self.process = await asyncio.create_subprocess_exec(
                str(self._files.python),
                str(PROJECT / "start.py"),
                cwd=self._files.home,
                env=self._files.environment(),
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(signal.SIGKILL),
            )
        LOG.info("rasa.started", child=self.process.pid, port=self._port, model=self._model)
        if self.process.stdin is not None:
            self.process.stdin.write(json.dumps(self._files.serve_arguments(self._settings, self._port)).encode())
            self.process.stdin.close()
        warming = asyncio.create_task(self._warm_up(), name="bot-warm-up")
        try:
            return await self.process.wait()
        finally:
            self._warm = False
            warming.cancel()
            await asyncio.gather(warming, return_exceptions=True)

    async def _warm_up(self) -> None:
        """As soon as Rasa has its model: think one turn through, here and there, before we say that we are ready."""
        while not self._warm:
            try:
                if self._client is not None and await self._client.ready():
                    began = time.monotonic()
                    await asyncio.gather(self._client.warm_up(), self._dialogue.warm_up())
                    self._warm = True
                    LOG.info("bot.warm", seconds=round(time.monotonic() - began, 2))
                    return
            except (RasaDown, HotlineError) as error:
                LOG.warning("bot.not_warm", reason=str(error))
            await asyncio.sleep(_WARM_RETRY_S)

    async def end(self) -> None:
        """Stop the child and close the connections."""
        if self._client is not None:
            await self._client.close()
        process = self.process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _END_PATIENCE_S)
        except TimeoutError:
            process.kill()
            await process.wait()

    def _open_log(self) -> IO[bytes]:
        """The log of Rasa, appended; one old file is kept when it has grown large."""
        path = (
            self._settings.data_dir.resolve()
            / "logs"
            / ("rasa.log" if self._port == self._settings.rasa_port else f"rasa-{self._port}.log")
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > _LOG_LIMIT:
            path.replace(path.with_suffix(".log.1"))
        return path.open("ab")
