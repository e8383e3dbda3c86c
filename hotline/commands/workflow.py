"""`hotline workflow table|show|publish`: the state machine as data."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The workflow of tickets, as data.", no_args_is_help=True)


@app.command()
def table() -> None:
    """Print the workflow of the package as Markdown (docs/workflow.md)."""
    from ticketing.ticket import workflow
    from ticketing.ticket.workflow_table import as_markdown

    sys.stdout.write(as_markdown(workflow.load()))


@app.command()
def check(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)]) -> None:
    """Check a workflow file."""
    from hotline.errors import InvalidInput
    from ticketing.ticket.workflow import WorkflowError, parse_text

    try:
        found = parse_text(file.read_text(encoding="utf-8"))
    except WorkflowError as error:
        raise InvalidInput(str(error)) from error
    sys.stdout.write(f"version {found.version}: {len(found.transitions)} steps of tickets, {len(found.assignment.transitions)} of units\n")


@app.command()
def publish(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    login: Annotated[str, typer.Option(help="Log-in of the administrator who publishes it.")],
    note: Annotated[str, typer.Option(help="Why it is changed; stands in the event log.")],
) -> None:
    """Put a new version in force for every process, from the next step of each ticket on."""
    asyncio.run(_publish(file.read_text(encoding="utf-8"), login, note))


async def _publish(text: str, login: str, note: str) -> None:
    from sqlalchemy import select

    from hotline.assembly import Services
    from hotline.commands.environment import find_settings
    from hotline.errors import NotFound
    from ticketing.people.actor import staff_actor
    from ticketing.people.models import User
    from ticketing.ticket import workflow_versions

    services = Services.of(find_settings())
    try:
        async with services.database.transaction() as session:
            user = (await session.scalars(select(User).where(User.login == login, User.active))).first()
            if user is None:
                raise NotFound(f"no active account {login}")
            found = await workflow_versions.publish(services.core, session, staff_actor(user), text, note=note)
    finally:
        await services.close()
    sys.stdout.write(f"version {found.version} is in force\n")
