"""State secrets stay out (I08): what carries a marking of secrecy is refused at intake and not stored.

The words are data: `words.yaml` here, or `secret_words.yaml` in the data folder when the city keeps its own list. They are
markings and phrases of documents, not topics: a citizen may complain about an army site, he may not paste its plan.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from hotline import logs
from hotline.errors import InvalidInput
from hotline.i18n import _
from ticketing.context import Core

LOG = logs.get(__name__)
SEED = Path(__file__).parent / "words.yaml"
OWN = "secret_words.yaml"
WITHHELD = "［这条内容带有涉密标记，没有保存］"
"""Stands where a message was refused."""
FLAG = "secret_words"
"""Under this name a ticket or a message of a phone call is flagged: what was spoken cannot be unsaid, somebody looks at it."""


class SecretContent(InvalidInput):
    """The text carries a marking of secrecy; nothing was stored."""


def is_secret(core: Core, *texts: str) -> bool:
    """Whether one of the texts carries a marking of secrecy, also with blanks or signs between its characters."""
    pattern = _pattern(core)
    return pattern is not None and any(pattern.search(_plain(text)) for text in texts if text)


def refuse_secret(core: Core, *texts: str) -> None:
    """Raises `SecretContent` for a text that may not be stored here. The text itself is neither kept nor logged."""
    if is_secret(core, *texts):
        LOG.info("secrecy.refused")
        raise SecretContent(refusal(), field="content")


def refusal() -> str:
    """What the person is told."""
    return _("内容里有涉密标记，这里不能受理，也没有保存。涉及国家秘密的事请当面向有关机关反映；其他问题请去掉这部分再提交")


def _plain(text: str) -> str:
    return re.sub(r"[\s·.,，。、_*\-]+", "", text)


def _pattern(core: Core) -> re.Pattern[str] | None:
    own = core.data_dir / OWN
    path = own if own.is_file() else SEED
    return _read(str(path), path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _read(path: str, _changed: int) -> re.Pattern[str] | None:
    """The list as one pattern; read again when the file changes. A broken list is an error, not an open door."""
    document: Any = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or []
    if not isinstance(document, list) or not all(isinstance(word, str) and len(word.strip()) >= 2 for word in document):
        raise InvalidInput(_("涉密词表格式不对：{path}，应为词语的列表，每个至少两个字"), path=path)
    words = sorted({_plain(word) for word in document}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, words))) if words else None
