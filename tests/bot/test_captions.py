"""The words under a picture."""

import html
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from builders import FOX_RECIPE, RED_FOX, a_job
from hypothesis import given
from hypothesis import strategies as st

from services.bot.pictures.captions import MAX_UNITS, shorten, write_caption
from services.bot.texts.utf16 import units
from shared.jobs import Job, Picture, Prompt, Request, State

MODEL = FOX_RECIPE.model
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1)
TAGS = re.compile(r"</?(?:b|i|blockquote)(?: expandable)?>")


def finished(**values: object) -> Job:
    usual = {
        "state": State.FINISHED,
        "created_at": NOW,
        "ended_at": NOW + timedelta(seconds=12.4),
        "prompt": RED_FOX,
        "recipe": FOX_RECIPE,
    }
    return a_job(**usual | values)


def caption(job: Job) -> str:
    return write_caption(job, default_model=MODEL)


def as_shown(caption: str) -> str:
    """What Telegram shows and counts: without tags, entities read."""
    return html.unescape(TAGS.sub("", caption))


class TestCaption:
    def test_it_tells_idea_prompt_model_seed_and_time(self) -> None:
        assert caption(finished()) == (
            "<b>a red fox</b>\n"
            "<blockquote expandable>a red fox in deep snow, golden hour</blockquote>\n"
            "<i>model · seed 7 · 12 s</i>"
        )

    def test_a_long_idea_stands_below_the_title_that_gemini_found(self) -> None:
        idea = "a red fox that has lost its way in deep snow and looks for the light of a house far away in the valley"
        job = finished(request=Request(idea), prompt=replace(RED_FOX, title="Fox in the snow"))

        assert as_shown(caption(job)).splitlines()[:2] == ["Fox in the snow", idea]

    def test_a_model_that_takes_no_seed_has_none_to_tell(self) -> None:
        assert "seed" not in caption(finished(recipe=replace(FOX_RECIPE, seed=None)))

    def test_seed_zero_is_a_seed(self) -> None:
        assert "seed 0" in caption(finished(recipe=replace(FOX_RECIPE, seed=0)))

    def test_it_says_when_gemini_did_not_write_the_prompt(self) -> None:
        own_words = replace(RED_FOX, model=None)

        assert "your own words" in caption(finished(prompt=own_words))
        assert "your own words" not in caption(finished())

    def test_it_says_when_another_model_painted(self) -> None:
        job = finished(recipe=replace(FOX_RECIPE, model="org/other"))

        assert "Nobody paints with model at the moment, so other did." in caption(job)

    @pytest.mark.parametrize("text", ["<b>bold</b>", "a & b", "</blockquote><a href='x'>", "&lt;i&gt;"])
    def test_what_looks_like_markup_is_shown_as_it_was_typed(self, text: str) -> None:
        job = finished(request=Request(text), prompt=replace(RED_FOX, text=text))

        assert as_shown(caption(job)).splitlines()[:2] == [text, text]
        assert TAGS.sub("", caption(job)).count("<") == 0

    @given(
        idea=TEXT,
        prompt=TEXT,
        model=st.text("abc<&é🦊", min_size=1, max_size=48),
        own_words=st.booleans(),
        stretch=st.integers(1, 400),
    )
    def test_it_is_never_longer_than_telegram_takes(
        self, idea: str, prompt: str, model: str, own_words: bool, stretch: int
    ) -> None:
        job = finished(
            request=Request((idea * stretch)[:1000]),
            prompt=replace(RED_FOX, text=prompt * stretch, model=None if own_words else "gemini"),
            recipe=replace(FOX_RECIPE, model=f"org/{model}", seed=2**64 - 1),
        )

        assert units(as_shown(caption(job))) <= MAX_UNITS


class TestShorten:
    def test_what_fits_stays_as_it_is(self) -> None:
        assert shorten("a red fox", 9) == "a red fox"

    def test_the_cut_is_at_a_words_end_and_marked(self) -> None:
        assert shorten("a red fox in the snow", 16) == "a red fox in …"

    def test_a_long_word_is_cut_all_the_same(self) -> None:
        assert shorten("x" * 100, 50) == "x" * 48 + " …"

    @given(TEXT, st.integers(2, 60))
    def test_it_keeps_the_limit_and_halves_no_emoji(self, text: str, most: int) -> None:
        short = shorten(text * 3, most)

        assert units(short) <= most
        assert short.encode("utf-8")

    @pytest.mark.parametrize(("text", "length"), [("fox", 3), ("🦊", 2), ("é", 1), ("👩‍🚀", 5)])
    def test_length_is_counted_as_telegram_counts(self, text: str, length: int) -> None:
        assert units(text) == length


class TestAPictureThatCameWithTheIdea:
    SENT = Request("at night", picture=Picture("sent/7/1", "image/jpeg"))

    def test_was_described_to_the_painter(self) -> None:
        said = as_shown(caption(finished(request=self.SENT)))

        assert "model did not start from your picture itself; it painted what Gemini saw in it." in said

    def test_was_painted_over_by_a_model_that_can(self) -> None:
        said = as_shown(caption(finished(request=self.SENT, recipe=replace(FOX_RECIPE, over_picture=True))))

        assert "model painted over the picture itself" in said
        assert "what Gemini saw" not in said

    def test_was_seen_by_nobody_without_gemini(self) -> None:
        said = as_shown(caption(finished(request=self.SENT, prompt=Prompt("at night"))))

        assert "Nobody could look at your picture" in said
        assert "what Gemini saw" not in said

    def test_without_words_is_called_by_the_title_that_gemini_found(self) -> None:
        job = finished(request=replace(self.SENT, idea=""), prompt=replace(RED_FOX, title="Fox & snow"))

        assert caption(job).startswith("<b>Fox &amp; snow</b>\n<blockquote")

    def test_without_words_or_title_is_called_what_was_meant(self) -> None:
        job = finished(request=replace(self.SENT, idea=""), prompt=replace(RED_FOX, title=""))

        assert caption(job).startswith("<b>Something like your picture</b>\n")


@pytest.mark.parametrize("half", [0xD83D, 0xDD8A])
def test_half_of_a_character_counts_as_one_unit(half: int) -> None:
    """JSON can hold such halves, where a client has cut a text in the middle of an emoji."""
    assert units(f"a{chr(half)}") == 2
    assert units(shorten(f"{chr(half)} " * 4096, 100)) <= 100
