"""Which files are taken, before and after they are fetched."""

import io

import PIL.Image
import pytest

from services.worker.images.opening import FORMATS
from shared.errors import BadBatch, FileNotUnderstood, FileTooLarge, PictureUnreadable, UserError
from shared.media_types import FILES_BYTES, TEXT_BYTES, Purpose, require_batch, require_contents, require_kind

TALK, PICTURE = Purpose.TALK, Purpose.PICTURE


class TestBeforeTheyAreFetched:
    @pytest.mark.parametrize(
        ("media_type", "name"),
        [
            ("image/jpeg", "photo.jpg"),
            ("image/heic", "IMG_1.HEIC"),
            ("audio/ogg; codecs=opus", "voice.ogg"),
            ("application/pdf", "paper.pdf"),
            ("text/plain", "notes"),
            ("text/x-python", "fox.py"),
            ("APPLICATION/JSON", "data.json"),
        ],
    )
    def test_gemini_gets_what_it_reads(self, media_type: str, name: str) -> None:
        require_kind(TALK, media_type, name, 1000)

    @pytest.mark.parametrize(
        ("media_type", "name", "size", "error"),
        [
            ("application/zip", "a.zip", 9, FileNotUnderstood),
            ("application/octet-stream", "file", 9, FileNotUnderstood),
            ("image/gif", "a.gif", 9, FileNotUnderstood),
            ("text/plain", "a.zip", 9, FileNotUnderstood),
            ("text/plain", "a.txt.gz", 9, FileNotUnderstood),
            ("application/pdf", "film.mp4", 9, FileNotUnderstood),
            ("text/plain", "a.txt", TEXT_BYTES + 1, FileTooLarge),
            ("application/pdf", "a.pdf", FILES_BYTES + 1, FileTooLarge),
        ],
    )
    def test_it_gets_nothing_else(self, media_type: str, name: str, size: int, error: type[UserError]) -> None:
        with pytest.raises(error):
            require_kind(TALK, media_type, name, size)

    @pytest.mark.parametrize("kind", ["jpeg", "jpg", "png", "webp", "gif", "avif", "heic", "heif", "tiff", "bmp"])
    def test_pictures_are_of_the_kinds_that_are_opened(self, kind: str) -> None:
        require_kind(PICTURE, f"image/{kind}", "file", 0)

    @pytest.mark.parametrize("kind", ["svg+xml", "vnd.adobe.photoshop", "x-eps", "jp2"])
    def test_others_are_not(self, kind: str) -> None:
        with pytest.raises(PictureUnreadable):
            require_kind(PICTURE, f"image/{kind}", "file", 0)

    @pytest.mark.parametrize(
        ("media_type", "name", "is_taken"),
        [
            ("text/plain", "ideas.txt", True),
            ("application/vnd.ms-excel", "ideas.csv", True),  # as Windows says of CSV
            ("application/octet-stream", "ideas.jsonl", True),
            ("application/zip", "ideas.txt", False),
            ("text/csv", "ideas.csv.gz", False),
            ("video/mp4", "ideas.mp4", False),
            ("audio/mpeg", "ideas", False),
        ],
    )
    def test_batches_are_text(self, media_type: str, name: str, is_taken: bool) -> None:
        if is_taken:
            require_batch(media_type, name)
        else:
            with pytest.raises(BadBatch):
                require_batch(media_type, name)


class TestWhenTheyAreThere:
    @pytest.mark.parametrize("form", sorted(FORMATS))
    def test_every_picture_that_can_be_opened_begins_like_one(self, form: str) -> None:
        file = io.BytesIO()
        PIL.Image.new("RGB", (8, 8), "orange").save(file, form)

        require_contents(PICTURE, "image/jpeg", file.getvalue())

    @pytest.mark.parametrize(
        "data", [b"", b"PK\x03\x04", b"%!PS-Adobe-3.0 EPSF-3.0", b"<svg/>", b"#!/bin/sh", b"\0" * 99]
    )
    def test_others_are_none(self, data: bytes) -> None:
        with pytest.raises(PictureUnreadable):
            require_contents(PICTURE, "image/png", data)

    @pytest.mark.parametrize(
        ("media_type", "data"),
        [
            ("text/plain", "Füchse".encode()),
            ("text/plain", "Füchse".encode("utf-16")),
            ("text/plain", b""),
            ("application/pdf", b"\n%PDF-1.7"),
            ("audio/ogg", b"OggS"),
            ("image/png", b"\x89PNG\r\n\x1a\n"),
        ],
    )
    def test_gemini_gets_what_is_what_it_says(self, media_type: str, data: bytes) -> None:
        require_contents(TALK, media_type, data)

    @pytest.mark.parametrize(
        ("media_type", "data", "error"),
        [
            ("text/plain", b"PK\x03\x04\x00", FileNotUnderstood),
            ("application/pdf", b"PK\x03\x04", FileNotUnderstood),
            ("image/png", b"%PDF-1.7", FileNotUnderstood),
            ("text/plain", b"x" * (TEXT_BYTES + 1), FileTooLarge),  # its size was not told
        ],
    )
    def test_it_does_not_get_what_only_says_so(self, media_type: str, data: bytes, error: type[UserError]) -> None:
        with pytest.raises(error):
            require_contents(TALK, media_type, data)
