"""A model that has to wake up first, and a worker that can do one thing at a time."""

import pytest

from tests.end_to_end.installation import MODEL, PAINTING

SETTINGS = {"G2D_IMAGE_MODEL": MODEL, "G2D_WORKER_SLOTS": "1"}


@pytest.fixture
def loading(sandbox):
    """HuggingFace says of each picture of a lighthouse that the model is loading, for ``times`` requests."""

    def arm(*, times, estimated_time):
        return sandbox.arm(
            "router",
            path=PAINTING,
            body="lighthouse",
            times=times,
            preset="loading",
            arguments={"estimated_time": estimated_time, "model": MODEL},
        )

    return arm


class TestAModelThatIsLoading:
    def test_is_asked_again_until_it_paints_and_nothing_is_paid_for_twice(self, installation, sandbox, loading):
        ada = sandbox.person("Ada")
        loading(times=2, estimated_time=2.0)

        request = sandbox.say(ada, "/imagine a lighthouse in a storm")
        sandbox.wait_for_photo(ada)
        row = installation.delivered(request)

        outcomes = [one.outcome for one in installation.attempts(row.id) if one.step == "image"]
        assert outcomes == ["model_loading", "model_loading", "ok"]
        assert (row.image_model, row.provider) == (MODEL, "hf-inference")
        assert len(sandbox.journal("gemini", "generateContent")) == 1

    def test_is_said_to_be_waking_up_and_for_how_long(self, installation, sandbox, loading):
        ada = sandbox.person("Ada")
        fault = loading(times=None, estimated_time=30.0)

        sandbox.say(ada, "/imagine a lighthouse in a storm")
        status = sandbox.wait_for_message(ada, lambda message: "is starting" in message["text"])
        sandbox.clear_faults(fault["id"])

        assert "about 30 s" in status["text"]
        assert "/imagine" not in status["text"]

    def test_holds_no_slot_so_that_others_overtake(self, installation, sandbox, loading):
        ada, bob = sandbox.person("Ada"), sandbox.person("Bob")
        fault = loading(times=None, estimated_time=2.0)

        sandbox.say(ada, "/imagine a lighthouse in a storm")
        sandbox.wait_for(lambda: [call for call in sandbox.journal("router") if call["status"] == 503])
        sandbox.say(bob, "/imagine a fox in the snow")
        sandbox.wait_for_photo(bob)
        before = sandbox.photos(ada)
        sandbox.clear_faults(fault["id"])
        sandbox.wait_for_photo(ada)

        assert before == []


class TestAModelThatTakesANegativePrompt:
    def test_gets_what_gemini_wrote(self, installation, sandbox):
        ada = sandbox.person("Ada")

        row = installation.delivered(sandbox.say(ada, "/imagine a fox in the snow"))

        # The model may still be waking up for somebody else.
        [order] = [call for call in sandbox.journal("router", PAINTING) if call["body"]["inputs"] == row.prompt]
        assert row.negative_prompt
        assert order["body"]["parameters"]["negative_prompt"] == row.negative_prompt
