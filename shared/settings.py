"""The only reader of the environment: one frozen class a service, and all that is missing named at once."""

import codecs
import logging
import os
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cached_property
from io import StringIO
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, cast
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
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from shared.access import Mode
from shared.budgets import Budgets
from shared.catalogue import Catalogue
from shared.chat_models import plain_name
from shared.prices import MICRO, Prices
from shared.redaction import IN_USE
from shared.shares import Shares
from shared.web_addresses import ImageHosts, WebAddress

WEIGHTS = r"\s*-?\d+\s*=\s*\d+(\.\d+)?\s*"
DOT_ENV = ".env"
MOST = 1_000_000_000  # of anything that is counted; every column and every timer holds it
LONGEST = 20_000  # characters of a setting
# Control characters, and what Python makes of bytes that are no UTF-8.
NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
OWN = "own"  # in a key's place: the owner has none, people bring their own
# A suffix stands only where all hosts below it are the provider's own; of hosts that anybody can rent, the exact ones.
PROVIDER_FILE_HOSTS = (
    ".fal.media,.replicate.delivery,replicate.delivery,.together.ai,.huggingface.co,"
    ".wavespeed.ai,d1q70pf5vjeyhc.cloudfront.net,d2p7pge43lyniu.cloudfront.net,d2h7xmz5gqybh9.cloudfront.net,"
    "mfile.z.ai,aigc-files.bigmodel.cn,maas-watermark-prod-new.cn-wlcb.ufileos.com"
)


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


def _none_for_own(key: Any) -> Any:
    return None if key == OWN else key


def _proxy(url: str) -> str:
    wrong = "write it like this: http://host:port, https://host:port or socks5://host:port"
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        is_one = parts.scheme in {"http", "https", "socks", "socks5", "socks5h"} and parts.port != 0
    except ValueError:
        raise ValueError(wrong) from None
    if not is_one or not parts.hostname:
        raise ValueError(wrong)
    if parts.password:
        IN_USE.add([parts.password, unquote(parts.password)])
    return url


def _certificates(file: Path) -> Path:
    try:
        ssl.create_default_context(cafile=file)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(
            f"{file} holds no certificates that can be read ({error.strerror or type(error).__name__})"
        ) from None
    return file


ProxyUrl = Annotated[str, AfterValidator(_proxy)]
CertificateFile = Annotated[Path, AfterValidator(_certificates)]
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

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        name = str(field.validation_alias)
        path = os.environ.get(f"{name}_FILE")
        return (_text_of(Path(path), f"{name}_FILE").strip() or None if path else None), name, False

    def __call__(self) -> dict[str, Any]:
        """Collect what the files hold."""
        found = {}
        for field_name, field in self.settings_cls.model_fields.items():
            value, name, _ = self.get_field_value(field, field_name)
            if value is not None:
                found[name] = value
        return found


class DotEnvSource(DotEnvSettingsSource):
    """Reads ``.env``, whichever editor wrote it."""

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


class Settings(BaseSettings):
    """What both services need.

    Attributes:
        reads_environment: Whether the environment and ``.env`` are read for what no argument gives.
    """

    reads_environment: ClassVar[bool] = True
    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True)

    data_dir: Path = Field(Path("data"), validation_alias="G2D_DATA_DIR")
    database_url_setting: str | None = Field(None, validation_alias="DATABASE_URL")
    redis_url: Annotated[str, AfterValidator(_redis)] | None = Field(None, validation_alias="REDIS_URL")
    image_store_url_setting: str | None = Field(None, validation_alias="IMAGE_STORE_URL")
    chat_model: str = Field("gemini-3.8-flash", validation_alias="G2D_CHAT_MODEL")
    image_model: str | None = Field(None, validation_alias="G2D_IMAGE_MODEL")
    styles_file_setting: Path | None = Field(None, validation_alias="G2D_STYLES_FILE")
    job_deadline_s: float = Field(600, gt=0, le=MOST, validation_alias="G2D_JOB_DEADLINE_S")
    user_in_flight: int = Field(20, ge=1, le=MOST, validation_alias="G2D_USER_IN_FLIGHT")
    user_queued: int = Field(200, ge=1, le=MOST, validation_alias="G2D_USER_QUEUED")
    group_queued: int = Field(500, ge=1, le=MOST, validation_alias="G2D_GROUP_QUEUED")
    user_batched: int = Field(5_000, ge=1, le=MOST, validation_alias="G2D_USER_BATCHED")
    user_questions_in_flight: int = Field(5, ge=1, le=MOST, validation_alias="G2D_USER_QUESTIONS_IN_FLIGHT")
    user_questions: int = Field(50, ge=1, le=MOST, validation_alias="G2D_USER_QUESTIONS")
    group_questions: int = Field(200, ge=1, le=MOST, validation_alias="G2D_GROUP_QUESTIONS")
    guest_pictures: int = Field(5, ge=1, le=10_000, validation_alias="G2D_GUEST_PICTURES")
    weights_setting: str | None = Field(None, validation_alias="G2D_WEIGHTS")
    user_pictures_day: int = Field(50, ge=0, le=MOST, validation_alias="G2D_USER_PICTURES_DAY")
    user_pictures_month: int = Field(500, ge=0, le=MOST, validation_alias="G2D_USER_PICTURES_MONTH")
    group_pictures_day: int = Field(100, ge=0, le=MOST, validation_alias="G2D_GROUP_PICTURES_DAY")
    user_tokens_day: int = Field(500_000, ge=0, le=MOST, validation_alias="G2D_USER_TOKENS_DAY")
    money_day: float = Field(30, ge=0, le=1_000_000, validation_alias="G2D_MONEY_DAY")
    money_month: float = Field(300, ge=0, le=1_000_000, validation_alias="G2D_MONEY_MONTH")
    chat_models_setting: str | None = Field(None, validation_alias="G2D_CHAT_MODELS")
    output_tokens: int = Field(8_192, ge=0, le=MOST, validation_alias="G2D_OUTPUT_TOKENS")
    prices_file: Path | None = Field(None, validation_alias="G2D_PRICES")
    batch_pictures: int = Field(1_000, ge=1, le=100_000, validation_alias="G2D_BATCH_PICTURES")
    log_format: Literal["console", "json"] | None = Field(None, validation_alias="G2D_LOG_FORMAT")
    log_level: Annotated[str, AfterValidator(_level)] = Field("INFO", validation_alias="G2D_LOG_LEVEL")
    secret_key: Key | None = Field(None, validation_alias="G2D_SECRET_KEY")
    heartbeat_file: Path | None = Field(None, validation_alias="G2D_HEARTBEAT_FILE")

    @field_validator("*", mode="before")
    @classmethod
    def _text(cls, value: object) -> object:
        if isinstance(value, str) and NO_TEXT.search(value):
            raise ValueError("holds bytes that are no text (write it again, and save a file as UTF-8)")
        if isinstance(value, str) and len(value) > LONGEST:
            raise ValueError(f"is longer than {LONGEST:,} characters")
        return value

    @field_validator("weights_setting")
    @classmethod
    def _weights(cls, value: str | None) -> str | None:
        pairs = (value or "").split(",") if value else []
        if not all(re.fullmatch(WEIGHTS, pair) and float(pair.partition("=")[2]) > 0 for pair in pairs):
            raise ValueError("write it like this: 12345=4,6789=0.5 (a person's Telegram id, and a weight above 0)")
        return value

    @field_validator("prices_file")
    @classmethod
    def _table(cls, value: Path | None) -> Path | None:
        if value is not None:
            Prices(value)
        return value

    @cached_property
    def shares(self) -> Shares:
        """The terms on which people share the queue."""
        pairs = (pair.split("=") for pair in (self.weights_setting or "").split(",") if pair)
        return Shares(
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
        scheme, separator, rest = url.partition("://")
        return f"postgresql+psycopg://{rest}" if separator and scheme in {"postgresql", "postgres"} else url

    @property
    def styles_file(self) -> Path | None:
        """The owner's own styles: the file that was named, else ``styles.toml`` in the data folder if there is one."""
        usual = self.data_dir.resolve() / "styles.toml"
        return self.styles_file_setting or (usual if usual.exists() else None)

    @property
    def image_store_url(self) -> str:
        """Where originals are kept."""
        return self.image_store_url_setting or (self.data_dir.resolve() / "images").as_uri()


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
    telegram_api_url: Url = Field("https://api.telegram.org", validation_alias="TELEGRAM_API_URL")
    group_follow_ups: GroupFollowUps = Field("mention", validation_alias="G2D_GROUP_FOLLOW_UPS")
    bot_api_files: Path | None = Field(None, validation_alias="G2D_BOT_API_FILES")
    access: Mode = Field(Mode.REQUEST, validation_alias="G2D_ACCESS")
    owners_setting: str | None = Field(None, validation_alias="G2D_OWNERS")
    threads: int = Field(32, ge=4, le=500, validation_alias="G2D_BOT_THREADS")
    # Telegram gives bots files of up to 20 MB: one of them always fits.
    user_sent_mb: int = Field(200, ge=20, le=MOST, validation_alias="G2D_USER_SENT_MB")
    messages_per_s: int = Field(30, ge=1, le=1_000, validation_alias="G2D_MESSAGES_PER_SECOND")

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
        validation_alias="HF_TOKEN",
        description="lets HuggingFace paint; make one at https://huggingface.co/settings/tokens with the "
        f'permission "Make calls to Inference Providers", or write {OWN}: then people have to bring theirs',
    )
    gemini_base_url: Url | None = Field(None, validation_alias="GOOGLE_GEMINI_BASE_URL")
    gemini_api_version: str = Field("v1beta", validation_alias="GOOGLE_GENAI_API_VERSION")
    hf_router_url: Url = Field("https://router.huggingface.co", validation_alias="HF_ROUTER_URL")
    hf_hub_url: Url = Field("https://huggingface.co", validation_alias="HF_ENDPOINT")
    hf_image_hosts: Annotated[str, AfterValidator(_image_hosts)] = Field(
        PROVIDER_FILE_HOSTS, validation_alias="HF_IMAGE_HOSTS"
    )
    endpoints_setting: str | None = Field(None, validation_alias="HF_ENDPOINTS")
    safety: Safety = Field("BLOCK_ONLY_HIGH", validation_alias="G2D_SAFETY")
    image_fallbacks_setting: str | None = Field(None, validation_alias="G2D_IMAGE_FALLBACKS")
    keep_sent_days: float = Field(7, gt=0, le=3650, validation_alias="G2D_KEEP_SENT_DAYS")
    lease_s: float = Field(30, ge=1, le=MOST, validation_alias="G2D_LEASE_S")
    slots: int = Field(128, ge=1, le=2000, validation_alias="G2D_WORKER_SLOTS")

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


class NetworkSettings(BaseSettings):
    """How this computer reaches the internet: what other programs read, too, so from the environment alone."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True)

    http_proxy: ProxyUrl | None = Field(None, validation_alias="HTTP_PROXY")
    https_proxy: ProxyUrl | None = Field(None, validation_alias="HTTPS_PROXY")
    all_proxy: ProxyUrl | None = Field(None, validation_alias="ALL_PROXY")
    no_proxy: str = Field("", validation_alias="NO_PROXY")
    ssl_cert_file: CertificateFile | None = Field(None, validation_alias="SSL_CERT_FILE")
    requests_ca_bundle: CertificateFile | None = Field(None, validation_alias="REQUESTS_CA_BUNDLE")
    curl_ca_bundle: CertificateFile | None = Field(None, validation_alias="CURL_CA_BUNDLE")

    @property
    def certificates(self) -> Path | None:
        """The file of the only authorities to trust."""
        return self.ssl_cert_file or self.requests_ca_bundle or self.curl_ca_bundle


class BucketSettings(BaseSettings):
    """What the client of the image store also reads by itself, as far as it matters for how a bucket is reached."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    endpoint: str | None = Field(
        None, validation_alias=AliasChoices("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    )
    allow_http: bool = Field(False, validation_alias="AWS_ALLOW_HTTP")


def forget_proxies() -> None:
    """Take the proxies out of this process's environment, where all HTTP libraries look for them."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]


def load(*kinds: type[Settings]) -> tuple[Any, ...]:
    """Read the settings of one or more services.

    Raises:
        SettingsError: Something is missing or wrong, also about the network; the message names all of it at once.
    """
    *loaded, _ = _load(*kinds, NetworkSettings)
    IN_USE.add(secret for one in loaded for secret in _secrets(one))
    return tuple(loaded)


def load_network() -> NetworkSettings:
    """Read how the internet is reached.

    Raises:
        SettingsError: A variable names no proxy, or a file without certificates.
    """
    network: NetworkSettings = _load(NetworkSettings)[0]
    return network


def load_bucket() -> BucketSettings:
    """Read how a bucket is reached."""
    bucket: BucketSettings = _load(BucketSettings)[0]
    return bucket


def _load(*kinds: type[BaseSettings]) -> tuple[Any, ...]:
    loaded: list[Any] = []
    complaints: dict[str, Complaint] = {}
    for kind in kinds:
        read, wrong = _read(kind)
        complaints |= wrong
        if read is not None:
            loaded.append(read)
    if complaints:
        raise SettingsError(_letter(complaints))
    return tuple(loaded)


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with a setting; its value is not in it."""

    text: str
    is_missing: bool = False


def load_what_can_be_read(kind: type[Settings]) -> tuple[Any, dict[str, Complaint]]:
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


def _stand_in(field: FieldInfo) -> object:
    if not field.is_required():
        return field.default
    return "0:none" if field.validation_alias == "TELEGRAM_BOT_TOKEN" else OWN


def _read(
    kind: type[BaseSettings], given: Mapping[str, object] = MappingProxyType({})
) -> tuple[Any, dict[str, Complaint]]:
    try:
        return cast("Callable[..., BaseSettings]", kind)(**given), {}
    except ValidationError as error:
        return None, _complaints(kind, error)
    except UnreadableSource as error:
        return None, {error.name: Complaint(str(error))}


def _secrets(settings: Settings) -> Iterator[str]:
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
        for name in [str(one["loc"][0])]
    }


def _fields(kind: type[BaseSettings]) -> dict[str, FieldInfo]:
    return {str(field.validation_alias): field for field in kind.model_fields.values()}


def _letter(complaints: Mapping[str, Complaint]) -> str:
    lines = "\n".join(f"  {name}: {complaint.text}" for name, complaint in complaints.items())
    return f"Please set {', '.join(complaints)} (in the environment or in the file .env):\n{lines}"
