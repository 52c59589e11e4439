"""Sealing: what is hidden, what opens it, and where the secret lies."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from shared.key_cipher import KeyCipher, cipher_for, decrypting_cipher_for, read_sealed
from shared.redaction import GOOGLE, HUGGINGFACE, redact
from shared.settings import Settings, SettingsError

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
TOKEN = "hf_" + "Q7x" * 11
GEMINI_KEYS = ["AIzaSy" + "Ab-_9" * 6, "AQ." + "Zz9-_" * 8]


class TestOpening:
    def test_makes_a_key_one_that_no_log_line_holds(self) -> None:
        cipher, plain = KeyCipher(OLD), "an-odd-key-of-somebody-1"
        sealed = cipher.encrypt(plain).sealed

        assert redact(f"refused: {plain}") == f"refused: {plain}"
        assert cipher.decrypt(sealed) == plain
        assert redact(f"refused: {plain}") == "refused: [secret]"


class TestHiding:
    @pytest.mark.parametrize(("key", "service"), [(TOKEN, HUGGINGFACE), *((key, GOOGLE) for key in GEMINI_KEYS)])
    def test_a_key_is_hidden_wherever_it_stands(self, key: str, service: str) -> None:
        cipher = KeyCipher(OLD)

        hidden = cipher.redact(f"/imagine a fox,{key} please")
        sealed = read_sealed(hidden)

        assert key not in hidden
        assert hidden.startswith("/imagine a fox,g2d-sealed:")
        assert sealed is not None
        assert (sealed.service, sealed.last_four, cipher.decrypt(sealed.sealed)) == (service, key[-4:], key)

    @pytest.mark.parametrize("text", ["a red fox", "hf_ is how they begin", "AQ. 12", "g2d-sealed"])
    def test_other_words_stay(self, text: str) -> None:
        assert KeyCipher(OLD).redact(text) == text

    @pytest.mark.parametrize("text", ["schlüsselschlüsselschlüssel", "words that are no key at all", "few", "x" * 301])
    def test_what_can_be_no_key_is_not_kept(self, text: str) -> None:
        assert KeyCipher(OLD).encrypt(text).sealed == ""


class TestRotation:
    def test_a_new_secret_opens_what_the_old_one_sealed_and_seals_it_anew(self) -> None:
        sealed = KeyCipher(OLD).encrypt(TOKEN).sealed

        anew = KeyCipher(f"{NEW},{OLD}").renew(sealed)

        assert KeyCipher(f"{NEW}, {OLD}").decrypt(sealed) == TOKEN
        assert KeyCipher(NEW).decrypt(sealed) is None
        assert anew is not None
        assert KeyCipher(NEW).decrypt(anew) == TOKEN
        assert KeyCipher(f"{NEW},{OLD}").renew(anew) is None

    @pytest.mark.parametrize("keys", ["", ",", "too-short", f"{OLD},x"], ids=["none", "empty", "short", "second"])
    def test_what_is_no_secret_is_refused(self, keys: str) -> None:
        with pytest.raises(SettingsError, match="G2D_SECRET_KEY"):
            KeyCipher(keys)


class TestThePublicKey:
    def test_seals_what_only_the_secret_opens(self) -> None:
        bot, worker = KeyCipher(KeyCipher(OLD).public_key), KeyCipher(OLD)

        sealed = bot.encrypt(TOKEN).sealed

        assert (bot.can_decrypt, worker.can_decrypt) == (False, True)
        assert bot.decrypt(sealed) is None
        assert worker.decrypt(sealed) == TOKEN

    def test_no_two_seals_are_alike(self) -> None:
        cipher = KeyCipher(OLD)

        assert cipher.encrypt(TOKEN).sealed != cipher.encrypt(TOKEN).sealed

    def test_a_seal_that_was_changed_opens_nothing(self) -> None:
        sealed = KeyCipher(OLD).encrypt(TOKEN).sealed
        changed = sealed[:-8] + ("AAAA" if sealed[-8:-4] != "AAAA" else "BBBB") + sealed[-4:]

        assert KeyCipher(OLD).decrypt(changed) is None

    def test_a_worker_refuses_it(self) -> None:
        settings = Settings.model_validate(
            {"REDIS_URL": "redis://127.0.0.1/0", "G2D_SECRET_KEY": KeyCipher(OLD).public_key}
        )

        with pytest.raises(SettingsError, match="secret"):
            decrypting_cipher_for(settings)


class TestKeysOfEarlierVersions:
    def test_what_fernet_sealed_is_opened_and_sealed_anew(self) -> None:
        sealed = Fernet(OLD).encrypt(TOKEN.encode()).decode()

        anew = KeyCipher(OLD).renew(sealed)

        assert KeyCipher(OLD).decrypt(sealed) == TOKEN
        assert anew is not None
        assert anew.startswith("x1-")
        assert KeyCipher(OLD).decrypt(anew) == TOKEN


class TestTheSecret:
    def test_is_made_once_for_this_user_alone(self, tmp_path: Path) -> None:
        settings = Settings.model_validate({"G2D_DATA_DIR": tmp_path, "REDIS_URL": None})

        sealed = cipher_for(settings).encrypt(TOKEN).sealed

        assert cipher_for(settings).decrypt(sealed) == TOKEN
        assert [(file.name, file.stat().st_mode & 0o777) for file in tmp_path.iterdir()] == [("secret.key", 0o600)]

    def test_has_to_be_given_to_separate_processes(self) -> None:
        with pytest.raises(SettingsError, match="G2D_SECRET_KEY"):
            cipher_for(Settings.model_validate({"REDIS_URL": "redis://127.0.0.1/0"}))
