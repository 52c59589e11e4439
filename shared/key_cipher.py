"""Encrypts people's own keys, so that only a worker can read them. A *sealed* key is an encrypted one."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet

from shared.key_encryption import KeyRing
from shared.redaction import GOOGLE, HUGGINGFACE, IN_USE, keys_in, service_of, visible
from shared.settings import Settings, SettingsError

FILE = "secret.key"
NEEDS_KEY = (
    "Please set G2D_SECRET_KEY, the same for all workers: it opens the keys that people bring. The bot takes it or its "
    "public half, which `g2d public-key` prints. Make it with: head -c 32 /dev/urandom | base64 | tr '+/' '-_'"
)
PUBLIC_ONLY = "Please set G2D_SECRET_KEY to the secret itself: with its public half a worker can open no keys."
WRONG_KEY = "G2D_SECRET_KEY is wrong: it takes keys of 32 bytes in URL-safe base64, more after a comma."
SERVICES = (GOOGLE, HUGGINGFACE)
SHORTEST, LONGEST = 16, 300  # characters of a key

SEALED = re.compile(r"g2d-sealed:(?P<service>[a-z]*):(?P<last_four>[^:\s]{0,4}):(?P<sealed>[\w=-]*)")


@dataclass(frozen=True, slots=True)
class SealedKey:
    """An encrypted key, as it may be stored.

    Attributes:
        service: The one whose keys look like this; None where none do.
        sealed: Empty where no service could have such a key, which nobody needs to keep.
    """

    service: str | None
    last_four: str
    sealed: str

    def __str__(self) -> str:
        return f"g2d-sealed:{self.service or ''}:{self.last_four}:{self.sealed}"


class KeyCipher:
    """Encrypts for the first key, decrypts with all: a new key is put before the old ones. A public key only encrypts.

    Args:
        keys: Secret keys, or a public one, with commas between them.

    Raises:
        SettingsError: One of them is not a key.
    """

    def __init__(self, keys: str) -> None:
        try:
            self._ring = KeyRing([key.strip() for key in keys.split(",") if key.strip()])
        except ValueError:
            raise SettingsError(WRONG_KEY) from None

    @property
    def can_decrypt(self) -> bool:
        """Whether it holds a secret key."""
        return self._ring.has_secrets

    @property
    def public_key(self) -> str:
        """The public half, which the bot may have in place of the secret."""
        return str(self._ring.public)

    def encrypt(self, plain: str) -> SealedKey:
        """Encrypt what somebody says is a key, without the invisible signs that were copied with it."""
        plain = visible(plain).strip()
        service = service_of(plain)
        if not (SHORTEST <= len(plain) <= LONGEST and plain.isascii() and plain.isprintable() and " " not in plain):
            return SealedKey(None, "", "")
        # Of a key with other signs in its tail no sign is shown: they would break the written form.
        tail = plain[-4:] if re.fullmatch(r"[\w-]{4}", plain[-4:]) else ""
        return SealedKey(service if service in SERVICES else None, tail, self._ring.encrypt(plain))

    def redact(self, text: str) -> str:
        """Replace everything that looks like a key by its sealed form, also with invisible signs between its letters.

        Those of services that we don't call are not kept: only that there was one.
        """
        hidden, end = [], 0
        for found in keys_in(text):
            sealed = self.encrypt(found.key[:LONGEST]) if found.service in SERVICES else SealedKey(None, "", "")
            hidden += [text[end : found.start], str(sealed)]
            end = found.end
        return "".join([*hidden, text[end:]])

    def decrypt(self, sealed: str) -> str | None:
        """Decrypt a key; None where it was encrypted for another secret key. Needs a secret key.

        From here on the redaction of logs knows the key: no log line and no error text holds it.
        """
        plain = self._ring.decrypt(sealed)
        if plain is not None:
            IN_USE.add([plain])
        return plain

    def renew(self, sealed: str) -> str | None:
        """The same, encrypted for the first key; None where it already is, or where no key of ours decrypts it."""
        return self._ring.renew(sealed)


def read_sealed(text: str) -> SealedKey | None:
    """Find the first sealed key in a text."""
    found = SEALED.search(text)
    return SealedKey(found["service"] or None, found["last_four"], found["sealed"]) if found else None


def cipher_for(settings: Settings) -> KeyCipher:
    """The installation's cipher. In the embedded size its key is made once and lies in the data folder.

    Raises:
        SettingsError: Separate processes were given no key, or it is none, or the file can't be used.
    """
    if settings.secret_key is not None:
        return KeyCipher(settings.secret_key.get_secret_value())
    if not settings.embedded:
        raise SettingsError(NEEDS_KEY)
    file = settings.data_dir / FILE
    try:
        return KeyCipher(_kept(file))
    except OSError as error:
        raise SettingsError(f"G2D_DATA_DIR: the file {file} can't be read or written: {error.strerror}.") from None


def decrypting_cipher_for(settings: Settings) -> KeyCipher:
    """The cipher of a process that decrypts.

    Raises:
        SettingsError: As ``cipher_for``, or only a public key was given.
    """
    cipher = cipher_for(settings)
    if not cipher.can_decrypt:
        raise SettingsError(PUBLIC_ONLY)
    return cipher


def _kept(file: Path) -> str:
    """The key in this file, made when there is none; bot and worker may ask at once."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        draft = file.with_suffix(f".{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as handle:
            handle.write(Fernet.generate_key())
            handle.flush()
            os.fsync(handle.fileno())
        try:
            # Unlike a rename it never replaces a key with which something was encrypted already.
            os.link(draft, file)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text(encoding="ascii")


def fingerprint(plain: str) -> str:
    """A SHA-256 digest that tells keys apart without showing them."""
    return hashlib.sha256(plain.encode()).hexdigest()
