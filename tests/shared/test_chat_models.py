"""Which chat models are offered, what each takes, and who succeeds one that is gone."""

import pytest

from shared.chat_models import ChatModels, family_of
from shared.preferences import MAX_TEMPERATURE, MAX_TOP_K

USUAL = "gemini-3.8-flash"
CARD = {"output_tokens": 65_536, "max_temperature": 2.0, "top_k": 64}


@pytest.fixture
def models():
    return ChatModels(f"models/{USUAL}")


def surveyed(models, *names, **card):
    models.refresh(dict.fromkeys(names, CARD | card))
    return models


class TestWithoutASurvey:
    def test_the_shipped_ones_are_offered(self, models):
        names = [model.name for model in models.offered()]

        assert names[0] == USUAL
        assert not any(models.model(name).is_gone for name in names)

    def test_the_usual_one_is_the_owners(self, models):
        assert models.model(None).name == USUAL

    def test_only_what_was_shut_down_is_gone(self, models):
        assert models.replacement("gemini-2.0-flash") == "gemini-3.5-flash-lite"
        assert models.replacement("gemini-99-dream") is None
        assert models.replacement(USUAL) is None


class TestASurvey:
    def test_offers_what_gemini_names_the_good_ones_first(self, models):
        surveyed(models, "gemini-99-dream", "gemini-3.5-flash", USUAL)

        assert [model.name for model in models.offered()] == [USUAL, "gemini-3.5-flash", "gemini-99-dream"]

    def test_tells_how_far_a_model_goes(self, models):
        model = surveyed(models, "gemini-3.5-flash", output_tokens=8_192, max_temperature=1.0, top_k=40).model(
            "gemini-3.5-flash"
        )

        assert (model.output_tokens, model.max_temperature, model.most_top_k) == (8_192, 1.0, 40)
        assert model.takes("top_k")

    def test_whose_card_is_silent_leaves_what_is_known_anyway(self, models):
        model = surveyed(models, "gemini-3.5-flash", output_tokens=None, max_temperature=None).model("gemini-3.5-flash")

        assert model.output_tokens == family_of("gemini-3.5-flash").output_tokens
        assert model.max_temperature == MAX_TEMPERATURE

    def test_without_top_k_in_a_card_the_model_takes_none(self, models):
        model = surveyed(models, "gemini-3.5-flash", top_k=None).model("gemini-3.5-flash")

        assert not model.takes("top_k")
        assert model.takes("temperature")

    def test_that_ended_leaves_the_shipped_list(self, models):
        surveyed(models, "gemini-99-dream").refresh({})

        assert models.offered()[0].name == USUAL
        assert models.model("gemini-3.5-flash").most_top_k == MAX_TOP_K


class TestWhatAModelTakes:
    @pytest.mark.parametrize("name", ["temperature", "top_p", "top_k"])
    def test_sampling_until_3_6_came(self, models, name):
        assert models.model("gemini-3.5-flash").takes(name)
        assert not models.model(USUAL).takes(name)
        assert not models.model("gemini-99-dream").takes(name)

    def test_the_rest_always(self, models):
        assert models.model(USUAL).takes("output_tokens")


class TestSuccession:
    def test_goes_on_until_somebody_is_there(self, models):
        surveyed(models, USUAL, "gemini-3.5-flash")

        # 2.0 → 3.5-flash-lite → flash-lite-latest, neither of which is served → the owner's.
        assert models.replacement("gemini-2.0-flash") == USUAL
        assert models.replacement("gemini-3-flash-preview") == "gemini-3.5-flash"
        assert models.replacement("gemini-99-dream") == USUAL

    def test_leaves_a_choice_alone_when_nobody_is_there(self, models):
        assert surveyed(models, "gemma-9").replacement(USUAL) is None
