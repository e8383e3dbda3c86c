"""The production files are valid, pinned and without root. They are not built here: that needs a network and a daemon."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from hotline.processes.names import Role
from hotline.settings import Settings

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


@pytest.mark.skipif(shutil.which("kamailio") is None, reason="kamailio is not installed (script/test installs it as root on Debian)")
def test_kamailio_accepts_its_configuration(tmp_path: Path) -> None:
    text = (DOCKER / "kamailio" / "kamailio.cfg").read_text(encoding="utf-8")
    config = tmp_path / "kamailio.cfg"
    config.write_text(text.replace("/etc/kamailio/dispatcher.list", str(DOCKER / "kamailio" / "dispatcher.list")), encoding="utf-8")
    done = subprocess.run(["kamailio", "-c", "-f", str(config)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]
