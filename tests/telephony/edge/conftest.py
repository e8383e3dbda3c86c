"""A small city with people, for the telephones."""

from tests.ticketing.conftest import city

__all__ = ["city"]
