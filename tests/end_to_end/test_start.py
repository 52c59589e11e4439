"""Settings that don't allow a start: told at once, all together, in words the owner understands."""

import pytest
from installation import BOT_TOKEN, GEMINI_KEY, HF_TOKEN, SECRET_KEY, Service, run, settings_for

from sandbox.app import Sandbox
from sandbox.client import SandboxClient


@pytest.fixture(scope="module")
def url():
    with Sandbox() as sandbox:
        yield sandbox.url


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


def refusal(command, settings, folder):
    """Run a command that must not start; returns what it says."""
    done = run(command, settings, folder)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert BOT_TOKEN not in done.stderr
    return done.stderr


class TestMissingSettings:
    def test_are_all_named_at_once_with_what_they_are_for(self, tmp_path):
        said = refusal("run", {}, tmp_path)

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

    def test_a_token_that_telegram_does_not_know_is_named(self, settings, url, tmp_path):
        with SandboxClient(url) as sandbox:
            sandbox.arm("telegram", path="/getMe$", times=None, preset="unauthorized")
            said = refusal("run", settings, tmp_path)
            sandbox.clear_faults()

        assert "Telegram doesn't know this TELEGRAM_BOT_TOKEN: ask @BotFather for a new one." in said

    @pytest.mark.parametrize("token", ["nonsense", ":"])
    def test_a_token_that_is_none_is_named(self, settings, tmp_path, token):
        said = refusal("run", settings | {"TELEGRAM_BOT_TOKEN": token}, tmp_path)

        assert "TELEGRAM_BOT_TOKEN" in said

    def test_a_database_that_is_not_there_is_named(self, settings, tmp_path):
        places = {"DATABASE_URL": "postgresql://postgres@127.0.0.1:9/g2d", "REDIS_URL": "redis://127.0.0.1:9/0"}

        assert "DATABASE_URL" in refusal("bot", settings | places, tmp_path)

    def test_a_file_of_a_secret_that_is_not_there_is_named(self, settings, tmp_path):
        del settings["HF_TOKEN"]

        said = refusal("run", settings | {"HF_TOKEN_FILE": str(tmp_path / "nothing")}, tmp_path)

        assert str(tmp_path / "nothing") in said


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
