"""Builds the objects of a process from the settings. The only place where parts meet their configuration."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from hotline.clock import Clock, SystemClock
from hotline.database import Database
from hotline.security import Vault
from hotline.settings import Settings
from ticketing.context import Core

if TYPE_CHECKING:
    from chatbot.dialogue import Dialogue
    from telephony.speech.transcriber import Transcriber
    from ticketing.attachment.store import FileStore


def database_url(settings: Settings) -> str:
    """The address of the database: the one that is set, else the private PostgreSQL of the data folder."""
    if settings.database_url:
        return settings.database_url
    from hotline.processes.postgres import SERVICE, PrivatePostgres

    return PrivatePostgres.of(settings.data_dir).url(role=SERVICE)


def owner_url(settings: Settings) -> str:
    """The address as the owner of the tables, for migrations and a restore; the service's own when no other is set."""
    if settings.database_owner_url or settings.database_url:
        return str(settings.database_owner_url or settings.database_url)
    from hotline.processes.postgres import PrivatePostgres

    return PrivatePostgres.of(settings.data_dir).url()


def make_database(settings: Settings) -> Database:
    """The connection pool; nothing is opened yet."""
    return Database(database_url(settings), vault=make_vault(settings))


def make_vault(settings: Settings) -> Vault:
    """The keys of this process."""
    lookup = [key.get_secret_value() for key in settings.lookup_keys] or [settings.secret]
    return Vault([key.get_secret_value() for key in settings.encryption_keys], lookup[0], lookup[1:])


def make_file_store(settings: Settings, clock: Clock) -> FileStore | None:
    """The S3-compatible store, when one is set; None: the data folder."""
    if settings.s3_endpoint is None:
        return None
    from hotline.s3 import Credentials, S3Store

    keys = settings.s3_access_key.get_secret_value(), settings.s3_secret_key.get_secret_value()
    return S3Store(str(settings.s3_endpoint), settings.s3_bucket, Credentials(*keys, settings.s3_region), clock)


def make_core(settings: Settings, clock: Clock | None = None) -> Core:
    """The context of the service functions."""
    clock = clock or SystemClock()
    return Core(
        clock=clock,
        vault=make_vault(settings),
        secret=settings.secret,
        line=settings.line_number,
        data_dir=settings.data_dir,
        staff_quiet_hours=settings.staff_quiet_hours,
        literal_days=settings.literal_days,
        file_store=make_file_store(settings, clock),
    )


@dataclass(frozen=True)
class Services:
    """What a process role is given. Heavy parts are made when they are first asked for."""

    settings: Settings
    core: Core
    database: Database

    @classmethod
    def of(cls, settings: Settings, clock: Clock | None = None) -> Services:
        """Assemble from settings; opens no connection."""
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        return cls(settings, make_core(settings, clock), make_database(settings))

    @cached_property
    def dialogue(self) -> Dialogue:
        """The one way for a citizen's words to be answered, on every channel."""
        from chatbot.dialogue import Dialogue

        return Dialogue.of(self.core, self.database, self.settings)

    @cached_property
    def transcriber(self) -> Transcriber | None:
        """The speech model in memory (loading takes seconds: call it in a thread); None when there is none."""
        from telephony.speech import models

        return models.load(self.settings)

    async def close(self) -> None:
        """Give back what the parts hold."""
        if "dialogue" in self.__dict__:
            await self.dialogue.close()
        await self.database.close()
