"""Pictures that ideas speak of, on their way to those who look at them."""

from io import BytesIO
from pathlib import Path

import PIL.Image
import pytest

from services.worker.images import inputs
from services.worker.images.decoder import Decoder
from services.worker.images.inputs import SEEN_SIDE, for_gemini, proportions, to_start_from
from services.worker.images.stored import read_picture
from shared.errors import PictureGone, PictureLargeEnough, PictureUnreadable
from shared.images import Images
from shared.jobs import Image, Picture
from tests.builders import keep_sent

HEIC_HEADER = b"\x00\x00\x00\x24ftypheic\x00\x00\x00\x00mif1MiHEmiafMiHBheic"
ORIENTATION = 0x0112  # Exif's tag; 6 says that the camera was held upright


def opened(data: bytes) -> PIL.Image.Image:
    return PIL.Image.open(BytesIO(data))


def is_about(picture: PIL.Image.Image, *colour: int) -> bool:
    """Whether the middle has this colour; JPEG and WebP add a little noise."""
    middle = picture.getpixel((picture.width // 2, picture.height // 2))
    return all(abs(value - wanted) < 10 for value, wanted in zip(middle, colour, strict=True))


def a_file(form: str, size=(64, 48), mode="RGB", fill="orange", **options) -> bytes:
    file = BytesIO()
    PIL.Image.new(mode, size, fill).save(file, form, **options)
    return file.getvalue()


class TestWhatGeminiIsShown:
    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "GIF", "BMP", "TIFF"])
    def test_is_a_jpeg_whatever_was_sent(self, form: str) -> None:
        shown = for_gemini(a_file(form))

        assert (opened(shown).format, opened(shown).size) == ("JPEG", (64, 48))
        assert is_about(opened(shown), 255, 165, 0)

    @pytest.mark.parametrize(("sent", "shown"), [((4000, 3000), (1536, 1152)), ((1000, 4000), (384, 1536))])
    def test_is_no_larger_than_gemini_looks(self, sent: tuple[int, int], shown: tuple[int, int]) -> None:
        picture = opened(for_gemini(a_file("JPEG", sent)))

        assert picture.size == shown
        assert max(shown) == SEEN_SIDE

    def test_is_upright(self) -> None:
        exif = PIL.Image.Exif()
        exif[ORIENTATION] = 6

        assert opened(for_gemini(a_file("JPEG", exif=exif))).size == (48, 64)

    def test_does_not_tell_where_it_was_taken(self) -> None:
        exif = PIL.Image.Exif()
        exif.get_ifd(0x8825)[1] = "N"

        assert not opened(for_gemini(a_file("JPEG", exif=exif))).getexif()

    def test_stands_on_white_where_it_was_transparent(self) -> None:
        shown = for_gemini(a_file("PNG", mode="RGBA", fill=(0, 0, 0, 0)))

        assert is_about(opened(shown), 255, 255, 255)

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"no picture",
            a_file("JPEG", (640, 480))[:300],
            HEIC_HEADER + bytes(400),
            a_file("HEIF", (640, 480))[:-100],
            a_file("PNG", (5001, 5000), "1", 0),
        ],
        ids=["nothing", "words", "cut short", "a bare header of HEIC", "HEIC cut short", "too many pixels"],
    )
    def test_has_to_be_a_picture(self, data: bytes) -> None:
        with pytest.raises(PictureUnreadable):
            for_gemini(data)


class TestWhatAPainterStartsFrom:
    def test_fits_into_the_size_and_keeps_its_proportions(self) -> None:
        assert opened(to_start_from(a_file("PNG", (1000, 500)), 256, 256)).size == (256, 128)

    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "HEIF"])
    def test_is_a_jpeg_whatever_was_sent(self, form: str) -> None:
        assert is_about(opened(to_start_from(a_file(form), 256, 256)), 255, 165, 0)

    def test_of_a_telephone_that_was_held_upright_is_upright(self) -> None:
        exif = PIL.Image.Exif()
        exif[ORIENTATION] = 6
        sent = a_file("HEIF", (64, 48), exif=exif.tobytes())

        assert proportions(sent) == opened(to_start_from(sent, 256, 256)).size == (48, 64)


class TestTheStore:
    def test_may_have_the_picture_no_more(self, tmp_path: Path) -> None:
        images = Images(tmp_path.as_uri())
        kept = Picture(keep_sent(images, 7, 1, b"a picture"), "image/png")

        assert read_picture(images, kept) == b"a picture"
        with pytest.raises(PictureGone):
            read_picture(images, Picture("sent/7/2", "image/png"))


class TestWhatIsMadeLarger:
    def enlarged(self, decoder: Decoder, size: tuple[int, int], form: str = "JPEG", mode: str = "RGB") -> Image:
        file = BytesIO()
        PIL.Image.linear_gradient("L").resize(size).convert(mode).save(file, form)
        return decoder.enlarge(file.getvalue(), 2)

    def test_is_twice_as_large_each_way(self, decoder: Decoder) -> None:
        image = self.enlarged(decoder, (300, 200))

        assert (image.width, image.height, image.media_type) == (600, 400, "image/jpeg")
        with PIL.Image.open(BytesIO(image.data)) as opened:
            assert opened.size == (600, 400)

    def test_keeps_what_is_transparent(self, decoder: Decoder) -> None:
        image = self.enlarged(decoder, (64, 64), "PNG", "LA")

        with PIL.Image.open(BytesIO(image.data)) as opened:
            assert (image.media_type, opened.mode) == ("image/png", "RGBA")

    def test_goes_no_further_than_what_can_be_shown(self, decoder: Decoder) -> None:
        image = self.enlarged(decoder, (3200, 3000))

        assert image.width * image.height == pytest.approx(inputs.MAX_ENLARGED, rel=0.01)
        assert len(image.data) <= inputs.MAX_ENLARGED_BYTES

    def test_is_refused_where_it_would_hardly_grow(self, decoder: Decoder) -> None:
        with pytest.raises(PictureLargeEnough):
            self.enlarged(decoder, (4000, 3900))

    def test_is_a_picture(self, decoder: Decoder) -> None:
        with pytest.raises(PictureUnreadable):
            decoder.enlarge(b"no picture", 2)
