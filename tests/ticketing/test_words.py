"""Every reason why a matter was closed without the citizen's rating has its words."""

from __future__ import annotations

import re
from pathlib import Path

from ticketing.callback.batch import SKIP_REASONS
from ticketing.words import table, word

SOURCES = Path(__file__).parents[2] / "ticketing"
WRITTEN = re.compile(r'no_callback_reason="([a-z_]+)"|TaskState\.[A-Z]+, "([a-z_]+)"|SKIP_REASONS\.get\(.*?, "([a-z_]+)"\)')


def test_every_reason_that_the_code_writes_has_words() -> None:
    texts = [path.read_text(encoding="utf-8") for path in SOURCES.rglob("*.py")]
    written = {next(filter(None, found)) for text in texts for found in WRITTEN.findall(text)} | set(SKIP_REASONS.values())
    assert {"unreached", "refused_to_rate", "not_sampled", "no_way_to_ask", "rejected", "taken_over"} <= written
    assert written - set(table("no_callback")) == set()
    assert all(re.fullmatch(r"[\u4e00-\u9fff，]+", word("no_callback", reason)) for reason in written)
