"""Keys are found whatever hides them, and secrets in use are cut out of every text."""

import json
import sys
import unicodedata
from collections.abc import Callable
from functools import partial
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import redaction
from shared.redaction import BLOT, GOOGLE, HUGGINGFACE, OTHER, SecretsInUse, keys_in, redact, service_of, visible

KEYS = {
    "AIzaSyPERSONALpersonalPERSONALpersonalPER": GOOGLE,
    "AQ.Ab8RN6personalPERSONALpersonal": GOOGLE,
    "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": HUGGINGFACE,
    "api_org_PERSONALpersonalPERSONALpers": HUGGINGFACE,
    "r8_PERSONALpersonalPERSONALpersonalPE": OTHER,
    "sk-proj-PERSONALpersonal0123456789": OTHER,
    "tgp_v1_PERSONALpersonalPERSONALpers": OTHER,
    "0f8fad5b-d9cb-469f-a165-70867728950e:0123456789abcdef0123456789abcdef": OTHER,
    "4242424242:AAH-abc_DEF0123456789abcdefghijklmno": OTHER,
    "Bearer personalPERSONAL0123456789": OTHER,
}
WORDS = [
    "a fox in the snow --ar 16:9 --seed 12345678901",
    "hf_inference and api_org_name",
    "bearer of good news",
    "the key: to happiness",
    "sk-a-very-long-word-with-hyphens-in-it",
    "It was AQ. Abcdefghijklmnopqrstuvwxyz",
    "at 12:30:45 on 2026-11-28, ratio 1234567:1",
    "black-forest-labs/FLUX.1-dev, https://host:8080/path?x=1",
]
INVISIBLE = "\u200b\u200d\u00ad\u2060\ufeff\u034f\u3164\ufe0f\u202e\x00\x1b\U000e0041"


@pytest.fixture
def in_use(monkeypatch: pytest.MonkeyPatch) -> SecretsInUse:
    fresh = SecretsInUse()
    monkeypatch.setattr(redaction, "IN_USE", fresh)
    return fresh


class TestShapes:
    @pytest.mark.parametrize(("key", "service"), KEYS.items())
    def test_are_found_in_words_and_told_apart(self, key: str, service: str) -> None:
        [found] = keys_in(f"my key is {key}, keep it")

        assert (found.key, found.service) == (key, service)
        assert service_of(key) == service

    @pytest.mark.parametrize("key", KEYS)
    def test_are_cut_out_of_errors(self, in_use: SecretsInUse, key: str) -> None:
        said = redact(f"401: Incorrect key provided: {key}. Look at https://example.org/keys")

        assert key[-12:] not in said
        assert BLOT in said
        assert "https://example.org/keys" in said

    @pytest.mark.parametrize("words", WORDS)
    def test_are_no_words(self, in_use: SecretsInUse, words: str) -> None:
        assert list(keys_in(words)) == []
        assert redact(words) == words


class TestInvisibleSigns:
    @pytest.mark.parametrize("sign", INVISIBLE)
    @pytest.mark.parametrize("key", KEYS)
    def test_between_its_letters_hide_no_key(self, key: str, sign: str) -> None:
        split = sign.join(key)

        [found] = keys_in(f"🦊{sign} {split}{sign}, a fox")

        assert found.key == key
        assert f"🦊{sign} {split}{sign}, a fox"[found.start : found.end] == split

    def test_are_all_that_unicode_calls_format_characters(self) -> None:
        every = map(chr, range(sys.maxunicode + 1))

        assert [sign for sign in every if unicodedata.category(sign) == "Cf" and visible(sign)] == []

    @pytest.mark.parametrize("sign", "\t\n\r a😀é字ｱא")
    def test_are_none_that_people_see_or_that_part_words(self, sign: str) -> None:
        assert visible(sign) == sign

    @given(st.text(), st.sampled_from(sorted(KEYS)), st.text())
    def test_move_nothing_else(self, before: str, key: str, after: str) -> None:
        text = f"{before} {key} {after}"

        for found in keys_in(text):
            assert visible(text[found.start : found.end]) == found.key


class TestSecretsInUse:
    @pytest.mark.parametrize("secret", ["oddly-shaped-08", "with signs/+&", 'with "quotes"', "77:odd-token"])
    @pytest.mark.parametrize("spell", [str, quote, partial(quote, safe=""), json.dumps])
    def test_are_cut_out_however_they_are_spelt(
        self, in_use: SecretsInUse, secret: str, spell: Callable[[str], str]
    ) -> None:
        in_use.add([secret])

        said = redact(f"invalid token {spell(secret)}!")

        assert said.replace('"', "") == f"invalid token {BLOT}!"

    def test_of_a_bot_are_cut_without_its_number_too(self, in_use: SecretsInUse) -> None:
        in_use.add(["4242:odd-token"])

        assert redact("Not Found: odd-token") == f"Not Found: {BLOT}"

    def test_that_hold_another_leave_nothing_behind(self, in_use: SecretsInUse) -> None:
        in_use.add(["abcdefgh", "abcdefgh-ijkl"])

        assert redact("abcdefgh-ijkl abcdefgh") == f"{BLOT} {BLOT}"

    def test_are_no_short_words(self, in_use: SecretsInUse) -> None:
        in_use.add(["", "own", "g2d"])

        assert redact("own g2d") == "own g2d"

    def test_are_forgotten_oldest_first(self, in_use: SecretsInUse) -> None:
        in_use.add(f"secret-{number:05d}" for number in range(redaction.MAX_IN_USE + 1))

        assert redact("secret-00000 secret-00001") == f"secret-00000 {BLOT}"
