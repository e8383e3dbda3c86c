"""The table at the end of `script/bench`: what | target | measured | machine, from what the benchmarks printed."""

from __future__ import annotations

import os
import platform
import re
import sys
from pathlib import Path

PATTERNS = (
    ("create a ticket by the API, 100 tickets: CPU in all", "10 ms", r"^\| create by API, 100 tickets \|.*\| ([\d.]+) \|$", "ms"),
    ("create a ticket by the API, full table: CPU in all", "10 ms", r"^\| create by API, \d{4,} tickets \|.*\| ([\d.]+) \|$", "ms"),
    ("the same rows by pgbench, full table: CPU in all", "", r"^\| pgbench, .*, \d{4,} tickets \|.*\| ([\d.]+) \|$", "ms"),
    ("creating: more CPU with the full table", "15 %", r"^API: ([+-][\d.]+) % of CPU", "%"),
    ("slowest queue page: CPU in all", "15 ms", r"^\| (?:dispatcher|clerk): .*\| ([\d.]+) \|$", "ms"),
    ("slowest search: CPU in all", "15 ms", r"^\| search: .*\| ([\d.]+) \|$", "ms"),
    ("slowest ticket page: CPU in all", "15 ms", r"^\| ticket page.*\| ([\d.]+) \|$", "ms"),
    ("sweep of 20,000 clocks", "20 s", r"^\d+ clocks, \d+ cores: ([\d.]+) s", "s"),
    ("a month by unit and category, slowest indicator", "1000 ms",
     r"^\| one indicator, a month by unit and category: \w.*?\| \d+ \| (\d+) \|", "ms"),
    ("similar open tickets, slowest p95", "100 ms", r"^\d+ open, .*p95 ([\d.]+) ms", "ms"),
    ("knowledge search at 100,000 articles, p95", "30 ms", r"^\| question \| \d+ \| \d+ \| [\d.]+ \| ([\d.]+) \|", "ms"),
)  # fmt: skip


def main(log: Path) -> None:
    """Print the worst figure of each kind."""
    said = log.read_text(encoding="utf-8")
    machine = f"{os.cpu_count()} cores, {platform.machine()}, load {os.getloadavg()[0]:.1f}"
    print("\n| what | target | measured | machine |\n|---|---|---|---|")
    for what, target, pattern, unit in PATTERNS:
        found = [float(value) for value in re.findall(pattern, said, re.MULTILINE)]
        if found:
            print(f"| {what} | {target} | {max(found):g} {unit} | {machine} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
