"""`hotline wechat posters`: printable pages with the units' own WeChat codes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import typer

from hotline.assembly import Services
from hotline.settings import Settings


def write(settings: Settings, out: Path, codes: Sequence[str]) -> int:
    """Ask the platform for the codes and write the file; returns the exit code."""
    return asyncio.run(_write(settings, out, codes))


async def _write(settings: Settings, out: Path, codes: Sequence[str]) -> int:
    from channels.wechat.api import Client
    from channels.wechat.errors import PlatformError
    from channels.wechat.posters import document, units_for

    client = Client.of(settings)
    if client is None:
        typer.echo("the official account is not set up: HOTLINE_WECHAT_APP_ID, HOTLINE_WECHAT_APP_SECRET (docs/wechat.md)", err=True)
        return 1
    services = Services.of(settings)
    try:
        async with services.database.transaction() as session:
            units = await units_for(session, codes)
        try:
            text = await document(client, units, city=settings.city_name, line=settings.line_number)
        except PlatformError as error:
            typer.echo(f"the platform refused: {error}", err=True)
            return 1
    finally:
        await services.close()
    await asyncio.to_thread(out.write_text, text, encoding="utf-8")
    typer.echo(f"{len(units)} posters in {out}")
    return 0
