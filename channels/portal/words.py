"""Words of states and choices as citizens see them; the tables are `ticketing.words`."""

from __future__ import annotations

from ticketing.ticket.states import Kind, Satisfaction, TicketState
from ticketing.words import word

_KIND_ORDER = (Kind.HELP, Kind.COMPLAINT, Kind.REPORT, Kind.SUGGESTION, Kind.CONSULT, Kind.PRAISE)


def state_words(state: TicketState | str) -> str:
    """For example 已答复，待回访."""
    return word("citizen_state", str(state))


def kinds() -> list[tuple[str, str]]:
    """Every kind with its words, in the order in which people are asked."""
    return [(kind.value, word("kind", kind.value)) for kind in _KIND_ORDER]


def satisfaction_words(satisfaction: Satisfaction | str) -> str:
    """For example 非常满意."""
    return word("satisfaction", str(satisfaction))


def satisfactions() -> list[tuple[str, str]]:
    """The three-step scale with its words."""
    return [(step.value, word("satisfaction", step.value)) for step in Satisfaction]
