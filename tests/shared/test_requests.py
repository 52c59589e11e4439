"""What people type after /imagine: the idea, and the parameters wherever they stand."""

import json
from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.catalogue import Catalogue
from shared.errors import BadParameter, EmptyIdea, IdeaTooLong, NoWordsInIdea, UserError
from shared.ideas import (
    MAX_COUNT,
    MAX_IDEA_LENGTH,
    MAX_NEGATIVE_LENGTH,
    MAX_RATIO,
    MAX_SEED,
    Hint,
    Reading,
    read_idea,
    read_request,
)
from shared.jobs import Parameters, Request
from shared.store.rows import read_parameters
from shared.styles import Styles

CATALOGUE, STYLES = Catalogue(), Styles()


def reading(text: str) -> Reading:
    return read_request(text, CATALOGUE, STYLES)


def parameters(text: str) -> Parameters:
    return reading(text).request.parameters


def hints(text: str) -> list[str]:
    return [hint.reason for hint in reading(text).hints]


def refusal(text: str) -> BadParameter:
    with pytest.raises(BadParameter) as caught:
        reading(text)
    return caught.value


class TestWordsBesideAPicture:
    def beside_a_picture(self, text: str) -> Request:
        return read_request(text, CATALOGUE, STYLES, may_be_empty=True).request

    @pytest.mark.parametrize("text", ["", "  \n", "--ar 16:9", "--n 2 --style noir"])
    def test_may_be_none(self, text: str) -> None:
        assert self.beside_a_picture(text).idea == ""

    def test_are_an_idea_like_any_other(self) -> None:
        assert self.beside_a_picture("at night --ar 16:9") == reading("at night --ar 16:9").request

    def test_are_needed_where_gemini_shall_not_write_any(self) -> None:
        with pytest.raises(BadParameter) as refused:
            self.beside_a_picture("--raw")

        assert refused.value.reason == "parameters_without_idea"

    def test_have_to_say_something_if_there_are_any(self) -> None:
        with pytest.raises(NoWordsInIdea):
            self.beside_a_picture("!!!")


class TestWordsThatAreRepliedTo:
    SUBJECT = "a lighthouse in a storm,\noil painting"

    def about(self, subject: str, text: str) -> Request:
        return read_request(text, CATALOGUE, STYLES, subject=subject).request

    @pytest.mark.parametrize("text", ["", "  \n"])
    def test_are_the_idea_where_none_was_typed(self, text: str) -> None:
        assert self.about(self.SUBJECT, text) == Request("a lighthouse in a storm, oil painting")

    def test_are_what_the_typed_words_speak_of(self) -> None:
        request = self.about(self.SUBJECT, "as a watercolour --ar 1:1")

        assert (request.idea, request.subject) == ("as a watercolour", "a lighthouse in a storm, oil painting")
        assert request.parameters.ratio == (1, 1)

    def test_bring_their_parameters_along_and_typed_ones_go_before_these(self) -> None:
        request = self.about("a lighthouse --ar 16:9 --seed 7", "at night --seed 8")

        assert request.subject == "a lighthouse"
        assert (request.parameters.ratio, request.parameters.seed) == ((16, 9), 8)

    def test_may_hold_what_looks_like_parameters_and_is_none(self) -> None:
        assert self.about("docker run --rm fox", "").idea == "docker run --rm fox"

    @pytest.mark.parametrize("subject", ["", "…", " \n "])
    def test_have_to_say_something(self, subject: str) -> None:
        assert self.about(subject, "a fox").subject == ""
        with pytest.raises(EmptyIdea):
            self.about(subject, "")

    def test_are_cut_to_an_idea_and_that_is_said(self) -> None:
        read = read_request("", CATALOGUE, STYLES, subject="fox " * 400)

        assert len(read.request.idea) == MAX_IDEA_LENGTH - 1
        assert [hint.reason for hint in read.hints] == ["hint_subject_cut"]

    def test_are_kept_as_long_as_a_message_beside_an_idea(self) -> None:
        assert self.about("fox " * 400, "at night").subject == ("fox " * 400).strip()


class TestEachParameter:
    @pytest.mark.parametrize(
        ("flag", "read"),
        [
            ("--ar 16:9", {"ratio": (16, 9)}),
            ("--seed 7", {"seed": 7}),
            ("--seed 0", {"seed": 0}),
            ("--no text, watermark", {"negative": "text, watermark"}),
            ("--model schnell", {"model": "black-forest-labs/FLUX.1-schnell"}),
            ("--style noir", {"style": "noir"}),
            ("--steps 30", {"steps": 30}),
            ("--cfg 5", {"guidance": 5.0}),
            ("--cfg 3,5", {"guidance": 3.5}),
            ("--raw", {"raw": True}),
        ],
    )
    def test_is_read_and_leaves_the_idea(self, flag: str, read: dict[str, object]):
        assert reading(f"a red fox {flag}") == Reading(Request("a red fox", Parameters(**read)))

    def test_the_number_of_pictures_belongs_to_the_request(self):
        assert reading("a red fox --n 4").request == Request("a red fox", count=4)

    def test_without_any_there_is_the_idea_alone(self):
        assert reading("a red fox") == Reading(Request("a red fox"))


class TestWordsOfOtherPrograms:
    @pytest.mark.parametrize(
        ("typed", "ours"),
        [
            ("--aspect 16:9", "--ar 16:9"),
            ("--aspect-ratio=16:9", "--ar 16:9"),
            ("—aspect 16:9", "--ar 16:9"),
            ("-ar 16:9", "--ar 16:9"),
            ("-seed 7", "--seed 7"),
            ("--repeat 3", "--n 3"),
            ("--r 3", "--n 3"),
            ("--negative text, watermark", "--no text, watermark"),
            ("--negative_prompt text", "--no text"),
            ("--cfg-scale 7.5", "--cfg 7.5"),
            ("--guidance_scale 7", "--cfg 7"),
        ],
    )
    def test_that_mean_the_same_are_read_as_ours(self, typed: str, ours: str):
        assert reading(f"a red fox {typed}") == reading(f"a red fox {ours}")

    @pytest.mark.parametrize(
        ("typed", "names"),
        [
            ("--v 6.1", "--v"),
            ("--v6", "--v"),
            ("--niji", "--niji"),
            ("--s 250 --chaos 10 --s 300", "--s --chaos"),
            ("--q .5", "--q"),
            ("--tile", "--tile"),
            ("--sampler 'DPM++ 2M'", "--sampler"),
            ("--sref https://example.org/a.png", "--sref"),
        ],
    )
    def test_that_nothing_here_takes_are_left_out_with_one_hint(self, typed: str, names: str):
        read = reading(f"a red fox {typed} in the snow")

        assert read.request == Request("a red fox in the snow")
        assert [(hint.reason, hint.values) for hint in read.hints] == [("hint_skipped", {"names": names})]

    def test_after_one_hyphen_are_read_before_a_number(self):
        read = reading("a fox -n 4 -s 250 -ar 16:9")

        assert (read.request.idea, read.request.count, read.request.parameters.ratio) == ("a fox", 4, (16, 9))
        assert read.hints == (Hint("hint_skipped", {"names": "--s"}),)

    @pytest.mark.parametrize(
        ("word", "example"),
        [("-style", "--style noir"), ("-no", "--no text, watermark"), ("-steps", "--steps 30"), ("-raw", "--raw")],
    )
    def test_after_one_hyphen_are_else_prose_and_a_hint_says_so(self, word: str, example: str):
        read = reading(f"a fox {word} of stone")

        assert read.request.idea == f"a fox {word} of stone"
        assert read.hints == (Hint("hint_doubt", {"word": word, "example": example}),)

    @pytest.mark.parametrize(
        ("text", "idea", "raw"),
        [("a fox --raw yes", "a fox", True), ("a --raw=0", None, None), ("a fox --raw off --n 2", "a fox", False),
         ("--raw on a hill", "on a hill", True)],
    )  # fmt: skip
    def test_yes_and_no_after_raw_are_no_part_of_the_idea(self, text: str, idea: str | None, raw: bool | None):
        if idea is None:
            with pytest.raises(BadParameter):
                reading(text)
        else:
            assert (reading(text).request.idea, reading(text).request.parameters.raw) == (idea, raw)

    @pytest.mark.parametrize("prose", ["a fox —scale model of a town", "a fox —v shaped sky", "a fox — 3 cubs"])
    def test_are_prose_after_a_dash_that_no_number_follows(self, prose: str):
        assert reading(prose) == Reading(Request(prose))


class TestWaysOfTyping:
    @pytest.mark.parametrize(
        "typed",
        [
            "—ar 16:9",
            "–ar 16:9",
            "--ar=16:9",
            "—ar=16:9",
            "--ar = 16:9",
            "--AR 16x9",
            "--ar 16×9",
            "--ar 16/9",
            "--ar16:9",
            '--ar "16:9"',
            "--ar “16:9”",
            "--ar 16:9,",
            "\u200f--ar 16:9",
            "--\u200bar 16:9",
        ],
    )
    def test_phones_and_habits_spell_it_differently(self, typed: str):
        assert reading(f"a red fox {typed}").request == Request("a red fox", Parameters(ratio=(16, 9)))

    @pytest.mark.parametrize("text", ["--seed 7 a red fox", "a red --seed 7 fox", "a red\n--seed 7\nfox"])
    def test_it_may_stand_anywhere(self, text: str):
        assert reading(text).request == Request("a red fox", Parameters(seed=7))

    @pytest.mark.parametrize("quoted", ['"a, b c"', "“a, b c”", "'a, b c'", "«a, b c»", "„a, b c“"])
    def test_quotes_tell_where_the_words_not_wanted_end(self, quoted: str):
        assert reading(f"a red --no {quoted} fox").request == Request("a red fox", Parameters(negative="a, b c"))

    @pytest.mark.parametrize("text", ["fox --no text, watermark --seed 7", "fox --seed 7 --no text, watermark"])
    def test_else_they_end_at_the_next_parameter_or_with_the_line(self, text: str):
        assert reading(f"a red\n{text}\nin snow").request == Request(
            "a red fox in snow", Parameters(seed=7, negative="text, watermark")
        )

    def test_a_ratio_of_the_cinema_becomes_whole_numbers(self):
        assert parameters("a fox --ar 2.35:1").ratio == (47, 20)

    def test_a_ratio_stays_as_people_call_it(self):
        assert parameters("a fox --ar 21:9").ratio == (21, 9)


class TestWhatIsNoParameter:
    @pytest.mark.parametrize(
        "idea",
        [
            "a fox — red and quick — in the snow",
            "a fox —red and quick— in the snow",
            "a fox —no, a wolf",
            "a black--white photo",
            "a -- b",
            "from A --> B",
            "a sign (--raw)",
            "temperature --5 degrees",
        ],
    )
    def test_stays_in_the_idea(self, idea: str):
        assert reading(idea) == Reading(Request(idea))

    def test_a_word_like_a_parameter_after_a_long_dash_stays_but_is_asked_about(self):
        read = reading("a fox —seedd 7")

        assert read.request == Request("a fox —seedd 7")
        [hint] = read.hints
        assert (hint.reason, hint.values) == ("hint_doubt", {"word": "—seedd", "example": "--seed 7"})


class TestModels:
    @pytest.mark.parametrize(
        ("words", "model"),
        [
            ("schnell", "black-forest-labs/FLUX.1-schnell"),
            ("FLUX.1-dev", "black-forest-labs/FLUX.1-dev"),
            ("flux1dev", "black-forest-labs/FLUX.1-dev"),
            ("flux.2", "black-forest-labs/FLUX.2-dev"),
            ("Tongyi-MAI/Z-Image-Turbo", "Tongyi-MAI/Z-Image-Turbo"),
            ("QWEN", "Qwen/Qwen-Image"),
            ('"stable diffusion xl"', "stabilityai/stable-diffusion-xl-base-1.0"),
            ("ghibli", "nitrosocke/Ghibli-Diffusion"),
        ],
    )
    def test_a_part_of_the_name_will_do(self, words: str, model: str):
        assert parameters(f"a fox --model {words}").model == model

    def test_an_unclear_name_is_answered_with_those_it_fits(self):
        error = refusal("a fox --model flux")

        assert error.reason == "model_ambiguous"
        assert error.values["candidates"] == "FLUX.1-dev, FLUX.1-schnell, FLUX.1-Krea-dev, FLUX.2-dev"

    def test_an_unknown_name_is_answered_with_all_that_are_served(self):
        error = refusal("a fox --model dall-e")

        assert error.reason == "model_unknown"
        assert str(error.values["candidates"]).split(", ") == [model.name for model in CATALOGUE if not model.retired]

    def test_the_owners_own_models_can_be_named(self):
        own = Catalogue("me/MyModel", ("me/other",))

        assert read_request("a fox --model mymodel", own, STYLES).request.parameters.model == "me/MyModel"
        assert read_request("a fox --model other", own, STYLES).request.parameters.model == "me/other"

    def test_a_retired_one_is_taken_with_a_word_about_its_successor(self):
        [hint] = reading("a fox --model dreamshaper").hints

        assert (hint.reason, hint.values) == ("hint_retired", {"model": "DreamShaper", "successor": "FLUX.1-dev"})


class TestStyles:
    @pytest.mark.parametrize("words", ["watercolour", "WATER", '"film noir"', "still"])
    def test_a_part_of_the_name_or_title_will_do(self, words: str):
        assert parameters(f"a fox --style {words}").style in {"watercolour", "noir", "cinematic"}

    @pytest.mark.parametrize(("words", "reason"), [("film", "style_ambiguous"), ("baroque", "style_unknown")])
    def test_others_are_answered_with_the_names_there_are(self, words: str, reason: str):
        error = refusal(f"a fox --style {words}")

        assert error.reason == reason
        assert "noir" in str(error.values["candidates"])


class TestRefusals:
    @pytest.mark.parametrize(
        ("typed", "reason", "values"),
        [
            ("--foo", "parameter_unknown_to_us", {"name": "--foo"}),
            ("--sed 7", "parameter_unknown", {"name": "--sed", "nearest": "--seed"}),
            ("--Stylus=noir", "parameter_unknown", {"name": "--Stylus", "nearest": "--style"}),
            ("--aspekt 16:9", "parameter_unknown", {"name": "--aspekt", "nearest": "--ar"}),
            ("--ar", "parameter_without_value", {"name": "--ar", "example": "--ar 16:9"}),
            ("--seed --raw", "parameter_without_value", {"name": "--seed"}),
            ("--seed\n7", "parameter_without_value", {"name": "--seed"}),
            ('--no ""', "parameter_without_value", {"name": "--no"}),
            ("--raw=yes", "parameter_takes_no_value", {"name": "--raw"}),
            ("--steps many", "parameter_unreadable", {"name": "--steps", "value": "many", "example": "--steps 30"}),
            ("--n 2.5", "parameter_unreadable", {"name": "--n", "value": "2.5"}),
            ("--cfg high", "parameter_unreadable", {"name": "--cfg"}),
            ("--cfg nan", "parameter_unreadable", {"name": "--cfg"}),
            ("--ar wide", "parameter_unreadable", {"name": "--ar"}),
            ("--ar 16:0", "parameter_unreadable", {"name": "--ar"}),
            ("--ar 17:4", "ratio_out_of_range", {"value": "17:4", "most": MAX_RATIO}),
            ("--ar 1:5", "ratio_out_of_range", {"value": "1:5"}),
            ("--seed -1", "seed_out_of_range", {"value": "-1", "most": MAX_SEED}),
            (f"--seed {MAX_SEED + 1}", "seed_out_of_range", {"value": str(MAX_SEED + 1)}),
            (f"--no {'x' * (MAX_NEGATIVE_LENGTH + 1)}", "negative_too_long", {"most": MAX_NEGATIVE_LENGTH}),
        ],
    )
    def test_what_is_unclear_is_named_with_what_would_be_clear(
        self, typed: str, reason: str, values: dict[str, object]
    ):
        error = refusal(f"a fox {typed}")

        assert error.reason == reason
        assert error.values.items() >= values.items()

    def test_parameters_alone_are_no_idea(self):
        assert refusal("--no text, watermark a red fox").reason == "parameters_without_idea"

    def test_the_log_learns_nothing_of_the_words(self):
        assert str(refusal("a fox --steps secret")) == "parameter_unreadable"

    def test_long_words_are_repeated_in_short(self):
        assert len(str(refusal(f"a fox --steps {'9' * 3000}").values["value"])) == 40

    @pytest.mark.parametrize(
        ("text", "error"), [("", EmptyIdea), ("... --raw", NoWordsInIdea), ("x" * 1001 + " --raw", IdeaTooLong)]
    )
    def test_the_idea_itself_must_still_be_one(self, text: str, error: type[UserError]):
        with pytest.raises(error):
            reading(text)


class TestCorrections:
    @pytest.mark.parametrize(("typed", "count"), [("--n 11", MAX_COUNT), ("--n 99999", MAX_COUNT), ("--n 0", 1)])
    def test_the_number_of_pictures_has_bounds(self, typed: str, count: int):
        assert reading(f"a fox {typed}").request.count == count
        assert hints(f"a fox {typed}") == ["hint_clamped"]

    @pytest.mark.parametrize(
        ("typed", "steps"), [("--steps 900", 50), ("--steps 900 --model schnell", 8), ("--steps 0", 1)]
    )
    def test_steps_go_as_far_as_the_model(self, typed: str, steps: int):
        assert parameters(f"a fox {typed}").steps == steps
        assert hints(f"a fox {typed}") == ["hint_clamped"]

    @pytest.mark.parametrize(("typed", "guidance"), [("--cfg 99", 20.0), ("--cfg -1", 0.0)])
    def test_guidance_has_bounds(self, typed: str, guidance: float):
        assert parameters(f"a fox {typed}").guidance == guidance
        assert hints(f"a fox {typed}") == ["hint_clamped"]

    def test_of_a_repeated_parameter_the_last_one_counts(self):
        read = reading("a fox --seed 1 --seed 2")

        assert read.request.parameters.seed == 2
        [hint] = read.hints
        assert (hint.reason, hint.values) == ("hint_repeated", {"name": "--seed", "value": "2"})

    @pytest.mark.parametrize(
        ("typed", "name"),
        [
            ("--steps 20 --model glm", "--steps"),
            ("--cfg 4 --model schnell", "--cfg"),
            ("--seed 7 --model glm", "--seed"),
            ("--no text --raw", "--no"),
        ],
    )
    def test_what_the_model_cannot_take_is_told(self, typed: str, name: str):
        [hint] = reading(f"a fox {typed}").hints

        assert (hint.reason, hint.values["name"]) == ("hint_not_taken", name)


# Messages are put together of pieces, one a letter: Hypothesis draws and shrinks texts far faster than lists.
PROSE = [
    "fox ",
    "a ",
    "— ",
    "– ",
    "-- ",
    "—red ",
    "“snow” ",
    "-> ",
    "日本 ",
    "black--white ",
    "4 ",
    "16:9 ",
    "don't ",
    "é, ",
]
TYPED = ["--seed 7 ", "—ar 16:9 ", '--no "a, b" ', "–n 3 ", "--RAW ", "—steps=20 ", "--cfg 3,5 ", "—style “film noir” "]
DASHES = ["--", "—", "–", "-", " --", " —", "\u200f--"]
NAMES = ["ar", "n", "seed", "no", "model", "style", "steps", "cfg", "raw", "AR", "seedd", "foo", "né"]
VALUES = [
    "16:9",
    "9x16",
    "4:1",
    "5:1",
    "2.35:1",
    "7",
    "0",
    "4294967295",
    "3,5",
    "99999",
    "-3",
    "٣",
    "1e3",
    "text, watermark",
]
CLUES = ["schnell", "qwen", "noir", "film", '"', "“", "”", "'", " ", "=", "\n", ",", "\0", "\ud800", "x" * 99]
ODDS = [*PROSE, *TYPED, *DASHES, *NAMES, *VALUES, *CLUES]


def letters(pieces: list[str]) -> str:
    return "".join(chr(0x100 + place) for place in range(len(pieces)))


def pieces_of(text: str, pieces: list[str]) -> list[str]:
    return [pieces[ord(letter) - 0x100] for letter in text]


def write_request(request: Request) -> str:
    """Write a request as it could be typed."""
    given = request.parameters
    options = {
        "ar": given.ratio and f"{given.ratio[0]}:{given.ratio[1]}",
        "n": request.count if request.count > 1 else None,
        "seed": given.seed,
        "no": given.negative and f'"{given.negative}"',
        "model": given.model,
        "style": given.style,
        "steps": given.steps,
        "cfg": given.guidance if given.guidance is None else format(given.guidance, ".10g"),
    }
    words = [request.idea, *(f"--{name} {value}" for name, value in options.items() if value is not None)]
    return " ".join([*words, "--raw"] if given.raw else words)


MANY = settings(max_examples=2_000, deadline=None)


class TestAnyMessage:
    @MANY
    @given(st.text(letters(ODDS), max_size=12).map(lambda text: "".join(pieces_of(text, ODDS))) | st.text(max_size=40))
    def test_becomes_a_request_that_can_be_served_or_an_error_that_can_be_told(self, text: str):
        try:
            request = reading(text).request
        except (EmptyIdea, NoWordsInIdea, IdeaTooLong, BadParameter):
            return

        given = request.parameters
        assert 1 <= len(request.idea) <= MAX_IDEA_LENGTH
        assert request.idea == read_idea(request.idea)
        assert 1 <= request.count <= MAX_COUNT
        assert given.seed is None or 0 <= given.seed <= MAX_SEED
        assert given.ratio is None or 1 / MAX_RATIO <= given.ratio[0] / given.ratio[1] <= MAX_RATIO
        assert given.negative is None or 1 <= len(given.negative) <= MAX_NEGATIVE_LENGTH
        assert read_request(write_request(request), CATALOGUE, STYLES).request == request
        assert read_parameters(json.loads(json.dumps(asdict(given)))) == given

    @MANY
    @given(st.text(letters(PROSE + TYPED), max_size=12))
    def test_keeps_every_word_of_the_idea_in_its_order(self, text: str):
        pieces = ["fox ", *pieces_of(text, PROSE + TYPED)]

        idea = "".join(piece for piece in pieces if piece not in TYPED)

        assert reading("".join(pieces)).request.idea == " ".join(idea.split())

    @settings(max_examples=500, deadline=None)
    @given(
        st.builds(
            Parameters,
            model=st.none() | st.sampled_from([model.id for model in CATALOGUE]),
            seed=st.none() | st.integers(0, MAX_SEED),
            steps=st.none() | st.integers(1, 8),
            guidance=st.none() | st.integers(0, 20_000).map(lambda thousandths: thousandths / 1000),
            ratio=st.none() | st.tuples(st.integers(10, 40), st.integers(10, 40)),
            style=st.none() | st.sampled_from([style.name for style in STYLES]),
            raw=st.booleans(),
            negative=st.none() | st.sampled_from(["text", "text, watermark", "dogs' tails", "a --raw deal", "ünlü"]),
        ),
        st.integers(1, MAX_COUNT),
    )
    def test_written_out_is_read_as_the_same_request(self, given: Parameters, count: int):
        request = Request("a fox —red— in -- “snow”", given, count)

        assert reading(write_request(request)).request == request


class TestTheRecord:
    def test_keeps_parameters_as_json_and_gives_them_back(self):
        given = Parameters("a/b", 7, None, None, 20, 3.5, (16, 9), "noir", raw=True, negative="text")

        assert read_parameters(json.loads(json.dumps(asdict(given)))) == given

    def test_of_an_older_version_is_read_as_it_was_meant(self):
        kept = {"model": None, "seed": 7, "width": 768, "height": None, "steps": None, "guidance": None}

        assert read_parameters(kept) == Parameters(seed=7, width=768)
