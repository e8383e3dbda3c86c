"""What we serve is understood by old browsers: scripts are ES2017, sheets are for Chromium 86 (design.md 2).

esbuild is asked twice, for the old target and for the newest: when both answers are the same, nothing had to be lowered.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from channels.web.static import NODE_MODULES

STATIC = NODE_MODULES.parent / "channels" / "web" / "static"
ESBUILD = NODE_MODULES / "esbuild" / "bin" / "esbuild"
FORBIDDEN = re.compile(
    r"@layer|@container|:is\(|:where\(|:has\(|color-mix|light-dark|oklch|(?<![\w-])inset\s*:|(?<![\w-])aspect-ratio\s*:|:popover-open|(?<![\w-])translate\s*:|\bdvw\b"
)
"""Dropped by the old browser without a word, and by esbuild not always lowered."""
needs_esbuild = pytest.mark.skipif(not ESBUILD.is_file(), reason="esbuild is not installed (script/bootstrap)")


def sources(suffix: str) -> list[Path]:
    return sorted(STATIC.rglob(f"*.{suffix}"))


def transformed(source: str, loader: str, target: str) -> str:
    """Raises CalledProcessError when it does not parse."""
    command = [str(ESBUILD), f"--loader={loader}", f"--target={target}", "--minify-whitespace", "--log-level=error"]
    return subprocess.run(command, input=source, capture_output=True, text=True, check=True).stdout


def is_old_enough(source: str, loader: str, target: str) -> bool:
    """Whether nothing in it has to be lowered for `target`."""
    try:
        return transformed(source, loader, target) == transformed(source, loader, "esnext")
    except subprocess.CalledProcessError:
        return False


@needs_esbuild
def test_scripts_are_es2017() -> None:
    assert len(sources("js")) > 8
    assert [path.name for path in sources("js") if not is_old_enough(path.read_text("utf-8"), "js", "es2017")] == []


@needs_esbuild
def test_sheets_are_for_chromium_86() -> None:
    assert len(sources("css")) >= 4
    assert [path.name for path in sources("css") if not is_old_enough(path.read_text("utf-8"), "css", "chrome86")] == []


def test_sheets_use_nothing_that_old_browsers_drop() -> None:
    sheets = {path.name: re.sub(r"/\*.*?\*/", "", path.read_text("utf-8"), flags=re.DOTALL) for path in sources("css")}
    found = {name: sorted(set(FORBIDDEN.findall(sheet))) for name, sheet in sheets.items()}
    assert {name: words for name, words in found.items() if words} == {}


@needs_esbuild
@pytest.mark.parametrize(
    ("source", "loader", "target"),
    [("a?.b", "js", "es2017"), ("a ??= b", "js", "es2017"), ("x = {...y}", "js", "es2017"), ("try{}catch{}", "js", "es2017"),
     ("a { inset: 0 }", "css", "chrome86"), ("a { & b { color: red } }", "css", "chrome86"), ("let let = 1", "js", "es2017")],
)  # fmt: skip
def test_the_check_notices(source: str, loader: str, target: str) -> None:
    assert not is_old_enough(source, loader, target)
