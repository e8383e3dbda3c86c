"""Gathers message ids for the catalogues: Babel's own reading of Python, tables that are marked with `texts(...)`, and YAML of the seed.

Named in hotline/locale/babel.cfg; nothing that runs imports it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from io import BytesIO
from typing import IO, Any

import yaml
from babel.messages.extract import extract_python

_HAN = re.compile(r"[\u4e00-\u9fff]")
Found = tuple[int, str | None, Any, Any]
"""Line, function, message or messages, comments: what Babel expects."""


def extract_python_and_tables(
    source: IO[bytes], keywords: Mapping[str, Any], comment_tags: Collection[str], options: Mapping[str, Any]
) -> Iterator[Found]:
    """Messages of one file: what Babel finds, and each Chinese text inside a call that the option `holding` names.

    A text of a table has to be written whole: parts put together with `f"..."` are refused (ValueError).
    """
    code = source.read()
    yield from extract_python(BytesIO(code), keywords, comment_tags, options)  # type: ignore[arg-type, misc]  # Babel's own annotations
    holding = set(str(options["holding"]).split())
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in holding:
            yield from _of_table(node)


def extract_seed(
    source: IO[bytes], keywords: Mapping[str, Any], comment_tags: Collection[str], options: Mapping[str, Any]
) -> Iterator[Found]:
    """Chinese texts of a YAML file under the keys that the option `keys` names: what the pages show of rules that a city may change."""
    wanted = set(str(options["keys"]).split())
    for text in _below(yaml.safe_load(source.read()), wanted, inside=False):
        yield 0, None, text, []


def _below(node: Any, wanted: Collection[str], *, inside: bool) -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _below(value, wanted, inside=inside or key in wanted)
    elif isinstance(node, list):
        for value in node:
            yield from _below(value, wanted, inside=inside)
    elif inside and isinstance(node, str) and _HAN.search(node):
        yield node


def _of_table(call: ast.Call) -> Iterator[Found]:
    keys = {id(key) for part in ast.walk(call) if isinstance(part, ast.Dict) for key in part.keys}
    for part in ast.walk(call):
        if isinstance(part, ast.JoinedStr) and any(map(_is_text, ast.walk(part))):
            raise ValueError(f"line {part.lineno}: a text of a table is written whole, not put together")
        if isinstance(part, ast.Constant) and _is_text(part) and id(part) not in keys:
            yield part.lineno, None, part.value, []


def _is_text(part: ast.AST) -> bool:
    return isinstance(part, ast.Constant) and isinstance(part.value, str) and bool(_HAN.search(part.value))
