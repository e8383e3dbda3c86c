"""我要反映: the page of the form, its submission, and the receipt with number and query code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from aiohttp import web

from channels.api import once
from channels.api.limits import Limiter
from channels.portal import cookies, flood, kept_files, own
from channels.portal.appeal_form import MAX_ABOUT, AppealForm, call_windows, contacts
from channels.portal.appeal_hints import Hints, hints_for
from channels.portal.appeal_proof import Asked, hold_page, proof_of, spend
from channels.portal.guide import district_of
from channels.portal.kept_files import Kept
from channels.portal.preferences import page
from channels.portal.words import kinds
from channels.web.address import address_of
from channels.web.files import ACCEPT, Upload, read_uploads
from channels.web.keys import CORE, DATABASE
from hotline.errors import Conflict, InvalidInput
from hotline.i18n import _
from knowledge.article.access import live_articles
from knowledge.article.models import Article
from ticketing.people.actor import citizen_actor
from ticketing.suggestion.places import districts
from ticketing.ticket.service import register

MAX_FILES = 9
SUBMISSIONS: web.AppKey[Limiter] = web.AppKey("portal_submissions")


async def show(request: web.Request) -> web.StreamResponse:
    """GET /appeal?kind=…&about=…; `about`: the guide article from which the citizen comes."""
    wanted, slug = request.query.get("kind", ""), request.query.get("about", "")
    form = AppealForm(district=district_of(request), about=await _title_of(request, slug) if slug else "")
    return _form_page(request, replace(form, kind=wanted) if wanted in dict(kinds()) else form, {})


async def _title_of(request: web.Request, slug: str) -> str:
    """The article's title; empty when citizens may not read it (any more)."""
    core = request.app[CORE]
    async with request.app[DATABASE].transaction() as session:
        found = await session.scalar(live_articles(core).with_only_columns(Article.title).where(Article.slug == slug[:80]))
    return str(found or "")[:MAX_ABOUT]


def _form_page(
    request: web.Request,
    form: AppealForm,
    errors: dict[str, str],
    *,
    status: int = 200,
    kept: Sequence[Kept] = (),
    hints: Hints | None = None,
    asked: Asked | None = None,
) -> web.Response:
    return page(
        request,
        "portal/appeal.html",
        status=status,
        form=form,
        errors=errors,
        hints=hints,
        asked=asked,
        riddle=f"{flood.BITS},{flood.PIECES}" if flood.wanted(request) else "",
        kinds=kinds(),
        districts=districts(),
        contacts=contacts(),
        windows=call_windows(),
        token=cookies.new_form_token(request),
        accept=ACCEPT,
        max_files=MAX_FILES,
        kept=[(kept_files.sign(request, item), item.file_name) for item in kept],
    )


async def submit(request: web.Request) -> web.StreamResponse:
    """POST /appeal. The same form twice gives the same ticket; a form with errors comes back with everything in it."""
    data = await request.post()
    form = AppealForm.read(data)
    errors: dict[str, str] = {}
    if request.app[SUBMISSIONS].wait_seconds(address_of(request)):
        errors["what"] = _("提交太频繁，请过一分钟再点提交。内容还在本页")
        return _form_page(request, form, errors, status=429)
    kept = kept_files.read(request, data.getall(kept_files.FIELD, []), MAX_FILES)
    there = await kept_files.still_there(request, kept)
    if len(there) < len(kept):
        errors["files"] = _("先前选的附件已经过期，请重新选择")
        kept = there
    uploads: list[Upload] = []
    try:
        uploads = await read_uploads(request, limit=MAX_FILES - len(kept))
    except InvalidInput as error:
        errors.update(error.errors)
    try:
        form.check()
    except InvalidInput as error:
        errors.update(error.errors)
    token = str(data.get("token", ""))
    if not errors and not cookies.form_token_is_good(request, token):
        errors["what"] = _("页面打开太久了，请核对后再点一次提交。内容还在本页")
    if errors:
        return await _refused(request, form, errors, kept, uploads)
    if not data.get("seen") and (hints := await _hints(request, form)):
        return await _refused(request, form, errors, kept, uploads, hints)
    proof = await proof_of(request, form, data, token) if flood.wanted(request) else None
    if isinstance(proof, Asked):
        return await _refused(request, form, errors, kept, uploads, asked=proof)
    if proof == "held":
        return await _hold(request, form, token, kept, uploads)
    try:
        number, query_code = await _register(request, form, token, kept, uploads, proved=proof is not None)
    except Conflict:  # the proof of this page was spent on other words
        again = _("这个页面已经提交过一件。要再提交一件，请再点一次“提交”")
        return await _refused(request, form, {"what": again}, kept, uploads)
    request.app[flood.GATE].count(address_of(request))
    response = web.HTTPSeeOther("/appeal/done")
    cookies.give_receipt(request, response, number, query_code)
    cookies.remember_ticket(request, response, number)
    raise response


async def _hints(request: web.Request, form: AppealForm) -> Hints:
    opened, phone = cookies.ticket_of(request), own.number_of(request)
    async with request.app[DATABASE].transaction() as session:
        return await hints_for(request.app[CORE], session, form, opened=opened, phone=phone)


async def _refused(
    request: web.Request,
    form: AppealForm,
    errors: dict[str, str],
    kept: list[Kept],
    uploads: list[Upload],
    hints: Hints | None = None,
    asked: Asked | None = None,
) -> web.Response:
    """The form again, status 422. Good files are stored already, since a browser would not send them a second time."""
    if uploads and not kept_files.may_hold(request, uploads):
        errors, uploads = {**errors, "files": _("附件没有保留，请先改好上面的内容，再选附件一起提交")}, []
    async with request.app[DATABASE].transaction() as session:
        stored = [kept_files.of(await kept_files.hold(request, session, upload)) for upload in uploads]
    return _form_page(request, form, errors, status=422, kept=[*kept, *stored], hints=hints, asked=asked)


async def _hold(request: web.Request, form: AppealForm, token: str, kept: list[Kept], uploads: list[Upload]) -> web.Response:
    """An agent looks first; the citizen gets a page that says how far it is. Raises HTTPSeeOther to it."""
    if uploads and not kept_files.may_hold(request, uploads):
        return await _refused(request, form, {"files": _("附件没有保留，请先改好上面的内容，再选附件一起提交")}, kept, [])
    try:
        async with request.app[DATABASE].transaction() as session:
            stored = [await kept_files.hold(request, session, upload) for upload in uploads]
            path = await hold_page(request, session, form, token, [item.id for item in [*kept, *map(kept_files.of, stored)]])
    except InvalidInput as error:
        return await _refused(request, form, error.errors or {"what": str(error)}, kept, [])
    raise web.HTTPSeeOther(path)


async def _register(
    request: web.Request, form: AppealForm, token: str, kept: list[Kept], uploads: list[Upload], *, proved: bool
) -> tuple[str, str]:
    core = request.app[CORE]
    hashes = [item.sha256 for item in kept] + [hashlib.sha256(upload.body).hexdigest() for upload in uploads]
    body = json.dumps([asdict(form), sorted(hashes)], ensure_ascii=False, sort_keys=True)
    key = f"{token}\n{body}"  # the same page with other words is another appeal, not a repeat
    async with request.app[DATABASE].transaction() as session:
        if proved:
            await spend(core, session, token, body)
        known = await once.begin(core, session, channel="web", key=key, body=body)
        if known is not None:
            return str(known["number"]), str(known["query_code"])
        made = await register(core, session, citizen_actor(), form.appeal())
        for upload in uploads:
            await kept_files.hold(request, session, upload, made.ticket.id)
        await kept_files.claim(session, kept, made.ticket.id)
        answer: dict[str, Any] = {"number": made.ticket.number, "query_code": made.query_code}
        await once.finish(core, session, channel="web", key=key, answer=answer)
    return made.ticket.number, made.query_code


async def done(request: web.Request) -> web.StreamResponse:
    """GET /appeal/done: number and query code, for half an hour and in this browser only."""
    receipt = cookies.receipt_of(request)
    if receipt is None:
        raise web.HTTPSeeOther("/track")
    return page(request, "portal/done.html", number=receipt[0], query_code=receipt[1])
