"""Image models as data, and what is asked of each."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.worker.painters.generation import request_for, size_for
from services.worker.painters.registry import ADAPTERS
from shared.catalogue import GEMINI, Catalogue
from shared.jobs import Parameters, Prompt

MODELS = list(Catalogue())
OLD_MODELS = [
    "stabilityai/stable-diffusion-xl-base-1.0",
    "stablediffusionapi/toonyou",
    "stablediffusionapi/real-cartoon-3d",
    "stablediffusionapi/realcartoon3d",
    "stablediffusionapi/disney-pixar-cartoon",
    "stablediffusionapi/pastel-mix-stylized-anime",
    "stablediffusionapi/anything-v5",
    "nitrosocke/Ghibli-Diffusion",
    "jinaai/flat-2d-animerge",
    "Lykon/DreamShaper",
    "SG161222/Realistic_Vision_V6.0_B1_noVAE",
]
PROMPT = Prompt("a fox", negative="blurry")


class TestTheShippedData:
    @pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
    def test_every_model_makes_sense(self, model):
        assert model.width % model.multiple == model.height % model.multiple == 0
        assert max(model.width, model.height) <= model.max_side
        assert model.width * model.height <= model.max_pixels
        assert model.steps is None or model.steps.least <= model.steps.usual <= model.steps.most
        assert model.prompt_tokens in {77, 256, 512}
        assert set(model.providers) <= {adapter.provider for adapter in ADAPTERS} | {GEMINI}

    def test_the_default_and_its_fallbacks_can_be_painted_without_the_hub(self):
        for model_id in Catalogue().in_order(None):
            assert Catalogue().model(model_id).providers

    @pytest.mark.parametrize("model_id", OLD_MODELS)
    def test_models_of_old_stay_selectable_and_name_a_living_successor(self, model_id: str):
        model = Catalogue().model(model_id)

        assert model in MODELS
        assert model.retired
        assert not Catalogue().model(model.successor).retired


class TestOrder:
    def test_the_wished_model_comes_first(self):
        order = Catalogue().in_order("Qwen/Qwen-Image")

        assert order[:2] == ("Qwen/Qwen-Image", Catalogue().default)
        assert len(set(order)) == len(order)

    def test_after_a_retired_model_comes_its_successor(self):
        assert Catalogue().in_order("nitrosocke/Ghibli-Diffusion")[1] == "Qwen/Qwen-Image"

    def test_the_owner_may_choose_default_and_fallbacks(self):
        assert Catalogue("my/model", ()).in_order(None) == ("my/model",)
        assert Catalogue("my/model", ("a/b",)).in_order("c/d") == ("c/d", "my/model", "a/b")


class TestUnknownModels:
    @pytest.mark.parametrize(
        ("model_id", "like"),
        [
            ("someone/flux-realism", "black-forest-labs/FLUX.1-dev"),
            ("someone/My-SDXL-v9", "stabilityai/stable-diffusion-xl-base-1.0"),
            ("stabilityai/stable-diffusion-3.5-medium", "stabilityai/stable-diffusion-3.5-large"),
            ("black-forest-labs/FLUX.2-klein-9B", "black-forest-labs/FLUX.1-schnell"),
            ("stabilityai/sdxl-turbo", "ByteDance/Hyper-SD"),
        ],
    )
    def test_the_name_tells_what_they_can_take(self, model_id: str, like: str):
        guessed, known = Catalogue().model(model_id), Catalogue().model(like)

        assert (guessed.dialect, guessed.steps, guessed.takes_negative) == (
            known.dialect,
            known.steps,
            known.takes_negative,
        )

    def test_a_name_that_tells_nothing_gets_the_prompt_a_size_and_a_seed(self):
        request = request_for(Catalogue().model("who/knows"), PROMPT, Parameters(steps=10, guidance=3), seed=5)

        assert (request.width, request.height, request.seed) == (1024, 1024, 5)
        assert (request.negative, request.steps, request.guidance) == (None, None, None)


class TestBriefs:
    def test_without_wishes_the_model_gets_what_it_is_used_to(self):
        request = request_for(Catalogue().model("black-forest-labs/FLUX.1-dev"), PROMPT, Parameters(), seed=5)

        assert (request.width, request.height, request.steps, request.guidance) == (1024, 1024, 28, 3.5)

    def test_wishes_are_clamped(self):
        wishes = Parameters(steps=900, guidance=99.0, seed=3)

        request = request_for(Catalogue().model("Qwen/Qwen-Image"), PROMPT, wishes, seed=5)

        assert (request.steps, request.guidance, request.seed) == (50, 20.0, 3)

    def test_seed_zero_is_a_wish(self):
        assert request_for(Catalogue().model("Qwen/Qwen-Image"), PROMPT, Parameters(seed=0), seed=5).seed == 0

    def test_what_a_model_cannot_take_is_not_asked(self):
        wishes = Parameters(steps=3, guidance=2.0, seed=1)

        request = request_for(Catalogue().model("zai-org/GLM-Image"), PROMPT, wishes, seed=5)

        assert (request.negative, request.steps, request.guidance, request.seed) == (None, None, None, None)

    @settings(deadline=None, max_examples=100)
    @given(
        st.sampled_from(MODELS),
        st.builds(
            Parameters,
            steps=st.none() | st.integers(-5, 10_000),
            guidance=st.none() | st.floats(-5, 1_000),
            seed=st.none() | st.integers(0, 2**32 - 1),
        ),
    )
    def test_nor_is_it_of_any_other_and_what_one_can_take_is_kept_in_bounds(self, model, wishes):
        request = request_for(model, PROMPT, wishes, seed=5)

        assert (request.negative is not None) == model.takes_negative
        assert (request.seed is not None) == model.takes_seed
        assert (request.guidance is not None) == (model.guidance is not None)
        assert request.guidance is None or 0 <= request.guidance <= 20
        assert (request.steps is not None) == (model.steps is not None)
        assert model.steps is None or model.steps.least <= request.steps <= model.steps.most

    def test_the_proportions_of_a_size_too_large_are_kept(self):
        assert size_for(Catalogue().model("black-forest-labs/FLUX.1-dev"), 3840, 2160) == (1536, 864)

    @settings(deadline=None, max_examples=100)
    @given(st.sampled_from(MODELS), st.none() | st.integers(1, 100_000), st.none() | st.integers(1, 100_000))
    def test_every_size_fits_the_model(self, model, width, height):
        wide, high = size_for(model, width, height)

        assert wide % model.multiple == high % model.multiple == 0
        assert min(wide, high) >= 256
        assert max(wide, high) <= model.max_side
        assert wide * high <= model.max_pixels
