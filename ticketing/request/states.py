"""Kinds and states of requests."""

from __future__ import annotations

from enum import StrEnum

from ticketing.people.models import Role


class RequestKind(StrEnum):
    """What is asked for."""

    RETURN = "return"
    """退单：it is not the unit's matter"""
    EXTENSION = "extension"
    """延期"""
    SUSPENSION = "suspension"
    """挂账：it cannot be done now"""
    DISPUTE = "dispute"
    """争议会商：who has to handle it"""
    REFUSAL = "refusal"
    """不予受理：an agent proposes, a dispatcher or supervisor decides"""


class RequestState(StrEnum):
    """Life of a request."""

    PENDING = "pending"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class SuspensionReason(StrEnum):
    """Why a matter cannot be done now (T16)."""

    SEASON = "season"
    WORKS = "works"
    LAW = "law"
    FUNDS = "funds"


def decided_by(role: Role | None) -> tuple[RequestKind, ...]:
    """The kinds that wait in the list of this role; the workflow has the last word on who decides."""
    match role:
        case Role.DISPATCHER:
            return (RequestKind.RETURN, RequestKind.REFUSAL)
        case Role.SUPERVISOR:
            return (RequestKind.RETURN, RequestKind.REFUSAL, RequestKind.EXTENSION, RequestKind.SUSPENSION, RequestKind.DISPUTE)
        case Role.LEADER:
            return (RequestKind.EXTENSION, RequestKind.SUSPENSION, RequestKind.DISPUTE)
        case _:
            return ()
