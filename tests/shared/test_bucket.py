"""The image store in a bucket, on an S3-compatible server that checks signatures."""

import io
from collections.abc import Iterator

import pytest

from shared.errors import StoreAway
from shared.images import Images
from shared.jobs import Image
from tests.servers import bucket_server

PNG = Image(b"\x89PNG a fox", "image/png", 64, 48)
MANY = 1_005  # keys: a server lists a thousand at a time


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with bucket_server(tmp_path_factory.mktemp("bucket")) as environment:
        yield environment


@pytest.fixture
def images(server: dict[str, str], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Images:
    """A store of this test alone."""
    for name, value in server.items():
        monkeypatch.setenv(name, value)
    return Images(f"s3://pictures/{request.node.name}")


class TestABucket:
    def test_keeps_finds_and_deletes_pictures(self, images: Images) -> None:
        key = images.put(7, PNG)

        assert images.put(7, PNG) == key
        assert (images.get(key), images.find(7), images.find(8)) == (PNG.data, (key, "image/png"), None)
        images.delete([key, "000000/8.png"])
        with pytest.raises(FileNotFoundError):
            images.get(key)

    def test_takes_a_part_of_an_export(self, images: Images) -> None:
        part = bytes(range(256)) * 48_000  # 12 MB: obstore sends it in several requests

        images.put_export("exports/1/0.zip", io.BytesIO(part))

        assert images.get("exports/1/0.zip") == part

    def test_lists_more_than_a_page(self, images: Images) -> None:
        keys = {f"sent/7/{number}" for number in range(MANY)}
        for key in keys:
            images.keep_sent(key, b"x")

        assert set(images.keys()) == keys

    def test_that_refuses_the_key_is_away(self, images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
        key = images.put(7, PNG)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")

        with pytest.raises(StoreAway):
            Images("s3://pictures/x").get(key)
