"""What people are told of their wait, in all places where they are told of it."""

from tests.end_to_end.installation import MODEL, PAINTING, wait_until

SETTINGS = {"G2D_IMAGE_MODEL": MODEL, "G2D_WORKER_SLOTS": "1"}


def fill_the_slot(installation, sandbox, person, behind):
    """Let one picture be painted until the gate opens, and so many wait behind it."""
    sandbox.arm("router", path=PAINTING, gate="painter")
    sandbox.say(person, "/imagine a boat")
    sandbox.wait_at_gate("painter")
    before = len(installation.rows(person))
    for number in range(behind):
        sandbox.say(person, f"/imagine a tree, number {number}")
    wait_until(lambda: len(installation.rows(person)) == before + behind)


class TestTheWait:
    def test_is_told_beside_the_place_once_pictures_were_measured(self, installation, sandbox):
        ada, bob = sandbox.person("Ada"), sandbox.person("Bob")
        sandbox.say(bob, "/imagine a fox")
        sandbox.wait_for_photo(bob)

        fill_the_slot(installation, sandbox, ada, behind=2)
        sandbox.wait_for_message(ada, lambda one: "place 2.\n⏱ Ready in about" in one.get("text", ""))
        sandbox.say(ada, "/queue")
        listed = sandbox.wait_for_message(ada, lambda one: "You have 3 requests" in one.get("text", ""))
        sandbox.say(bob, "/batch\na boat\na tree")
        summary = sandbox.wait_for_message(bob, lambda one: "Batch" in one.get("text", ""))
        sandbox.open_gate("painter")

        assert "place 2.\n⏱ Ready in about" in listed["text"]
        assert "Ready in about" in summary["text"]
        sandbox.wait_for_photo(ada, count=3)
