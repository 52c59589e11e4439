"""What a picture says of itself is believed before anything is decoded, and it is told how much that may cost."""

import os
import stat
import struct
from io import BytesIO
from pathlib import Path

import PIL.Image
import pytest

from services.worker.images.decoder import Decoder
from services.worker.images.inputs import for_gemini, proportions, to_start_from
from services.worker.images.opening import FORMATS, MAX_PIXELS, MAX_SCANS, TooLarge, open_picture, scans_of
from services.worker.images.validation import look_at
from shared.child_processes import Limits
from shared.errors import BadPicture, PictureUnreadable
from tests.cpu import takes_within

SECONDS = 0.25  # of CPU: ten times what it takes, where it once took minutes

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\n(words) =\n%%EOF\n"
EVERY = list(FORMATS)


def a_file(form: str, size: tuple[int, int] = (64, 48), mode: str = "RGB", **options: object) -> bytes:
    file = BytesIO()
    PIL.Image.linear_gradient("L").resize(size).convert(mode).save(file, form, **options)
    return file.getvalue()


def with_scans(more: int, size: tuple[int, int] = (64, 64)) -> bytes:
    """A progressive JPEG whose last scan, which refines all pixels, is there so many times more."""
    data = a_file("JPEG", size, "L", progressive=True)
    start = data.rindex(b"\xff\xda")
    return data[:-2] + data[start:-2] * more + b"\xff\xd9"


class TestFormats:
    @pytest.mark.parametrize("form", EVERY)
    def test_those_that_are_named_are_opened(self, form: str):
        assert proportions(a_file(form)) == (64, 48)

    @pytest.mark.parametrize("form", ["EPS", "PPM", "TGA", "ICO", "PCX", "SGI", "DDS", "JPEG2000", "PDF", "ICNS"])
    def test_others_are_not(self, form: str):
        with pytest.raises(PictureUnreadable):
            for_gemini(a_file(form, (128, 128)))

    def test_no_program_is_started_for_postscript(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        ghostscript = tmp_path / "gs"
        ghostscript.write_text(f"#!/bin/sh\ntouch {tmp_path}/called\n")
        ghostscript.chmod(ghostscript.stat().st_mode | stat.S_IEXEC)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

        for open_it in (for_gemini, proportions, look_at):
            with pytest.raises((PictureUnreadable, BadPicture)):
                open_it(EPS)

        assert not (tmp_path / "called").exists()


class TestPixels:
    @pytest.mark.parametrize("form", [form for form in EVERY if form != "JPEG"])
    def test_more_than_we_decode_are_refused_by_the_header(self, form: str):
        at_the_limit, over_it = a_file(form, (64, 48)), a_file(form, (65, 48))

        assert open_picture(at_the_limit, (100, 100), most_decoded=64 * 48)[1] == (64, 48)
        with pytest.raises(TooLarge):
            open_picture(over_it, (100, 100), most_decoded=64 * 48)

    def test_a_bomb_costs_nothing(self):
        """329 kB, of which 80 million pixels would take a gigabyte."""
        bomb = BytesIO()
        PIL.Image.new("1", (8_940, 8_940)).save(bomb, "PNG")

        def refuse() -> None:
            with pytest.raises(PictureUnreadable):
                for_gemini(bomb.getvalue())

        assert takes_within(SECONDS, refuse)

    @pytest.mark.parametrize("size", [(16_000, 12_000), (16_382, 3_628), (30, 60_000), (6_100, 6_100)])
    def test_of_a_telephones_jpeg_may_be_many(self, size: tuple[int, int]):
        width, height = PIL.Image.open(BytesIO(for_gemini(a_file("JPEG", size)))).size

        assert max(width, height) == 1_536
        assert width / height == pytest.approx(size[0] / size[1], rel=0.4)

    def test_of_a_jpeg_that_is_collected_scan_by_scan_may_be_as_many_as_of_others(self):
        assert for_gemini(a_file("JPEG", (4_000, 3_000), progressive=True))
        with pytest.raises(PictureUnreadable):
            for_gemini(a_file("JPEG", (8_000, 6_000), progressive=True))

    @pytest.mark.parametrize("wanted", [(1536, 1536), (1024, 512), (256, 1024)])
    def test_of_a_jpeg_are_decoded_as_many_as_are_needed(self, wanted: tuple[int, int]):
        picture, whole = open_picture(a_file("JPEG", (8_000, 6_000)), wanted)

        assert whole == (8_000, 6_000)
        assert all(
            decoded >= min(length, 8_000 * min(wanted[0] / 8_000, wanted[1] / 6_000))
            for decoded, length in zip(picture.size, wanted, strict=True)
        )
        assert picture.width * picture.height < MAX_PIXELS

    def test_a_long_strip_is_not_lost_between_the_fractions(self):
        start = to_start_from(a_file("JPEG", (40_000, 16)), 256, 256)

        assert PIL.Image.open(BytesIO(start)).size == (256, 1)


class TestScans:
    def test_of_a_usual_file_are_few(self):
        baseline, progressive = scans_of(a_file("JPEG")), scans_of(a_file("JPEG", progressive=True))

        assert baseline is not None
        assert progressive is not None
        assert (baseline.count, baseline.are_collected) == (1, False)
        assert 2 <= progressive.count <= 12
        assert progressive.are_collected

    def test_of_other_files_are_none(self):
        assert scans_of(a_file("PNG")) is None

    @pytest.mark.parametrize("more", [MAX_SCANS + 1, 10_000])
    def test_too_many_are_refused_before_anything_is_decoded(self, more: int):
        data = with_scans(more, (2_000, 2_000))

        def refuse() -> None:
            for open_it in (for_gemini, look_at):
                with pytest.raises((PictureUnreadable, BadPicture)):
                    open_it(data)

        assert takes_within(SECONDS, refuse)

    def test_a_picture_with_many_is_opened(self):
        assert for_gemini(with_scans(50))

    def test_what_only_looks_like_one_is_none(self):
        """In a thumbnail within Exif, and behind the end, where telephones put films."""
        data = a_file("JPEG")
        segment = b"\xff\xe1" + struct.pack(">H", 2 + 4_000) + b"\xff\xda\x00\x02" * 1_000
        film = b"\xff\xda\x00\x02" * 100_000

        scans = scans_of(data[:2] + segment + data[2:] + film)

        assert scans is not None
        assert (scans.count, scans.are_collected) == (1, False)

    @pytest.mark.parametrize(
        "filling", [b"\xff\xfe\x00\x02", b"\xff\xd0", b"\xff\xda", b"\xff" * 50 + b"\xda", b"\xff\x01"]
    )
    def test_a_file_of_nothing_but_markers_is_looked_at_in_no_time(self, filling: bytes):
        data = b"\xff\xd8" + filling * (5_000_000 // len(filling))

        assert takes_within(SECONDS, lambda: scans_of(data))


class TestTheDecoder:
    def test_tells_what_the_functions_tell(self, decoder: Decoder):
        data = a_file("PNG", (640, 480))

        assert decoder.look_at(data) == look_at(data)
        assert decoder.for_gemini(data) == for_gemini(data)
        assert decoder.to_start_from(data, 256, None) == to_start_from(data, 256, None)
        assert decoder.proportions(data) == (640, 480)
        assert decoder.recipe_in(data) is None

    @pytest.mark.parametrize("data", [b"", b"words", EPS, a_file("JPEG")[:200], with_scans(1_000)])
    def test_refuses_what_the_functions_refuse(self, decoder: Decoder, data: bytes):
        with pytest.raises(PictureUnreadable):
            decoder.for_gemini(data)
        with pytest.raises(PictureUnreadable):
            decoder.to_start_from(data, None, None)
        with pytest.raises(BadPicture) as caught:
            decoder.look_at(data)
        assert caught.value.flaw in {"not_an_image", "truncated", "too_large"}

    def test_outlives_a_picture_that_takes_too_much(self):
        strict = Decoder(Limits(cpu_s=8, memory_bytes=40 * 1024 * 1024, wall_s=20.0))
        large, small = a_file("PNG", (4_000, 4_000)), a_file("PNG")
        try:
            for _ in range(2):
                with pytest.raises(PictureUnreadable):
                    strict.for_gemini(large)
                with pytest.raises(BadPicture):
                    strict.look_at(large)
                assert strict.proportions(small) == (64, 48)
                assert strict.look_at(small).width == 64
        finally:
            strict.close()

    def test_keeps_what_people_send_from_delaying_what_providers_paint(self, decoder: Decoder):
        """They are looked at by different processes."""
        decoder.look_at(a_file("PNG"))
        decoder.proportions(a_file("PNG"))

        assert decoder._painted._idle[0]._process.pid != decoder._sent._idle[0]._process.pid
