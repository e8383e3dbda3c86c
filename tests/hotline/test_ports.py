"""The ports that tests give to programs: each once, with its neighbours, to one process."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

import pytest

from tests import ports


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> range:
    """Eight free ports, the only choice."""
    first = ports.free_port(neighbours=7)
    for claim in ports._claims[-8:]:
        claim.close()
    del ports._claims[-8:]
    monkeypatch.setattr(ports, "CHOICE", range(first, first + 8))
    return ports.CHOICE


def test_each_port_is_given_once_and_then_there_is_none(few: range) -> None:
    assert {ports.free_port() for _ in few} == set(few)
    with pytest.raises(RuntimeError, match="no port is free"):
        ports.free_port()


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_port_whose_neighbour_is_taken_is_none(few: range, monkeypatch: pytest.MonkeyPatch, kind: socket.SocketKind) -> None:
    monkeypatch.setattr(ports, "CHOICE", few[:3])
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", few[1]))
        assert ports.free_port(neighbours=1) == few[2]


def test_what_one_process_has_another_does_not_get_until_it_ends(few: range) -> None:
    """Nobody listens on it yet: that is when a program is being started."""
    claim = f"""if True:
        import sys
        from tests import ports
        ports.CHOICE = range({few.start}, {few.stop})
        print(sorted(ports.free_port() for _ in ports.CHOICE), flush=True)
        sys.stdin.read()"""
    with subprocess.Popen([sys.executable, "-c", claim], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        assert other.stdin
        assert json.loads(other.stdout.readline()) == list(few)
        with pytest.raises(RuntimeError):
            ports.free_port()
        other.stdin.close()
    assert ports.free_port() in few
