"""The shape that a person asked for, in pixels that a model can paint."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.worker.painters.generation import MIN_SIDE, request_for, size_of
from shared.catalogue import Catalogue
from shared.ideas import MAX_RATIO
from shared.jobs import Parameters, Prompt

CATALOGUE = Catalogue()
FLUX = CATALOGUE.model("black-forest-labs/FLUX.1-dev")
SD = CATALOGUE.model("Lykon/DreamShaper")
RATIOS = st.tuples(st.integers(1, 9999), st.integers(1, 9999)).filter(
    lambda ratio: max(ratio) / min(ratio) <= MAX_RATIO
)


class TestARatio:
    @pytest.mark.parametrize(
        ("model", "ratio", "size"),
        [
            (FLUX, (1, 1), (1024, 1024)),
            (FLUX, (16, 9), (1360, 768)),
            (FLUX, (9, 16), (768, 1360)),
            (FLUX, (3, 2), (1248, 832)),
            (FLUX, (4, 1), (1536, 384)),
            (SD, (1, 1), (512, 512)),
            (SD, (1, 4), (256, 1024)),
        ],
    )
    def test_becomes_a_size_of_about_the_models_own_area(self, model, ratio, size):
        assert size_of(model, ratio) == size

    @settings(deadline=None, max_examples=300)
    @given(st.sampled_from(list(CATALOGUE)), RATIOS)
    def test_of_any_kind_is_met_within_the_models_limits(self, model, ratio):
        width, height = size_of(model, ratio)

        assert width % model.multiple == height % model.multiple == 0
        assert min(width, height) >= MIN_SIDE
        assert max(width, height) <= model.max_side
        assert width * height <= model.max_pixels
        assert abs(math.log(width / height * ratio[1] / ratio[0])) < 0.03

    def test_goes_before_a_width_and_height(self):
        wishes = Parameters(ratio=(16, 9), width=512, height=512)

        request = request_for(FLUX, Prompt("a fox"), wishes, seed=1)

        assert (request.width, request.height) == (1360, 768)


class TestWhatIsNotWanted:
    def test_reaches_a_model_that_reads_a_negative_prompt_and_no_other(self):
        prompt = Prompt("a fox", negative="text")

        asked = [
            request_for(CATALOGUE.model(model), prompt, Parameters(), seed=1).negative for model in (SD.id, FLUX.id)
        ]

        assert asked == ["text", None]
