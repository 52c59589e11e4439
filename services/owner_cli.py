"""What owners read from a terminal: how the bot stands and has done, and what was used of their keys."""

import html
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

import typer

from services.admin_cli import Installation, find, installed, refuse
from services.importing import importing
from shared.clock import present
from shared.errands import ErrandKind
from shared.jobs import ENDED, Address, Sender, State
from shared.prices import MICRO
from shared.store.broadcasts import Broadcast, Broadcasts, Progress
from shared.store.budgets import Asker
from shared.store.errands import Errands
from shared.store.overview import look_over
from shared.store.spending import Spending
from shared.store.stats import Stats, Times, read_stats
from shared.store.usage import Budget, UsageReader

FORGET_S = 60.0  # how long a terminal waits for a deletion, which goes on without it
MAX_TEXT = 4096  # characters of a message in Telegram


def status(*, as_json: bool) -> None:
    """Print how all stands."""
    with installed() as here:
        overview = look_over(here.database)
    if as_json:
        typer.echo(json.dumps(asdict(overview)))
        return
    counts = " · ".join(f"{state}: {count}" for state, count in overview.pictures.items())
    typer.echo(f"pictures under way: {counts or 'none'}")
    typer.echo(f"questions under way: {overview.questions}")
    failed = ((f"failed, {reason}", one) for reason, one in overview.failed.items())
    for name, one in (("finished", overview.finished), *failed):
        typer.echo(f"{name}: {one.hour} in the last hour, {one.day} in the last day")
    typer.echo(f"workers alive: {overview.workers}, with {overview.slots} slots")
    for resting in (*overview.resting, *overview.used_up):
        why = f"rests at {resting.provider}" if resting.provider else f"quota of {resting.keys} keys used up"
        typer.echo(f"{resting.model}: {why}, for another {resting.seconds:.0f} s")


def stats(days: int, *, as_json: bool, png: Path | None, dark: bool) -> None:
    """Print the figures of some days, and draw them where a file is named."""
    with installed() as here:
        read = read_stats(here.database, days)
    if png is not None:
        _draw(read, png, dark=dark)
    typer.echo(json.dumps(_stats_as_json(read)) if as_json else _stats_as_text(read))


def _draw(read: Stats, png: Path, *, dark: bool) -> None:
    with importing():
        from services.stats.drawing import Charts, NotDrawn

    try:
        png.write_bytes(Charts().draw(read, dark=dark))
    except NotDrawn as error:
        refuse(f"The chart could not be drawn: {error}.")
    except OSError as error:
        refuse(f"{png} can't be written: {error.strerror}.")


def _stats_as_json(read: Stats) -> dict[str, object]:
    names = ("finished", "failed", "calls", "pictures", "of_calls", "cost")
    days = [asdict(one) | {"day": one.day.isoformat()} for one in read.days]
    return asdict(read) | {"days": days, "total": {name: read.total(name) for name in names}}


def _stats_as_text(read: Stats) -> str:
    lines = [f"{'day':<12}{'painted':>9}{'failed':>9}{'cost':>10}{'waiting':>18}{'painting':>18}"]
    for one in read.days:
        if one.finished or one.failed or one.cost:
            times = f"{_times(one.waiting):>18}{_times(one.painting):>18}"
            lines.append(f"{one.day!s:<12}{one.finished:>9,}{one.failed:>9,}{_money(one.cost):>10}{times}")
    finished, failed, cost = (read.total(name) for name in ("finished", "failed", "cost"))
    times = f"{_times(read.waiting):>18}{_times(read.painting):>18}"
    lines.append(f"{f'{len(read.days)} days':<12}{finished:>9,}{failed:>9,}{_money(cost):>10}{times}")
    lines.append(f"people: {read.people} · times: half of all / 19 of 20, in seconds · days of UTC · cost estimated")
    lines += [f"failed, {reason}: {times:,}" for reason, times in read.reasons.items()]
    lines += [f"{one.model}: {one.pictures:,} pictures, {_money(one.cost)}" for one in read.models]
    return "\n".join(lines)


def usage(who: str, *, as_json: bool) -> None:
    """Print what somebody has used, and what is left."""
    with installed() as here:
        known = find(here.roles, who)
        if known is None:
            refuse(f"The bot has not met {who}: use the id, a number.")
        reader = UsageReader(here.database, here.settings.queue_policy)
        used = reader.read(Asker(here.settings.bot_id, known.id, None))
    budgets = [*used.pictures, *used.tokens]
    if as_json:
        limits = [asdict(one) | {"left": one.left} for one in budgets]
        keys = {"owner_paints": used.owner_paints, "owner_writes": used.owner_writes}
        typer.echo(json.dumps({"id": known.id, "limits": limits, **keys}))
        return
    for one in budgets:
        typer.echo(_limit(one))
    for is_owners, what in ((used.owner_paints, "pictures"), (used.owner_writes, "talk")):
        if not is_owners:
            typer.echo(f"{what}: on a key of their own")
    if not budgets and (used.owner_paints or used.owner_writes):
        typer.echo("no limit on the owner's keys")


def _limit(one: Budget) -> str:
    names = {"day": "pictures today", "month": "pictures this month", "tokens": "Gemini tokens today"}
    return f"{names[one.name]}: {one.used:,} of {one.most:,}, {one.left:,} left, anew in {one.seconds / 3600:.1f} h"


def budgets(*, as_json: bool) -> None:
    """Print the limits and the money."""
    with installed() as here:
        limits, spent = here.settings.budgets, Spending(here.database).read(present())
    told = {
        "G2D_USER_PICTURES_DAY": limits.pictures_a_day,
        "G2D_USER_PICTURES_MONTH": limits.pictures_a_month,
        "G2D_GROUP_PICTURES_DAY": limits.pictures_in_group_a_day,
        "G2D_USER_TOKENS_DAY": limits.tokens_a_day,
        "G2D_OUTPUT_TOKENS": limits.output_tokens,
        "G2D_MONEY_DAY": limits.money_a_day / MICRO,
        "G2D_MONEY_MONTH": limits.money_a_month / MICRO,
    }
    if as_json:
        typer.echo(json.dumps({"limits": told, "spent": asdict(spent)}))
        return
    for name, most in told.items():
        typer.echo(f"{name}: {most:,}" if most else f"{name}: no limit")
    typer.echo(
        f"spent today: {_money(spent.day)}, this month: {_money(spent.month)}, under way: {_money(spent.reserved)}"
    )


def broadcast(text: str, *, is_agreed: bool, stop: int | None, as_json: bool) -> None:
    """Have a message sent to all by the bot, which looks every few seconds; or stop one, or list the last ones."""
    with installed() as here:
        settings = here.settings
        broadcasts = Broadcasts(here.database, settings.bot_id, settings.access, settings.owners)
        if stop is not None and not broadcasts.stop(stop):
            refuse(f"Nothing with the number {stop} is being sent.")
        if text.strip():
            if len(text) > MAX_TEXT:
                refuse(f"A message has {MAX_TEXT:,} characters at most.")
            asked = broadcasts.ask(html.escape(text, quote=False), by=None)
            if not is_agreed:
                typer.confirm(f"Send it to {asked.people} people?", abort=True, err=True)
            broadcasts.start(asked.id)
        told = [_broadcast_as_json(one, broadcasts.progress(one.id)) for one in broadcasts.newest()]
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    for one in told:
        counts = ", ".join(f"{name}: {count}" for name, count in one["receipts"].items())
        typer.echo(f"{one['id']:>4}  {one['state']:<9}  {one['people']} people  {counts}".rstrip())


def _broadcast_as_json(one: Broadcast, progress: Progress) -> dict[str, Any]:
    return {
        "id": one.id,
        "state": str(one.state),
        "people": one.people,
        "receipts": {str(receipt): count for receipt, count in progress.counts.items()},
        "asked_by": one.asked_by,
        "created_at": one.created_at.isoformat(),
    }


def _times(times: Times | None) -> str:
    return f"{times.p50:.1f} / {times.p95:.1f}" if times else "–"


def _money(micro_dollars: int) -> str:
    return f"${micro_dollars / MICRO:,.2f}"


def forget(who: str, *, is_agreed: bool, as_json: bool) -> None:
    """Have all deleted that is stored of somebody, and print what it came to."""
    with installed() as here:
        known = find(here.roles, who)
        person = known.id if known else int(who) if who.isascii() and who.isdecimal() else 0
        if person <= 0:
            refuse(f"The bot has not met {who}: use a person's id, a number.")
        if not is_agreed and not typer.confirm(f"Delete all that is stored of {person}? It can't be undone.", err=True):
            raise typer.Exit(1)
        errands = Errands(here.database)
        address = Address(here.settings.bot_id, person, 0, press=f"terminal {uuid4().hex}")
        asked, _ = errands.submit(
            ErrandKind.FORGET, {"is_quiet": True}, address=address, sender=Sender(person, _language(here, person))
        )
        until = time.monotonic() + FORGET_S
        while (now := errands.read(asked.id) or asked).state not in ENDED and time.monotonic() < until:
            if not look_over(here.database).workers:
                break
            time.sleep(0.5)
    counts = now.result["deleted"] if now.result else {}
    if as_json:
        typer.echo(json.dumps({"id": person, "state": str(now.state), "deleted": counts}))
    elif now.state is State.FINISHED:
        typer.echo("deleted: " + ", ".join(f"{name} {count}" for name, count in counts.items()))
    elif now.state is State.FAILED:
        refuse("It could not be deleted; the worker's log tells why. Call it again.")
    else:
        typer.echo("It is queued: a worker deletes it as soon as one runs.")


def _language(here: Installation, person: int) -> str:
    known = here.roles.one(person)
    return (known.profile.language if known else "") or "en"
