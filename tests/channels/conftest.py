"""Every test of a channel builds the whole web application; what that costs and depends on no test is done once.

The city of the core's tests and a dialogue without Rasa are there for those that need no web application; folders have their own city.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import CodeType

import pytest
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

from channels.web import templating
from tests.chatbot.conftest import begin, dialogue
from tests.ticketing.conftest import city, template

__all__ = ["begin", "city", "dialogue", "template"]


class _CompiledTemplates(BytecodeCache):
    """Compiled templates of the whole run, in memory, kept by their name and text: compiling was a third of a page test's time."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._kept.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key, bucket.checksum] = bucket.code


@pytest.fixture(scope="session", autouse=True)
def _templates_are_compiled_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(templating, "Environment", partial(templating.Environment, bytecode_cache=_CompiledTemplates()))
        yield
