"""A broker that takes connections and answers nothing holds up neither answers nor deliveries."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from installation import MODEL, PAINTING, Installation, installed
from servers import RedisServer

IDEAS = 20
AT_ONCE_S = 5.0  # on a busy machine; the broker's own time-outs would take three times as long

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

        own_redis.freeze()
        for number in range(IDEAS):
            sandbox.say(sandbox.person(f"Person {number}"), "/imagine a fox")
        sandbox.say(ada, "/help")
        sandbox.wait_for(lambda: sandbox.from_bot(ada), timeout_s=AT_ONCE_S, what="the answer to /help")
        sandbox.open_gate("huggingface")
        sandbox.wait_for(lambda: sandbox.photos(bob), timeout_s=AT_ONCE_S, what="the delivery")
