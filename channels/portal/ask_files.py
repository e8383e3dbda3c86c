"""Files in the web chat, and the chat as a file: attachments checked and kept, a transcript to print or to save."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from aiohttp import web
from sqlalchemy import select

from channels.portal import cookies, kept_files
from channels.portal.ask_view import KEPT, Talk, load_talk
from channels.portal.preferences import page
from channels.web.files import Upload, download, read_uploads
from channels.web.keys import CORE, DATABASE, SETTINGS
from channels.wechat.keeping import keep as keep_file
from hotline.clock import to_city
from hotline.errors import HotlineError, NotFound
from hotline.i18n import _
from ticketing.conversation.models import Author, Conversation, Owner
from ticketing.conversation.service import add_message, get_conversation
from ticketing.ticket.models import Attachment
from ticketing.words import word

MAX_FILES = 3
"""Files with one message."""


class TooManyFiles(HotlineError):
    """This address has sent so much that it has to wait."""

    status, code = 429, "too_many_files"


async def read(request: web.Request) -> list[Upload]:
    """The files of the message, checked. Raises InvalidInput for a bad one, TooManyFiles when this address sends too much."""
    uploads = await read_uploads(request, limit=MAX_FILES)
    if uploads and not kept_files.may_hold(request, uploads):
        raise TooManyFiles(_("附件传得太频繁，请过一会儿再传"))
    return uploads


async def keep(request: web.Request, known: UUID, uploads: Sequence[Upload], *, external_id: str | None, alone: bool) -> None:
    """Keep the files as a message of the citizen; a person sees them, and the next ticket of this chat gets them.

    `alone`: nothing was written with them, so the assistant says that they came, unless a person has the conversation.
    """
    core = request.app[CORE]
    async with request.app[DATABASE].transaction() as session:
        conversation = await get_conversation(session, known, lock=True)
        kept = [await keep_file(core, request.app[SETTINGS], session, conversation, item.body, item.file_name) for item in uploads]
        stored = {file.id: file.file_name for file in await session.scalars(select(Attachment).where(Attachment.id.in_(kept)))}
        shown = "、".join(stored[each] for each in dict.fromkeys(kept))
        words = _("附件：{names}").format(names=shown)
        ids = [str(each) for each in dict.fromkeys(kept)]
        message = await add_message(core, session, conversation, Author.CITIZEN, words, external_id=external_id, data={"attachments": ids})
        if alone and conversation.owner == Owner.BOT.value:
            answer = _received(conversation)
            again = f"{external_id}-a" if external_id else None
            await add_message(core, session, conversation, Author.BOT, answer, external_id=again, data={"answers_files": message.id})


def _received(conversation: Conversation) -> str:
    if conversation.draft:
        return _("附件收到，会和您的诉求放在一起。请接着说。")
    return _("附件收到。请说一说是什么事、在什么地方，我们一并登记。")


async def show_file(request: web.Request) -> web.StreamResponse:
    """GET /ask/files/{id}: a file of this browser's own conversation. Raises NotFound for any other."""
    known = cookies.chat_of(request)
    try:
        file_id = UUID(request.match_info["id"])
    except ValueError:
        raise NotFound(_("没有找到这个附件")) from None
    async with request.app[DATABASE].transaction() as session:
        own = (Attachment.id == file_id) & (Attachment.conversation_id == known) & Attachment.from_citizen
        attachment = (await session.scalars(select(Attachment).where(own))).first() if known else None
    if attachment is None:
        raise NotFound(_("没有找到这个附件"))
    return await download(request, attachment)


async def transcript(request: web.Request) -> web.StreamResponse:
    """GET /ask/transcript: the conversation on paper."""
    return page(request, "portal/ask_transcript.html", talk=await _own_talk(request), now=request.app[CORE].clock.now())


async def transcript_text(request: web.Request) -> web.StreamResponse:
    """GET /ask/transcript.txt: the same to be saved, as UTF-8 with a mark that Windows' editor wants."""
    talk = await _own_talk(request)
    lines = [_("{city}{line}对话记录").format(city=request.app[SETTINGS].city_name, line=request.app[SETTINGS].line_number), ""]
    for message in talk.messages:
        lines += [f"{to_city(message.at):%Y-%m-%d %H:%M:%S} {word('author', message.author)}", talk.texts[message.id], ""]
    if talk.ticket_number:
        lines.append(_("已登记工单：{number}").format(number=talk.ticket_number))
    body = "\ufeff" + "\r\n".join("\r\n".join(line.splitlines()) for line in lines) + "\r\n"
    name = f"{request.app[SETTINGS].line_number}-{to_city(request.app[CORE].clock.now()):%Y%m%d-%H%M}.txt"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return web.Response(body=body.encode(), content_type="text/plain", charset="utf-8", headers=headers)


async def _own_talk(request: web.Request) -> Talk:
    known = cookies.chat_of(request)
    talk = await load_talk(request, known, most=KEPT) if known else None
    if talk is None or not talk.messages:
        raise NotFound(_("没有可以保存的对话，可能已经过了一天"))
    return talk
