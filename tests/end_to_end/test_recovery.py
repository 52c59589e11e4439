"""A worker that is killed makes nobody wait for its lease: one that lives, or the one started next, goes on."""

import pytest

from shared.jobs import State
from tests.end_to_end.installation import MODEL, PAINTING, wait_until

SETTINGS = {"G2D_IMAGE_MODEL": MODEL, "G2D_LEASE_S": "120", "G2D_WORKER_SLOTS": "1"}
WORKERS = 2
SOON_S = 60.0  # half a lease: enough where the machine is busy

pytestmark = [
    pytest.mark.parametrize("size", ["distributed"], indirect=True, scope="session"),
    pytest.mark.distributed,
]


def holders(installation, person):
    """The workers that have a job of this person in hand."""
    return {row.worker for row in installation.rows(person) if row.state == State.WORKING}


def wait_until_held_by_others(installation, person, workers):
    """Wait until these workers have nothing of this person in hand any more, far sooner than a lease runs out."""
    wait_until(lambda: not holders(installation, person) & workers, timeout_s=SOON_S, what="the end of a lease")


@pytest.fixture
def ada(installation, sandbox):
    """Somebody for whom both workers are at a picture that doesn't come."""
    ada = sandbox.person("Ada")
    sandbox.arm("router", path=PAINTING, times=2, gate="huggingface")
    for number in range(2):
        sandbox.say(ada, f"/imagine a fox, number {number}")
    sandbox.wait_at_gate("huggingface", count=2)
    return ada


class TestWorkInHand:
    def test_is_gone_on_with_by_the_worker_that_lives(self, installation, sandbox, ada):
        before = holders(installation, ada)

        installation.worker.kill()
        wait_until(lambda: holders(installation, ada) < before, timeout_s=SOON_S, what="the end of a lease")
        sandbox.open_gate("huggingface")
        rows = installation.wait_for_deliveries(ada, 2)

        assert len(before) == 2
        assert sorted((row.claims, row.losses) for row in rows) == [(1, 0), (2, 1)]
        assert len(sandbox.photos(ada)) == 2

    def test_is_gone_on_with_by_those_started_in_their_place(self, installation, sandbox, ada):
        before = holders(installation, ada)

        for worker in installation.workers:
            worker.kill()
        installation.start()
        wait_until(
            lambda: holders(installation, ada).isdisjoint(before), timeout_s=SOON_S, what="the end of all leases"
        )
        sandbox.open_gate("huggingface")
        rows = installation.wait_for_deliveries(ada, 2)

        assert len(before) == 2
        assert [(row.claims, row.losses) for row in rows] == [(2, 1), (2, 1)]
