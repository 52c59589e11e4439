"""Sealing: what is hidden, what opens it, and where the secret lies."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from shared.redaction import GOOGLE, HUGGINGFACE, redact
from shared.secrets import Box, box_for, opening_box_for, read_sealed
from shared.settings import Settings, SettingsError

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
TOKEN = "hf_" + "Q7x" * 11
GEMINI_KEYS = ["AIzaSy" + "Ab-_9" * 6, "AQ." + "Zz9-_" * 8]


class TestOpening:
    def test_makes_a_key_one_that_no_log_line_holds(self) -> None:
        box, plain = Box(OLD), "an-odd-key-of-somebody-1"
        sealed = box.seal(plain).sealed

        assert redact(f"refused: {plain}") == f"refused: {plain}"
        assert box.unseal(sealed) == plain
        assert redact(f"refused: {plain}") == "refused: [secret]"


class TestHiding:
    @pytest.mark.parametrize(("key", "service"), [(TOKEN, HUGGINGFACE), *((key, GOOGLE) for key in GEMINI_KEYS)])
    def test_a_key_is_hidden_wherever_it_stands(self, key: str, service: str) -> None:
        box = Box(OLD)

        hidden = box.hide(f"/imagine a fox,{key} please")
        sealed = read_sealed(hidden)

        assert key not in hidden
        assert hidden.startswith("/imagine a fox,g2d-sealed:")
        assert sealed is not None
        assert (sealed.service, sealed.last_four, box.unseal(sealed.sealed)) == (service, key[-4:], key)

    @pytest.mark.parametrize("text", ["a red fox", "hf_ is how they begin", "AQ. 12", "g2d-sealed"])
    def test_other_words_stay(self, text: str) -> None:
        assert Box(OLD).hide(text) == text

    @pytest.mark.parametrize("text", ["schlüsselschlüsselschlüssel", "words that are no key at all", "few", "x" * 301])
    def test_what_can_be_no_key_is_not_kept(self, text: str) -> None:
        assert Box(OLD).seal(text).sealed == ""


class TestRotation:
    def test_a_new_secret_opens_what_the_old_one_sealed_and_seals_it_anew(self) -> None:
        sealed = Box(OLD).seal(TOKEN).sealed

        anew = Box(f"{NEW},{OLD}").reseal(sealed)

        assert Box(f"{NEW}, {OLD}").unseal(sealed) == TOKEN
        assert Box(NEW).unseal(sealed) is None
        assert anew is not None
        assert Box(NEW).unseal(anew) == TOKEN
        assert Box(f"{NEW},{OLD}").reseal(anew) is None

    @pytest.mark.parametrize("keys", ["", ",", "too-short", f"{OLD},x"], ids=["none", "empty", "short", "second"])
    def test_what_is_no_secret_is_refused(self, keys: str) -> None:
        with pytest.raises(SettingsError, match="G2D_SECRET_KEY"):
            Box(keys)


class TestThePublicKey:
    def test_seals_what_only_the_secret_opens(self) -> None:
        bot, worker = Box(Box(OLD).public_key), Box(OLD)

        sealed = bot.seal(TOKEN).sealed

        assert (bot.opens, worker.opens) == (False, True)
        assert bot.unseal(sealed) is None
        assert worker.unseal(sealed) == TOKEN

    def test_no_two_seals_are_alike(self) -> None:
        box = Box(OLD)

        assert box.seal(TOKEN).sealed != box.seal(TOKEN).sealed

    def test_a_seal_that_was_changed_opens_nothing(self) -> None:
        sealed = Box(OLD).seal(TOKEN).sealed
        changed = sealed[:-8] + ("AAAA" if sealed[-8:-4] != "AAAA" else "BBBB") + sealed[-4:]

        assert Box(OLD).unseal(changed) is None

    def test_a_worker_refuses_it(self) -> None:
        settings = Settings.model_validate({"REDIS_URL": "redis://127.0.0.1/0", "G2D_SECRET_KEY": Box(OLD).public_key})

        with pytest.raises(SettingsError, match="secret"):
            opening_box_for(settings)


class TestKeysOfEarlierVersions:
    def test_what_fernet_sealed_is_opened_and_sealed_anew(self) -> None:
        sealed = Fernet(OLD).encrypt(TOKEN.encode()).decode()

        anew = Box(OLD).reseal(sealed)

        assert Box(OLD).unseal(sealed) == TOKEN
        assert anew is not None
        assert anew.startswith("x1-")
        assert Box(OLD).unseal(anew) == TOKEN


class TestTheSecret:
    def test_is_made_once_for_this_user_alone(self, tmp_path: Path) -> None:
        settings = Settings.model_validate({"G2D_DATA_DIR": tmp_path, "REDIS_URL": None})

        sealed = box_for(settings).seal(TOKEN).sealed

        assert box_for(settings).unseal(sealed) == TOKEN
        assert [(file.name, file.stat().st_mode & 0o777) for file in tmp_path.iterdir()] == [("secret.key", 0o600)]

    def test_has_to_be_given_to_separate_processes(self) -> None:
        with pytest.raises(SettingsError, match="G2D_SECRET_KEY"):
            box_for(Settings.model_validate({"REDIS_URL": "redis://127.0.0.1/0"}))
