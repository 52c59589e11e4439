"""Bytes → a picture we may show, or why not."""

from collections.abc import Callable
from io import BytesIO

import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.huggingface.spoiled import bomb
from services.worker.images.validation import Looks, look_at
from shared.errors import BadPicture


def flaw_of(data: bytes) -> str:
    with pytest.raises(BadPicture) as caught:
        look_at(data)
    return caught.value.flaw


def plain(colour: tuple[int, ...], form: str = "PNG", size: tuple[int, int] = (512, 512)) -> bytes:
    file = BytesIO()
    PIL.Image.new("RGBA" if len(colour) == 4 else "RGB", size, colour).save(file, form)
    return file.getvalue()


class TestAPictureWeMayShow:
    @pytest.mark.parametrize(
        ("form", "media_type"), [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")]
    )
    def test_type_and_size_come_from_the_bytes(self, picture_file: Callable[..., bytes], form: str, media_type: str):
        data = picture_file(form, (640, 480))

        assert look_at(data) == Looks(media_type, 640, 480)

    @pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1", "I;16"])
    def test_a_png_may_have_any_mode(self, picture_file: Callable[..., bytes], mode: str):
        assert look_at(picture_file("PNG", mode=mode)).media_type == "image/png"

    def test_a_jpeg_may_be_progressive_or_in_cmyk(self, picture_file: Callable[..., bytes]):
        assert look_at(picture_file("JPEG", (300, 200), progressive=True)).width == 300
        assert look_at(picture_file("JPEG", (300, 200), mode="CMYK")).width == 300

    @pytest.mark.parametrize("form", ["GIF", "AVIF", "TIFF", "BMP"])
    def test_what_few_programs_show_is_converted(self, form: str):
        file = BytesIO()
        PIL.Image.linear_gradient("L").convert("RGB").save(file, form)

        looks = look_at(file.getvalue())

        assert (looks.media_type, looks.width, looks.height, looks.plain) == ("image/jpeg", 256, 256, None)
        assert PIL.Image.open(BytesIO(looks.converted)).format == "JPEG"

    def test_what_is_transparent_stays_so(self):
        file = BytesIO()
        PIL.Image.new("RGBA", (64, 64), (255, 0, 0, 90)).save(file, "TIFF")

        looks = look_at(file.getvalue())

        assert PIL.Image.open(BytesIO(looks.converted)).getpixel((1, 1)) == (255, 0, 0, 90)

    @pytest.mark.parametrize("colour", ["white", "black"])
    def test_a_sticker_on_nothing_is_none_of_one_colour(self, colour: str):
        sticker = PIL.Image.new("RGBA", (512, 512), (255, 255, 255, 0) if colour == "white" else (0, 0, 0, 0))
        sticker.paste(colour, (100, 100, 300, 300))
        file = BytesIO()
        sticker.save(file, "PNG")

        assert look_at(file.getvalue()).plain is None

    def test_a_night_with_one_star_is_not_black(self):
        night = PIL.Image.new("RGB", (1024, 1024))
        night.putpixel((501, 333), (255, 255, 255))
        file = BytesIO()
        night.save(file, "PNG")

        assert look_at(file.getvalue()).width == 1024


class TestNoImage:
    @pytest.mark.parametrize(
        "data",
        [b"", b"<html><body>Bad Gateway</body></html>", b'{"error": "busy"}', b"\0" * 1_000, b"GIF89a" + b"\0" * 50],
        ids=["empty", "html", "json", "zeros", "gif"],
    )
    def test_it_is_told_from_pictures(self, data: bytes):
        assert flaw_of(data) == "not_an_image"

    @pytest.mark.parametrize(
        "data",
        [
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b'<?xml version="1.0"?>\n<svg viewBox="0 0 1 1"/>',
            b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 50,
            b"\xff\x0a" + b"\0" * 50,
        ],
        ids=["svg", "svg after xml", "jpeg 2000", "jpeg xl"],
    )
    def test_a_format_that_nothing_here_opens_is_told_from_what_is_none(self, data: bytes):
        assert flaw_of(data) == "unknown_format"

    @settings(deadline=None, max_examples=100)
    @given(st.binary(max_size=200))
    def test_whatever_bytes_come_one_flaw_is_named(self, data: bytes):
        assert flaw_of(data) in {"not_an_image", "unknown_format", "truncated", "too_large"}


class TestTruncated:
    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
    @pytest.mark.parametrize("part", [0.01, 0.1, 0.5, 0.9, 0.99])
    def test_a_part_of_a_picture_is_noticed(self, picture_file: Callable[..., bytes], form: str, part: float):
        data = picture_file(form, (512, 512))

        assert flaw_of(data[: max(int(len(data) * part), 16)]) == "truncated"

    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
    def test_so_is_a_missing_end(self, picture_file: Callable[..., bytes], form: str):
        assert flaw_of(picture_file(form, (512, 512))[:-12]) == "truncated"

    def test_a_broken_checksum_counts_as_truncated(self, picture_file: Callable[..., bytes]):
        data = bytearray(picture_file("PNG", (512, 512)))
        data[20] ^= 0xFF

        assert flaw_of(bytes(data)) == "truncated"


class TestTooLarge:
    @pytest.mark.parametrize("side", [6_400, 8_200, 12_000, 30_000])
    def test_a_bomb_is_refused_by_its_header(self, side: int):
        assert flaw_of(bomb(side)) == "too_large"

    def test_a_long_strip_is_refused(self, picture_file: Callable[..., bytes]):
        assert flaw_of(picture_file("PNG", (9_000, 16))) == "too_large"


class TestNothingOnIt:
    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
    @pytest.mark.parametrize("size", [(64, 64), (512, 512), (1024, 768)])
    def test_black_is_noticed(self, form: str, size: tuple[int, int]):
        assert look_at(plain((0, 0, 0), form, size)).plain == "black"

    def test_black_with_a_little_noise_is_black(self):
        assert look_at(plain((2, 1, 2))).plain == "black"

    def test_transparent_black_is_black(self):
        assert look_at(plain((0, 0, 0, 0))).plain == "black"

    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
    def test_one_colour_is_noticed(self, form: str):
        assert look_at(plain((127, 127, 127), form)).plain == "uniform"
