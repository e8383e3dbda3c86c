"""What the database itself holds about the event log: one way to append, and no way to change."""

from __future__ import annotations

APPEND_EVENTS = """CREATE FUNCTION append_events(p_subject text, p_items jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    key text;
    item jsonb;
    new_seq bigint;
    last_hash text;
BEGIN
    -- our transaction's number is taken before an event's number: a seal waits for whoever may still hold a lower one
    PERFORM pg_current_xact_id();
    -- sorted: two writers wait for each other and do not block each other for ever. Each statement sees what is committed now
    FOR key IN SELECT DISTINCT value->>'subject_id' FROM jsonb_array_elements(p_items) ORDER BY 1 LOOP
        PERFORM pg_advisory_xact_lock(hashtextextended(p_subject || ':' || key, 0));
    END LOOP;
    FOR item IN SELECT value FROM jsonb_array_elements(p_items) WITH ORDINALITY ORDER BY ordinality LOOP
        SELECT event.seq, event.hash INTO new_seq, last_hash FROM event
            WHERE event.subject = p_subject AND event.subject_id = item->>'subject_id' ORDER BY event.seq DESC LIMIT 1;
        new_seq := coalesce(new_seq, 0) + 1;
        last_hash := coalesce(last_hash, '');
        INSERT INTO event (at, name, subject, subject_id, seq, actor_kind, actor_id, actor_label, data, public, previous_hash, hash)
        VALUES ((item->>'at')::timestamptz, item->>'name', p_subject, item->>'subject_id', new_seq, item->>'actor_kind',
            (item->>'actor_id')::bigint, item->>'actor_label', item->'data', (item->>'public')::boolean, last_hash,
            encode(sha256(convert_to(last_hash || E'\\n' || new_seq || E'\\n' || (item->>'body'), 'UTF8')), 'hex'));
        IF item ? 'notify' THEN
            PERFORM pg_notify('hotline_events', item->>'notify');
        END IF;
    END LOOP;
END
$$"""
"""`hotline.events.link_digest` in SQL: a whole record costs one round trip. Called by `hotline.events.record_many` only."""

_REFUSE = """CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$"""

APPEND_ONLY_TABLES = ("event", "audit_seal", "audit_day")
"""Neither UPDATE nor DELETE nor TRUNCATE, whoever connects."""


def statements() -> tuple[str, ...]:
    """The functions and triggers, after every table."""
    triggers = []
    for table in APPEND_ONLY_TABLES:
        for name, moment, each in (("append_only", "UPDATE OR DELETE", "ROW"), ("no_truncate", "TRUNCATE", "STATEMENT")):
            refuse = "EXECUTE FUNCTION refuse_audit_change()"
            triggers.append(f"CREATE TRIGGER {table}_{name} BEFORE {moment} ON {table} FOR EACH {each} {refuse}")
    return (APPEND_EVENTS, _REFUSE, *triggers)
