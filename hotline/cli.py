"""The command `hotline`. Every sub-command imports what it needs when it runs."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hotline.commands import calendar, models, monitor, telephones, workflow
from hotline.errors import HotlineError
from hotline.processes.names import Role

if TYPE_CHECKING:
    from hotline.settings import Settings

app = typer.Typer(help="Government service hotline.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
database_app = typer.Typer(help="The database schema.", no_args_is_help=True)
ticket_app = typer.Typer(help="Tickets.", no_args_is_help=True)
bot_app = typer.Typer(help="The bot.", no_args_is_help=True)
audit_app = typer.Typer(help="The sealed event log.", no_args_is_help=True)
retention_app = typer.Typer(help="How long data is kept.", no_args_is_help=True)
person_app = typer.Typer(help="Erasing a person's data.", no_args_is_help=True)
wechat_app = typer.Typer(help="The WeChat channel.", no_args_is_help=True)
keys_app = typer.Typer(help="Encryption keys.", no_args_is_help=True)
app.add_typer(database_app, name="db")
app.add_typer(keys_app, name="keys")
app.add_typer(ticket_app, name="ticket")
app.add_typer(bot_app, name="bot")
app.add_typer(models.app, name="models")
app.add_typer(wechat_app, name="wechat")
app.add_typer(audit_app, name="audit")
app.add_typer(retention_app, name="retention")
app.add_typer(person_app, name="person")
app.add_typer(workflow.app, name="workflow")
app.add_typer(calendar.app, name="calendar")
app.add_typer(monitor.app, name="monitor")
app.add_typer(telephones.app, name="telephones")

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
_CALLER = "13800000000"
Offline = Annotated[bool, typer.Option("--offline", help="Download nothing.")]


def _settings() -> Settings:
    from hotline.commands.environment import find_settings

    return find_settings()


@app.command()
def serve(role: Annotated[Role, typer.Option(help="Which process to run; all: a supervisor of the others.")] = Role.ALL) -> None:
    """Run the service in the foreground until Ctrl-C."""
    from hotline.commands.serve import serve_role

    raise typer.Exit(serve_role(role, _settings()))


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

    drain(_settings(), name)


@database_app.command("upgrade")
def db_upgrade(demo_data: Annotated[bool, typer.Option("--demo-data", help="Then do what `hotline seed` does.")] = False) -> None:
    """Bring the database to the newest schema."""
    from hotline.commands.database import seed, upgrade

    settings = _settings()
    upgrade(settings)
    if demo_data:
        seed(settings)


@app.command()
def seed() -> None:
    """Fill the demo city's data in; what is there already stays."""
    from hotline.commands.database import seed

    seed(_settings())


@app.command()
def doctor(json: Json = False) -> None:
    """Check every part and say what to do about each that is not well."""
    from hotline.commands.doctor import examine

    raise typer.Exit(examine(as_json=json))


@app.command()
def ask(text: Annotated[str, typer.Argument(help="What the citizen says.")], json: Json = False) -> None:
    """Say one thing to the bot and print its answer."""
    from hotline.commands.ask import ask

    ask(_settings(), text, as_json=json)


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
    raise typer.Exit(command(_settings(), script, to=to, number=number, codec=codec, save=save, as_json=json))


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

    show(_settings(), number, as_json=json)


@app.command("new-key")
def new_key() -> None:
    """Print fresh keys for HOTLINE_SECRET_KEY and HOTLINE_ENCRYPTION_KEYS."""
    import secrets

    from cryptography.fernet import Fernet

    typer.echo(f"HOTLINE_SECRET_KEY={secrets.token_urlsafe(48)}")
    typer.echo(f"HOTLINE_ENCRYPTION_KEYS={Fernet.generate_key().decode()}")


Batch = Annotated[int, typer.Option(min=1, max=10_000, help="Rows in one transaction.")]


@keys_app.command("status")
def keys_status() -> None:
    """Say how much is sealed by older keys."""
    from hotline.commands.keys import show_status

    raise typer.Exit(show_status(_settings()))


@keys_app.command("rotate")
def keys_rotate(batch: Batch = 500) -> None:
    """Seal everything again with the newest key, while the service runs; can be stopped and run again."""
    from hotline.commands.keys import reseal

    raise typer.Exit(reseal(_settings(), batch))


@keys_app.command("rehash")
def keys_rehash(batch: Batch = 500) -> None:
    """Hash people's numbers again with the newest lookup key, so that they are found without the older ones."""
    from hotline.commands.keys import hash_again

    raise typer.Exit(hash_again(_settings(), batch))


@bot_app.command("train")
def bot_train(
    again: Annotated[bool, typer.Option("--again", help="Train although nothing has changed.")] = False,
) -> None:
    """Train the assistant if its sentences have changed, and let the new model answer unless it is worse."""
    from hotline.commands.bot import train

    raise typer.Exit(train(_settings(), again=again))


@bot_app.command("models")
def bot_models() -> None:
    """The trained models, how good each was, and which one is in use."""
    from hotline.commands.bot import list_models

    list_models(_settings())


@bot_app.command("rollback")
def bot_rollback(
    to: Annotated[str | None, typer.Argument(help="A model of `hotline bot models`; default: the one before.")] = None,
) -> None:
    """Put an earlier model into use again."""
    from hotline.commands.bot import rollback

    rollback(_settings(), to)


@app.command()
def backup(folder: Annotated[Path, typer.Argument(help="New folder to write to.")]) -> None:
    """Back up database, attachments and recordings, with hashes. The keys are kept elsewhere."""
    from hotline.commands.backup import make_backup

    raise typer.Exit(make_backup(_settings(), folder))


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
        raise typer.Exit(restore_backup(_settings(), folder))


By = Annotated[str, typer.Option("--by", help="Staff number of who does it.")]


@retention_app.command("run")
def retention_run(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what is due; nothing is written.")] = False,
    kind: Annotated[list[str] | None, typer.Option(help="Only this kind of data (several times for several).")] = None,
    json: Json = False,
) -> None:
    """Archive, anonymise and erase what is due (the scheduler does it every night)."""
    from hotline.commands.retention import run_policies

    raise typer.Exit(run_policies(_settings(), dry=dry_run, kinds=kind or [], as_json=json))


@retention_app.command("hold")
def retention_hold(
    ticket: Annotated[str, typer.Argument(help="Ticket number.")],
    by: By,
    reason: Annotated[str, typer.Option(help="Why it must be kept: 诉讼, 复议, 审计.")],
) -> None:
    """Keep a ticket as it is: no policy and no erasure touches it."""
    from hotline.commands.retention import keep

    keep(_settings(), ticket, by=by, reason=reason or " ")


@retention_app.command("release")
def retention_release(ticket: Annotated[str, typer.Argument(help="Ticket number.")], by: By) -> None:
    """End the hold of a ticket."""
    from hotline.commands.retention import keep

    keep(_settings(), ticket, by=by, reason="")


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
    ask_erasure(_settings(), number=ticket, phone_hash=phone_hash, by=by, reason=reason)


@person_app.command("confirm")
def person_confirm(erasure: Annotated[int, typer.Argument(help="Number that `person erase` printed.")], by: By) -> None:
    """The second person confirms: the data is erased."""
    from hotline.commands.retention import confirm

    confirm(_settings(), erasure, by=by)


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
    raise typer.Exit(verify_log(_settings(), number=ticket, first=days[0], last=days[1], as_json=json))


@audit_app.command("seal")
def audit_seal() -> None:
    """Seal what is not sealed yet (the scheduler does it every minute)."""
    from hotline.commands.audit import seal_now

    seal_now(_settings())


@audit_app.command("roots")
def audit_roots(days: Annotated[int, typer.Option(min=1, max=4000, help="How many days.")] = 31) -> None:
    """Print the days' roots, to be filed outside this machine."""
    from hotline.commands.audit import print_roots

    print_roots(_settings(), days)


Name = Annotated[str, typer.Option("--as", help="Who speaks; the same name is the same person.")]


@wechat_app.command("say")
def wechat_say(
    text: Annotated[str, typer.Argument(help="What the citizen types.")] = "",
    name: Name = "市民",
    file: Annotated[Path | None, typer.Option(help="Send this picture or voice message (.amr) instead of text.")] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for messages that come later.")] = 0.0,
    json: Json = False,
) -> None:
    """Send one message to the running service as the WeChat platform would, and print the answer."""
    from channels.wechat.demo_client import say

    if not text.strip() and file is None:
        raise typer.BadParameter("say what to send: TEXT or --file")
    raise typer.Exit(say(_settings(), text, name=name, file=file, wait_s=wait, as_json=json))


@wechat_app.command("chat")
def wechat_chat(name: Name = "市民") -> None:
    """Chat with the running service as a citizen on WeChat; `@FILE` sends a picture or a voice message."""
    from channels.wechat.demo_client import chat

    chat(_settings(), name=name)


@wechat_app.command("menu")
def wechat_menu() -> None:
    """Upload channels/wechat/menu.yaml as the official account's menu."""
    from channels.wechat.demo_client import upload_menu

    raise typer.Exit(upload_menu(_settings()))


@wechat_app.command("posters")
def wechat_posters(
    out: Annotated[Path, typer.Argument(help="HTML file to write; print it from a browser.")],
    unit: Annotated[list[str] | None, typer.Option(help="Code of a unit; may be given several times. Default: every street.")] = None,
) -> None:
    """Write posters with each unit's own code; appeals that come by it name the unit."""
    from hotline.commands.posters import write

    raise typer.Exit(write(_settings(), out, unit or []))


As = Annotated[str, typer.Option("--as", help="Log-in of the person who does it; default: the first one who may.")]


@app.command("import")
def import_table(
    kind: Annotated[str, typer.Argument(help="units, people, categories, calendar, policies or tickets.")],
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="An xlsx or CSV file.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every row and write nothing.")] = False,
    login: As = "",
) -> None:
    """Import a table: every row is checked first; one faulty row, and nothing is written."""
    from hotline.commands.tables import import_file

    raise typer.Exit(import_file(_settings(), kind, file, dry_run=dry_run, login=login))


@app.command("export")
def export_table(
    kind: Annotated[str, typer.Argument(help="units, people, categories, calendar, policies or tickets.")],
    file: Annotated[Path, typer.Argument(dir_okay=False, help="Where to write; .xlsx or .csv.")],
    login: As = "",
) -> None:
    """Export a table, personal data masked. The event log says who did it."""
    from hotline.commands.tables import export_file

    export_file(_settings(), kind, file, login=login)


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
