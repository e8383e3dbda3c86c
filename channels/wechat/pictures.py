"""Fetching a citizen's pictures from the platform and keeping them with the conversation."""

from __future__ import annotations

from uuid import UUID

from channels.web import files
from channels.wechat import outbox
from channels.wechat.api import Client
from channels.wechat.errors import NotSent, UnknownOutcome
from channels.wechat.keeping import keep
from hotline.database import Database
from hotline.errors import InvalidInput
from hotline.events import Outbox
from hotline.i18n import _
from hotline.settings import Settings
from ticketing.context import Core
from ticketing.conversation.models import Author
from ticketing.conversation.service import add_message, get_conversation


class Unfit(Exception):
    """The file is not a picture that we keep; trying again would not help."""


async def fetch(settings: Settings, core: Core, database: Database, client: Client, row: Outbox) -> None:
    """Fetch the picture of an outbox row and keep it, once.

    Raises `Unfit` for good, `NotSent` and `PlatformRefused` as the client does; fetching may be repeated at will, so an
    unknown outcome counts as not sent.
    """
    try:
        body = await client.media(core.vault.open(str(row.payload["media_sealed"]).encode()))
    except UnknownOutcome as error:
        raise NotSent(str(error)) from None
    found = files.sniff(body[:16])
    try:
        if found is None or not found[0].startswith("image/"):
            raise Unfit("not a picture")
        await _keep(settings, core, database, row, body)
    except (Unfit, InvalidInput) as error:
        async with database.transaction() as session:
            text = _("有一张照片没能保存，请换成 JPG 或 PNG 格式再发一次。")
            await outbox.enqueue_text(core, session, int(row.recipient), text, dedupe=f"{row.dedupe_key}:unfit")
        raise Unfit(str(error)) from None


async def _keep(settings: Settings, core: Core, database: Database, row: Outbox, body: bytes) -> None:
    async with database.transaction() as session:
        conversation = await get_conversation(session, UUID(str(row.payload["conversation"])), lock=True)
        kept = await keep(core, settings, session, conversation, body, _("微信照片"))
        data = {"attachments": [str(kept)]}
        await add_message(core, session, conversation, Author.CITIZEN, _("[照片]"), external_id=row.dedupe_key, data=data)
