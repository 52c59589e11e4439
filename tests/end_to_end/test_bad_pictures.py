"""Pictures that are none: every one is asked for anew for half a minute, then the person is told."""

import pytest

from shared.jobs import State
from tests.end_to_end.installation import PAINTING

# What comes → the reason, and words of what is said.
PRESETS = {
    "html-picture": ("service_busy", "overloaded"),
    "truncated-picture": ("bad_picture", "no usable picture"),
    "bomb-picture": ("bad_picture", "no usable picture"),
}
LONGEST_S = 100.0

pytestmark = pytest.mark.parametrize("size", ["embedded"], indirect=True, scope="session")


@pytest.fixture(scope="module")
def requests(_installation):
    """One request for each kind of bad picture, all waited for together."""
    _installation.start()
    _installation.bear_no_grudge()
    sandbox = _installation.sandbox
    asked = {}
    for preset in PRESETS:
        sandbox.arm("router", path=PAINTING, body=f"number {preset}", times=None, preset=preset)
    for preset in PRESETS:
        asked[preset] = sandbox.say(sandbox.person("Ada"), f"/imagine a fox, number {preset}")
    rows = {preset: _installation.delivered(request, timeout_s=LONGEST_S) for preset, request in asked.items()}
    return {preset: (asked[preset], rows[preset]) for preset in PRESETS}


class TestABadPicture:
    @pytest.mark.parametrize("preset", PRESETS)
    def test_is_explained_to_the_person(self, requests, installation, sandbox, preset):
        request, row = requests[preset]

        [message] = sandbox.from_bot(request["chat"])
        reason, words = PRESETS[preset]
        assert (row.state, row.reason) == (State.FAILED, reason)
        assert words in message["text"]

    def test_harms_nobody_else(self, requests, installation, sandbox):
        ada = sandbox.person("Ada")

        installation.delivered(sandbox.say(ada, "/imagine a cat on a roof"))

        assert len(sandbox.photos(ada)) == 1
