"""``g2d doctor``: a line for each thing that an installation needs, with what to do where it is wrong."""

import errno
import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from typer.testing import CliRunner

from sandbox.app import Sandbox
from sandbox.client import SandboxClient
from services.cli import app
from services.doctor import at_start, checks, network, services, storage
from services.doctor.calls import NotReached, as_bot, as_painter, as_prompt_writer, reason
from services.doctor.findings import Finding, Verdict, as_json, bad, good, skipped, status
from services.doctor.report import about_settings, check_files, read_installation, select_services
from services.doctor.storage import PATIENCE_S
from shared.migrations import Tables
from shared.settings import PROVIDER_FILE_HOSTS, BotSettings, Complaint, Settings, SettingsError, WorkerSettings
from shared.store.database import Database
from shared.store.server import shares_connections
from tests.servers import RedisServer, away

TOKEN = "4242:AAD-doctor-doctor-doctor-doctor-docto"
GOOGLE_KEY = "AIzaSyDoctorDoctorDoctorDoctorDoctorDoc"
HF_TOKEN = "hf_doctordoctordoctordoctordoctordoc"
SECRETS = (TOKEN, TOKEN.partition(":")[2], GOOGLE_KEY, HF_TOKEN)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with Sandbox() as sandbox:
        yield sandbox.url


@pytest.fixture
def world(url: str) -> Iterator[SandboxClient]:
    """The services' stand-ins, without faults of earlier tests."""
    with SandboxClient(url) as client:
        client.clear_faults()
        yield client


def variables(url: str) -> dict[str, str]:
    """An owner's settings, for services at this address."""
    return {
        "TELEGRAM_BOT_TOKEN": TOKEN,
        "TELEGRAM_API_URL": f"{url}/telegram",
        "GOOGLE_API_KEY": GOOGLE_KEY,
        "GOOGLE_GEMINI_BASE_URL": f"{url}/gemini",
        "HF_TOKEN": HF_TOKEN,
        "HF_ROUTER_URL": f"{url}/router",
        "HF_ENDPOINT": f"{url}/hub",
    }


def bot_at(url: str, **changes: str) -> BotSettings:
    return BotSettings.model_validate(variables(url) | changes)


def worker_at(url: str, **changes: str) -> WorkerSettings:
    return WorkerSettings.model_validate(variables(url) | changes)


def only(findings: Sequence[Finding]) -> Finding:
    assert len(findings) == 1, findings
    return findings[0]


class TestLines:
    def test_say_what_was_found_and_what_to_do(self) -> None:
        assert good("Disk", "empty").line == "✔ Disk: empty"
        assert bad("Disk", "full", "make room").line == "✘ Disk: full: make room"
        assert skipped("Redis", "not set").line == "– Redis: not set"

    def test_hold_no_secret_and_nothing_that_a_terminal_obeys(self) -> None:
        line = bad("Gemini key", f"they say:\n\x1b[31m{GOOGLE_KEY} at https://ada:pass-word@proxy").line

        assert GOOGLE_KEY not in line
        assert "pass-word" not in line
        assert line.isprintable()

    def test_for_programs_say_the_same(self) -> None:
        shown = json.loads(as_json([bad("Disk", "full", "make room")]))

        assert shown == [{"check": "Disk", "says": "full", "cure": "make room", "verdict": "bad"}]

    def test_of_which_one_is_bad_fail(self) -> None:
        assert status([good("a", ""), skipped("b", "")]) == 0
        assert status([good("a", ""), bad("b", "")]) == 1


class TestRunning:
    def test_goes_on_side_by_side_and_tells_in_order(self) -> None:
        together = threading.Barrier(2, timeout=5)

        def check(name: str) -> Sequence[Finding]:
            together.wait()
            return [good(name, "met the other")]

        found = checks.run({"b": lambda: check("b"), "a": lambda: check("a")})

        assert [one.check for one in found] == ["b", "a"]
        assert {one.verdict for one in found} == {Verdict.GOOD}

    def test_a_bug_in_one_is_a_line(self) -> None:
        def broken() -> Sequence[Finding]:
            raise KeyError(TOKEN)

        found = checks.run({"broken": broken, "sound": lambda: [good("sound", "")]})

        assert [one.verdict for one in found] == [Verdict.BAD, Verdict.GOOD]
        assert found[0].line == "✘ broken: this check has a bug (KeyError): please report it"

    def test_what_this_machine_refuses_is_a_line(self) -> None:
        def full() -> Sequence[Finding]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/data/doctor")

        assert only(checks.run({"Disk": full})).line == "✘ Disk: /data/doctor: No space left on device"

    def test_a_wrong_setting_is_a_line(self) -> None:
        def refused() -> Sequence[Finding]:
            raise SettingsError("DATABASE_URL is\nno address")

        assert only(checks.run({"Database": refused})).line == "✘ Database: DATABASE_URL is no address"

    def test_one_that_hangs_is_a_line_in_time(self) -> None:
        hanging = threading.Event()

        def hang() -> Sequence[Finding]:
            hanging.wait(20)
            return []

        found = only(checks.run({"Redis": hang}, timeout_s=0.05))
        hanging.set()

        assert found.verdict is Verdict.BAD
        assert "no result within" in found.says


class TestTelegram:
    def test_names_the_bot_and_what_it_hears(self, world: SandboxClient) -> None:
        found = services.check_telegram(bot_at(world.url), as_bot)

        assert [one.verdict for one in found] == [Verdict.GOOD] * 4
        assert found[0].says.startswith("@")
        assert found[1].says.startswith("on, ")

    @pytest.mark.parametrize(("hears_all", "told"), [(True, "off"), (False, "on")])
    def test_knows_the_privacy_mode(self, hears_all: bool, told: str) -> None:
        privacy = services.about_bot({"username": "fox_bot", "can_read_all_group_messages": hears_all})[1]

        assert privacy.says.startswith(f"{told}, ")

    @pytest.mark.parametrize("webhook", ["https://127.0.0.1:8443/secret-path"])
    def test_names_the_host_of_a_webhook_and_no_more(self, world: SandboxClient, webhook: str) -> None:
        as_bot(f"{world.url}/telegram/bot{TOKEN}/setWebhook?url={webhook}")
        found = services.check_telegram(bot_at(world.url), as_bot)[-1]
        as_bot(f"{world.url}/telegram/bot{TOKEN}/deleteWebhook")

        assert found.verdict is Verdict.BAD
        assert "127.0.0.1" in found.says
        assert "secret-path" not in found.line

    @pytest.mark.parametrize(
        ("fault", "told"),
        [
            ({"preset": "unauthorized"}, "TELEGRAM_BOT_TOKEN"),
            ({"status": 404, "reply": "<h1>Not Found</h1>"}, "TELEGRAM_API_URL"),
            ({"status": 502, "reply": {"ok": False, "error_code": 502, "description": "Bad Gateway"}}, "try again"),
            ({"status": 200, "reply": "[]"}, "TELEGRAM_API_URL"),
            ({"drop": "before"}, "not reached"),
        ],
    )
    def test_says_what_to_do(self, world: SandboxClient, fault: dict[str, Any], told: str) -> None:
        world.arm("telegram", path="/getMe$", **fault)

        found = only(services.check_telegram(bot_at(world.url), as_bot))

        assert found.verdict is Verdict.BAD
        assert told in found.line


class TestGemini:
    def test_accepts_a_good_key(self, world: SandboxClient) -> None:
        assert only(services.check_gemini(worker_at(world.url), as_prompt_writer)).verdict is Verdict.GOOD

    def test_needs_none_where_people_bring_theirs(self, world: SandboxClient) -> None:
        settings = worker_at(world.url, GOOGLE_API_KEY="own")

        assert only(services.check_gemini(settings, as_prompt_writer)).verdict is Verdict.SKIPPED

    @pytest.mark.parametrize(
        ("fault", "told"),
        [
            ({"preset": "bad-key"}, "set GOOGLE_API_KEY"),
            ({"preset": "permission"}, "set GOOGLE_API_KEY"),
            ({"preset": "country"}, "country"),
            ({"preset": "overloaded"}, "try again"),
            ({"status": 404, "reply": "<h1>Not Found</h1>"}, "GOOGLE_GEMINI_BASE_URL"),
            ({"drop": "before"}, "not reached"),
        ],
    )
    def test_says_what_to_do(self, world: SandboxClient, fault: dict[str, Any], told: str) -> None:
        world.arm("gemini", **fault)

        found = only(services.check_gemini(worker_at(world.url), as_prompt_writer))

        assert found.verdict is Verdict.BAD
        assert told in found.line

    def test_a_limit_says_nothing_against_the_key(self, world: SandboxClient) -> None:
        world.arm("gemini", status=429, reply={"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}})

        assert only(services.check_gemini(worker_at(world.url), as_prompt_writer)).verdict is Verdict.GOOD


class TestHuggingFace:
    def test_names_the_owner_of_a_good_token(self, world: SandboxClient) -> None:
        found = only(services.check_huggingface(worker_at(world.url), as_painter))

        assert found.line == "✔ HuggingFace token: accepted, it belongs to sandbox-user"

    def test_tells_whether_the_organization_that_pays_is_one_of_theirs(self, world: SandboxClient) -> None:
        whoami = {"name": "me", "auth": {}, "orgs": [{"name": "studio"}]}
        told = []
        for name in ("studio", "other"):
            world.arm("hub", path="whoami", status=200, reply=whoami)
            settings = worker_at(world.url, G2D_HF_BILL_TO=name)
            told.append(services.check_huggingface(settings, as_painter)[1].line)

        assert told[0] == "✔ HuggingFace bill: studio pays for what the token orders"
        assert told[1].startswith("✘ HuggingFace bill: the token's account is no member of other")

    def test_misses_the_permission(self, world: SandboxClient) -> None:
        settings = worker_at(world.url, HF_TOKEN="hf_narrownarrownarrownarrow")

        found = only(services.check_huggingface(settings, as_painter))

        assert found.verdict is Verdict.BAD
        assert "Make calls to Inference Providers" in found.line

    @pytest.mark.parametrize(
        ("token", "may"),
        [
            ({"role": "read"}, True),
            ({"role": "write"}, True),
            ({"role": "fineGrained"}, None),
            ({"role": "fineGrained", "fineGrained": {"global": [services.INFERENCE], "scoped": []}}, True),
            ({"role": "fineGrained", "fineGrained": {"scoped": [{"permissions": [services.INFERENCE]}]}}, True),
            ({"role": "fineGrained", "fineGrained": {"global": ["post.write"], "scoped": [None, {}]}}, False),
        ],
    )
    def test_permissions(self, token: dict[str, Any], may: bool | None) -> None:
        assert services.may_infer({"auth": {"accessToken": token}}) is may

    @pytest.mark.parametrize(
        ("fault", "told"),
        [
            ({"status": 401, "reply": {"error": "Invalid username or password."}}, "set HF_TOKEN"),
            ({"status": 503, "reply": "<h1>Service Unavailable</h1>"}, "try again"),
            ({"status": 200, "reply": "<h1>Welcome</h1>"}, "HF_ENDPOINT"),
            ({"drop": "before"}, "not reached"),
        ],
    )
    def test_says_what_to_do(self, world: SandboxClient, fault: dict[str, Any], told: str) -> None:
        world.arm("hub", **fault)

        found = only(services.check_huggingface(worker_at(world.url), as_painter))

        assert found.verdict is Verdict.BAD
        assert told in found.line


class TestServicesThatAreAway:
    @pytest.mark.parametrize("ask", [as_bot, as_prompt_writer, as_painter])
    def test_are_told_in_few_words(self, ask: Callable[[str], object], deaf_port: int) -> None:
        with pytest.raises(NotReached, match="the connection is refused"):
            ask(f"http://127.0.0.1:{deaf_port}")

    @pytest.mark.parametrize(
        ("said", "told"),
        [
            ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate", "not trusted"),
            ("Tunnel connection failed: 407 Proxy Authentication Required", "the proxy"),
            ("[Errno -3] Temporary failure in name resolution", "resolved"),
            ("[Errno 101] Network is unreachable", "no way"),
            ("no whole answer came within 8.0 s", "in time"),
        ],
    )
    def test_are_told_apart(self, said: str, told: str) -> None:
        assert told in reason(OSError(said))


class TestClock:
    NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)

    @pytest.mark.parametrize("seconds", [-60, 0, 60])
    def test_may_be_a_little_off(self, seconds: int) -> None:
        found = services.about_clock("Gemini", self.NOW, self.NOW + timedelta(seconds=seconds))

        assert found.verdict is Verdict.GOOD

    @pytest.mark.parametrize(("seconds", "told"), [(-61, "61 s behind Gemini's"), (3600, "3600 s ahead of Gemini's")])
    def test_says_how_far_it_is_off(self, seconds: int, told: str) -> None:
        found = services.about_clock("Gemini", self.NOW, self.NOW + timedelta(seconds=seconds))

        assert found.verdict is Verdict.BAD
        assert told in found.says

    def test_is_compared_with_the_first_that_answers(self, world: SandboxClient, deaf_port: int) -> None:
        nobody = f"http://127.0.0.1:{deaf_port}"

        found = only(services.check_clock([("A", as_painter, nobody), ("B", as_prompt_writer, f"{world.url}/gemini")]))

        assert found.line == "✔ Clock: within a minute of B's"

    def test_is_left_alone_where_nobody_answers(self, deaf_port: int) -> None:
        nobody = f"http://127.0.0.1:{deaf_port}"

        assert only(services.check_clock([("A", as_bot, nobody)])).verdict is Verdict.SKIPPED


class TestDatabase:
    @staticmethod
    def settings(database: Database, folder: Path, redis_url: str | None = None) -> Settings:
        address = database.engine.url.render_as_string(hide_password=False)
        return Settings.model_validate({"DATABASE_URL": address, "G2D_DATA_DIR": folder, "REDIS_URL": redis_url})

    def test_with_our_tables_is_fine(self, database: Database, tmp_path: Path) -> None:
        found = only(storage.check_database(self.settings(database, tmp_path)))

        assert found.line == "✔ Database: reachable, its tables are up to date"

    def test_that_is_not_there_yet_is_made_by_the_first_start(self, tmp_path: Path) -> None:
        found = only(storage.check_database(Settings.model_validate({"G2D_DATA_DIR": tmp_path})))

        assert found.verdict is Verdict.GOOD
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("state", "at_start", "verdict", "told"),
        [
            (Tables.OLDER, True, Verdict.GOOD, "next start"),
            (Tables.OLDER, False, Verdict.BAD, "g2d migrate"),
            (Tables.NEWER, True, Verdict.BAD, "newer version"),
        ],
    )
    def test_of_another_version(self, state: Tables, at_start: bool, verdict: Verdict, told: str) -> None:
        found = storage.about_tables(state, at_start=at_start)

        assert found.verdict is verdict
        assert told in found.line

    @pytest.mark.distributed
    def test_that_is_away_is_told_in_its_own_words(self, migrated_postgres_url: str, tmp_path: Path) -> None:
        database = Database(migrated_postgres_url)
        with away(database):
            found = only(storage.check_database(self.settings(database, tmp_path)))
        database.close()

        assert found.verdict is Verdict.BAD
        assert "not currently accepting connections" in found.says

    @pytest.mark.distributed
    def test_in_postgres_itself_keeps_connections_ours(self, migrated_postgres_url: str) -> None:
        with Database(migrated_postgres_url) as database:
            assert not shares_connections(database)

    def test_behind_a_pooler_that_refuses_our_settings_is_told_so(self) -> None:
        found = storage.about_database_away("…: FATAL: unsupported startup parameter: options")

        assert "pooler" in found.says
        assert "Postgres itself" in found.cure


class TestPictures:
    HOSTS = PROVIDER_FILE_HOSTS

    def test_may_be_fetched_at_public_addresses(self) -> None:
        assert only(network.check_pictures(self.HOSTS, lambda _: ("151.101.1.1",))).verdict is Verdict.GOOD

    def test_may_not_at_made_up_ones_and_it_is_said_what_allows_it(self) -> None:
        found = network.check_pictures(self.HOSTS, lambda _: ("198.18.0.7",))

        assert {one.verdict for one in found} == {Verdict.BAD}
        assert "fal-ai" in found[0].says
        assert "https://v3.fal.media to HF_IMAGE_HOSTS" in found[0].cure


class TestRedis:
    @staticmethod
    def look_at(server: RedisServer, patience_s: float = PATIENCE_S) -> list[str]:
        settings = Settings.model_validate({"REDIS_URL": server.url})
        return [one.line for one in storage.check_redis(settings, patience_s=patience_s)]

    def test_is_not_needed_in_one_process(self) -> None:
        assert only(storage.check_redis(Settings.model_validate({}))).verdict is Verdict.SKIPPED

    def test_is_judged_by_what_it_tells(self, own_redis: RedisServer) -> None:
        with redis.Redis.from_url(own_redis.url) as server:
            server.config_set("appendonly", "yes")
            [fine] = self.look_at(own_redis)
            server.config_set("appendonly", "no")
            server.config_set("maxmemory-policy", "allkeys-lru")
            server.replicaof("127.0.0.1", str(own_redis.port + 1))
            wrong = self.look_at(own_redis)

        assert fine.startswith("✔ Redis: reachable")
        assert [line.partition(",")[0][:26] for line in wrong] == [
            "✘ Redis: it is a slave",
            "✘ Redis: with maxmemory-po",
            "✘ Redis: it keeps nothing ",
        ]

    def test_that_is_away_is_told_within_seconds(self, own_redis: RedisServer, deaf_port: int) -> None:
        own_redis.freeze()
        frozen = self.look_at(own_redis, patience_s=0.2)
        own_redis.thaw()
        nowhere = Settings.model_validate({"REDIS_URL": f"redis://127.0.0.1:{deaf_port}"})

        for line in [*frozen, only(storage.check_redis(nowhere)).line]:
            assert line.startswith("✘ Redis: it can't be used")
            assert line.endswith("correct REDIS_URL")

    def test_that_does_not_tell_of_snapshots_is_believed(self) -> None:
        assert only(storage.about_redis({"redis_version": "8.0.0"}, None)).verdict is Verdict.GOOD


class TestFilesAndDisk:
    def test_the_image_store_is_left_as_it_was(self, tmp_path: Path) -> None:
        settings = Settings.model_validate({"IMAGE_STORE_URL": tmp_path.as_uri()})

        assert only(storage.check_images(settings)).verdict is Verdict.GOOD
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []

    def test_an_image_store_that_takes_nothing_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "sent").touch()  # where a folder has to be

        found = only(storage.check_images(Settings.model_validate({"IMAGE_STORE_URL": tmp_path.as_uri()})))

        assert found.verdict is Verdict.BAD
        assert "IMAGE_STORE_URL" in found.cure

    @pytest.mark.parametrize(("free", "verdict"), [(1024**3 - 1, Verdict.BAD), (1024**3, Verdict.GOOD)])
    def test_a_disk_that_is_almost_full_is_told(self, free: int, verdict: Verdict) -> None:
        assert storage.about_disk(free).verdict is verdict

    def test_the_disk_of_a_folder_that_is_not_there_yet_is_its_parents(self, tmp_path: Path) -> None:
        settings = Settings.model_validate({"G2D_DATA_DIR": tmp_path / "not" / "yet"})

        assert "GiB" in only(storage.check_disk(settings)).says


class TestNetwork:
    @pytest.fixture(autouse=True)
    def proxies(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY", "https_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HTTPS_PROXY", "http://ada:pass-word@proxy.example:3128")  # pragma: allowlist secret

    def test_names_the_proxy_of_each_service_without_its_login(self) -> None:
        lines = [
            only(network.check_telegram("https://api.telegram.org")).line,
            only(network.check_gemini("https://generativelanguage.googleapis.com")).line,
            *(one.line for one in network.check_huggingface("https://huggingface.co", "https://router.example")),
        ]

        assert "api.telegram.org over the proxy http://proxy.example:3128, " in lines[0]
        assert "over the proxy http://proxy.example:3128, " in lines[1]
        assert "Network to HuggingFace's Hub: huggingface.co over the proxy http://proxy.example:3128, " in lines[2]
        assert "Network to its router: router.example over the proxy http://proxy.example:3128, " in lines[3]
        assert not any("pass-word" in line or "ada" in line for line in lines)

    def test_heeds_the_hosts_that_need_no_proxy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NO_PROXY", "telegram.org")

        assert "api.telegram.org directly" in only(network.check_telegram("https://api.telegram.org")).says

    def test_tells_of_certificates_that_are_not_there(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "company.pem"))

        found = only(network.check_telegram("https://api.telegram.org"))

        assert found.verdict is Verdict.BAD
        assert "company.pem" in found.says


class TestAtTheStart:
    def test_good_keys_are_not_spoken_of(self, world: SandboxClient, caplog: pytest.LogCaptureFixture) -> None:
        at_start.look(worker_at(world.url), threading.Event())

        assert caplog.records == []

    def test_nothing_is_said_at_the_end(self, world: SandboxClient, caplog: pytest.LogCaptureFixture) -> None:
        world.arm("gemini", preset="bad-key")
        stopped = threading.Event()
        stopped.set()

        at_start.look(worker_at(world.url), stopped)

        assert caplog.records == []

    def test_bad_keys_are_a_line_each_with_what_to_do(
        self, world: SandboxClient, caplog: pytest.LogCaptureFixture
    ) -> None:
        world.arm("gemini", preset="bad-key")

        at_start.look(worker_at(world.url, HF_TOKEN="hf_narrownarrownarrownarrow"), threading.Event())

        told = [(record.levelname, record.__dict__["setting"], record.__dict__["cure"]) for record in caplog.records]
        assert told == [
            ("WARNING", "GOOGLE_API_KEY", "make a key at https://aistudio.google.com/apikey and set GOOGLE_API_KEY"),
            ("WARNING", "HF_TOKEN", "give it that at https://huggingface.co/settings/tokens"),
        ]

    def test_each_service_is_asked_once(self, world: SandboxClient) -> None:
        world.clear_journal()
        at_start.look(worker_at(world.url), threading.Event())

        assert (len(world.journal("gemini")), len(world.journal("hub"))) == (1, 1)


MISSING = Complaint("lets …", is_missing=True)


class TestSettings:
    @pytest.mark.parametrize("size", ["embedded", "distributed"])
    def test_of_a_service_that_runs_elsewhere_are_not_missed(self, url: str, size: str) -> None:
        changes = {"REDIS_URL": "redis://redis"} if size == "distributed" else {}
        missing = {"GOOGLE_API_KEY": MISSING, "HF_TOKEN": MISSING}

        found = select_services(bot_at(url, **changes), {}, worker_at(url, **changes), missing)

        assert (found.worker is None) == (size == "distributed")
        assert (found.complaints == missing) == (size == "embedded")

    def test_one_of_a_services_two_keys_is_missed_everywhere(self, url: str) -> None:
        apart = {"REDIS_URL": "redis://redis"}

        found = select_services(bot_at(url, **apart), {}, worker_at(url, **apart), {"HF_TOKEN": MISSING})

        assert about_settings(found)[0].line.startswith("✘ HF_TOKEN: is missing: ")

    def test_the_secret_key_is_not_made(self, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        for name, value in variables(url).items():
            monkeypatch.setenv(name, value)

        assert only(check_files(read_installation())).verdict is Verdict.GOOD
        assert list(tmp_path.iterdir()) == []


class TestCommand:
    @pytest.fixture(autouse=True)
    def installation(self, world: SandboxClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        for name, value in variables(world.url).items():
            monkeypatch.setenv(name, value)

    def test_is_content_with_one_process(self) -> None:
        result = CliRunner().invoke(app, ["doctor"])

        assert result.exit_code == 0, result.output
        assert {line[:1] for line in result.output.splitlines()} == {"✔", "–"}
        assert not any(secret in result.output for secret in SECRETS)

    @pytest.mark.distributed
    def test_looks_at_services_apart(
        self, migrated_postgres_url: str, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with redis.Redis.from_url(own_redis.url) as server:
            server.config_set("appendonly", "yes")
        monkeypatch.setenv("DATABASE_URL", migrated_postgres_url)
        monkeypatch.setenv("REDIS_URL", own_redis.url)
        monkeypatch.setenv("G2D_SECRET_KEY", "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ=")

        result = CliRunner().invoke(app, ["doctor"])

        assert result.exit_code == 0, result.output
        assert "✔ Redis: reachable" in result.output
        assert "✔ Database: reachable, its tables are up to date" in result.output

    def test_is_content_with_a_google_key_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("HF_TOKEN")

        result = CliRunner().invoke(app, ["doctor"])

        assert result.exit_code == 0, result.output
        assert "– HuggingFace token: none, google/gemini-3.1-flash-image creates the pictures" in result.output

    def test_looks_at_all_that_it_can_where_settings_are_wrong(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("G2D_WORKER_SLOTS", "a-hundred-or-so")
        monkeypatch.delenv("GOOGLE_API_KEY")

        result = CliRunner().invoke(app, ["doctor", "--json"])

        verdicts = {one["check"]: one["verdict"] for one in json.loads(result.output)}
        assert result.exit_code == 1
        assert {name for name, verdict in verdicts.items() if verdict == "bad"} == {
            "G2D_WORKER_SLOTS",
            "GOOGLE_API_KEY",
        }
        assert verdicts["HuggingFace token"] == verdicts["Telegram token"] == "good"
        assert "a-hundred-or-so" not in result.output
