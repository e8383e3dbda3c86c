"""Every address of the console and who may use it: a permission, several of which one is enough, a list of roles, or None: everybody.

The steps of a ticket (`/console/tickets/{number}/{action}`) ask for what `channels.console.actions.PERMISSIONS` says.
"""

from __future__ import annotations

from knowledge.article.life import STEPS, permissions_of
from knowledge.article.tables import KEEPERS
from tests.channels.staff_api.operation_roles import Needs
from ticketing.people.models import Role
from ticketing.statistics.brief import READERS
from ticketing.tables.exports import EXPORTERS
from ticketing.tables.kinds import IMPORTERS

_WRITERS = STEPS["edit"].permissions
_WORKING = ("knowledge.supply", "knowledge.approve", "knowledge.publish")
_QUALITY = ("quality.score", "quality.appeal")
_SUPERVISION = ("card.see", "board.see", "finding.decide", "burst.see")
_TABLES = tuple(
    {role for each in IMPORTERS.values() for role in each.roles} | {role for each in EXPORTERS.values() for role in each} | set(KEEPERS)
)
"""Whoever imports or exports anything; which kind, the service says."""

GET: dict[str, Needs] = {
    **dict.fromkeys(
        ("style", "sms", "guide", "counts", "notices", "me", "me/notices", "me/tokens", "me/password",
         "guide/{role}", "guide/pictures/{name}"),
    ),
    "desk": "desk.answer", "queue": "queue.see", "queue/roster": "duty.manage", "queue/nuisance": "nuisance.manage",
    "bot": "bot.train", "bot/progress": "bot.train", "call-flow": "call_flow.manage", "calls/{id}/captions": "desk.answer",
    "calls/{id}/form": "ticket.register", "calls/{id}/fields": "ticket.register", "calls/{id}/hints": "desk.answer",
    "phone": ("desk.answer", "call.dial"), "chats": "chat.answer", "chats/{id}/files/{file}": ("chat.answer", "ticket.see"),
    "callbacks": "callback.visit", "callbacks/taken": "callback.record_taken", "notices-sent": "notice.follow",
    "notices-templates": "notice.edit",
    "notices-templates/{key}": "notice.edit", "supervision": _SUPERVISION, "supervision/formal/{number}": "card.see",
    "supervision/hand-over/{number}": "finding.decide", "board": "board.see", "figures": "statistics.board",
    "statistics": ("statistics.see", "system.see"), "statistics/list": ("statistics.see", "system.see"),
    "brief": READERS, "brief/{id}": READERS, "brief/{id}.{form}": READERS, "export/{kind}.{form}": EXPORTERS["units"],
    "import": _TABLES, "articles": "knowledge.read", "articles/speech": ("knowledge.read", "call_flow.manage"), "articles/new": _WRITERS,
    "articles/synonyms": "knowledge.publish", "articles/topics": "knowledge.publish", "articles/{id}": "knowledge.read",
    "articles/{id}/edit": _WRITERS, "articles/{id}/compare": _WORKING, "articles/{id}/told": _WORKING,
    "articles/{id}/files/{file}": "knowledge.read", "held": "appeal.release", "gaps": "knowledge.gaps", "gaps/{id}": "knowledge.gaps",
    "answer-checks": "knowledge.check", "recordings": "recording.list", "recordings/{id}": "recording.list", "quality": _QUALITY,
    "quality/book": "quality.score", "quality/{id}": _QUALITY, "quality/{id}/recording": _QUALITY, "system": "system.see",
    "channels": "system.see", "posters": "poster.manage", "posters/{id}/{form}": "poster.manage",
    "people": "users.manage", "people/new": "users.manage", "people/{id}": "users.manage", "catalogue": "catalogue.manage",
    "units": "units.manage", "lines": "lines.manage", "webhooks": "webhook.manage", "calendar": "calendar.import",
    "policies": "policy.propose", "policies/{key}": "policy.propose", "workflow": "workflow.propose",
    "audit": "audit.see", "audit/roots.txt": "audit.see",
    "tickets": "ticket.see", "tickets/lanes": (Role.CLERK, Role.CHIEF), "tickets/new": "ticket.register", "tickets/{number}": "ticket.see",
    "tickets/{number}/print": "ticket.see", "tickets/{number}/last": "ticket.see", "tickets/{number}/presence": "ticket.see",
    "tickets/{number}/catalogue": ("ticket.dispatch", "dispute.rule"), "tickets/{number}/suggestion": "ticket.see",
    "tickets/{number}/dial": None, "tickets/{number}/{action}": None,  # back to the ticket, which says what may be seen
    "calls/{id}/recording": (Role.AGENT, Role.CALLBACK, Role.QUALITY),  # supervisor and leader say why at the ticket first
    "attachments/{id}": "ticket.see", "published-answers": "answer.approve", "tickets/{number}/publish": "answer.propose",
}  # fmt: skip

POST: dict[str, Needs] = {
    **dict.fromkeys(("notices/read", "me/notices", "me/tokens", "me/tokens/revoke", "me/password", "me/{step}")),
    "duty": ("duty.self", "duty.manage"), "calls/{id}/control": ("call.control", "call.supervise"), "queue/roster": "duty.manage",
    "queue/roster/{id}/drop": "duty.manage", "queue/seats/{user}": "duty.manage", "queue/nuisance": "nuisance.manage",
    "queue/nuisance/{id}/lift": "nuisance.manage", "bot/examples": "bot.train", "bot/examples/{id}/remove": "bot.train",
    "bot/train": "bot.train", "call-flow": "call_flow.manage", "call-flow/form": "call_flow.manage",
    "call-flow/proposals/{id}/{what}": "call_flow.decide", "calls/{id}/draft": "ticket.register",
    "phone/pass": ("desk.answer", "call.dial"), "chats/{id}/take": "chat.answer", "chats/{id}/say": "chat.answer",
    "chats/{id}/draft": "chat.answer", "chats/{id}/{end}": "chat.answer", "callbacks/next": "callback.visit",
    **dict.fromkeys(("callbacks/taken", "callbacks/taken/leave"), "callback.record_taken"),
    "notices-sent/{id}/{step}": "notice.follow", "notices-templates/{key}": "notice.edit", "supervision/{key}/{step}": "card.revoke",
    "brief": (Role.SUPERVISOR, Role.LEADER), "import": _TABLES, "import/{id}/{decision}": None, "articles/new": _WRITERS,
    "articles/suggest": STEPS["collect"].permissions,
    "articles/synonyms": "knowledge.publish",
    "articles/synonyms/{id}/delete": "knowledge.publish", "articles/topics": "knowledge.publish",
    "articles/topics/{id}/{switch}": "knowledge.publish", "articles/{id}/edit": _WRITERS, "articles/{id}/{step}": permissions_of("submit"),
    "held/{id}/{step}": "appeal.release", "gaps/{id}/{step}": "knowledge.gaps", "answer-checks/draw": "knowledge.check",
    "answer-checks/{id}/{result}": "knowledge.check", "recordings/{id}/inspect": "quality.score", "quality/book": "quality.rules",
    "quality/{id}/{step}": _QUALITY, "people/new": "users.manage", "people/{id}/{step}": "users.manage", "catalogue": "catalogue.manage",
    "catalogue/{id}/{step}": "catalogue.manage", "units": "units.manage", "units/{id}/{step}": "units.manage",
    "lines/{number}": "lines.manage", "lines/{number}/{step}": "lines.manage", "webhooks/{step}": "webhook.manage",
    "calendar/preview": "calendar.import", "calendar/apply": "calendar.import", "calendar/hours": "calendar.import",
    "policies/move": "policy.move", "policies/proposals/{id}/{what}": "policy.decide", "policies/{key}": "policy.propose",
    "workflow": "workflow.propose", "workflow/proposals/{id}/{what}": "workflow.decide",
    "posters": "poster.manage", "posters/{id}/{step}": "poster.manage",
    "suggest": "ticket.register", "tickets/views": "ticket.see", "tickets/views/{id}/{step}": "ticket.see",
    "tickets/columns": "ticket.see", "tickets/bulk": "ticket.see", "tickets/new": "ticket.register", "tickets/drafts": "ticket.register",
    "tickets/drafts/{id}/drop": "ticket.register", "tickets/{number}/preview/{action}": "reply.draft",
    "tickets/{number}/reveal": "private.reveal", "tickets/{number}/listen": (Role.SUPERVISOR, Role.LEADER),
    "tickets/{number}/files": "file.add",
    "tickets/{number}/dial": "call.dial", "published-answers/{id}/{step}": "answer.approve", "tickets/{number}/publish": "answer.propose",
}  # fmt: skip
EVERYBODYS = {
    ("GET", ""), ("GET", "login"), ("POST", "login"), ("GET", "login/code"), ("POST", "login/code"), ("POST", "logout"), ("GET", "stream"),
}  # fmt: skip
"""Logging in and out, the way home, and the stream, which ends when the browser goes."""
PARTS = {
    "id": "999999", "number": "12345-20200101-00001", "file": "999999", "form": "csv", "kind": "units", "role": "agent",
    "name": "nothing.png",
    "key": "accepted", "user": "999999", "end": "close", "step": "off", "decision": "drop", "switch": "off", "result": "right",
    "what": "approve", "action": "urge",
}  # fmt: skip
"""What does not exist, where something is named."""
STEP_OF = {
    "notices-sent/{id}/{step}": "leave", "supervision/{key}/{step}": "card-revoke", "articles/{id}/{step}": "submit",
    "held/{id}/{step}": "discard", "gaps/{id}/{step}": "no-need", "quality/{id}/{step}": "appeal", "people/{id}/{step}": "unlock",
    "webhooks/{step}": "switch", "me/{step}": "end-session", "tickets/views/{id}/{step}": "delete", "units/{id}/{step}": "off",
    "published-answers/{id}/{step}": "end", "posters/{id}/{step}": "withdraw",
}  # fmt: skip
OTHER = {
    "supervision/formal/{number}": {"number": "DB-2026-99999"}, "supervision/hand-over/{number}": {"number": "YJ-2026-99999"},
    "supervision/{key}/{step}": {"key": "999999"}, "policies/{key}": {"key": "P-PHONE"}, "lines/{number}": {"number": "99999"},
    "lines/{number}/{step}": {"number": "99999"}, "tickets/drafts/{id}/drop": {"id": "0b0c7a8e-7c0e-4c1d-9d3b-0f6a1c2d3e4f"},
    "tickets/{number}/preview/{action}": {"action": "reply"}, "brief/{id}.{form}": {"form": "xlsx"},
    "posters/{id}/{form}": {"form": "a4.pdf"},
}  # fmt: skip
"""Where the usual would be another kind of thing."""
