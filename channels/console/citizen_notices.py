"""What was pushed to citizens and what got stuck; the templates of notices, edited by the administrator."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiohttp import web
from sqlalchemy import select

from channels.console.pages import page, see_other
from channels.console.session import require_may
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE, SETTINGS
from hotline.errors import InvalidInput
from hotline.events import Outbox
from hotline.i18n import _, texts
from ticketing.callback.links import without_token
from ticketing.notice import deliveries, templates
from ticketing.notice.models import DeliveryState, NoticeDelivery
from ticketing.notice.service import TOO_MANY
from ticketing.people.models import Role, User

_CODE = re.compile(r"(?<![A-Za-z0-9])[2-9A-HJKMNP-Z]{8}(?![A-Za-z0-9])")
"""A query code: who has it acts as the citizen, so nobody of the staff reads it here. Numbers with a date hold a 0 or 1."""
PATH, TEMPLATES = "/console/notices-sent", "/console/notices-templates"
PAGE = 50


@dataclass(frozen=True)
class Row:
    """One push; `text` and `number` are empty for the administrator (4b: no case content)."""

    delivery: NoticeDelivery
    title: str
    number: str
    text: str
    stuck: bool
    can_resend: bool
    problem: str


_PROBLEMS = texts(
    {
        deliveries.NO_GATEWAY: "",
        TOO_MANY: "当天发给这个未核实号码的太多，请电话告知市民",
        "ClientConnectorError": "连不上对方的服务器，会再试",
        f"{deliveries.RECEIPT}user block": "市民拒收了公众号的消息",
        f"{deliveries.RECEIPT}system failed": "微信平台收下了，但没有送到",
    }
)
"""Errors that a person reads in words; others are the gateway's own."""


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/notices-sent: pushes by state; what would have been sent where no gateway is configured."""
    person = require_may(request, "notice.follow")
    core, site = request.app[CORE], request.app[SETTINGS].web_url
    state = request.query.get("state", "")
    chosen = state if state in set(DeliveryState) else ""
    before = whole_number(request.query.get("before"))
    async with request.app[DATABASE].transaction() as session:
        found = await deliveries.deliveries(core, session, person.actor, state=chosen, before=before, limit=PAGE)
        stuck = await deliveries.counts(session)
        keys = [f"{deliveries.PREFIX}{item.delivery.id}" for item in found if item.ticket is not None]
        outbox = list(await session.scalars(select(Outbox).where(Outbox.dedupe_key.in_(keys))))
        words = {row.dedupe_key: core.vault.open(str(row.payload["text_sealed"]).encode()) for row in outbox}
    rows = [_row(item, words, site) for item in found]
    return page(
        request,
        "console/citizen_notices.html",
        nav="system" if person.role is Role.ADMIN else "board",
        rows=rows,
        stuck=stuck,
        chosen=chosen,
        older=rows[-1].delivery.id if len(rows) == PAGE else None,
        has_gateway=request.app[SETTINGS].sends_sms,
        demo=request.app[SETTINGS].demo,
        admin=person.role is Role.ADMIN,
    )


def _row(item: deliveries.Stuck, words: dict[str, str], site: str) -> Row:
    title = next((template.title for template in templates.load().templates if template.key == item.notice.template), item.notice.template)
    text = _CODE.sub("********", without_token(templates.put_address(words.get(f"{deliveries.PREFIX}{item.delivery.id}", ""), site)))
    error = item.delivery.last_error or ""
    return Row(
        item.delivery,
        _(title),
        item.ticket.number if item.ticket else "",
        text,
        stuck=item.delivery.state in deliveries.STUCK,
        can_resend=error != TOO_MANY,
        problem=_(_PROBLEMS.get(error, error)),
    )


async def act(request: web.Request) -> web.StreamResponse:
    """POST /console/notices-sent/{id}/{step}: send a stuck push again, or note how it was dealt with."""
    person = require_may(request, "notice.follow")
    data = await request.post()
    delivery_id = int(request.match_info["id"])
    async with request.app[DATABASE].transaction() as session:
        if request.match_info["step"] == "resend":
            await deliveries.resend(request.app[CORE], session, person.actor, delivery_id)
            done = "resent"
        else:
            await deliveries.acknowledge(request.app[CORE], session, person.actor, delivery_id, str(data.get("note", ""))[:500])
            done = "notice_left"
    state = str(data.get("state", ""))
    return see_other(request, f"{PATH}?state={state}" if state in set(DeliveryState) else PATH, done)


async def show_templates(request: web.Request) -> web.StreamResponse:
    """GET /console/notices-templates: all templates with what they say now."""
    require_may(request, "notice.edit")
    async with request.app[DATABASE].transaction() as session:
        current = [await templates.current(session, template.key) for template in templates.load().templates]
    return page(request, "console/notice_templates.html", nav="system", templates=current)


async def show_template(request: web.Request) -> web.StreamResponse:
    """GET /console/notices-templates/{key}: the form, a preview with sample values, the versions."""
    require_may(request, "notice.edit")
    return await _template(request)


async def save_template(request: web.Request) -> web.StreamResponse:
    """POST: `do=preview` shows what it would say; `do=save` makes a new version."""
    person = require_may(request, "notice.edit")
    data = await request.post()
    typed = {name: str(data.get(name, "")).replace("\r\n", "\n").strip() for name in ("text", "sms", "reason")}
    seen = whole_number(str(data.get("seen", ""))) or 0
    key = request.match_info["key"]
    try:
        if data.get("do") == "save":
            async with request.app[DATABASE].transaction() as session:
                await templates.edit(request.app[CORE], session, person.actor, key, **typed, seen=seen)
            return see_other(request, f"{TEMPLATES}/{key}", "template_saved")
        templates.preview(typed["text"], typed["sms"], templates.load().template(key).values, "")
    except InvalidInput as error:
        return await _template(request, typed=typed, errors=error.errors, seen=seen, status=422)
    return await _template(request, typed=typed, seen=seen)


async def _template(
    request: web.Request, *, typed: dict[str, str] | None = None, errors: dict[str, str] | None = None, seen: int = 0, status: int = 200
) -> web.Response:
    key, site = request.match_info["key"], request.app[SETTINGS].web_url
    async with request.app[DATABASE].transaction() as session:
        current = await templates.current(session, key)
        versions = await templates.versions(session, key)
        editors = select(User.id, User.name).where(User.id.in_([item.edited_by_id for item in versions]))
        people = {row.id: row.name for row in await session.execute(editors)}
    values = typed or {"text": current.text, "sms": current.sms, "reason": ""}
    shown = None if errors else templates.preview(values["text"], values["sms"], current.values, site)
    return page(
        request,
        "console/notice_template.html",
        nav="system",
        status=status,
        notice=current,
        typed=values,
        errors=errors or {},
        preview=shown,
        seen=seen or current.version,
        versions=versions,
        people=people,
        allowed=sorted({*templates.COMMON, *current.values}),
        limits=(templates.MAX_TEXT, templates.MAX_SMS),
    )
