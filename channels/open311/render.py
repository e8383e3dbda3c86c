"""Writing an answer as XML or JSON.

GeoReport v2 defines the XML and derives the JSON by the Spark convention: a list of records becomes an array without a
name around it, a record becomes an object. `Records` and `Record` hold both the values and the element names, so that one
description gives both formats.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from aiohttp import web

XML = "xml"
JSON = "json"
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ITEM_NAMES = {"attributes": "attribute", "values": "value", "endpoints": "endpoint", "formats": "format"}
"""What one item of a list inside a record is called in XML."""


@dataclass(frozen=True)
class Records:
    """A list of records: `<requests><request>…</request></requests>` in XML, an array in JSON."""

    root: str
    item: str
    rows: tuple[Mapping[str, Any], ...]

    @property
    def plain(self) -> list[Mapping[str, Any]]:
        """The value for JSON."""
        return list(self.rows)

    @property
    def element(self) -> ElementTree.Element:
        """The tree for XML."""
        root = ElementTree.Element(self.root)
        for row in self.rows:
            _fill(ElementTree.SubElement(root, self.item), row)
        return root


@dataclass(frozen=True)
class Record:
    """A single record: one element in XML, an object in JSON."""

    root: str
    row: Mapping[str, Any]

    @property
    def plain(self) -> Mapping[str, Any]:
        """The value for JSON."""
        return self.row

    @property
    def element(self) -> ElementTree.Element:
        """The tree for XML."""
        root = ElementTree.Element(self.root)
        _fill(root, self.row)
        return root


def services(rows: Iterable[Mapping[str, Any]]) -> Records:
    """`<services><service>…`."""
    return Records("services", "service", tuple(rows))


def requests(rows: Iterable[Mapping[str, Any]]) -> Records:
    """`<service_requests><request>…`."""
    return Records("service_requests", "request", tuple(rows))


def errors(rows: Iterable[Mapping[str, Any]]) -> Records:
    """`<errors><error><code/><description/>…`."""
    return Records("errors", "error", tuple(rows))


def response(body: Record | Records, form: str, *, status: int = 200) -> web.Response:
    """The HTTP answer in the wanted form, in UTF-8, readable from any web page, never kept by a cache."""
    if form == JSON:
        text, kind = json.dumps(body.plain, ensure_ascii=False, separators=(",", ":")), "application/json"
    else:
        tree = ElementTree.tostring(body.element, encoding="unicode", short_empty_elements=True)
        text, kind = f'<?xml version="1.0" encoding="utf-8"?>\n{tree}\n', "text/xml"
    headers = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store", "Vary": "Accept", "X-Content-Type-Options": "nosniff"}
    return web.Response(text=text, status=status, content_type=kind, charset="utf-8", headers=headers)


def wanted_form(accept: str) -> str:
    """XML or JSON by the Accept header of an address without suffix.

    XML is the form that the specification requires, so it is the answer whenever JSON is not asked for more strongly.
    """
    weights = {XML: 0.0, JSON: 0.0}
    for part in accept.lower().split(","):
        kind, _, parameters = part.strip().partition(";")
        for form in weights:
            if kind.strip() in (f"application/{form}", f"text/{form}"):
                weights[form] = max(weights[form], _quality(parameters))
    return JSON if weights[JSON] > weights[XML] else XML


def _quality(parameters: str) -> float:
    found = re.search(r"(?:^|;)\s*q=([^;\s]+)", parameters)
    try:
        return float(found[1]) if found else 1.0
    except ValueError:
        return 0.0


def _fill(element: ElementTree.Element, row: Mapping[str, Any]) -> None:
    for name, value in row.items():
        _put(ElementTree.SubElement(element, name), name, value)


def _put(element: ElementTree.Element, name: str, value: Any) -> None:
    if isinstance(value, Mapping):
        _fill(element, value)
    elif isinstance(value, list | tuple):
        for item in value:
            _put(ElementTree.SubElement(element, _ITEM_NAMES[name]), "", item)
    elif isinstance(value, bool):
        element.text = "true" if value else "false"
    elif value is not None:
        element.text = _NOT_XML.sub("\ufffd", str(value))
