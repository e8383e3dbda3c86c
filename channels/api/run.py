"""Serving an operation: token, limit, reading, Idempotency-Key, one transaction, the answer or a problem."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import IO

from aiohttp import web
from aiohttp.web_request import FileField
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.exc import StaleDataError

from channels.api import idempotency
from channels.api.call import Answer, Call, Operation
from channels.api.explain import explain
from channels.api.limits import Limiter
from channels.api.reading import read_json, read_query
from channels.web.address import address_of
from channels.web.inputs import read_form
from channels.web.keys import CORE, DATABASE, SETTINGS
from channels.web.problems import problem_response
from hotline.errors import Conflict, HotlineError, NotAllowed
from hotline.i18n import _
from ticketing.access_token import service as tokens
from ticketing.access_token.service import Bearer, TokenRefused

PER_TOKEN: web.AppKey[Limiter] = web.AppKey("api_per_token")
PER_ADDRESS: web.AppKey[Limiter] = web.AppKey("api_refused_tokens")


class TooMany(HotlineError):
    """This token, or this address with wrong tokens, asks too often."""

    status, code = 429, "too_many_requests"

    def __init__(self, seconds: int) -> None:
        """`seconds` to wait."""
        super().__init__(_("请求太频繁，请{seconds}秒后再试"), seconds=seconds)


def serve(operation: Operation) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The aiohttp handler of an operation."""

    async def handle(request: web.Request) -> web.StreamResponse:
        text = _token_text(request)
        raw = b"" if operation.upload else await request.read()  # before a connection is taken: the caller may be slow
        call: Call | None = None
        try:
            async with request.app[DATABASE].transaction() as session:
                bearer = await _bearer(request, session, text, operation)
                call = Call(request, request.app[CORE], request.app[SETTINGS], request.app[DATABASE], session, bearer)
                _read(operation, call, raw)
                if operation.upload:
                    raw = await _read_upload(request)
                if not operation.own_transactions:
                    return await _answer(operation, call, raw)
            return await _answer(operation, call, raw)
        except StaleDataError:
            return await _refuse(request, Conflict(_("刚才有人改过这件工单，没有保存。请看最新内容后再操作")), call)
        except HotlineError as error:
            return await _refuse(request, error, call)

    return handle


def _token_text(request: web.Request) -> str:
    kind, _blank, text = request.headers.get("Authorization", "").partition(" ")
    return text.strip() if kind.lower() == "bearer" else ""


async def _bearer(request: web.Request, session: AsyncSession, text: str, operation: Operation) -> Bearer:
    wrong = request.app[PER_ADDRESS]
    address = address_of(request)
    if not text:
        raise TokenRefused(_("请带上令牌：Authorization: Bearer hl_…。在控制台“我的令牌”里新建"))
    if wait := wrong.wait_seconds(address):
        raise TooMany(wait)
    bearer = await tokens.find(request.app[CORE], session, text)
    wrong.give_back(address)
    if wait := request.app[PER_TOKEN].wait_seconds(str(bearer.token.id)):
        raise TooMany(wait)
    if operation.writes and not bearer.may_write:
        raise NotAllowed(_("这个令牌只能读取，不能修改。请换一个可写的令牌"))
    return bearer


def _digest(file: IO[bytes]) -> str:
    """Of the whole file, a piece at a time; it stands at its beginning afterwards."""
    seen = hashlib.sha256()
    while piece := file.read(1 << 18):
        seen.update(piece)
    file.seek(0)
    return seen.hexdigest()


async def _read_upload(request: web.Request) -> bytes:
    """Read the form for the handler; what stands for its bytes at the Idempotency-Key. Raises BadRequest for a broken body."""
    await read_form(request)
    seen = hashlib.sha256()
    for name, value in (await request.post()).items():
        if isinstance(value, FileField):
            content = await asyncio.to_thread(_digest, value.file)
            seen.update(repr((name, value.filename, content)).encode())
        else:
            seen.update(repr((name, value)).encode())
    return seen.digest()


def _read(operation: Operation, call: Call, raw: bytes) -> None:
    if operation.query is not None:
        call.query = read_query(operation.query, call.request.query)
    if operation.body is not None:
        call.body = read_json(operation.body, raw, call.request.content_type)


async def _answer(operation: Operation, call: Call, raw: bytes) -> web.StreamResponse:
    key = call.request.headers.get("Idempotency-Key", "") if operation.idempotent_key else ""
    if not key or operation.own_transactions:
        return respond(operation, await operation.run(call))
    known = await idempotency.begin(call, key, raw)
    if known is not None:
        return known
    response = respond(operation, await operation.run(call))
    await idempotency.finish(call, key, response)
    return response


def respond(operation: Operation, result: BaseModel | Answer) -> web.StreamResponse:
    """What the handler returned, as HTTP."""
    answer = result if isinstance(result, Answer) else Answer(result, operation.status)
    if answer.raw is not None:
        return answer.raw
    headers = {"Cache-Control": "no-store", **answer.headers}
    if answer.body is None:
        return web.Response(status=answer.status, headers=headers)
    text = answer.body.model_dump_json()
    return web.Response(text=text, status=answer.status, content_type="application/json", charset="utf-8", headers=headers)


async def _refuse(request: web.Request, error: HotlineError, call: Call | None) -> web.Response:
    details = await explain(call, error) if call is not None else {}
    return problem_response(error, request, details)


@asynccontextmanager
async def fresh(call: Call) -> AsyncIterator[Call]:
    """The same call in a transaction of its own, for one item of a bulk."""
    async with call.database.transaction() as session:
        yield Call(call.request, call.core, call.settings, call.database, session, call.bearer)
