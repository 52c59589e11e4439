"""Every sentence a person reads: there, used, and fit for Telegram."""

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from string import Formatter

import pytest
from babel import Locale
from babel.messages.plurals import get_plural
from babel.messages.pofile import read_po

from services.bot.help.command_menus import COMMANDS
from services.bot.help.start import TOPICS
from services.bot.pictures.status import (
    ASKING,
    RANK,
    SEVERAL,
    UNUSABLE,
    describe,
    describe_place,
    describe_progress,
    describe_several,
    sentence,
)
from services.bot.telegram.callback_data import AGAIN, BACK, DELETE, EDIT, FILE, MODEL, MORE, PROMPT, RATIO, VARY
from services.bot.telegram.refusals import SAID
from services.bot.texts.locales import RIGHT_TO_LEFT, isolated, languages, say
from services.bot.texts.number_format import date, duration, number
from shared.batches import BatchState, DeliveryFormat
from shared.errors import BatchesFull, ImagineError
from shared.jobs import STRENGTHS, Stage
from tests.builders import RED_FOX, a_job

ROOT = Path(__file__).parents[2]
LOCALES = ROOT / "services/bot/texts/locales"


def forms_in(language: str) -> dict[str, tuple[str, ...]]:
    """Every sentence of a language in all its forms: one, or as many as the language has plurals."""
    found: dict[str, tuple[str, ...]] = {}
    for file in sorted((LOCALES / language).glob("*.po")):
        with file.open("rb") as content:
            for message in read_po(content, locale=language):
                key, text = message.id, message.string
                if key:
                    key = key if isinstance(key, str) else key[0]
                    assert key not in found, f"{key} stands twice"
                    assert not message.fuzzy, f"{key} is only guessed"
                    found[key] = (text,) if isinstance(text, str) else tuple(text)
    return found


ENGLISH_FORMS = forms_in("en")
ENGLISH = {key: forms[-1] for key, forms in ENGLISH_FORMS.items()}
UNFORMATTED = {"ask_idea_placeholder", *(f"command_{command}" for command in COMMANDS)}

ACTIONS = (
    "upscale",
    AGAIN,
    BACK,
    DELETE,
    EDIT,
    FILE,
    MODEL,
    MORE,
    PROMPT,
    RATIO,
    VARY,
)  # each has a button named after it


def all_errors(kind: type[ImagineError] = ImagineError) -> Iterator[type[ImagineError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from all_errors(child)


@cache
def trees() -> list[ast.Module]:
    files = [file for folder in ("services", "shared") for file in (ROOT / folder).rglob("*.py")]
    return [ast.parse(file.read_text(encoding="utf-8")) for file in files]


def words_in_code() -> set[str]:
    """Every string constant, and every ``f"…{…}…"`` as a regular expression for what may come of it."""
    constants: set[str] = set()
    for tree in trees():
        pieces = {id(piece) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for piece in node.values}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in pieces:
                constants.add(node.value)
    return constants


def keys_said() -> set[str]:
    """The keys that stand literally in a call of ``say``, or of a function that says something in its own way."""
    return {
        node.args[0].value
        for tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"say", "_say"}
        if node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)
    }


@cache
def keys_of_answers() -> set[str]:
    """The keys of what pops up over the chat when somebody has pressed a button."""
    calls = [node for tree in trees() for node in ast.walk(tree) if isinstance(node, ast.Call)]
    answers = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "acknowledge"]
    return {BatchesFull.reason} | {
        piece.value
        for call in answers
        for said in ast.walk(call)
        if isinstance(said, ast.Call) and isinstance(said.func, ast.Name) and said.func.id == "say"
        for piece in ast.walk(said.args[0])
        if isinstance(piece, ast.Constant) and isinstance(piece.value, str)
    }


class Reader(HTMLParser):
    """Checks that tags are Telegram's and closed in order."""

    KNOWN = frozenset({"b", "i", "u", "s", "code", "pre", "a", "blockquote", "tg-spoiler"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        assert tag in self.KNOWN
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


class TestLanguages:
    def test_of_languages_from_right_to_left_leaves_none_out(self) -> None:
        found = {language for language in languages() if Locale.parse(language).text_direction == "rtl"}

        assert {language for language in languages() if language.partition("_")[0] in RIGHT_TO_LEFT} == found


class TestTheCatalogue:
    @pytest.mark.parametrize("error", sorted(set(all_errors()), key=lambda kind: kind.__name__))
    def test_every_error_can_be_told(self, error: type[ImagineError]) -> None:
        assert error.reason in ENGLISH

    def test_every_sentence_that_the_code_says_is_there(self) -> None:
        assert keys_said() <= set(ENGLISH)

    def test_every_sentence_is_used(self) -> None:
        made_of_parts = {f"command_{command}" for command in COMMANDS}
        made_of_parts |= {f"status_{stage}" for stage in (*Stage, SEVERAL, ASKING, UNUSABLE)}
        made_of_parts |= {f"button_{action}" for action in ACTIONS}
        made_of_parts |= {f"button_{strength}" for strength in STRENGTHS}
        made_of_parts |= {f"button_help_{topic}" for topic in TOPICS}
        made_of_parts |= {f"status_{stage}_unknown" for stage in (Stage.WAKING, Stage.RETRYING, ASKING)}
        made_of_parts |= {f"undelivered_{reason}" for reason in SAID}
        made_of_parts |= {f"batch_{state}" for state in BatchState} | {
            f"button_batch_{choice}" for choice in DeliveryFormat
        }
        reasons = {error.reason for error in all_errors()}

        assert set(ENGLISH) - words_in_code() - made_of_parts - reasons == set()

    @pytest.mark.parametrize("language", languages())
    def test_every_sentence_is_html_as_telegram_reads_it(self, language: str) -> None:
        for key, forms in forms_in(language).items():
            for form in forms:
                reader = Reader()

                reader.feed(form)
                reader.close()

                assert reader.open == [], key
                assert 1 <= len(form) <= 4096, key

    @pytest.mark.parametrize("language", languages())
    def test_no_sentence_writes_thousands_by_itself(self, language: str) -> None:
        for key, forms in forms_in(language).items():
            assert not [form for form in forms if re.search(r"\d\W?\d{3}", form)], key

    @pytest.mark.parametrize("language", languages())
    def test_what_telegram_shows_without_formatting_has_none(self, language: str) -> None:
        sentences = forms_in(language)

        for key in sorted(UNFORMATTED):
            assert not re.search("[<>&{}]", sentences[key][-1]), key
            assert len(sentences[key][-1]) <= 64, key

    @pytest.mark.parametrize("language", languages())
    def test_what_pops_up_over_the_chat_is_as_short_as_telegram_takes_it(self, language: str) -> None:
        sentences = forms_in(language)

        assert {"pressed", "batch_not_yours", "pressed_over"} <= keys_of_answers()
        for key in sorted(keys_of_answers()):
            for form in sentences[key]:
                assert not re.search("[<>&]", form), key
                assert len(form) <= 200, key

    @pytest.mark.parametrize("language", languages())
    def test_every_language_says_everything_with_the_same_gaps_and_tags(self, language: str) -> None:
        sentences = forms_in(language)

        assert set(sentences) == set(ENGLISH)
        for key, forms in sentences.items():
            # One may be said without its number: "a picture".
            assert gaps(forms[-1]) == gaps(ENGLISH[key]), key
            assert all(gaps(form) <= gaps(ENGLISH[key]) for form in forms), key
            assert all(tags(form) == tags(ENGLISH[key]) for form in forms), key

    @pytest.mark.parametrize("language", languages())
    def test_every_language_has_the_plurals_that_it_needs(self, language: str) -> None:
        needed = get_plural(language).num_plurals

        for key, forms in forms_in(language).items():
            assert all(forms), key
            assert len(forms) == (needed if len(ENGLISH_FORMS[key]) > 1 else 1), key


def gaps(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


def tags(sentence: str) -> list[str]:
    """The tags in a sentence, in whatever order a language puts its words."""
    return sorted(re.findall(r"</?[a-z][^>]*>", sentence))


class TestAmounts:
    @pytest.mark.parametrize("language", languages())
    def test_no_part_of_a_date_looks_like_a_command(self, language: str) -> None:
        assert "/" not in date(datetime(2026, 11, 29, tzinfo=UTC), language)

    @pytest.mark.parametrize(
        ("seconds", "said"),
        [
            (0.2, "1 sec"),
            (40, "40 sec"),
            (600, "10 min"),
            (7_200, "2 hr"),
            (11_100, "3 hr 5 min"),
            (47.6 * 3600, "47 hr 36 min"),
            (5e5, "6 days"),
            (7 * 86_400, "7 days"),
        ],
    )
    def test_a_time_is_told_in_the_units_that_people_use(self, seconds: float, said: str) -> None:
        assert duration(seconds, "en") == said

    @pytest.mark.parametrize("language", languages())
    def test_every_language_tells_times_in_short(self, language: str) -> None:
        hour, minute = duration(7_200, language).removeprefix("2"), duration(600, language).removeprefix("10")

        assert duration(5_400, language) == f"1{hour} 30{minute}"
        assert duration(1e15, language)

    def test_numbers_are_written_as_the_language_writes_them(self) -> None:
        assert (number(12_345, "en"), number(0.7, "en")) == ("12,345", "0.7")
        assert number(65_536, "en", grouped=False) == "65536"
        assert say("batch_more_hints", "en", n=1_234) == "… and 1,234 more remarks."


class TestSay:
    @pytest.mark.parametrize("language", ["en", "en-US", "xx", "", "../en", "EN", "中文", "en/../en"])
    def test_whoever_speaks_an_unknown_language_is_answered_in_english(self, language: str) -> None:
        assert say("status_next", language) == ENGLISH["status_next"]

    def test_what_goes_into_a_gap_can_not_be_markup(self) -> None:
        assert "&lt;b&gt; &amp; 1" in say("status_queued", "en", detail="<b> & 1")

    @pytest.mark.parametrize("language", languages())
    def test_numbers_in_a_sentence_are_written_as_its_language_writes_them(self, language: str) -> None:
        said = say("batch_too_many_pictures", language, n=12_345, most=1_000)

        assert number(12_345, language) in said
        assert number(1_000, language) in said
        assert number(1_000, language) in say("help_pictures", language, most=1_000)

    def test_numbers_that_people_type_stay_as_they_are_typed(self) -> None:
        assert say("caption_seed", "en", seed="4294967295") == "seed 4294967295"


class TestWhatRunsFromRightToLeft:
    def test_keeps_what_is_inserted_apart_and_leaves_code_whole(self) -> None:
        assert isolated("أرسل <code>{name} 7</code> إلى {model}") == (
            "أرسل \u2068<code>{name} 7</code>\u2069 إلى \u2068{model}\u2069"
        )

    def test_keeps_the_slash_of_a_command_and_the_dash_of_a_parameter_in_front(self) -> None:
        assert isolated("التفاصيل في /help imagine، أو <b>/batch</b> (—ar)") == (
            "التفاصيل في \u2068/help imagine\u2069، أو <b>\u2068/batch\u2069</b> (\u2068—ar\u2069)"
        )

    def test_puts_no_marks_into_what_is_copied(self) -> None:
        assert isolated("مثلا:\n<pre>/batch --n 2\n{{red,blue}} {name}</pre>") == (
            "مثلا:\n\u2068<pre>/batch --n 2\n{{red,blue}} {name}</pre>\u2069"
        )

    def test_takes_no_address_for_a_command(self) -> None:
        assert isolated("في aistudio.google.com/apikey") == "في aistudio.google.com/apikey"

    def test_keeps_the_dots_that_hide_a_key_in_front_of_its_end(self) -> None:
        assert isolated("مفتاحك ••••{last_four} يعمل") == "مفتاحك \u2068••••{last_four}\u2069 يعمل"

    @pytest.mark.parametrize("sentence", ["…", "ℹ️ ملاحظة", "🎯 Top-p", "<b>Gemini</b> يكتب"])
    def test_begins_on_the_right_whatever_it_begins_with(self, sentence: str) -> None:
        assert isolated(sentence) == f"\u200f{sentence}"

    def test_begins_on_the_right_even_without_words_of_its_own(self) -> None:
        assert isolated("{name}: <b>{value}</b>") == "\u200f\u2068{name}\u2069: <b>\u2068{value}\u2069</b>"


class TestTheStatus:
    @pytest.mark.parametrize("stage", Stage)
    @pytest.mark.parametrize("estimate_s", [None, 0.0, 12.3, 1e6, float("inf"), float("nan")])
    def test_every_stage_can_be_told_whatever_is_known_of_the_wait(
        self, stage: Stage, estimate_s: float | None
    ) -> None:
        said = sentence(describe(a_job(stage=stage, estimate_s=estimate_s)), "en")

        assert said
        assert "{" not in said
        assert "nan" not in said
        assert "inf" not in said

    @pytest.mark.parametrize(
        ("shown", "said"),
        [
            ("queued", "Your picture is next"),
            ("queued:1", "Your picture is next"),
            ("queued:17", "place 17"),
            ("queued:17:120", "place 17.\n⏱ Ready in about 2 min."),
            ("queued:1:90", "is next.\n⏱ Ready in about 2 min."),
            ("queued:1002", "more than 1,000 pictures ahead of yours"),
            ("waking:42", "about 42 s"),
            ("waking", "The model is starting. "),
            ("retrying:3", "about 3 s"),
            ("retrying", "I'll try again automatically."),
            ("retrying_prompt:3", "Gemini is busy. I'll try again automatically in about 3 sec."),
            ("retrying_prompt", "Gemini is busy. I'll try again automatically."),
            ("painting", "Creating the picture …"),
            ("painting:3", "queued at the image service"),
            ("unusable", "black or broken"),
            ("painting@20", "Creating the picture …\n⏱ 20 sec so far."),
            ("waking:42@120", "about 42 sec. I'll continue automatically.\n⏱ 2 min so far."),
        ],
    )
    def test_it_says_what_is_known(self, shown: str, said: str) -> None:
        assert said in sentence(shown, "en")

    def test_a_place_is_told_with_the_wait_where_that_is_known(self) -> None:
        assert describe_place(17, 61.0) == "queued:17:120"
        assert describe_place(17, None) == "queued:17"
        assert describe_place(1_002, 61.0) == "queued:1002"  # Of those whom nobody counted, nobody knows.

    def test_a_wait_that_is_over_before_it_is_read_is_not_told(self) -> None:
        assert describe(a_job(stage=Stage.WAKING, estimate_s=8.0)) == "waking"
        assert describe(a_job(stage=Stage.WAKING, estimate_s=41.2)) == "waking:42"

    def test_a_picture_that_came_out_black_or_broken_is_named_as_such(self) -> None:
        assert describe(a_job(stage=Stage.RETRYING, prompt=RED_FOX, reason="bad_picture")) == UNUSABLE

    @pytest.mark.parametrize("before", [*RANK, "painting:2", "waking:20@30", "retrying:15"])
    @pytest.mark.parametrize("stage", [Stage.WRITING, Stage.PAINTING, Stage.WAKING, Stage.RETRYING])
    def test_what_is_said_never_steps_back(self, before: str, stage: Stage) -> None:
        job = a_job(stage=stage, prompt=RED_FOX, status_shown=before)

        after = describe_progress(job, job.created_at)

        assert RANK[after.partition(":")[0]] >= RANK[before.partition("@")[0].partition(":")[0]]
        assert describe_several([job]) == after

    def test_what_is_shown_before_is_told_again_without_its_time(self) -> None:
        job = a_job(stage=Stage.PAINTING, prompt=RED_FOX, status_shown="waking:20@30")

        assert describe_progress(job, job.created_at + timedelta(seconds=44)) == "waking@40"

    @pytest.mark.parametrize(
        ("waited_s", "shown"),
        [(-2, ""), (9.9, ""), (10, "@10"), (59, "@50"), (61, "@60"), (89, "@60"), (299, "@270"), (361, "@360")],
    )
    def test_the_time_so_far_is_told_from_the_tenth_second_on_and_not_at_every_second(
        self, waited_s: float, shown: str
    ) -> None:
        job = a_job(stage=Stage.PAINTING, prompt=RED_FOX)

        assert describe_progress(job, job.created_at + timedelta(seconds=waited_s)) == f"painting{shown}"

    def test_who_is_busy_is_told(self) -> None:
        assert describe(a_job(stage=Stage.RETRYING)) == "retrying_prompt"
        assert describe(a_job(stage=Stage.RETRYING, prompt=RED_FOX)) == "retrying"

    def test_the_place_in_a_providers_own_line_is_told(self) -> None:
        assert describe(a_job(stage=Stage.PAINTING, handle={"position": 3})) == "painting:3"
        assert describe(a_job(stage=Stage.PAINTING, handle={"position": None})) == "painting"

    def test_what_is_shown_fits_its_column(self) -> None:
        assert all(len(describe(a_job(stage=stage, estimate_s=1e15))) <= 64 for stage in Stage)
