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
        """Whether line and language fit."""
        line = not self.lines or caller.line in self.lines or (caller.any_line and not self.bound)
        return line and (caller.language == "zh" or caller.language in self.languages)


def pair(
    callers: Sequence[Caller], agents: Sequence[Agent], queues: Mapping[str, QueueOptions], chance: random.Random
) -> list[tuple[Caller, Agent]]:
    """Callers in their order (weight, priority, time of entry), each with the agent whom the queue's strategy prefers.

    With `ringall` a caller is there once for everybody who fits. Who speaks the caller's dialect comes before the other
    strategies. A caller for whom nobody fits does not hold back the next.
    """
    free = list(agents)
    pairs = []
    for caller in sorted(callers, key=lambda one: (-one.weight, -one.priority, one.entered_at, one.waiting_id)):
        fitting = [agent for agent in free if agent.serves(caller) and agent.user_id not in caller.rest]
        if not fitting:
            continue
        options = queues.get(caller.queue)
        if options is not None and options.strategy == "ringall":
            free = [agent for agent in free if agent not in fitting]
            pairs += [(caller, agent) for agent in fitting]
            continue
        chosen = _choose(caller, fitting, options.strategy if options else "leastrecent", chance)
        free.remove(chosen)
        pairs.append((caller, chosen))
    return pairs


def _choose(caller: Caller, fitting: Sequence[Agent], strategy: str, chance: random.Random) -> Agent:
    native = [agent for agent in fitting if caller.dialect and caller.dialect in agent.dialects] or fitting
    if strategy == "random":
        return chance.choice(native)
    if strategy == "fewestcalls":
        return min(native, key=lambda agent: (agent.taken, agent.idle_since, agent.user_id))
    return min(native, key=lambda agent: (agent.idle_since, agent.user_id))
