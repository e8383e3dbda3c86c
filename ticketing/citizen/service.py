"""Finding and making citizens; showing them masked; revealing them with a reason."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.citizen.models import Citizen
from ticketing.context import Core

_MOBILE = re.compile(r"1[3-9]\d{9}")
_LANDLINE = re.compile(r"0\d{9,11}")
_LOCAL = re.compile(r"[2-9]\d{6,7}")
_SERVICE = re.compile(r"\d{3,6}")


def normalise_phone(text: str | None) -> str | None:
    """A telephone number in E.164 (+86…), or None when it is not a number that can be called back.

    Accepts blanks, hyphens, slashes, brackets, +86, 0086 and 86 in front. A local number without area code and a short
    number stay as they are.
    """
    digits = re.sub(r"[\s\-—/().（）]", "", (text or "").strip().translate(str.maketrans("０１２３４５６７８９＋", "0123456789+")))
    national = re.sub(r"^(?:\+|00)86(?=\d{10,})", "", digits)
    if len(national) == 13 and national.startswith("861"):
        national = national[2:]
    if _MOBILE.fullmatch(national):
        return "+86" + national
    if _LANDLINE.fullmatch(national):
        return "+86" + national[1:]
    if _LOCAL.fullmatch(national):
        return national
    return None


def is_callable(text: str | None) -> bool:
    """Whether a person can be called on it."""
    return normalise_phone(text) is not None


def local_form(number: str) -> str:
    """The number as a person in the country writes it."""
    if number.startswith("+861") and len(number) == 14:
        return number[3:]
    return "0" + number[3:] if number.startswith("+86") else number


def mask_phone(number: str) -> str:
    """139 **** 2716."""
    shown = local_form(number)
    return f"{shown[:3]} **** {shown[-4:]}" if len(shown) >= 8 else "****"


def mask_name(name: str) -> str:
    """周**."""
    return name[:1] + "**" if name else ""


@dataclass(frozen=True)
class Person:
    """The private fields of a citizen, in clear or masked."""

    name: str
    phone: str
    masked: bool


async def by_caller(core: Core, session: AsyncSession, phone: str) -> Citizen:
    """The citizen who calls from `phone` (E.164): found, or made. The network vouches for the number."""
    fingerprint = core.vault.fingerprint(phone, "phone")
    await session.execute(
        insert(Citizen)
        .values(phone_sealed=core.vault.seal(phone), phone_hash=fingerprint, phone_verified=True, needs="", created_at=core.clock.now())
        .on_conflict_do_nothing(index_elements=["phone_hash"], index_where=Citizen.phone_verified.is_(True))
    )
    return (await session.scalars(select(Citizen).where(Citizen.phone_hash == fingerprint, Citizen.phone_verified))).one()


async def by_openid(core: Core, session: AsyncSession, openid: str) -> Citizen:
    """The citizen behind a WeChat openid: found, or made."""
    fingerprint = core.vault.fingerprint(openid, "openid")
    await session.execute(
        insert(Citizen)
        .values(openid_sealed=core.vault.seal(openid), openid_hash=fingerprint, phone_verified=False, needs="", created_at=core.clock.now())
        .on_conflict_do_nothing(index_elements=["openid_hash"])
    )
    return (await session.scalars(select(Citizen).where(Citizen.openid_hash == fingerprint))).one()


async def by_contact(core: Core, session: AsyncSession, *, name: str = "", phone: str = "") -> Citizen | None:
    """A citizen known only by what was typed into a form; None when nothing was given. `phone` in any usual form."""
    number = normalise_phone(phone)
    if not name and not number:
        return None
    citizen = Citizen(created_at=core.clock.now(), needs="", phone_verified=False)
    _fill(core, citizen, name, number)
    session.add(citizen)
    await session.flush()
    return citizen


async def add_contact(core: Core, session: AsyncSession, citizen: Citizen, *, name: str = "", phone: str = "") -> None:
    """Fill in what is still unknown. Known data is never overwritten by what somebody types."""
    _fill(core, citizen, "" if citizen.name_sealed else name, None if citizen.phone_sealed else normalise_phone(phone))
    await session.flush()


def _fill(core: Core, citizen: Citizen, name: str, number: str | None) -> None:
    if name:
        citizen.name_sealed = core.vault.seal(name)
    if number:
        citizen.phone_sealed = core.vault.seal(number)
        citizen.phone_hash = core.vault.fingerprint(number, "phone")


def person(core: Core, citizen: Citizen | None, *, masked: bool = True) -> Person:
    """The private fields; masked unless the caller has recorded a reason (see `ticketing.ticket.access.reveal`)."""
    name = core.vault.open(citizen.name_sealed) if citizen and citizen.name_sealed else ""
    phone = core.vault.open(citizen.phone_sealed) if citizen and citizen.phone_sealed else ""
    if masked:
        return Person(mask_name(name), mask_phone(phone) if phone else "", True)
    return Person(name, local_form(phone) if phone else "", False)


def openid(core: Core, citizen: Citizen) -> str | None:
    """The WeChat openid in clear, for sending only."""
    return core.vault.open(citizen.openid_sealed) if citizen.openid_sealed else None
