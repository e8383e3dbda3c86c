"""The six methods of GeoReport v2 and the service discovery. Each address exists bare, with `.json` and with `.xml`."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from channels.api import once
from channels.api.limits import Limiter
from channels.open311 import arguments, render, view
from channels.open311.problems import Problem, Refused
from channels.web.address import address_of
from channels.web.inputs import is_clean
from channels.web.keys import CORE, DATABASE, SETTINGS
from channels.web.middleware import is_compressed
from hotline.errors import Conflict, HotlineError, InvalidInput
from hotline.i18n import _
from ticketing.people.actor import citizen_actor
from ticketing.ticket.service import Appeal, register
from ticketing.ticket.states import Channel

BASE = "/open311/v2"
SPECIFICATION = "http://wiki.open311.org/GeoReport_v2"
MAX_BODY = 64 * 1024
MAX_KEY = 200
CHANGESET = "2026-11-22 00:00"
"""When discovery or the service definitions last changed: clients then read them again."""
READS: web.AppKey[Limiter] = web.AppKey("open311_reads")
WRITES: web.AppKey[Limiter] = web.AppKey("open311_writes")
Answer = render.Record | render.Records
Method = Callable[[web.Request], Awaitable[Answer]]


def setup(app: web.Application) -> None:
    """Add the addresses."""
    app[READS] = Limiter(app[CORE].clock, per_minute=600, burst=300)
    app[WRITES] = Limiter(app[CORE].clock, per_minute=60, burst=60)
    for form in (None, render.XML, render.JSON):
        dot = f".{form}" if form else ""
        app.router.add_get(f"{BASE}/services{dot}", _method(services, form))
        app.router.add_get(f"{BASE}/services/{{code:[^/.]+}}{dot}", _method(service_definition, form))
        app.router.add_get(f"{BASE}/requests{dot}", _method(find_requests, form))
        app.router.add_post(f"{BASE}/requests{dot}", _method(post_request, form))
        app.router.add_get(f"{BASE}/requests/{{number:[^/.]+}}{dot}", _method(one_request, form))
        app.router.add_get(f"{BASE}/tokens/{{token:[^/.]+}}{dot}", _method(token, form))
        app.router.add_get(f"{BASE}/discovery{dot}", _method(discovery, form))
        app.router.add_get(f"/open311/discovery{dot}", _method(discovery, form))
    for root in ("/open311", "/open311/", BASE, f"{BASE}/"):
        app.router.add_get(root, _method(discovery, None))
    app.router.add_route("*", "/open311/{tail:.*}", _method(unknown, None))


def _method(method: Method, form: str | None) -> Handler:
    """Wrap a method: limit, errors and the wanted form are the same for all of them."""

    async def handler(request: web.Request) -> web.Response:
        wanted = form or render.wanted_form(request.headers.get("Accept", ""))
        limiter = request.app[READS if request.method in ("GET", "HEAD") else WRITES]
        wait = limiter.wait_seconds(address_of(request))
        if wait:
            answer = _problems([Problem(429, _("请求太频繁，请{seconds}秒后再试").format(seconds=wait))], wanted, 429)
            answer.headers["Retry-After"] = str(wait)
            return answer
        try:
            return render.response(await method(request), wanted)
        except Refused as refused:
            return _problems(refused.problems, wanted, refused.status)
        except HotlineError as error:
            return _problems([Problem(error.status, str(error))], wanted, error.status)

    return handler


def _problems(problems: list[Problem] | tuple[Problem, ...], form: str, status: int) -> web.Response:
    rows = [{"code": problem.code, "description": problem.description} for problem in problems]
    return render.response(render.errors(rows), form, status=status)


async def services(request: web.Request) -> Answer:
    """GET Service List."""
    async with request.app[DATABASE].transaction() as session:
        return render.services(await view.service_list(session))


async def service_definition(request: web.Request) -> Answer:
    """GET Service Definition."""
    code = request.match_info["code"]
    async with request.app[DATABASE].transaction() as session:
        if code not in await view.service_codes(session):
            raise Refused(Problem(404, _("没有这个service_code，请先用GET services查询")))
    return render.Record("service_definition", arguments.definition(code))


async def find_requests(request: web.Request) -> Answer:
    """GET Service Requests."""
    values = {name: request.query.getall(name) for name in request.query}
    query = arguments.read_query(values, request.app[CORE].clock.now())
    async with request.app[DATABASE].transaction() as session:
        if query.service_codes and query.numbers is None:
            unknown_codes = [code for code in query.service_codes if code not in await view.service_codes(session)]
            if unknown_codes:
                raise Refused(Problem(400, _("没有这个service_code，请先用GET services查询")))
        return render.requests(await view.find(session, query))


async def one_request(request: web.Request) -> Answer:
    """GET Service Request."""
    number = request.match_info["number"]
    if arguments.is_ticket_number(number):
        async with request.app[DATABASE].transaction() as session:
            record = await view.find_one(session, number)
        if record is not None:
            return render.requests([record])
    raise Refused(Problem(404, _("没有找到这个service_request_id")))


async def token(request: web.Request) -> Answer:
    """GET service_request_id from a token. Every service is `realtime`, so the ticket number serves as its own token."""
    number = request.match_info["token"]
    if arguments.is_ticket_number(number):
        async with request.app[DATABASE].transaction() as session:
            record = await view.find_one(session, number)
        if record is not None:
            return render.requests([{"service_request_id": record["service_request_id"], "token": number}])
    raise Refused(Problem(404, _("没有找到这个token")))


async def discovery(request: web.Request) -> Answer:
    """Service discovery: where this interface is and what it speaks."""
    settings = request.app[SETTINGS]
    endpoint = {
        "specification": SPECIFICATION,
        "url": settings.web_url + BASE,
        "changeset": CHANGESET,
        "type": "test" if settings.demo else "production",
        "formats": ["text/xml", "application/json"],
    }
    return render.Record(
        "discovery",
        {
            "changeset": CHANGESET,
            "contact": _("{city}政务服务便民热线 {line}").format(city=settings.city_name, line=settings.line_number),
            "key_service": _("不需要api_key"),
            "endpoints": [endpoint],
        },
    )


async def unknown(request: web.Request) -> Answer:
    """An address or a method that does not exist."""
    raise Refused(Problem(404, _("没有这个地址或不支持这种请求方法，可用的地址见 {base}/discovery").format(base=BASE)))


async def post_request(request: web.Request) -> Answer:
    """POST Service Request: registers a ticket and answers with its number at once."""
    body = await _body(request)
    fields = arguments.read_form(body)
    core = request.app[CORE]
    key = _retry_key(request)
    async with request.app[DATABASE].transaction() as session:
        report = arguments.read_new_request(fields, await view.service_codes(session))
        if key:
            try:
                known = await once.begin(core, session, channel="open311", key=key, body=json.dumps(fields, sort_keys=True))
            except Conflict as error:
                raise Refused(Problem(400, str(error))) from None
            if known is not None:
                return render.requests([known])
        try:
            registered = await register(core, session, citizen_actor(), _appeal(request, report))
        except InvalidInput as error:
            raise Refused(*(Problem(400, f"{name}：{text}") for name, text in error.errors.items())) from None
        answer = {
            "service_request_id": registered.ticket.number,
            "service_notice": _("已登记，编号{number}，查询码{code}。请记下查询码，凭编号和查询码可以在门户查进度").format(
                number=registered.ticket.number, code=registered.query_code
            ),
            "account_id": None,
        }
        if key:
            await once.finish(core, session, channel="open311", key=key, answer=answer)
    return render.requests([answer])


def _retry_key(request: web.Request) -> str:
    """The sender's name for this report, empty without one. Bound to his address: nobody gets another one's answer by guessing."""
    key = request.headers.get("Idempotency-Key", "").strip()
    if not key:
        return ""
    if not is_clean(key) or len(key) > MAX_KEY:
        raise Refused(Problem(400, _("Idempotency-Key应是最多{limit}个UTF-8字符").format(limit=MAX_KEY)))
    return f"{address_of(request)}\n{key}"


def _appeal(request: web.Request, report: arguments.NewRequest) -> Appeal:
    content = report.description or _("（没有填写说明）")
    if report.media_url:
        content += "\n" + _("图片或视频链接：") + report.media_url
    place = [report.address, _("地址编号{id}").format(id=report.address_id) if report.address_id else ""]
    extra: dict[str, Any] = {"media_url": report.media_url, "address_id": report.address_id}
    if report.email:
        extra["email_sealed"] = request.app[CORE].vault.seal(report.email).decode()
    return Appeal(
        channel=Channel.OPEN311,
        content=content,
        kind=report.kind,
        category_code=report.service_code,
        occurred=report.occurred,
        address="，".join(part for part in place if part),
        latitude=report.latitude,
        longitude=report.longitude,
        name=report.name,
        phone=report.phone,
        anonymous=not (report.name or report.phone),
        contact_by=report.contact_by,
        extra={"open311": {name: value for name, value in extra.items() if value}},
    )


async def _body(request: web.Request) -> bytes:
    if is_compressed(request):
        raise Refused(Problem(415, _("不接受压缩过的内容，请不压缩再提交")))
    if request.content_type != "application/x-www-form-urlencoded":
        raise Refused(Problem(415, _("请用Content-Type: application/x-www-form-urlencoded; charset=utf-8提交")))
    if (request.charset or "utf-8").lower().replace("_", "-") not in ("utf-8", "utf8", "us-ascii"):
        raise Refused(Problem(415, _("只接受UTF-8编码，请用charset=utf-8提交")))
    body = bytearray()
    async for chunk in request.content.iter_chunked(16 * 1024):
        body += chunk
        if len(body) > MAX_BODY:
            raise Refused(Problem(413, _("请求内容太大，最多{limit}KB").format(limit=MAX_BODY // 1024)))
    return bytes(body)
