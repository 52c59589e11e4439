"""``g2d admin`` and ``g2d claim``: who may use the bot, from a terminal. It holds from the next update on."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

import typer

from services import startup
from services.importing import importing
from shared.access import OF_GROUPS, Known, Role
from shared.errors import LastOwner, OwnerBySettings
from shared.settings import BotSettings, load
from shared.store.access import Roles
from shared.store.access_links import AccessLinks, LinkKind
from shared.store.database import Database

MOST = 100_000  # people in a list
REFUSALS = {
    LastOwner: "Nobody else owns this bot: make somebody else an owner first.",
    OwnerBySettings: "G2D_OWNERS names this owner: change it there.",
}


@dataclass(frozen=True, slots=True)
class Installation:
    """What the commands work with."""

    settings: BotSettings
    database: Database

    @property
    def roles(self) -> Roles:
        """Who is what to the bot."""
        return Roles(self.database, self.settings.bot_id, self.settings.owners)

    @property
    def links(self) -> AccessLinks:
        """Links that let people in."""
        return AccessLinks(self.database, self.settings.bot_id, self.roles)


@contextmanager
def installed() -> Iterator[Installation]:
    """The installation that the settings name, with its tables."""
    settings = load(BotSettings)
    with startup.opened(settings) as database:
        if settings.embedded:
            startup.migrate_now(database, startup.place_of(settings))  # The bot may not have been started yet.
        startup.require_tables(database, settings)
        yield Installation(settings, database)


def users(search: str, *, as_json: bool) -> None:
    """List everybody whom the bot knows, owners first."""
    with installed() as here:
        people, _ = here.roles.page(search, limit=MOST)
    _print(people, as_json=as_json)


def invite(uses: int, lasts: str, *, as_json: bool) -> None:
    """Make a link that lets people in."""
    with importing():
        from services.bot.access.links import read_invitation

    wish = read_invitation(f"{uses} {lasts}")
    if wish is None:
        refuse("Write it like this: g2d admin invite 5 7d")
    with installed() as here:
        code = here.links.invite(uses=wish.uses, lasts=wish.lasts, by=None)
        link = _link(here.settings, LinkKind.INVITE, code)
    answer = {"link": link, "uses": wish.uses, "lasts_s": int(wish.lasts.total_seconds())}
    typer.echo(json.dumps(answer) if as_json else link)


def claim() -> None:
    """Print a link that makes the first person who opens it the owner; valid for ten minutes, without an owner."""
    with installed() as here:
        code = here.links.claim()
        if code is None:
            refuse("This bot has an owner already: `g2d admin users` tells whom.")
        typer.echo(_link(here.settings, LinkKind.CLAIM, code))


def give(who: str, role: Role, *, as_json: bool) -> None:
    """Give somebody a role: by id, or by an @name that the bot has met."""
    with installed() as here:
        roles = here.roles
        known = find(roles, who)
        if known is None:
            refuse(f"The bot has not met {who}: use the id, a number.")
        if known.is_group and role not in OF_GROUPS:
            refuse(f"A group can be {', '.join(sorted(OF_GROUPS))}.")
        try:
            roles.decide(known.profile, role, by=None)
        except (LastOwner, OwnerBySettings) as error:
            refuse(REFUSALS[type(error)])
        now = roles.one(known.id)
    _print([now], as_json=as_json)


def find(roles: Roles, who: str) -> Known | None:
    """Whom a word names, an id or an @name; None: nobody."""
    if who.startswith("@"):
        return roles.named(who)
    return roles.one(int(who)) if re.fullmatch(r"-?[1-9]\d{0,17}", who, re.ASCII) else None


def refuse(sentence: str) -> NoReturn:
    """Say why nothing is done, and end with status 1."""
    typer.secho(sentence, err=True)
    raise typer.Exit(1)


def _link(settings: BotSettings, kind: LinkKind, code: str) -> str:
    with importing():
        from services.bot.access.links import url_of
        from services.bot.intake.username import username_of

    username = username_of(settings)
    if username is None:
        return f"Telegram does not answer; write to the bot: /start {kind}-{code}"
    return url_of(username, kind, code)


def _print(people: list[Known], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([_as_json(one) for one in people], ensure_ascii=False))
        return
    for one in people:
        name = f"@{one.profile.username}" if one.profile.username else ""
        standing = "waits" if one.is_waiting else str(one.role)
        typer.echo(f"{one.id:>15}  {standing:<8}  {one.profile.name}  {name}".rstrip())


def _as_json(one: Known) -> dict[str, object]:
    return {
        "id": one.id,
        "name": one.profile.name,
        "username": one.profile.username,
        "role": str(one.role),
        "waits": one.is_waiting,
        "decided_at": one.decided_at.isoformat() if one.decided_at else None,
    }
