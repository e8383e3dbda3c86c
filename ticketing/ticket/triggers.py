# ruff: noqa: S608 - a number of our own in a statement
"""What the database keeps of a ticket by itself: when its next clock is due, the words by which it is found, at which units it lies.

Both are derived, so that a list of a million tickets is read by an index (lesson 16) and no writer can forget them:
start, pause, extension and end of a clock, imports and retention all pass here (docs/decisions/0110).
"""

from __future__ import annotations

BLOCK_BITS = 14
"""Tickets are searched in blocks of 2 ** 14, newest first."""

_NEXT_DUE = """CREATE FUNCTION keep_next_due() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    owner bigint := CASE TG_OP WHEN 'DELETE' THEN OLD.ticket_id ELSE NEW.ticket_id END;
    due timestamptz;
    white timestamptz;
    yellow timestamptz;
BEGIN
    SELECT min(due_at), min(white_at), min(coalesce(yellow_at, due_at)) INTO due, white, yellow
    FROM deadline WHERE ticket_id = owner AND state = 'running';
    UPDATE ticket SET next_due_at = due, next_white_at = white, next_yellow_at = yellow
    WHERE id = owner AND (next_due_at, next_white_at, next_yellow_at) IS DISTINCT FROM (due, white, yellow);
    RETURN NULL;
END
$$"""

_CELLS = """CREATE FUNCTION word_cells(p_text text, p_block bigint) RETURNS integer[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT hashtext(pair || p_block)), '{}')
    FROM (SELECT letter || lead(letter) OVER (ORDER BY place) AS pair
        FROM unnest(string_to_array(lower(p_text), NULL)) WITH ORDINALITY AS said (letter, place)) pairs
    WHERE pair IS NOT NULL
$$"""

_WORDS = f"""CREATE FUNCTION keep_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ticket_words (ticket_id, cells)
    VALUES (NEW.id, word_cells(NEW.title || ' ' || NEW.address || ' ' || NEW.content, NEW.id >> {BLOCK_BITS}))
    ON CONFLICT (ticket_id) DO UPDATE SET cells = excluded.cells;
    RETURN NULL;
END
$$"""

QUEUED = """SELECT a.id, a.ticket_id, a.unit_id, a.state, t.state, t.next_due_at, t.next_white_at, t.next_yellow_at, t.closed_at,
        t.confidentiality = 'secret', t.line
    FROM assignment a JOIN ticket t ON t.id = a.ticket_id WHERE a.state NOT IN ('returned', 'cancelled')"""
"""The rows of `unit_queue`."""
QUEUE_COLUMNS = "assignment_id, ticket_id, unit_id, part, state, next_due_at, next_white_at, next_yellow_at, closed_at, secret, line"
_OF_TICKET = ("state", "next_due_at", "next_white_at", "next_yellow_at", "closed_at", "confidentiality", "line")
"""What of a ticket stands in `unit_queue`."""

_ASSIGNED = f"""CREATE FUNCTION keep_unit_queue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO unit_queue ({QUEUE_COLUMNS}) {QUEUED} AND a.id = NEW.id
    ON CONFLICT (assignment_id) DO UPDATE SET unit_id = excluded.unit_id, part = excluded.part;
    IF NOT FOUND THEN
        DELETE FROM unit_queue WHERE assignment_id = NEW.id;
    END IF;
    RETURN NULL;
END
$$"""

_MOVED = """CREATE FUNCTION move_unit_queue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE unit_queue SET state = NEW.state, next_due_at = NEW.next_due_at, next_white_at = NEW.next_white_at,
        next_yellow_at = NEW.next_yellow_at, closed_at = NEW.closed_at, secret = NEW.confidentiality = 'secret', line = NEW.line
    WHERE ticket_id = NEW.id;
    RETURN NULL;
END
$$"""

STATEMENTS = (
    _NEXT_DUE,
    _CELLS,
    _WORDS,
    _ASSIGNED,
    _MOVED,
    "CREATE TRIGGER assignment_is_queued AFTER INSERT ON assignment FOR EACH ROW EXECUTE FUNCTION keep_unit_queue()",
    """CREATE TRIGGER assignment_is_queued_anew AFTER UPDATE OF state, unit_id ON assignment FOR EACH ROW
    WHEN (OLD.state <> NEW.state OR OLD.unit_id <> NEW.unit_id) EXECUTE FUNCTION keep_unit_queue()""",
    f"""CREATE TRIGGER ticket_moves_in_queues AFTER UPDATE OF {", ".join(_OF_TICKET)} ON ticket FOR EACH ROW
    WHEN (({", ".join(f"OLD.{name}" for name in _OF_TICKET)}) IS DISTINCT FROM ({", ".join(f"NEW.{name}" for name in _OF_TICKET)}))
    EXECUTE FUNCTION move_unit_queue()""",
    "CREATE TRIGGER deadline_starts AFTER INSERT ON deadline FOR EACH ROW WHEN (NEW.state = 'running') EXECUTE FUNCTION keep_next_due()",
    """CREATE TRIGGER deadline_moves AFTER UPDATE OF state, due_at, white_at, yellow_at ON deadline FOR EACH ROW
    WHEN ((OLD.state, OLD.due_at, OLD.white_at, OLD.yellow_at) IS DISTINCT FROM (NEW.state, NEW.due_at, NEW.white_at, NEW.yellow_at))
    EXECUTE FUNCTION keep_next_due()""",
    "CREATE TRIGGER deadline_goes AFTER DELETE ON deadline FOR EACH ROW WHEN (OLD.state = 'running') EXECUTE FUNCTION keep_next_due()",
    "CREATE TRIGGER ticket_is_found AFTER INSERT ON ticket FOR EACH ROW EXECUTE FUNCTION keep_words()",
    """CREATE TRIGGER ticket_is_found_anew AFTER UPDATE OF title, address, content ON ticket FOR EACH ROW
    WHEN ((OLD.title, OLD.address, OLD.content) IS DISTINCT FROM (NEW.title, NEW.address, NEW.content)) EXECUTE FUNCTION keep_words()""",
)
"""For the first migration, after every table."""
