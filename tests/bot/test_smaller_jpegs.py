"""Smaller and smaller JPEGs of pictures that a server does not take."""

import io
import itertools

import PIL.Image

from services.bot.telegram.smaller_jpegs import STEPS, WORTH_A_TRY, smaller_jpegs
from tests.bot.delivery_rig import a_noise


class TestSmallerJpegs:
    def test_each_is_worth_another_try(self) -> None:
        noise = a_noise(1200)

        sizes = [len(noise), *(len(jpeg) for [jpeg] in smaller_jpegs([noise]))]

        assert 3 < len(sizes) <= 1 + len(STEPS)
        assert all(after <= WORTH_A_TRY * before for before, after in itertools.pairwise(sizes))

    def test_they_keep_their_ratio_and_are_never_enlarged(self) -> None:
        content = io.BytesIO()
        PIL.Image.open(io.BytesIO(a_noise(600))).resize((600, 300)).save(content, "PNG")

        for [jpeg] in smaller_jpegs([content.getvalue()]):
            with PIL.Image.open(io.BytesIO(jpeg)) as picture:
                assert picture.format == "JPEG"
                assert picture.width == 2 * picture.height <= 600

    def test_of_an_album_all_pictures_are_made_smaller_alike(self) -> None:
        versions = list(smaller_jpegs([a_noise(500), a_noise(600)]))

        assert versions
        assert all(len(version) == 2 for version in versions)

    def test_a_picture_with_transparency_has_them_too(self) -> None:
        content = io.BytesIO()
        PIL.Image.open(io.BytesIO(a_noise(300))).convert("RGBA").save(content, "PNG")

        assert list(smaller_jpegs([content.getvalue()]))

    def test_what_is_no_picture_has_none(self) -> None:
        assert list(smaller_jpegs([b"no picture"])) == []
