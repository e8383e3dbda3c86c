"""Who calls whom, as the trunk says it: numbers out of P-Asserted-Identity, From, Diversion, the request's URI and To."""

from __future__ import annotations

import re
from collections.abc import Iterable

from telephony.leg import CallHeaders
from telephony.sip.headers import parse_address, parse_uri
from telephony.sip.message import Request

_NUMBER = re.compile(r"\+?\d{3,15}$")
_PUNCTUATION = re.compile(r"[-.() ]")


def number_in(address: str | None) -> str | None:
    """The telephone number in a From, To, P-Asserted-Identity or Diversion value; None when it holds none."""
    if address is None:
        return None
    try:
        return number_of(parse_uri(parse_address(address).uri).user)
    except ValueError:
        return None


def number_of(user: str) -> str | None:
    """The user part of a URI as a number, without punctuation; None when it is no number."""
    number = _PUNCTUATION.sub("", user)
    return number if _NUMBER.match(number) else None


def caller_number(request: Request) -> str | None:
    """Who calls: what the network asserts, else what the caller says; None when withheld or not a number."""
    return _first(request.all("p-asserted-identity")) or number_in(request.get("from"))


def called_number(request: Request) -> str:
    """The number that was called: of the request's URI; of To when that names no number (trunks that send our own Contact)."""
    user = parse_uri(request.uri).user
    return number_of(user) or number_in(request.get("to")) or user


def read_headers(request: Request) -> CallHeaders:
    """What else the trunk said about the call."""
    return CallHeaders(
        asserted=_first(request.all("p-asserted-identity")),
        claimed=number_in(request.get("from")),
        diverted_from=_first(request.all("diversion")),
        name=request.from_.name if request.from_ else "",
    )


def _first(values: Iterable[str]) -> str | None:
    return next((number for value in values if (number := number_in(value))), None)
