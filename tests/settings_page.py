"""Writes ``docs/settings.md`` from the settings classes, and what Compose reads from its file.

``make settings`` writes the page anew; the tests see to it that it says what the classes say.
"""

import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from shared.settings import MOST, BotSettings, BucketSettings, NetworkSettings, Settings, WorkerSettings

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "settings.md"
LONGEST = 60  # characters of a default that is shown
COLUMNS = "| variable | default | allowed | meaning |\n|---|---|---|---|"
HEAD = """# Settings

Written by `make settings` from the settings classes (`shared/settings.py`): change it there.

Settings are read from the environment, else from the file that `NAME_FILE` names (for each `NAME`, Docker's secrets for
instance), else from `.env` in the working directory. An empty value counts as none. What is missing or wrong is told at
the start, all at once; `g2d doctor` looks at each.

Two have to be set: `TELEGRAM_BOT_TOKEN` and `GOOGLE_API_KEY`. With `HF_TOKEN`, HuggingFace's models create the
pictures, without it Gemini's (`google/gemini-3.1-flash-image`, about $0.07 each). All others may stay as they are.
"""
SECTIONS: tuple[tuple[str, str, type[BaseSettings], type[BaseSettings] | None], ...] = (
    ("The bot", "Read by `g2d bot` and `g2d run`.", BotSettings, Settings),
    ("The worker", "Read by `g2d worker` and `g2d run`.", WorkerSettings, Settings),
    ("Both", "Read by all commands. With Docker Compose the first four are set for you.", Settings, None),
    (
        "The network",
        (
            "Read from the environment alone, in capital or small letters; see "
            "[operations](operations.md#behind-a-proxy-or-a-companys-certificates)."
        ),
        NetworkSettings,
        None,
    ),
    (
        "Buckets",
        (
            "Beside the usual `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_REGION`, which the client of "
            "`IMAGE_STORE_URL=s3://…` reads by itself."
        ),
        BucketSettings,
        None,
    ),
)
# Read by Docker Compose from `.env`, in docker-compose.yml and docker-compose.secrets.yml.
COMPOSE = {
    "POSTGRES_PASSWORD": "the database's password: letters, digits, `-` and `_`",
    "REDIS_PASSWORD": "Redis' password, likewise",
    "G2D_PUBLIC_KEY": "the public half of `G2D_SECRET_KEY`, for the bot; `g2d public-key` prints it",
    "G2D_WORKERS": "how many workers run",
    "G2D_MEMORY": "the most memory of each bot and worker",
    "G2D_POSTGRES_MEMORY": "the most memory of Postgres",
    "G2D_REDIS_MEMORY": "the most memory of Redis",
    "GRAFANA_PORT": "where Grafana is on this machine, with `--profile monitoring`",
    "G2D_IMAGE": "the name of the image that is built and run",
    "G2D_BUILD_NETWORK": "the network of the image's build",
    "G2D_SECRETS_DIR": "the folder of the files with secrets, for `docker-compose.secrets.yml`",
}


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for title, about, kind, without in SECTIONS:
        left_out = without.model_fields if without else {}
        rows = [_row(field) for name, field in kind.model_fields.items() if name not in left_out]
        parts.append("\n".join([f"## {title}", about, "", COLUMNS, *rows]) + "\n")
    parts.append(
        "\n".join(["## Docker Compose", "Read from `.env` by `docker compose` itself.", "", *_compose()]) + "\n"
    )
    return "\n".join(parts)


def _row(field: FieldInfo) -> str:
    alias = field.validation_alias
    names = alias.choices if isinstance(alias, AliasChoices) else [alias]
    name = ", else ".join(f"`{one}`" for one in names)
    return f"| {name} | {_default(field)} | {_allowed(field)} | {field.description} |"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**has to be set**"
    value = field.default.value if isinstance(field.default, Enum) else field.default
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    return f"`{value}`" if value not in {None, ""} and len(str(value)) <= LONGEST else "–"


def _allowed(field: FieldInfo) -> str:
    kinds = [one for one in (field.annotation, *get_args(field.annotation)) if one is not None]
    choices = next((_choices(one) for one in kinds if _choices(one)), [])
    if choices:
        return ", ".join(f"`{one}`" for one in choices)
    least = next((f"{one.ge:,}" for one in field.metadata if isinstance(one, Ge)), None)
    above = next((f"above {one.gt:,}" for one in field.metadata if isinstance(one, Gt)), None)
    most = next((one.le for one in field.metadata if isinstance(one, Le) and one.le != MOST), None)
    assert not any(isinstance(one, Lt) for one in field.metadata)
    if least is not None and most is not None:
        return f"{least}–{most:,}"
    if least is not None:
        return f"{least} or more"
    return (f"{above}, {most:,} at most" if most is not None else above) if above else ""


def _choices(kind: object) -> list[str]:
    if get_origin(kind) is Literal:
        return [str(one) for one in get_args(kind)]
    return [str(one.value) for one in kind] if isinstance(kind, type) and issubclass(kind, Enum) else []


def _compose() -> Iterator[str]:
    text = "".join(
        (ROOT / name).read_text(encoding="utf-8") for name in ("docker-compose.yml", "docker-compose.secrets.yml")
    )
    yield "| variable | default | meaning |\n|---|---|---|"
    for name, meaning in COMPOSE.items():
        default = re.search(rf"\$\{{{name}:-([^$}}]+)\}}", text)
        shown = f"`{default[1]}`" if default else "**has to be set**" if f"${{{name}:?" in text else "–"
        yield f"| `{name}` | {shown} | {meaning} |"


def read_by_compose() -> set[str]:
    """The variables that the Compose files put in themselves, without what they hand on."""
    files = [ROOT / name for name in ("docker-compose.yml", "docker-compose.secrets.yml")]
    return {name for file in files for name in re.findall(r"\$\{([A-Z0-9_]+)", file.read_text(encoding="utf-8"))}


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
