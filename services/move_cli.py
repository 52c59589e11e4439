"""``g2d move``: the record into Postgres, the pictures into another store; what was broken off may be begun again."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from urllib.parse import urlsplit

import typer

from services import startup
from shared.images import Images, PictureDiffers
from shared.settings import Settings, SettingsError, load, with_driver
from shared.store.database import Database
from shared.store.moving import Move, TargetDiffers
from shared.store.overview import look_over

AT_ONCE = 8  # pictures on their way
TELL_EVERY = 500


def images(to: str) -> None:
    """Copy every file of the image store to another one, compare each, and tell what to set then."""
    settings = load(Settings)
    source, target = Images(settings.image_store_url), Images(to)
    copied = there = size = 0
    keys = source.keys()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while some := list(islice(keys, TELL_EVERY)):
            try:
                sizes = list(pool.map(lambda key: source.copy(key, target), some))
            except PictureDiffers as error:
                _refuse(f"{error} is not the same in both stores, although it was just copied. Call it again.")
            copied += sum(one > 0 for one in sizes)
            there += sum(one == 0 for one in sizes)
            size += sum(sizes)
            typer.echo(f"{copied} copied ({size / 1e6:,.0f} MB), {there} there already")
    typer.echo(f"All {copied + there} are there, and the same. Set IMAGE_STORE_URL={to} and start again.")
    typer.echo("If anything ran meanwhile, call this once more after you stopped it. Nothing was deleted here.")


def record(to: str) -> None:
    """Copy the record from SQLite to Postgres, compare each table, and tell what to set then."""
    if urlsplit(to).scheme not in {"postgresql", "postgres"}:
        raise SettingsError("--to: write postgresql://user:password@host:5432/name.")  # pragma: allowlist secret
    settings = load(Settings)
    if not settings.database_url.startswith("sqlite"):
        raise SettingsError("The record is in Postgres already: DATABASE_URL names it.")
    with startup.alone_in(settings), startup.opened(settings) as source, _target(to) as target:
        startup.require_tables(source, settings)
        _require_rest(source, "this folder's database")
        startup.migrate_now(target, "--to: the new database can't be used")
        _require_rest(target, "the new database")
        move = Move(source, target)
        for name in move.names:
            try:
                done = move.copy(name)
            except TargetDiffers:
                _refuse(
                    f"{name}: the new database has other rows than this one. Move into an empty database; one that was "
                    "begun with stays good for calling this again."
                )
            typer.echo(f"{name}: {done.rows} rows, checksum {done.checksum[:16]}")
        move.count_on()
    typer.echo("All is there, and the same. Set DATABASE_URL and start again. Nothing was deleted here.")


@contextmanager
def _target(url: str) -> Iterator[Database]:
    with Database(with_driver(url)) as target:
        yield target


def _require_rest(database: Database, name: str) -> None:
    """Refuse where a worker says that it lives."""
    if look_over(database).workers:
        raise SettingsError(f"A worker uses {name}: stop all services first. One that was killed counts for a minute.")


def _refuse(sentence: str) -> None:
    typer.secho(sentence, err=True)
    raise typer.Exit(1)
