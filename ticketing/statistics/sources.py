# ruff: noqa: S608 - statements are put together from constants of this file
"""What is counted: one source per kind of thing, each a SELECT with the moment that puts it into a period.

A row is one thing (a ticket, an assignment, a clock, a callback, a call, a session). Every source has the columns

- `at`: the moment by which the row belongs to a period ("tickets whose relevant due time lies in the period");
- `item`: the identity of the thing; `ticket_id`: its ticket, null when there is none;
- `line, unit_id, category_code, district, channel`: where it is counted;
- `person_id`: whose own figure it is; `secret`: counted in totals only;

and the measures, on which the formulas of `indicators` are built. PostgreSQL drops the measures that a formula does not use,
and pushes the period down to an index on the moment: a month costs the same whether a thousand tickets or a million are stored.
"""

from __future__ import annotations

from dataclasses import dataclass

from hotline.i18n import texts

_TICKET = "t.line, t.category_code, t.district, t.channel, coalesce(t.confidentiality = 'secret', false) AS secret"
_LEAD_UNIT = (
    "(SELECT a.unit_id FROM assignment a WHERE a.ticket_id = t.id AND a.lead AND a.state NOT IN ('returned', 'cancelled')) AS unit_id"
)
_CALLED_LINE = "coalesce((SELECT b.line FROM line_alias b WHERE b.number = c.called), c.called) AS line"
_DUE = "c.state IN ('running', 'met', 'late') AND c.due_at <= :now"
_COUNTED = "t.state NOT IN ('draft', 'invalid', 'merged')"


@dataclass(frozen=True)
class Source:
    """One kind of thing to count."""

    key: str
    item: str
    """What a row is: ticket, assignment, clock, callback, card, call, session, answer."""
    population: str
    """Which rows, and which moment puts them into a period; in Chinese, for the page and the documentation."""
    sql: str
    by_unit: bool = True
    """Whether a row belongs to a unit."""
    by_ticket: bool = True
    """Whether a row has a ticket, so that category, district and channel mean something."""
    moment: str = ""
    """Under what name `day_triggers` notes that a row of a day changed; empty: days of this source are not kept."""
    open_days: str = ""
    """Days of :start to :end whose rows are not yet what they will be, without anything being written: such a day is not kept."""


def _source(key: str, item: str, population: str, sql: str, *, open_days: str = "", moment: str = "", **more: bool) -> Source:
    return Source(key, item, population, " ".join(sql.split()), moment=moment, open_days=" ".join(open_days.split()), **more)


RECEIVED = _source(
    "received",
    "ticket",
    texts("登记时间在时段内的工单；草稿、无效不算；并单的每一件都算（每个人都算一次诉求）"),
    f"""
    SELECT t.received_at AS at, t.id::text AS item, t.id AS ticket_id, {_TICKET}, {_LEAD_UNIT}, t.created_by_id AS person_id,
        t.refusal_reason IS NULL AS accepted, t.refusal_reason,
        t.state IN ('closed', 'archived') AND t.refusal_reason IS NULL
            OR t.state = 'merged' AND EXISTS (SELECT FROM ticket m WHERE m.id = t.master_id AND m.state IN ('closed', 'archived'))
            AS closed,
        t.dispatched_at IS NULL AND t.answer IS NOT NULL AND t.state IN ('answered', 'closed', 'archived') AS direct,
        EXISTS (SELECT FROM ticket r WHERE r.id = t.repeat_of_id AND r.received_at >= t.received_at - interval '90 days') AS repeated
    FROM ticket t WHERE t.state NOT IN ('draft', 'invalid')
    """,
    moment="received",
)

CLOSED = _source(
    "closed",
    "ticket",
    texts("办结时间在时段内、现在仍是办结或归档的工单；不予受理后归档的不算，并单的只算主单"),
    f"""
    SELECT t.closed_at AS at, t.id::text AS item, t.id AS ticket_id, {_TICKET}, {_LEAD_UNIT}, t.created_by_id AS person_id,
        t.round - 1 AS redone,
        t.kind = 'complaint' AND t.reported_unit_id IS NOT NULL AS about_service,
        EXISTS (SELECT FROM reply r JOIN assignment a ON a.id = r.assignment_id
                WHERE a.ticket_id = t.id AND a.lead AND r.accepted AND r.facts IN ('true', 'partly')) AS upheld,
        t.satisfaction IS NOT NULL AS rated,
        coalesce(t.satisfaction IN ('very_satisfied', 'satisfied'), false) AS satisfied,
        EXISTS (SELECT FROM finding f WHERE f.ticket_id = t.id AND f.state <> 'dismissed') AS abnormal,
        t.dispatched_at IS NOT NULL AS dispatched,
        (SELECT a.unit_id FROM assignment a WHERE a.ticket_id = t.id AND a.lead ORDER BY a.id LIMIT 1)
            = (SELECT a.unit_id FROM assignment a WHERE a.ticket_id = t.id AND a.lead ORDER BY a.id DESC LIMIT 1) AS routed_right
    FROM ticket t WHERE t.state IN ('closed', 'archived') AND t.closed_at IS NOT NULL AND t.refusal_reason IS NULL
    """,
    moment="closed",
)

_FIRST = "NOT EXISTS (SELECT FROM assignment b WHERE b.ticket_id = a.ticket_id AND b.lead AND b.id < a.id)"


def _cards(colour: str) -> str:
    of_it = "k.ticket_id = t.id AND k.unit_id = a.unit_id AND k.at >= a.assigned_at AND k.state = 'given'"
    return f"(SELECT count(*) FROM card k WHERE {of_it} AND k.colour = '{colour}')"


def _approved(kind: str) -> str:
    return f"EXISTS (SELECT FROM request q WHERE q.assignment_id = a.id AND q.kind = '{kind}' AND q.state = 'approved')"


ASSIGNED = _source(
    "assigned",
    "assignment",
    texts("派单时间在时段内的派单（主办、协办各算一次）；撤派的、已并单和无效工单的不算"),
    f"""
    SELECT a.assigned_at AS at, a.id::text AS item, a.ticket_id, {_TICKET}, a.unit_id, a.assigned_by_id AS person_id,
        a.lead AND {_FIRST} AS first_lead,
        a.state = 'returned' AS returned,
        {_approved("extension")} AS extended, {_approved("suspension")} AS suspended,
        {_cards("yellow")} AS yellow, {_cards("red")} AS red
    FROM assignment a JOIN ticket t ON t.id = a.ticket_id WHERE a.state <> 'cancelled' AND {_COUNTED}
    """,
    moment="assigned",
)


def _clock(key: str, kind: str, population: str, extra: str = "") -> Source:
    return _source(
        key,
        "clock",
        population,
        f"""
        SELECT c.due_at AS at, c.id::text AS item, c.ticket_id, {_TICKET}, a.unit_id, NULL::bigint AS person_id,
            c.stopped_at IS NOT NULL AND c.stopped_at <= c.due_at AS in_time {extra}
        FROM deadline c JOIN assignment a ON a.id = c.assignment_id JOIN ticket t ON t.id = c.ticket_id
        WHERE c.kind = '{kind}' AND {_DUE} AND a.state NOT IN ('returned', 'cancelled') AND {_COUNTED}
        """,
        moment=kind,
    )


SIGN_DUE = _clock("sign_due", "sign", texts("签收期限在时段内的派单；已到期才算，取消的计时、已并单和无效工单的不算"))
CONTACT_DUE = _clock(
    "contact_due", "contact", texts("首次联系期限在时段内、需要联系市民的派单；已到期才算，取消的计时、已并单和无效工单的不算")
)
HANDLE_DUE = _clock(
    "handle_due",
    "handle",
    texts("答复期限（含批准的延期）在时段内的办理任务；每一轮重办各算一次；已到期才算，取消的计时、已并单和无效工单的不算"),
    """, c.stopped_at IS NOT NULL AND c.stopped_at <= coalesce(c.original_due_at, c.due_at) AS in_time_original,
        c.stopped_at IS NOT NULL AS stopped,
        (extract(epoch FROM coalesce(c.original_due_at, c.due_at) - coalesce(c.stopped_at, :now))
            / greatest(extract(epoch FROM coalesce(c.original_due_at, c.due_at) - c.started_at), 1)) AS spared""",
)

RESPONSE_DUE = _source(
    "response_due",
    "assignment",
    texts("签收期限在时段内、联系期限（需要联系的）也已到期的派单"),
    f"""
    SELECT c.due_at AS at, a.id::text AS item, c.ticket_id, {_TICKET}, a.unit_id, NULL::bigint AS person_id,
        c.stopped_at IS NOT NULL AND c.stopped_at <= c.due_at
            AND (k.id IS NULL OR k.stopped_at IS NOT NULL AND k.stopped_at <= k.due_at) AS responded
    FROM deadline c JOIN assignment a ON a.id = c.assignment_id JOIN ticket t ON t.id = c.ticket_id
    LEFT JOIN LATERAL (SELECT d.id, d.stopped_at, d.due_at FROM deadline d
        WHERE d.ticket_id = c.ticket_id AND d.assignment_id = a.id AND d.kind = 'contact' AND d.state IN ('running', 'met', 'late')
        ORDER BY d.id LIMIT 1) k ON true
    WHERE c.kind = 'sign' AND {_DUE} AND a.state NOT IN ('returned', 'cancelled') AND {_COUNTED}
        AND (k.id IS NULL OR k.due_at <= :now)
    """,
    moment="sign",
    open_days="""
    SELECT DISTINCT (timezone('Asia/Shanghai', c.due_at))::date FROM deadline c JOIN deadline k ON k.ticket_id = c.ticket_id
    WHERE c.kind = 'sign' AND c.due_at >= :start AND c.due_at < :end AND k.kind = 'contact' AND k.due_at > :now
        AND k.state IN ('running', 'met', 'late')
    """,
)

FEEDBACK_DUE = _source(
    "feedback_due",
    "ticket",
    texts("主办单位首轮答复期限在时段内、留了联系方式的工单"),
    f"""
    SELECT c.due_at AS at, t.id::text AS item, t.id AS ticket_id, {_TICKET}, a.unit_id, NULL::bigint AS person_id,
        coalesce(coalesce((SELECT min(k.created_at) FROM callback_task k WHERE k.ticket_id = t.id AND k.kind = 'callback'), t.closed_at)
            <= c.due_at, false) AS told
    FROM deadline c JOIN assignment a ON a.id = c.assignment_id JOIN ticket t ON t.id = c.ticket_id
    WHERE c.kind = 'handle' AND {_DUE} AND a.lead AND a.state NOT IN ('returned', 'cancelled') AND {_COUNTED}
        AND t.citizen_id IS NOT NULL AND t.contact_by <> 'none'
        AND NOT EXISTS (SELECT FROM deadline e
            WHERE e.ticket_id = t.id AND e.assignment_id = a.id AND e.kind = 'handle' AND e.id < c.id)
    """,
    moment="handle",
)

CALLBACK_DUE = _source(
    "callback_due",
    "clock",
    texts("回访期限在时段内的回访任务；已到期才算，取消的和按抽样规则不回访的不算"),
    f"""
    SELECT c.due_at AS at, c.id::text AS item, c.ticket_id, {_TICKET}, {_LEAD_UNIT}, k.user_id AS person_id,
        k.attempts > 0 OR k.state IN ('reached', 'unreached', 'refused') AS tried,
        k.state IN ('reached', 'refused') AS reached
    FROM deadline c JOIN ticket t ON t.id = c.ticket_id
    JOIN LATERAL (SELECT b.id, b.state, b.plan, b.attempts, b.user_id FROM callback_task b
        WHERE b.ticket_id = c.ticket_id AND b.kind = 'callback' AND b.created_at >= c.started_at - interval '1 second'
        ORDER BY b.id LIMIT 1) k ON true
    WHERE c.kind = 'callback' AND {_DUE} AND k.state <> 'cancelled' AND (k.plan <> 'none' OR k.state = 'reached') AND {_COUNTED}
    """,
    moment="callback",
)

RATED = _source(
    "rated",
    "callback",
    texts("在时段内联系上市民的回访和评价（回访、网页、微信，当场答复后的评价；每一轮各算一次）"),
    f"""
    SELECT k.finished_at AS at, 'k' || k.id AS item, k.ticket_id, {_TICKET}, {_LEAD_UNIT}, k.user_id AS person_id,
        k.satisfaction, coalesce(k.solved, false) AS solved, t.excluded_from_rates AS excluded,
        t.kind IN ('help', 'complaint', 'report') AND k.solved IS NOT NULL AS solvable
    FROM callback_task k JOIN ticket t ON t.id = k.ticket_id
    WHERE k.state IN ('reached', 'refused') AND t.state <> 'invalid'
    UNION ALL
    SELECT t.closed_at, 't' || t.id, t.id, {_TICKET}, NULL::bigint, t.created_by_id, t.satisfaction, coalesce(t.solved, false),
        t.excluded_from_rates, t.kind IN ('help', 'complaint', 'report') AND t.solved IS NOT NULL
    FROM ticket t
    WHERE t.state IN ('closed', 'archived') AND t.satisfaction IS NOT NULL AND t.dispatched_at IS NULL
        AND NOT EXISTS (SELECT FROM callback_task k WHERE k.ticket_id = t.id)
    """,
    moment="rated",
)

REPLIED = _source(
    "replied",
    "assignment",
    texts("审核通过时间在时段内的派单"),
    f"""
    SELECT a.accepted_at AS at, a.id::text AS item, a.ticket_id, {_TICKET}, a.unit_id, NULL::bigint AS person_id,
        (SELECT r.facts <> 'cannot_verify' FROM reply r WHERE r.assignment_id = a.id AND r.accepted ORDER BY r.id DESC LIMIT 1) AS declared,
        NOT EXISTS (SELECT FROM reply r WHERE r.assignment_id = a.id AND r.accepted IS false) AS first_pass
    FROM assignment a JOIN ticket t ON t.id = a.ticket_id
    WHERE a.accepted_at IS NOT NULL AND a.state NOT IN ('returned', 'cancelled') AND {_COUNTED}
    """,
    moment="replied",
)

CARDS = _source(
    "cards",
    "card",
    texts("发牌时间在时段内的黄牌、红牌；批准延期不撤回已发的牌，督办撤销的不算"),
    f"""
    SELECT k.at, k.id::text AS item, k.ticket_id, {_TICKET}, k.unit_id, NULL::bigint AS person_id, k.colour
    FROM card k JOIN ticket t ON t.id = k.ticket_id WHERE k.state = 'given'
    """,
    moment="card",
)

CALLS = _source(
    "calls",
    "call",
    texts("接通时间在时段内的来电（智能助手第一声就接，之后按需要排队等人工）"),
    f"""
    SELECT c.started_at AS at, c.id::text AS item, v.ticket_id, {_CALLED_LINE}, NULL::bigint AS unit_id, NULL::text AS category_code,
        NULL::text AS district, 'phone' AS channel, NULL::bigint AS person_id, false AS secret,
        c.queued_at IS NOT NULL AS queued,
        c.ended_at IS NOT NULL AND c.ended_at < coalesce(c.queued_at, c.started_at) + interval '5 seconds'
            AND c.data->>'person_answered_at' IS NULL AS short,
        c.data->>'person_answered_at' IS NOT NULL AS by_person,
        c.queued_at IS NULL AND c.end_reason IN ('finished', 'caller_hung_up', 'message_left') AS by_bot,
        c.queued_at IS NOT NULL AND c.ended_at IS NOT NULL AND c.data->>'person_answered_at' IS NULL AS abandoned,
        extract(epoch FROM (c.data->>'person_answered_at')::timestamptz - c.queued_at) AS answered_after,
        extract(epoch FROM coalesce((c.data->>'person_answered_at')::timestamptz, c.ended_at, :now) - c.queued_at) AS waited,
        extract(epoch FROM c.ended_at - c.answered_at) AS talked
    FROM call c JOIN conversation v ON v.id = c.conversation_id WHERE c.direction = 'in'
    """,
    by_unit=False,
    by_ticket=False,
)

RETURN_CALLS = _source(
    "return_calls",
    "call",
    texts("回拨期限（漏接后1小时）在时段内的漏接来电；已到期才算"),
    f"""
    SELECT r.due_at AS at, c.id::text AS item, r.ticket_id, {_CALLED_LINE}, NULL::bigint AS unit_id, NULL::text AS category_code,
        NULL::text AS district, 'phone' AS channel, r.done_by_id AS person_id, false AS secret,
        r.done_at IS NOT NULL AND r.done_at <= r.due_at AS in_time
    FROM return_call r JOIN call c ON c.id = r.call_id WHERE r.due_at <= :now
    """,
    by_unit=False,
    by_ticket=False,
)

SESSIONS = _source(
    "sessions",
    "session",
    texts("开始时间在时段内、已经结束的会话（电话、微信、网页），市民至少说了一句"),
    """
    SELECT v.created_at AS at, v.id::text AS item, v.ticket_id, NULL::text AS line, NULL::bigint AS unit_id, NULL::text AS category_code,
        NULL::text AS district, v.channel, NULL::bigint AS person_id, false AS secret,
        v.handover_reason IS NOT NULL AS handed,
        v.handover_reason IS NULL AND v.ticket_id IS NULL AND NOT EXISTS (
            SELECT FROM conversation w WHERE w.citizen_id = v.citizen_id AND w.id <> v.id
                AND w.created_at > v.closed_at AND w.created_at <= v.closed_at + interval '24 hours') AS self_solved
    FROM conversation v
    WHERE v.owner = 'closed' AND v.closed_at IS NOT NULL
        AND EXISTS (SELECT FROM message m WHERE m.conversation_id = v.id AND m.author = 'citizen')
    """,
    by_unit=False,
    by_ticket=False,
)

_NO_CASE = "NULL::bigint AS unit_id, NULL::text AS category_code, NULL::text AS district"
QUESTIONS = _source(
    "questions",
    "question",
    texts("答复时间在时段内的问题：智能助手用知识库答过的，和没有答好的"),
    f"""
    SELECT m.at, m.id::text AS item, NULL::bigint AS ticket_id, v.line, {_NO_CASE}, v.channel, NULL::bigint AS person_id, false AS secret,
        NULL::text AS cause, false AS gap
    FROM message m JOIN conversation v ON v.id = m.conversation_id
    WHERE m.author = 'bot' AND m.article_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM gap_sentence g WHERE g.message_id = (m.data->>'reply_to')::bigint)
    UNION ALL
    SELECT s.at, 'gap-' || s.id AS item, NULL::bigint AS ticket_id, v.line, {_NO_CASE}, s.channel, NULL::bigint AS person_id,
        false AS secret, s.cause, true AS gap
    FROM gap_sentence s JOIN conversation v ON v.id = s.conversation_id
    """,
    by_unit=False,
    by_ticket=False,
)

ANSWER_CHECKS = _source(
    "answer_checks",
    "answer",
    texts("答复时间在时段内、已经由人判定的抽查"),
    f"""
    SELECT c.at, c.id::text AS item, NULL::bigint AS ticket_id, v.line, {_NO_CASE}, c.channel, NULL::bigint AS person_id, false AS secret,
        c.result = 'wrong' AS wrong
    FROM answer_check c JOIN conversation v ON v.id = c.conversation_id WHERE c.result IS NOT NULL
    """,
    by_unit=False,
    by_ticket=False,
)

QUALITY_CHECKS = _source(
    "quality_checks",
    "quality check",
    "评分时间在时段内的质检通话",
    f"""
    SELECT q.scored_at AS at, q.id::text AS item, NULL::bigint AS ticket_id, {_CALLED_LINE}, {_NO_CASE}, 'phone' AS channel,
        q.agent_id AS person_id, false AS secret,
        q.score, jsonb_array_length(q.fatal) > 0 AS fatal, q.appealed_at IS NOT NULL AS appealed, coalesce(q.upheld, false) AS upheld,
        q.state = 'decided' AS decided
    FROM quality_check q JOIN call c ON c.id = q.call_id WHERE q.scored_at IS NOT NULL
    """,
    by_unit=False,
    by_ticket=False,
)

SOURCES = (
    RECEIVED, CLOSED, ASSIGNED, SIGN_DUE, CONTACT_DUE, HANDLE_DUE, RESPONSE_DUE, FEEDBACK_DUE, CALLBACK_DUE, RATED, REPLIED, CARDS,
    CALLS, RETURN_CALLS, SESSIONS, QUESTIONS, ANSWER_CHECKS, QUALITY_CHECKS,
)  # fmt: skip
