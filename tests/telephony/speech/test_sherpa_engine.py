"""The second engine as far as it can be tried without a model: finding it, refusing what is none, the package's interface."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path
from typing import Any

import pytest

from telephony.speech.engine import ModelError, is_model, is_sherpa, load_engine
from telephony.speech.sherpa_engine import _make

INSTALLED = importlib.util.find_spec("sherpa_onnx") is not None


class Factory:
    """Notes what sherpa_onnx.OnlineRecognizer would be asked for."""

    def __getattr__(self, name: str) -> Any:
        def make(**options: Any) -> tuple[str, dict[str, Any]]:
            words = Path(options["hotwords_file"]).read_text(encoding="utf-8") if "hotwords_file" in options else ""
            return name, {**options, "words": words}

        return make


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tokens.txt").write_text("<blk> 0\n", encoding="utf-8")
    return tmp_path


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_bytes(b"")


def test_a_transducer_takes_the_citys_words(folder: Path) -> None:
    put(folder, "encoder-1.onnx", "encoder-1.int8.onnx", "decoder-1.onnx", "joiner-1.onnx")
    assert is_sherpa(folder)
    assert is_model(folder)
    method, options = _make(Factory(), folder, ("翠湖小区", "滨河路"))
    assert method == "from_transducer"
    assert options["words"] == "翠湖小区\n滨河路\n"
    assert options["decoding_method"] == "modified_beam_search"
    assert options["encoder"].endswith("encoder-1.int8.onnx"), "the quantised one"
    method, options = _make(Factory(), folder, ())
    assert options["decoding_method"] == "greedy_search"


@pytest.mark.parametrize(
    ("files", "method"), [(("encoder.onnx", "decoder.onnx"), "from_paraformer"), (("model.int8.onnx",), "from_zipformer2_ctc")]
)
def test_the_files_tell_the_kind(folder: Path, files: tuple[str, ...], method: str) -> None:
    put(folder, *files)
    assert _make(Factory(), folder, ("翠湖小区",))[0] == method


def test_a_folder_without_a_model_is_none(folder: Path) -> None:
    assert not is_model(folder)
    with pytest.raises(ValueError, match="onnx"):
        _make(Factory(), folder, ())


@pytest.mark.skipif(INSTALLED, reason="sherpa-onnx is installed")
def test_without_the_package_the_operator_is_told_what_to_install(folder: Path) -> None:
    put(folder, "model.onnx")
    with pytest.raises(ModelError, match=r"hotline\[sherpa\]"):
        load_engine(folder, "x")


@pytest.mark.skipif(not INSTALLED, reason="sherpa-onnx is not installed")
@pytest.mark.parametrize(
    ("files", "method"),
    [
        (("encoder.onnx", "decoder.onnx", "joiner.onnx"), "from_transducer"),
        (("encoder.onnx", "decoder.onnx"), "from_paraformer"),
        (("model.onnx",), "from_zipformer2_ctc"),
    ],
)
def test_the_package_takes_what_we_give(folder: Path, files: tuple[str, ...], method: str) -> None:
    import sherpa_onnx

    put(folder, *files)
    name, options = _make(Factory(), folder, ("翠湖小区",) if method == "from_transducer" else ())
    options.pop("words")
    assert name == method
    inspect.signature(getattr(sherpa_onnx.OnlineRecognizer, method)).bind(**options)
