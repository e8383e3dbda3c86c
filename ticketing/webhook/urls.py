"""Which addresses the service may call: https, and never the inside of its own network unless the operator allows it (SSRF)."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from socket import inet_aton
from urllib.parse import urlsplit

from hotline.errors import InvalidInput
from hotline.i18n import _

MAX_URL = 500
_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")
"""The oldest dress of an IPv4 address; `::` and `::1` themselves are judged as they are."""
_NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+)){0,3}\.?", re.IGNORECASE)


def check_url(url: str, allowed: tuple[str, ...], *, field: str = "url") -> str:
    """The address, when its form is right. Raises InvalidInput. Where a name leads is checked again at every call."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise InvalidInput(_("地址写法不对"), field=field) from None
    plain = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
    if not plain or len(url) > MAX_URL or not host or parts.username is not None or parts.fragment:
        raise InvalidInput(_("地址应像https://example.org/hook，不含用户名和#"), field=field)
    if parts.scheme != "https" and not (parts.scheme == "http" and _named(host, allowed)):
        raise InvalidInput(_("地址要以https://开头；内网主机由管理员在HOTLINE_WEBHOOK_PRIVATE_HOSTS里放行后才可以用http"), field=field)
    literal = _literal(host)
    if literal is not None and not may_connect(literal, host, allowed):
        raise InvalidInput(_("不能用内网地址；确有需要时由管理员在HOTLINE_WEBHOOK_PRIVATE_HOSTS里放行"), field=field)
    return url


def may_connect(address: IPv4Address | IPv6Address, host: str, allowed: tuple[str, ...]) -> bool:
    """Whether a connection to this address, found for the name `host`, is allowed."""
    real = _unwrapped(address)
    if real.is_global and not real.is_multicast:
        return True
    return any(real in network for network in _networks(allowed)) or host.lower() in {item.lower() for item in allowed}


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """An IPv4 address that is dressed as IPv6 counts as what it is."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in _NAT64 or (address in _COMPATIBLE and int(address) > 0xFFFF):
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address that the host is written as, also as resolvers read it: 2130706433, 0x7f.1, 0177.0.0.1, 127.1."""
    try:
        return ip_address(host.split("%")[0])
    except ValueError:
        pass
    if not _NUMERIC.fullmatch(host):
        return None
    try:
        return IPv4Address(inet_aton(host.rstrip(".")))
    except (OSError, ValueError):
        raise InvalidInput(_("地址写法不对"), field="url") from None


def _networks(allowed: tuple[str, ...]) -> list[IPv4Network | IPv6Network]:
    found: list[IPv4Network | IPv6Network] = []
    for item in allowed:
        try:
            found.append(ip_network(item))
        except ValueError:
            continue  # a host name
    return found


def _named(host: str, allowed: tuple[str, ...]) -> bool:
    """Whether the operator named this host or a network that holds it."""
    literal = _literal(host)
    if literal is not None:
        return any(literal in network for network in _networks(allowed))
    return host.lower() in {item.lower() for item in allowed}
