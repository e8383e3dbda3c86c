"""The bot process: serves the action endpoint and keeps Rasa running as its child."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from typing import IO, TYPE_CHECKING

from aiohttp import web

from chatbot.actions import create_app
from chatbot.dialogue import Dialogue
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
_END_PATIENCE_S = 5.0
_LOG_LIMIT = 10 * 1024 * 1024


async def run(services: Services) -> None:
    """Serve until cancelled."""
    settings = services.settings
    rasa = RasaChild(settings, Dialogue(services.core, services.database, None))
    runner = web.AppRunner(create_app(services.core, services.database, rasa.missing), access_log=None, shutdown_timeout=3.0)
    await runner.setup()
    purging = asyncio.create_task(keep_purged(RasaFiles.of(settings).tracker, services.core.clock), name="tracker-purge")
    try:
        await web.TCPSite(runner, "127.0.0.1", settings.action_port, reuse_address=True).start()
        LOG.info("actions.listening", port=settings.action_port)
        await rasa.keep()
    finally:
        purging.cancel()
        await asyncio.gather(purging, return_exceptions=True)
        await rasa.end()
        await runner.cleanup()


class RasaChild:
    """Rasa as a child process: started, watched, restarted with growing pauses, ended with us."""

    def __init__(self, settings: Settings, dialogue: Dialogue) -> None:
        """Starts nothing. `dialogue`: what the actions of this process use, warmed up together with Rasa."""
        self._dialogue = dialogue
        self._warm = False
        self._settings = settings
        self._files = RasaFiles.of(settings)
        self._client = RasaClient.of(settings)
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

    def problem(self) -> str | None:
        """Why Rasa cannot be started at all, None when it can."""
        try:
            self._files.need_python()
        except HotlineError as error:
            return str(error)
        if not self._files.model.exists():
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
        LOG.info("rasa.started", child=self.process.pid)
        if self.process.stdin is not None:
            self.process.stdin.write(json.dumps(self._files.serve_arguments(self._settings)).encode())
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
        path = self._settings.data_dir.resolve() / "logs" / "rasa.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > _LOG_LIMIT:
            path.replace(path.with_suffix(".log.1"))
        return path.open("ab")
