"""Commands for who looks after the data: keys, the sealed log, retention, erasing a person."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from hotline.cli.options import Batch, By, Json, settings

keys_app = typer.Typer(help="Encryption keys.", no_args_is_help=True)
audit_app = typer.Typer(help="The sealed event log.", no_args_is_help=True)
retention_app = typer.Typer(help="How long data is kept.", no_args_is_help=True)
person_app = typer.Typer(help="Erasing a person's data.", no_args_is_help=True)


@keys_app.command("status")
def keys_status() -> None:
    """Say how much is sealed by older keys."""
    from hotline.commands.keys import show_status

    raise typer.Exit(show_status(settings()))


@keys_app.command("rotate")
def keys_rotate(batch: Batch = 500) -> None:
    """Seal everything again with the newest key, while the service runs; can be stopped and run again."""
    from hotline.commands.keys import reseal

    raise typer.Exit(reseal(settings(), batch))


@keys_app.command("rehash")
def keys_rehash(batch: Batch = 500) -> None:
    """Hash people's numbers again with the newest lookup key, so that they are found without the older ones."""
    from hotline.commands.keys import hash_again

    raise typer.Exit(hash_again(settings(), batch))


@retention_app.command("run")
def retention_run(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what is due; nothing is written.")] = False,
    kind: Annotated[list[str] | None, typer.Option(help="Only this kind of data (several times for several).")] = None,
    json: Json = False,
) -> None:
    """Archive, anonymise and erase what is due (the scheduler does it every night)."""
    from hotline.commands.retention import run_policies

    raise typer.Exit(run_policies(settings(), dry=dry_run, kinds=kind or [], as_json=json))


@retention_app.command("hold")
def retention_hold(
    ticket: Annotated[str, typer.Argument(help="Ticket number.")],
    by: By,
    reason: Annotated[str, typer.Option(help="Why it must be kept: 诉讼, 复议, 审计.")],
) -> None:
    """Keep a ticket as it is: no policy and no erasure touches it."""
    from hotline.commands.retention import keep

    keep(settings(), ticket, by=by, reason=reason or " ")


@retention_app.command("release")
def retention_release(ticket: Annotated[str, typer.Argument(help="Ticket number.")], by: By) -> None:
    """End the hold of a ticket."""
    from hotline.commands.retention import keep

    keep(settings(), ticket, by=by, reason="")


@person_app.command("erase")
def person_erase(
    by: By,
    reason: Annotated[str, typer.Option(help="Why, for example the person's own request.")],
    ticket: Annotated[str, typer.Option(help="A ticket of the person.")] = "",
    phone_hash: Annotated[str, typer.Option(help="The keyed hash of the person's telephone number.")] = "",
) -> None:
    """Ask for everything of one person to be erased. Another person confirms."""
    from hotline.commands.retention import ask_erasure

    if bool(ticket) == bool(phone_hash):
        raise typer.BadParameter("say who: --ticket or --phone-hash")
    ask_erasure(settings(), number=ticket, phone_hash=phone_hash, by=by, reason=reason)


@person_app.command("confirm")
def person_confirm(erasure: Annotated[int, typer.Argument(help="Number that `person erase` printed.")], by: By) -> None:
    """The second person confirms: the data is erased."""
    from hotline.commands.retention import confirm

    confirm(settings(), erasure, by=by)


@audit_app.command("verify")
def audit_verify(
    ticket: Annotated[str | None, typer.Option(help="Only this ticket's chain and the seals over it.")] = None,
    first: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")] = None,
    json: Json = False,
) -> None:
    """Verify chains, seals and days' roots; name the first thing that is wrong (exit code 1)."""
    from hotline.commands.audit import verify_log

    days = first.date() if first else None, last.date() if last else None
    raise typer.Exit(verify_log(settings(), number=ticket, first=days[0], last=days[1], as_json=json))


@audit_app.command("seal")
def audit_seal() -> None:
    """Seal what is not sealed yet (the scheduler does it every minute)."""
    from hotline.commands.audit import seal_now

    seal_now(settings())


@audit_app.command("roots")
def audit_roots(days: Annotated[int, typer.Option(min=1, max=4000, help="How many days.")] = 31) -> None:
    """Print the days' roots, to be filed outside this machine."""
    from hotline.commands.audit import print_roots

    print_roots(settings(), days)
