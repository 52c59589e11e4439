"""Originals: pictures as the painter made them, in an object store behind one URL."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from shared.errors import StoreAway
from shared.jobs import Image
from shared.settings import SettingsError

SUFFIXES = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
JOBS_A_FOLDER = 1000  # keeps folders small enough to look into


class Images:
    """A folder (``file:///…``) or a bucket (``s3://bucket/prefix``; credentials in the AWS variables)."""

    def __init__(self, url: str) -> None:
        """Open the store; a folder that isn't there is made.

        Raises:
            SettingsError: The folder can't be made or written, or the URL is none.
        """
        self._store = _open(url)

    def put(self, job_id: int, image: Image) -> str:
        """Keep a job's picture, and return its key.

        The key depends on the job alone, so a repeated step overwrites instead of adding.
        """
        key = _key(job_id, image.media_type)
        with _translated():
            obstore.put(self._store, key, image.data)
        return key

    def keep_sent(self, chat_id: int, message_id: int, data: bytes, *, replied: bool = False) -> str:
        """Keep the file that somebody sent with a message, and return its key; the same message overwrites it.

        Args:
            replied: Whether it came with what that message replies to.
        """
        key = f"sent/{chat_id}/{message_id}{'-replied' if replied else ''}"
        with _translated():
            obstore.put(self._store, key, data)
        return key

    def get(self, key: str) -> bytes:
        """Read a picture's bytes."""
        with _translated():
            return bytes(obstore.get(self._store, key).bytes())

    def find(self, job_id: int) -> tuple[str, str] | None:
        """Key and media type of a picture that was kept for this job earlier, if any."""
        with _translated():
            for media_type in SUFFIXES:
                try:
                    obstore.head(self._store, key := _key(job_id, media_type))
                except (NotFoundError, FileNotFoundError):
                    continue
                return key, media_type
        return None


def _key(job_id: int, media_type: str) -> str:
    return f"{job_id // JOBS_A_FOLDER:06d}/{job_id}.{SUFFIXES[media_type]}"


def _open(url: str) -> ObjectStore:
    parts = urlsplit(url)
    if parts.scheme != "file":
        return _open_bucket(url)
    folder = Path(unquote(parts.path))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"IMAGE_STORE_URL: the folder {folder} can't be made: {error.strerror}.") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SettingsError(f"IMAGE_STORE_URL: the folder {folder} can't be written.")
    return LocalStore(folder)


def _open_bucket(url: str) -> ObjectStore:
    try:
        return from_url(url)
    except (BaseError, ValueError) as error:
        raise SettingsError(f"IMAGE_STORE_URL is wrong: {' '.join(str(error).split())[:200]}") from None


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (NotFoundError, FileNotFoundError):
        raise
    except (BaseError, OSError) as error:
        raise StoreAway(f"the image store does not answer: {type(error).__name__}") from error
