"""A small city with people, for the telephones."""

from tests.ticketing.conftest import city, template

__all__ = ["city", "template"]
