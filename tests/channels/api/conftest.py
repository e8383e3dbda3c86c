"""The citizens' side of the web application (tests/channels/public.py)."""

from tests.channels.public import articles, city, client, make_ticket, template

__all__ = ["articles", "city", "client", "make_ticket", "template"]
