"""An update without a lost call: on SIGUSR1 a process takes no new calls and ends when its last one is over.

The edge sees it at once (INVITE and OPTIONS are answered with 503) and gives new calls to the other processes; the supervisor
starts the process anew. `hotline drain` sends the signal.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from hotline import logs
from telephony.phone import Phone

_log = logs.get(__name__)


def drain_on_signal(phone: Phone, end: Callable[[], object]) -> asyncio.Task[None]:
    """From now on SIGUSR1 drains this process; `end` is called when the last call is over. Cancel the task to stop listening."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, asked.set)

    async def wait() -> None:
        try:
            await asked.wait()
            _log.info("telephony.draining", live_calls=phone.live_calls)
            phone.drain()
            await phone.drained.wait()
            _log.info("telephony.drained")
            end()
        finally:
            loop.remove_signal_handler(signal.SIGUSR1)

    return loop.create_task(wait(), name="draining")
