"""Whose limit counts: the caller's own address, also behind our proxies, never what the caller claims."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from channels.web.address import address_of
from channels.web.keys import SETTINGS
from hotline.settings import Settings


def ask(settings: Settings, proxies: tuple[str, ...], *forwarded: str) -> str:
    app = web.Application()
    app[SETTINGS] = settings.model_copy(update={"trusted_proxies": proxies})
    request = make_mocked_request("GET", "/", headers=[("X-Forwarded-For", value) for value in forwarded], app=app)  # type: ignore[arg-type]
    return address_of(request.clone(remote="10.0.0.1"))


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        ((), ("203.0.113.9",), "10.0.0.1"),
        (("10.0.0.0/8",), (), "10.0.0.1"),
        (("10.0.0.0/8",), ("203.0.113.9",), "203.0.113.9"),
        (("10.0.0.0/8",), ("1.2.3.4, 203.0.113.9",), "203.0.113.9"),
        (("10.0.0.0/8",), ("1.2.3.4", "203.0.113.9, 10.0.0.7"), "203.0.113.9"),
        (("192.168.0.0/16",), ("203.0.113.9",), "10.0.0.1"),
        (("10.0.0.0/8",), ("nonsense",), "nonsense"),
        (("10.0.0.0/8",), ("x" * 500,), "x" * 64),
    ],
)
def test_address(settings: Settings, proxies: tuple[str, ...], forwarded: tuple[str, ...], address: str) -> None:
    assert ask(settings, proxies, *forwarded) == address


def test_a_proxy_that_is_no_network_is_refused(settings: Settings) -> None:
    with pytest.raises(ValueError, match="is not a network"):
        Settings(demo=True, trusted_proxies=("proxy.example",))
