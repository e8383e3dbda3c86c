"""Numbers that this installation may call: the address to dial, or a refusal; and what it means when a call was not answered."""

from __future__ import annotations

import re

from hotline.errors import NotAllowed
from hotline.i18n import _
from hotline.settings import Settings
from telephony.leg import CallFailed

_REFUSALS = {486: "busy", 600: "busy", 404: "wrong_number", 410: "wrong_number", 484: "wrong_number", 604: "wrong_number"}
_NOT_ANSWERED = frozenset({408, 480, 487, 603})
_NUMBER = re.compile(r"\+?[0-9]{3,15}", re.ASCII)


def route(settings: Settings, number: str) -> str:
    """The SIP address of a telephone number by the trunk of HOTLINE_OUTBOUND_URI, for calls that a person asks for.

    Where the supervisor runs the edge (HOTLINE_EDGE_PORT) it is the edge's address: which trunk takes the call is decided there.

    Raises NotAllowed when no trunk is set, or the number begins with none of HOTLINE_OUTBOUND_PREFIXES.
    """
    return _address(settings, number, settings.outbound_prefixes)


def citizen_route(settings: Settings, number: str) -> str:
    """The same for a citizen's own number, called back by the robot: the prefixes are HOTLINE_CITIZEN_PREFIXES."""
    return _address(settings, number, settings.citizen_prefixes)


def _address(settings: Settings, number: str, prefixes: tuple[str, ...]) -> str:
    if not settings.outbound_uri:
        raise NotAllowed(_("没有设置外呼线路"))
    if not _NUMBER.fullmatch(number) or not number.startswith(prefixes):
        raise NotAllowed(_("这个号码不在允许外呼的范围"))
    way_out = f"sip:{{number}}@{settings.sip_host}:{settings.edge_port}" if settings.edge_port else settings.outbound_uri
    return way_out.replace("{number}", number)


def reaches(settings: Settings, number: str) -> bool:
    """Whether the number may be called."""
    try:
        route(settings, number)
    except NotAllowed:
        return False
    return True


def meaning(failure: CallFailed) -> str:
    """What a call that was not answered says about who was called: busy, no_answer, wrong_number.

    The rest is `failed`, our own line's fault, and no attempt to reach anybody: so is a trunk that does not say a word, though SIP has
    the same status for it as for a telephone that nobody picks up (RFC 3261 8.1.3.1).
    """
    if failure.silent:
        return "failed"
    return _REFUSALS.get(failure.status, "no_answer" if failure.status in _NOT_ANSWERED else "failed")
