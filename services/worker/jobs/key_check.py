"""Asks a service whether it knows a person's key, with the cheapest call it has."""

import json
import logging

from services.worker.gemini.errors import is_the_keys_fault
from services.worker.painters.errors import is_the_tokens_fault
from services.worker.painters.http import HttpClient, HttpResponse
from shared.errors import ImagineError
from shared.key_cipher import KeyCipher
from shared.redaction import GOOGLE
from shared.store.keys import ACCEPTED, REFUSED, Key, Keys

log = logging.getLogger(__name__)

CHECK_S = 10.0
MAX_AT_ONCE = 20
GEMINI = "https://generativelanguage.googleapis.com"


class KeyCheck:
    """Checks keys that nobody has checked yet."""

    def __init__(
        self,
        keys: Keys,
        cipher: KeyCipher,
        http: HttpClient,
        *,
        gemini_url: str | None,
        gemini_version: str,
        hub_url: str,
    ) -> None:
        self._keys = keys
        self._cipher = cipher
        self._http = http
        self._gemini = gemini_url, gemini_version
        self._hub_url = hub_url

    def check_new(self) -> None:
        """Check what is due; a service that is away is asked again later."""
        for _ in range(MAX_AT_ONCE):
            key = self._keys.claim_unchecked()
            if key is None:
                return
            plain = self._cipher.decrypt(key.sealed)
            if plain is None:
                # Not the key is wrong, but G2D_SECRET_KEY: once that is mended, the key is still there.
                log.error("own key can't be decrypted", extra={"service": key.service})
                continue
            state = self._ask(key, plain)
            if state is not None:
                self._keys.settle(key, state)
            log.info("key checked", extra={"service": key.service, "state": state})

    def _ask(self, key: Key, plain: str) -> str | None:
        url, headers = (
            gemini_call(*self._gemini, plain) if key.service == GOOGLE else huggingface_call(self._hub_url, plain)
        )
        try:
            answer = self._http.call("GET", url, timeout_s=CHECK_S, headers=headers)
        except ImagineError:
            return None
        return verdict(key.service, answer)


def gemini_call(base_url: str | None, version: str, key: str) -> tuple[str, dict[str, str]]:
    """URL and headers of the call that asks Gemini whether it knows a key. Pure."""
    return f"{base_url or GEMINI}/{version}/models?pageSize=1", {"x-goog-api-key": key}


def huggingface_call(hub_url: str, token: str) -> tuple[str, dict[str, str]]:
    """URL and headers of the call that asks HuggingFace whose token it is. Pure."""
    return f"{hub_url}/api/whoami-v2", {"Authorization": f"Bearer {token}"}


def verdict(service: str, answer: HttpResponse) -> str | None:
    """What an answer says of the key; None where it says nothing. Pure."""
    if answer.ok:
        return ACCEPTED
    try:
        body = json.loads(answer.body)
    except ValueError:
        return None  # The page of a proxy, or of a network's edge.
    is_bad = is_the_keys_fault if service == GOOGLE else is_the_tokens_fault
    return REFUSED if is_bad(answer.status, body) else None
