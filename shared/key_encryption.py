"""Encrypts people's own keys with a public key, so that only a holder of the secret key can read them.

HPKE (RFC 9180) in base mode: X25519, HKDF-SHA256, ChaCha20-Poly1305. A secret key is 32 bytes in URL-safe base64; its
X25519 pair is derived from it. Keys that were sealed with Fernet by earlier versions can still be read.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PUBLIC = "g2d-public:"  # begins a public key, which encrypts and reads nothing
MARK = "x1-"  # begins what this version encrypts; a Fernet token begins with gAAAA
INFO = b"g2d people's own keys"
SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)


class SecretKey:
    """One of the owner's keys: reads what was encrypted for it."""

    def __init__(self, text: str) -> None:
        """Take 32 bytes in URL-safe base64.

        Raises:
            ValueError: It is no such key.
        """
        self._fernet = Fernet(text)
        pair = HKDF(algorithm=SHA256(), length=32, salt=None, info=INFO).derive(base64.urlsafe_b64decode(text))
        self._private = X25519PrivateKey.from_private_bytes(pair)
        self.public = PublicKey(self._private.public_key())

    def decrypt(self, sealed: str) -> str | None:
        """Read what was sealed for this key; None for what was not."""
        try:
            if not sealed.startswith(MARK):
                return self._fernet.decrypt(sealed).decode()
            return SUITE.decrypt(base64.urlsafe_b64decode(sealed.removeprefix(MARK)), self._private, INFO).decode()
        except (InvalidTag, InvalidToken, binascii.Error):
            return None


class PublicKey:
    """The half of a key that encrypts alone."""

    def __init__(self, key: X25519PublicKey) -> None:
        self._key = key

    @classmethod
    def read(cls, text: str) -> PublicKey:
        """Read what ``str`` writes.

        Raises:
            ValueError: It is no public key.
        """
        return cls(X25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(text.removeprefix(PUBLIC))))

    def __str__(self) -> str:
        return PUBLIC + base64.urlsafe_b64encode(self._key.public_bytes_raw()).decode()

    def encrypt(self, plain: str) -> str:
        """Encrypt a key; the result is URL-safe base64 after a mark."""
        return MARK + base64.urlsafe_b64encode(SUITE.encrypt(plain.encode(), self._key, INFO)).decode()


class KeyRing:
    """Encrypts for the first key and reads with all: a new key is put before the old ones."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Take secret keys, or public ones: with a public key alone nothing can be read.

        Raises:
            ValueError: One of them is no key, or there is none.
        """
        if not keys:
            raise ValueError("no key")
        self._secrets = [SecretKey(key) for key in keys if not key.startswith(PUBLIC)]
        self.has_secrets = bool(self._secrets)
        first = keys[0]
        self.public = PublicKey.read(first) if first.startswith(PUBLIC) else self._secrets[0].public

    def encrypt(self, plain: str) -> str:
        """Encrypt for the first key."""
        return self.public.encrypt(plain)

    def decrypt(self, sealed: str) -> str | None:
        """Read with the key that can; None where none can."""
        return next((plain for key in self._secrets if (plain := key.decrypt(sealed)) is not None), None)

    def renew(self, sealed: str) -> str | None:
        """The same, encrypted for the first key in today's form; None where it is, or where no key reads it."""
        if sealed.startswith(MARK) and self._secrets and self._secrets[0].decrypt(sealed) is not None:
            return None
        plain = self.decrypt(sealed)
        return self.encrypt(plain) if plain is not None else None
