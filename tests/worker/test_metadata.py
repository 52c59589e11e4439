"""Recipes in files: written where others look for them, without touching a pixel."""

from collections.abc import Callable
from io import BytesIO

import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.worker.images.metadata import from_text, read_recipe, to_text, write_recipe
from services.worker.images.validation import look_at
from shared.jobs import Image, Recipe

RECIPE = Recipe(
    model="black-forest-labs/FLUX.1-dev",
    provider="fal-ai",
    prompt="a red fox, in the snow\nat dawn",
    negative="blurry, text",
    seed=4_294_967_295,
    width=64,
    height=48,
    steps=28,
    guidance=3.5,
)
FORMS = ["JPEG", "PNG", "WEBP"]


def an_image(data: bytes) -> Image:
    looks = look_at(data)
    return Image(data, looks.media_type, looks.width, looks.height)


def pixels(data: bytes) -> bytes:
    return PIL.Image.open(BytesIO(data)).convert("RGBA").tobytes()


class TestInTheFile:
    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("words", ["a red fox", "ein Füchschen", "赤い狐 🦊"])
    def test_it_is_read_back_as_it_was_written(self, picture_file: Callable[..., bytes], form: str, words: str):
        recipe = Recipe("org/name", "together", words, seed=1)

        written = write_recipe(an_image(picture_file(form)), recipe)

        assert read_recipe(written.data) == recipe

    @pytest.mark.parametrize(
        ("form", "options"),
        [
            ("JPEG", {}),
            ("JPEG", {"progressive": True}),
            ("PNG", {}),
            ("PNG", {"mode": "RGBA"}),
            ("WEBP", {}),
            ("WEBP", {"lossless": True}),
            ("WEBP", {"mode": "RGBA"}),
            ("WEBP", {"mode": "RGBA", "lossless": True}),
        ],
    )
    def test_no_pixel_changes(self, picture_file: Callable[..., bytes], form: str, options: dict[str, object]):
        before = an_image(picture_file(form, (63, 47), **options))

        after = an_image(write_recipe(before, RECIPE).data)

        assert pixels(after.data) == pixels(before.data)
        assert (after.media_type, after.width, after.height) == (before.media_type, before.width, before.height)

    @pytest.mark.parametrize("form", FORMS)
    def test_writing_again_replaces_it(self, picture_file: Callable[..., bytes], form: str):
        once = write_recipe(an_image(picture_file(form)), RECIPE)

        twice = write_recipe(once, Recipe("org/other", "nscale", "a blue fox"))

        recipe = read_recipe(twice.data)
        assert recipe is not None
        assert recipe.prompt == "a blue fox"

    def test_other_tools_find_it_in_a_png(self, picture_file: Callable[..., bytes]):
        written = write_recipe(an_image(picture_file("PNG")), RECIPE)

        assert PIL.Image.open(BytesIO(written.data)).info["parameters"].startswith("a red fox")

    def test_other_tools_find_it_in_a_jpeg(self, picture_file: Callable[..., bytes]):
        written = write_recipe(an_image(picture_file("JPEG")), RECIPE)

        comment = PIL.Image.open(BytesIO(written.data)).getexif().get_ifd(0x8769)[0x9286]
        assert comment.startswith(b"UNICODE\0\0a\0 \0r\0e\0d")

    def test_a_jpeg_keeps_its_other_segments_in_order(self, picture_file: Callable[..., bytes]):
        before = picture_file("JPEG", comment=b"made here", icc_profile=b"p" * 200, dpi=(72, 72))

        info = PIL.Image.open(BytesIO(write_recipe(an_image(before), RECIPE).data)).info

        assert (info["comment"], info["icc_profile"], info["dpi"]) == (b"made here", b"p" * 200, (72, 72))

    def test_a_recipe_too_long_for_a_jpeg_is_left_out(self, picture_file: Callable[..., bytes]):
        image = an_image(picture_file("JPEG"))

        assert write_recipe(image, Recipe("org/name", "fal-ai", "x" * 70_000)) == image

    def test_other_types_stay_as_they_are(self):
        image = Image(b"GIF89a", "image/gif", 1, 1)

        assert write_recipe(image, RECIPE) is image

    @pytest.mark.parametrize("form", FORMS)
    def test_a_picture_without_one_has_none(self, picture_file: Callable[..., bytes], form: str):
        assert read_recipe(picture_file(form)) is None

    def test_what_is_no_picture_has_none(self):
        assert read_recipe(b"") is None
        assert read_recipe(b"\x89PNG\r\n\x1a\n") is None


class TestText:
    def test_it_is_what_stable_diffusion_tools_write(self):
        assert to_text(RECIPE) == (
            "a red fox, in the snow\nat dawn\n"
            "Negative prompt: blurry, text\n"
            "Steps: 28, CFG scale: 3.5, Seed: 4294967295, Size: 64x48, "
            "Model: black-forest-labs/FLUX.1-dev, Provider: fal-ai"
        )

    def test_a_prompt_may_speak_of_negative_prompts(self):
        recipe = Recipe("org/name", "fal-ai", "words\nNegative prompt: in a prompt\nmore", negative="blurry")

        assert from_text(to_text(recipe)) == recipe

    @pytest.mark.parametrize(
        "text", ["", "a fox", "a fox\nSteps: 20, Model: sd15", "a\nSteps: x, Model: m, Provider: p"]
    )
    def test_other_texts_are_no_recipe(self, text: str):
        assert from_text(text) is None

    @settings(deadline=None, max_examples=100)
    @given(
        st.builds(
            Recipe,
            model=st.from_regex(r"[a-z0-9-]{1,9}/[A-Za-z0-9._-]{1,20}", fullmatch=True),
            provider=st.sampled_from(["fal-ai", "hf-inference"]),
            prompt=st.text("abcü, \n", min_size=1).map(str.strip).filter(bool),
            negative=st.text("abc, ").map(str.strip),
            seed=st.none() | st.integers(0, 2**32 - 1),
            width=st.just(64),
            height=st.just(48),
            steps=st.none() | st.integers(1, 100),
            guidance=st.none() | st.floats(0, 20),
        )
    )
    def test_any_recipe_is_read_back(self, recipe: Recipe):
        assert from_text(to_text(recipe)) == recipe
