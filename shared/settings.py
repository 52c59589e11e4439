"""Settings, read from the environment: one frozen class for each service; all missing ones are named at once."""

import codecs
import logging
import os
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache, cached_property
from io import StringIO
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal, TypeVar, cast
from urllib.parse import unquote, urlsplit

from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from shared.access import Mode
from shared.budgets import Budgets
from shared.catalogue import USUAL_OF_GOOGLE, Catalogue
from shared.chat_models import plain_name
from shared.prices import MICRO, Prices
from shared.provider_hosts import provider_hosts
from shared.queue_policy import QueuePolicy
from shared.redaction import IN_USE
from shared.retention import Retention
from shared.web_addresses import ImageHosts, WebAddress, is_host

WEIGHTS = r"\s*-?\d+\s*=\s*\d+(\.\d+)?\s*"
DOT_ENV = ".env"
MOST = 1_000_000_000  # of anything that is counted; every column and every timer holds it
LONGEST = 20_000  # characters of a setting
LONGEST_NAME = 300  # characters of a file's name in a message
# Control characters, and what Python makes of bytes that are no UTF-8.
NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
OWN = "own"  # in a key's place: the owner has none, people bring their own
PROVIDER_FILE_HOSTS = ",".join(host for one in provider_hosts() for host in one.hosts)


class SettingsError(Exception):
    """The settings don't allow a start. The message is for the owner, whole and ready to print."""


class UnreadableSource(Exception):
    """A file that settings come from can't be read.

    Attributes:
        name: What the owner knows it by: the variable that names the file, or the file.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name


def _printable_ascii(secret: SecretStr) -> SecretStr:
    # A key that holds anything else fails deep inside the HTTP libraries, with an error nobody understands.
    value = secret.get_secret_value()
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise ValueError("holds characters that no key has (copy it again)")
    return secret


def _without_slash(url: str) -> str:
    try:
        WebAddress.read(url)
    except ValueError:
        raise ValueError("write it like this: https://host, or http://host:port/path") from None
    return url.rstrip("/")


def _organization(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?", name):
        raise ValueError("write an organization's name as it stands in its address, huggingface.co/NAME")
    return name


def _image_hosts(text: str) -> str:
    ImageHosts.read(text)
    return text


def _redis(url: str) -> str:
    wrong = "write it like this: redis://:password@host:6379/0, or rediss://… (percent-encode what is special in it)"
    try:
        parts = urlsplit(url)
        is_one = parts.scheme in {"redis", "rediss"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ValueError(wrong) from None
    if not is_one or not re.fullmatch(r"/?\d*", parts.path):
        raise ValueError(wrong)
    return url


def _begins_with_bot_id(token: SecretStr) -> SecretStr:
    bot_id, _, secret = token.get_secret_value().partition(":")
    if not bot_id.isdecimal() or not secret:
        raise ValueError("does not look like 123456:ABC… (copy it again)")
    return token


def _is_endpoint(pair: str) -> bool:
    model, _, url = pair.strip().partition("=")
    try:
        WebAddress.read(url)
    except ValueError:
        return False
    return re.fullmatch(r"[^=\s]+/[^=\s]+", model) is not None


def _level(name: str) -> str:
    if name.upper() not in logging.getLevelNamesMapping():
        raise ValueError("no such level; there are DEBUG, INFO, WARNING, ERROR")
    return name.upper()


def _none_for_own(key: object) -> object:
    return None if key == OWN else key


def _proxy(url: str) -> str:
    url = url.strip()
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        is_one = parts.scheme in {"http", "https", "socks", "socks5", "socks5h"} and parts.port != 0
    except ValueError:
        is_one = False
    if not is_one or not is_host(parts.hostname or ""):
        raise ValueError("write it like this: http://host:port, https://host:port or socks5://host:port")
    if parts.password:
        IN_USE.add([parts.password, unquote(parts.password)])
    return url


@cache  # The settings of bot, worker and network are read one after the other, and each check takes 20 ms.
def _certificates(file: Path) -> Path:
    try:
        ssl.create_default_context(cafile=file)
    except (OSError, ssl.SSLError) as error:
        name = " ".join(str(file)[:LONGEST_NAME].split())
        raise ValueError(
            f"{name} holds no certificates that can be read ({error.strerror or type(error).__name__})"
        ) from None
    return file


ProxyUrl = Annotated[str, AfterValidator(_proxy)]
CertificateFile = Annotated[Path, AfterValidator(_certificates)]


def with_driver(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}" if separator and scheme in {"postgresql", "postgres"} else url


Key = Annotated[SecretStr, AfterValidator(_printable_ascii)]
# Must be set, so that nobody forgets it; the word ``own`` says that there is none on purpose.
KeyOrNone = Annotated[Key | None, BeforeValidator(_none_for_own)]
Url = Annotated[str, AfterValidator(_without_slash)]


GroupFollowUps = Literal["mention", "reply"]
Safety = Literal["BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_ONLY_HIGH", "BLOCK_NONE", "OFF"]


def environment_of_a_child() -> dict[str, str]:
    """What an interpreter needs to start at all; a child process gets nothing else, above all no keys."""
    return {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "SYSTEMROOT") if name in os.environ}


class FileSource(PydanticBaseSettingsSource):
    """Reads ``NAME_FILE``: the path of a file that holds the value of ``NAME`` (Docker secrets)."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[object, str, bool]:  # noqa: ARG002
        name = str(field.validation_alias)
        path = os.environ.get(f"{name}_FILE")
        return (_text_of(Path(path), f"{name}_FILE").strip() or None if path else None), name, False

    def __call__(self) -> dict[str, object]:
        """Collect what the files hold."""
        found = {}
        for field_name, field in self.settings_cls.model_fields.items():
            value, name, _ = self.get_field_value(field, field_name)
            if value is not None:
                found[name] = value
        return found


class DotEnvSource(DotEnvSettingsSource):
    """Reads ``.env`` in any encoding that editors write."""

    def _read_env_files(self) -> Mapping[str, str | None]:
        try:
            return super()._read_env_files()
        except PermissionError as error:  # The folder may not be looked into.
            if DOT_ENV in _left_out.get():
                return {}
            raise UnreadableSource(DOT_ENV, f"can't be read: {error.filename}: {error.strerror}") from None

    def _read_env_file(self, file_path: Path) -> Mapping[str, str | None]:
        found = dotenv_values(stream=StringIO(_text_of(file_path, str(file_path))))
        # As in the library: names in any case, and an empty value is as good as none.
        return {name.lower(): value for name, value in found.items() if value}


_left_out: ContextVar[frozenset[str]] = ContextVar("left_out", default=frozenset())  # files that are not read
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def _text_of(path: Path, name: str) -> str:
    """What a file says. Bytes that are no UTF-8 are kept as signs that no setting may hold: a comment may.

    Raises:
        UnreadableSource: The file can't be read, or is no text.
    """
    if name in _left_out.get():
        return ""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableSource(name, f"can't be read: {path}: {error.strerror}") from None
    encoding = next((encoding for mark, encoding in _BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8-sig")
    try:
        text = data.decode(encoding, "surrogateescape" if encoding == "utf-8-sig" else "strict")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise UnreadableSource(name, f"can't be read: {path} is no text file (save it as UTF-8)")
    return text


class TextSettings(BaseSettings):
    """Settings that are text, and no more of it than anybody writes."""

    @field_validator("*", mode="before")
    @classmethod
    def _text(cls, value: object) -> object:
        if isinstance(value, str) and NO_TEXT.search(value):
            raise ValueError("holds bytes that are no text (write it again, and save a file as UTF-8)")
        if isinstance(value, str) and len(value) > LONGEST:
            raise ValueError(f"is longer than {LONGEST:,} characters")
        return value


class Settings(TextSettings):
    """What both services need.

    Attributes:
        reads_environment: Whether the environment and ``.env`` are read for what no argument gives.
    """

    reads_environment: ClassVar[bool] = True
    model_config = SettingsConfigDict(
        defer_build=True, env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    data_dir: Path = Field(
        Path("data"),
        validation_alias="G2D_DATA_DIR",
        description="the folder of database, pictures, secret key and `styles.toml`, where no other setting names "
        "another place",
    )
    database_url_setting: str | None = Field(
        None,
        validation_alias="DATABASE_URL",
        description="`postgresql://user@host:5432/name`, with `:password` behind the user; needed where bot and "
        "workers are separate; unset: SQLite in the data folder",
    )
    direct_url_setting: str | None = Field(
        None,
        validation_alias="G2D_DATABASE_DIRECT_URL",
        description="Postgres itself, where `DATABASE_URL` leads to "
        "[a transaction pooler](operations.md#behind-a-pooler)",
    )
    redis_url: Annotated[str, AfterValidator(_redis)] | None = Field(
        None,
        validation_alias="REDIS_URL",
        description="`redis://:password@host:6379/0` or `rediss://…`, needed where bot and workers are separate; "
        "unset: everything runs in one process",
    )
    image_store_url_setting: str | None = Field(
        None,
        validation_alias="IMAGE_STORE_URL",
        description="where originals are kept, the same for all processes: `file:///folder` or "
        "`s3://bucket/prefix`; unset: `images` in the data folder",
    )
    keep_sent_days: float = Field(
        7,
        gt=0,
        le=3650,
        validation_alias="G2D_KEEP_SENT_DAYS",
        description="days after which what people sent is deleted, unless unfinished work needs it",
    )
    keep_pictures_days: float = Field(
        365,
        ge=0,
        le=36_500,
        validation_alias="G2D_KEEP_PICTURES_DAYS",
        description="days after which originals are deleted from the image store; the photos in Telegram stay, and can "
        "be varied and edited; `0`: never",
    )
    keep_requests_days: float = Field(
        0,
        ge=0,
        le=36_500,
        validation_alias="G2D_KEEP_REQUESTS_DAYS",
        description="days after which requests and batches that have ended are deleted, with their originals: ideas, "
        "prompts, recipes; the buttons under their pictures end then; `0`: never",
    )
    keep_chats_days: float = Field(
        90,
        ge=0,
        le=36_500,
        validation_alias="G2D_KEEP_CHATS_DAYS",
        description="days after which questions and answers are deleted and Gemini remembers them no more; `0`: never",
    )
    keep_updates_days: float = Field(
        7,
        ge=1,
        le=36_500,
        validation_alias="G2D_KEEP_UPDATES_DAYS",
        description="days after which messages as Telegram sent them are deleted, handled or not",
    )
    keep_details_days: float = Field(
        30,
        ge=1,
        le=36_500,
        validation_alias="G2D_KEEP_DETAILS_DAYS",
        description="days after which the details of work that has ended are deleted: when it reached which stage, and "
        "what services said of failures; what it cost stays",
    )
    chat_model: str = Field(
        "gemini-3.8-flash",
        validation_alias="G2D_CHAT_MODEL",
        description="the Gemini model that writes prompts and answers, unless somebody chooses another",
    )
    image_model_setting: str | None = Field(
        None,
        validation_alias="G2D_IMAGE_MODEL",
        description="the image model, unless a request or a person names another; unset: "
        "`black-forest-labs/FLUX.1-dev`, or `google/gemini-3.1-flash-image` where there is no `HF_TOKEN`; a bot whose "
        "workers run elsewhere has to be told the latter",
    )
    styles_file_setting: Path | None = Field(
        None,
        validation_alias="G2D_STYLES_FILE",
        description="styles of your own; unset: `styles.toml` in the data folder, if there is one",
    )
    job_deadline_s: float = Field(
        600,
        gt=0,
        le=MOST,
        validation_alias="G2D_JOB_DEADLINE_S",
        description="seconds from a job's first turn to giving up, waits included",
    )
    user_in_flight: int = Field(
        20,
        ge=1,
        le=MOST,
        validation_alias="G2D_USER_IN_FLIGHT",
        description="pictures of one person in the line or under way at a time, batches counted apart; the rest "
        "stands behind",
    )
    user_queued: int = Field(
        200,
        ge=1,
        le=MOST,
        validation_alias="G2D_USER_QUEUED",
        description="pictures that one person may have asked for and not got yet, batches aside",
    )
    group_queued: int = Field(
        500,
        ge=1,
        le=MOST,
        validation_alias="G2D_GROUP_QUEUED",
        description="the same for all members of a group together",
    )
    user_batched: int = Field(
        5_000,
        ge=1,
        le=MOST,
        validation_alias="G2D_USER_BATCHED",
        description="pictures that one person's batches may have waiting; those from a terminal aside",
    )
    user_questions_in_flight: int = Field(
        5,
        ge=1,
        le=MOST,
        validation_alias="G2D_USER_QUESTIONS_IN_FLIGHT",
        description="questions of one person (chat and `/describe`) in the line or under way at a time; the rest "
        "stands behind",
    )
    user_questions: int = Field(
        50,
        ge=1,
        le=MOST,
        validation_alias="G2D_USER_QUESTIONS",
        description="questions that one person may have asked and not got answered yet",
    )
    group_questions: int = Field(
        200,
        ge=1,
        le=MOST,
        validation_alias="G2D_GROUP_QUESTIONS",
        description="the same for all members of a group together",
    )
    guest_pictures: int = Field(
        5,
        ge=1,
        le=10_000,
        validation_alias="G2D_GUEST_PICTURES",
        description="pictures that a guest on trial may ask for, and as many questions",
    )
    weights_setting: str | None = Field(
        None,
        validation_alias="G2D_WEIGHTS",
        description="turns a person gets where others get one: `12345=4,6789=0.5`, by Telegram's user id",
    )
    user_pictures_day: int = Field(
        50,
        ge=0,
        le=MOST,
        validation_alias="G2D_USER_PICTURES_DAY",
        description="pictures that one person may have on your key in a day (UTC), paid for or under way; `0`: any "
        "number. Owners and admins may have any number",
    )
    user_pictures_month: int = Field(
        500,
        ge=0,
        le=MOST,
        validation_alias="G2D_USER_PICTURES_MONTH",
        description="the same in a month",
    )
    group_pictures_day: int = Field(
        100,
        ge=0,
        le=MOST,
        validation_alias="G2D_GROUP_PICTURES_DAY",
        description="the same for all members of a group together, in a day",
    )
    user_tokens_day: int = Field(
        500_000,
        ge=0,
        le=MOST,
        validation_alias="G2D_USER_TOKENS_DAY",
        description="tokens that Gemini may read and write for one person in a day on your key, thoughts and "
        "prompts included: then questions have to wait, pictures go on; `0`: any number",
    )
    money_day: float = Field(
        30,
        ge=0,
        le=1_000_000,
        validation_alias="G2D_MONEY_DAY",
        description="dollars that your keys may cost in a day (UTC), owners' requests included, as far as "
        "`G2D_PRICES` knows; `0`: any amount. What would cost more is refused",
    )
    money_month: float = Field(
        300,
        ge=0,
        le=1_000_000,
        validation_alias="G2D_MONEY_MONTH",
        description="the same in a month",
    )
    chat_models_setting: str | None = Field(
        None,
        validation_alias="G2D_CHAT_MODELS",
        description="comma list of chat models that may be chosen on your key beside `G2D_CHAT_MODEL`; unset: all. "
        "On keys of their own people may choose any",
    )
    output_tokens: int = Field(
        8_192,
        ge=0,
        le=MOST,
        validation_alias="G2D_OUTPUT_TOKENS",
        description="the longest answer in a chat on your key, whatever somebody chose; `0`: as long as the model can",
    )
    prices_file: Path | None = Field(
        None,
        validation_alias="G2D_PRICES",
        description="a file of prices that goes before ours, `shared/prices.json`, in the same form",
    )
    batch_pictures: int = Field(
        1_000,
        ge=1,
        le=100_000,
        validation_alias="G2D_BATCH_PICTURES",
        description="the most pictures of one batch",
    )
    log_format: Literal["console", "json"] | None = Field(
        None,
        validation_alias="G2D_LOG_FORMAT",
        description="how log lines look; unset: `console` on a terminal, else `json`",
    )
    log_level: Annotated[str, AfterValidator(_level)] = Field(
        "INFO",
        validation_alias="G2D_LOG_LEVEL",
        description="the least level that is logged: `DEBUG`, `INFO`, `WARNING`, `ERROR`",
    )
    secret_key: Key | None = Field(
        None,
        validation_alias="G2D_SECRET_KEY",
        description="opens people's own keys, which are sealed for its public half: one or more keys of 32 bytes in "
        "URL-safe base64 after commas, sealed for the first, opened by all; must be set where bot and "
        "workers are separate (the bot takes the public half, too); unset: made once in the data folder",
    )
    heartbeat_file: Path | None = Field(
        None,
        validation_alias="G2D_HEARTBEAT_FILE",
        description="a bot or worker writes there when it last did each of its duties; `g2d health` reads it",
    )

    metrics_port: int | None = Field(
        None,
        ge=0,
        le=65_535,
        validation_alias="G2D_METRICS_PORT",
        description="`/metrics` for Prometheus, `/healthz` and `/readyz` are served there; unset: nothing listens",
    )
    metrics_host: str = Field(
        "127.0.0.1",
        validation_alias="G2D_METRICS_HOST",
        description="the address to serve them on; `0.0.0.0` is every one of the machine's",
    )

    @field_validator("weights_setting")
    @classmethod
    def _weights(cls, value: str | None) -> str | None:
        pairs = (value or "").split(",") if value else []
        if not all(re.fullmatch(WEIGHTS, pair) and float(pair.partition("=")[2]) > 0 for pair in pairs):
            raise ValueError("write it like this: 12345=4,6789=0.5 (a person's Telegram id, and a weight above 0)")
        return value

    @field_validator("image_model_setting")
    @classmethod
    def _repository(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[\w.-]+/[\w.-]+", value):
            raise ValueError("write it as HuggingFace names it, such as black-forest-labs/FLUX.1-schnell")
        return value

    @field_validator("prices_file")
    @classmethod
    def _table(cls, value: Path | None) -> Path | None:
        if value is not None:
            Prices(value)
        return value

    @cached_property
    def queue_policy(self) -> QueuePolicy:
        """The terms on which people share the queue."""
        pairs = (pair.split("=") for pair in (self.weights_setting or "").split(",") if pair)
        return QueuePolicy(
            in_flight=self.user_in_flight,
            queued=self.user_queued,
            queued_in_group=self.group_queued,
            queued_in_batches=self.user_batched,
            questions_in_flight=self.user_questions_in_flight,
            questions_queued=self.user_questions,
            questions_queued_in_group=self.group_questions,
            guest_pictures=self.guest_pictures,
            weights={int(person): float(weight) for person, weight in pairs},
            budgets=self.budgets,
            prices=self.prices,
        )

    @property
    def chat_models(self) -> frozenset[str]:
        """The chat models that may be chosen on the owner's key, the usual one among them; empty: all."""
        named = {plain_name(name.strip()) for name in (self.chat_models_setting or "").split(",") if name.strip()}
        return frozenset(named | {plain_name(self.chat_model)}) if named else frozenset()

    @property
    def image_model(self) -> str | None:
        """The image model of requests that name none; None: the catalogue's own."""
        return self.image_model_setting

    @cached_property
    def prices(self) -> Prices:
        """What services charge, as far as anybody knows."""
        image_model = Catalogue(self.image_model).default
        return Prices(self.prices_file, image_model=image_model, chat_model=self.chat_model)

    @property
    def budgets(self) -> Budgets:
        """What people may have on the owner's keys."""
        return Budgets(
            pictures_a_day=self.user_pictures_day,
            pictures_a_month=self.user_pictures_month,
            pictures_in_group_a_day=self.group_pictures_day,
            tokens_a_day=self.user_tokens_day,
            chat_models=self.chat_models,
            output_tokens=self.output_tokens,
            money_a_day=round(self.money_day * MICRO),
            money_a_month=round(self.money_month * MICRO),
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - It takes UTF-8 alone.
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments before the environment, that before ``NAME_FILE``, that before ``.env``."""
        if not cls.reads_environment:
            return (init_settings,)
        return init_settings, env_settings, FileSource(settings_cls), DotEnvSource(settings_cls, DOT_ENV)

    @property
    def embedded(self) -> bool:
        """Whether everything runs in one process: no broker was named."""
        return self.redis_url is None

    @property
    def database_url(self) -> str:
        """A SQLAlchemy URL; ``postgresql://`` means psycopg 3."""
        url = self.database_url_setting
        if url is None:
            return f"sqlite:///{self.data_dir.resolve() / 'g2d.db'}"
        return with_driver(url)

    @property
    def database_direct_url(self) -> str | None:
        """Postgres itself, where ``database_url`` leads to a pooler; a SQLAlchemy URL as well."""
        return None if self.direct_url_setting is None else with_driver(self.direct_url_setting)

    @property
    def styles_file(self) -> Path | None:
        """The owner's own styles: the file that was named, else ``styles.toml`` in the data folder if there is one."""
        usual = self.data_dir.resolve() / "styles.toml"
        return self.styles_file_setting or (usual if usual.exists() else None)

    @property
    def retention(self) -> Retention:
        """How long things are kept."""
        return Retention(
            files=timedelta(days=self.keep_sent_days),
            updates=timedelta(days=self.keep_updates_days),
            details=timedelta(days=self.keep_details_days),
            pictures=_span(self.keep_pictures_days),
            requests=_span(self.keep_requests_days),
            chats=_span(self.keep_chats_days),
        )

    @property
    def image_store_url(self) -> str:
        """Where originals are kept."""
        return self.image_store_url_setting or (self.data_dir.resolve() / "images").as_uri()


def _span(days: float) -> timedelta | None:
    return timedelta(days=days) if days else None


class BotSettings(Settings):
    """What the bot needs: it alone holds Telegram's token.

    Attributes:
        is_for_real: Whether people meet the bot in Telegram, and its owner pays; not so in the demo.
    """

    is_for_real: ClassVar[bool] = True

    telegram_bot_token: Annotated[Key, AfterValidator(_begins_with_bot_id)] = Field(
        validation_alias="TELEGRAM_BOT_TOKEN",
        description="lets the bot speak in Telegram; ask @BotFather in Telegram for one with /newbot",
    )
    telegram_api_url: Url = Field(
        "https://api.telegram.org",
        validation_alias="TELEGRAM_API_URL",
        description="another address of the Bot API: a proxy, a Bot API server of your own, the sandbox",
    )
    group_follow_ups: GroupFollowUps = Field(
        "mention",
        validation_alias="G2D_GROUP_FOLLOW_UPS",
        description="in groups, words in reply to a picture change it only with the bot's name in them (`mention`), "
        "or always (`reply`)",
    )
    bot_api_files: Path | None = Field(
        None,
        validation_alias="G2D_BOT_API_FILES",
        description="the folder of a local Bot API server (its `--dir`), where the bot sees it; needed where that "
        "server runs with `--local`",
    )
    gallery_port: int | None = Field(
        None,
        ge=0,
        le=65_535,
        validation_alias="G2D_GALLERY_PORT",
        description="the gallery in the browser is served there; unset: nothing listens",
    )
    gallery_host: str = Field(
        "127.0.0.1",
        validation_alias="G2D_GALLERY_HOST",
        description="the address to serve the gallery on; `0.0.0.0` is every one of the machine's",
    )
    gallery_url: Url | None = Field(
        None,
        validation_alias="G2D_GALLERY_URL",
        description="where people reach the gallery, `https://…`, through a proxy of yours that speaks TLS; with it "
        "`/history` and `/gallery` have a button that opens it",
    )
    access: Mode = Field(
        Mode.REQUEST,
        validation_alias="G2D_ACCESS",
        description="who may use the bot beside those who were let in: nobody, but they may ask (`request`), nobody "
        "(`list`), everybody at your cost (`open`)",
    )
    owners_setting: str | None = Field(
        None,
        validation_alias="G2D_OWNERS",
        description="owners of the bot beside those in the record: Telegram's user ids, `12345,6789`",
    )
    threads: int = Field(
        32,
        ge=4,
        le=500,
        validation_alias="G2D_BOT_THREADS",
        description="threads in which the bot waits for database and files: as many as it has connections to Postgres",
    )
    # Telegram gives bots files of up to 20 MB: one of them always fits.
    user_sent_mb: int = Field(
        200,
        ge=20,
        le=MOST,
        validation_alias="G2D_USER_SENT_MB",
        description="megabytes of photos and files that one person may send within 24 hours",
    )
    queue_alert_min: float = Field(
        15,
        ge=0,
        le=MOST,
        validation_alias="G2D_QUEUE_ALERT_MIN",
        description="owners are told when the oldest request in the queue has waited for so many minutes; `0`: never",
    )
    messages_per_s: int = Field(
        30,
        ge=1,
        le=1_000,
        validation_alias="G2D_MESSAGES_PER_SECOND",
        description="the most messages the bot sends in any second, to all chats together; Telegram allows about "
        "30, more where messages are paid for or the Bot API server is your own",
    )

    @field_validator("owners_setting")
    @classmethod
    def _ids(cls, value: str | None) -> str | None:
        if value and not all(re.fullmatch(r"\s*\d{1,18}\s*", one) for one in value.split(",")):
            raise ValueError("write it like this: 12345,6789 (people's Telegram ids)")
        return value

    @cached_property
    def owners(self) -> tuple[int, ...]:
        """Telegram's user ids of those who run this bot."""
        return tuple(int(one) for one in (self.owners_setting or "").split(",") if one)

    @property
    def budgets(self) -> Budgets:
        """What people may have on the owner's keys; owners are not counted."""
        return replace(super().budgets, unlimited=frozenset(self.owners))

    @property
    def mini_app_host(self) -> tuple[str, tuple[str, ...]] | None:
        """The script that Mini Apps load, and the origins that show them; None for Telegram's own."""
        return None

    @property
    def bot_id(self) -> int:
        """The bot's user id: Telegram puts it before the token's colon."""
        return int(self.telegram_bot_token.get_secret_value().partition(":")[0])


class WorkerSettings(Settings):
    """What the worker needs: it alone holds Gemini's and HuggingFace's keys."""

    google_api_key: KeyOrNone = Field(
        validation_alias="GOOGLE_API_KEY",
        description="lets Gemini write the prompts; make one at https://aistudio.google.com/apikey, "
        f"or write {OWN}: then people have to bring theirs",
    )
    hf_token: KeyOrNone = Field(
        None,
        validate_default=True,
        validation_alias="HF_TOKEN",
        description="lets HuggingFace paint; make one at https://huggingface.co/settings/tokens with the "
        f'permission "Make calls to Inference Providers", or write {OWN}: then people have to bring theirs; unset '
        "beside a Google key: Gemini's image model creates the pictures",
    )
    gemini_edits: bool = Field(
        False,
        validation_alias="G2D_GEMINI_EDITS",
        description="whether Gemini's image model (about $0.07 a picture) starts from photos and changes pictures "
        "where the chosen model can't; otherwise HuggingFace's models that can do so alone",
    )
    gemini_base_url: Url | None = Field(
        None,
        validation_alias="GOOGLE_GEMINI_BASE_URL",
        description="another address of Gemini's API; unset: Google's",
    )
    gemini_api_version: str = Field(
        "v1beta",
        validation_alias="GOOGLE_GENAI_API_VERSION",
        description="the version of Gemini's API",
    )
    hf_router_url: Url = Field(
        "https://router.huggingface.co",
        validation_alias="HF_ROUTER_URL",
        description="another address of HuggingFace's router for providers",
    )
    hf_hub_url: Url = Field(
        "https://huggingface.co",
        validation_alias="HF_ENDPOINT",
        description="another address of the HuggingFace Hub",
    )
    hf_image_hosts: Annotated[str, AfterValidator(_image_hosts)] = Field(
        PROVIDER_FILE_HOSTS,
        validation_alias="HF_IMAGE_HOSTS",
        description="where pictures may be downloaded from: hosts, `.suffixes`, or whole origins such as "
        "`http://127.0.0.1:8090`; unset: the file hosts of the providers in "
        "`shared/provider_hosts.json`",
    )
    hf_bill_to: Annotated[str, AfterValidator(_organization)] | None = Field(
        None,
        validation_alias="G2D_HF_BILL_TO",
        description="the HuggingFace organization that pays for what your `HF_TOKEN` orders, as `X-HF-Bill-To` "
        "names it; people's own tokens are billed to themselves",
    )
    endpoints_setting: str | None = Field(
        None,
        validation_alias="HF_ENDPOINTS",
        description="dedicated Inference Endpoints: `org/model=https://….endpoints.huggingface.cloud`, more after a "
        "comma",
    )
    safety: Safety = Field(
        "BLOCK_ONLY_HIGH",
        validation_alias="G2D_SAFETY",
        description="what Gemini refuses, from most (`BLOCK_LOW_AND_ABOVE`) to nothing (`OFF`)",
    )
    image_fallbacks_setting: str | None = Field(
        None,
        validation_alias="G2D_IMAGE_FALLBACKS",
        description="comma list of models to try in order when the chosen one can't be had; unset: the order of "
        "`shared/catalogue.json`",
    )
    lease_s: float = Field(
        30,
        ge=1,
        le=MOST,
        validation_alias="G2D_LEASE_S",
        description="seconds after which the jobs of a worker that fell silent are taken over; of one that was "
        "killed they are within five",
    )
    slots: int = Field(
        1024,
        ge=1,
        le=2000,
        validation_alias="G2D_WORKER_SLOTS",
        description="jobs in flight in one worker",
    )

    @field_validator("hf_token", mode="before")
    @classmethod
    def _one_can_create(cls, value: object, info: ValidationInfo) -> object:
        if value is None and info.data.get("google_api_key") is None:
            raise PydanticCustomError("missing", "Field required")
        return value

    @property
    def has_google_alone(self) -> bool:
        """Whether the owner set no HuggingFace token, and did not leave it to people to bring theirs."""
        return self.hf_token is None and "hf_token" not in self.model_fields_set

    @property
    def image_model(self) -> str | None:
        """The same; with a Google key alone it is Gemini's."""
        return self.image_model_setting or (USUAL_OF_GOOGLE if self.has_google_alone else None)

    @field_validator("hf_bill_to")
    @classmethod
    def _whose_bill(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value and info.data.get("hf_token", OWN) is None:
            raise ValueError("an organization is billed for your own HF_TOKEN alone")
        return value

    @field_validator("endpoints_setting")
    @classmethod
    def _pairs(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value and info.data.get("hf_token", OWN) is None:
            # People's tokens must not go to addresses that the owner wrote down.
            raise ValueError("endpoints of your own need your own HF_TOKEN")
        if value and not all(_is_endpoint(pair) for pair in value.split(",")):
            raise ValueError("write it like this: org/model=https://….endpoints.huggingface.cloud, more after a comma")
        return value

    @cached_property
    def endpoints(self) -> dict[str, str]:
        """Image model → URL of a dedicated Inference Endpoint that serves it."""
        pairs = (pair.strip().split("=", 1) for pair in (self.endpoints_setting or "").split(",") if pair)
        return {model: url.rstrip("/") for model, url in pairs}

    @cached_property
    def image_fallbacks(self) -> tuple[str, ...] | None:
        """Models to try in order when the wished one can't be had; None: the catalogue's own order."""
        if self.image_fallbacks_setting is None:
            return None
        return tuple(name.strip() for name in self.image_fallbacks_setting.split(",") if name.strip())


class NetworkSettings(TextSettings):
    """How this computer reaches the internet: what other programs read, too, so from the environment alone."""

    model_config = SettingsConfigDict(
        defer_build=True, env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    http_proxy: ProxyUrl | None = Field(
        None,
        validation_alias="HTTP_PROXY",
        description="the proxy for `http://` addresses: `http://host:port`, `https://host:port` or "
        "`socks5://host:port`, with `name:password@` before the host where it wants them",
    )
    https_proxy: ProxyUrl | None = Field(
        None,
        validation_alias="HTTPS_PROXY",
        description="the proxy for `https://` addresses",
    )
    all_proxy: ProxyUrl | None = Field(
        None,
        validation_alias="ALL_PROXY",
        description="the proxy for both, where there is none of their own",
    )
    no_proxy: str = Field(
        "",
        validation_alias="NO_PROXY",
        description="what is called without a proxy: hosts and all below them, addresses, networks, after commas; "
        "`*` for everything",
    )
    ssl_cert_file: CertificateFile | None = Field(
        None,
        validation_alias="SSL_CERT_FILE",
        description="a file of the only authorities whose certificates are trusted; unset: the system's and Mozilla's",
    )
    requests_ca_bundle: CertificateFile | None = Field(
        None,
        validation_alias="REQUESTS_CA_BUNDLE",
        description="the same, where `SSL_CERT_FILE` is unset",
    )
    curl_ca_bundle: CertificateFile | None = Field(
        None,
        validation_alias="CURL_CA_BUNDLE",
        description="the same, where both are unset",
    )

    @property
    def certificates(self) -> Path | None:
        """The file of the only authorities to trust."""
        return self.ssl_cert_file or self.requests_ca_bundle or self.curl_ca_bundle


class BucketSettings(TextSettings):
    """What the client of the image store also reads by itself, as far as it matters for how a bucket is reached."""

    model_config = SettingsConfigDict(defer_build=True, env_ignore_empty=True, extra="ignore", frozen=True)

    endpoint: Url | None = Field(
        None,
        validation_alias=AliasChoices("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
        description="the address of a bucket's service that is not Amazon's",
    )
    allow_http: bool = Field(
        False, validation_alias="AWS_ALLOW_HTTP", description="whether that address may begin with `http://`"
    )


def forget_proxies() -> None:
    """Take the proxies out of this process's environment, where all HTTP libraries look for them."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]


S = TypeVar("S", bound=BaseSettings)
Other = TypeVar("Other", bound=BaseSettings)


def load(kind: type[S]) -> S:
    """Read the settings of a service.

    Raises:
        SettingsError: As ``load_both``.
    """
    return load_both(kind, NetworkSettings)[0]


def load_both(kind: type[S], other: type[Other]) -> tuple[S, Other]:
    """Read the settings of two services.

    Raises:
        SettingsError: Something is missing or wrong, also about the network; the message names all of it at once.
    """
    settings, its_complaints = _read(kind)
    others, complaints_of_other = _read(other)
    complaints = its_complaints | complaints_of_other | _read(NetworkSettings)[1]
    if settings is None or others is None or complaints:
        raise SettingsError(_letter(complaints))
    IN_USE.add(secret for loaded in (settings, others) for secret in _secrets(loaded))
    return settings, others


def load_network() -> NetworkSettings:
    """Read how the internet is reached.

    Raises:
        SettingsError: A variable names no proxy, or a file without certificates.
    """
    return _load(NetworkSettings)


def load_bucket() -> BucketSettings:
    """Read how a bucket is reached."""
    return _load(BucketSettings)


def _load(kind: type[S]) -> S:
    settings, complaints = _read(kind)
    if settings is None:
        raise SettingsError(_letter(complaints))
    return settings


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with a setting; its value is not in it."""

    text: str
    is_missing: bool = False


def load_what_can_be_read(kind: type[S]) -> tuple[S, dict[str, Complaint]]:
    """Read a service's settings, with what is wrong with them by name; those have their default or a stand-in."""
    complaints: dict[str, Complaint] = {}
    token = _left_out.set(frozenset())
    try:
        settings, wrong = _read(kind)
        while settings is None:
            complaints |= wrong
            _left_out.set(frozenset(complaints))
            stand_ins = {name: _stand_in(field) for name, field in _fields(kind).items() if name in complaints}
            settings, wrong = _read(kind, stand_ins)
    finally:
        _left_out.reset(token)
    IN_USE.add(_secrets(settings))
    return settings, complaints


def read_with(kind: type[S], values: Mapping[str, object]) -> tuple[S | None, dict[str, Complaint]]:
    """Read a service's settings with these values before all others; None, and why, where they don't do."""
    settings, wrong = _read(kind, values)
    if settings is not None:
        IN_USE.add(_secrets(settings))
    return settings, wrong


def _stand_in(field: FieldInfo) -> object:
    if not field.is_required() and field.validation_alias != "HF_TOKEN":
        return field.default
    return "0:none" if field.validation_alias == "TELEGRAM_BOT_TOKEN" else OWN


def _read(kind: type[S], given: Mapping[str, object] = MappingProxyType({})) -> tuple[S | None, dict[str, Complaint]]:
    try:
        return cast("Callable[..., S]", kind)(**given), {}
    except ValidationError as error:
        return None, _complaints(kind, error)
    except UnreadableSource as error:
        return None, {error.name: Complaint(str(error))}


def _secrets(settings: BaseSettings) -> Iterator[str]:
    """What no log line and no error text may hold."""
    for value in settings.model_dump().values():
        if isinstance(value, SecretStr):
            plain = value.get_secret_value()
            yield from (plain, *plain.split(","))  # G2D_SECRET_KEY may be several


def _complaints(kind: type[BaseSettings], error: ValidationError) -> dict[str, Complaint]:
    fields = _fields(kind)
    return {
        name: Complaint(fields[name].description or "is missing", is_missing=True)
        if one["type"] == "missing"
        else Complaint(f"is wrong: {one['msg'].removeprefix('Value error, ')}")
        for one in error.errors(include_input=False)
        for place in [str(one["loc"][0])]
        # A default is known by its field's name, and what has several names by the one that was given.
        for name in [str(kind.model_fields[place].validation_alias) if place in kind.model_fields else place]
    }


def _fields(kind: type[BaseSettings]) -> dict[str, FieldInfo]:
    return {str(field.validation_alias): field for field in kind.model_fields.values()}


def _letter(complaints: Mapping[str, Complaint]) -> str:
    lines = "\n".join(f"  {name}: {complaint.text}" for name, complaint in complaints.items())
    return f"Please set {', '.join(complaints)} (in the environment or in the file .env):\n{lines}"
