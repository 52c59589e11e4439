"""HuggingFace's own client of this version speaks with the same providers, in the same words, and reads no more."""

import ast
import inspect
import json
import textwrap
from typing import Any

import pytest
from huggingface_hub.hf_api import InferenceProviderMapping
from huggingface_hub.inference import _providers as library
from huggingface_hub.inference._common import RequestParameters
from huggingface_hub.inference._providers._common import TaskProviderHelper

from services.worker.painters.http import HttpResponse
from services.worker.painters.painter import IMAGE_TO_IMAGE, TEXT_TO_IMAGE, GenerationRequest, Target
from services.worker.painters.provider import Found
from services.worker.painters.registry import ADAPTERS, LORA, STARTING_FROM_PICTURES, TAKING_ADAPTERS
from shared.errors import PictureRefused
from tests.worker.documented_answers import ANSWERS

OURS = {adapter.provider: adapter for adapter in ADAPTERS if adapter.provider != "endpoint"}
# Providers of the library that we don't speak with, each with the reason.
UNSUPPORTED: dict[tuple[str, str], str] = {}

MODEL = "org/model"
IDS = {
    "fal-ai": "fal-ai/flux/dev",
    "hf-inference": MODEL,
    "nscale": "black-forest-labs/FLUX.1-schnell",
    "replicate": "black-forest-labs/flux-dev",
    "together": "black-forest-labs/FLUX.1-dev",
    "wavespeed": "wavespeed-ai/flux-dev",
    "zai-org": "glm-image",
}
BRIEF = GenerationRequest("a fox", negative="blur", width=1024, height=768, seed=7, steps=28, guidance=3.5)
PARAMETERS = {
    "negative_prompt": "blur",
    "width": 1024,
    "height": 768,
    "seed": 7,
    "num_inference_steps": 28,
    "guidance_scale": 3.5,
}
# What of the library's body we leave out, and what we add to it.
LEFT_OUT = {"zai-org": {"negative_prompt", "seed", "num_inference_steps", "guidance_scale"}}  # it knows a size alone
ADDED = {"wavespeed": {"size"}}  # the name that its own documentation uses
# The words by which the library finds a picture in an answer: a new one is a new shape, which we have to read as well.
WORDS = {
    "fal-ai": {"images", "url"},
    "hf-inference": set[str](),  # raw bytes
    "nscale": {"data", "b64_json"},
    "replicate": {"output", "model"},
    "together": {"data", "b64_json"},
    "wavespeed": {
        *("data", "urls", "get", "status", "outputs", "error", "completed", "failed", "processing", "created"),
    },
    "zai-org": {"id", "task_status", "FAIL", "PROCESSING", "SUCCESS", "image_result", "url"},
}
# What the library reads of fal's queue, by which it orders only what starts from a picture; we order all by it.
IN_A_QUEUE = {"fal-ai": {"request_id", "status", "response_url", "COMPLETED"}}


def helper(provider: str, task: str = TEXT_TO_IMAGE) -> TaskProviderHelper:
    return library.PROVIDERS[provider][task]  # type: ignore[index]


def said_by_library(
    provider: str,
    provider_id: str,
    monkeypatch: pytest.MonkeyPatch,
    task: str = TEXT_TO_IMAGE,
    parameters: dict[str, Any] = PARAMETERS,
    **adapter: str,
) -> RequestParameters:
    entry = InferenceProviderMapping(
        provider=provider, hf_model_id=MODEL, providerId=provider_id, status="live", task=task, **adapter
    )
    monkeypatch.setattr(TaskProviderHelper, "_prepare_mapping_info", lambda *_: entry)
    monkeypatch.setattr(type(helper(provider, task)), "_prepare_mapping_info", lambda *_: entry)
    return helper(provider, task).prepare_request(
        inputs="a fox", parameters=dict(parameters), headers={}, model=MODEL, api_key="hf_x"
    )


class TestProviders:
    @pytest.mark.parametrize(
        ("task", "ours"), [(TEXT_TO_IMAGE, set(OURS)), (IMAGE_TO_IMAGE, set(STARTING_FROM_PICTURES))]
    )
    def test_that_the_library_paints_with_are_ours_or_have_a_reason(self, task: str, ours: set[str]) -> None:
        theirs = {provider for provider, tasks in library.PROVIDERS.items() if task in tasks}
        known = {provider for provider, of_task in UNSUPPORTED if of_task == task}

        assert theirs == ours | known
        assert not ours & known


@pytest.mark.parametrize("provider", OURS)
class TestOrders:
    def test_go_to_the_same_place_with_the_same_body(self, provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
        theirs = said_by_library(provider, IDS[provider], monkeypatch)
        ours = OURS[provider].order(Target(MODEL, provider, IDS[provider]), BRIEF)

        # In fal's queue a failed runner is tried again, which the library uses for what takes longer.
        assert theirs.url == f"https://router.huggingface.co/{provider}{ours.path}"
        assert isinstance(theirs.json, dict)
        expected = {name: value for name, value in theirs.json.items() if name not in LEFT_OUT.get(provider, ())}
        assert {name: value for name, value in ours.json.items() if name not in ADDED.get(provider, ())} == expected

    def test_of_a_lora_name_its_weights_as_the_library_does(
        self, provider: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        theirs = said_by_library(
            provider, IDS[provider], monkeypatch, adapter=LORA, adapterWeightsPath="sub/weights.safetensors"
        ).json
        ours = (
            OURS[provider]
            .order(Target(MODEL, provider, IDS[provider], adapter=LORA, weights="sub/weights.safetensors"), BRIEF)
            .json
        )
        plain = OURS[provider].order(Target(MODEL, provider, IDS[provider]), BRIEF).json
        assert isinstance(theirs, dict)

        names = {"loras", "lora_weights", "model_name"}
        if provider == "wavespeed":  # The library for JavaScript does, the one for Python forgets it.
            assert ours["loras"] == [{"path": MODEL, "scale": 1}]
            return
        assert (ours != plain) is (provider in TAKING_ADAPTERS[TEXT_TO_IMAGE])
        for body, known in ((ours, theirs), (ours.get("input", {}), theirs.get("input", {}))):
            assert {name: body.get(name) for name in names} == {name: known.get(name) for name in names}


def test_a_filter_of_zai_is_no_trouble_that_passes() -> None:
    answer = {"id": "1", "task_status": "FAIL", "content_filter": [{"role": "user", "level": 0}]}

    with pytest.raises(PictureRefused):
        OURS["zai-org"].read(HttpResponse(200, {}, json.dumps(answer).encode()), {})


class TestLoras:
    def test_for_any_base_name_the_base(self, monkeypatch: pytest.MonkeyPatch) -> None:
        theirs = said_by_library("fal-ai", "fal-ai/lora", monkeypatch, adapterWeightsPath="w.safetensors").json
        target = Target(MODEL, "fal-ai", "fal-ai/lora", adapter=LORA, weights="w.safetensors")

        assert OURS["fal-ai"].order(target, BRIEF).json == theirs


@pytest.mark.parametrize("provider", sorted(STARTING_FROM_PICTURES))
def test_answers_to_pictures_are_read_by_the_same_words_as_those_to_words(provider: str) -> None:
    found = words_of_answers(provider, IMAGE_TO_IMAGE)

    assert found - IN_A_QUEUE.get(provider, set()) == WORDS[provider]


@pytest.mark.parametrize("provider", OURS)
class TestAnswers:
    def test_are_read_by_the_same_words(self, provider: str) -> None:
        assert words_of_answers(provider, TEXT_TO_IMAGE) == WORDS[provider]

    def test_hold_the_same_picture(self, provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
        answers = [answer for name, answer in ANSWERS if name == provider and is_the_librarys(name, answer)]
        assert answers
        for answer in answers:
            found = OURS[provider].read(HttpResponse(200, {}, json.dumps(answer).encode()), {})
            assert isinstance(found, Found)
            assert fetched_by_library(provider, answer, monkeypatch) == found.source


def is_the_librarys(provider: str, answer: dict[str, Any]) -> bool:
    """Whether the library reads this form: of some forms that are documented it reads one alone."""
    match provider:
        case "together":
            return "b64_json" in answer["data"][0]
        case "replicate":
            return not isinstance(answer["output"], dict)
    return True


def words_of_answers(provider: str, task: str) -> set[str]:
    """The words by which the library finds a picture in an answer, in all methods that a helper has or inherits."""
    methods = [
        method
        for kind in type(helper(provider, task)).__mro__
        if kind not in {TaskProviderHelper, object}
        for name, method in vars(kind).items()
        if name in {"get_response", "_poll_for_result", "_extract_image"}
    ]
    return set[str]().union(*map(words_of, methods))


def words_of(method: Any) -> set[str]:
    """The texts in a method that may be a key or a state: no sentences, and not its docstring."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(method)))
    literals = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {one for one in literals if one.isidentifier()}


class Session:
    """What the library calls: each address answers with itself, an order's with the answer."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self._answer = answer
        self.url = ""

    def get(self, url: str, **_: Any) -> "Session":
        self.url = url
        return self

    @property
    def content(self) -> str:
        return self.url

    def json(self) -> dict[str, Any]:
        return self._answer

    def raise_for_status(self) -> None:
        pass


def fetched_by_library(provider: str, answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The picture's address, or its bytes."""
    if provider == "hf-inference":
        # It takes whatever comes for the picture; JSON is what the library for JavaScript reads.
        [listed] = answer.values()
        return listed[0] if isinstance(listed[0], str) else b"hello"
    module = inspect.getmodule(type(helper(provider)))
    monkeypatch.setattr(module, "get_session", lambda: Session(answer), raising=False)
    if provider == "wavespeed":
        answer["data"]["urls"] = {"get": "https://api.wavespeed.ai/api/v3/predictions/pred/result"}
        monkeypatch.setattr(module, "hf_raise_for_status", lambda _: None)
        monkeypatch.setattr(module, "_POLLING_INTERVAL", 0)
    parameters = RequestParameters(
        url=f"https://router.huggingface.co/{provider}/x", task="", model="", json=None, data=None, headers={}
    )
    return helper(provider).get_response(json.dumps(answer).encode(), parameters)
