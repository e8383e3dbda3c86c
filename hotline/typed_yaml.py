"""YAML that people type into forms and send to the API: whatever it holds, it is read as small as it looks, or refused.

What a page puts before them is `written` the same way.
"""

from __future__ import annotations

from typing import Any

import yaml

from hotline.i18n import _


class _Loader(yaml.SafeLoader):
    """Without aliases: a list that names itself many times over is a few lines, and gigabytes as soon as somebody writes it out."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            alias = self.peek_event()  # type: ignore[no-untyped-call]  # its stub is not typed
            raise yaml.composer.ComposerError(None, None, _("不支持别名（*）"), alias.start_mark)
        return super().compose_node(parent, index)


class _Dumper(yaml.SafeDumper):
    """Writes out what stands in two places."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def read(text: str) -> Any:
    """The document as plain data.

    Raises yaml.YAMLError, and nothing else: also for an alias, for what is nested too deep and for what only looks like a date or a number.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    except RecursionError as error:
        raise yaml.YAMLError(_("嵌套太深")) from error
    except ValueError as error:  # `2026-13-45`, or a number of five thousand digits
        raise yaml.YAMLError(str(error)) from error


def written(data: Any, *, flow: bool = False) -> str:
    """Plain data as text that `read` takes; `flow`: in one line."""
    text: str = yaml.dump(data, Dumper=_Dumper, allow_unicode=True, sort_keys=False, default_flow_style=flow, width=1000)
    return text


__all__ = ["read", "written"]
