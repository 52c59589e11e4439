"""Parameters as people read them: in captions, refusals, hints and the help."""

from dataclasses import replace

import pytest

from services.bot.help.start import HelpHandler
from services.bot.pictures.captions import MAX_UNITS, write_caption
from services.bot.texts.locales import say
from services.bot.texts.utf16 import units
from shared.catalogue import Catalogue
from shared.errors import BadParameter
from shared.ideas import read_request
from shared.jobs import Job, Parameters, Prompt, Request, State
from shared.styles import Styles
from tests.builders import FOX_RECIPE, RED_FOX, a_job

CATALOGUE, STYLES = Catalogue(), Styles()


def finished(idea: str = "a red fox", prompt: Prompt = RED_FOX, **given: object) -> Job:
    return a_job(request=Request(idea, Parameters(**given)), state=State.FINISHED, prompt=prompt, recipe=FOX_RECIPE)


def caption(job: Job) -> str:
    return write_caption(job, default_model=FOX_RECIPE.model)


class TestTheCaption:
    def test_tells_what_was_asked_for_besides_the_idea(self):
        job = finished(ratio=(16, 9), style="noir", steps=30, guidance=5.0, negative="text, <b>", raw=True)

        assert "no text, &lt;b&gt;\nmodel · seed 7 · 16:9 · noir · 28 steps · cfg 5 · raw" in caption(job)

    def test_tells_nothing_of_what_was_not(self):
        assert caption(finished()).splitlines()[-1] == "model · seed 7 · 28 steps</blockquote>"

    def test_keeps_to_the_limit_with_everything_in_it(self):
        job = finished(
            "fox " * 250, replace(RED_FOX, text="fox " * 500), style="s" * 32, negative="n" * 300, ratio=(1920, 1080)
        )

        assert units(caption(job)) - len("<b></b><blockquote expandable></blockquote><i></i>") <= MAX_UNITS

    def test_of_raw_words_does_not_repeat_nor_excuse_them(self):
        said = caption(finished(prompt=Prompt("a red fox"), raw=True))

        assert said.count("a red fox") == 1
        assert "Gemini" not in said

    def test_of_raw_words_in_a_style_shows_what_was_painted(self):
        assert "a red fox. Black ink." in caption(finished(prompt=Prompt("a red fox. Black ink."), raw=True))


class TestSentences:
    @pytest.mark.parametrize(
        ("typed", "said"),
        [
            ("--foo", "I don't know <code>--foo</code>. /help imagine lists all parameters."),
            ("--sed 7", "I don't know <code>--sed</code>. Did you mean <code>--seed</code>?"),
            ("--b<i>", "I don't know <code>--b&lt;i&gt;</code>."),
            ("--ar", "<code>--ar</code> needs a value, for example: <code>--ar 16:9</code>"),
            ("--raw=1", "<code>--raw</code> takes no value"),
            ("--steps <i>", "<code>--steps &lt;i&gt;</code>"),
            ("--seed -1", "from 0 to 4,294,967,295. -1 is"),
            ("--ar 9:1", "<code>--ar 9:1</code> is too narrow. The limits are 4:1 and 1:4."),
            (f"--no {'x' * 301}", "the limit is 300 characters"),
            ("--model dall-e", "I don't know a model called “dall-e”. Available models: FLUX.1-dev, FLUX.1-schnell,"),
            ("--model flux", "“flux” matches several models: FLUX.1-dev, FLUX.1-schnell, FLUX.1-Krea-dev, FLUX.2-dev."),
            ("--style baroque", "I don't know a style called “baroque”. Available styles: photo, cinematic,"),
            ("--style film", "matches several styles: cinematic"),
        ],
    )
    def test_a_refusal_says_what_would_be_clear(self, typed: str, said: str):
        with pytest.raises(BadParameter) as caught:
            read_request(f"a fox {typed}", CATALOGUE, STYLES)

        assert said in say(caught.value.reason, "en", **caught.value.values)

    @pytest.mark.parametrize(
        ("typed", "said"),
        [
            ("--n 40", "<code>--n 40</code> is out of range; using 10."),
            ("--cfg 99,5", "<code>--cfg 99,5</code> is out of range; using 20."),
            ("--seed 1 --seed 2", "<code>--seed</code> appears more than once; using the last value: 2."),
            ("—seedd 7", "I read “—seedd” as part of your idea."),
            ("--seed 7 --model glm", "GLM-Image doesn't support <code>--seed</code>"),
            ("--model ghibli", "Ghibli-Diffusion is being retired. If it is unavailable, Qwen-Image is used instead."),
        ],
    )
    def test_a_hint_says_what_was_made_of_it(self, typed: str, said: str):
        [hint] = read_request(f"a fox {typed}", CATALOGUE, STYLES).hints

        assert said in say(hint.reason, "en", **hint.values)


class TestTheHelp:
    def test_lists_every_style_and_names_the_default_model(self):
        text = HelpHandler(Catalogue("me/MyModel"), STYLES, batch_pictures=100)._say_of_imagine("en")

        assert "Default model: MyModel." in text
        assert all(style.name in text for style in STYLES)
        assert "FLUX.1-dev" not in text
