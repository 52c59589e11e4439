"""What can't be helped is told in words that help, and every job ends."""

import pytest

from shared.jobs import State
from tests.end_to_end.installation import PAINTING


def apology(installation, sandbox, person, idea="/imagine a fox in the snow"):
    """Ask for a picture that can't be had; returns what the person reads in the end, and the row's reason."""
    request = sandbox.say(person, idea)
    row = installation.delivered(request)
    installation.no_status_left(person)
    [message] = sandbox.from_bot(person)
    assert row.state == State.FAILED
    assert row.delivered_message_id == message["message_id"]
    return message["text"], row.reason


class TestGemini:
    def test_with_a_bad_key_is_for_the_owner_to_mend(self, installation, sandbox):
        sandbox.arm("gemini", times=None, preset="bad-key")

        text, reason = apology(installation, sandbox, sandbox.person("Ada"))

        assert reason == "bad_credentials"
        assert "Only the owner of this bot can fix this" in text

    @pytest.mark.parametrize("preset", ["prompt-blocked", "output-blocked"])
    def test_that_refuses_an_idea_is_quoted(self, installation, sandbox, preset):
        sandbox.arm("gemini", times=None, preset=preset)

        text, reason = apology(installation, sandbox, sandbox.person("Ada"))

        assert reason == "idea_refused"
        assert "Try other words" in text

    def test_that_is_overloaded_for_long_is_done_without_and_the_caption_says_so(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("gemini", times=None, preset="overloaded")

        row = installation.delivered(sandbox.say(ada, "/imagine a fox in the snow"))

        [photo] = sandbox.photos(ada)
        assert (row.prompt, row.chat_model) == ("a fox in the snow", None)
        assert "your words were used unchanged" in photo["caption"]

    def test_whose_daily_quota_is_used_up_is_done_without(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("gemini", times=None, preset="per-day-quota")

        installation.delivered(sandbox.say(ada, "/imagine a fox in the snow"))

        [photo] = sandbox.photos(ada)
        assert "your words were used unchanged" in photo["caption"]


class TestHuggingFace:
    def test_without_credit_anywhere_says_who_can_add_some(self, installation, sandbox):
        sandbox.arm("router", times=None, preset="no-credits")

        text, reason = apology(installation, sandbox, sandbox.person("Ada"))

        assert reason == "no_credit"
        assert "add more at HuggingFace" in text

    def test_with_a_bad_token_is_for_the_owner_to_mend(self, installation, sandbox):
        sandbox.arm("router", times=None, preset="bad-token")

        text, reason = apology(installation, sandbox, sandbox.person("Ada"))

        assert reason == "bad_credentials"
        assert "Only the owner of this bot can fix this" in text

    def test_whose_moderation_refuses_asks_for_other_words(self, installation, sandbox):
        sandbox.arm("router", path=PAINTING, preset="moderated", arguments={"provider": "hf-inference"})

        text, reason = apology(installation, sandbox, sandbox.person("Ada"))

        assert reason == "picture_refused"
        assert "Try other words" in text

    def test_that_refused_is_asked_again_with_a_button_and_without_retyping(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("router", path=PAINTING, preset="moderated", arguments={"provider": "hf-inference"})
        apology(installation, sandbox, ada, "/imagine a fox in the snow --ar 16:9")
        [message] = sandbox.from_bot(ada)

        sandbox.press(ada, message, "🔁 Try again")

        rows = installation.wait_for_deliveries(ada, 2)
        assert [(row.idea, row.state) for row in rows][-1] == ("a fox in the snow", State.FINISHED)
        assert rows[-1].parameters == rows[0].parameters
        sandbox.wait_for(lambda: "reply_markup" not in sandbox.from_bot(ada)[0], what="the end of the button")

    def test_that_sends_black_pictures_only_asks_for_other_words(self, installation, sandbox):
        sandbox.arm("router", path=PAINTING, times=None, preset="black-picture")

        text, reason = apology(installation, sandbox, sandbox.person("Ada"))

        assert reason == "picture_refused"
        assert "safety filter" in text
