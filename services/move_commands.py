"""``g2d move``: where things are kept; one short function a command."""

from typing import Annotated

import typer

from services.importing import importing

move = typer.Typer(help="Move the record into Postgres, or the pictures into another store.", no_args_is_help=True)


@move.callback(invoke_without_command=True)
def record(
    context: typer.Context,
    to: Annotated[str, typer.Option(help="The new database: postgresql://user:password@host:5432/name.")] = "",
) -> None:
    """Copy the record from SQLite to Postgres while nothing runs, and compare each table. Call it again to go on."""
    if context.invoked_subcommand is None:
        with importing():
            from services import move_cli

        move_cli.record(to)


@move.command()
def images(to: Annotated[str, typer.Option(help="The new store: file:///folder or s3://bucket/prefix.")]) -> None:
    """Copy all pictures and sent files to another store, and compare each. Call it again to go on."""
    with importing():
        from services import move_cli

    move_cli.images(to)
