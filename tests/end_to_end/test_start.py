"""Settings that don't allow a start: told at once, all together, in words the owner understands."""

import subprocess
import sys

import pytest

from sandbox.app import Sandbox
from sandbox.client import SandboxClient
from shared.key_cipher import PUBLIC_ONLY, KeyCipher
from tests.end_to_end.installation import (
    BOT_TOKEN,
    GEMINI_KEY,
    HF_TOKEN,
    SECRET_KEY,
    Service,
    environment,
    run,
    run_forked,
    settings_for,
    wait_until,
)
from tests.servers import free_port


@pytest.fixture(scope="module")
def url():
    with Sandbox() as sandbox:
        yield sandbox.url


@pytest.fixture(scope="module", autouse=True)
def refused(tmp_path_factory):
    """A service whose token Telegram refuses. It runs beside all tests of this file, for it takes its time to end."""
    folder = tmp_path_factory.mktemp("refused")
    with Sandbox() as telegram, SandboxClient(telegram.url) as sandbox:
        sandbox.arm("telegram", path="/getMe$", times=None, preset="unauthorized")
        service = Service("run", settings_for(telegram.url, folder), folder)
        service.start()
        yield service
        service.kill()


@pytest.fixture
def settings(url, tmp_path):
    return settings_for(url, tmp_path)


@pytest.fixture
def started(tmp_path):
    """Starts services that are ended after the test."""
    services = []

    def start(command, settings):
        services.append(Service(command, settings, tmp_path))
        services[-1].start()
        return services[-1]

    yield start
    for service in services:
        service.kill()


def refusal(command, settings, folder, run=run_forked):
    """Run a command that must not start; returns what it says."""
    done = run(command, settings, folder)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert BOT_TOKEN not in done.stderr
    return done.stderr


class TestMissingSettings:
    def test_are_all_named_at_once_with_what_they_are_for(self, tmp_path):
        said = refusal("run", {}, tmp_path, run)

        assert said.startswith("Please set TELEGRAM_BOT_TOKEN, GOOGLE_API_KEY, HF_TOKEN")
        assert "TELEGRAM_BOT_TOKEN: lets the bot speak in Telegram; ask @BotFather" in said
        assert "GOOGLE_API_KEY: lets Gemini write the prompts; make one at https://aistudio.google.com/apikey" in said
        assert "HF_TOKEN: lets HuggingFace paint; make one at https://huggingface.co/settings/tokens" in said

    def test_of_the_bot_are_not_those_of_the_worker(self, tmp_path):
        said = refusal("bot", {}, tmp_path)

        assert said.startswith("Please set TELEGRAM_BOT_TOKEN (")

    def test_of_the_worker_are_not_those_of_the_bot(self, tmp_path):
        said = refusal("worker", {}, tmp_path)

        assert said.startswith("Please set GOOGLE_API_KEY, HF_TOKEN (")

    @pytest.mark.parametrize("command", ["bot", "worker"])
    def test_of_separate_processes_include_where_they_meet(self, settings, tmp_path, command):
        assert "REDIS_URL" in refusal(command, settings, tmp_path)


class TestWrongSettings:
    def test_a_key_with_characters_that_no_key_has_is_refused(self, settings, tmp_path):
        said = refusal("run", settings | {"GOOGLE_API_KEY": f"{GEMINI_KEY}\u2026", "HF_TOKEN": "hf_a b"}, tmp_path)

        assert "GOOGLE_API_KEY: is wrong" in said
        assert "HF_TOKEN: is wrong" in said
        assert GEMINI_KEY not in said

    @pytest.mark.parametrize("token", ["nonsense", ":"])
    def test_a_token_that_is_none_is_named(self, settings, tmp_path, token):
        said = refusal("run", settings | {"TELEGRAM_BOT_TOKEN": token}, tmp_path)

        assert "TELEGRAM_BOT_TOKEN" in said

    @pytest.mark.parametrize("command", ["bot", "migrate"])
    @pytest.mark.parametrize(
        "address",
        [
            "nonsense",
            "mysql://g2d:pass-word@127.0.0.1/g2d",
            "postgresql://g2d:pass-word@127.0.0.1:port/g2d",
            "postgresql://g2d:pass@word/1@127.0.0.1:9/g2d",
        ],
    )
    def test_an_address_that_is_none_is_named_without_its_password(self, settings, tmp_path, command, address):
        said = refusal(command, settings | {"DATABASE_URL": address, "REDIS_URL": "redis://127.0.0.1:9/0"}, tmp_path)

        assert said.startswith("DATABASE_URL is no address of a database.")
        assert len(said.splitlines()) == 1
        assert not any(part in said for part in ("pass-word", "word/1", "pass@word"))

    def test_a_file_of_a_secret_that_is_not_there_is_named(self, settings, tmp_path):
        del settings["HF_TOKEN"]

        said = refusal("run", settings | {"HF_TOKEN_FILE": str(tmp_path / "nothing")}, tmp_path)

        assert str(tmp_path / "nothing") in said

    def test_a_secret_that_only_encrypts_is_none_for_the_worker_beside_the_bot(self, settings, url, tmp_path):
        public = KeyCipher(SECRET_KEY).public_key
        with SandboxClient(url) as sandbox:
            sandbox.clear_journal()

            said = refusal("run", settings | {"G2D_SECRET_KEY": public}, tmp_path)

            assert said.splitlines()[-1] == PUBLIC_ONLY
            assert sandbox.journal("telegram") == []


IMPORTED = """
import os, sys
from services import embedded_worker
from services.bot.intake.poller import Poller
from services.runtime import run_everything

async def tell(self):
    print(*sys.modules, sep="\\n", flush=True)
    os._exit(0)

Poller._poll = tell
embedded_worker.PATIENCE_S = 1_000.0  # Where the machine is busy, it is over before the bot polls.
run_everything()
"""
# What the first answer must not wait for: each takes 30 to 300 ms of CPU.
NEEDED_LATER = {
    *("alembic", "celery", "google.genai", "httpx2", "matplotlib", "openpyxl", "pillow_heif", "prometheus_client"),
    *("psycopg", "requests", "services.worker.app", "starlette"),
}


class TestTheFirstAnswer:
    def test_waits_for_no_import_that_the_bot_can_do_without(self, settings, tmp_path):
        run("migrate", settings, tmp_path).check_returncode()

        started = subprocess.run(
            [sys.executable, "-c", IMPORTED],
            check=True,
            capture_output=True,
            text=True,
            env=environment(settings),
            cwd=tmp_path,
            timeout=60,
        )

        assert "telegram" in started.stdout.split()
        assert NEEDED_LATER & set(started.stdout.split()) == set()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process choose")
class TestOneProcess:
    def test_keeps_all_its_threads_on_one_core(self, settings, started):
        service = started("run", settings)
        wait_until(lambda: "worker started" in service.log and "bot started" in service.log, timeout_s=60)

        assert len(service.cores) == 1


class TestTelegram:
    def test_that_is_not_reached_is_waited_for(self, settings, tmp_path, started):
        port = free_port()
        service = started("run", settings | {"TELEGRAM_API_URL": f"http://127.0.0.1:{port}/telegram"})
        wait_until(lambda: "Telegram can't be reached" in service.log, timeout_s=60)

        with Sandbox(port=port):
            wait_until(lambda: "bot started" in service.log, timeout_s=60)

        assert "Traceback" not in service.log
        assert "Unclosed" not in service.log

    def test_that_is_waited_for_does_not_hold_up_the_worker(self, settings, started):
        service = started("run", settings | {"TELEGRAM_API_URL": "http://127.0.0.1:9/telegram"})
        wait_until(lambda: "worker started" in service.log, timeout_s=60)

        assert "bot started" not in service.log

    def test_that_is_waited_for_does_not_hold_up_the_end(self, settings, started):
        service = started("run", settings | {"TELEGRAM_API_URL": "http://127.0.0.1:9/telegram"})
        wait_until(lambda: "Telegram can't be reached" in service.log, timeout_s=60)

        assert service.stop() == 0
        assert "Unclosed" not in service.log

    def test_that_sends_the_menus_away_for_long_is_polled_all_the_same(self, settings, url, started):
        with SandboxClient(url) as sandbox:
            sandbox.clear_journal()
            sandbox.arm(
                "telegram", path="MyCommands", times=None, preset="too-many-requests", arguments={"retry_after": 480}
            )
            started("run", settings)
            sandbox.wait_for(lambda: sandbox.journal("telegram", "/getUpdates$"), timeout_s=60)
            ada = sandbox.person("Ada")
            sandbox.say(ada, "/start")
            sandbox.wait_for(lambda: sandbox.from_bot(ada), timeout_s=60)
            sandbox.clear_faults()

    @pytest.mark.parametrize("path", ["/no-such-path", "/telegram/bot"])
    def test_that_is_not_at_this_address_is_no_fault_of_the_token(self, settings, url, started, path):
        service = started("run", settings | {"TELEGRAM_API_URL": url + path})

        wait_until(lambda: "there is no Bot API at this address; check TELEGRAM_API_URL" in service.log, timeout_s=60)
        assert url + path in service.log
        assert "TELEGRAM_BOT_TOKEN" not in service.log
        assert service.is_running


class TestKeys:
    def test_that_are_no_good_are_told_before_anybody_meets_them(self, settings, url, started):
        with SandboxClient(url) as sandbox:
            sandbox.clear_journal()
            service = started("run", settings | {"HF_TOKEN": "hf_narrownarrownarrownarrow"})
            wait_until(lambda: "a key could not be confirmed at the start" in service.log, timeout_s=60)
            sandbox.wait_for(lambda: sandbox.journal("telegram", "/getUpdates$"), timeout_s=60)

        [line] = [line for line in service.log.splitlines() if "a key could not be confirmed" in line]
        assert '"setting": "HF_TOKEN"' in line
        assert "Make calls to Inference Providers" in line
        assert service.stop() == 0


class TestFolders:
    """What can't be written is one sentence with the setting's name."""

    def test_a_data_folder_that_can_not_be_made(self, settings, tmp_path):
        (tmp_path / "a file").touch()

        said = refusal("run", settings | {"G2D_DATA_DIR": str(tmp_path / "a file" / "data")}, tmp_path)

        assert said.startswith("G2D_DATA_DIR")
        assert len(said.splitlines()) == 1

    def test_a_lock_that_can_not_be_taken(self, settings, tmp_path):
        (tmp_path / "data" / "g2d.lock").mkdir(parents=True)

        said = refusal("run", settings, tmp_path)

        assert said.startswith("G2D_DATA_DIR")
        assert len(said.splitlines()) == 1

    def test_a_key_that_can_not_be_read(self, settings, tmp_path):
        (tmp_path / "data" / "secret.key").mkdir(parents=True)

        said = refusal("run", settings, tmp_path)

        assert said.splitlines()[-1].startswith("G2D_DATA_DIR")

    def test_an_image_store_that_can_not_be_made(self, settings, tmp_path):
        said = refusal("run", settings | {"IMAGE_STORE_URL": "file:///proc/pictures"}, tmp_path)

        assert said.splitlines()[-1].startswith("IMAGE_STORE_URL")

    @pytest.mark.parametrize("command", ["run", "migrate"])
    def test_a_database_that_is_none(self, settings, tmp_path, command):
        (tmp_path / "g2d.db").write_text("something else " * 1000)

        said = refusal(command, settings, tmp_path)

        assert said.splitlines()[-1] == "The database in DATABASE_URL can't be used: file is not a database."

    @pytest.mark.parametrize("command", ["run", "migrate"])
    def test_a_database_that_can_not_be_made(self, settings, tmp_path, command):
        said = refusal(command, settings | {"DATABASE_URL": "sqlite:////proc/g2d.db"}, tmp_path)

        assert said.splitlines()[-1] == "The database in DATABASE_URL can't be used: unable to open database file."


@pytest.mark.distributed
class TestADatabaseWithoutTables:
    @pytest.mark.parametrize("command", ["bot", "worker"])
    def test_is_to_be_migrated_first(self, settings, postgres_url, redis_url, tmp_path, command):
        places = {"DATABASE_URL": postgres_url, "REDIS_URL": redis_url}

        assert "please run `g2d migrate` first" in refusal(command, settings | places, tmp_path)

    def test_has_them_after_one_command(self, settings, url, postgres_url, redis_url, tmp_path, started):
        settings |= {"DATABASE_URL": postgres_url, "REDIS_URL": redis_url, "G2D_SECRET_KEY": SECRET_KEY}

        run("migrate", settings, tmp_path).check_returncode()

        with SandboxClient(url) as sandbox:
            sandbox.clear_journal()
            started("worker", settings)
            started("bot", settings)
            sandbox.wait_for(lambda: sandbox.journal("telegram", "/getUpdates$"), timeout_s=60)
            ada = sandbox.person("Ada")
            sandbox.say(ada, "/imagine a fox in the snow")
            sandbox.wait_for_photo(ada, timeout_s=60)


class TestAFolder:
    def test_serves_one_process_at_a_time(self, settings, url, tmp_path, started):
        with SandboxClient(url) as sandbox:
            sandbox.clear_journal()
            started("run", settings)
            sandbox.wait_for(lambda: sandbox.journal("telegram", "/getUpdates$"), timeout_s=60)

        said = refusal("run", settings, tmp_path)

        assert f"Another g2d uses the folder {settings['G2D_DATA_DIR']}: stop it first." in said


class TestSecretsInFiles:
    def test_are_read_by_name(self, settings, url, tmp_path, started):
        secrets = {"TELEGRAM_BOT_TOKEN": BOT_TOKEN, "GOOGLE_API_KEY": GEMINI_KEY, "HF_TOKEN": HF_TOKEN}
        for name, secret in secrets.items():
            del settings[name]
            (tmp_path / name).write_text(f"{secret}\n", encoding="utf-8")
            settings[f"{name}_FILE"] = str(tmp_path / name)

        with SandboxClient(url) as sandbox:
            sandbox.clear_journal()
            started("run", settings)
            sandbox.wait_for(lambda: sandbox.journal("telegram", "/getUpdates$"), timeout_s=60)
            ada = sandbox.person("Ada")
            sandbox.say(ada, "/imagine a fox in the snow")
            [photo] = sandbox.wait_for_photo(ada, timeout_s=60)

        assert photo["caption"].startswith("a fox in the snow\n")


class TestATokenThatTelegramRefuses:
    def test_for_a_minute_ends_the_process_with_one_sentence(self, refused):
        assert refused.wait(timeout_s=120) == 2

        *_, last = refused.log.splitlines()
        assert last == "Telegram doesn't know this TELEGRAM_BOT_TOKEN: ask @BotFather for a new one."
        assert "Traceback" not in refused.log
        assert "Unclosed" not in refused.log
        assert BOT_TOKEN not in refused.log
