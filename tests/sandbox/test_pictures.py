"""The pictures: deterministic, of the asked size and type, and about the words."""

import io

import pytest
from PIL import Image

from sandbox.pictures import FORMATS, paint
from sandbox.pictures.scene import read_scene


def opened(picture: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(picture))
    image.load()
    return image


class TestPainting:
    def test_the_same_words_and_seed_give_the_same_bytes(self):
        first = paint("a fox in the snow", 7, 256, 256)
        paint.cache_clear()

        assert paint("a fox in the snow", 7, 256, 256) == first

    @pytest.mark.parametrize(("prompt", "seed"), [("a fox in the snow", 8), ("a cat in the snow", 7)])
    def test_another_seed_or_other_words_give_another_picture(self, prompt, seed):
        assert paint(prompt, seed, 256, 256) != paint("a fox in the snow", 7, 256, 256)

    @pytest.mark.parametrize("media_type", FORMATS)
    def test_the_picture_has_the_type_that_was_asked_for(self, media_type):
        picture = opened(paint("a boat on the sea", 1, 128, 96, media_type))

        assert picture.get_format_mimetype() == media_type
        assert picture.size == (128, 96)

    @pytest.mark.parametrize("size", [(1, 1), (64, 64), (17, 900), (900, 17), (1344, 768), (768, 1344)])
    def test_every_size_can_be_painted(self, size):
        assert opened(paint("a robot in a city at night", 3, *size)).size == size

    @pytest.mark.parametrize("size", [(0, 10), (10, 5000)])
    def test_an_impossible_size_is_refused(self, size):
        with pytest.raises(ValueError, match="can't be painted"):
            paint("x", 0, *size)

    def test_an_unknown_type_is_refused(self):
        with pytest.raises(ValueError, match="image/gif"):
            paint("x", 0, 64, 64, "image/gif")

    def test_no_picture_is_of_one_colour_only(self):
        # The services take such pictures for filtered ones.
        for prompt in ("night", "fog", "space", "snow", ""):
            extrema = opened(paint(prompt, 1, 128, 128)).getextrema()
            assert all(high - low > 30 for low, high in extrema), prompt


class TestReadingAPrompt:
    @pytest.mark.parametrize(
        ("prompt", "subject", "land", "weather", "hour"),
        [
            ("a red fox in a snowy forest at dawn", "fox", "forest", "snow", "dawn"),
            ("two cats, rainy city, night", "cat", "city", "rain", "night"),
            ("Lighthouse by the SEA, sunset", "lighthouse", "sea", "clear", "dusk"),
            ("a rocket in space near midnight", "rocket", "space", "clear", "night"),
        ],
    )
    def test_the_words_choose_what_is_seen(self, prompt, subject, land, weather, hour):
        scene = read_scene(prompt, 0)

        assert (scene.subject, scene.land, scene.weather, scene.hour) == (subject, land, weather, hour)

    def test_the_word_that_comes_first_wins(self):
        assert read_scene("a dog that looks at a cat", 0).subject == "dog"

    def test_a_word_inside_another_is_not_meant(self):
        assert read_scene("a category of foxgloves", 0).subject is None

    def test_what_the_words_leave_open_is_thrown_with_the_seed(self):
        scenes = {(scene.land, scene.hour) for scene in (read_scene("a thought", seed) for seed in range(30))}

        assert len(scenes) > 4
