"""Originals, kept in an object store behind one URL."""

from pathlib import Path

import pytest

from shared.errors import StoreAway
from shared.images import Images
from shared.jobs import Image

JPEG = Image(b"\xff\xd8 a fox", "image/jpeg", 64, 48)
PNG = Image(b"\x89PNG a fox", "image/png", 64, 48)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "pictures of füchse"


@pytest.fixture
def images(folder: Path) -> Images:
    return Images(folder.as_uri())


class TestImages:
    def test_what_was_put_can_be_got(self, images: Images) -> None:
        key = images.put(7, JPEG)

        assert images.get(key) == JPEG.data

    def test_the_folder_is_made_where_the_url_says(self, images: Images, folder: Path) -> None:
        key = images.put(7, JPEG)

        assert (folder / key).read_bytes() == JPEG.data

    def test_an_image_can_be_found_by_its_job(self, images: Images) -> None:
        key = images.put(7, PNG)

        assert images.find(7) == (key, "image/png")
        assert images.find(8) is None

    def test_a_repeated_step_overwrites(self, images: Images, folder: Path) -> None:
        first = images.put(7, JPEG)
        second = images.put(7, Image(b"\xff\xd8 another fox", "image/jpeg", 64, 48))

        assert first == second
        assert images.get(first) == b"\xff\xd8 another fox"
        assert len([file for file in folder.rglob("*") if file.is_file()]) == 1

    def test_jobs_have_their_own(self, images: Images) -> None:
        keys = {images.put(job_id, JPEG) for job_id in (1, 2, 999, 1000, 1001, 2**40)}

        assert len(keys) == 6

    def test_another_process_finds_them(self, images: Images, folder: Path) -> None:
        key = images.put(7, JPEG)

        assert Images(folder.as_uri()).get(key) == JPEG.data

    def test_one_that_is_not_there_is_no_outage(self, images: Images) -> None:
        with pytest.raises(FileNotFoundError):
            images.get("000000/7.jpg")

    def test_a_store_that_can_not_write_is_away(self, images: Images, folder: Path) -> None:
        (folder / "000000").write_text("a file where the folder should be")

        with pytest.raises(StoreAway):
            images.put(7, JPEG)

    def test_a_folder_that_is_not_there_is_away_and_not_made_anew(self, images: Images, folder: Path) -> None:
        """As where its disk is not mounted: what is in it is not gone."""
        key = images.put(7, JPEG)
        folder.rename(folder.with_name("elsewhere"))

        for ask in (lambda: images.get(key), lambda: images.find(7), lambda: images.put(8, PNG)):
            with pytest.raises(StoreAway):
                ask()
        folder.with_name("elsewhere").rename(folder)

        assert images.get(key) == JPEG.data
