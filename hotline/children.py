"""Child processes that die with their parent, even when the parent is killed with -9."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)  # loaded before any fork: a child must not load libraries


def die_with_parent(signal_number: int = signal.SIGTERM) -> Callable[[], None]:
    """A `preexec_fn`: the kernel sends the child this signal when the thread that started it ends, even by kill -9.

    Start children from the main thread only. Linux only.
    """
    parent = os.getpid()

    def prepare() -> None:
        if _libc.prctl(_PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0) != 0 or os.getppid() != parent:
            os._exit(1)  # the parent is gone already, or this is no Linux: better no child than an orphan

    return prepare


def follow_parent(signal_number: int) -> None:
    """Ask the kernel the same for this very process; needed again after a change of user, which clears it."""
    if _libc.prctl(_PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) was refused")
