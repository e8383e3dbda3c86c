"""Commands for the bot and the WeChat channel."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hotline.cli.options import Json, Name, settings

bot_app = typer.Typer(help="The bot.", no_args_is_help=True)
wechat_app = typer.Typer(help="The WeChat channel.", no_args_is_help=True)


@bot_app.command("train")
def bot_train(
    again: Annotated[bool, typer.Option("--again", help="Train although nothing has changed.")] = False,
) -> None:
    """Train the assistant if its sentences have changed, and let the new model answer unless it is worse."""
    from hotline.commands.bot import train

    raise typer.Exit(train(settings(), again=again))


@bot_app.command("models")
def bot_models() -> None:
    """The trained models, how good each was, and which one is in use."""
    from hotline.commands.bot import list_models

    list_models(settings())


@bot_app.command("rollback")
def bot_rollback(
    to: Annotated[str | None, typer.Argument(help="A model of `hotline bot models`; default: the one before.")] = None,
) -> None:
    """Put an earlier model into use again."""
    from hotline.commands.bot import rollback

    rollback(settings(), to)


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
    raise typer.Exit(say(settings(), text, name=name, file=file, wait_s=wait, as_json=json))


@wechat_app.command("chat")
def wechat_chat(name: Name = "市民") -> None:
    """Chat with the running service as a citizen on WeChat; `@FILE` sends a picture or a voice message."""
    from channels.wechat.demo_client import chat

    chat(settings(), name=name)


@wechat_app.command("menu")
def wechat_menu() -> None:
    """Upload channels/wechat/menu.yaml as the official account's menu."""
    from channels.wechat.demo_client import upload_menu

    raise typer.Exit(upload_menu(settings()))


@wechat_app.command("posters")
def wechat_posters(
    out: Annotated[Path, typer.Argument(help="PDF file to write, a page for each unit.")],
    unit: Annotated[list[str] | None, typer.Option(help="Code of a unit; may be given several times. Default: every street.")] = None,
    paper: Annotated[str, typer.Option(help="a4 or a3.")] = "a4",
) -> None:
    """Write posters with each unit's own code; appeals that come by it name the unit."""
    from hotline.commands.posters import write

    raise typer.Exit(write(settings(), out, unit or [], paper.lower()))
