"""The citizens' side of the web application (tests/channels/public.py)."""

from tests.channels.public import city, client, make_ticket

__all__ = ["city", "client", "make_ticket"]
