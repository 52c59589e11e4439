"""Every sentence keeps to docs/voice.md: the lengths, and the words that people should not read."""

import html
import re
from pathlib import Path

import pytest

from services.bot.help.command_menus import COMMANDS
from services.bot.help.profile import ABOUT, DESCRIPTION
from services.bot.telegram.callback_data import TOPICS
from services.bot.texts.locales import isolated, languages, say
from services.bot.texts.utf16 import units
from shared.batches import COLUMNS, MAX_LINES
from shared.catalogue import Catalogue
from shared.ideas import MAX_COUNT, MAX_IDEA_LENGTH
from shared.styles import Styles
from tests.bot.test_sentences import forms_in

VOICE = (Path(__file__).parents[2] / "docs/voice.md").read_text(encoding="utf-8")
MAX_SENTENCE, MAX_TOPIC, MAX_COMMAND = 300, 900, 40
PROFILE = {DESCRIPTION: 512, ABOUT: 120}  # Telegram's limits


def unwanted(language: str) -> list[str]:
    """The words that the page bans in a language, as they stand in its table."""
    found = re.search(rf"^\| {language} \| (.+) \|$", VOICE, re.MULTILINE)
    assert found, f"docs/voice.md bans no words in {language}"
    return found[1].split(", ")


def pattern_of(word: str) -> str:
    """A word as a whole; one that ends with ``*`` with any ending, and Chinese without spaces around it."""
    if re.search(r"[\u4e00-\u9fff]", word):
        return re.escape(word)
    ending = r"\w*" if word.endswith("*") else ""
    return rf"(?<!\w){re.escape(word.removesuffix('*'))}{ending}(?!\w)"


def read(sentence: str) -> str:
    """What a person reads of a sentence."""
    return html.unescape(re.sub(r"<[^>]*>", "", sentence))


class TestEverySentence:
    @pytest.mark.parametrize("language", languages())
    def test_has_none_of_the_words_that_people_should_not_read(self, language: str) -> None:
        banned = re.compile("|".join(map(pattern_of, unwanted(language))), re.IGNORECASE)

        found = {
            key: said[0] for key, forms in forms_in(language).items() for form in forms if (said := banned.search(form))
        }

        assert found == {}

    @pytest.mark.parametrize("language", languages())
    def test_is_short(self, language: str) -> None:
        lengths = {
            key: max(len(read(form)) for form in forms)
            for key, forms in forms_in(language).items()
            if not key.startswith("help_") and key not in PROFILE
        }

        assert {key: length for key, length in lengths.items() if length > MAX_SENTENCE} == {}

    @pytest.mark.parametrize("language", languages())
    def test_of_telegrams_profile_fits_there(self, language: str) -> None:
        for key, most in PROFILE.items():
            assert units(html.unescape(say(key, language))) <= most

    @pytest.mark.parametrize("language", languages())
    def test_of_a_menu_is_short_and_begins_and_ends_alike(self, language: str) -> None:
        for command in COMMANDS:
            said = forms_in(language)[f"command_{command}"][0]

            assert len(said) <= MAX_COMMAND, command
            assert said[0] == said[0].upper(), command
            assert said[-1] not in ".!。", command


class TestTopics:
    @pytest.mark.parametrize("language", languages())
    def test_are_short_with_all_that_they_name(self, language: str) -> None:
        fills = {
            "default": Catalogue().wished(None).name,
            "styles": ", ".join(style.name for style in Styles()),
            "columns": ", ".join(COLUMNS),
            "lines": MAX_LINES,
            "pictures": MAX_LINES,
        }
        for topic in TOPICS:
            most = MAX_IDEA_LENGTH if topic == "pictures" else MAX_COUNT

            assert len(read(say(f"help_{topic}", language, most=most, **fills))) <= MAX_TOPIC, topic


class TestThePage:
    def test_bans_words_wherever_they_stand(self) -> None:
        assert re.search(pattern_of("painter*"), "the painters are busy")
        assert not re.search(pattern_of("paint"), "an oil painting")
        assert re.search(pattern_of("正在画"), isolated("🖌 正在画 …"))

    def test_has_a_word_in_every_language_for_every_thing(self) -> None:
        rows = re.findall(r"^\| (?:picture|make one|who makes it|words for it) \|(.+)\|$", VOICE, re.MULTILINE)

        assert [len(row.split(" | ")) for row in rows] == [len(languages())] * 4
