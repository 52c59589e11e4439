"""``g2d admin``: what owners see and do, from a terminal; one short function a command."""

from pathlib import Path
from typing import Annotated

import typer

from services.importing import importing
from shared.access import Role

admin = typer.Typer(help="See how the bot is doing, and change who may use it.", no_args_is_help=True)

Who = Annotated[str, typer.Argument(help="Telegram's id of a person or group, or an @name that the bot has met.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@admin.command()
def users(search: Annotated[str, typer.Argument(help="A part of a name or id.")] = "", as_json: AsJson = False) -> None:
    """List everybody whom the bot knows, owners first."""
    with importing():
        from services import admin_cli

    admin_cli.users(search, as_json=as_json)


@admin.command()
def role(who: Who, role: Role, as_json: AsJson = False) -> None:
    """Give somebody a role."""
    with importing():
        from services import admin_cli

    admin_cli.give(who, role, as_json=as_json)


@admin.command()
def ban(who: Who, as_json: AsJson = False) -> None:
    """Block somebody: they get nothing any more."""
    role(who, Role.BLOCKED, as_json)


@admin.command()
def unban(who: Who, as_json: AsJson = False) -> None:
    """Let somebody in who was blocked."""
    role(who, Role.MEMBER, as_json)


@admin.command()
def invite(
    uses: Annotated[int, typer.Argument(help="How many people it lets in.")] = 1,
    lasts: Annotated[str, typer.Argument(help="For how long: 12h, 7d, 2w.")] = "7d",
    as_json: AsJson = False,
) -> None:
    """Make a link that lets people in."""
    with importing():
        from services import admin_cli

    admin_cli.invite(uses, lasts, as_json=as_json)


@admin.command()
def status(as_json: AsJson = False) -> None:
    """Tell how all stands: what waits, what ended of late and how, who is alive, what rests."""
    with importing():
        from services import owner_cli

    owner_cli.status(as_json=as_json)


@admin.command()
def stats(
    days: Annotated[int, typer.Argument(min=1, max=90, help="How many, today the last of them.")] = 30,
    as_json: AsJson = False,
    png: Annotated[Path | None, typer.Option(help="Draw the chart into this file.")] = None,
    dark: Annotated[bool, typer.Option("--dark", help="Draw it in dark colours.")] = False,
) -> None:
    """Tell how the bot has done over some days: pictures, times, cost, models."""
    with importing():
        from services import owner_cli

    owner_cli.stats(days, as_json=as_json, png=png, dark=dark)


@admin.command()
def usage(who: Who, as_json: AsJson = False) -> None:
    """Tell what somebody has used of the owner's keys, and what is left."""
    with importing():
        from services import owner_cli

    owner_cli.usage(who, as_json=as_json)


@admin.command()
def budgets(as_json: AsJson = False) -> None:
    """Tell the limits that hold, and the money that is spent and under way."""
    with importing():
        from services import owner_cli

    owner_cli.budgets(as_json=as_json)


@admin.command()
def broadcast(
    text: Annotated[
        str, typer.Argument(help="What all who use the bot are to read; without it, how the last ones went.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Send it without asking.")] = False,
    stop: Annotated[int | None, typer.Option(help="Stop the one with this number.")] = None,
    as_json: AsJson = False,
) -> None:
    """Have the bot write to all who use it, tell how that goes, or stop it."""
    with importing():
        from services import owner_cli

    owner_cli.broadcast(text, is_agreed=yes, stop=stop, as_json=as_json)


@admin.command()
def forget(
    who: Who,
    yes: Annotated[bool, typer.Option("--yes", help="Delete it without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete all that is stored of somebody, as they could with /deletemydata."""
    with importing():
        from services import owner_cli

    owner_cli.forget(who, is_agreed=yes, as_json=as_json)
