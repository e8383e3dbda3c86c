"""查进度: open a ticket by number and query code, follow it, add to it, urge, rate, take back or ask for redo.

The door is `ticketing.ticket.access.access_by_code`. After it a signed cookie names the ticket for half an hour, so that
the code need not be typed again. Trying is limited by address and by number, and every wrong try gets the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NoReturn
from uuid import UUID

from aiohttp import web
from multidict import MultiDictProxy
from sqlalchemy.ext.asyncio import AsyncSession

from channels.api.limits import Limiter
from channels.portal import cookies, kept_files
from channels.portal.kept_files import Kept
from channels.portal.preferences import page
from channels.portal.rating import read_rating, survey
from channels.portal.tickets import Tracked, tracked
from channels.web.address import address_of
from channels.web.files import ACCEPT, download, read_uploads
from channels.web.keys import CORE, DATABASE
from hotline.errors import IllegalStep, InvalidInput, NotFound
from hotline.i18n import _
from ticketing.assignment.reply_files import released_file
from ticketing.callback.service import finish_callback, reopen
from ticketing.people.actor import citizen_actor
from ticketing.relation.links import master_of
from ticketing.supervision.urging import urge
from ticketing.ticket.access import access_by_code, access_opened
from ticketing.ticket.dispatch import supplement, withdraw
from ticketing.ticket.models import Ticket
from ticketing.ticket.refusal import MIN_WAY, object_to

TRIES: web.AppKey[Limiter] = web.AppKey("portal_tries")
TRIES_OF_NUMBER: web.AppKey[Limiter] = web.AppKey("portal_tries_of_number")
SUPPLEMENTS: web.AppKey[Limiter] = web.AppKey("portal_supplements")
MAX_FILES = 9
_NUMBER = re.compile(r"\d{3,8}-\d{8}-\d{1,12}")
_CODE = re.compile(r"[2-9A-HJKMNP-Za-hjkmnp-z ]{6,20}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_FULL_WIDTH = str.maketrans("０１２３４５６７８９－—", "0123456789--")
Step = Callable[[web.Request, AsyncSession, Ticket, dict[str, str]], Awaitable[str]]


async def show(request: web.Request) -> web.StreamResponse:
    """GET /track: the ticket of this browser, or the form for number and code."""
    number = cookies.ticket_of(request)
    if number is None:
        return _ask(request, request.query.get("number", "")[:40], {})
    return await _ticket_page(request, number)


def _ask(request: web.Request, number: str, errors: dict[str, str], *, status: int = 200) -> web.Response:
    return page(request, "portal/track_form.html", status=status, number=number, errors=errors)


def _with_dashes(typed: str, line: str) -> str:
    """The number as it is written down: the phone reads it out without dashes, and people type it with blanks."""
    plain = re.sub(r"[\s\-—－]", "", typed)
    written = re.fullmatch(rf"({line})(\d{{8}})(\d{{5}})", plain)
    return "-".join(written.groups()) if written else typed.strip()


async def open_ticket(request: web.Request) -> web.StreamResponse:
    """POST /track."""
    data = await request.post()
    number = _with_dashes(str(data.get("number", "")).translate(_FULL_WIDTH)[:60], request.app[CORE].line)
    code = str(data.get("code", "")).translate(_FULL_WIDTH).strip()[:40]
    errors = {} if number else {"number": _("请填写编号，例如12345-20261118-00871")}
    if not code:
        errors["code"] = _("请填写查询码，登记时给您的8位字母和数字")
    if errors:
        return _ask(request, number, errors, status=422)
    waits = (request.app[TRIES].wait_seconds(address_of(request)), request.app[TRIES_OF_NUMBER].wait_seconds(number))
    if any(waits):
        minutes = -(-max(waits) // 60)
        return _ask(
            request,
            number,
            {"number": _("试的次数太多，请{minutes}分钟后再试，或拨打热线由话务员帮您查").format(minutes=minutes)},
            status=429,
        )
    try:
        await _access(request, number, code)
    except NotFound as error:
        return _ask(request, number, {"number": str(error)}, status=422)
    response = web.HTTPSeeOther("/track")
    cookies.remember_ticket(request, response, number)
    raise response


async def _access(request: web.Request, number: str, code: str) -> None:
    """Raises the same NotFound for an unknown number, a wrong code, and for what cannot be either."""
    possible = _NUMBER.fullmatch(number) and _CODE.fullmatch(code)
    async with request.app[DATABASE].transaction() as session:
        await access_by_code(request.app[CORE], session, number if possible else "", code if possible else "")


async def _ticket_page(
    request: web.Request,
    number: str,
    *,
    errors: dict[str, str] | None = None,
    typed: dict[str, str] | None = None,
    problem: str = "",
    status: int = 200,
    template: str = "portal/track.html",
    kept: Sequence[Kept] = (),
) -> web.Response:
    async with request.app[DATABASE].transaction() as session:
        found = await tracked(request.app[CORE], session, await access_opened(session, number))
    said = request.query.get("done", "")
    return page(
        request,
        template,
        status=status,
        found=found,
        ticket=found.ticket,
        errors=errors or {},
        typed=typed or {},
        survey=survey("web"),
        said=_said(said, found),
        problem=problem,
        accept=ACCEPT,
        max_files=MAX_FILES,
        kept=[(kept_files.sign(request, item), item.file_name) for item in kept],
    )


def _said(key: str, found: Tracked) -> str:
    words = {
        "urge": _("已经替您催办，承办单位会看到"),
        "supplement": _("收到您补充的内容"),
        "withdraw": _("已经撤回"),
        "reopen": _("已经请承办单位重办"),
        "object": _("收到您的异议，我们会换一位工作人员重新审查"),
        "rate": _("谢谢您的评价") if found.ticket.satisfaction else _("谢谢您的评价。我们会马上再联系您，查明原因后请承办单位重办"),
    }
    return words.get(key, "")


async def reply_file(request: web.Request) -> web.StreamResponse:
    """GET /track/files/{id}: a file of the answer, for the browser that opened this ticket. Raises NotFound for any other file."""
    number = cookies.ticket_of(request)
    if number is None:
        raise web.HTTPSeeOther("/track")
    async with request.app[DATABASE].transaction() as session:
        ticket = await access_opened(session, number)
        file = await released_file(session, ticket, UUID(request.match_info["id"]))
    return await download(request, file)


async def rate_page(request: web.Request) -> web.StreamResponse:
    """GET /track/rate: the question; without a ticket, first the form for number and code."""
    number = cookies.ticket_of(request)
    if number is None:
        raise web.HTTPSeeOther("/track")
    return await _ticket_page(request, number, template="portal/rate.html")


async def supplement_page(request: web.Request) -> web.StreamResponse:
    """GET /track/supplement."""
    number = cookies.ticket_of(request)
    if number is None:
        raise web.HTTPSeeOther("/track")
    return await _ticket_page(request, number, template="portal/supplement.html")


def _posting(step: Step, template: str = "portal/track.html") -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """A POST on the ticket of this browser: one locked transaction, then back to the page; refusals come back with the input."""

    async def handler(request: web.Request) -> web.StreamResponse:
        number = cookies.ticket_of(request)
        if number is None:
            raise web.HTTPSeeOther("/track")
        data = await request.post()
        typed = {name: _CONTROL.sub("", value).strip() for name, value in data.items() if isinstance(value, str)}
        try:
            async with request.app[DATABASE].transaction() as session:
                done = await step(request, session, await access_opened(session, number, lock=True), typed)
        except InvalidInput as error:
            kept = await kept_files.still_there(request, _kept(request, data))
            errors = error.errors or {"text": str(error)}
            return await _ticket_page(request, number, errors=errors, typed=typed, status=422, template=template, kept=kept)
        except IllegalStep:
            return await _ticket_page(request, number, problem=_gentle(), status=409)
        raise web.HTTPSeeOther(f"/track?done={done}")

    return handler


def _gentle() -> str:
    """A citizen is told what to do, not the names of inner states."""
    return _("这件事的进度刚刚有变化，这一步现在不能做。请看下面最新的进度")


async def _urge(request: web.Request, session: AsyncSession, ticket: Ticket, _typed: dict[str, str]) -> str:
    master = await master_of(session, ticket)  # who urges under a merged number urges the matter
    await urge(request.app[CORE], session, citizen_actor(ticket.citizen_id), master)
    return "urge"


async def _supplement(request: web.Request, session: AsyncSession, ticket: Ticket, typed: dict[str, str]) -> str:
    if request.app[SUPPLEMENTS].wait_seconds(ticket.number):
        raise InvalidInput(_("补充得太频繁，请过几分钟再提交。内容还在本页"), field="text")
    kept = _kept(request, await request.post())
    if len(await kept_files.still_there(request, kept)) < len(kept):
        raise InvalidInput(_("先前选的附件已经过期，请重新选择"), field="files")
    uploads = await read_uploads(request, limit=MAX_FILES - len(kept))
    count = len(uploads) + len(kept)
    text = typed.get("text", "") or (f"补充了{count}个附件" if count else "")
    await supplement(request.app[CORE], session, citizen_actor(ticket.citizen_id), ticket, text)
    for upload in uploads:
        await kept_files.hold(request, session, upload, ticket.id)
    await kept_files.claim(session, kept, ticket.id)
    return "supplement"


def _kept(request: web.Request, data: MultiDictProxy[Any]) -> list[Kept]:
    """Pictures that were picked inside WeChat before the form was sent."""
    return kept_files.read(request, data.getall(kept_files.FIELD, []), MAX_FILES)


async def _rate(request: web.Request, session: AsyncSession, ticket: Ticket, typed: dict[str, str]) -> str:
    result = read_rating(typed, by="web")
    await finish_callback(request.app[CORE], session, citizen_actor(ticket.citizen_id), ticket, result, by="web")
    return "rate"


async def _withdraw(request: web.Request, session: AsyncSession, ticket: Ticket, typed: dict[str, str]) -> str:
    found = await tracked(request.app[CORE], session, ticket)
    if not found.may_withdraw:
        raise IllegalStep("")
    if typed.get("sure") != "yes":
        raise InvalidInput(_("请先勾选“我确认撤回”"), field="sure")
    await withdraw(request.app[CORE], session, citizen_actor(ticket.citizen_id), ticket, typed.get("reason", ""))
    return "withdraw"


async def _reopen(request: web.Request, session: AsyncSession, ticket: Ticket, typed: dict[str, str]) -> str:
    await reopen(request.app[CORE], session, citizen_actor(ticket.citizen_id), ticket, typed.get("reason", ""))
    return "reopen"


async def _object(request: web.Request, session: AsyncSession, ticket: Ticket, typed: dict[str, str]) -> str:
    """T32: once, within the window."""
    reason = typed.get("objection", "")
    if len(reason) < MIN_WAY:
        raise InvalidInput(_("请说明为什么应当受理"), field="objection")
    if not (await tracked(request.app[CORE], session, ticket)).may_object:
        raise IllegalStep("")
    await object_to(request.app[CORE], session, citizen_actor(ticket.citizen_id), ticket, reason)
    return "object"


async def leave(request: web.Request) -> NoReturn:
    """POST /track/leave: this browser no longer shows the ticket."""
    response = web.HTTPSeeOther("/track")
    cookies.forget(response, cookies.TRACK, cookies.RECEIPT)
    raise response


post_urge = _posting(_urge)
post_supplement = _posting(_supplement, "portal/supplement.html")
post_rate = _posting(_rate, "portal/rate.html")
post_withdraw = _posting(_withdraw)
post_reopen = _posting(_reopen)
post_object = _posting(_object)
