"""Image store: originals as providers made them, and files that people sent, in an object store behind one URL."""

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from shared.errors import StoreAway
from shared.jobs import Image
from shared.network import Network
from shared.settings import SettingsError, load_bucket

if TYPE_CHECKING:
    from obstore.store import ClientConfig

SUFFIXES = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
SENT = "sent/"  # before the keys of what people sent
JOBS_A_FOLDER = 1000  # keeps folders small enough to look into


class PictureDiffers(Exception):
    """A copy is not what was copied: its key."""


class Images:
    """A folder (``file:///…``) or a bucket (``s3://bucket/prefix``; credentials in the AWS variables)."""

    def __init__(self, url: str) -> None:
        """Open the store; a folder that isn't there is made.

        Raises:
            SettingsError: The folder can't be made or written, or the URL is none.
        """
        self._store = _open(url)
        self._folder = self._store.prefix if isinstance(self._store, LocalStore) else None

    def put(self, job_id: int, image: Image) -> str:
        """Keep a job's picture, and return its key.

        The key depends on the job alone, so a repeated step overwrites instead of adding.
        """
        key = _key(job_id, image.media_type)
        with self._asked():
            obstore.put(self._store, key, image.data)
        return key

    def keep_sent(self, key: str, data: bytes) -> None:
        """Keep the file that somebody sent under its ``key_of_sent``; the same key overwrites it."""
        with self._asked():
            obstore.put(self._store, key, data)

    def keep_sheet(self, key: str, data: bytes) -> None:
        """Keep a sheet of sample pictures, or its description."""
        with self._asked():
            obstore.put(self._store, key, data)

    def put_export(self, key: str, file: IO[bytes]) -> None:
        """Keep a part of an export until it is sent."""
        with self._asked():
            obstore.put(self._store, key, file)

    def delete_sent(self, keys: Sequence[str]) -> None:
        """Delete files that people sent; those that are gone already count as deleted.

        Raises:
            ValueError: One of them is no file that somebody sent.
            StoreAway: As ``delete``.
        """
        if not all(key.startswith(SENT) for key in keys):
            raise ValueError("only what people sent is deleted")
        self.delete(keys)

    def delete(self, keys: Iterable[str]) -> None:
        """Delete what lies under these keys; what is gone already counts as deleted.

        Raises:
            StoreAway: The store does not answer; some may be deleted.
        """
        for key in keys:
            # One by one: in a folder, the first that is missing would end the others.
            with contextlib.suppress(FileNotFoundError), self._asked():
                obstore.delete(self._store, key)

    def get(self, key: str) -> bytes:
        """Read a picture's bytes.

        Raises:
            FileNotFoundError: It is gone.
            StoreAway: The store does not answer.
        """
        with self._asked():
            return bytes(obstore.get(self._store, key).bytes())

    def keys(self) -> Iterator[str]:
        """Every key under which something lies."""
        with self._asked():
            for some in obstore.list(self._store):
                yield from (str(one["path"]) for one in some)

    def copy(self, key: str, target: "Images") -> int:
        """Copy what lies under a key into another store, and read it there; returns its bytes, 0 where it was there.

        Raises:
            PictureDiffers: It is not the same there.
        """
        try:
            data = self.get(key)
        except FileNotFoundError:
            return 0  # Deleted since it was listed.
        if target.has(key, data):
            return 0
        target.keep_sent(key, data)
        if not target.has(key, data):
            raise PictureDiffers(key)
        return len(data)

    def has(self, key: str, data: bytes) -> bool:
        """Whether just this lies under a key, by its SHA-256."""
        try:
            there = self.get(key)
        except FileNotFoundError:
            return False
        return sha256(there).digest() == sha256(data).digest()

    def find(self, job_id: int) -> tuple[str, str] | None:
        """Key and media type of a picture that was kept for this job earlier, if any."""
        for media_type in SUFFIXES:
            with contextlib.suppress(FileNotFoundError), self._asked():
                obstore.head(self._store, key := _key(job_id, media_type))
                return key, media_type
        return None

    @contextmanager
    def _asked(self) -> Iterator[None]:
        if self._folder is not None and not self._folder.is_dir():
            # Its disk is not mounted: nothing in it is gone for good, and nothing may be written beside it.
            raise StoreAway("the image store's folder is not there")
        try:
            yield
        except FileNotFoundError:
            raise
        except NotFoundError as error:
            raise FileNotFoundError("not in the image store") from error  # A bucket says so in its own way.
        except (BaseError, OSError) as error:
            raise StoreAway(f"the image store does not answer: {type(error).__name__}") from error


def key_of_sent(chat_id: int, message_id: int, *, replied: bool = False) -> str:
    """The key of the file that came with a message.

    Args:
        replied: Whether it came with what that message replies to.
    """
    return f"{SENT}{chat_id}/{message_id}{'-replied' if replied else ''}"


def keys_of(job_id: int) -> list[str]:
    """Every key under which a picture of a job may lie."""
    return [_key(job_id, media_type) for media_type in SUFFIXES]


def key_of_export(errand_id: int, part: int) -> str:
    """The key of a part of an export, until it is sent."""
    return f"exports/{errand_id}/{part}.zip"


def _key(job_id: int, media_type: str) -> str:
    return f"{job_id // JOBS_A_FOLDER:06d}/{job_id}.{SUFFIXES[media_type]}"


def _open(url: str) -> ObjectStore:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise SettingsError("IMAGE_STORE_URL is no URL. Write file:///folder or s3://bucket/prefix.") from None
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
        return from_url(url, client_options=_way_to(url))
    except (BaseError, ValueError) as error:
        raise SettingsError(f"IMAGE_STORE_URL is wrong: {' '.join(str(error).split())[:200]}") from None


def _way_to(url: str) -> "ClientConfig | None":
    """How a bucket is reached: as all else on the internet, though its client is of another make.

    Raises:
        SettingsError: Its client can't do that.
    """
    network, bucket = Network.of_environment(), load_bucket()
    proxy = network.proxy_for(bucket.endpoint or f"https://{urlsplit(url).netloc}.s3.amazonaws.com")
    if proxy is not None and proxy.is_socks:
        raise SettingsError(
            "IMAGE_STORE_URL: a bucket can't be reached through a SOCKS proxy. Name its host in NO_PROXY, or set "
            "HTTPS_PROXY to a proxy that speaks HTTP."
        )
    if proxy is None and network.certificates is None and not network.proxies:
        return None  # The client has settings of its own among the AWS variables, which options would replace.
    options: ClientConfig = {"allow_http": bucket.allow_http}
    if network.certificates:
        options["root_certificate"] = network.certificates.read_bytes()
    if proxy is not None:
        options["proxy_url"] = proxy.url
        options["proxy_excludes"] = ",".join(network.exceptions)
    return options
