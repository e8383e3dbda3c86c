"""Where the workflow lets somebody take a step whom the matrix of permissions (domain.md 4b) does not let take it.

Both have to agree: the page or the call asks for the permission first, then the service asks the workflow. The matrix comes with the
program, so that a proposal which only names a further role changes nothing for that role; whoever decides about it should know.
"""

from __future__ import annotations

from collections.abc import Iterable

from ticketing.people import permissions
from ticketing.people.models import Role

_STAFF = frozenset(role.value for role in Role)
_VISIT = ("callback.visit", "callback.record_taken")
NEEDED: dict[tuple[str, str], tuple[str, ...]] = {
    ("ticket", "register"): ("ticket.register",),
    ("ticket", "answer"): ("ticket.answer", "return_call.finish"),
    ("ticket", "transfer_emergency"): ("ticket.emergency",),
    ("ticket", "reject"): ("refusal.decide",),
    ("ticket", "request_info"): ("ticket.ask",),
    ("ticket", "supplement"): ("ticket.supplement", "ticket.ask"),
    ("ticket", "merge"): ("ticket.merge",),
    ("ticket", "submit"): ("ticket.submit",),
    ("ticket", "dispatch"): ("ticket.dispatch",),
    ("ticket", "redispatch"): ("return.decide",),
    ("ticket", "open_dispute"): ("dispute.propose", "request.ask", "request.consent", "return.decide"),
    ("ticket", "rule_dispute"): ("dispute.rule",),
    ("ticket", "suspend"): ("suspension.decide",),
    ("ticket", "resume"): ("suspension.resume",),
    ("ticket", "accept_reply"): ("reply.review",),
    ("ticket", "send_back"): ("reply.review",),
    ("ticket", "close"): _VISIT,
    ("ticket", "close_unreached"): _VISIT,
    ("ticket", "redo"): _VISIT,
    ("ticket", "close_disputed"): ("ticket.close_disputed",),
    ("ticket", "reopen"): ("ticket.reopen",),
    ("ticket", "invalidate"): ("ticket.invalidate",),
    ("ticket", "rate_answer"): _VISIT,
    ("ticket", "answer_refused"): _VISIT,
    ("ticket", "emergency_taken_over"): ("ticket.emergency",),
    ("ticket", "emergency_remains"): ("ticket.emergency",),
    ("ticket", "object"): ("refusal.object",),
    ("ticket", "close_no_contact"): ("ticket.close_no_contact",),
    ("ticket", "unmerge"): ("ticket.merge",),
    ("assignment", "assign"): ("ticket.dispatch", "unit.subdispatch"),
    ("assignment", "sign"): ("assignment.work",),
    ("assignment", "return"): ("return.decide",),
    ("assignment", "reassign"): ("ticket.dispatch",),
    ("assignment", "contact"): ("assignment.work",),
    ("assignment", "draft_reply"): ("reply.draft",),
    ("assignment", "refuse_draft"): ("reply.sign",),
    ("assignment", "sign_off"): ("reply.sign",),
    ("assignment", "accept"): ("reply.review",),
    ("assignment", "redo"): ("reply.review", "ticket.reopen", *_VISIT),
    ("assignment", "cancel"): ("ticket.dispatch",),
    ("requests", "return.asks"): ("request.ask",),
    ("requests", "return.decides"): ("return.decide",),
    ("requests", "extension.asks"): ("request.ask",),
    ("requests", "extension.consents"): ("request.consent",),
    ("requests", "extension.decides"): ("extension.decide",),
    ("requests", "suspension.asks"): ("request.ask",),
    ("requests", "suspension.consents"): ("request.consent",),
    ("requests", "suspension.decides"): ("suspension.decide",),
    ("requests", "dispute.asks"): ("dispute.propose", "request.ask", "request.consent", "return.decide"),
    ("requests", "dispute.decides"): ("dispute.rule",),
    ("requests", "refusal.asks"): ("refusal.propose",),
    ("requests", "refusal.decides"): ("refusal.decide",),
    ("acts", "urge"): ("ticket.urge",),
    ("acts", "supervise"): ("supervision.open",),
    ("acts", "yellow"): ("card.give",),
    ("acts", "red"): ("card.give",),
}
"""Permissions of which one lets a member of the staff take the step, by part and name; what is missing here no member of the staff does."""


def not_permitted(part: str, name: str, prop: str, people: Iterable[str]) -> frozenset[str]:
    """Those roles among `people` whom the matrix does not let take the step. `prop`: what names them, `who` or `asks`."""
    step = f"{name}.{prop}" if part == "requests" else name
    matrix = permissions.load()
    given = {role for permission in NEEDED.get((part, step), ()) for role in matrix.permissions[permission]}
    return (frozenset(people) & _STAFF) - given


__all__ = ["NEEDED", "not_permitted"]
