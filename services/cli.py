"""``g2d``: one short function a command."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from services.admin_commands import admin
from services.importing import importing
from services.move_commands import move

app = typer.Typer(
    help="Gemini writes the prompt, a model served by HuggingFace paints, Telegram gets the picture.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Port = Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 takes a free one.")]
Host = Annotated[str, typer.Option(help="Address to listen on; anything but this machine's own is for tests alone.")]


app.add_typer(admin, name="admin")
app.add_typer(move, name="move")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main() -> None:
    """Run the command line; settings that don't allow a start are told, not thrown."""
    with importing():
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
    """Run bot and worker in one process, on SQLite: for a laptop or a small server.

    Without keys, on a terminal, it asks for them, tries each, and writes them into .env.
    """
    with importing():
        from services import first_run, runtime

    first_run.offer()
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
    out: Annotated[Path, typer.Option(help="Folder for the pictures and manifest.csv.")] = Path("pictures"),
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Print a line of JSON for each picture.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell how many pictures it would be, and what they may cost.")
    ] = False,
) -> None:
    """Paint many ideas from a file into a folder; run it again to go on.

    For example: g2d batch ideas.txt --out pictures, with a line "a fox in the snow --ar 16:9" in ideas.txt;
    g2d batch ideas.csv --dry-run, with a column "idea", and one for each parameter, such as "ar", "seed" or "style".

    The exit status is 0 when all are done, 1 when some failed or lines were left out, 2 for a file that can't be
    read, 130 after Ctrl-C.
    """
    with importing():
        from services import batch_cli

    raise typer.Exit(batch_cli.estimate(file, as_json=jsonl) if dry_run else batch_cli.batch(file, out, as_json=jsonl))


@app.command()
def samples(
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask before the pictures are paid for.")] = False,
) -> None:
    """Make a small picture in each style and with each image model, from which people pick in /settings.

    Tells first what that may cost, and asks. Run again, it tries what failed, and pays for nothing twice.
    """
    with importing():
        from services import samples_cli

    raise typer.Exit(samples_cli.samples(yes=yes))


@app.command()
def claim() -> None:
    """Print a link that makes the first person who opens it the owner; valid for ten minutes, without an owner."""
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
    from services.health import tell
    from shared.settings import Settings, SettingsError, load

    settings = load(Settings)
    if settings.heartbeat_file is None:
        raise SettingsError("Please set G2D_HEARTBEAT_FILE, for the service and for this command alike.")
    raise typer.Exit(tell(settings.heartbeat_file))


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
    from shared.key_cipher import cipher_for
    from shared.settings import Settings, load

    settings = load(Settings)
    typer.echo(cipher_for(settings).public_key)
