"""Finding and making citizens; showing them masked; revealing them with a reason."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import InvalidInput
from hotline.i18n import _
from hotline.security import PersonVault
from hotline.together import put
from ticketing.citizen.models import Citizen
from ticketing.context import Core

_MOBILE = re.compile(r"1[3-9]\d{9}")
_LANDLINE = re.compile(r"0\d{9,11}")
_AREA = re.compile(r"(?:10|2\d|[3-9]\d{2})\d{7,8}$")
_LOCAL = re.compile(r"[2-9]\d{6,7}")
_SERVICE = re.compile(r"\d{3,6}")


def normalise_phone(text: str | None) -> str | None:
    """A telephone number in E.164 (+86…), or None when it is not a number that can be called back.

    Accepts blanks, hyphens, slashes, brackets, +86, 0086 and 86 in front. A local number without area code and a short
    number stay as they are.
    """
    digits = re.sub(r"[\s\-—/().（）]", "", (text or "").strip().translate(str.maketrans("０１２３４５６７８９＋", "0123456789+")))
    national = re.sub(r"^(?:\+|00)86(?=\d{9,})", "", digits)
    if national != digits and _AREA.match(national):
        national = "0" + national  # written internationally, a fixed line has no 0 in front of its area code
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


def mask_id_number(number: str) -> str:
    """110***********0013: the region's first digits and the last four."""
    return number[:3] + "*" * max(len(number) - 7, 4) + number[-4:] if number else ""


def normalise_id_number(text: str) -> str:
    """An identity number as it is kept: without blanks, X large."""
    return "".join(text.split()).upper()


def valid_id_number(number: str) -> bool:
    """Whether the check character of a resident identity number is right (GB 11643-1999, ISO 7064 MOD 11-2)."""
    if not re.fullmatch(r"\d{17}[\dX]", number):
        return False
    weighted = sum(int(digit) * pow(2, 17 - position, 11) for position, digit in enumerate(number[:17]))
    return "10X98765432"[weighted % 11] == number[17]


@dataclass(frozen=True)
class Person:
    """The private fields of a citizen, in clear or masked."""

    name: str
    phone: str
    masked: bool
    erased: bool = False
    """The person's data was erased; nothing can be shown any more."""
    id_number: str = ""
    """居民身份证号, where the matter needed it."""


async def by_caller(core: Core, session: AsyncSession, phone: str) -> Citizen:
    """The citizen who calls from `phone` (E.164): found, or made. The network vouches for the number."""
    fingerprints = core.vault.fingerprints(phone, "phone")
    known = select(Citizen).where(Citizen.phone_hash.in_(fingerprints), Citizen.phone_verified)
    found = (await session.scalars(known)).first()
    if found is not None:
        return found
    vault, wrapped = core.vault.new_person()
    row = {
        "data_key_sealed": wrapped,
        "phone_sealed": vault.seal(phone, "phone"),
        "phone_hash": fingerprints[0],
        "phone_verified": True,
        "needs": "",
        "created_at": core.clock.now(),
    }
    await session.execute(
        insert(Citizen).values(row).on_conflict_do_nothing(index_elements=["phone_hash"], index_where=Citizen.phone_verified.is_(True))
    )
    return (await session.scalars(known)).one()


async def by_openid(core: Core, session: AsyncSession, openid: str) -> Citizen:
    """The citizen behind a WeChat openid: found, or made."""
    fingerprints = core.vault.fingerprints(openid, "openid")
    known = select(Citizen).where(Citizen.openid_hash.in_(fingerprints))
    found = (await session.scalars(known)).first()
    if found is not None:
        return found
    vault, wrapped = core.vault.new_person()
    row = {
        "data_key_sealed": wrapped,
        "openid_sealed": vault.seal(openid, "openid"),
        "openid_hash": fingerprints[0],
        "phone_verified": False,
        "needs": "",
        "created_at": core.clock.now(),
    }
    await session.execute(insert(Citizen).values(row).on_conflict_do_nothing(index_elements=["openid_hash"]))
    return (await session.scalars(known)).one()


async def by_contact(core: Core, session: AsyncSession, *, name: str = "", phone: str = "") -> Citizen | None:
    """A citizen known only by what was typed into a form; None when nothing was given. `phone` in any usual form."""
    number = normalise_phone(phone)
    if not name and not number:
        return None
    citizen = Citizen(created_at=core.clock.now(), needs="", phone_verified=False)
    _fill(core, citizen, name, number)
    return await put(session, citizen)


async def add_contact(core: Core, session: AsyncSession, citizen: Citizen, *, name: str = "", phone: str = "") -> None:
    """Fill in what is still unknown. Known data is never overwritten by what somebody types; an erased person stays erased."""
    _fill(core, citizen, "" if citizen.name_sealed else name, None if citizen.phone_sealed else normalise_phone(phone))
    await session.flush()


async def set_id_number(core: Core, session: AsyncSession, citizen: Citizen, number: str) -> None:
    """Store a resident identity number (居民身份证号). Raises InvalidInput when its check character is wrong."""
    number = normalise_id_number(number)
    if not valid_id_number(number):
        raise InvalidInput(_("身份证号应为18位，请核对"), field="id_number")
    vault = person_vault(core, citizen)
    if vault is not None:
        citizen.id_number_sealed = vault.seal(number, "id_number")
    await session.flush()


def id_number(core: Core, citizen: Citizen, *, masked: bool = True) -> str:
    """The identity number, empty when none is known; masked unless the caller has recorded a reason."""
    if not citizen.id_number_sealed or not citizen.data_key_sealed:
        return ""
    number = core.vault.for_person(citizen.data_key_sealed).open(citizen.id_number_sealed, "id_number")
    return mask_id_number(number) if masked else number


def person_vault(core: Core, citizen: Citizen) -> PersonVault | None:
    """What seals this person's data; a key is made when there is none yet. None when the person was erased."""
    if citizen.erased_at is not None:
        return None
    if citizen.data_key_sealed:
        return core.vault.for_person(citizen.data_key_sealed)
    vault, citizen.data_key_sealed = core.vault.new_person()
    return vault


async def destroy_key(core: Core, session: AsyncSession, citizen: Citizen) -> bool:
    """Erase the person: destroy the data key, and with it whatever it sealed, here and elsewhere. The row stays.

    The fields and the hashes by which the person was found go as well. False when the person was erased before. The caller
    writes the event and decides who may (`ticketing.retention`).
    """
    await session.refresh(citizen, with_for_update=True)
    if citizen.erased_at is not None:
        return False
    citizen.data_key_sealed = None
    citizen.name_sealed = citizen.phone_sealed = citizen.openid_sealed = citizen.id_number_sealed = None
    citizen.phone_hash = citizen.openid_hash = None
    citizen.phone_verified, citizen.needs, citizen.erased_at = False, "", core.clock.now()
    await session.flush()
    return True


def _fill(core: Core, citizen: Citizen, name: str, number: str | None) -> None:
    vault = person_vault(core, citizen) if name or number else None
    if vault is None:
        return
    if name:
        citizen.name_sealed = vault.seal(name, "name")
    if number:
        citizen.phone_sealed = vault.seal(number, "phone")
        citizen.phone_hash = core.vault.fingerprint(number, "phone")


def person(core: Core, citizen: Citizen | None, *, masked: bool = True) -> Person:
    """The private fields; masked unless the caller has recorded a reason (see `ticketing.ticket.access.reveal`)."""
    name = phone = ""
    if citizen and citizen.data_key_sealed:
        vault = core.vault.for_person(citizen.data_key_sealed)
        name = vault.open(citizen.name_sealed, "name") if citizen.name_sealed else ""
        phone = vault.open(citizen.phone_sealed, "phone") if citizen.phone_sealed else ""
    erased = citizen is not None and citizen.erased_at is not None
    identity = id_number(core, citizen, masked=masked) if citizen else ""
    if masked:
        return Person(mask_name(name), mask_phone(phone) if phone else "", True, erased, identity)
    return Person(name, local_form(phone) if phone else "", False, erased, identity)


def phone_number(core: Core, citizen: Citizen) -> str | None:
    """The number in clear as it is stored (E.164, or a local one), for dialling and for hashing only."""
    if not citizen.phone_sealed or not citizen.data_key_sealed:
        return None
    return core.vault.for_person(citizen.data_key_sealed).open(citizen.phone_sealed, "phone")


def openid(core: Core, citizen: Citizen) -> str | None:
    """The WeChat openid in clear, for sending only."""
    if not citizen.openid_sealed or not citizen.data_key_sealed:
        return None
    return core.vault.for_person(citizen.data_key_sealed).open(citizen.openid_sealed, "openid")
