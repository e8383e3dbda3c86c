"""The command `hotline`. Every sub-command imports what it needs when it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from hotline.cli import care, talk
from hotline.cli.options import As, Json, Offline, settings
from hotline.commands import calendar, models, monitor, telephones, workflow
from hotline.errors import HotlineError
from hotline.processes.names import Role

app = typer.Typer(help="Government service hotline.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
database_app = typer.Typer(help="The database schema.", no_args_is_help=True)
ticket_app = typer.Typer(help="Tickets.", no_args_is_help=True)
app.add_typer(database_app, name="db")
app.add_typer(care.keys_app, name="keys")
app.add_typer(ticket_app, name="ticket")
app.add_typer(talk.bot_app, name="bot")
app.add_typer(models.app, name="models")
app.add_typer(talk.wechat_app, name="wechat")
app.add_typer(care.audit_app, name="audit")
app.add_typer(care.retention_app, name="retention")
app.add_typer(care.person_app, name="person")
app.add_typer(workflow.app, name="workflow")
app.add_typer(calendar.app, name="calendar")
app.add_typer(monitor.app, name="monitor")
app.add_typer(telephones.app, name="telephones")

_CALLER = "13800000000"


@app.command()
def serve(role: Annotated[Role, typer.Option(help="Which process to run; all: a supervisor of the others.")] = Role.ALL) -> None:
    """Run the service in the foreground until Ctrl-C."""
    from hotline.commands.serve import serve_role

    raise typer.Exit(serve_role(role, settings()))


@app.command()
def demo(
    offline: Offline = False,
    edge: Annotated[bool, typer.Option("--edge", help="Two telephony processes behind Kamailio (Debian package kamailio).")] = False,
) -> None:
    """Prepare and run the demo city (script/demo installs what it needs first)."""
    from hotline.demo.run import run

    raise typer.Exit(run(offline=offline, edge=edge))


@app.command()
def drain(name: Annotated[str, typer.Argument(help="telephony, telephony-2 … as in supervisor.json.")] = "telephony") -> None:
    """Update a telephony process without losing a call: no new calls, and it starts anew when its last one is over."""
    from hotline.commands.serve import drain

    drain(settings(), name)


@database_app.command("upgrade")
def db_upgrade(demo_data: Annotated[bool, typer.Option("--demo-data", help="Then do what `hotline seed` does.")] = False) -> None:
    """Bring the database to the newest schema."""
    from hotline.commands.database import seed, upgrade

    found = settings()
    upgrade(found)
    if demo_data:
        seed(found)


@app.command("first-administrator")
def first_administrator(
    login: Annotated[str, typer.Argument(help="Log-in: small letters, digits, hyphens.")],
    name: Annotated[str, typer.Argument(help="The person's name.")],
    staff_number: Annotated[str, typer.Argument(help="4 to 8 digits.")],
    centre: Annotated[str, typer.Option(help="Name of the hotline centre, when there is no unit yet; default: by the city's name.")] = "",
) -> None:
    """Make the first administrator of a new installation and print a one-time password. Refused while there is one."""
    from hotline.commands.first_administrator import make

    make(settings(), login=login, name=name, staff_number=staff_number, centre=centre)


@app.command()
def seed() -> None:
    """Fill the demo city's data in; what is there already stays."""
    from hotline.commands.database import seed

    seed(settings())


@app.command()
def doctor(json: Json = False) -> None:
    """Check every part and say what to do about each that is not well."""
    from hotline.commands.doctor import examine

    raise typer.Exit(examine(as_json=json))


@app.command()
def ask(text: Annotated[str, typer.Argument(help="What the citizen says.")], json: Json = False) -> None:
    """Say one thing to the bot and print its answer."""
    from hotline.commands.ask import ask

    ask(settings(), text, as_json=json)


@app.command()
def call(
    to: Annotated[str, typer.Option(help="SIP address or host:port; default: the hotline of these settings (the demo).")] = "",
    wav: Annotated[list[Path] | None, typer.Option(help="Speech file to play, one turn each (16 bit, 8 kHz or more).")] = None,
    say: Annotated[list[str] | None, typer.Option(help="Sentence to say in a synthetic voice, one turn each.")] = None,
    dtmf: Annotated[str, typer.Option(help="Keys to press at the end, for example 0.")] = "",
    number: Annotated[
        str, typer.Option(help="The caller's number: who is called back by the demo answers as its last digit says.")
    ] = _CALLER,
    codec: Annotated[str, typer.Option(help="PCMA or PCMU.")] = "PCMA",
    save: Annotated[Path | None, typer.Option(help="Stereo WAV file of the call; left: the other side.")] = None,
    hangup_after: Annotated[float | None, typer.Option(help="Hang up so many seconds after the answer.")] = None,
    json: Json = False,
) -> None:
    """Place a real call and print what was heard and said. First every --say, then every --wav, then the keys."""
    from telephony.calling import Script, command

    script = Script(wav or [], say or [], dtmf, hangup_after)
    raise typer.Exit(command(settings(), script, to=to, number=number, codec=codec, save=save, as_json=json))


@app.command()
def suggest(
    text: Annotated[str, typer.Argument(help="What the citizen says; the word train learns the model anew.")],
    channel: Annotated[str | None, typer.Option(help="phone, wechat, web …: what the channel tells is not asked for.")] = None,
    json: Json = False,
) -> None:
    """Suggest kind, category, urgency and units for an appeal (no database needed)."""
    from hotline.commands.environment import data_dir
    from hotline.commands.suggest import suggest, train

    if text.strip() == "train":
        train(data_dir())
    else:
        suggest(data_dir(), text, channel=channel, as_json=json)


@ticket_app.command("show")
def ticket_show(number: Annotated[str, typer.Argument(help="Ticket number.")], json: Json = False) -> None:
    """Show a ticket and its timeline, personal data masked."""
    from hotline.commands.ticket import show

    show(settings(), number, as_json=json)


@app.command("new-key")
def new_key() -> None:
    """Print fresh keys for HOTLINE_SECRET_KEY and HOTLINE_ENCRYPTION_KEYS."""
    import secrets

    from cryptography.fernet import Fernet

    typer.echo(f"HOTLINE_SECRET_KEY={secrets.token_urlsafe(48)}")
    typer.echo(f"HOTLINE_ENCRYPTION_KEYS={Fernet.generate_key().decode()}")


@app.command()
def backup(folder: Annotated[Path, typer.Argument(help="New folder to write to.")]) -> None:
    """Back up database, attachments and recordings, with hashes. The keys are kept elsewhere."""
    from hotline.commands.backup import make_backup

    raise typer.Exit(make_backup(settings(), folder))


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="A backup.")],
    check: Annotated[bool, typer.Option("--check", help="Only check that the backup is whole.")] = False,
) -> None:
    """Put a backup into an empty database and data folder, and verify the event log."""
    from hotline.commands.backup import check_backup, restore_backup

    if check:
        check_backup(folder)
    else:
        raise typer.Exit(restore_backup(settings(), folder))


@app.command("import")
def import_table(
    kind: Annotated[str, typer.Argument(help="units, people, categories, calendar, policies or tickets.")],
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="An xlsx or CSV file.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every row and write nothing.")] = False,
    login: As = "",
) -> None:
    """Import a table: every row is checked first; one faulty row, and nothing is written."""
    from hotline.commands.tables import import_file

    raise typer.Exit(import_file(settings(), kind, file, dry_run=dry_run, login=login))


@app.command("export")
def export_table(
    kind: Annotated[str, typer.Argument(help="tickets, units, people, catalogue, workflow …; a wrong name lists all.")],
    file: Annotated[Path, typer.Argument(dir_okay=False, help="Where to write; .xlsx or .csv.")],
    login: As = "",
) -> None:
    """Export a table, personal data masked. The event log says who did it."""
    from hotline.commands.tables import export_file

    export_file(settings(), kind, file, login=login)


def main() -> None:
    """Entry point: what a person can mend is said in one line each, without a traceback."""
    from hotline.settings import SettingsError

    try:
        app()
    except SettingsError as error:
        sys.stderr.write("".join(f"{line}\n" for line in str(error).splitlines()) + "All settings: docs/configuration.md\n")
        sys.exit(2)
    except HotlineError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
