"""`hotline monitor run`: the monitoring rules over the last days, at once instead of at night."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hotline.settings import Settings

app = typer.Typer(help="Monitoring of suspicious handling.", no_args_is_help=True)


@app.command()
def run(days: Annotated[int, typer.Option(min=1, max=366, help="How many days back to look.")] = 2) -> None:
    """Look at the replies signed off and the tickets closed in the last days."""
    from hotline.commands.environment import find_settings

    sys.stdout.write(asyncio.run(look(find_settings(), days)) + "\n")


async def look(settings: Settings, days: int) -> str:
    """Run it; returns what was done in one line."""
    from hotline.assembly import Services
    from ticketing.supervision import nightly

    services = Services.of(settings)
    try:
        looked = await nightly.monitor(services.core, services.database, days=days)
    finally:
        await services.close()
    return f"replies: {looked.replies}  closed tickets: {looked.closed}  new findings: {looked.found}"
