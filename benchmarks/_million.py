# ruff: noqa: S608, E501 - statements for a throw-away database, one column after the other
"""A database of a million realistic tickets in a few minutes.

`await seed(database, tickets=1_000_000, open_tickets=100_000)` fills an empty, migrated database: 91 units, 72 categories, three years of
tickets that end now, each with citizen, assignment, clocks, reply, callback and events as its state demands. Open tickets are every
second one of the youngest, their running clocks are due within the next week (one in twenty is overdue already).

Everything is made by the server from one number per ticket (`generate_series` and a hash), so two runs give the same city. Indexes and
foreign keys are taken away while rows go in and made again afterwards, as `pg_restore` does; CHECK and UNIQUE stay on. The events have a
chain of the right shape, but not the digests of `hotline.events`: `hotline audit` on such a database rightly complains.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hotline.database import Database
from hotline.schema import metadata
from ticketing.ticket.triggers import BLOCK_BITS, QUEUE_COLUMNS, QUEUED

YEARS_DAYS = 1095
_UNITS, _CITIZENS_SHARE = 90, 3
_MATTERS = (
    ("工地夜间施工，噪音很大，影响休息", "施工噪声"), ("路灯坏了好几天，晚上一片漆黑", "路灯不亮"), ("小区停水一天没有通知", "停水"),
    ("暖气不热，家里只有十五度", "供暖不热"), ("垃圾堆了三天没人清运，有异味", "垃圾清运"), ("商贩占道经营，堵住人行道", "占道经营"),
    ("下水道堵塞，污水冒到路面上", "污水外溢"), ("电梯经常停运，老人下不了楼", "电梯故障"), ("车辆乱停堵住消防通道", "违停"),
    ("餐馆油烟直接排到居民楼", "餐饮油烟"), ("物业收费高但不管事", "物业服务"), ("公交车长时间不来，班次太少", "公交班次"),
    ("单位拖欠三个月工资", "拖欠工资"), ("社保卡怎么补办，要带什么材料", "社保卡"), ("井盖破损，骑车的人差点摔倒", "井盖"),
    ("河道发黑发臭，有人偷排", "河道污染"),
)  # fmt: skip
_PLACES = (
    "江畔花园",
    "滨河路",
    "人民广场",
    "建设街",
    "云山小区",
    "南湖新村",
    "长安大街",
    "和平里",
    "火车站",
    "文化路",
    "朝阳小学",
    "东风市场",
)
_DISTRICTS = ("江畔区", "云山区", "南湖区", "开发区", "北川县", "青石县")


def _r(salt: int, modulus: int, of: str = "n") -> str:
    """A number in [0, modulus) that looks random and is the same in every run."""
    return f"((hashint8extended({of}, {salt}) & 9223372036854775807) % {modulus})"


def _pick(words: tuple[str, ...], salt: int) -> str:
    inner = ", ".join(f"'{word}'" for word in words)
    return f"(ARRAY[{inner}])[1 + {_r(salt, len(words))}]"


_BASE = (
    f"""INSERT INTO unit (code, name, level, active)
    SELECT 'bench-' || n, '第' || n || '局', 2, true FROM generate_series(1, {_UNITS}) n WHERE NOT EXISTS (SELECT FROM unit)""",
    "INSERT INTO unit (code, name, level, active) SELECT 'bench-centre', '热线中心', 1, true WHERE NOT EXISTS (SELECT FROM unit WHERE level = 1)",
    """INSERT INTO category (code, group_name, name, unit_id, keywords, active)
    SELECT to_char(g, 'FM00') || to_char(c, 'FM00'), to_char(g, 'FM00') || ' 大类', '类别' || g || '之' || c,
        (SELECT id FROM unit WHERE level = 2 ORDER BY id OFFSET (g * 6 + c) % (SELECT count(*) FROM unit WHERE level = 2) LIMIT 1), '', true
    FROM generate_series(1, 12) g, generate_series(1, 6) c WHERE NOT EXISTS (SELECT FROM category)""",
    """INSERT INTO staff (login, name, staff_number, role, unit_id, password_hash, active, failed_logins)
    SELECT 'bench-' || role, role, 'B' || row_number() OVER (), role,
        CASE WHEN role IN ('clerk', 'chief') THEN (SELECT min(unit_id) FROM category) END, '-', true, 0
    FROM unnest(ARRAY['agent', 'dispatcher', 'clerk', 'chief', 'supervisor', 'callback', 'leader', 'quality', 'editor', 'admin']) role
    WHERE NOT EXISTS (SELECT FROM staff WHERE login = 'bench-' || role)""",
    """INSERT INTO staff (login, name, staff_number, role, password_hash, active, failed_logins)
    SELECT 'bench-agents', '其他话务员', 'B99', 'agent', '-', true, 0 WHERE NOT EXISTS (SELECT FROM staff WHERE login = 'bench-agents')""",
)
_CITIZENS = f"""INSERT INTO citizen (phone_hash, phone_verified, needs, created_at)
    SELECT md5('phone' || n), false, '', CAST(:now AS timestamptz) - interval '{YEARS_DAYS} days'
    FROM generate_series(1, CAST(:tickets AS bigint) / {_CITIZENS_SHARE} + 1) n"""

_PLAN = f"""CREATE TEMPORARY TABLE plan AS
    SELECT n, received, consult, opened, opened AND NOT consult AND step >= 3 OR NOT opened AND NOT consult AS dispatched,
        CASE WHEN opened AND step < 1 THEN 'registered' WHEN opened AND step < 3 THEN 'to_dispatch' WHEN opened AND consult THEN 'answered'
            WHEN opened AND step < 8 THEN 'in_progress' WHEN opened AND step < 9 THEN 'reply_review' WHEN opened THEN 'callback'
            ELSE 'closed' END AS state,
        category, category_row.unit_id AS unit_id, {_r(21, 100)} AS luck, {_r(22, 100)} AS mood
    FROM (
        SELECT n, CAST(:now AS timestamptz) - interval '{YEARS_DAYS} days' * (1 - n::float8 / CAST(:tickets AS float8)) AS received,
            {_r(1, 100)} < 22 AS consult, {_r(3, 10)} AS step,
            n > CAST(:tickets AS bigint) - 2 * CAST(:open AS bigint) AND n % 2 = 0 AS opened,
            (SELECT array_agg(code ORDER BY code) FROM category) AS codes
        FROM generate_series(1, CAST(:tickets AS bigint)) n
    ) raw, LATERAL (SELECT codes[1 + {_r(4, 72)} * {_r(5, 72)} / 72] AS category) chosen
    JOIN category category_row ON category_row.code = category"""

_TICKETS = f"""INSERT INTO ticket (id, number, query_code_hash, version, state, line, channel, kind, category_code, urgency, confidentiality,
        title, content, occurred, district, street, address, citizen_id, anonymous, contact_by, dispatch_mode, policy_key, policy_version,
        received_at, dispatched_at, closed_at, updated_at, round, satisfaction, solved, no_callback_reason, answer, created_by_id)
    SELECT n, '12345-' || to_char(timezone('Asia/Shanghai', received), 'YYYYMMDD') || '-' || to_char(n % 100000, 'FM00000'), md5(n::text), 1,
        state, '12345', (ARRAY['phone', 'phone', 'phone', 'phone', 'wechat', 'wechat', 'web', 'open311', 'staff'])[1 + {_r(6, 9)}],
        CASE WHEN consult THEN 'consult' ELSE (ARRAY['help', 'help', 'complaint', 'complaint', 'complaint', 'report', 'suggestion'])[1 + {_r(7, 7)}] END,
        category, CASE WHEN {_r(8, 100)} < 4 THEN 'urgent' ELSE 'normal' END, CASE WHEN {_r(9, 500)} = 0 THEN 'secret' ELSE 'masked' END,
        place || {_r(10, 300)} || '号 ' || split_part(matter, '|', 2), place || split_part(matter, '|', 1) || '，请尽快处理，编号' || n || '。', '',
        {_pick(_DISTRICTS, 11)}, {_pick(_PLACES, 12)} || '街道', place || {_r(10, 300)} || '号',
        CASE WHEN {_r(13, 20)} > 0 THEN 1 + {_r(14, 1_000_000_000)} % (CAST(:tickets AS bigint) / {_CITIZENS_SHARE}) END, {_r(13, 20)} = 0,
        CASE WHEN {_r(13, 20)} = 0 THEN 'none' ELSE 'phone' END, CASE WHEN dispatched THEN 'phone' END, CASE WHEN dispatched THEN 'P-PHONE' END,
        CASE WHEN dispatched THEN 1 END, received, CASE WHEN dispatched THEN received + interval '1 hour' END,
        CASE WHEN state = 'closed' THEN received + interval '1 day' * (2 + {_r(15, 40)} / 10.0) END, received, 1 + (mood < 4 AND dispatched)::int,
        CASE WHEN state = 'closed' AND luck < 80 THEN CASE WHEN mood < 8 THEN 'dissatisfied' WHEN mood < 50 THEN 'satisfied'
            ELSE 'very_satisfied' END END,
        CASE WHEN state = 'closed' AND luck < 80 THEN mood >= 12 END, CASE WHEN state = 'closed' AND luck >= 80 THEN 'unreached' END,
        CASE WHEN consult OR state IN ('closed', 'callback') THEN '已安排处理，当天办好；以后每周检查一次，有问题再联系我们。' END,
        (SELECT id FROM staff WHERE login = CASE WHEN n % 40 = 0 THEN 'bench-agent' ELSE 'bench-agents' END)
    FROM plan, LATERAL (SELECT {_pick(_PLACES, 16)} AS place, {_pick(tuple(f"{text_}|{title}" for text_, title in _MATTERS), 17)} AS matter) said"""

_ASSIGNMENTS = f"""INSERT INTO assignment (id, ticket_id, unit_id, lead, state, instruction, assigned_at, assigned_by_id, signed_at, contacted_at,
        replied_at, accepted_at)
    SELECT n, n, CASE WHEN luck < 92 THEN unit_id ELSE (SELECT min(id) FROM unit WHERE level = 2) + {_r(18, _UNITS)} END, true,
        CASE state WHEN 'in_progress' THEN 'working' WHEN 'reply_review' THEN 'replied' ELSE 'accepted' END, '', received + interval '1 hour',
        (SELECT id FROM staff WHERE login = 'bench-dispatcher'), received + interval '3 hours', received + interval '5 hours',
        CASE WHEN state <> 'in_progress' THEN received + interval '1 day' * (1 + {_r(19, 25)} / 10.0) END,
        CASE WHEN state IN ('callback', 'closed') THEN received + interval '1 day' * (1.2 + {_r(19, 25)} / 10.0) END
    FROM plan WHERE dispatched"""


def _clock(kind: str, started: str, due: str, where: str, *, of_assignment: bool, late: int, running: str = "false") -> str:
    """One kind of clock for every ticket of `where`; `late` of a hundred end after their time; `running`: those that still go."""
    stopped = f"CASE WHEN luck >= {100 - late} THEN due + interval '5 hours' ELSE start + (due - start) * 0.6 END"
    going_due = f"greatest(CAST(:now AS timestamptz) + interval '1 minute' * ({_r(20, 10_080)} - 504), start + interval '1 hour')"
    return f"""INSERT INTO deadline (ticket_id, assignment_id, kind, state, stage, limit_value, limit_unit, started_at, due_at, white_at, amber_at,
            red_at, next_stage_at, stopped_at, provisional)
        SELECT n, {"n" if of_assignment else "NULL"}, '{kind}',
            CASE WHEN going THEN 'running' WHEN luck >= {100 - late} THEN 'late' ELSE 'met' END,
            CASE WHEN NOT going THEN 'calm' WHEN ending <= CAST(:now AS timestamptz) THEN 'yellow'
                WHEN start + (ending - start) * 0.8 <= CAST(:now AS timestamptz) THEN 'amber'
                WHEN start + (ending - start) * 0.5 <= CAST(:now AS timestamptz) THEN 'white' ELSE 'calm' END, 3, 'wd', start, ending,
            start + (ending - start) * 0.5, start + (ending - start) * 0.8, ending + interval '1 day',
            CASE WHEN going THEN greatest(ending, CAST(:now AS timestamptz)) + interval '1 day' END, CASE WHEN NOT going THEN {stopped} END, false
        FROM (SELECT *, CASE WHEN going THEN {going_due} ELSE due END AS ending
              FROM (SELECT plan.*, {started} AS start, {due} AS due, {running} AS going FROM plan WHERE {where}) one) two"""


_DISPATCHED = "received + interval '1 hour'"
_ANSWERED = f"received + interval '1 day' * (1 + {_r(19, 25)} / 10.0)"
_CLOCKS = (
    _clock("dispatch", "received", "received + interval '4 hours'", "NOT consult", of_assignment=False, late=2,
           running="state IN ('registered', 'to_dispatch')"),
    _clock("sign", _DISPATCHED, "received + interval '5 hours'", "dispatched", of_assignment=True, late=5),
    _clock("contact", _DISPATCHED, "received + interval '1 day'", f"dispatched AND {_r(13, 20)} > 0", of_assignment=True, late=6),
    _clock("handle", _DISPATCHED, "received + interval '4 days'", "dispatched", of_assignment=True, late=7, running="state = 'in_progress'"),
    _clock("review", _ANSWERED, f"{_ANSWERED} + interval '1 day'", "dispatched AND state <> 'in_progress'", of_assignment=False, late=1,
           running="state = 'reply_review'"),
    _clock("callback", f"{_ANSWERED} + interval '5 hours'", f"{_ANSWERED} + interval '2 days'", "dispatched AND state IN ('callback', 'closed')",
           of_assignment=False, late=3, running="state = 'callback'"),
)  # fmt: skip

_REPLIES = """INSERT INTO reply (assignment_id, round, facts, measures, basis, contact_note, author_id, written_at, signed_off_by_id, signed_off_at,
        reviewed_by_id, reviewed_at, accepted)
    SELECT n, 1, (ARRAY['true', 'true', 'partly', 'untrue', 'cannot_verify'])[1 + luck % 5],
        '工作人员当天到现场查看并处理完毕，已电话告知市民结果，今后每周巡查一次，发现问题当天解决。', '', '', clerk.id, at, clerk.id, at,
        CASE WHEN state <> 'reply_review' THEN reviewer.id END, CASE WHEN state <> 'reply_review' THEN at END,
        CASE WHEN state <> 'reply_review' THEN true END
    FROM (SELECT plan.*, received + interval '1 day' AS at FROM plan WHERE dispatched AND state <> 'in_progress') done,
        (SELECT id FROM staff WHERE login = 'bench-clerk') clerk, (SELECT id FROM staff WHERE login = 'bench-supervisor') reviewer"""
_CALLBACKS = """INSERT INTO callback_task (ticket_id, round, state, kind, plan, created_at, finished_at, satisfaction, solved, contacted, attitude,
        note, by, attempts, first_attempt_day, last_attempt_day)
    SELECT ticket.id, 1, CASE WHEN ticket.state = 'callback' THEN 'open' WHEN ticket.satisfaction IS NULL THEN 'unreached' ELSE 'reached' END,
        'callback', 'clerk', assignment.accepted_at, ticket.closed_at, ticket.satisfaction, ticket.solved,
        CASE WHEN ticket.satisfaction IS NOT NULL THEN true END, CASE WHEN ticket.satisfaction IS NOT NULL THEN 'good' END, '', 'clerk',
        CASE WHEN ticket.state = 'callback' THEN 0 WHEN ticket.satisfaction IS NULL THEN 3 ELSE 1 END,
        CASE WHEN ticket.state = 'callback' THEN NULL ELSE ticket.received_at::date + 2 END,
        CASE WHEN ticket.state = 'callback' THEN NULL ELSE ticket.received_at::date + 3 END
    FROM ticket JOIN assignment ON assignment.ticket_id = ticket.id WHERE ticket.state IN ('callback', 'closed')"""
_CARDS = """INSERT INTO card (ticket_id, deadline_id, unit_id, colour, reason, at)
    SELECT deadline.ticket_id, deadline.id, assignment.unit_id, 'yellow', deadline.kind, deadline.due_at
    FROM deadline JOIN assignment ON assignment.id = deadline.assignment_id
    WHERE deadline.kind = 'handle' AND (deadline.state = 'late' OR deadline.stage = 'yellow')"""


def _event(seq: int, name: str, moment: str, where: str) -> str:
    return f"""INSERT INTO event (at, name, subject, subject_id, seq, actor_kind, actor_label, data, public, previous_hash, hash)
        SELECT {moment}, '{name}', 'ticket', n::text, {seq}, 'staff', '话务员 1001', '{{}}', true,
            {"''" if seq == 1 else f"md5(n || 'e' || {seq - 1})"}, md5(n || 'e' || {seq})
        FROM plan JOIN ticket ON ticket.id = n WHERE {where}"""


_EVENTS = (
    _event(1, "ticket.registered", "received", "true"),
    _event(2, "ticket.dispatched", _DISPATCHED, "dispatched"),
    _event(3, "ticket.closed", "closed_at", "plan.state = 'closed' AND dispatched"),
)
_DERIVED = (
    """UPDATE ticket SET next_due_at = due, next_white_at = white, next_yellow_at = yellow
    FROM (SELECT ticket_id, min(due_at) AS due, min(white_at) AS white, min(coalesce(yellow_at, due_at)) AS yellow
        FROM deadline WHERE state = 'running' GROUP BY 1) running
    WHERE ticket_id = ticket.id""",
    f"INSERT INTO ticket_words SELECT id, word_cells(title || ' ' || address || ' ' || content, id >> {BLOCK_BITS}) FROM ticket",
    f"INSERT INTO unit_queue ({QUEUE_COLUMNS}) {QUEUED}",
)
"""What the triggers of `ticketing.ticket.triggers` would have made row by row; they are switched off meanwhile."""
_SEQUENCES = (
    "SELECT setval('ticket_number_seq', (SELECT max(id) FROM ticket))",
    *(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))" for table in ("ticket", "assignment")),
)
_GUARDED = ("ticket", "deadline", "assignment", "callback_task", "card", "reply")
"""Tables whose triggers rest meanwhile."""
FILLED = ("citizen", "ticket", "ticket_words", "unit_queue", "assignment", "deadline", "reply", "callback_task", "card", "event")


@dataclass
class Seeded:
    """What was made, and how long it took."""

    rows: dict[str, int]
    seconds: float


async def seed(
    database: Database,
    *,
    tickets: int = 1_000_000,
    open_tickets: int = 100_000,
    now: datetime | None = None,
    say: Callable[[str], None] = print,
) -> Seeded:
    """Fill an empty, migrated database; see the head of this file. `now`: when the three years end; default: the server's clock."""
    began = time.perf_counter()
    async with database.engine.begin() as connection:
        for setting in ("statement_timeout = 0", "work_mem = '256MB'", "maintenance_work_mem = '512MB'", "synchronous_commit = off"):
            await connection.execute(text(f"SET {setting}"))
        moment = now or await connection.scalar(text("SELECT now()"))
        values = {"tickets": tickets, "open": open_tickets, "now": moment}
        await give_defaults(connection)
        again = await drop_indexes(connection)
        for table in _GUARDED:
            await connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        steps = (
            *_BASE,
            _CITIZENS,
            _PLAN,
            "ANALYZE plan",
            _TICKETS,
            _ASSIGNMENTS,
            *_CLOCKS,
            _REPLIES,
            _CALLBACKS,
            _CARDS,
            *_EVENTS,
            *_DERIVED,
            *_SEQUENCES,
        )
        for step in steps:
            start = time.perf_counter()
            await connection.execute(text(step), {name: value for name, value in values.items() if f":{name}" in step})
            say(f"{time.perf_counter() - start:6.1f} s  {' '.join(step.split())[:70]}")
        for table in _GUARDED:
            again.append(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        for statement in (*again, *_no_defaults()):
            await connection.exec_driver_sql(statement)
        say(f"{time.perf_counter() - began:6.1f} s  with {len(again)} indexes and foreign keys")
        rows = {table: int(await connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0) for table in FILLED}
    async with database.engine.connect() as connection:
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(text("SET statement_timeout = 0"))
        await autocommit.execute(text("VACUUM (ANALYZE)"))
    return Seeded(rows, time.perf_counter() - began)


def _defaults() -> list[tuple[str, str, object]]:
    """Columns whose default the models know and the database does not: the rows here are not made by the models."""
    found: list[tuple[str, str, object]] = []
    for name in (*FILLED, "unit", "category", "staff"):
        for column in metadata.tables[name].columns:
            default = column.default
            if column.server_default is None and default is not None and default.is_scalar:
                found.append((name, column.name, getattr(default, "arg", None)))
    return found


async def give_defaults(connection: AsyncConnection) -> None:
    """Lend the database the defaults of the models."""
    for table, column, value in _defaults():
        shown = str(value).lower() if isinstance(value, (bool, int, float)) else "'" + str(value).replace("'", "''") + "'"
        await connection.exec_driver_sql(f'ALTER TABLE {table} ALTER COLUMN "{column}" SET DEFAULT {shown}')


def _no_defaults() -> list[str]:
    return [f'ALTER TABLE {table} ALTER COLUMN "{column}" DROP DEFAULT' for table, column, _value in _defaults()]


async def drop_indexes(connection: AsyncConnection) -> list[str]:
    """Take away foreign keys and plain indexes of the tables that are filled; returns the statements that make them again."""
    tables = ", ".join(f"'{table}'::regclass" for table in FILLED)
    keys = await connection.execute(
        text(
            f"SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f' AND conrelid IN ({tables})"
        )
    )
    indexes = await connection.execute(
        text(
            f"""SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
            WHERE indrelid IN ({tables}) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)"""
        )
    )
    again = []
    for table, name, definition in keys.all():
        await connection.exec_driver_sql(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
        again.append(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition} NOT VALID')
    for name, definition in indexes.all():
        await connection.exec_driver_sql(f"DROP INDEX {name}")
        again.insert(0, definition)
    return again
