"""The rules of drawing and the score sheet (质检办法) as a document with versions: the newest is in force, a check keeps its own."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, ValidationError, model_validator
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from hotline import typed_yaml
from hotline.errors import InvalidInput
from hotline.events import record
from hotline.i18n import _
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.permissions import ensure
from ticketing.quality.models import QualityBook
from ticketing.seed.files import SeedEntry

SEED = Path(__file__).parent.parent / "seed" / "quality.yaml"
MOST_CHARACTERS = 20_000
_FULL = 100
_Key = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,29}$")]
_Name = Annotated[str, Field(min_length=2, max_length=40)]


class Sampling(SeedEntry):
    """Which calls are drawn."""

    share_percent: Annotated[float, Field(ge=0, le=100)]
    least: Annotated[int, Field(ge=0, le=100)]
    most: Annotated[int, Field(ge=0, le=500)]
    short_seconds: Annotated[int, Field(ge=0, le=600)]
    complaint_days: Annotated[int, Field(ge=1, le=90)]

    @model_validator(mode="after")
    def _in_order(self) -> Sampling:
        if self.least > self.most:
            raise ValueError("least要不大于most")
        return self


class Item(SeedEntry):
    """One line of the sheet."""

    key: _Key
    name: _Name
    points: Annotated[int, Field(ge=1, le=_FULL)]
    hint: Annotated[str, Field(max_length=200)] = ""


class Fatal(SeedEntry):
    """What makes a call worth nothing."""

    key: _Key
    name: _Name


class Book(SeedEntry):
    """One version of the whole."""

    version: Annotated[int, Field(ge=1)]
    sampling: Sampling
    appeal_days: Annotated[int, Field(ge=1, le=60)]
    items: Annotated[tuple[Item, ...], Field(min_length=1, max_length=20)]
    fatal: Annotated[tuple[Fatal, ...], Field(max_length=10)] = ()

    @model_validator(mode="after")
    def _whole(self) -> Book:
        if sum(item.points for item in self.items) != _FULL:
            raise ValueError("各项分值之和应为100")
        keys = [*(item.key for item in self.items), *(one.key for one in self.fatal)]
        if len(set(keys)) < len(keys):
            raise ValueError("各项的key不能重复")
        return self


def parse(text: str) -> Book:
    """The document. Raises InvalidInput that names the line, or every entry at fault."""
    if len(text) > MOST_CHARACTERS:
        raise InvalidInput(_("文件太长，最多{n}个字").format(n=MOST_CHARACTERS), field="document")
    try:
        return Book.model_validate(typed_yaml.read(text))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InvalidInput(_("第{line}行格式不对：{reason}").format(line=line, reason=error.problem or ""), field="document") from error
    except yaml.YAMLError as error:
        raise InvalidInput(_("格式不对：{reason}").format(reason=" ".join(str(error).split())[:200]), field="document") from error
    except ValidationError as error:
        faults = [
            f"{'.'.join(str(part) for part in item['loc']) or _('整份')}：{item['msg'].removeprefix('Value error, ')}"
            for item in error.errors()
        ]
        raise InvalidInput(_("要改的地方：{faults}").format(faults="；".join(faults)), field="document") from error


def seed_text() -> str:
    """The document of the package."""
    return SEED.read_text(encoding="utf-8")


@lru_cache(maxsize=16)
def _parsed(text: str) -> Book:
    return parse(text)


async def text_of(session: AsyncSession, version: int | None = None) -> str:
    """The YAML text of a version, by default the one in force; the package's while nothing else was published."""
    statement = select(QualityBook.document).order_by(QualityBook.version.desc()).limit(1)
    if version is not None:
        statement = statement.where(QualityBook.version == version)
    return await session.scalar(statement) or seed_text()


async def current(session: AsyncSession) -> Book:
    """The version in force."""
    return _parsed(await text_of(session))


async def of_version(session: AsyncSession, version: int | None) -> Book:
    """The version by which a check was scored; the one in force when it was not yet."""
    return _parsed(await text_of(session, version))


async def history(session: AsyncSession, limit: int = 20) -> list[QualityBook]:
    """Published versions, newest first."""
    return list(await session.scalars(select(QualityBook).order_by(QualityBook.version.desc()).limit(limit)))


async def publish(core: Core, session: AsyncSession, actor: Actor, text: str, *, note: str) -> Book:
    """Put a new version in force: the next draw and the next score go by it. Raises NotAllowed, InvalidInput."""
    actor = ensure(actor, "quality.rules")
    if len(note.strip()) < 5:
        raise InvalidInput(_("请写明为什么改，至少5个字"), field="note")
    text = text.replace("\r\n", "\n")
    book = parse(text)
    last = await session.scalar(select(func.max(QualityBook.version))) or _parsed(seed_text()).version
    values = {
        "version": book.version, "document": text, "note": note.strip()[:500], "published_at": core.clock.now(),
        "published_by_id": actor.account,
    }  # fmt: skip
    written = insert(QualityBook).values(**values).on_conflict_do_nothing().returning(QualityBook.version)
    if book.version <= last or (await session.execute(written)).first() is None:
        raise InvalidInput(_("版本号应大于{newest}").format(newest=last), field="document")
    data = {"version": book.version, "note": values["note"]}
    await record(
        session, at=core.clock.now(), name="quality.published", subject="quality_book", subject_id=book.version, who=actor.who, data=data
    )
    return book
