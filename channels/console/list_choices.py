"""The person's own named filters and columns, as the page of a queue shows them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from channels.console.queue_filter import Chosen
from channels.console.session import Staff
from hotline.i18n import _, texts
from ticketing.list_view.service import Choices, View
from ticketing.people.models import Role
from ticketing.ticket.queues import Queue

COLUMNS = texts(
    {
        "state": "状态",
        "unit": "承办单位",
        "district": "区域",
        "address": "地址",
        "channel": "来源",
        "line": "线路",
        "received": "登记时间",
        "updated": "最近变动",
        "number": "编号",
    }
)
"""What may stand beside time left and title, in the order of the list."""
USUAL = ("state", "unit", "district", "channel", "received", "number")
KEYS = 9
"""Views with a digit as their key."""


def address_of(view: View) -> str:
    """Where the view leads."""
    return f"/console/tickets?{urlencode({'queue': view.queue, **view.fields})}"


def fields_of(only: Chosen, words: str) -> dict[str, str]:
    """What a view keeps of the list that is shown."""
    return {**({"q": words} if words else {}), **only.fields}


def shown_choices(own: Choices, person: Staff, queue: Queue, only: Chosen, words: str) -> dict[str, Any]:
    """For the templates: the views with their keys, the one that is shown, the columns."""
    asked = fields_of(only, words)
    current = next((view for view in own.views if view.queue == queue.value and view.fields == asked), None)
    chosen = own.columns_of(queue.value) or USUAL
    names = {key: _(label) for key, label in COLUMNS.items() if key != "line" or person.role is not Role.AGENT}
    if person.role.in_unit:
        names["unit"] = _("本单位")
    return {
        "views": [(view, address_of(view), str(number) if number <= KEYS else "") for number, view in enumerate(own.views, 1)],
        "view": current,
        "default_view": own.default,
        "may_keep": bool(asked) and current is None,
        "columns": [key for key in names if key in chosen],
        "column_names": names,
    }


__all__ = ["COLUMNS", "USUAL", "address_of", "fields_of", "shown_choices"]
