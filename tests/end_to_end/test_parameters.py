"""Each parameter of /imagine, from the chat to the painter and back into the caption."""

from io import BytesIO

import PIL.Image
import pytest

from sandbox.client import Json, SandboxClient
from shared.styles import Styles
from tests.end_to_end.installation import calls_about

SETTINGS = {"G2D_IMAGE_MODEL": "black-forest-labs/FLUX.1-dev"}  # reads no negative prompt; Qwen-Image does


class Painted:
    """What an idea became, and what was asked for on its way."""

    def __init__(self, sandbox: SandboxClient, text: str) -> None:
        self.ada = sandbox.person("Ada")
        sandbox.say(self.ada, text)
        [self.photo] = sandbox.wait_for_photo(self.ada, count=1)
        self._sandbox = sandbox

    @property
    def caption(self) -> str:
        return str(self.photo["caption"])

    @property
    def facts(self) -> str:
        return self.caption.splitlines()[-1]

    @property
    def size(self) -> tuple[int, int]:
        with PIL.Image.open(BytesIO(self._sandbox.file(self.photo["photo"]))) as picture:
            return picture.size

    @property
    def order(self) -> Json:
        """What the painter was asked for, in the names that most of them use."""
        [body] = [entry["body"] for entry in self._sandbox.journal("router") if entry["method"] == "POST"]
        order = body.get("input", body)
        return {**order, **order.get("image_size", {})}

    @property
    def questions(self) -> list[Json]:
        """What Gemini was asked."""
        return [entry["body"] for entry in self._sandbox.journal("gemini", "generateContent")]

    def wait_for_hint(self, words: str) -> Json:
        return self._sandbox.wait_for_message(self.ada, lambda message: words in message.get("text", ""))


@pytest.fixture
def imagine(sandbox):
    return lambda text: Painted(sandbox, f"/imagine {text}")


class TestAParameter:
    def test_leaves_the_idea_as_it_was(self, imagine):
        painted = imagine("a cat —seed 7 on a roof --ar 1:1")

        assert painted.caption.startswith("a cat on a roof\n")

    def test_ratio_decides_the_size(self, imagine):
        painted = imagine("a cat on a roof —ar 16:9")

        assert (painted.order["width"], painted.order["height"]) == (1360, 768)
        assert painted.size == (1360, 768)
        assert "16:9" in painted.facts

    def test_seed_reaches_the_painter(self, imagine):
        painted = imagine("a cat on a roof --seed 4294967295")

        assert painted.order["seed"] == 4294967295
        assert "seed 4294967295" in painted.facts

    def test_model_decides_who_paints(self, imagine, sandbox):
        painted = imagine("a cat on a roof --model qwen")

        [path] = [entry["path"] for entry in sandbox.journal("router") if entry["method"] == "POST"]
        assert "qwen-image" in path
        assert painted.facts.startswith("Qwen-Image · ")

    def test_steps_and_guidance_reach_the_painter(self, imagine):
        painted = imagine("a cat on a roof --steps 12 --cfg 2,5")

        assert (painted.order["num_inference_steps"], painted.order["guidance_scale"]) == (12, 2.5)
        assert "12 steps · cfg 2.5" in painted.facts

    def test_what_is_not_wanted_is_the_negative_prompt_of_a_model_that_reads_one(self, imagine):
        painted = imagine("a cat on a roof --model qwen --no dogs, antennas")

        assert painted.order["negative_prompt"].startswith("dogs, antennas, ")
        assert "\nno dogs, antennas, " in painted.caption

    def test_what_is_not_wanted_is_left_to_gemini_for_a_model_that_reads_none(self, imagine):
        painted = imagine("a cat on a roof --no dogs, antennas")

        [question] = painted.questions
        assert "<unwanted>\ndogs, antennas\n</unwanted>" in question["contents"][0]["parts"][0]["text"]
        assert "negative_prompt" not in painted.order

    def test_style_directs_gemini_and_guards_the_negative_prompt(self, imagine):
        painted = imagine("a cat on a roof --style noir --model qwen")

        noir = Styles().style("noir")
        assert noir is not None
        [question] = painted.questions
        assert noir.prose in question["systemInstruction"]["parts"][0]["text"]
        assert painted.order["negative_prompt"].endswith(noir.negative)
        assert "noir" in painted.facts

    def test_raw_takes_the_words_as_they_are_and_asks_nobody(self, imagine, installation):
        painted = imagine("a cat on a roof --raw --style noir")

        noir = Styles().style("noir")
        assert noir is not None
        assert painted.questions == []
        assert painted.order["prompt"] == f"a cat on a roof. {noir.prose}"
        assert "raw" in painted.facts
        [row] = installation.rows(painted.ada)
        assert (row.prompt, row.chat_model) == (painted.order["prompt"], None)
        assert row.parameters["raw"] is True

    def test_works_in_the_answer_to_our_question_too(self, sandbox):
        ada = sandbox.person("Ada")
        sandbox.say(ada, "/imagine")
        question = sandbox.wait_for_message(ada)

        sandbox.say(ada, "a cat on a roof —ar 2:1", reply_to_message_id=question["message_id"])

        [photo] = sandbox.wait_for_photo(ada)
        assert "2:1" in photo["caption"]


class TestWhatIsCorrected:
    def test_is_painted_and_told_in_one_quiet_message_that_stays(self, imagine, sandbox):
        painted = imagine("a cat on a roof --steps 900 --seed 1 --seed 2")

        hint = painted.wait_for_hint("out of range")
        assert "using 50" in hint["text"]
        assert "using the last value: 2" in hint["text"]
        assert painted.order["num_inference_steps"] == 50
        [sent] = [
            entry["body"]
            for entry in calls_about(sandbox, painted.ada, "/sendMessage$")
            if "out of range" in entry["body"]["text"]
        ]
        assert str(sent["disable_notification"]).lower() == "true"


class TestWhatIsUnclear:
    @pytest.mark.parametrize(
        ("typed", "said"),
        [
            ("--foo", "I don't know --foo. /help imagine lists all parameters."),
            ("--model flux", "“flux” can be any of these."),
            ("--ar <b>", "I can't read --ar <b>. Write it like this: --ar 16:9"),
            ("--style baroque", "I don't know the style “baroque”."),
        ],
    )
    def test_is_asked_about_and_costs_nothing(self, installation, sandbox, typed: str, said: str):
        ada = sandbox.person("Ada")

        sandbox.say(ada, f"/imagine a cat on a roof {typed}")

        sandbox.wait_for_message(ada, lambda message: said in message["text"])
        assert installation.rows(ada) == []


class TestTheHelp:
    def test_of_imagine_tells_parameters_and_styles_and_where_models_are(self, sandbox):
        ada = sandbox.person("Ada")

        sandbox.say(ada, "/help imagine")

        text = sandbox.wait_for_message(ada)["text"]
        assert all(flag in text for flag in ("--ar", "--n", "--seed", "--no", "--model", "--style", "--steps", "--cfg"))
        assert "watercolour" in text
        assert "/models" in text
