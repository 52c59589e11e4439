"""The settings, as the owner of an installation gives them."""

import errno
from pathlib import Path

import pytest
from pydantic import AliasChoices, ValidationError

from services.startup import alone_in, opened
from shared import redaction
from shared.images import Images
from shared.key_cipher import cipher_for
from shared.network import Network, Proxy
from shared.settings import (
    BotSettings,
    BucketSettings,
    NetworkSettings,
    Settings,
    SettingsError,
    TextSettings,
    WorkerSettings,
    load,
    load_both,
    load_what_can_be_read,
)
from shared.styles import Styles

TOKEN = "4242:AAH-abc_DEF0123456789abcdefghijklmno"
KEYS = {"TELEGRAM_BOT_TOKEN": TOKEN, "GOOGLE_API_KEY": "AIza-key", "HF_TOKEN": "hf_0123456789"}


@pytest.fixture(autouse=True)
def an_empty_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No setting from outside: an empty working directory and none of our variables."""
    monkeypatch.chdir(tmp_path)
    for kind in (Settings, BotSettings, WorkerSettings):
        for field in kind.model_fields.values():
            monkeypatch.delenv(str(field.validation_alias), raising=False)
            monkeypatch.delenv(f"{field.validation_alias}_FILE", raising=False)
    return tmp_path


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


class TestWhatIsMissing:
    def test_all_of_it_is_named_at_once(self) -> None:
        with pytest.raises(SettingsError) as caught:
            load_both(BotSettings, WorkerSettings)

        first_line = str(caught.value).splitlines()[0]
        assert first_line.startswith("Please set TELEGRAM_BOT_TOKEN, GOOGLE_API_KEY, HF_TOKEN")

    def test_each_name_comes_with_what_it_is_for(self) -> None:
        with pytest.raises(SettingsError, match=r"(?s)TELEGRAM_BOT_TOKEN: .*BotFather.*GOOGLE_API_KEY: .*aistudio"):
            load_both(BotSettings, WorkerSettings)

    def test_its_secrets_are_in_no_log_line_from_then_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(redaction, "IN_USE", redaction.SecretsInUse())
        monkeypatch.setattr("shared.settings.IN_USE", redaction.IN_USE)
        monkeypatch.setenv("GOOGLE_API_KEY", "an-odd-key-of-google")
        monkeypatch.setenv("HF_TOKEN", "an-odd-token")

        load(WorkerSettings)

        assert redaction.redact("an-odd-key-of-google an-odd-token") == "[secret] [secret]"

    def test_a_service_asks_for_its_own_keys_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TELEGRAM_BOT_TOKEN", TOKEN)
        bot = load(BotSettings)

        assert not {"google_api_key", "hf_token"} & set(bot.model_dump())
        with pytest.raises(SettingsError) as caught:
            load(WorkerSettings)
        assert "TELEGRAM" not in str(caught.value)

    def test_an_empty_value_is_as_good_as_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "")
        monkeypatch.setenv("REDIS_URL", "")

        with pytest.raises(SettingsError, match="TELEGRAM_BOT_TOKEN"):
            load(BotSettings)
        assert Settings().embedded


class TestAnOwnerWithoutKeys:
    def test_says_so_in_each_key_s_place(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GOOGLE_API_KEY", "own")
        monkeypatch.setenv("HF_TOKEN", "hf_0123456789")

        worker = load(WorkerSettings)

        assert worker.google_api_key is None
        assert worker.hf_token.get_secret_value() == "hf_0123456789"

    def test_who_forgot_a_key_reads_of_both_ways(self) -> None:
        with pytest.raises(SettingsError, match=r"(?s)GOOGLE_API_KEY: .*own.*HF_TOKEN: .*own"):
            load(WorkerSettings)

    def test_does_not_get_people_s_tokens_sent_to_endpoints_of_theirs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("GOOGLE_API_KEY", "HF_TOKEN"):
            monkeypatch.setenv(name, "own")
        monkeypatch.setenv("HF_ENDPOINTS", "me/mine=https://x.endpoints.huggingface.cloud")

        with pytest.raises(SettingsError, match="your own HF_TOKEN"):
            load(WorkerSettings)


class TestWhatIsWrong:
    @pytest.mark.usefixtures("keys")
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("GOOGLE_API_KEY", "AIzá-key"),
            ("GOOGLE_API_KEY", "AIza\u200bkey"),
            ("HF_TOKEN", "hf_ token"),
            ("HF_TOKEN", "hf_\ntoken"),
            ("TELEGRAM_BOT_TOKEN", "4242:“quoted”"),
            ("TELEGRAM_BOT_TOKEN", "no number and no colon".replace(" ", "-")),
            ("TELEGRAM_BOT_TOKEN", "bot:secret"),
            ("TELEGRAM_BOT_TOKEN", "4242:"),
            ("G2D_JOB_DEADLINE_S", "soon"),
            ("G2D_JOB_DEADLINE_S", "-1"),
            ("G2D_WORKER_SLOTS", "0"),
            ("G2D_LOG_FORMAT", "xml"),
            ("G2D_LOG_LEVEL", "LOUD"),
        ],
    )
    def test_it_is_named_and_its_value_is_not_shown(
        self, monkeypatch: pytest.MonkeyPatch, name: str, value: str
    ) -> None:
        monkeypatch.setenv(name, value)

        with pytest.raises(SettingsError) as caught:
            load_both(BotSettings, WorkerSettings)

        assert str(caught.value).startswith(f"Please set {name} (")
        assert f"{name}: is wrong" in str(caught.value)
        assert value not in str(caught.value)

    def test_missing_and_wrong_ones_come_in_one_letter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GOOGLE_API_KEY", "ä")

        with pytest.raises(SettingsError, match="Please set GOOGLE_API_KEY, HF_TOKEN"):
            load(WorkerSettings)


class TestNameFile:
    """``NAME_FILE`` holds the path of a file with the value, as Docker's secrets do."""

    def test_the_value_is_read_from_the_file(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text(f"{TOKEN}\n", encoding="utf-8")
        monkeypatch.setenv("TELEGRAM_BOT_TOKEN_FILE", str(tmp_path / "secret"))

        bot = load(BotSettings)

        assert bot.telegram_bot_token.get_secret_value() == TOKEN

    def test_the_variable_itself_goes_before_it(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("4242:from-the-file", encoding="utf-8")
        monkeypatch.setenv("TELEGRAM_BOT_TOKEN_FILE", str(tmp_path / "secret"))
        monkeypatch.setenv("TELEGRAM_BOT_TOKEN", TOKEN)

        bot = load(BotSettings)

        assert bot.telegram_bot_token.get_secret_value() == TOKEN

    def test_a_file_that_is_not_there_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TELEGRAM_BOT_TOKEN_FILE", "/nowhere/secret")

        with pytest.raises(SettingsError, match=r"TELEGRAM_BOT_TOKEN_FILE: can't be read: /nowhere/secret"):
            load(BotSettings)

    def test_a_file_that_is_no_text_is_named(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "secret").write_bytes(b"\xff\xfe\x00")
        monkeypatch.setenv("TELEGRAM_BOT_TOKEN_FILE", str(tmp_path / "secret"))

        with pytest.raises(SettingsError, match="TELEGRAM_BOT_TOKEN"):
            load(BotSettings)

    def test_an_empty_path_is_as_good_as_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REDIS_URL_FILE", "")

        assert Settings().embedded


class TestDotEnv:
    def test_it_is_read_in_the_working_directory(self, tmp_path: Path) -> None:
        lines = "".join(f"{name}={value}\n" for name, value in KEYS.items())
        (tmp_path / ".env").write_text(f"# keys\n{lines}REDIS_URL=\nSOMETHING_ELSE=1\n", encoding="utf-8")

        bot, worker = load_both(BotSettings, WorkerSettings)

        assert bot.telegram_bot_token.get_secret_value() == TOKEN
        assert worker.hf_token.get_secret_value() == KEYS["HF_TOKEN"]
        assert bot.embedded

    def test_the_environment_and_files_go_before_it(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("GOOGLE_API_KEY=a\nHF_TOKEN=a\n", encoding="utf-8")
        (tmp_path / "secret").write_text("from-a-file", encoding="utf-8")
        monkeypatch.setenv("GOOGLE_API_KEY", "from-the-environment")
        monkeypatch.setenv("HF_TOKEN_FILE", str(tmp_path / "secret"))

        worker = load(WorkerSettings)

        assert worker.google_api_key.get_secret_value() == "from-the-environment"
        assert worker.hf_token.get_secret_value() == "from-a-file"

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le+", "utf-16-be+", "utf-32"])
    @pytest.mark.parametrize("line_end", ["\n", "\r\n"])
    def test_it_is_read_in_whatever_encoding_names_itself(self, tmp_path: Path, encoding: str, line_end: str) -> None:
        text = line_end.join(["# für den Fuchs 🦊", "GOOGLE_API_KEY=AIza-key", 'HF_TOKEN="hf_0123456789"', ""])
        mark = "\ufeff" if encoding.endswith("+") else ""
        (tmp_path / ".env").write_bytes((mark + text).encode(encoding.rstrip("+")))

        worker = load(WorkerSettings)

        assert worker.google_api_key.get_secret_value() == "AIza-key"
        assert worker.hf_token.get_secret_value() == "hf_0123456789"

    def test_bytes_of_another_encoding_do_no_harm_in_a_comment(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_bytes("# für mich\nGOOGLE_API_KEY=a\nHF_TOKEN=b\n".encode("latin-1"))

        worker = load(WorkerSettings)

        assert worker.hf_token.get_secret_value() == "b"

    @pytest.mark.parametrize("name", ["GOOGLE_API_KEY", "G2D_DATA_DIR", "G2D_CHAT_MODEL", "IMAGE_STORE_URL"])
    def test_bytes_of_another_encoding_in_a_setting_are_complained_of(self, tmp_path: Path, name: str) -> None:
        (tmp_path / ".env").write_bytes(f"HF_TOKEN=b\n{name}=für\n".encode("latin-1"))

        with pytest.raises(SettingsError, match=f"{name}: is wrong"):
            load(WorkerSettings)

    @pytest.mark.parametrize(
        "content", [b"\x7fELF\x00\x01\xff", b"\xff\xfe\x00", b"\xff\xfe\x00\xd8", "a=b\n".encode("utf-16-le")]
    )
    def test_one_that_is_no_text_is_one_line(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / ".env").write_bytes(content)

        with pytest.raises(SettingsError, match=r"\.env: can't be read: \.env is no text file") as caught:
            load(Settings)

        assert len(str(caught.value).splitlines()) == 2

    def test_in_a_folder_that_may_not_be_looked_into_is_one_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(file: Path) -> bool:
            raise PermissionError(errno.EACCES, "Permission denied", str(file))

        monkeypatch.setattr(Path, "is_file", refuse)  # Tests may run as root, whom nothing is refused.

        with pytest.raises(SettingsError, match=r"\.env: can't be read: \.env: Permission denied"):
            load(Settings)
        assert load_what_can_be_read(Settings)[1].keys() == {".env"}


class TestDefaults:
    def test_without_a_broker_everything_is_in_one_folder(self, an_empty_room: Path) -> None:
        settings = Settings()

        assert settings.embedded
        assert settings.database_url == f"sqlite:///{an_empty_room}/data/g2d.db"
        assert settings.image_store_url == f"file://{an_empty_room}/data/images"

    def test_the_folder_can_be_another(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("G2D_DATA_DIR", "/srv/pictures of foxes")

        assert Settings().database_url == "sqlite:////srv/pictures of foxes/g2d.db"
        assert Settings().image_store_url == "file:///srv/pictures%20of%20foxes/images"

    @pytest.mark.usefixtures("keys")
    def test_services_are_where_they_are_for_everybody(self) -> None:
        bot, worker = load_both(BotSettings, WorkerSettings)

        assert bot.telegram_api_url == "https://api.telegram.org"
        assert (worker.hf_router_url, worker.hf_hub_url) == (
            "https://router.huggingface.co",
            "https://huggingface.co",
        )
        assert worker.gemini_base_url is None
        assert worker.gemini_api_version == "v1beta"


class TestUrls:
    @pytest.mark.parametrize(
        ("given", "used"),
        [
            ("postgresql://u:p@db/g2d", "postgresql+psycopg://u:p@db/g2d"),
            ("postgres://u:p@db/g2d", "postgresql+psycopg://u:p@db/g2d"),
            ("postgresql+psycopg://db/g2d", "postgresql+psycopg://db/g2d"),
            ("sqlite:////srv/g2d.db", "sqlite:////srv/g2d.db"),
        ],
    )
    def test_postgres_is_spoken_to_with_psycopg_3(self, monkeypatch: pytest.MonkeyPatch, given: str, used: str) -> None:
        monkeypatch.setenv("DATABASE_URL", given)

        assert Settings().database_url == used

    @pytest.mark.usefixtures("keys")
    def test_a_slash_at_the_end_is_one_too_many(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TELEGRAM_API_URL", "http://127.0.0.1:8090/telegram/")

        bot = load(BotSettings)

        assert bot.telegram_api_url == "http://127.0.0.1:8090/telegram"


@pytest.mark.usefixtures("keys")
class TestValues:
    def test_the_bots_id_is_in_its_token(self) -> None:
        bot = load(BotSettings)

        assert bot.bot_id == 4242

    def test_keys_are_not_shown_by_accident(self) -> None:
        for settings in load_both(BotSettings, WorkerSettings):
            for key in KEYS.values():
                assert key not in repr(settings)
                assert key not in str(settings.model_dump())

    def test_settings_stay_as_they_were_read(self) -> None:
        bot = load(BotSettings)

        with pytest.raises(ValidationError):
            bot.log_level = "DEBUG"

    @pytest.mark.parametrize("level", ["debug", "DEBUG", "Warning"])
    def test_a_level_may_be_written_in_any_case(self, monkeypatch: pytest.MonkeyPatch, level: str) -> None:
        monkeypatch.setenv("G2D_LOG_LEVEL", level)

        assert Settings().log_level == level.upper()

    @pytest.mark.parametrize(
        ("given", "read"),
        [(None, None), ("a/b, c/d,", ("a/b", "c/d")), (" , ", ())],
        ids=["none given", "a list", "an empty list"],
    )
    def test_fallbacks_are_a_list(
        self, monkeypatch: pytest.MonkeyPatch, given: str | None, read: tuple[str, ...] | None
    ) -> None:
        if given is not None:
            monkeypatch.setenv("G2D_IMAGE_FALLBACKS", given)

        worker = load(WorkerSettings)

        assert worker.image_fallbacks == read


@pytest.mark.usefixtures("keys")
class TestWhoIsBilled:
    def test_is_an_organization_by_its_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("G2D_HF_BILL_TO", "my-studio")
        settings = load(WorkerSettings)

        assert settings.hf_bill_to == "my-studio"

    @pytest.mark.parametrize("wrong", ["my studio", "https://huggingface.co/studio", "studio\r\nX: y", "-x", "é"])
    def test_that_is_no_name_is_complained_of(self, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
        monkeypatch.setenv("G2D_HF_BILL_TO", wrong)

        with pytest.raises(SettingsError, match="G2D_HF_BILL_TO: is wrong"):
            load(WorkerSettings)

    def test_needs_the_owners_token(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("G2D_HF_BILL_TO", "my-studio")
        monkeypatch.setenv("HF_TOKEN", "own")

        with pytest.raises(SettingsError, match="your own HF_TOKEN alone"):
            load(WorkerSettings)


@pytest.mark.usefixtures("keys")
class TestOwners:
    def test_are_nobody_unless_named(self) -> None:
        settings = load(BotSettings)

        assert settings.owners == ()

    def test_are_named_by_their_ids(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("G2D_OWNERS", "12345, 6789")
        settings = load(BotSettings)

        assert settings.owners == (12345, 6789)

    @pytest.mark.parametrize("wrong", ["@ada", "-1001", "12345;6789", "12345,,6789", "0x10"])
    def test_that_are_no_ids_are_complained_of(self, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
        monkeypatch.setenv("G2D_OWNERS", wrong)

        with pytest.raises(SettingsError, match="G2D_OWNERS: is wrong"):
            load(BotSettings)


ADDRESSES = [
    *("TELEGRAM_API_URL", "GOOGLE_GEMINI_BASE_URL", "HF_ROUTER_URL", "HF_ENDPOINT", "HF_IMAGE_HOSTS", "HF_ENDPOINTS"),
    *("REDIS_URL", "DATABASE_URL", "G2D_DATABASE_DIRECT_URL", "IMAGE_STORE_URL", "G2D_GALLERY_URL"),
]


def start() -> None:
    """What of a start reads addresses."""
    for settings in load_both(BotSettings, WorkerSettings):
        with opened(settings):
            Images(settings.image_store_url)


NONSENSE = {
    "spaces": "   ",
    "a control character": "a\x1b[31mb",
    "bytes that are no text": "\udcff\udcfe",
    "a number far too large": "9" * 400,
    "a number below all": "-1",
    "no number": "nan",
    "infinity": "1e999",
    "JSON": '{"a": [1',
    "half an address": "http://[",
    "signs with a meaning": "%s%00=;,,@:/../..",
    "a picture": "🦊",
    "far too long": "x" * 100_000,
}


def start_with(kind: type[TextSettings]) -> None:
    """What of a start reads settings, but for what needs a network."""
    settings = load(kind)
    numbers = [value for value in settings.model_dump().values() if isinstance(value, int | float)]
    assert max(numbers, default=0) < 2**31, "a number that no column and no timer holds"
    for read_later in ("queue_policy", "budgets", "owners", "bot_id", "endpoints", "image_fallbacks"):
        getattr(settings, read_later, None)
    if kind is BucketSettings:
        Images("s3://bucket/pictures")
    if isinstance(settings, NetworkSettings):
        for text in filter(None, (settings.http_proxy, settings.https_proxy, settings.all_proxy)):
            Proxy.read(text)
        Network.of_environment().proxy_for("https://api.telegram.org")
    if kind is Settings:
        assert isinstance(settings, Settings)
        with alone_in(settings), opened(settings):
            Images(settings.image_store_url)
            cipher_for(settings)
        Styles(settings.styles_file)


@pytest.mark.usefixtures("keys")
class TestNonsense:
    """In any setting it is taken, or told in one line that names the setting; nothing else is thrown."""

    @pytest.mark.parametrize("kind", NONSENSE)
    @pytest.mark.parametrize("settings", [Settings, BotSettings, WorkerSettings, NetworkSettings, BucketSettings])
    def test_of_a_kind(self, kind: str, settings: type[TextSettings], monkeypatch: pytest.MonkeyPatch) -> None:
        told = {}
        own = settings.model_fields.keys() - (Settings.model_fields.keys() if settings is not Settings else set())
        for field in own:
            alias = settings.model_fields[field].validation_alias
            name = str(alias.choices[0] if isinstance(alias, AliasChoices) else alias)
            with monkeypatch.context() as patch:
                patch.setenv(name, NONSENSE[kind])
                told[name] = self.what_is_told(settings)

        assert {name: lines for name, lines in told.items() if lines and not self.names(name, lines)} == {}

    @staticmethod
    def what_is_told(kind: type[TextSettings]) -> list[str]:
        try:
            start_with(kind)
        except SettingsError as error:
            return [line for line in str(error).splitlines() if not line.startswith("Please set ")] or [str(error)]
        except Exception as error:  # noqa: BLE001 - This is what must not be thrown.
            return [f"{type(error).__name__}: {error}"[:300]]
        return []

    @staticmethod
    def names(name: str, lines: list[str]) -> bool:
        return len(lines) == 1 and name in lines[0] and len(lines[0]) < 2_000 and lines[0].isprintable()


class TestAddresses:
    def test_are_all_known_to_this_test(self) -> None:
        named = {
            str(field.validation_alias)
            for kind in (BotSettings, WorkerSettings)
            for field in kind.model_fields.values()
        }

        assert {name for name in named if name.endswith(("URL", "HOSTS", "ENDPOINT", "ENDPOINTS"))} == set(ADDRESSES)

    @pytest.mark.usefixtures("keys")
    @pytest.mark.parametrize("name", ADDRESSES)
    @pytest.mark.parametrize(
        "value",
        [
            "nonsense at all",
            "https://",
            "https://[",
            "https://[::1",
            "https://host:port",
            "https://a b",
            "ftp://host",
            "\\\\x",
        ],
    )
    def test_that_are_none_are_one_line_that_names_the_setting(
        self, monkeypatch: pytest.MonkeyPatch, name: str, value: str
    ) -> None:
        monkeypatch.setenv(name, f"org/model={value}" if name == "HF_ENDPOINTS" else value)

        with pytest.raises(SettingsError) as caught:
            start()

        told = str(caught.value).splitlines()
        assert name in told[-1]
        assert len(told) <= 2

    @pytest.mark.usefixtures("keys")
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("TELEGRAM_API_URL", "http://bot-api:8081"),
            ("GOOGLE_GEMINI_BASE_URL", "http://127.0.0.1:8090/gemini/"),
            ("HF_ROUTER_URL", "http://[::1]:8090/router"),
            ("HF_ENDPOINT", "https://hf-mirror.example"),
            ("HF_IMAGE_HOSTS", ".fal.media, replicate.delivery,http://127.0.0.1:8090"),
            ("HF_ENDPOINTS", "org/model=https://x.endpoints.huggingface.cloud, a/b=http://10.0.0.5:80/"),
            ("REDIS_URL", "redis://redis"),
            # pragma: allowlist nextline secret
            ("REDIS_URL", "rediss://user:pass%40word@redis.example:6380/13?ssl_cert_reqs=none"),
            ("IMAGE_STORE_URL", "s3://bucket/prefix"),
        ],
    )
    def test_that_are_some_are_taken(self, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
        monkeypatch.setenv(name, value)

        load_both(BotSettings, WorkerSettings)
