"""Two worker processes with a single slot each: they share the work, and outlive each other and Redis."""

import pytest

from shared.jobs import State
from tests.end_to_end.installation import MODEL, PAINTING
from tests.servers import flush_redis

# With a short lease, the picture of a worker that a busy machine keeps from renewing it would be painted twice.
SETTINGS = {"G2D_IMAGE_MODEL": MODEL, "G2D_WORKER_SLOTS": "1"}
WORKERS = 2
JOBS = 20

pytestmark = [
    pytest.mark.parametrize("size", ["distributed"], indirect=True, scope="session"),
    pytest.mark.distributed,
]


def asked(sandbox, person):
    """Twenty different ideas, one message each; returns the messages' ids."""
    return [sandbox.say(person, f"/imagine a fox, number {number}")["message_id"] for number in range(JOBS)]


def answered(installation, sandbox, person):
    """To which messages a person's photos are the answers, in order."""
    photos = {photo["message_id"] for photo in sandbox.photos(person)}
    found = [row.message_id for row in installation.rows(person) if row.delivered_message_id in photos]
    assert len(found) == len(photos)
    return sorted(found)


class TestTwoWorkers:
    def test_share_twenty_jobs_and_paint_each_once(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("router", path=PAINTING, times=None, gate="huggingface")

        requests = asked(sandbox, ada)
        # With one slot a worker, two pictures at a time means that both are at work.
        sandbox.wait_at_gate("huggingface", count=2)
        at_work = [row.worker for row in installation.rows(ada) if row.state == State.WORKING]
        sandbox.open_gate("huggingface")
        installation.wait_for_deliveries(ada, JOBS)

        assert len(at_work) == len(set(at_work)) == 2
        assert answered(installation, sandbox, ada) == requests
        assert len(sandbox.journal("router", PAINTING)) == JOBS
        assert len(sandbox.journal("gemini", "generateContent")) == JOBS

    def test_take_over_from_each_other(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("router", path=PAINTING, times=2, gate="huggingface")

        requests = asked(sandbox, ada)
        sandbox.wait_at_gate("huggingface", count=2)
        installation.worker.kill()
        sandbox.open_gate("huggingface")
        installation.wait_for_deliveries(ada, JOBS)

        assert not installation.worker.is_running
        assert answered(installation, sandbox, ada) == requests


class TestRedis:
    def test_may_forget_everything_while_twenty_jobs_wait(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("router", path=PAINTING, times=None, gate="huggingface")

        requests = asked(sandbox, ada)
        sandbox.wait_at_gate("huggingface", count=2)
        sandbox.wait_for(lambda: len(installation.rows(ada)) == JOBS)
        flush_redis()
        sandbox.open_gate("huggingface")
        installation.wait_for_deliveries(ada, JOBS)

        assert answered(installation, sandbox, ada) == requests
        assert len(sandbox.journal("router", PAINTING)) == JOBS
