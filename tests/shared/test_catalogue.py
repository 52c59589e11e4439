"""The catalogue after a survey; the shipped data itself is tried with the painters."""

import pytest

from shared.catalogue import MAX_FOUND, Catalogue

DEV, QWEN, GLM = "black-forest-labs/FLUX.1-dev", "Qwen/Qwen-Image", "zai-org/GLM-Image"
GHIBLI = "nitrosocke/Ghibli-Diffusion"
NEW = "who/Sdxl-Foxes"
SHIPPED = [model.id for model in Catalogue()]


def card(**providers: str) -> dict[str, dict[str, str]]:
    return {"providers": providers}


@pytest.fixture
def catalogue() -> Catalogue:
    made = Catalogue()
    made.refresh({NEW: card(replicate="who/foxes"), QWEN: card(), DEV: card(nscale="dev"), GHIBLI: card(nscale="g")})
    return made


def test_before_a_survey_nothing_is_known_of_who_serves_what():
    assert {model.served for model in Catalogue()} == {None}
    assert [model.id for model in Catalogue().offered(2)] == SHIPPED[:2]


class TestAfterASurvey:
    def test_the_shipped_models_come_first_in_their_order(self, catalogue: Catalogue):
        assert [model.id for model in catalogue] == [*SHIPPED, NEW]

    def test_what_is_new_gets_what_its_name_suggests(self, catalogue: Catalogue):
        new = catalogue.model(NEW)

        assert (new.name, new.dialect, new.prompt_tokens) == ("Sdxl-Foxes", "tags", 77)
        assert new.providers == {"replicate": "who/foxes"}

    def test_what_is_served_is_offered_and_nothing_else(self, catalogue: Catalogue):
        assert [model.id for model in catalogue.offered()] == [DEV, QWEN, GHIBLI, NEW]
        assert catalogue.model(GLM).served is False
        assert catalogue.wished(GLM).id == GLM

    def test_a_retired_model_that_is_served_again_is_retired_no_more(self, catalogue: Catalogue):
        assert not catalogue.model(GHIBLI).retired
        assert catalogue.model("Lykon/DreamShaper").retired

    def test_providers_are_those_of_today_and_else_the_shipped_ones(self, catalogue: Catalogue):
        assert catalogue.model(DEV).providers == {"nscale": "dev"}
        assert catalogue.model(QWEN).providers == Catalogue().model(QWEN).providers
        assert catalogue.model(GLM).providers == Catalogue().model(GLM).providers

    def test_of_very_many_the_most_wanted_ones_are_taken(self):
        catalogue = Catalogue()
        catalogue.refresh({f"who/{number}": card() for number in range(MAX_FOUND + 7)} | {DEV: card()})

        assert [model.id for model in catalogue][len(SHIPPED) :] == [f"who/{number}" for number in range(MAX_FOUND)]
        assert catalogue.model(DEV).served

    def test_the_next_one_counts_alone(self, catalogue: Catalogue):
        catalogue.refresh({DEV: card()})
        assert [model.id for model in catalogue.offered()] == [DEV]

        catalogue.refresh({})
        assert list(catalogue) == list(Catalogue())


class TestWords:
    def test_a_new_model_is_meant_by_a_part_of_its_name(self, catalogue: Catalogue):
        assert [model.id for model in catalogue.find_by_name("foxes")] == [NEW]

    def test_what_is_new_does_not_make_old_words_unclear(self):
        catalogue = Catalogue()
        catalogue.refresh({QWEN: card(), "Qwen/Qwen-Image-2512": card()})

        assert [model.id for model in catalogue.find_by_name("qwen")] == [QWEN]
        assert [model.id for model in catalogue.find_by_name("qwen-image-2512")] == ["Qwen/Qwen-Image-2512"]


class TestSuccession:
    def test_moves_what_is_retired_to_somebody_who_is_there(self):
        assert Catalogue().replacement(GHIBLI) == QWEN

    def test_leaves_alone_what_can_be_had_or_may_come_back(self):
        catalogue = Catalogue()
        catalogue.refresh({GHIBLI: card(nscale="g")})

        assert catalogue.replacement(GHIBLI) is None
        assert catalogue.replacement(QWEN) is None  # not served right now, yet not given up
        assert catalogue.replacement("who/knows") is None
