"""Errors of machine interfaces as RFC 9457 problem details (`application/problem+json`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from channels.web.keys import CORRELATION
from hotline.errors import HotlineError, IllegalStep, InvalidInput
from hotline.i18n import _, texts

TITLES = texts(
    {
        400: "请求有误",
        401: "需要令牌",
        403: "没有权限",
        404: "没有找到",
        405: "不支持的操作",
        409: "内容已有变化",
        413: "内容太大",
        415: "请求有误",
        422: "需要修改",
        429: "请稍后再试",
        500: "出错了",
        503: "暂时无法使用",
    }
)
"""What each status means, in two words; pages show the same."""

_NOT_NOW = texts("现在不能这样做")
"""409 of a step that the workflow refuses: nothing was changed by anybody."""

TYPE_BASE = "urn:hotline:problem:"
"""What a problem's `type` begins with; the rest is the stable code of `hotline.errors`."""


def title_of(error: HotlineError) -> str:
    """What happened, in two words and in the reader's language."""
    return _(_NOT_NOW if isinstance(error, IllegalStep) else TITLES.get(error.status, "出错了"))


def problem_body(error: HotlineError, request: web.Request, details: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The members of a problem; `details` are extension members such as `allowed` and `changed`."""
    body: dict[str, Any] = {
        "type": TYPE_BASE + error.code,
        "title": title_of(error),
        "status": error.status,
        "detail": str(error),
        "instance": "urn:hotline:request:" + request.get(CORRELATION, "unknown"),
    }
    if isinstance(error, InvalidInput) and error.errors:
        body["errors"] = [{"field": field, "detail": text} for field, text in error.errors.items()]
    return {**body, **(details or {})}


def problem_response(error: HotlineError, request: web.Request, details: Mapping[str, Any] | None = None) -> web.Response:
    """`error` as an answer with the headers that belong to its status."""
    headers = {"Cache-Control": "no-store"}
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="hotline"'
    if error.status == 503:
        headers["Retry-After"] = "15"
    if error.status == 429:
        headers["Retry-After"] = str(error.parameters.get("seconds", 15))
    text = json.dumps(problem_body(error, request, details), ensure_ascii=False)
    return web.Response(text=text, status=error.status, content_type="application/problem+json", charset="utf-8", headers=headers)
