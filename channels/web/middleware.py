"""Middleware around every request: correlation id, security headers, size limit, errors as page, fragment or JSON."""

from __future__ import annotations

import secrets

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError

from channels.web.keys import CORRELATION, READER_LANGUAGE, SETTINGS
from channels.web.problems import problem_response, title_of
from channels.web.templating import is_fragment, render
from hotline import logs
from hotline.database import is_outage
from hotline.errors import Conflict, HotlineError, InvalidInput, NotAllowed, NotFound, Unavailable
from hotline.i18n import _, language, speaking

log = logs.get(__name__)


def content_security_policy(*, scripts: str = "", frames: str = "") -> str:
    """What a page may load: our own things. `scripts`, `frames`: sources that one page needs beyond that."""
    parts = [
        "default-src 'self'",
        "img-src 'self' data:",  # the arrow of select boxes and the watermark are data: pictures
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
    if scripts:
        parts.append(f"script-src 'self' {scripts}")
    if frames:
        parts.append(f"frame-src {frames}")
    return "; ".join(parts)


CONTENT_SECURITY_POLICY = content_security_policy()
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(self), microphone=()",
}
FORM_LIMIT = 256 * 1024
"""Largest body that is not an upload, in bytes."""


@web.middleware
async def correlation_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """One id per request, printed in logs and on error pages."""
    correlation = secrets.token_hex(6)
    request[CORRELATION] = correlation
    with structlog.contextvars.bound_contextvars(correlation=correlation):
        response = await handler(request)
    if not response.prepared:
        response.headers["X-Request-Id"] = correlation
    return response


async def add_security_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Signal handler: also streams and files get the headers. A handler's own value wins."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)


_FILES_OF = {
    "/appeal": 9,
    "/track/supplement": 9,
    "/console/tickets/new": 5,
    "/console/calendar/preview": 1,
    "/console/import": 1,
    "/console/articles/{id}/edit": 10,
    "/console/tickets/{number}/files": 5,
    "/api/v1/tickets/{number}/attachments": 5,
}
"""How many files the forms with uploads take, by the route's address."""


@web.middleware
async def size_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse large bodies, before they are read when the length is announced, else while they are read.

    Only forms with files may be larger than `FORM_LIMIT`. Compressed bodies are refused: 87 KB can hold 90 MB.
    Open311 reads its bodies itself, with a smaller limit and errors in the form of its standard.
    """
    if request.path.startswith("/open311/"):
        return await handler(request)
    if is_compressed(request):
        raise web.HTTPUnsupportedMediaType
    limit = body_limit(request)
    length = request.content_length
    if length is not None and length > limit:
        raise web.HTTPRequestEntityTooLarge(max_size=limit, actual_size=length)
    request._client_max_size = limit  # what read() and post() of aiohttp count against, chunked bodies as well
    return await handler(request)


def is_compressed(request: web.Request) -> bool:
    """Whether the body must be unpacked; `identity` says that it need not."""
    return any(value.strip().lower() not in ("", "identity") for value in request.headers.getall("Content-Encoding", []))


def body_limit(request: web.Request) -> int:
    """Largest body of this request in bytes."""
    resource = request.match_info.route.resource
    files = _FILES_OF.get(resource.canonical, 0) if resource is not None else 0
    if not files or request.method != "POST" or request.content_type != "multipart/form-data":
        return FORM_LIMIT
    return files * request.app[SETTINGS].upload_max_bytes + FORM_LIMIT


def as_hotline_error(error: Exception, request: web.Request) -> HotlineError | None:
    """The error that a person is told, or None when it is a defect of ours."""
    if isinstance(error, HotlineError):
        return error
    if isinstance(error, web.HTTPException):
        return _from_http(error)
    if isinstance(error, StaleDataError):
        return Conflict(_("刚才有人改过这件工单，没有保存。请看最新内容后再操作"))
    if isinstance(error, (ConnectionError, TimeoutError, PoolTimeout)) or (isinstance(error, DBAPIError) and is_outage(error)):
        log.warning("database unreachable", path=request.path)
        return Unavailable(_("服务暂时中断，请稍后再试"))
    return None


class _Http(HotlineError):
    """An HTTP error of aiohttp in our words."""


def _from_http(error: web.HTTPException) -> HotlineError | None:
    if error.status == 404:
        return NotFound(_("没有找到这个页面。请检查地址，或从首页重新进入"))
    if error.status == 413:
        return _http(413, "too_large", _("内容太大，没有保存。请减小文件或缩短文字后再试"))
    if error.status == 415:
        return _http(415, "unsupported_media_type", _("不接受压缩过的内容，请不压缩再提交"))
    if error.status == 405:
        return _http(405, "method_not_allowed", _("这个地址不支持这种操作"))
    if error.status >= 400:
        return _http(error.status, "bad_request", _("请求有误，没有执行。请返回上一页再试"))
    return None


def _http(status: int, code: str, message: str) -> HotlineError:
    made = type("HttpProblem", (_Http,), {"status": status, "code": code})
    problem: HotlineError = made(message)
    return problem


def wants_json(request: web.Request) -> bool:
    """Whether the caller is a program: the API, or an Accept that names JSON before HTML."""
    accept = request.headers.get("Accept", "")
    return request.path.startswith(("/api/", "/readyz", "/healthz")) or ("application/json" in accept and "text/html" not in accept)


def error_response(request: web.Request, error: HotlineError) -> web.Response:
    """`error` as JSON, as a fragment for htmx, or as a page."""
    if request.path.startswith("/api/") and not request.path.startswith("/api/v1/chat"):
        return problem_response(error, request)
    with speaking(request.get(READER_LANGUAGE, language())):
        return _told(request, error)


def _told(request: web.Request, error: HotlineError) -> web.Response:
    message = error.told(_)
    if wants_json(request):
        body: dict[str, object] = {"error": {"code": error.code, "message": message}, "request": request.get(CORRELATION, "")}
        if isinstance(error, InvalidInput) and error.errors:
            body["error"] = {"code": error.code, "message": message, "fields": error.errors}
        return web.json_response(body, status=error.status)
    console = request.path.startswith("/console")
    values = {
        "status_code": error.status,
        "error_title": title_of(error),
        "message": message,
        "correlation": request.get(CORRELATION, ""),
        "home": "/console" if console else "/",
        "console": console,
    }
    template = "web/error_fragment.html" if is_fragment(request) else "web/error.html"
    response = render(request, template, status=error.status, **values)
    if error.status == 503:
        response.headers["Retry-After"] = "15"
    return response


class Defect(HotlineError):
    """Something of ours broke; the log has the traceback under the same id."""

    status, code = 500, "internal"


@web.middleware
async def error_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """No traceback ever reaches a browser; every refusal says what to do."""
    try:
        return await handler(request)
    except (web.HTTPRedirection, web.HTTPSuccessful):
        raise
    except Exception as error:
        known = as_hotline_error(error, request)
        if known is None:
            log.exception("request failed", method=request.method, path=request.path)
            known = Defect(_("服务出了差错，我们已记录。请稍后再试；着急的事请拨打{line}").format(line=request.app[SETTINGS].line_number))
        elif isinstance(known, NotAllowed):
            log.info("refused", method=request.method, path=request.path, reason=str(known))
        return error_response(request, known)
