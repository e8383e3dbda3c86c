"""Sends the channel's outbox rows; `channels.outbox` takes, repeats and parks them.

What happens to a customer message (客服消息) whose outcome nobody knows: it is parked, not repeated, because the platform
has no key against repeats there; the text is given with the next passive reply instead (`outbox.with_missed`).
"""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from channels.outbox import SENDING, GiveUp, Taken, TryLater, Worker
from channels.wechat import notices, pictures, rating, subscriptions
from channels.wechat.api import Client
from channels.wechat.errors import NOT_SUBSCRIBED, WINDOW_SHUT, WRONG_TEMPLATE, NotSent, PlatformError, PlatformRefused, UnknownOutcome
from channels.wechat.outbox import CHANNEL, Task, text_of
from channels.wechat.replies import clean, cut
from hotline import logs
from hotline.database import Database
from hotline.events import Outbox
from hotline.settings import Settings
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import openid
from ticketing.context import Core
from ticketing.notice.deliveries import note_number
from ticketing.notice.templates import put_address

log = logs.get(__name__)


class Sender(Worker):
    """One per process."""

    channel = CHANNEL

    def __init__(self, settings: Settings, core: Core, database: Database, client: Client | None) -> None:
        """Without a client (no AppSecret) everything is parked and given with the next passive reply.

        Raises TemplatesError when HOTLINE_WECHAT_TEMPLATES cannot be read.
        """
        super().__init__(core, database)
        self._settings, self._client = settings, client
        self._templates = notices.TemplateMap.read(settings.wechat_templates) if settings.wechat_templates else None

    async def perform(self, taken: Taken) -> None:
        """Do what the row asks for, and say of each failure whether it may be tried again."""
        try:
            if taken.was_sending:
                raise UnknownOutcome("the process ended while sending")
            await self._send(taken)
        except NotSent as error:
            raise TryLater(str(error)) from error
        except PlatformRefused as error:
            raise (TryLater if error.may_work_later else GiveUp)(str(error)) from error
        except (UnknownOutcome, pictures.Unfit) as error:
            raise GiveUp(f"{type(error).__name__}: {error}") from error

    async def _send(self, taken: Taken) -> None:
        """Only a message to the citizen has an outcome that may stay unknown."""
        if self._client is None:
            raise PlatformRefused(0, "the account has no AppSecret")
        async with self.database.transaction() as session:
            row = await session.get_one(Outbox, taken.id)
            recipient = await self._openid(session, row)
            task = Task(row.kind)
            if task is not Task.PICTURE:
                row.last_error = SENDING
        words = "" if task is Task.PICTURE else put_address(text_of(self.core, row), self._settings.web_url)
        match task:
            case Task.TEXT:
                await self._text(self._client, row, recipient, words)
            case Task.RATING:
                await self._client.send(recipient, "msgmenu", rating.as_menu(words))
            case Task.PICTURE:
                await pictures.fetch(self._settings, self.core, self.database, self._client, row)

    async def _text(self, client: Client, row: Outbox, recipient: str, words: str) -> None:
        """A customer message; a notice for which the window is shut goes as template message, where the operator has named one."""
        try:
            await client.text(recipient, cut(clean(words)))
        except PlatformRefused as error:
            approved = self._approved(row)
            if error.code not in WINDOW_SHUT or approved is None:
                raise
            await self._notice(client, row, recipient, approved)

    async def _notice(self, client: Client, row: Outbox, recipient: str, approved: notices.Approved) -> None:
        """A 模板消息 or 订阅通知; its number is kept for the receipt."""
        values = notices.values_of(self.core.vault.open(row.payload["values_sealed"].encode()))
        url = f"{self._settings.web_url}/my"
        path, body = notices.body(approved, recipient, values, self.core.clock.now(), url=url, key=row.dedupe_key.replace(":", "-"))
        consent = await self._consent(approved, row)
        try:
            number = await client.notice(path, body)
        except (PlatformRefused, NotSent) as error:
            await self._refused(approved, row, consent, error)
            raise
        except UnknownOutcome as error:
            if approved.by == "subscription":
                raise
            raise NotSent(str(error)) from error  # the platform drops a repeat with the same client_msg_id for ten minutes
        if number:
            async with self.database.transaction() as session:
                await note_number(session, row.dedupe_key, number)

    async def _consent(self, approved: notices.Approved, row: Outbox) -> int | None:
        """Use up a consent of the citizen where one is needed. Raises PlatformRefused when none is left."""
        if approved.by != "subscription":
            return None
        async with self.database.transaction() as session:
            now = self.core.clock.now()
            return await subscriptions.take(session, int(row.recipient), approved.id, now, lasting=approved.lasting)

    async def _refused(self, approved: notices.Approved, row: Outbox, consent: int | None, error: PlatformError) -> None:
        """Certainly nothing was sent: the consent is still good, unless the platform says that it never was."""
        code = error.code if isinstance(error, PlatformRefused) else 0
        if code in WRONG_TEMPLATE:
            log.warning("template refused", template=row.payload["template"], code=code)
        async with self.database.transaction() as session:
            if consent is not None and code != NOT_SUBSCRIBED:
                await subscriptions.give_back(session, consent)
            if code == NOT_SUBSCRIBED:
                await subscriptions.end(session, int(row.recipient), approved.id, self.core.clock.now())

    def _approved(self, row: Outbox) -> notices.Approved | None:
        if self._templates is None or "values_sealed" not in row.payload:
            return None
        return self._templates.find(str(row.payload.get("template", "")))

    async def _openid(self, session: AsyncSession, row: Outbox) -> str:
        citizen = await session.get(Citizen, int(row.recipient))
        found = openid(self.core, citizen) if citizen is not None else None
        if found is None:
            raise PlatformRefused(40003, "the citizen has no openid any more")
        return found
