"""Where a page's sound may come from: offers that would have the gateway knock at other people's doors."""

from __future__ import annotations

import aioice.ice
import pytest

from telephony.webrtc.candidates import vetted

HEAD = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 8\r\n"


def line(address: str, port: int = 50000, protocol: str = "udp") -> str:
    return f"a=candidate:1 1 {protocol} 2122260223 {address} {port} typ host generation 0\r\n"


def kept(*lines: str, stranger: bool = False) -> list[str]:
    return [one.split()[4] for one in vetted(HEAD + "".join(lines), stranger=stranger).splitlines() if one.startswith("a=candidate:")]


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["203.0.113.9"])
    return monkeypatch


def we_are_at(on: pytest.MonkeyPatch, *addresses: str) -> None:
    on.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: list(addresses))


@pytest.mark.parametrize(
    "bad",
    [
        line("127.0.0.1"),
        line("::1"),
        line("::ffff:127.0.0.1"),
        line("169.254.169.254"),
        line("224.0.0.5"),
        line("0.0.0.0"),  # noqa: S104 - data
        line("255.255.255.255"),
        line("printer.local"),
        line("db.internal.city"),
        line("8.8.4.4", 53),
        line("8.8.4.4", 70000),
        line("8.8.4.4", protocol="tcp"),
        "a=candidate:\r\n",
        "a=candidate:1 1 udp\r\n",
    ],
)
def test_what_no_page_of_ours_would_offer_is_left_out(on: pytest.MonkeyPatch, bad: str) -> None:
    we_are_at(on, "8.8.8.8")
    assert kept(bad, line("8.8.4.4")) == ["8.8.4.4"]
    assert kept(bad) == []


def test_private_networks_are_for_agents_and_for_citizens_only_where_we_are_in_one(on: pytest.MonkeyPatch) -> None:
    we_are_at(on, "8.8.8.8")
    assert kept(line("10.1.2.3"), line("fd00::7")) == ["10.1.2.3", "fd00::7"]
    assert kept(line("10.1.2.3"), line("8.8.4.4"), stranger=True) == ["8.8.4.4"]
    we_are_at(on, "192.168.1.5")
    assert kept(line("10.1.2.3"), stranger=True) == ["10.1.2.3"]


def test_loopback_only_in_a_demo_on_loopback(on: pytest.MonkeyPatch) -> None:
    we_are_at(on, "127.0.0.1")
    assert kept(line("127.0.0.1"), stranger=True) == ["127.0.0.1"]


def test_too_many_or_too_long_is_no_browsers_offer(on: pytest.MonkeyPatch) -> None:
    assert len(kept(*[line(f"8.8.1.{n}") for n in range(1, 33)])) == 32
    with pytest.raises(ValueError, match="too many"):
        vetted(HEAD + "".join(line(f"8.8.1.{n}") for n in range(1, 34)), stranger=False)
    with pytest.raises(ValueError, match="too long"):
        vetted(HEAD + line("8.8.1.1").strip() + " x" * 200, stranger=False)


def test_the_rest_of_the_offer_stays_as_it_was(on: pytest.MonkeyPatch) -> None:
    assert vetted(HEAD + line("8.8.1.1") + "a=mid:0\r\n", stranger=False) == HEAD + line("8.8.1.1") + "a=mid:0\r\n"
