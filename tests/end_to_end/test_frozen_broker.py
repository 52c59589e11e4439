"""A broker that answers nothing, or is gone, holds up neither answers nor pictures nor deliveries."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.client import Json, SandboxClient
from shared.celery_tickets import BROKER_TIMEOUT_S
from tests.end_to_end.installation import MODEL, PAINTING, Installation, installed, is_answer
from tests.servers import RedisServer

IDEAS = 20
LONGER_S = BROKER_TIMEOUT_S - 0.5  # what waits for the broker takes at least its time-out
ROUNDS = 3  # a busy machine may be slow once; what waits for the broker is slow each time

pytestmark = pytest.mark.distributed


@pytest.fixture
def installation(own_redis: RedisServer, tmp_path: Path) -> Iterator[Installation]:
    with installed("distributed", tmp_path, REDIS_URL=own_redis.url, G2D_IMAGE_MODEL=MODEL) as made:
        made.start()
        yield made


class TestAFrozenBroker:
    def test_keeps_no_answer_and_no_delivery_back(self, installation: Installation, own_redis: RedisServer):
        sandbox = installation.sandbox
        ada, bob = sandbox.person("Ada"), sandbox.person("Bob")
        sandbox.arm("router", path=PAINTING, gate="huggingface")
        sandbox.say(bob, "/imagine a boat")
        sandbox.wait_at_gate("huggingface")

        usual_s = help_comes_after_s(sandbox, ada)
        own_redis.freeze()
        assert any(help_comes_after_s(sandbox, ada) < usual_s + LONGER_S for _ in range(ROUNDS))
        sandbox.open_gate("huggingface")
        sandbox.wait_for_photo(bob)


class TestABrokerThatIsGone:
    def test_keeps_no_worker_from_its_work(self, installation: Installation, own_redis: RedisServer):
        sandbox = installation.sandbox
        ada = sandbox.person("Ada")

        own_redis.stop()
        requests = [sandbox.say(ada, f"/imagine a fox, number {number}") for number in range(3)]
        sandbox.say(ada, "What is a fox?")

        installation.wait_for_deliveries(ada, len(requests))
        sandbox.wait_for_message(ada, is_answer)
        own_redis.start()


def help_comes_after_s(sandbox: SandboxClient, person: Json) -> float:
    """Seconds until somebody has an answer who asks for help right after many ideas of others."""
    before = len(sandbox.from_bot(person))
    for number in range(IDEAS):
        sandbox.say(sandbox.person(f"Person {number}"), "/imagine a fox")
    asked_at = time.monotonic()
    sandbox.say(person, "/help")
    sandbox.wait_for(lambda: len(sandbox.from_bot(person)) > before, chat=person, what="the answer to /help")
    return time.monotonic() - asked_at
