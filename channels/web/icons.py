"""Lucide icons as inline SVG."""

from __future__ import annotations

import re
from functools import lru_cache

from markupsafe import Markup

from channels.web.static import NODE_MODULES

_SVG = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)


@lru_cache(maxsize=256)
def icon(name: str, label: str = "") -> Markup:
    """One Lucide icon as inline SVG: hidden from screen readers, or named by `label`.

    Raises LookupError when there is no such icon, since that is a slip in a template.
    """
    path = NODE_MODULES / "lucide-static" / "icons" / f"{name}.svg"
    if not NODE_MODULES.is_dir():
        return Markup('<svg class="icon" aria-hidden="true"></svg>')
    found = _SVG.search(path.read_text()) if path.is_file() else None
    if found is None:
        raise LookupError(f"no icon {name}")
    body = re.sub(r"\s+", " ", found.group(1)).strip()
    named = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    shape = (
        'class="icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"'
    )
    return Markup(f"<svg {shape} {named}>{body}</svg>")  # noqa: S704 - our own icon files; the label is escaped
