"""`hotline demo --edge`: what it starts differs from the demo without it."""

from __future__ import annotations

import os

import pytest

from hotline.demo import run
from hotline.settings import load


def test_the_edge_takes_the_number_and_two_processes_stand_behind_it(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    for name in ("HOTLINE_EDGE_PORT", "HOTLINE_TELEPHONY_PROCESSES"):
        monkeypatch.setenv(name, "")  # set by what is tested: put back afterwards
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOTLINE_SIP_PORT", "15064")
    monkeypatch.setenv("HOTLINE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("HOTLINE_DEMO", "true")
    monkeypatch.setattr("hotline.processes.edge.program", lambda: "/usr/sbin/kamailio")
    load.cache_clear()
    try:
        before = set(os.environ)
        run._put_the_edge_in_front()
        settings = run.find_settings()
        assert (settings.edge_port, settings.sip_port, settings.telephony_processes) == (15064, 15074, 2)
        assert any("Kamailio" in line for line in run._table(settings, "none"))
    finally:
        for name in set(os.environ) - before:
            del os.environ[name]
        load.cache_clear()
