"""The staff side of the web application (tests/channels/staff.py)."""

from tests.channels.staff import browser, city, site, template

__all__ = ["browser", "city", "site", "template"]
