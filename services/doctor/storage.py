"""What database, Redis, image store and disk are fit for."""

import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

import redis

from services.doctor.findings import LONGEST, Finding, bad, good, skipped
from services.startup import NEWER, PAST_POOLER, POOLER_REFUSES, opened, place_of, trouble_in
from shared.errors import StoreAway
from shared.images import SENT, Images
from shared.migrations import Tables, state_of
from shared.redaction import redact
from shared.settings import Settings
from shared.store.database import Database
from shared.store.server import shares_connections

DATABASE, REDIS, IMAGES, DISK = "Database", "Redis", "Image store", "Disk"
POOLED = "a pooler stands before it that gives connections away between transactions"
REFUSED = "a pooler stands before it that refuses the settings we open a connection with"
DIRECTLY = PAST_POOLER
PATIENCE_S = 4.0
LEAST_FREE_BYTES = 1024**3
SAMPLE = b"written by g2d doctor"


def check_database(settings: Settings) -> Sequence[Finding]:
    """Look whether the database answers, has our tables, and keeps a connection ours."""
    url = settings.database_url
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return [good(DATABASE, "there is none yet, the first start makes it")]
    with opened(settings) as database:
        try:
            findings = [about_tables(state_of(database), at_start=settings.embedded)]
            if not database.is_sqlite and shares_connections(database):
                findings.append(about_pooler(database))
        except StoreAway as error:
            return [about_database_away(trouble_in(error, place_of(settings)).sentence)]
    return findings


def about_pooler(database: Database) -> Finding:
    """Say whether what lasts longer than a transaction has a way past the pooler."""
    direct = database.directly()
    if direct is None:
        return bad(DATABASE, POOLED, DIRECTLY)
    with direct:
        try:
            is_lent, is_the_same = shares_connections(direct), state_of(direct) is state_of(database)
        except StoreAway as error:
            said = redact(str(error.__cause__ or error))[:LONGEST]
            return bad(DATABASE, f"Postgres itself is not reached ({said})", "correct G2D_DATABASE_DIRECT_URL")
    if is_lent or not is_the_same:
        where = "a pooler as well" if is_lent else "another database"
        return bad(DATABASE, f"G2D_DATABASE_DIRECT_URL leads to {where}", "let it lead to Postgres itself")
    return good(DATABASE, "a pooler stands before it; what lasts longer than a transaction goes past it")


def about_tables(state: Tables, *, at_start: bool) -> Finding:
    """Say how the tables stand to this version; ``at_start``: a start brings them up to date."""
    if state is Tables.CURRENT:
        return good(DATABASE, "reachable, its tables are up to date")
    if state is Tables.NEWER:
        return bad(DATABASE, NEWER)
    if at_start:
        return good(DATABASE, "reachable, the next start brings its tables up to date")
    return bad(DATABASE, "its tables are not up to date", "run `g2d migrate`")


def about_database_away(sentence: str) -> Finding:
    """Say what it means that the database can't be used."""
    if POOLER_REFUSES in sentence:
        return bad(DATABASE, REFUSED, DIRECTLY)
    return bad(DATABASE, sentence, "see that it runs, and correct DATABASE_URL")


def check_redis(settings: Settings, *, patience_s: float = PATIENCE_S) -> Sequence[Finding]:
    """Look whether Redis answers within so many seconds, and whether it keeps what it is given."""
    if settings.redis_url is None:
        return [skipped(REDIS, "REDIS_URL is not set, everything runs in one process")]
    try:
        with redis.Redis.from_url(
            settings.redis_url, socket_connect_timeout=patience_s, socket_timeout=patience_s, decode_responses=True
        ) as server:
            info: dict[str, object] = server.info()
            return about_redis(info, _snapshots(server))
    except (redis.RedisError, OSError, ValueError) as error:
        said = redact(str(error) or type(error).__name__)[:LONGEST]
        return [bad(REDIS, f"it can't be used ({said})", "see that it runs, and correct REDIS_URL")]


def _snapshots(server: "redis.Redis") -> str | None:
    """When snapshots are made; None where the server doesn't tell, as many hosted ones don't."""
    try:
        return str(server.config_get("save").get("save", ""))
    except redis.ResponseError:
        return None


def about_redis(info: dict[str, object], snapshots: str | None) -> list[Finding]:
    """Judge Redis's own report."""
    findings = []
    role, policy = info.get("role", "master"), info.get("maxmemory_policy", "noeviction")
    if role != "master":
        findings.append(bad(REDIS, f"it is a {role}, which takes no writes", "let REDIS_URL lead to the master"))
    if policy != "noeviction":
        findings.append(
            bad(REDIS, f"with maxmemory-policy {policy} it may drop tickets", "set maxmemory-policy noeviction")
        )
    if not info.get("aof_enabled") and snapshots == "":
        findings.append(bad(REDIS, "it keeps nothing on disk", "start it with --appendonly yes"))
    return findings or [good(REDIS, f"reachable, version {info.get('redis_version')}")]


def check_images(settings: Settings) -> Sequence[Finding]:
    """Write a file, read it, delete it."""
    key = f"{SENT}doctor/{uuid.uuid4().hex}"
    try:
        images = Images(settings.image_store_url)
        images.keep_sent(key, SAMPLE)
        try:
            whole = images.get(key) == SAMPLE
        finally:
            images.delete_sent([key])
    except StoreAway as error:
        return [bad(IMAGES, str(error), "correct IMAGE_STORE_URL, and what its bucket allows")]
    if not whole:
        return [bad(IMAGES, "what was written is not what was read", "see what stands between us and the store")]
    return [good(IMAGES, "a file was written, read and deleted")]


def check_disk(settings: Settings) -> Sequence[Finding]:
    """Look how much room the data folder has."""
    folder = settings.data_dir.resolve()
    there = next((one for one in (folder, *folder.parents) if one.is_dir()), Path("/"))
    return [about_disk(shutil.disk_usage(there).free)]


def about_disk(free: int) -> Finding:
    """Judge the room that is left."""
    told = f"{free / 1024**3:.1f} GiB are free for the data folder"
    if free < LEAST_FREE_BYTES:
        return bad(DISK, told, "make room, or let G2D_DATA_DIR lead elsewhere")
    return good(DISK, told)
