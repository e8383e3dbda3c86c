"""The media clock: one thread for every call of a phone.

It sends at absolute deadlines, four phases of 5 ms, so that the calls of a phone are spread over the 20 ms instead of bursting
at once; at each deadline it first takes with epoll what has come, for all calls together. pyVoIP has three threads per call and
sleeps relatively; that breaks at 25 calls.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from collections import deque
from collections.abc import Callable

from hotline import logs
from telephony.media.inbox import LoopInbox
from telephony.media.metronome import ClockCounters, Metronome
from telephony.media.session import MediaSession

_log = logs.get(__name__)

_PHASES = 4
_IDLE_S = 5.0
_SWITCH_S = 0.0002
"""Each packet that is sent gives the interpreter's lock away and has to wait for it again, by default 5 ms while another
thread computes: with 15 calls 6 % of the gaps were above 40 ms then, 0.3 % with 0.2 ms (benchmarks/telephony_calls.py with a
busy thread beside). A higher priority of the thread does harm: it waits for a lock whose holder then sleeps even longer."""
_DATAGRAM = 2048
_BURST = 8
_MOST_READY = 1024


class MediaEngine:
    """Drives the sessions that were added."""

    def __init__(self, inbox: LoopInbox | None = None, metronome: Metronome | None = None) -> None:
        """`inbox`: of the sessions; it is told once for all calls of a tick. The thread is started by `start`."""
        self._inbox = inbox
        self._metronome = metronome or Metronome()
        self._poll = select.epoll()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll.register(self._wake, select.EPOLLIN)
        self._sessions: dict[int, MediaSession] = {}
        self._phases: list[list[MediaSession]] = [[] for _ in range(_PHASES)]
        self._commands: deque[Callable[[], None]] = deque()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="media-clock", daemon=True)

    @property
    def clock(self) -> ClockCounters:
        """How well it keeps time."""
        return self._metronome.counters

    def start(self) -> None:
        """Start the thread. Also shortens the interpreter's switch interval, for the whole process."""
        sys.setswitchinterval(min(_SWITCH_S, sys.getswitchinterval()))
        self._thread.start()

    def stop(self) -> None:
        """End the thread and release its descriptors; sessions are simply no longer driven. Twice is harmless."""
        if self._stopping:
            return
        self._stopping = True
        os.eventfd_write(self._wake, 1)
        if self._thread.is_alive():
            self._thread.join()
        self._obey()  # ports of calls that ended meanwhile
        self._poll.close()
        os.close(self._wake)

    def add(self, session: MediaSession) -> None:
        """Drive this session from now on."""
        self._commands.append(lambda: self._add(session))
        self._notify()

    def remove(self, session: MediaSession, then: Callable[[], None]) -> None:
        """Let go of it; `then` runs on the media thread, after which nothing touches the session's socket."""
        self._commands.append(lambda: self._remove(session, then))
        self._notify()

    def forward(self, session: MediaSession, pcm16: bytes) -> None:
        """Let the session send this frame at the next deadline of any phase: after 5 ms at most instead of 20 (loop thread)."""
        session.forward(pcm16)
        self._commands.append(lambda: session.send_forwarded(self._metronome.now()))

    def _notify(self) -> None:
        if self._stopping:  # the thread is gone, and its descriptor may be somebody else's by now
            self._obey()
        else:
            os.eventfd_write(self._wake, 1)

    def _add(self, session: MediaSession) -> None:
        descriptor = session.socket.fileno()
        if descriptor < 0 or session.phase is not None or self._stopping:
            return
        self._discard(session)
        session.phase = min(range(_PHASES), key=lambda number: len(self._phases[number]))
        self._sessions[descriptor] = session
        self._phases[session.phase].append(session)
        self._poll.register(descriptor, select.EPOLLIN)

    def _discard(self, session: MediaSession) -> None:
        """What came while it rang is not part of the call."""
        for _ in range(1000):
            try:
                session.socket.recvfrom(_DATAGRAM)
            except OSError:
                return

    def _remove(self, session: MediaSession, then: Callable[[], None]) -> None:
        if session.phase is not None:
            if not self._poll.closed:
                self._poll.unregister(session.socket.fileno())
            del self._sessions[session.socket.fileno()]
            self._phases[session.phase].remove(session)
            session.phase = None
        then()

    def _run(self) -> None:
        metronome, phase = self._metronome, 0
        while not self._stopping:
            self._obey()
            if not self._sessions:
                self._receive(_IDLE_S)
                metronome.restart()
                continue
            metronome.wait()  # packets stay in their sockets meanwhile: a wake-up for each costs more than it gives
            self._receive(0.0)  # before the tick: what is there was not lost
            self._tick(phase, metronome.beat())
            phase = (phase + 1) % _PHASES

    def _obey(self) -> None:
        while self._commands:
            self._commands.popleft()()

    def _receive(self, wait_s: float) -> None:
        """What has come since the last time; of one call at most `_BURST` packets, so that nobody can keep the clock busy."""
        for _ in range(_BURST):
            ready = self._poll.poll(wait_s, _MOST_READY)
            for descriptor, _event in ready:
                if descriptor == self._wake:
                    os.eventfd_read(self._wake)
                else:
                    self._read(descriptor)
            if not ready or not self._sessions:
                return
            wait_s = 0.0

    def _tick(self, phase: int, now: float) -> None:
        if self._inbox is not None:
            self._inbox.hold()  # a wake-up of the loop for each frame would take the interpreter's lock away each time
        for session in self._phases[phase]:
            try:
                session.tick(now)
            except Exception:  # noqa: BLE001 - one call's fault must not silence the others
                self._report("telephony.media.tick_failed", session)
        if self._inbox is not None:
            self._inbox.let_go()

    def _read(self, descriptor: int) -> None:
        session = self._sessions.get(descriptor)
        if session is None:
            return
        try:
            data, address = session.socket.recvfrom(_DATAGRAM)
        except OSError:  # nothing after all, or an ICMP error of a closed port: neither concerns the call
            return
        try:
            session.receive(data, address, self._metronome.now())
        except Exception:  # noqa: BLE001 - one bad datagram must never end a call
            self._report("telephony.media.receive_failed", session)

    def _report(self, event: str, session: MediaSession) -> None:
        """Log a session's first failure only: the next one would come 20 ms later."""
        session.counters.failures += 1
        if session.counters.failures == 1:
            _log.exception(event)
