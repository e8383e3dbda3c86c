"""What is opened only with a reason, or only to some: contact details, recordings, attachments."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from channels.console.grants import make_grant, valid_grant
from channels.console.pages import see_other
from channels.console.session import require_may, staff
from channels.console.tickets import ticket_response
from channels.web.files import download, play, read_uploads, store
from channels.web.keys import CORE, DATABASE, SETTINGS
from hotline.errors import InvalidInput, NotAllowed, NotFound
from hotline.i18n import _
from ticketing.attachment.service import is_kept
from ticketing.conversation.recordings import note_listening
from ticketing.people.permissions import Scope, scope_of
from ticketing.ticket.access import access_attachment, access_call, access_ticket, is_reason, reveal
from ticketing.ticket.states import TicketState
from ticketing.ticket.steps import tell


def _uuid(text: str, message: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(message) from None


async def show_contact(request: web.Request) -> web.StreamResponse:
    """POST /console/tickets/{number}/reveal: name and number in clear, once, with the reason in the timeline."""
    person = require_may(request, "private.reveal")
    form = await request.post()
    core, number = request.app[CORE], request.match_info["number"]
    reason = str(form.get("reason", ""))[:200]
    try:
        async with request.app[DATABASE].transaction() as session:
            ticket = await access_ticket(core, session, person.actor, number, lock=True)
            revealed = await reveal(core, session, person.actor, ticket, reason)
            return await ticket_response(request, session, ticket, revealed=revealed)
    except (InvalidInput, NotAllowed) as problem:
        async with request.app[DATABASE].transaction() as session:
            ticket = await access_ticket(core, session, person.actor, number)
            return await ticket_response(request, session, ticket, problem=problem, opened="reveal", entered={"reason": reason})


async def allow_listening(request: web.Request) -> web.StreamResponse:
    """POST /console/tickets/{number}/listen: supervisors and leaders say why; then the player shows for ten minutes."""
    person = require_may(request, "recording.listen")
    if scope_of(person.actor, "recording.listen") is not Scope.REASON:
        raise NotAllowed(_("这个岗位没有权限打开本页或做这一步"))
    form = await request.post()
    core, number = request.app[CORE], request.match_info["number"]
    call_id, reason = str(form.get("call", "")), str(form.get("reason", "")).strip()[:200]
    async with request.app[DATABASE].transaction() as session:
        ticket = await access_ticket(core, session, person.actor, number)
        call = await access_call(core, session, person.actor, _uuid(call_id, _("没有找到这通电话")))
        if call.conversation_id != ticket.conversation_id:
            raise NotFound(_("没有找到这通电话"))
        if not is_reason(reason):
            problem = InvalidInput(_("请写明调听的理由，至少4个字"), field="reason")
            return await ticket_response(request, session, ticket, problem=problem, opened=f"listen-{call_id}")
        await tell(core, session, person.actor, ticket, "view.recording", {"reason": reason})
    return see_other(request, f"/console/tickets/{number}?grant={make_grant(request, call_id)}#t-call")


async def play_recording(request: web.Request) -> web.StreamResponse:
    """GET /console/calls/{id}/recording, with ranges."""
    person = require_may(request, "recording.listen")
    call_id = request.match_info["id"]
    if scope_of(person.actor, "recording.listen") is Scope.REASON and not valid_grant(request, request.query.get("grant", ""), call_id):
        raise NotAllowed(_("调听要先在工单页说明理由"))
    core = request.app[CORE]
    async with request.app[DATABASE].transaction() as session:
        call = await access_call(core, session, person.actor, _uuid(call_id, _("没有找到这通电话")))
        if call.recording_path and _from_the_beginning(request):
            await note_listening(core, session, person.actor, call.id)
    if not call.recording_path:
        raise NotFound(_("这通电话没有录音"))
    return await play(request, call.recording_path)


def _from_the_beginning(request: web.Request) -> bool:
    """A player asks for many pieces; only the first is a person who begins to listen."""
    return request.method == "GET" and request.headers.get("Range", "bytes=0-").startswith("bytes=0-")


async def get_attachment(request: web.Request) -> web.StreamResponse:
    """GET /console/attachments/{id}: only of tickets that this person may see (lesson 20)."""
    person = require_may(request, "ticket.see")
    async with request.app[DATABASE].transaction() as session:
        attachment_id = _uuid(request.match_info["id"], _("没有找到这个附件"))
        attachment = await access_attachment(request.app[CORE], session, person.actor, attachment_id)
    return await download(request, attachment)


async def add_files(request: web.Request) -> web.StreamResponse:
    """POST /console/tickets/{number}/files."""
    person = require_may(request, "file.add")
    core, number = request.app[CORE], request.match_info["number"]
    try:
        uploads = await read_uploads(request)
        if not uploads:
            raise InvalidInput(_("请选择文件"), field="files")
        async with request.app[DATABASE].transaction() as session:
            ticket = await access_ticket(core, session, person.actor, number, lock=True)
            if not TicketState(ticket.state).is_open:
                raise InvalidInput(_("这件工单已经办结，不能再加附件"), field="files")
            for upload in uploads:
                if await is_kept(session, ticket.id, upload.body):
                    continue
                saved = await store(
                    core,
                    request.app[SETTINGS],
                    session,
                    body=upload.body,
                    file_name=upload.file_name,
                    from_citizen=False,
                    ticket_id=ticket.id,
                )
                await tell(core, session, person.actor, ticket, "attachment.added", {"file": saved.file_name, "sha256": saved.sha256})
    except InvalidInput as problem:
        async with request.app[DATABASE].transaction() as session:
            ticket = await access_ticket(core, session, staff(request).actor, number)
            return await ticket_response(request, session, ticket, problem=problem, opened="upload")
    return see_other(request, f"/console/tickets/{number}", "uploaded")
