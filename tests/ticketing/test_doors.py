"""One access function per entity: no select of tickets in the tree passes by `ticketing.ticket.access` (zammad 2757, 1857, 2766).

A function that selects tickets uses a door itself, or stands below with the reason why it shows nobody what he may not see.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("hotline", "ticketing", "chatbot", "knowledge", "telephony", "channels")
DOORS = {
    "visible", "visible_to", "may_see", "_may_see", "access_ticket", "access_by_code", "access_opened", "own_tickets",
    "tickets_of_citizen", "tickets_of_number", "public_tickets", "queue",
}  # fmt: skip
"""`may_see` and `queue` ask `visible` for cards, findings, records and callbacks."""

COMMAND = "the operator's command line; who has the machine has the database"
MACHINE = "a machine's tick: it changes what is due and shows nobody anything"
REACHED = "rows that belong to a ticket which the caller reached by its door"
DOOR = "the door itself, or a part of it"
LOCKS = "locks a ticket by the row through which the caller reached it"
OWN = "the citizen's own conversation or link"
COUNT = "numbers of tickets only"
INTERNAL: dict[str, tuple[str, set[str]]] = {
    "channels/console/channel_states.py": (COUNT, {"_rows"}),
    "hotline/commands/audit.py": (COMMAND, {"_verify"}),
    "hotline/commands/retention.py": (COMMAND, {"step"}),
    "hotline/commands/ticket.py": (COMMAND, {"_load"}),
    "hotline/demo/special.py": (COMMAND, {"step"}),
    "hotline/demo/stage.py": (COMMAND, {"sweep", "ticket"}),
    "hotline/demo/talks.py": (COMMAND, {"step"}),
    "hotline/metrics.py": (COUNT, {"open_by_state"}),
    "ticketing/assignment/service.py": ("door of a unit's part: by its unit", {"access_assignment"}),
    "ticketing/callback/batch.py": (MACHINE, {"_each"}),
    "ticketing/callback/links.py": (OWN, {"open_link"}),
    "ticketing/callback/return_calls.py": (LOCKS, {"finish_return_call"}),
    "ticketing/callback/robot.py": (MACHINE, {"_held", "due"}),
    "ticketing/callback/taken.py": ("what the robot put through to this person, while the task is in their hands", {"in_hand"}),
    "ticketing/callback/tasks.py": (MACHINE, {"return_abandoned"}),
    "ticketing/conversation/calls.py": (MACHINE, {"owe_return_call"}),
    "ticketing/conversation/outgoing.py": (REACHED, {"start_outgoing"}),
    "ticketing/conversation/transcriptions.py": (MACHINE, {"finish"}),
    "ticketing/deadline/recompute.py": (MACHINE, {"_batch"}),
    "ticketing/deadline/service.py": (REACHED, {"extend_clock"}),
    "ticketing/dialling/automatic.py": (MACHINE, {"_owed"}),
    "ticketing/dialling/progress.py": (LOCKS, {"_locked", "claim"}),
    "ticketing/exchange/service.py": (
        "the administrator's journal and the push to the unit's own system",
        {"delivered", "journal", "outgoing", "push_new"},
    ),
    "ticketing/held/service.py": (OWN, {"shown"}),
    "ticketing/notice/deliveries.py": (MACHINE, {"_by_sms"}),
    "ticketing/people/units.py": (COUNT, {"_refuse_if_needed"}),
    "ticketing/publication/service.py": (LOCKS, {"_locked"}),
    "ticketing/relation/follow.py": (REACHED, {"followers"}),
    "ticketing/relation/links.py": (REACHED, {"master_of"}),
    "ticketing/relation/merge.py": (REACHED, {"_count", "merge", "merged_into"}),
    "ticketing/relation/repeat.py": (REACHED, {"_leads_to"}),
    "ticketing/retention/person.py": ("an administrator erases a person, by number; nothing is shown", {"_all_of", "_targets"}),
    "ticketing/retention/rules.py": (MACHINE, {"_archive", "anonymise"}),
    "ticketing/statistics/brief.py": ("a brief for the leadership; secret tickets are left out", {"_overdue"}),
    "ticketing/suggestion/automatic.py": (MACHINE, {"_next"}),
    "ticketing/supervision/bursts.py": (MACHINE, {"_place_new", "look_for_rises"}),
    "ticketing/supervision/commitments.py": (MACHINE, {"_tell"}),
    "ticketing/supervision/false_reply.py": (LOCKS, {"answered"}),
    "ticketing/supervision/formal.py": (MACHINE, {"tell_overdue"}),
    "ticketing/supervision/monitoring.py": (MACHINE, {"_same_text"}),
    "ticketing/supervision/nightly.py": (MACHINE, {"_closed", "_replies"}),
    "ticketing/supervision/inbox.py": ("what was told to this person", {"inbox"}),
    "ticketing/supervision/rectification.py": (MACHINE, {"tell_overdue"}),
    "ticketing/supervision/sweep.py": (MACHINE, {"_expire", "_locked", "_tickets"}),
    "ticketing/tables/migration.py": (COUNT, {"begin"}),
    "ticketing/ticket/access.py": (
        DOOR,
        {"_may_listen", "access_by_code", "access_opened", "public_tickets", "tickets_of_citizen", "tickets_of_number", "of_secret"},
    ),
    "ticketing/ticket/lists.py": ("rows of ids that the door found", {"rows_of"}),
    "ticketing/ticket/queue_pages.py": ("pages of what the door found", {"_lying", "page_ids"}),
    "ticketing/ticket/queues.py": ("a condition that `visible` is joined to", {"_latest_over"}),
    "ticketing/ticket/workflow_versions.py": (COUNT, {"_nobody_stuck"}),
    "ticketing/webhook/service.py": ("secret tickets are never told of", {"fan_out", "may_be_told"}),
    "ticketing/ticket/danger.py": (LOCKS, {"_ticket_of"}),
    "chatbot/districts.py": (OWN, {"district_of"}),
    "chatbot/progress.py": (OWN, {"_own", "_status", "_urge"}),
    "chatbot/registration.py": (OWN, {"register_draft", "registered_since"}),
    "knowledge/article/trace.py": ("numbers beside the answers that were given", {"answers_given"}),
    "telephony/robot/work.py": (MACHINE, {"_claim"}),
    "channels/console/board.py": ("rows of the ids that its `_walk` found by the door", {"_lanes"}),
    "channels/console/register.py": ("what this person registered a moment ago", {"_already", "_leave_trace"}),
    "channels/console/pop.py": ("what this person registered in this call", {"_registered"}),
    "channels/console/ticket_rows.py": (REACHED, {"<module>"}),
    "channels/portal/ask_view.py": (OWN, {"load_talk"}),
    "channels/portal/tickets.py": (OWN, {"tracked"}),
    "channels/wechat/keeping.py": (OWN, {"_fresh_ticket"}),
    "channels/wechat/rating.py": (MACHINE, {"ask_due"}),
}


def _selects(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls of select, select_from, get and get_one that take Ticket or one of its columns."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        bases = (arg.value if isinstance(arg, ast.Attribute) else arg for arg in node.args)
        if name in ("select", "select_from", "get", "get_one") and any(
            isinstance(base, ast.Name) and base.id == "Ticket" for base in bases
        ):
            yield node


def _doorless(source: str) -> set[str]:
    """Functions that select tickets without a door."""
    tree = ast.parse(source)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    found = set()
    for call in _selects(tree):
        around = [each for each in functions if each.lineno <= call.lineno <= (each.end_lineno or 0)]
        if not around:
            found.add("<module>")
        elif not any(isinstance(node, ast.Name) and node.id in DOORS for node in ast.walk(around[-1])):
            found.add(max(around, key=lambda each: each.lineno).name)
    return found


def _sources() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if not {"migrations", "rasa"} & set(path.parts):
                yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def test_no_select_of_tickets_passes_by_the_door__zammad_2757() -> None:
    beside = {
        f"{path}: {name}" for path, source in _sources() for name in _doorless(source) - INTERNAL.get(path, ("", set()))[1]
    }  # fmt: skip
    assert not beside, "use a door of ticketing.ticket.access, or name the function above with its reason"


def test_the_search_finds_what_it_looks_for() -> None:
    assert _doorless("async def page(session):\n    return await session.scalar(select(Ticket).where(Ticket.number == 'x'))") == {"page"}
    assert _doorless("def page(core, actor):\n    return select(Ticket.id).where(visible(core, actor))") == set()
