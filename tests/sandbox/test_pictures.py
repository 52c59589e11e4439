"""The pictures: deterministic, of the asked size and type, and about the words."""

import io

import pytest
from PIL import Image

from sandbox.pictures import FORMATS, describe, paint, repaint
from sandbox.pictures.languages import language_of
from sandbox.pictures.scene import read_scene, read_words
from sandbox.pictures.subjects import shapes_of
from sandbox.pictures.words import SUBJECTS

IN_EVERY_LANGUAGE = {
    "en": ("a red fox in the snow at night", "a blue boat at sea at dawn", "two black cats in the forest"),
    "pt": ("uma raposa vermelha na neve à noite", "um barco azul no mar ao amanhecer", "dois gatos pretos na floresta"),
    "de": ("ein roter Fuchs im Schnee bei Nacht", "ein blaues Boot am Meer am Morgen", "zwei schwarze Katzen im Wald"),
    "es": ("un zorro rojo en la nieve de noche", "un barco azul en el mar al alba", "dos gatos negros en el bosque"),
    "fr": ("un renard rouge dans la neige la nuit", "un bateau bleu en mer à l’aube", "deux chats noirs dans la forêt"),
    "ru": ("рыжая лиса в снегу ночью", "синяя лодка в море на рассвете", "два чёрных кота в лесу"),
    "zh": ("夜晚雪中的红狐狸", "清晨海上的蓝色小船", "森林里的两只黑猫"),
    "ar": ("ثعلب أحمر في الثلج في الليل", "قارب أزرق في البحر عند الفجر", "اثنان من القطط السوداء في الغابة"),
}


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

    @pytest.mark.parametrize("language", IN_EVERY_LANGUAGE)
    def test_in_each_language_the_same_is_seen(self, language):
        ideas = IN_EVERY_LANGUAGE[language]
        seen = [str(read_words(idea)) for idea in ideas]

        assert [language_of(idea) for idea in ideas] == [language] * 3
        assert seen == [
            "a red fox in the snow at night",
            "a blue boat on the sea at dawn",
            "two black cats in the forest",
        ]

    @pytest.mark.parametrize(
        ("prompt", "seen"),
        [
            ("a house by day, make it night", "a house at night"),
            ("a fox in the snow, make it a cat", "a cat in the snow"),
            ("a fox at dawn, in the light of dusk", "a fox at sunset"),
            ("ein Fuchs in der Nacht, mach es Tag", "a fox by day"),
        ],
    )
    def test_a_change_has_the_last_word(self, prompt, seen):
        assert str(read_words(prompt)) == seen

    def test_a_colour_belongs_to_the_thing_beside_it(self):
        assert str(read_words("a red car and a blue boat")) == "a red car and a blue boat"

    def test_everything_that_can_be_named_can_be_drawn(self):
        named = [line.partition("|")[0].strip() for line in SUBJECTS.strip().splitlines()]

        assert [subject for subject in named if not shapes_of(subject)] == ["birds"]


class TestRecognising:
    def test_a_picture_is_known_again_smaller_and_in_another_format(self):
        painted = opened(paint("two penguins in the snow at night", 3, 512, 512))
        again = io.BytesIO()
        painted.resize((320, 320)).save(again, "WEBP", quality=60)

        assert describe(opened(again.getvalue())) == "two penguins by the sea in the snow at night"

    def test_a_strange_picture_is_not(self):
        assert describe(Image.new("RGB", (64, 48), (200, 120, 20))) == ""

    def test_a_known_picture_is_changed_and_keeps_its_place(self):
        by_day = paint("a house in the mountains by day", 4, 256, 256)

        by_night = opened(repaint(by_day, "make it night", 9, (256, 256), 0.35, "image/png"))

        assert describe(by_night) == "a house in the mountains at night"
        assert by_night.resize((1, 1)).convert("L").getpixel((0, 0)) < 90
