"""Getting a model: downloads that break, lie and lead astray; the fallback; loading without a model."""

from __future__ import annotations

import hashlib
import io
import stat
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hotline.settings import Settings
from telephony.speech import models
from telephony.speech.download import Broken, Unreachable, fetch, unpack
from telephony.speech.models import SYNTHETIC, BadModel, Source


def quiet(_line: str) -> None:
    """Nobody watches."""


def archive(*, top: str = "vosk-model-small-cn-0.22", extra: dict[str, bytes] | None = None) -> bytes:
    """A zip of the synthetic model, as the project publishes its models."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(SYNTHETIC.rglob("*")):
            if path.is_file():
                file.writestr(f"{top}/{path.relative_to(SYNTHETIC)}", path.read_bytes())
        for name, content in (extra or {}).items():
            file.writestr(name, content)
    return out.getvalue()


@dataclass
class Site:
    """A web site that behaves as badly as told."""

    content: bytes
    break_after: list[int] = field(default_factory=list)
    """For each of the first answers, after how many bytes the connection is cut."""
    ranges: bool = True
    status: int = 200
    asked: list[str | None] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def site() -> Iterator[Site]:
    state = Site(archive())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            state.asked.append(wanted)
            start = int(wanted[6:-1]) if wanted and state.ranges else 0
            if state.status != 200:
                self.send_error(state.status)
                return
            if start >= len(state.content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(state.content)}")
                self.end_headers()
                return
            body = state.content[start:]
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(state.content) - 1}/{len(state.content)}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: state.break_after.pop(0)] if state.break_after else body)

        def log_message(self, *_arguments: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/model.zip"
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


def sources(site: Site, sha256: str | None = None) -> dict[str, Source]:
    return {"cn-small": Source("vosk-model-small-cn-0.22", site.url, sha256 or hashlib.sha256(site.content).hexdigest())}


def with_model(settings: Settings, choice: str) -> Settings:
    return settings.model_copy(update={"speech_model": choice})


def test_a_model_is_downloaded_checked_unpacked_and_loaded(settings: Settings, site: Site) -> None:
    lines: list[str] = []
    found = models.ensure(with_model(settings, "auto"), offline=False, progress=lines.append, sources=sources(site))
    assert (found.name, found.kind, found.note) == ("vosk-model-small-cn-0.22", "published", "")
    assert any("%" in line for line in lines)
    assert sorted(p.name for p in (settings.data_dir / "models").iterdir()) == ["vosk-model-small-cn-0.22"]
    loaded = models.load(with_model(settings, "auto"), sources(site))
    assert loaded is not None
    assert loaded.name == "vosk-model-small-cn-0.22"
    again = models.ensure(with_model(settings, "auto"), offline=False, progress=quiet, sources=sources(site))
    assert again == found
    assert len(site.asked) == 1


def test_a_broken_download_goes_on_where_it_broke(tmp_path: Path, site: Site) -> None:
    site.break_after = [1000, 2000]
    fetch(site.url, tmp_path / "m.zip", sha256=hashlib.sha256(site.content).hexdigest(), progress=quiet)
    assert site.asked == [None, "bytes=1000-", "bytes=3000-"]
    assert (tmp_path / "m.zip").read_bytes() == site.content


def test_a_download_goes_on_in_the_next_run(tmp_path: Path, site: Site) -> None:
    site.break_after = [500]
    with pytest.raises(Unreachable):
        fetch(site.url, tmp_path / "m.zip", sha256="x", progress=quiet, attempts=1)
    assert not (tmp_path / "m.zip").exists()
    fetch(site.url, tmp_path / "m.zip", sha256=hashlib.sha256(site.content).hexdigest(), progress=quiet)
    assert site.asked[-1] == "bytes=500-"


def test_a_server_without_ranges_sends_everything_again(tmp_path: Path, site: Site) -> None:
    site.ranges = False
    site.break_after = [700]
    fetch(site.url, tmp_path / "m.zip", sha256=hashlib.sha256(site.content).hexdigest(), progress=quiet)
    assert (tmp_path / "m.zip").read_bytes() == site.content


def test_a_part_of_another_file_is_thrown_away_once(tmp_path: Path, site: Site) -> None:
    (tmp_path / "m.zip.part").write_bytes(b"something else entirely")
    fetch(site.url, tmp_path / "m.zip", sha256=hashlib.sha256(site.content).hexdigest(), progress=quiet)
    assert (tmp_path / "m.zip").read_bytes() == site.content


@pytest.mark.parametrize("length", [0, 1, 99])
def test_a_part_that_is_whole_or_too_long_ends_well(tmp_path: Path, site: Site, length: int) -> None:
    (tmp_path / "m.zip.part").write_bytes(site.content + b"x" * length)
    fetch(site.url, tmp_path / "m.zip", sha256=hashlib.sha256(site.content).hexdigest(), progress=quiet)
    assert (tmp_path / "m.zip").read_bytes() == site.content


def test_a_wrong_checksum_is_refused_and_nothing_is_left(tmp_path: Path, site: Site) -> None:
    with pytest.raises(Broken, match="expected 0000"):
        fetch(site.url, tmp_path / "m.zip", sha256="0000", progress=quiet)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fault", ["checksum", "status", "gone", "offline"])
def test_auto_falls_back_to_the_synthetic_model_and_says_so(settings: Settings, site: Site, fault: str) -> None:
    known = sources(site, "0000" if fault == "checksum" else None)
    site.status = 503 if fault == "status" else 200
    if fault == "gone":
        known = {"cn-small": Source("vosk-model-small-cn-0.22", "http://127.0.0.1:1/model.zip", "0")}
    found = models.ensure(with_model(settings, "auto"), offline=fault == "offline", progress=quiet, sources=known)
    assert found.kind == "synthetic"
    assert "合成" in found.note
    assert "听不懂真人" in found.note
    loaded = models.load(with_model(settings, "auto"), known)
    assert loaded is not None
    assert loaded.name == "synthetic"


@pytest.mark.parametrize("offline", [True, False])
def test_a_model_that_was_asked_for_by_name_is_never_replaced(settings: Settings, offline: bool) -> None:
    known = {"cn-small": Source("vosk-model-small-cn-0.22", "http://127.0.0.1:1/model.zip", "0")}
    with pytest.raises(BadModel, match="cn-small"):
        models.ensure(with_model(settings, "cn-small"), offline=offline, progress=quiet, sources=known)
    assert models.load(with_model(settings, "cn-small"), known) is None


@pytest.mark.parametrize("choice", ["none", "/no/such/folder", "cn-smal"])
def test_without_a_model_there_is_no_transcriber_but_no_crash(settings: Settings, choice: str) -> None:
    assert models.load(with_model(settings, choice)) is None


def test_a_misspelt_model_is_named_with_the_choices(settings: Settings) -> None:
    with pytest.raises(BadModel, match=r"cn-smal.*cn-small"):
        models.ensure(with_model(settings, "cn-smal"), offline=False, progress=quiet)


def test_a_folder_of_ones_own_is_used_as_it_is(settings: Settings) -> None:
    found = models.ensure(with_model(settings, str(SYNTHETIC)), offline=False, progress=quiet)
    assert (found.kind, found.folder) == ("own", SYNTHETIC)


@pytest.mark.parametrize("name", ["../outside.txt", "/outside.txt", "m/../../outside.txt", "..\\outside.txt"])
def test_an_archive_that_leads_out_of_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "m.zip").write_bytes(archive(extra={name: b"x"}))
    with pytest.raises(Broken, match="leads out"):
        unpack(tmp_path / "m.zip", tmp_path / "deep" / "model", needs="am/final.mdl")
    assert not (tmp_path / "outside.txt").exists()
    assert not (tmp_path / "deep" / "model").exists()


def test_a_link_in_an_archive_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        link = zipfile.ZipInfo("m/link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(link, "/etc/passwd")
    (tmp_path / "m.zip").write_bytes(out.getvalue())
    with pytest.raises(Broken, match="link"):
        unpack(tmp_path / "m.zip", tmp_path / "model", needs="am/final.mdl")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 rubbish", archive()[:-400]], ids=["empty", "rubbish", "cut"])
def test_a_damaged_archive_leaves_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.zip").write_bytes(content)
    with pytest.raises(Broken, match="not a sound zip"):
        unpack(tmp_path / "m.zip", tmp_path / "model", needs="am/final.mdl")
    assert [p.name for p in tmp_path.iterdir()] == ["m.zip"]


def test_an_archive_without_a_model_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as file:
        file.writestr("m/readme", "hello")
    with pytest.raises(Broken, match=r"am/final\.mdl"):
        unpack(tmp_path / "m.zip", tmp_path / "model", needs="am/final.mdl")


def test_the_published_checksum_is_the_known_one() -> None:
    assert models.SOURCES["cn-small"].sha256 == "3af8b0e7e0f835ae9d414ce5df580237a3cfb08d586c9fbbb0f7ff29ad5b14ba"
