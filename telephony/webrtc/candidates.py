"""Which of a page's ICE candidates are tried: where its sound may come from, and nowhere else.

aioice sends checks to every candidate that an offer names. A forged offer could have the gateway knock at machines and ports of the
city's own network, so the offer is cut down first. A page whose candidates are all left out is still found when it knocks itself.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

import aioice.ice

_MOST: Final = 32
"""A machine with many network cards offers some ten."""
_LONGEST: Final = 300
_LOWEST_PORT: Final = 1024
"""Browsers use high ports; below are services."""
_SDP = "a=candidate:"


def vetted(offer: str, *, stranger: bool) -> str:
    """The offer without candidates that are none of ours to try. Raises ValueError for one that no browser makes.

    Only UDP, only addresses (no names: a look-up would be another request in our name), no services' ports. Loopback only when we
    are on loopback ourselves (a demo). `stranger`: a citizen's page; private networks then only when we are in one ourselves.
    """
    ours = [ip_address(host.partition("%")[0]) for host in aioice.ice.get_host_addresses(True, True)]
    loopback = any(one.is_loopback for one in ours)
    private = not stranger or loopback or any(one.is_private for one in ours)
    kept, count = [], 0
    for line in offer.splitlines():
        if line.startswith(_SDP):
            count += 1
            if count > _MOST or len(line) > _LONGEST:
                raise ValueError("the page offers too many candidates, or one that is too long")
            if not _may_be_tried(line, loopback=loopback, private=private):
                continue
        kept.append(line)
    return "\r\n".join(kept) + "\r\n"


def _may_be_tried(line: str, *, loopback: bool, private: bool) -> bool:
    words = line.removeprefix(_SDP).split()
    try:
        address, port = ip_address(words[4]), int(words[5])
    except (IndexError, ValueError):
        return False
    if words[2].lower() != "udp" or not _LOWEST_PORT <= port <= 65535:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return loopback if address.is_loopback else _is_host(address) and (private or not address.is_private)


def _is_host(address: IPv4Address | IPv6Address) -> bool:
    return not (address.is_multicast or address.is_unspecified or address.is_link_local or address.is_reserved)
