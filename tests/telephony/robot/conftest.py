"""The city of the core's tests."""

from tests.ticketing.conftest import city, template

__all__ = ["city", "template"]
