"""Base of every error that a person is told about.

An error says what was wrong and what to do. `code` is stable (for programs), `message` is a catalogue key with
parameters (for people, translated by `hotline.i18n`), `status` is the HTTP status a web front answers with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar


def _filled(message: str, parameters: dict[str, Any]) -> str:
    """A message without parameters may hold what somebody typed, braces as well: it stays as it is."""
    return message.format(**parameters) if parameters else message


class HotlineError(Exception):
    """Something that the caller can understand and mend."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "bad_request"

    def __init__(self, message: str, *, field: str | None = None, **parameters: Any) -> None:
        """`message` is a catalogue key, `parameters` fill it, `field` names the form field at fault."""
        super().__init__(_filled(message, parameters))
        self.message = message
        self.parameters = parameters
        self.field = field

    def told(self, translate: Callable[[str], str]) -> str:
        """The message for a reader of another language than it was raised in; a sentence without a translation stays as it is."""
        return _filled(translate(self.message), self.parameters)


class InvalidInput(HotlineError):
    """The input breaks a rule; nothing was written."""

    status, code = 422, "invalid_input"

    def __init__(self, message: str = "", *, field: str | None = None, errors: dict[str, str] | None = None, **parameters: Any) -> None:
        """`errors` maps field names to messages when several fields are at fault at once."""
        self.errors = dict(errors or ({field: _filled(message, parameters)} if field else {}))
        super().__init__(message or "；".join(self.errors.values()), field=field, **parameters)


class NotFound(HotlineError):
    """It does not exist, or this person may not know that it exists: the same answer for both."""

    status, code = 404, "not_found"


class NotAllowed(HotlineError):
    """This person may see it but not do that."""

    status, code = 403, "not_allowed"


class IllegalStep(HotlineError):
    """The state machine refuses the step; the message says why and what is allowed now."""

    status, code = 409, "illegal_step"


class Conflict(HotlineError):
    """Somebody else changed it in the meantime."""

    status, code = 409, "conflict"


class Unavailable(HotlineError):
    """A part that is needed is down at the moment; trying again later is right."""

    status, code = 503, "unavailable"
