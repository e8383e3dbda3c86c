"""The long lists of choices in the forms of a ticket, as HTML: hundreds of lines, which Jinja would escape and join one by one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import groupby

from markupsafe import Markup, escape

from ticketing.people.models import Unit
from ticketing.taxonomy.models import Category


def category_options(categories: Iterable[Category], chosen: str, *, units: bool = False) -> Markup:
    """`<option>`s by group; with `units` each names its own unit, which the form then proposes."""
    found = []
    for group, members in groupby(sorted(categories, key=lambda each: (each.group_name, each.code)), key=lambda each: each.group_name):
        found.append(f'<optgroup label="{escape(group)}">')
        for each in members:
            unit = f' data-unit="{each.unit_id}"' if units else ""
            mark = " selected" if each.code == chosen else ""
            found.append(f'<option value="{escape(each.code)}"{unit}{mark}>{escape(each.code)} {escape(each.name)}</option>')
        found.append("</optgroup>")
    return Markup("".join(found))  # noqa: S704 - every value is escaped above


def unit_options(units: Iterable[Unit], chosen: str) -> Markup:
    """`<option>`s, one for each unit."""
    return Markup(  # noqa: S704 - every value is escaped
        "".join(f'<option value="{each.id}"{" selected" if str(each.id) == chosen else ""}>{escape(each.name)}</option>' for each in units)
    )


def named_boxes(names: Mapping[int, str], chosen: Collection[str], field: str) -> Markup:
    """A box to tick for each unit, by its name; those that are ticked come first."""
    ranked = sorted(names.items(), key=lambda item: str(item[0]) not in chosen)
    return Markup(  # noqa: S704 - every value is escaped
        "".join(
            f'<label class="choice"><input type="checkbox" name="{escape(field)}" value="{number}"'
            f"{' checked' if str(number) in chosen else ''}><span>{escape(name)}</span></label>"
            for number, name in ranked
        )
    )


def unit_boxes(units: Iterable[Unit], chosen: Collection[str]) -> Markup:
    """A box to tick for each unit (协办单位)."""
    return Markup(  # noqa: S704 - every value is escaped
        "".join(
            f'<label class="choice"><input type="checkbox" name="co_unit_ids" value="{each.id}"'
            f"{' checked' if str(each.id) in chosen else ''}><span>{escape(each.name)}</span></label>"
            for each in units
        )
    )
