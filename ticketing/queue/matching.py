"""Which caller to which agent: a pure function over what the database holds at one moment."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ticketing.call_flow.document import QueueOptions


@dataclass(frozen=True)
class Caller:
    """Somebody who waits."""

    waiting_id: int
    queue: str
    line: str
    language: str
    dialect: str
    weight: int
    priority: int
    entered_at: datetime
    any_line: bool = False
    """The queue is for agents of every line (overflow)."""
    rest: frozenset[int] = frozenset()
    """Agents who did not answer this caller a moment ago (retry)."""
    waited_s: float = 0.0
    """So long they have waited already."""


@dataclass(frozen=True)
class Agent:
    """Somebody who is ready."""

    user_id: int
    idle_since: datetime
    taken: int = 0
    """Calls today."""
    lines: frozenset[str] = frozenset()
    """Empty: all."""
    bound: bool = False
    """The account belongs to its line and sees no other one's callers (A07): not even an overflow brings them."""
    languages: frozenset[str] = frozenset()
    """Besides Chinese."""
    dialects: frozenset[str] = frozenset()

    def serves(self, caller: Caller) -> bool:
        """Whether the line fits: needed at any time."""
        return not self.lines or caller.line in self.lines or (caller.any_line and not self.bound)

    def speaks(self, caller: Caller) -> bool:
        """Whether language and dialect fit: wished for, and waited for a while."""
        language = caller.language == "zh" or caller.language in self.languages
        return language and (not caller.dialect or caller.dialect in self.dialects)


def pair(
    callers: Sequence[Caller],
    agents: Sequence[Agent],
    queues: Mapping[str, QueueOptions],
    chance: random.Random,
    busy: Sequence[Agent] = (),
) -> list[tuple[Caller, Agent]]:
    """Callers in their order (weight, priority, time of entry), each with the agent whom the queue's strategy prefers.

    With `ringall` a caller is there once for everybody who fits. A caller for whom nobody fits does not hold back the next.
    `busy`: who is on duty and not free now; see `_fitting`.
    """
    free = list(agents)
    pairs = []
    for caller in sorted(callers, key=lambda one: (-one.weight, -one.priority, one.entered_at, one.waiting_id)):
        options = queues.get(caller.queue)
        fitting = _fitting(caller, free, [*agents, *busy], options.skill_wait if options else 0)
        if not fitting:
            continue
        if options is not None and options.strategy == "ringall":
            free = [agent for agent in free if agent not in fitting]
            pairs += [(caller, agent) for agent in fitting]
            continue
        chosen = _choose(fitting, options.strategy if options else "leastrecent", chance)
        free.remove(chosen)
        pairs.append((caller, chosen))
    return pairs


def _fitting(caller: Caller, free: Sequence[Agent], on_duty: Sequence[Agent], skill_wait: int) -> list[Agent]:
    """Those who speak as the caller wishes; everybody when none of them is on duty, or none became free in `skill_wait` seconds.

    So nobody waits for an agent who is not there (Asterisk: QUEUE_MIN_PENALTY that falls with the time waited).
    """
    able = [agent for agent in free if agent.serves(caller) and agent.user_id not in caller.rest]
    wished = [agent for agent in able if agent.speaks(caller)]
    if wished:
        return wished
    worth_waiting = caller.waited_s < skill_wait and any(agent.serves(caller) and agent.speaks(caller) for agent in on_duty)
    return [] if worth_waiting else able


def _choose(fitting: Sequence[Agent], strategy: str, chance: random.Random) -> Agent:
    if strategy == "random":
        return chance.choice(fitting)
    if strategy == "fewestcalls":
        return min(fitting, key=lambda agent: (agent.taken, agent.idle_since, agent.user_id))
    return min(fitting, key=lambda agent: (agent.idle_since, agent.user_id))
