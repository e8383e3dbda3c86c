"""One demo for all end-to-end tests of a pytest process. Tests leave it running and ready."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.conftest import memory_folder
from tests.e2e.demo import ROOT, Demo


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    """The demo city, started as script/demo starts it."""
    # not below pytest's own folder: as root every further pytest run closes that one to the database's account
    home = TemporaryDirectory(prefix="hotline-demo-", dir=memory_folder(), ignore_cleanup_errors=True)
    demo = Demo(Path(home.name))
    try:
        demo.start()
        yield demo
        assert demo.stop() == 0, demo.output.read_text()[-2000:]
    finally:
        _keep_logs(demo)
        if demo.process is not None and demo.process.poll() is None:
            demo.process.kill()
        home.cleanup()


def _keep_logs(demo: Demo) -> None:
    """Copy what the processes wrote to test-results/e2e, for whoever has to find out why a test failed."""
    folder = ROOT / "test-results" / "e2e" / os.environ.get("PYTEST_XDIST_WORKER", "")
    folder.mkdir(parents=True, exist_ok=True)
    for path in (demo.output, *(demo.data_dir / "logs").glob("*.log")):
        if path.exists():
            (folder / path.name).write_bytes(path.read_bytes())
    if os.environ.get("CI"):
        print(demo.output.read_text()[-4000:])  # noqa: T201 - shown by pytest when something failed
