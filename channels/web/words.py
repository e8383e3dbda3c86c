"""Words for enum values on pages: the tables of `ticketing.words`."""

from ticketing.words import choices, word

__all__ = ["choices", "word"]
