"""The edge as a role of the supervisor: what Kamailio is given, and what not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hotline.demo import run
from hotline.errors import NotAllowed
from hotline.processes import edge
from hotline.processes.edge import Edge, EdgeError, Trunk, of_settings, runtime_folder
from hotline.settings import Settings
from telephony import outbound


def test_kamailio_gets_no_secret_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOTLINE_SECRET_KEY", "not for Kamailio")
    environment = Edge(tmp_path, "127.0.0.1:5060", ("127.0.0.1:5070",)).environment()
    assert set(environment) == {"PATH", "EDGE_LISTEN", "EDGE_LIST", "EDGE_CONTROL", "EDGE_DIAL"}


def test_the_list_names_processes_trunks_and_ways_out(tmp_path: Path) -> None:
    processes, outgoing = ("10.0.0.1:5070", "10.0.0.1:5080"), (Trunk("10.0.0.9:5060", channels=30), Trunk("10.0.0.8:5060"))
    path = Edge(tmp_path, "10.0.0.1:5060", processes, trunks=("10.0.0.9",), outgoing=outgoing).write_list()
    assert path.read_text().splitlines() == [
        "1 sip:10.0.0.1:5070 8",
        "1 sip:10.0.0.1:5080 8",
        "2 sip:10.0.0.9:5060",
        "3 sip:10.0.0.9:5060 0 2 channels=30",
        "3 sip:10.0.0.8:5060 0 1",
    ]


def test_our_own_edge_leads_to_the_trunk_and_allows_what_the_service_allows(settings: Settings) -> None:
    """The address of a trunk without port is SIP's port; what is no number is no part of the pattern."""
    given = {"database_url": "postgresql://elsewhere/hotline", "edge_port": 5060, "outbound_uri": "sip:{number}@10.0.0.5"}
    numbers = {"outbound_prefixes": ("119", "96777", ".*"), "citizen_prefixes": ("+86", "13")}
    found = of_settings(settings.model_copy(update=given | numbers))
    assert found.outgoing == (Trunk("10.0.0.5:5060"),)
    assert found.dial == "^(119|13|96777|[+]86)[0-9]{0,13}$"
    assert of_settings(settings.model_copy(update=given | {"outbound_uri": ""})).outgoing == ()


def test_the_service_dials_the_edge_where_it_runs_one_and_else_the_trunk(settings: Settings) -> None:
    direct = settings.model_copy(update={"outbound_uri": "sip:{number}@10.0.0.5:5070", "edge_port": None})
    assert outbound.route(direct, "119") == "sip:119@10.0.0.5:5070"
    edged = direct.model_copy(update={"edge_port": 5062, "sip_host": "10.0.0.1"})
    assert (
        outbound.route(edged, "119")
        == outbound.citizen_route(edged, "13800000000").replace("13800000000", "119")
        == "sip:119@10.0.0.1:5062"
    )
    with pytest.raises(NotAllowed):  # the edge alone leads nowhere
        outbound.route(edged.model_copy(update={"outbound_uri": ""}), "119")


def test_the_socket_fits_whatever_the_data_folder_is_called(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / ("x" * 120)):
        found = runtime_folder(folder)
        assert len(os.fsencode(found / "control")) <= 107
        assert found == runtime_folder(folder)


def test_without_kamailio_the_demo_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge.shutil, "which", lambda *_words, **_more: None)
    with pytest.raises(EdgeError, match="apt-get install kamailio"):
        run._put_the_edge_in_front()


def test_the_demo_with_the_edge_is_found_where_the_hotline_is(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOTLINE_EDGE_PORT", "HOTLINE_SIP_PORT", "HOTLINE_TELEPHONY_PROCESSES"):
        monkeypatch.setenv(name, os.environ.get(name, "1"))  # undone afterwards
        monkeypatch.delenv(name)
    monkeypatch.setattr(edge, "program", lambda: "kamailio")
    monkeypatch.setattr(run, "find_settings", lambda: settings)
    run._put_the_edge_in_front()
    assert os.environ["HOTLINE_EDGE_PORT"] == str(settings.sip_port)
    found = settings.model_copy(update={"sip_port": settings.sip_port + 10, "telephony_processes": 2})
    assert os.environ["HOTLINE_SIP_PORT"] == str(found.sip_port)
    assert found.sip_ports == (settings.sip_port + 10, settings.sip_port + 20)
    assert found.telephony_environments[1] == {
        "HOTLINE_SIP_PORT": str(settings.sip_port + 20),
        "HOTLINE_CONTROL_PORT": str(settings.control_port + 10),
    }
