"""Deadline policies: the table in force, proposals for the second person, versions, and moving a running ticket."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console import policy_form as form_of
from channels.console.pages import page, see_other
from channels.console.session import require_may, staff
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE
from hotline.clock import CITY_ZONE
from hotline.errors import Conflict, HotlineError, IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.i18n import _
from ticketing.calendar import versions
from ticketing.callback import book as callback_book
from ticketing.callback import rules as callback_rules
from ticketing.deadline import book, changes, policy
from ticketing.deadline.models import PolicyVersion
from ticketing.deadline.move import move_policy
from ticketing.deadline.policy import CENTRE
from ticketing.people.models import User
from ticketing.people.permissions import may
from ticketing.ticket.access import access_ticket

NEW = "new"


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/policies."""
    require_may(request, "policy.propose")
    return await _table(request)


async def show_form(request: web.Request) -> web.StreamResponse:
    """GET /console/policies/{key}: the form for a new version, `new` for a policy that does not exist yet."""
    require_may(request, "policy.propose")
    key = request.match_info["key"]
    async with request.app[DATABASE].transaction() as session:
        document = await _document(request, session, key)
    return _form(request, key, _entered(key, document))


async def propose(request: web.Request) -> web.StreamResponse:
    """POST /console/policies/{key}: propose a version."""
    person, key = require_may(request, "policy.propose"), request.match_info["key"]
    form = await request.post()
    entered = {name: str(value)[:20_000] for name, value in form.items() if isinstance(value, str)}
    wanted = entered.get("key", "").strip() if key == NEW else key
    try:
        start = _start(entered.get("valid_from", ""))
        document = form_of.read_yaml(entered.get("rest", "")) if key in changes.WHOLE else form_of.document_of(wanted, entered)
        if key == NEW and not _is_key(wanted):
            raise InvalidInput(_("编号应写成 P-大写字母数字，例如 P-12319"), field="key")
        async with request.app[DATABASE].transaction() as session:
            if key == NEW and await changes.in_force_document(session, wanted, request.app[CORE].clock.now()):
                raise InvalidInput(_("已经有这个编号的规则"), field="key")
            reason = entered.get("reason", "")
            await changes.propose(request.app[CORE], session, person.actor, document, key=wanted, reason=reason, valid_from=start)
    except (InvalidInput, Conflict) as problem:
        return _form(request, key, entered, problem)
    return see_other(request, "/console/policies", "policy_proposed")


async def decide(request: web.Request) -> web.StreamResponse:
    """POST /console/policies/proposals/{id}/{approve|refuse|withdraw}."""
    person, what = staff(request), request.match_info["what"]
    require_may(request, "policy.propose" if what == "withdraw" else "policy.decide")
    proposal, form = whole_number(request.match_info["id"]), await request.post()
    note, core = str(form.get("note", ""))[:1000], request.app[CORE]
    if proposal is None:
        raise NotFound(_("没有找到这条修改"))
    try:
        async with request.app[DATABASE].transaction() as session:
            if what == "withdraw":
                await changes.withdraw(core, session, person.actor, proposal)
            else:
                await changes.decide(core, session, person.actor, proposal, approve=what == "approve", note=note)
    except (InvalidInput, IllegalStep, NotAllowed) as problem:
        return await _table(request, problem)
    return see_other(request, "/console/policies", f"policy_{what}")


async def move(request: web.Request) -> web.StreamResponse:
    """POST /console/policies/move: a running ticket to the version in force, or to another policy."""
    person, form, core = require_may(request, "policy.move"), await request.post(), request.app[CORE]
    entered = {name: str(form.get(name, "")).strip()[:200] for name in ("number", "key", "version", "reason")}
    try:
        version = whole_number(entered["version"])
        if entered["version"] and version is None:
            raise InvalidInput(_("版本应是数字"), field="version")
        async with request.app[DATABASE].transaction() as session:
            ticket = await access_ticket(core, session, person.actor, entered["number"], lock=True)
            key = entered["key"] or None
            await move_policy(core, session, person.actor, ticket, key=key, version=version, reason=entered["reason"])
    except (InvalidInput, IllegalStep, NotFound) as problem:
        return await _table(request, problem, entered)
    return see_other(request, "/console/policies", "policy_moved")


def _is_key(text: str) -> bool:
    return text.startswith("P-") and 3 <= len(text) <= 30 and all(char.isascii() and (char.isalnum() or char == "-") for char in text)


def _start(text: str) -> datetime | None:
    """The first moment of the day from which a version is valid."""
    if not text.strip():
        return None
    try:
        return datetime.combine(date.fromisoformat(text.strip()), time(0), CITY_ZONE)
    except ValueError:
        raise InvalidInput(_("生效日期应写成2027-01-01"), field="valid_from") from None


async def _document(request: web.Request, session: AsyncSession, key: str) -> dict[str, Any]:
    if key == NEW:
        return {"key": "", "when": {"line": request.app[CORE].line, "mode": "phone"}}
    found = await changes.in_force_document(session, key, request.app[CORE].clock.now())
    if not found and key == callback_rules.KEY:
        return callback_rules.conduct()
    if not found:  # a database into which the program's own rules were not taken yet works by them all the same
        found = dict(dict(policy.documents(policy.seed())).get(key, {}))
    if not found:
        raise NotFound(_("没有这条时限规则"))
    return found


def _entered(key: str, document: dict[str, Any]) -> dict[str, str]:
    if key in changes.WHOLE:
        return {"rest": form_of.as_yaml(document)}
    return form_of.entered_of(document)


def _form(request: web.Request, key: str, entered: dict[str, str], problem: HotlineError | None = None) -> web.Response:
    return page(
        request,
        "console/policy.html",
        nav="policies",
        status=problem.status if problem else 200,
        policy_key=key,
        is_centre=key in changes.WHOLE,
        is_new=key == NEW,
        entered=entered,
        limits={name: _(title) for name, title in form_of.LIMITS.items()},
        units={name: _(title) for name, title in form_of.UNITS.items()},
        ends={name: _(title) for name, title in form_of.ENDS.items()},
        rolls={name: _(title) for name, title in form_of.ROLLS.items()},
        errors={(problem.field or "rest"): str(problem)} if problem else {},
    )


async def _table(request: web.Request, problem: HotlineError | None = None, entered: dict[str, str] | None = None) -> web.Response:
    person, now = staff(request), request.app[CORE].clock.now()
    async with request.app[DATABASE].transaction() as session:
        in_force = await book.policies(session, now)
        waiting = [await _proposal(request, session, row) for row in await changes.proposals(session)]
        past = await changes.history(session, limit=60)
        names, standing = await _names(session, past), await changes.standings(session, past, now)
        version = (await versions.current(session)).policies
        callback = await callback_book.current(session, now)
    centre = in_force.centre
    return page(
        request,
        "console/policies.html",
        nav="policies",
        status=problem.status if problem else 200,
        policies=[(policy, form_of.condition_words(policy.when), form_of.row_of(policy)) for policy in in_force.policies],
        dispatch={urgency.value: form_of.limit_words(limit) for urgency, limit in centre.dispatch.items()},
        windows={kind.value: form_of.limit_words(limit) for kind, limit in centre.windows.items()},
        review=form_of.limit_words(centre.review),
        centre=centre,
        centre_key=CENTRE,
        callback=callback,
        callback_key=callback_rules.KEY,
        waiting=waiting,
        past=past,
        standing=standing,
        names=names,
        version=version,
        may_decide=may(person.actor, "policy.decide"),
        may_move=may(person.actor, "policy.move"),
        literal=request.app[CORE].literal_days,
        problem=str(problem) if problem else "",
        entered=entered or {},
    )


async def _proposal(request: web.Request, session: AsyncSession, row: PolicyVersion) -> dict[str, Any]:
    before = await changes.in_force_document(session, row.key, request.app[CORE].clock.now())
    who = await session.get(User, row.proposed_by_id) if row.proposed_by_id else None
    mine = row.proposed_by_id == staff(request).user.id
    told = [
        (
            _(form_of.NAMES.get(item["field"], item["field"])),
            form_of.value_words(item["field"], item["before"]),
            form_of.value_words(item["field"], item["after"]),
        )
        for item in changes.differences(before, row.document)
        if item["field"] != "key"
    ]
    return {
        "row": row,
        "is_new": not before,
        "changes": told,
        "by": who.name if who else "",
        "mine": mine,
        "open": await changes.count_tickets(session, row.key),
    }


async def _names(session: AsyncSession, rows: list[PolicyVersion]) -> dict[int, str]:
    ids = {user_id for row in rows for user_id in (row.proposed_by_id, row.decided_by_id) if user_id}
    found = await session.execute(select(User.id, User.name).where(User.id.in_(ids)))
    return {row.id: row.name for row in found}
