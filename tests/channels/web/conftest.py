"""The whole web application with the console's people (tests/channels/staff.py)."""

from tests.channels.staff import browser, city, site, template

__all__ = ["browser", "city", "site", "template"]
