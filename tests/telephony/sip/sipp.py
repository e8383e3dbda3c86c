"""Runs SIPp scenarios: an independent SIP implementation as the judge."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

SIPP = shutil.which("sipp")
SCENARIOS = Path(__file__).parent / "scenarios"


async def run_sipp(port: int, scenario: str, folder: Path, *, calls: int = 1, rate: int = 10) -> None:
    """Run a scenario against a SIP port of this machine; fails with what SIPp wrote."""
    assert SIPP
    text = (SCENARIOS / f"{scenario}.xml").read_text()
    (folder / "scenario.xml").write_text(text.replace("@FOLDER@", str(folder)))
    process = await asyncio.create_subprocess_exec(
        SIPP,
        f"127.0.0.1:{port}",
        *("-sf", str(folder / "scenario.xml"), "-s", "12345", "-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", "0"),
        *("-m", str(calls), "-l", str(calls), "-r", str(rate), "-nostdin", "-timeout", "20s", "-timeout_error"),
        *("-trace_err", "-error_file", str(folder / "errors.log")),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    errors = (folder / "errors.log").read_text() if (folder / "errors.log").exists() else ""
    assert process.returncode == 0, f"{errors}\n{output.decode(errors='replace')[-3000:]}"
