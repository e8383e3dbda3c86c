"""A list of holidays as it is published, for the tests of the calendar."""

from __future__ import annotations

import json

from ticketing.calendar.lists import DayList, read

HOLIDAYS_2027 = {
    "year": 2027,
    "papers": ["https://example.invalid/notice"],
    "days": [
        {"name": "元旦", "date": "2027-01-01", "isOffDay": True},
        {"name": "元旦", "date": "2027-01-02", "isOffDay": True},
        {"name": "元旦", "date": "2027-01-03", "isOffDay": True},
        {"name": "元旦", "date": "2027-01-04", "isOffDay": True},
        {"name": "元旦", "date": "2027-01-09", "isOffDay": False},
    ],
}


def wanted(raw: object = HOLIDAYS_2027) -> DayList:
    """The list as it is read."""
    return read(json.dumps(raw))
