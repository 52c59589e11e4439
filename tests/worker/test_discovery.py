"""model → who paints it right now."""

import threading
from typing import Any

import pytest

from sandbox.client import SandboxClient
from services.worker.painters.discovery import FRESH_S, FRESH_WHEN_AWAY_S, GONE_S, Discovery, read_targets
from services.worker.painters.http import HttpClient
from services.worker.painters.painter import Target
from shared.catalogue import Catalogue
from shared.errors import ServiceUnreachable

DEV = "black-forest-labs/FLUX.1-dev"
SCHNELL = "black-forest-labs/FLUX.1-schnell"
SD3 = "stabilityai/stable-diffusion-3-medium-diffusers"


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def discovery(sandbox: SandboxClient, http: HttpClient, clock: Clock) -> Discovery:
    return Discovery(http, hub_url=f"{sandbox.url}/hub", catalogue=Catalogue(), clock=clock)


class TestTargets:
    def test_all_live_providers_are_found_the_preferred_one_first(self, discovery: Discovery):
        targets = discovery.targets(SCHNELL)

        assert targets[0] == Target(SCHNELL, "fal-ai", "fal-ai/flux/schnell")
        assert [target.provider for target in targets] == [
            "fal-ai",
            "replicate",
            "together",
            "wavespeed",
            "nscale",
            "hf-inference",
        ]

    @pytest.mark.parametrize(
        "model",
        ["nitrosocke/Ghibli-Diffusion", "who/knows", "tencent/HunyuanImage-3.0", "Qwen/Qwen-Image-Edit"],
        ids=["served by nobody", "unknown", "staging or broken", "of another task"],
    )
    def test_what_nobody_serves_has_no_target(self, discovery: Discovery, model: str):
        assert discovery.targets(model) == ()

    @pytest.mark.parametrize(
        "model", ["", "..", "../api", "a/../b", "a/b/c", "a/b?x=y", "a b/c", "a/b#c", "a/ü", "x" * 300]
    )
    def test_what_is_no_name_of_a_model_is_not_asked(self, sandbox: SandboxClient, discovery: Discovery, model: str):
        assert discovery.targets(model) == ()
        assert sandbox.journal("hub") == []

    def test_an_endpoint_of_the_owners_comes_first(self, sandbox: SandboxClient, http: HttpClient):
        endpoints = {DEV: "https://x.endpoints.test/", "my/own": "https://y.endpoints.test/"}
        discovery = Discovery(http, hub_url=f"{sandbox.url}/hub", catalogue=Catalogue(), endpoints=endpoints)

        assert discovery.targets(DEV)[0] == Target(DEV, "endpoint", "https://x.endpoints.test/")
        assert discovery.targets("my/own") == (Target("my/own", "endpoint", "https://y.endpoints.test/"),)


ENTRY = {"status": "live", "providerId": "x", "task": "text-to-image"}


class TestMappings:
    def test_both_shapes_mean_the_same(self):
        as_list = read_targets("a/b", [{**ENTRY, "provider": "fal-ai"}, {**ENTRY, "provider": "nscale"}])
        as_object = read_targets("a/b", {"nscale": ENTRY, "fal-ai": ENTRY})

        assert as_list == as_object == (Target("a/b", "fal-ai", "x"), Target("a/b", "nscale", "x"))

    @pytest.mark.parametrize(
        "change",
        [
            {"provider": "unheard-of"},
            {"provider": "endpoint"},
            {"provider": None},
            {"status": "staging"},
            {"task": "image-to-image"},
            {"providerId": None},
            {"adapter": "controlnet", "adapterWeightsPath": "weights.safetensors"},
            {"adapter": "lora"},
            {"adapter": "lora", "adapterWeightsPath": "../../x"},
            {"adapter": "lora", "adapterWeightsPath": "a//b"},
            {"adapter": "lora", "adapterWeightsPath": "a?b#c"},
            {"adapter": "lora", "adapterWeightsPath": 7},
            {"provider": "together", "adapter": "lora", "adapterWeightsPath": "lora.safetensors"},
        ],
    )
    def test_what_we_could_not_call_is_left_out(self, change: dict[str, Any]):
        assert read_targets("a/b", [{**ENTRY, "provider": "fal-ai", **change}]) == ()

    @pytest.mark.parametrize("provider", ["fal-ai", "replicate", "wavespeed"])
    @pytest.mark.parametrize("weights", ["lora.safetensors", "v2/my lora_1+2.safetensors"])
    def test_a_lora_comes_with_its_weights(self, provider: str, weights: str):
        [target] = read_targets(
            "a/b", [{**ENTRY, "provider": provider, "adapter": "lora", "adapterWeightsPath": weights}]
        )

        assert (target.adapter, target.weights) == ("lora", weights)

    @pytest.mark.parametrize("mapping", [None, 3, "x", [None, 3], {"fal-ai": None}])
    def test_nonsense_has_no_targets(self, mapping: Any):
        assert read_targets("a/b", mapping) == ()


class TestMemory:
    def test_the_hub_is_asked_once_in_some_minutes(self, sandbox: SandboxClient, discovery: Discovery, clock: Clock):
        discovery.targets(DEV)
        clock.now += FRESH_S - 1
        discovery.targets(DEV)
        assert len(sandbox.journal("hub")) == 1

        clock.now += 2
        discovery.targets(DEV)
        assert len(sandbox.journal("hub")) == 2

    def test_of_many_threads_one_asks(self, sandbox: SandboxClient, discovery: Discovery):
        sandbox.arm("hub", gate="hub", times=None)
        found: list[tuple[Target, ...]] = []
        threads = [threading.Thread(target=lambda: found.append(discovery.targets(DEV))) for _ in range(8)]

        for thread in threads:
            thread.start()
        sandbox.wait_at_gate("hub")
        sandbox.open_gate("hub")
        for thread in threads:
            thread.join(10)

        assert len(found) == 8
        assert len(set(found)) == 1
        assert len(sandbox.journal("hub")) == 1

    def test_a_target_that_is_gone_is_left_out_and_the_hub_asked_again(
        self, sandbox: SandboxClient, discovery: Discovery, clock: Clock
    ):
        gone, *others = discovery.targets(DEV)

        discovery.mark_gone(gone)

        assert discovery.targets(DEV) == tuple(others)
        assert len(sandbox.journal("hub")) == 2
        clock.now += GONE_S + 1
        assert discovery.targets(DEV) == (gone, *others)

    def test_it_does_not_grow_without_end(self, sandbox: SandboxClient, http: HttpClient):
        discovery = Discovery(http, hub_url=f"{sandbox.url}/hub", catalogue=Catalogue(), most_models=2)

        for model in (DEV, SCHNELL, SD3, DEV):
            discovery.targets(model)

        assert len(sandbox.journal("hub")) == 4


class TestWithoutTheHub:
    @pytest.mark.parametrize(
        "trouble",
        [
            {"status": 500},
            {"status": 429},
            {"drop": "before"},
            {"status": 200, "reply": "<html>"},
            {"status": 200, "reply": []},
        ],
    )
    def test_the_shipped_list_is_used(self, sandbox: SandboxClient, discovery: Discovery, trouble: dict[str, Any]):
        sandbox.arm("hub", **trouble)

        assert discovery.targets(SD3) == (Target(SD3, "hf-inference", SD3),)

    def test_a_model_that_we_do_not_know_has_no_target(self, sandbox: SandboxClient, discovery: Discovery):
        sandbox.arm("hub", status=500)

        assert discovery.targets("ideogram-ai/ideogram-4") == ()

    def test_what_the_hub_said_last_is_better(self, sandbox: SandboxClient, discovery: Discovery, clock: Clock):
        before = discovery.targets("ideogram-ai/ideogram-4")
        sandbox.arm("hub", status=500)
        clock.now += FRESH_S + 1

        assert discovery.targets("ideogram-ai/ideogram-4") == before

    def test_it_is_asked_again_soon(self, sandbox: SandboxClient, discovery: Discovery, clock: Clock):
        sandbox.arm("hub", status=500)
        discovery.targets("ideogram-ai/ideogram-4")

        clock.now += FRESH_WHEN_AWAY_S + 1

        assert discovery.targets("ideogram-ai/ideogram-4") != ()


class TestSurvey:
    def test_it_finds_every_model_that_somebody_serves(self, discovery: Discovery):
        found = discovery.survey()

        assert {DEV, SCHNELL, SD3, "ideogram-ai/ideogram-4"} <= found.keys()
        assert "nitrosocke/Ghibli-Diffusion" not in found
        assert next(iter(found)) == DEV

    def test_it_turns_every_page(self, sandbox: SandboxClient, discovery: Discovery):
        link = '<https://somewhere.test/api/models?limit=5&cursor=5&expand[]=inferenceProviderMapping>; rel="next"'
        page = [{"id": "a/b", "inferenceProviderMapping": {"fal-ai": ENTRY}}, None, {"id": 3}]
        sandbox.arm("hub", status=200, headers={"Link": link}, reply=page)

        found = discovery.survey()

        assert found["a/b"] == (Target("a/b", "fal-ai", "x"),)
        assert {"black-forest-labs/FLUX.2-klein-9B", SD3} <= found.keys()
        # The first page was made up; those after it are the Hub's own, each named by the one before.
        cursors = [entry["query"].get("cursor") for entry in sandbox.journal("hub")]
        assert cursors == [None, "5", "10", "15", *cursors[4:]]

    def test_what_it_found_need_not_be_asked_again(self, sandbox: SandboxClient, discovery: Discovery):
        discovery.survey()
        sandbox.clear_journal()

        assert len(discovery.targets(SCHNELL)) == 6
        assert sandbox.journal("hub") == []

    def test_without_the_hub_there_is_none(self, sandbox: SandboxClient, discovery: Discovery):
        sandbox.arm("hub", status=503)

        with pytest.raises(ServiceUnreachable):
            discovery.survey()
