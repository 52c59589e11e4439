"""What services say of people's keys, asked over HTTP of the stand-ins, and what becomes of the keys."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import update

from sandbox.app import Sandbox
from sandbox.client import SandboxClient
from services.worker.engine.user_keys import UserKeys
from services.worker.jobs.key_check import KeyCheck
from services.worker.painters.http import HttpClient
from shared.key_cipher import KeyCipher
from shared.redaction import GOOGLE, HUGGINGFACE
from shared.store import tables
from shared.store.database import Database
from shared.store.keys import ACCEPTED, REFUSED, UNCHECKED, Key, Keys
from tests.builders import BOT

PLAIN = {GOOGLE: "AIzaSyCHECKcheckCHECKcheckCHECKcheckCHE", HUGGINGFACE: "hf_CHECKcheckCHECKcheckCHECKcheckCHE"}
ADA = 7


class Desk:
    """A worker that checks keys, and a person who brings them."""

    def __init__(self, database: Database, sandbox: Sandbox) -> None:
        self._database = database
        self._cipher = KeyCipher(Fernet.generate_key().decode())
        self._keys = Keys(database)
        self._checks = KeyCheck(
            self._keys,
            self._cipher,
            HttpClient(connections=1),
            gemini_url=f"{sandbox.url}/gemini",
            gemini_version="v1beta",
            hub_url=f"{sandbox.url}/hub",
        )
        self.sandbox = SandboxClient(sandbox.url)

    def change_secret(self) -> None:
        """Seal from now on with a secret that the worker doesn't know."""
        self._cipher = KeyCipher(Fernet.generate_key().decode())

    def bring(self, service: str) -> Key:
        """Keep a key, and have it checked; returns how it stands then."""
        sealed = self._cipher.encrypt(PLAIN[service]).sealed
        self._keys.put(ADA, service, sealed=sealed, last_four="kche", bot_id=BOT, message_id=1, language="en")
        return self.check(service)

    def check(self, service: str) -> Key:
        """Have it checked, as if every wait were over."""
        with self._database.writing() as connection:
            connection.execute(update(tables.keys).values(not_before=None))
        self._checks.check_new()
        return self._keys.of(ADA)[service]

    def opens(self, key: Key, service: str) -> bool:
        """Whether what is kept is still the key that was brought."""
        return self._cipher.decrypt(key.sealed) == PLAIN[service]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def desk(database: Database, sandbox: Sandbox) -> Iterator[Desk]:
    desk = Desk(database, sandbox)
    with desk.sandbox:
        desk.sandbox.clear_faults()
        yield desk


class TestChecks:
    @pytest.mark.parametrize("service", [GOOGLE, HUGGINGFACE])
    def test_a_good_key_is_accepted(self, desk: Desk, service: str) -> None:
        key = desk.bring(service)

        assert key.state == ACCEPTED
        assert desk.opens(key, service)

    @pytest.mark.parametrize(
        ("service", "fault"),
        [
            (GOOGLE, {"service": "gemini", "preset": "bad-key"}),
            (GOOGLE, {"service": "gemini", "preset": "permission"}),
            (HUGGINGFACE, {"service": "hub", "status": 401, "reply": {"error": "Invalid username or password."}}),
        ],
    )
    def test_a_bad_key_is_not_kept(self, desk: Desk, service: str, fault: dict[str, Any]) -> None:
        desk.sandbox.arm(**fault)

        key = desk.bring(service)

        assert (key.state, key.sealed) == (REFUSED, "")

    @pytest.mark.parametrize(
        ("service", "fault"),
        [
            (GOOGLE, {"service": "gemini", "preset": "bad-argument"}),
            (GOOGLE, {"service": "gemini", "preset": "country"}),
            (GOOGLE, {"service": "gemini", "preset": "overloaded"}),
            (GOOGLE, {"service": "gemini", "preset": "no-credit"}),
            (GOOGLE, {"service": "gemini", "preset": "policy"}),
            (GOOGLE, {"service": "gemini", "preset": "edge-403"}),
            (HUGGINGFACE, {"service": "hub", "status": 403, "reply": "<h1>Request blocked</h1>"}),
            (GOOGLE, {"service": "gemini", "status": 400, "reply": "<h1>Bad Request</h1>"}),
            (GOOGLE, {"service": "gemini", "drop": "before"}),
            (HUGGINGFACE, {"service": "hub", "status": 400, "reply": {"error": "Bad Request"}}),
            (HUGGINGFACE, {"service": "hub", "status": 503, "reply": "<h1>Service Unavailable</h1>"}),
        ],
    )
    def test_what_says_nothing_of_a_key_costs_nobody_theirs(
        self, desk: Desk, service: str, fault: dict[str, Any]
    ) -> None:
        armed = desk.sandbox.arm(**fault)

        key = desk.bring(service)
        assert key.state == UNCHECKED
        assert desk.opens(key, service)

        desk.sandbox.clear_faults(armed["id"])
        assert desk.check(service).state == ACCEPTED

    def test_a_key_that_no_secret_of_ours_opens_is_not_thrown_away(self, desk: Desk) -> None:
        desk.change_secret()

        key = desk.bring(GOOGLE)

        assert key.state == UNCHECKED
        assert key.sealed


class TestANewSecret:
    def test_is_given_to_all_keys_once_and_the_log_says_so(
        self, database: Database, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
        keys = Keys(database)
        for service in (GOOGLE, HUGGINGFACE):
            sealed = KeyCipher(old).encrypt(PLAIN[service]).sealed
            keys.put(ADA, service, sealed=sealed, last_four="kche", bot_id=BOT, message_id=1, language="en")

        for _ in range(2):
            UserKeys(keys, KeyCipher(f"{new},{old}")).renew_all()

        assert [(one.message, one.__dict__["keys"]) for one in caplog.records] == [("keys encrypted anew", 2)]
        opened = {service: KeyCipher(new).decrypt(key.sealed) for service, key in keys.of(ADA).items()}
        assert opened == PLAIN
