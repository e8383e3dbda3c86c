"""`hotline wechat posters`: the units' common posters with their own WeChat codes, to print."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import typer

from hotline.assembly import Services
from hotline.settings import Settings


def write(settings: Settings, out: Path, codes: Sequence[str], paper: str = "a4") -> int:
    """Ask the platform for the codes and write the file; returns the exit code."""
    return asyncio.run(_write(settings, out, codes, paper))


async def _write(settings: Settings, out: Path, codes: Sequence[str], paper: str) -> int:
    from channels.wechat import poster_pdf, posters
    from channels.wechat.api import Client
    from channels.wechat.errors import PlatformError
    from ticketing.tables.pdf import find_font

    client = Client.of(settings)
    if client is None:
        typer.echo("the official account is not set up: HOTLINE_WECHAT_APP_ID, HOTLINE_WECHAT_APP_SECRET (docs/wechat.md)", err=True)
        return 1
    if paper not in poster_pdf.PAPERS:
        typer.echo(f"no such paper: {paper} (a4, a3)", err=True)
        return 1
    services = Services.of(settings)
    try:
        async with services.database.transaction() as session:
            units = await posters.units_for(session, codes)
            made = await posters.of_units(session, units, services.core.clock.now())
            await posters.with_codes(client, made)
            sheets = [
                poster_pdf.Sheet(poster.code_url or "", unit.name, poster.name, poster.place, poster.purpose, poster.scene)
                for poster, unit in zip(made, units, strict=True)
            ]
    except PlatformError as error:
        typer.echo(f"the platform refused: {error}", err=True)
        return 1
    finally:
        await services.close()
    city = poster_pdf.City(settings.city_name, settings.line_number, settings.web_url)
    await asyncio.to_thread(out.write_bytes, await poster_pdf.document(sheets, city, paper=paper, font=find_font(settings.pdf_font)))
    typer.echo(f"{len(sheets)} posters in {out}")
    return 0
