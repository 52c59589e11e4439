"""The words under a picture."""

import html
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.bot.pictures import keyboards
from services.bot.pictures.captions import MAX_UNITS, write_caption
from services.bot.pictures.replies import job_named_in, picture_name
from services.bot.texts.utf16 import shorten, units
from shared.jobs import Job, Parameters, Picture, Prompt, Recipe, Request, State
from tests.bot.updates_scene import data_in
from tests.builders import FOX_RECIPE, RED_FOX, a_job

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
            "<blockquote expandable>a red fox in deep snow, golden hour\n"
            "model · seed 7 · 28 steps · 12 s</blockquote>"
        )

    def test_a_long_idea_is_told_in_80_characters(self) -> None:
        idea = "a red fox that has lost its way in deep snow and looks for the light of a house far away in the valley"

        title = as_shown(caption(finished(request=Request(idea)))).splitlines()[0]

        assert title == "a red fox that has lost its way in deep snow and looks for the light of a …"
        assert units(title) <= 80

    def test_a_follow_up_is_called_by_what_it_changes(self) -> None:
        house = "a house in the mountains by day, seen from a valley with a river"
        title = as_shown(write_caption(finished(request=Request("make it night")), default_model=MODEL, before=house))

        assert title.splitlines()[0] == "a house in the mountains by day … → make it night"

    def test_what_is_left_out_is_told_as_the_model_was_told(self) -> None:
        said = as_shown(caption(finished(recipe=replace(FOX_RECIPE, negative="text, blur"))))

        assert said.splitlines()[2:] == ["no text, blur", "model · seed 7 · 28 steps · 12 s"]

    def test_there_are_no_remarks_where_all_went_as_asked(self) -> None:
        assert "<i>" not in caption(finished())

    def test_a_model_that_takes_no_seed_has_none_to_tell(self) -> None:
        assert "seed" not in caption(finished(recipe=replace(FOX_RECIPE, seed=None)))

    def test_seed_zero_is_a_seed(self) -> None:
        assert "seed 0" in caption(finished(recipe=replace(FOX_RECIPE, seed=0)))

    def test_it_says_when_gemini_did_not_write_the_prompt(self) -> None:
        own_words = replace(RED_FOX, model=None)

        assert "were used unchanged" in caption(finished(prompt=own_words))
        assert "were used unchanged" not in caption(finished())

    def test_it_says_when_another_model_painted(self) -> None:
        job = finished(recipe=replace(FOX_RECIPE, model="org/other"))

        assert "model is unavailable; used other." in caption(job)

    @pytest.mark.parametrize("text", ["<b>bold</b>", "a & b", "</blockquote><a href='x'>", "&lt;i&gt;"])
    def test_what_looks_like_markup_is_shown_as_it_was_typed(self, text: str) -> None:
        job = finished(request=Request(text), prompt=replace(RED_FOX, text=f"{text}!"))

        assert as_shown(caption(job)).splitlines()[:2] == [text, f"{text}!"]
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
    def test_it_keeps_the_limit_and_halves_no_emoji(self, text: str, limit: int) -> None:
        short = shorten(text * 3, limit)

        assert units(short) <= limit
        assert short.encode("utf-8")

    @pytest.mark.parametrize(("text", "length"), [("fox", 3), ("🦊", 2), ("é", 1), ("👩‍🚀", 5)])
    def test_length_is_counted_as_telegram_counts(self, text: str, length: int) -> None:
        assert units(text) == length


class TestAFile:
    @pytest.mark.parametrize(("idea", "name"), [("A red boat!", "a-red-boat-17.jpg"), ("лодка", "picture-17.jpg")])
    def test_is_called_by_what_it_shows_and_leads_back_to_its_picture(self, idea: str, name: str) -> None:
        job = finished(id=17, request=Request(idea), image_key="000000/17.jpg", media_type="image/jpeg")

        assert picture_name(job) == name
        assert job_named_in(name) == 17

    @pytest.mark.parametrize(
        ("name", "job"), [("25.jpg", 25), ("a-fox-9.png", 9), ("IMG.jpg", None), ("a-9-b.jpg", None)]
    )
    def test_of_an_earlier_version_leads_back_as_well(self, name: str, job: int | None) -> None:
        assert job_named_in(name) == job


class TestALargerPicture:
    def test_tells_how_it_was_made_and_how_large_it_is(self) -> None:
        recipe = Recipe("lanczos", "local", "", width=2048, height=1536)
        request = Request("a fox", Parameters(upscale=2), picture=Picture("000000/1.jpg", "image/jpeg"))

        said = as_shown(caption(finished(request=request, recipe=recipe))).splitlines()

        assert said == ["a fox", "Enlarged to 2048 × 1536 pixels by resampling (Lanczos); no details were added."]

    def test_has_no_button_that_would_ask_a_model(self) -> None:
        job = finished(request=Request("", Parameters(upscale=2)))

        assert data_in(keyboards.picture(job)) == {f"delete {job.id}"}


class TestAPictureThatCameWithTheIdea:
    SENT = Request("at night", picture=Picture("sent/7/1", "image/jpeg"))

    def test_was_described_to_the_painter(self) -> None:
        said = as_shown(caption(finished(request=self.SENT)))

        assert "model can't start from a picture; it used Gemini's description of yours." in said

    def test_was_painted_over_by_a_model_that_can(self) -> None:
        said = as_shown(caption(finished(request=self.SENT, recipe=replace(FOX_RECIPE, over_picture=True))))

        assert said.splitlines()[-1].startswith("Based on your picture itself (model)")
        assert "description of yours" not in said

    def test_was_painted_over_by_another_model_that_can(self) -> None:
        over = replace(FOX_RECIPE, model="org/other", over_picture=True, strength=0.6)
        said = as_shown(caption(finished(request=self.SENT, recipe=over)))

        assert said.splitlines()[-1] == "model can't start from this picture; used other, which can."
        assert "Based on your picture" not in said
        assert "strength 0.6" in said

    def test_was_painted_over_with_the_persons_own_words(self) -> None:
        own_words, over = replace(RED_FOX, model=None), replace(FOX_RECIPE, over_picture=True)
        said = as_shown(caption(finished(request=self.SENT, prompt=own_words, recipe=over)))

        assert "Based on your picture itself (model)" in said
        assert "were used unchanged" in said

    def test_was_only_described_where_that_was_chosen(self) -> None:
        chosen = replace(self.SENT, parameters=Parameters(describe=True))

        assert as_shown(caption(finished(request=chosen))).endswith("Only described, as you chose in /settings.")

    def test_was_seen_by_nobody_without_gemini(self) -> None:
        said = as_shown(caption(finished(request=self.SENT, prompt=Prompt("at night"))))

        assert "Your picture could not be read" in said
        assert "description of yours" not in said

    def test_without_words_is_called_by_the_title_that_gemini_found(self) -> None:
        job = finished(request=replace(self.SENT, idea=""), prompt=replace(RED_FOX, title="Fox & snow"))

        assert caption(job).startswith("<b>Fox &amp; snow</b>\n<blockquote")

    def test_without_words_or_title_is_called_what_was_meant(self) -> None:
        job = finished(request=replace(self.SENT, idea=""), prompt=replace(RED_FOX, title=""))

        assert caption(job).startswith("<b>Similar to your picture</b>\n")


@pytest.mark.parametrize("half", [0xD83D, 0xDD8A])
def test_half_of_a_character_counts_as_one_unit(half: int) -> None:
    """JSON can hold such halves, where a client has cut a text in the middle of an emoji."""
    assert units(f"a{chr(half)}") == 2
    assert units(shorten(f"{chr(half)} " * 4096, 100)) <= 100
