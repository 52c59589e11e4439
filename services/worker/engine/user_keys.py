"""Whose key pays: a person's own where there is one, and what follows when it is refused."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.errors import (
    BadCredentials,
    GeminiUnpaid,
    KeyNeeded,
    OwnKeyGone,
    OwnKeyRefused,
    OwnKeyUnpaid,
    OwnKeyUnreadable,
)
from shared.key_cipher import KeyCipher, fingerprint
from shared.store.keys import REFUSED, UNCHECKED, UNREADABLE, Key, Keys

log = logging.getLogger(__name__)

MAX_KEPT = 200  # clients of people's own keys

T = TypeVar("T")


class LruCache(Generic[T]):
    """The last so many things that were made with a key. Thread-safe."""

    def __init__(self, make: Callable[[str], T], limit: int = MAX_KEPT) -> None:
        self._make = make
        self._most = limit
        self._lock = threading.Lock()
        self._made: OrderedDict[str, T] = OrderedDict()

    def get(self, key: str) -> T:
        name = fingerprint(key)
        with self._lock:
            if name not in self._made:
                self._made[name] = self._make(key)
            self._made.move_to_end(name)
            # One that is still in use lives until its user lets go of it.
            while len(self._made) > self._most:
                self._made.popitem(last=False)
            return self._made[name]


class UserKeys:
    """People's own keys, opened."""

    def __init__(self, keys: Keys, cipher: KeyCipher) -> None:
        self._keys = keys
        self._cipher = cipher

    def of(self, user_id: int, service: str) -> tuple[Key, str] | None:
        """A person's own key, as kept and plain; None where they brought none.

        Raises:
            OwnKeyRefused: They brought one that was refused. Until they replace or remove it, nothing of theirs
                goes on the owner's account: they believe it to go on theirs.
            OwnKeyUnreadable: The same of one that can't be decrypted.
        """
        key = self._keys.of(user_id).get(service)
        if key is None:
            return None
        plain = self._cipher.decrypt(key.sealed)
        if plain is None and key.state == REFUSED:
            raise OwnKeyRefused("the user's own key was refused before")
        if plain is None:
            # The key may be good, and G2D_SECRET_KEY another one than it was: that is for the owner to mend.
            log.error("own key can't be decrypted", extra={"service": service})
            self._keys.settle(key, UNREADABLE)
            raise OwnKeyUnreadable("the user's own key can't be decrypted")
        if key.state == UNREADABLE:
            self._keys.settle(key, UNCHECKED)
        return key, plain

    @contextmanager
    def using(self, key: Key) -> Iterator[None]:
        """Say of a person's own key that it is theirs which is refused, and don't use it again.

        Raises:
            OwnKeyRefused: The service refused it.
            OwnKeyUnpaid: The key is good, and stays; its account has no credit.
        """
        try:
            yield
        except BadCredentials as error:
            self._keys.settle(key, REFUSED)
            log.info("own key refused", extra={"service": key.service})
            raise OwnKeyRefused(f"the user's own key: {error}") from error
        except GeminiUnpaid as error:
            raise OwnKeyUnpaid(f"the user's own key: {error}") from error

    def renew_all(self) -> None:
        """Encrypt all keys for the newest secret, so that older secrets may be dropped. Idempotent."""
        renewed = 0
        for key in self._keys.sealed():
            sealed = self._cipher.renew(key.sealed)
            if sealed is not None:
                self._keys.replace_sealed(key, sealed)
                renewed += 1
        if renewed:
            log.info("keys encrypted anew", extra={"keys": renewed})


@dataclass(frozen=True, slots=True)
class Borrowed(Generic[T]):
    """What calls a service, on somebody's key."""

    client: T
    owner_pays: bool


class ClientPool(Generic[T]):
    """What calls a service, each on the key of whom it is lent to.

    Args:
        owners: Goes to people without a key of their own; None where the owner has none either.
        make: Makes one with a person's own key.
    """

    def __init__(self, user_keys: UserKeys, service: str, owners: T | None, make: Callable[[str], T]) -> None:
        self._user_keys = user_keys
        self._service = service
        self._owners = owners
        self._kept = LruCache(make)

    @contextmanager
    def borrow(self, user_id: int, *, may_be_owners: bool = True) -> Iterator[Borrowed[T]]:
        """Lend it for the time of a call.

        Args:
            may_be_owners: Whether the call may be made on the owner's key.

        Raises:
            KeyNeeded: Neither the person nor the owner has one.
            OwnKeyGone: The person has none any more, and the owner's was not meant to be used.
            OwnKeyRefused: The service refused the person's own key, now or before.
            BadCredentials: It refused the owner's.
        """
        own = self._user_keys.of(user_id, self._service)
        if own is None:
            if self._owners is None:
                raise KeyNeeded(f"nobody brought a key for {self._service}")
            if not may_be_owners:
                raise OwnKeyGone(f"a key for {self._service} was taken away")
            yield Borrowed(self._owners, owner_pays=True)
            return
        with self._user_keys.using(own[0]):
            yield Borrowed(self._kept.get(own[1]), owner_pays=False)
