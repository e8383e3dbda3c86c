"""What a form has to show while the portal is flooded: a solved riddle, a code by text message, or an agent's look first."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from channels.api import once
from channels.portal.appeal_form import AppealForm
from channels.portal.flood import is_reckoned
from channels.portal.own import CODE_TRIES, CODES
from channels.portal.preferences import page
from channels.web.address import address_of
from channels.web.keys import CORE, DATABASE
from hotline.errors import InvalidInput, Unavailable
from hotline.i18n import _
from ticketing.citizen.codes import CodeFor, check_code, send_code
from ticketing.context import Core
from ticketing.held import service as held


@dataclass(frozen=True)
class Asked:
    """The form comes back with the ways to choose from."""

    sent: bool = False
    """A code is on its way: there is a field for it."""
    error: str = ""


async def proof_of(request: web.Request, form: AppealForm, data: Mapping[str, object], token: str) -> Asked | str:
    """«proved» or «held» when the appeal may go on, else what to ask."""
    way, code = str(data.get("way", "")), str(data.get("code", "")).strip()[:20]
    if is_reckoned(token, str(data.get("proof", ""))[:120]):
        return "proved"
    if way == "held":
        return "held"
    if way == "code":
        return await _send(request, form)
    if code:
        if request.app[CODE_TRIES].wait_seconds(address_of(request)):
            return Asked(True, _("试的次数太多，请过几分钟再试"))
        async with request.app[DATABASE].transaction() as session:
            right = await check_code(request.app[CORE], session, form.phone, CodeFor.APPEAL, code)
        return "proved" if right else Asked(True, _("验证码不对或已经过期，请核对，或重新要一个"))
    return Asked()


async def _send(request: web.Request, form: AppealForm) -> Asked:
    if form.is_anonymous or not form.phone:
        return Asked(False, _("收验证码要先填手机号，并且不选匿名；也可以交给工作人员核对"))
    try:
        if request.app[CODES].wait_seconds(address_of(request)):
            raise InvalidInput(_("要验证码的次数太多，请过几分钟再试，或拨打热线由话务员帮您查"), field="phone")
        async with request.app[DATABASE].transaction() as session:
            await send_code(request.app[CORE], session, form.phone, CodeFor.APPEAL)
    except InvalidInput as error:
        return Asked(False, next(iter(error.errors.values()), str(error)))
    except Unavailable as error:
        return Asked(False, str(error))
    return Asked(True)


async def spend(core: Core, session: AsyncSession, token: str, body: str) -> None:
    """A proof is good for one appeal: the form's token is used up by these words. Raises Conflict when it was by others."""
    key = f"proof\n{token}"
    if await once.begin(core, session, channel="web", key=key, body=hashlib.sha256(body.encode()).hexdigest()) is None:
        await once.finish(core, session, channel="web", key=key, answer={})


async def hold_page(request: web.Request, session: AsyncSession, form: AppealForm, token: str, files: Sequence[UUID]) -> str:
    """Hold the appeal, once for each form; the address of its citizen's page. Raises InvalidInput."""
    core, key = request.app[CORE], f"held\n{token}"
    known = await once.begin(core, session, channel="web", key=key, body="")
    if known is not None:
        return str(known["path"])
    path = "/appeal/held/" + await held.hold(core, session, form.appeal(), source=address_of(request), files=files)
    await once.finish(core, session, channel="web", key=key, answer={"path": path})
    return path


async def show_held(request: web.Request) -> web.StreamResponse:
    """GET /appeal/held/{token}: waiting, registered with number and query code, or not and why."""
    async with request.app[DATABASE].transaction() as session:
        found = await held.shown(request.app[CORE], session, request.match_info["token"])
    response = page(request, "portal/held.html", found=found)
    response.headers["Referrer-Policy"] = "no-referrer"  # the address is the key
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    return response
