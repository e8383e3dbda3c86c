"""Options that several commands share, and the settings they all read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hotline.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Offline = Annotated[bool, typer.Option("--offline", help="Download nothing.")]
Batch = Annotated[int, typer.Option(min=1, max=10_000, help="Rows in one transaction.")]
By = Annotated[str, typer.Option("--by", help="Staff number of who does it.")]
Name = Annotated[str, typer.Option("--as", help="Who speaks; the same name is the same person.")]
As = Annotated[str, typer.Option("--as", help="Log-in of the person who does it; default: the first one who may.")]


def settings() -> Settings:
    """The settings of this call. Imported late, so that `--help` stays fast."""
    from hotline.commands.environment import find_settings

    return find_settings()
