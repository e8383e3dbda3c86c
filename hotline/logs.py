"""Structured logs: one JSON line per event, one correlation id per call or request, no personal data in clear."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from hotline.tracebacks import describe, without_rows

_LONG_NUMBER = re.compile(r"(?<!\d)(\d{3})\d{4,11}(\d{4})(?!\d)")
_GROUPED_NUMBERS = (  # as people write them; ticket numbers and dates are neither
    re.compile(r"(?<!\d)(\d{3})\d{3}[ -]\d{4}[ -]?\d{4}[ -](\d{3}[\dXx])(?!\d)"),  # identity card
    re.compile(r"(?<!\d)(1[ -]?[3-9][ -]?\d)(?:[ -]?\d){4}[ -]?(\d(?:[ -]?\d){3})(?!\d)"),  # mobile
    re.compile(r"(?<!\d)(0\d{2,3})[ -]+\d{3,4}[ -]?(\d{4})(?!\d)"),  # fixed line with area code
)
_PRIVATE_KEYS = frozenset({"name", "phone", "caller", "openid", "text", "content", "address", "password", "token", "code"})


def mask_numbers(text: str) -> str:
    """`text` without the middle of long numbers, also of those written with blanks or hyphens."""
    for pattern in (*_GROUPED_NUMBERS, _LONG_NUMBER):
        text = pattern.sub(r"\1****\2", text)
    return text


def _mask(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop values of private keys, the middle of long numbers and rows of the database, whoever logged them."""
    for key, value in event.items():
        if key in _PRIVATE_KEYS:
            event[key] = "***"
        elif isinstance(value, str) and key not in ("timestamp", "ticket", "conversation", "call"):
            event[key] = mask_numbers(without_rows(value))
    return event


def configure(role: str, *, level: str = "INFO", json: bool = True) -> None:
    """Set up logging of this process; `role` is printed with each line."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(describe),
        _mask,
    ]
    renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False) if json else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("aiohttp.access").setLevel("WARNING")
    logging.getLogger("apscheduler").setLevel("ERROR")  # a tick that waits for the one before it is no news
    logging.getLogger("alembic").setLevel("WARNING")
    structlog.contextvars.bind_contextvars(role=role)


def get(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
