"""`hotline telephones`: the agents' SIP telephones."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from hotline.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy.ext.asyncio import AsyncSession

    from ticketing.context import Core
    from ticketing.people.actor import Actor

app = typer.Typer(help="Agents' SIP telephones (registered at the edge, docs/telephony.md).", no_args_is_help=True)
By = Annotated[str, typer.Option("--by", help="Staff number of the administrator who does it.")]
Person = Annotated[str, typer.Argument(help="Log-in of the person.")]


@app.command("give")
def give(person: Person, extension: Annotated[str, typer.Argument(help="Four digits, the first one 2 to 8.")], by: By) -> None:
    """Give a person an extension; prints the password to type into the telephone, this once. Again: a new password."""
    from ticketing.sip_account.models import REALM
    from ticketing.sip_account.service import issue

    async def step(core: Core, session: AsyncSession, actor: Actor) -> list[str]:
        made = await issue(core, session, actor, await _user(session, person), extension)
        return [f"user name {made.extension}, password {made.password}, realm {REALM}", "it is not shown again"]

    _as_staff(by, step)


@app.command("take")
def take(person: Person, by: By) -> None:
    """Take a person's telephone back."""
    from ticketing.sip_account.service import withdraw

    async def step(core: Core, session: AsyncSession, actor: Actor) -> list[str]:
        await withdraw(core, session, actor, await _user(session, person))
        return ["it cannot register any more; a registration that stands ends within ten minutes"]

    _as_staff(by, step)


@app.command("list")
def list_all(by: By) -> None:
    """Who has which extension."""
    from ticketing.sip_account.service import telephones

    async def step(_core: Core, session: AsyncSession, actor: Actor) -> list[str]:
        return [f"{account.extension}  {user.login}  {user.name}" for user, account in await telephones(session, actor)]

    _as_staff(by, step)


async def _user(session: AsyncSession, login: str) -> int:
    from sqlalchemy import select

    from ticketing.people.models import User

    found = await session.scalar(select(User.id).where(User.login == login))
    if found is None:
        raise NotFound(f"there is no account {login}")
    return found


def _as_staff(by: str, step: Callable[[Core, AsyncSession, Actor], Awaitable[list[str]]]) -> None:
    async def run() -> list[str]:
        from sqlalchemy import select

        from hotline.assembly import Services
        from hotline.commands.environment import find_settings
        from ticketing.people.actor import staff_actor
        from ticketing.people.models import User

        services = Services.of(find_settings())
        try:
            async with services.database.transaction() as session:
                user = await session.scalar(select(User).where(User.staff_number == by, User.active))
                if user is None:
                    raise NotFound(f"there is no active account with staff number {by}")
                return await step(services.core, session, staff_actor(user))
        finally:
            await services.close()

    for line in asyncio.run(run()):
        typer.echo(line)
