"""Seals people's own keys, so that only a worker can read them."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from shared.settings import Settings, SettingsError

FILE = "secret.key"
NEEDS_KEY = (
    "Please set G2D_SECRET_KEY, the same for the bot and all workers: it seals the keys that people bring. Make one "
    "with `python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'`."
)
WRONG_KEY = "G2D_SECRET_KEY is wrong: it takes Fernet keys, 32 bytes in URL-safe base64 each, more after a comma."
GOOGLE, HUGGINGFACE = "google", "huggingface"
SERVICES = (GOOGLE, HUGGINGFACE)
SHORTEST, LONGEST = 16, 300  # characters of a key

# Keys as the services hand them out, wherever in a text; shorter ones open nothing.
KEY_SHAPES = re.compile(r"(?P<google>AIza[\w-]{20,}|(?<![\w.-])AQ\.[\w-]{20,})|(?P<huggingface>hf_[A-Za-z0-9]{16,})")
SEALED = re.compile(r"g2d-sealed:(?P<service>[a-z]*):(?P<last_four>[^:\s]{0,4}):(?P<sealed>[\w=-]*)")


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A key as it may be written down.

    Attributes:
        service: The one whose keys look like this; None where none do.
        sealed: Empty where no service could have such a key, which nobody needs to keep.
    """

    service: str | None
    last_four: str
    sealed: str

    def __str__(self) -> str:
        return f"g2d-sealed:{self.service or ''}:{self.last_four}:{self.sealed}"


class Box:
    """Seals with the first key, opens with all: a new key is put before the old ones.

    Raises:
        SettingsError: The keys are none.
    """

    def __init__(self, keys: str) -> None:
        try:
            each = [Fernet(key.strip()) for key in keys.split(",") if key.strip()]
            self._first, self._fernet = each[0], MultiFernet(each)
        except (ValueError, IndexError):
            raise SettingsError(WRONG_KEY) from None

    def seal(self, plain: str) -> SealedKey:
        """Seal what somebody says is a key."""
        plain = plain.strip()
        shape = KEY_SHAPES.fullmatch(plain)
        if not (SHORTEST <= len(plain) <= LONGEST and plain.isascii() and plain.isprintable() and " " not in plain):
            return SealedKey(None, "", "")
        # Of a key with other signs in its tail no sign is shown: they would break the written form.
        tail = plain[-4:] if re.fullmatch(r"[\w-]{4}", plain[-4:]) else ""
        return SealedKey(shape.lastgroup if shape else None, tail, self._fernet.encrypt(plain.encode()).decode())

    def hide(self, text: str) -> str:
        """Put sealed keys in the place of all that look like keys."""
        return KEY_SHAPES.sub(lambda found: str(self.seal(found[0][:LONGEST])), text)

    def unseal(self, sealed: str) -> str | None:
        """Read a key; None where none of ours sealed it. For workers alone."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            return None

    def reseal(self, sealed: str) -> str | None:
        """The same, sealed with the first key; None where it is, or where none of ours sealed it."""
        plain = self.unseal(sealed)
        try:
            self._first.decrypt(sealed)
        except InvalidToken:
            return self._first.encrypt(plain.encode()).decode() if plain is not None else None
        return None


def read_sealed(text: str) -> SealedKey | None:
    """Find the first sealed key in a text."""
    found = SEALED.search(text)
    return SealedKey(found["service"] or None, found["last_four"], found["sealed"]) if found else None


def box_for(settings: Settings) -> Box:
    """The installation's own box; embedded, its key is made once and lies in the data folder.

    Raises:
        SettingsError: Separate processes were given no key, or it is none.
    """
    if settings.secret_key is not None:
        return Box(settings.secret_key.get_secret_value())
    if not settings.embedded:
        raise SettingsError(NEEDS_KEY)
    return Box(_kept(settings.data_dir / FILE))


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
            # Unlike a rename it never replaces a key that something was sealed with already.
            os.link(draft, file)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text(encoding="ascii")


def fingerprint(plain: str) -> str:
    """What tells keys apart without being one."""
    return hashlib.sha256(plain.encode()).hexdigest()
