"""The production files are valid, pinned and without root. They are not built here: that needs a network and a daemon."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from hotline.processes.names import Role
from hotline.settings import Settings

KAMAILIO = shutil.which("kamailio") or shutil.which("kamailio", path="/usr/sbin")
_MODULE = next(Path("/usr/lib").glob("*/kamailio/modules/db_postgres.so"), None)
needs_postgres_module = pytest.mark.skipif(_MODULE is None, reason="kamailio-postgres-modules is not installed")
_NEEDED = {"EDGE_LISTEN", "EDGE_LIST", "EDGE_CONTROL"}
ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def test_every_role_has_a_service() -> None:
    roles = {service["command"][2] for service in SERVICES.values() if service.get("command", [""])[0] == "serve"}
    assert roles == {Role.WEB, Role.TELEPHONY, Role.WEBRTC, Role.SCHEDULER, Role.BOT}
    assert {"postgres", "kamailio"} <= SERVICES.keys()


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name: str) -> None:
    tag = SERVICES[name]["image"].rpartition(":")[2]
    assert re.match(r"\d+\.\d+", tag), f"{name} needs a tag with a version"


def test_dockerfiles_start_from_pinned_images_and_end_without_root() -> None:
    for path in DOCKER.glob("Dockerfile*"):
        lines = path.read_text(encoding="utf-8").splitlines()
        stages = {line.split()[3] for line in lines if line.startswith("FROM ") and " AS " in line}
        for base in (line.split()[1] for line in lines if line.startswith("FROM ")):
            assert base in stages or re.search(r":\d+\.\d+", base), f"{path.name}: {base} is not pinned"
        users = [line.split()[1] for line in lines if line.startswith("USER ")]
        assert users, f"{path.name} runs as root"
        assert users[-1] not in ("root", "0")


def test_dockerfiles_copy_what_exists() -> None:
    for path in DOCKER.glob("Dockerfile*"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("COPY ") and "--from" not in line:
                for source in line.split()[1:-1]:
                    assert (ROOT / source).exists(), f"{path.name}: {source}"


def test_our_services_have_no_root_and_no_capabilities() -> None:
    for name, service in SERVICES.items():
        if service["image"].startswith("hotline:") or service["image"].startswith("hotline-bot:"):
            assert service["user"] != "0", name
            assert service["cap_drop"] == ["ALL"], name
            assert service["read_only"] is True, name


def test_the_settings_that_are_set_exist() -> None:
    known = {f"HOTLINE_{name.upper()}" for name in Settings.model_fields}
    example = (DOCKER / "hotline.env.example").read_text(encoding="utf-8")
    used = {line.partition("=")[0] for line in example.splitlines() if line.startswith("HOTLINE_")}
    for service in SERVICES.values():
        used |= {name for name in service.get("environment", {}) if name.startswith("HOTLINE_")}
    assert used <= known


@pytest.mark.skipif(KAMAILIO is None, reason="kamailio is not installed (script/test installs it as root on Debian)")
@pytest.mark.parametrize("telephones", [pytest.param(True, marks=needs_postgres_module), False])
def test_kamailio_accepts_its_configuration(telephones: bool) -> None:
    """With the environment of edge.env.example, with and without agents' telephones."""
    assert KAMAILIO
    lines = [line.partition("=") for line in (DOCKER / "edge.env.example").read_text(encoding="utf-8").splitlines() if line[:1] == "E"]
    given = {name: value for name, _, value in lines if telephones or name in _NEEDED}
    given["EDGE_LIST"] = str(DOCKER / "kamailio" / "dispatcher.list")
    environment = {"PATH": os.environ["PATH"], **given}
    command = [KAMAILIO, "-c", "-f", str(DOCKER / "kamailio" / "kamailio.cfg")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
