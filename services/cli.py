"""``g2d``: one short function a command."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from services.importing import importing
from shared.access import Role

app = typer.Typer(
    help="Gemini writes the prompt, a model served by HuggingFace paints, Telegram gets the picture.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Port = Annotated[int, typer.Option(help="Port of the sandbox; 0 takes a free one.")]
Host = Annotated[str, typer.Option(help="Address to listen on; anything but this machine's own is for tests alone.")]


admin = typer.Typer(help="See and change who may use the bot.", no_args_is_help=True)
app.add_typer(admin, name="admin")

Who = Annotated[str, typer.Argument(help="Telegram's id of a person or group, or an @name that the bot has met.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main() -> None:
    """Run the command line; settings that don't allow a start are told, not thrown."""
    from shared.settings import SettingsError

    os.umask(0o077)  # What people write and paint is for the user alone who runs this.
    try:
        app()
    except SettingsError as error:
        typer.secho(str(error), err=True)
        raise SystemExit(2) from None


def _require_sandbox() -> None:
    if find_spec("sandbox") is None:
        typer.secho(
            "The sandbox is not installed here: it is a package of its own, for demos and tests. In a clone of the "
            "project `make setup` installs it.",
            err=True,
        )
        raise typer.Exit(2)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"g2d {version('gemini-to-diffusion')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """What stands before any command."""


@app.command()
def run() -> None:
    """Run bot and worker in one process, on SQLite: for a laptop or a small server."""
    with importing():
        from services import runtime

    runtime.run_everything()


@app.command()
def bot() -> None:
    """Run the bot alone; workers run beside it or elsewhere."""
    with importing():
        from services import runtime

    runtime.run_bot()


@app.command()
def worker() -> None:
    """Run one worker process; as many as wanted, on as many machines."""
    with importing():
        from services import runtime

    runtime.run_worker()


@app.command()
def batch(
    file: Annotated[Path, typer.Argument(help="Ideas: .txt with one a line, .csv with columns, or .jsonl.")],
    out: Annotated[Path, typer.Option(help="Folder for the pictures and manifest.csv.")],
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Tell of each picture as a line of JSON.")] = False,
) -> None:
    """Paint many ideas from a file into a folder; run it again to go on.

    The exit status is 0 when all are done, 1 when some failed, 2 for a file that can't be read, 130 after Ctrl-C.
    """
    with importing():
        from services import batch_cli

    raise typer.Exit(batch_cli.batch(file, out, as_json=jsonl))


@app.command()
def claim() -> None:
    """Print a link that makes whoever opens it the bot's owner; as long as it has none, for ten minutes."""
    with importing():
        from services import admin_cli

    admin_cli.claim()


@app.command()
def demo(port: Port = 8090) -> None:
    """Chat with the bot in the browser: no keys, no Telegram, nothing leaves this machine."""
    _require_sandbox()
    with importing():
        from services import demo as demo_installation

    demo_installation.run(port)


@app.command()
def sandbox(port: Port = 8090, host: Host = "127.0.0.1") -> None:
    """Serve stand-ins for Telegram, Gemini and HuggingFace, with a chat page at /."""
    _require_sandbox()
    with importing():
        from sandbox.app import serve

    serve(port=port, host=host)


@app.command()
def health() -> None:
    """Tell whether the bot or worker that writes G2D_HEARTBEAT_FILE is at work; if not, what it doesn't do; exit 1."""
    from services.health import complaints
    from shared.settings import Settings, SettingsError, load

    (settings,) = load(Settings)
    if settings.heartbeat_file is None:
        raise SettingsError("Please set G2D_HEARTBEAT_FILE, for the service and for this command alike.")
    found = complaints(settings.heartbeat_file)
    typer.echo("\n".join(found) or "at work")
    raise typer.Exit(1 if found else 0)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Look at settings, keys, database, Redis, image store, disk, clock and network; say what to do; exit 1."""
    with importing():
        from services.doctor import report

    raise typer.Exit(report.examine(as_json_text=as_json))


@app.command()
def migrate() -> None:
    """Create or upgrade the database's tables."""
    with importing():
        from services import runtime

    runtime.migrate_database()


@app.command()
def public_key() -> None:
    """Print the public half of G2D_SECRET_KEY. The bot takes it in the secret's place: it seals keys and opens none."""
    from shared.secrets import box_for
    from shared.settings import Settings, load

    (settings,) = load(Settings)
    typer.echo(box_for(settings).public_key)


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
