"""Who asks: the address that limits count by."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from aiohttp import web

from channels.web.keys import SETTINGS


@lru_cache(maxsize=4)
def _networks(texts: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(text) for text in texts)


def _is_proxy(text: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return any(address in network for network in networks)


def address_of(request: web.Request) -> str:
    """The caller's address.

    X-Forwarded-For is believed only as far as our own proxies wrote it (`HOTLINE_TRUSTED_PROXIES`): read from the right, the first
    address that is not one of them. Whatever a caller writes into the header himself stands further left and counts for nothing.
    """
    address = request.remote or ""
    networks = _networks(request.app[SETTINGS].trusted_proxies)
    if not networks:
        return address
    chain = [part.strip() for header in request.headers.getall("X-Forwarded-For", []) for part in header.split(",")]
    while chain and _is_proxy(address, networks):
        address = chain.pop()
    return address[:64]


_BROWSERS = (("MicroMessenger", "微信"), ("Edg", "Edge"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
_SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


def describe_browser(agent: str) -> str:
    """Browser and system of a User-Agent in a few words, for the list of somebody's own sessions."""
    names = [next((name for mark, name in known if mark in agent), "") for known in (_BROWSERS, _SYSTEMS)]
    return "，".join(name for name in names if name)
