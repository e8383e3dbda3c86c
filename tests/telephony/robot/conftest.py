"""The city of the core's tests."""

from tests.ticketing.conftest import city

__all__ = ["city"]
