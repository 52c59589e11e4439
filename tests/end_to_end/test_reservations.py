"""kill -9 between the reservation of a picture and its settlement: no budget leaks, none is spent twice.

The reservation is the job's own row, so there is nothing to give back.
"""

from datetime import UTC, datetime

import pytest

from shared.store.spending import Spending
from tests.days import within_a_day
from tests.end_to_end.installation import MODEL, PAINTING, wait_until

SETTINGS = {
    "G2D_IMAGE_MODEL": MODEL,
    "G2D_LEASE_S": "3",
    "G2D_USER_PICTURES_DAY": "2",
    "G2D_MONEY_DAY": "10",
}


def spent(installation):
    return Spending(installation.database).read(datetime.now(UTC))


@within_a_day
@pytest.mark.parametrize("outcome", ["painted", "failed"])
def test_what_was_reserved_is_settled_once_after_a_kill(installation, sandbox, outcome):
    wait_until(lambda: spent(installation).reserved == 0, what="the end of what was asked before midnight")
    sandbox.clear_faults()
    ada = sandbox.person("Ada")
    before = spent(installation)
    sandbox.arm("router", path=PAINTING, gate="huggingface")
    request = sandbox.say(ada, "/imagine a fox in the snow --raw")
    sandbox.wait_at_gate("huggingface")
    reserved = spent(installation).reserved

    for service in installation.services:
        service.kill()
    assert spent(installation).reserved == reserved > 0
    if outcome == "failed":
        sandbox.arm("router", times=None, preset="no-credits")
    sandbox.open_gate("huggingface")
    installation.start()
    installation.delivered(request)

    now = spent(installation)
    assert now.reserved == 0
    assert (now.day > before.day) is (outcome == "painted")
    sandbox.clear_faults()
    left = 1 if outcome == "painted" else 2
    sandbox.say(ada, f"/imagine two more --raw --n {left + 1}")
    sandbox.wait_for_message(ada, lambda message: f"You have {left} of 2" in message.get("text", ""))
    last = sandbox.say(ada, f"/imagine the rest --raw --n {left}")
    installation.delivered(last)
    assert spent(installation).reserved == 0
