# ruff: noqa: S608 - statements are put together from constants of this file
"""Which days of which sources a change touches, noted by the database itself, so that no writer can forget it.

Each table notes the days of its own row, as it was and as it is, and those of other rows of the ticket whose figures read it
(`sources`). Noting too much costs a day that is counted again; noting too little would be a wrong figure. What no source reads
(who signed, texts, versions) notes nothing.
"""

from __future__ import annotations

_DAY = "(timezone('Asia/Shanghai', {at}))::date"
_ALL = "'{received,closed,rated,assigned,replied,sign,contact,handle,callback,card}'"
_KINDS = "('sign', 'contact', 'handle', 'callback')"
"""Clocks that are counted; their moments are named like them."""

_NOTE = f"""CREATE FUNCTION note_figure(p_moment text, p_at timestamptz) RETURNS void LANGUAGE sql AS $$
    INSERT INTO figure_change (moment, day) SELECT p_moment, {_DAY.format(at="p_at")} WHERE p_at IS NOT NULL
$$"""

_OF_TICKET = f"""CREATE FUNCTION note_figures(p_ticket bigint, p_moments text[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO figure_change (moment, day)
    SELECT DISTINCT moment, {_DAY.format(at="at")} FROM (
        SELECT 'received' AS moment, received_at AS at FROM ticket WHERE id = p_ticket
        UNION ALL SELECT 'closed', closed_at FROM ticket WHERE id = p_ticket
        UNION ALL SELECT 'rated', closed_at FROM ticket WHERE id = p_ticket
        UNION ALL SELECT 'rated', finished_at FROM callback_task WHERE ticket_id = p_ticket
        UNION ALL SELECT 'assigned', assigned_at FROM assignment WHERE ticket_id = p_ticket
        UNION ALL SELECT 'replied', accepted_at FROM assignment WHERE ticket_id = p_ticket
        UNION ALL SELECT kind, due_at FROM deadline WHERE ticket_id = p_ticket AND kind IN {_KINDS}
        UNION ALL SELECT 'card', at FROM card WHERE ticket_id = p_ticket
    ) counted WHERE at IS NOT NULL AND moment = ANY (p_moments)
$$"""


def _function(table: str, own: dict[str, str], more: str) -> str:
    """A trigger function: the days of the row by `own` (SQL of the moment -> column), before and after, then `more`.

    `now_is` is the row as it is, or was before it went.
    """
    notes = {
        record: " ".join(
            f"PERFORM note_figure({moment.replace('row.', f'{record}.')}, {record}.{column});" for moment, column in own.items()
        )
        for record in ("OLD", "NEW")
    }
    return f"""CREATE FUNCTION note_{table}_figures() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    now_is {table} := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    IF TG_OP <> 'INSERT' THEN {notes["OLD"] or "NULL;"} END IF;
    IF TG_OP <> 'DELETE' THEN {notes["NEW"] or "NULL;"} END IF;
    {more}
    RETURN NULL;
END
$$"""


def _triggers(table: str, read: tuple[str, ...], *, only: str = "") -> list[str]:
    """When the function is called: for every row that comes or goes, and for one of whose values `read` (on `row`) changed.

    `only`: a condition on `row` without which it is not counted at all.
    """

    def of(record: str, words: str) -> str:
        return words.replace("row.", f"{record}.")

    old, new = (", ".join(of(record, each) for each in read) for record in ("OLD", "NEW"))
    changed = f"ROW({old}) IS DISTINCT FROM ROW({new})"
    calls = f"FOR EACH ROW {{}}EXECUTE FUNCTION note_{table}_figures()"
    conditions = {"INSERT": of("NEW", only), "DELETE": of("OLD", only), "UPDATE": changed}
    if only:
        conditions["UPDATE"] = f"{changed} AND ({of('OLD', only)} OR {of('NEW', only)})"
    return [
        f"CREATE TRIGGER {table}_figures_{moment.lower()} AFTER {moment} ON {table} "
        + calls.format(f"WHEN ({condition}) " if condition else "")
        for moment, condition in conditions.items()
    ]


_CLASS = """CASE WHEN row.state IN ('draft', 'invalid', 'merged', 'answered') THEN row.state
    WHEN row.state IN ('closed', 'archived') THEN 'closed' ELSE 'open' END"""
"""All that sources ask of a ticket's state."""
_EVERYWHERE = ("line", "category_code", "district", "channel", "confidentiality", "kind", "excluded_from_rates", "citizen_id", "contact_by")
"""What of a ticket decides where, or whether, each of its rows is counted."""
_CLOSED = ("'draft'", "'invalid'", "'merged'")
_HEAD = (
    "refusal_reason", "received_at", "closed_at", "dispatched_at", "repeat_of_id", "master_id", "round", "reported_unit_id", "satisfaction",
    "solved", "created_by_id",
)  # fmt: skip
_PLACED = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in _EVERYWHERE)
_UNCOUNTED = (
    f"(OLD.state IN ({', '.join(_CLOSED)})) <> (NEW.state IN ({', '.join(_CLOSED)})) OR OLD.state = 'merged' OR NEW.state = 'merged'"
)
_TICKET = f"""
    IF TG_OP = 'UPDATE' THEN
        IF {_PLACED} OR {_UNCOUNTED} THEN
            PERFORM note_figures(NEW.id, {_ALL});
        ELSIF OLD.closed_at IS DISTINCT FROM NEW.closed_at THEN
            PERFORM note_figures(NEW.id, '{{handle}}');
        END IF;
        PERFORM note_figure('received', received_at) FROM ticket WHERE master_id = NEW.id;
        IF OLD.received_at <> NEW.received_at THEN
            PERFORM note_figure('received', received_at) FROM ticket WHERE repeat_of_id = NEW.id;
        END IF;
    END IF;"""
_GONE = "CASE WHEN row.state IN ('returned', 'cancelled') THEN row.state END"
_ASSIGNMENT = f"""
    IF TG_OP = 'INSERT' THEN
        PERFORM note_figures(NEW.ticket_id, '{{received,closed,rated,callback}}');
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM note_figures(OLD.ticket_id, {_ALL});
    ELSIF (OLD.ticket_id, OLD.unit_id, OLD.lead, {_GONE.replace("row.", "OLD.")})
        IS DISTINCT FROM (NEW.ticket_id, NEW.unit_id, NEW.lead, {_GONE.replace("row.", "NEW.")}) THEN
        PERFORM note_figures(OLD.ticket_id, {_ALL});
        PERFORM note_figures(NEW.ticket_id, {_ALL});
    END IF;"""
_DEADLINE = """
    IF now_is.kind = 'contact' THEN
        PERFORM note_figures(now_is.ticket_id, '{sign}');
    ELSIF now_is.kind = 'handle' AND TG_OP = 'DELETE' THEN
        PERFORM note_figures(now_is.ticket_id, '{handle}');
    END IF;"""

STATEMENTS = (
    _NOTE,
    _OF_TICKET,
    _function("ticket", {"'received'": "received_at", "'closed'": "closed_at", "'rated'": "closed_at"}, _TICKET),
    *_triggers("ticket", (_CLASS, "row.answer IS NULL", *(f"row.{name}" for name in (*_HEAD, *_EVERYWHERE)))),
    _function("assignment", {"'assigned'": "assigned_at", "'replied'": "accepted_at"}, _ASSIGNMENT),
    *_triggers(
        "assignment",
        (
            "row.ticket_id", "row.unit_id", "row.lead", "row.assigned_at", "row.accepted_at",
            _GONE,
        ),
    ),
    _function("deadline", {"row.kind": "due_at"}, _DEADLINE),
    *_triggers(
        "deadline",
        (
            *(f"row.{name}" for name in ("ticket_id", "assignment_id", "kind", "state")),
            *(f"row.{name}" for name in ("due_at", "original_due_at", "started_at", "stopped_at")),
        ),
        only=f"row.kind IN {_KINDS}",
    ),
    _function(
        "callback_task",
        {"'rated'": "finished_at"},
        """PERFORM note_figures(now_is.ticket_id, '{callback}');
    IF TG_OP <> 'UPDATE' THEN
        PERFORM note_figures(now_is.ticket_id, '{handle,rated}');
    END IF;""",
    ),
    *_triggers(
        "callback_task",
        (
            *(f"row.{name}" for name in ("ticket_id", "state", "kind", "plan", "finished_at", "satisfaction", "solved", "user_id")),
            "row.attempts > 0",
        ),
    ),
    _function("card", {"'card'": "at"}, "PERFORM note_figures(now_is.ticket_id, '{assigned}');"),
    *_triggers("card", tuple(f"row.{name}" for name in ("ticket_id", "unit_id", "state", "colour", "at"))),
    _function("finding", {}, "PERFORM note_figures(now_is.ticket_id, '{closed}');"),
    *_triggers("finding", ("row.ticket_id", "row.state = 'dismissed'")),
    _function("request", {}, "PERFORM note_figure('assigned', assigned_at) FROM assignment WHERE id = now_is.assignment_id;"),
    *_triggers("request", ("row.assignment_id", "row.kind", "row.state"), only="row.state = 'approved'"),
    _function(
        "reply",
        {},
        """PERFORM note_figure('replied', a.accepted_at), note_figure('closed', t.closed_at)
    FROM assignment a JOIN ticket t ON t.id = a.ticket_id WHERE a.id = now_is.assignment_id;""",
    ),
    *_triggers("reply", ("row.assignment_id", "row.accepted", "row.facts"), only="row.accepted IS NOT NULL"),
)  # fmt: skip
"""For the first migration, after every table."""
