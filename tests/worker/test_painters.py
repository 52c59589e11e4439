"""Every provider's language, and every failure of theirs, over real HTTP."""

import base64
import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

import PIL.Image
import pytest

from sandbox.client import SandboxClient, mask
from sandbox.huggingface.spoiled import sound
from services.worker.painters.downloads import Downloads
from services.worker.painters.http import HttpClient
from services.worker.painters.painter import GenerationRequest, Painter, Painting, Target
from services.worker.painters.paths import checked
from services.worker.painters.registry import build_painters
from services.worker.painters.router import FILE_PAUSES_S, HOST_PAUSES_S, STATUS_PAUSES_S, authorization
from shared.errors import (
    BadCredentials,
    BadPicture,
    ImagineError,
    ModelGated,
    ModelLoading,
    ModelNotServed,
    NoCredit,
    PictureNotFetched,
    PictureRefused,
    RequestRefused,
    ServiceBusy,
    StillPainting,
    UnexpectedAnswer,
)
from shared.web_addresses import ImageHosts, WebAddress

SCHNELL = "black-forest-labs/FLUX.1-schnell"
HYPER_SD = "bytedance/hyper-flux-8step:81946b1e09b256c543b35f37333a30d0d02ee2cd8c4f77cd915873a1ca622bad"
TARGETS = {
    "hf-inference": Target(SCHNELL, "hf-inference", SCHNELL),
    "fal-ai": Target(SCHNELL, "fal-ai", "fal-ai/flux/schnell"),
    "together": Target(SCHNELL, "together", SCHNELL),
    "nscale": Target(SCHNELL, "nscale", SCHNELL),
    "replicate": Target(SCHNELL, "replicate", "black-forest-labs/flux-schnell"),
    "wavespeed": Target(SCHNELL, "wavespeed", "wavespeed-ai/flux-schnell"),
    "zai-org": Target("zai-org/GLM-Image", "zai-org", "glm-image"),
}
HF, FAL = TARGETS["hf-inference"], TARGETS["fal-ai"]
REQUEST = GenerationRequest("a lighthouse", width=256, height=320, seed=7)


def paint(
    painters: dict[str, Painter], target: Target, request: GenerationRequest = REQUEST, timeout_s: float = 20
) -> Painting:
    return painters[target.provider].paint(target, request, timeout_s=timeout_s)


def look(painters: dict[str, Painter], target: Target, still: StillPainting) -> Painting:
    return painters[target.provider].look(target, still.handle, timeout_s=20)


def order(painters: dict[str, Painter], target: Target, request: GenerationRequest = REQUEST) -> StillPainting:
    """Order a picture that goes into the provider's queue."""
    with pytest.raises(StillPainting) as caught:
        paint(painters, target, request)
    return caught.value


def look_in_vain(painters: dict[str, Painter], target: Target, still: StillPainting) -> StillPainting:
    """Look after an order that is not done."""
    with pytest.raises(StillPainting) as caught:
        look(painters, target, still)
    return caught.value


def collect(painters: dict[str, Painter], target: Target, request: GenerationRequest = REQUEST) -> Painting:
    """Order a picture, and look until it is there."""
    try:
        return paint(painters, target, request)
    except StillPainting as error:
        still = error
    for _ in range(10):
        try:
            return look(painters, target, still)
        except StillPainting as error:
            still = error
    raise AssertionError("ten looks were not enough")


class TestEveryProvider:
    @pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
    def test_it_paints(self, painters: dict[str, Painter], target: Target):
        painting = collect(painters, target)

        assert (painting.image.width, painting.image.height) == (256, 320)
        assert painting.request_id or target.provider in {"together", "nscale"}

    @pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
    def test_our_token_goes_to_the_router_and_nowhere_else(
        self, sandbox: SandboxClient, painters: dict[str, Painter], target: Target
    ):
        collect(painters, target)

        router, files = sandbox.journal("router"), sandbox.journal("files")
        assert {entry["headers"]["authorization"] for entry in router} == {f"Bearer {mask('hf_test')}"}
        assert all("authorization" not in entry["headers"] for entry in files)
        assert sandbox.call("GET", "/files/_sandbox")["leaked_tokens"] == 0

    @pytest.mark.parametrize("provider", ["fal-ai", "together", "replicate", "wavespeed", "zai-org", "hf-inference"])
    def test_a_moderation_that_refuses_is_the_users_to_mend(
        self, sandbox: SandboxClient, painters: dict[str, Painter], provider: str
    ):
        sandbox.arm("router", preset="moderated", arguments={"provider": provider})

        with pytest.raises(PictureRefused):
            paint(painters, TARGETS[provider])

    @pytest.mark.parametrize("provider", ["fal-ai", "wavespeed", "replicate"])
    def test_a_picture_that_was_hidden_is_too(self, painters: dict[str, Painter], provider: str):
        with pytest.raises(PictureRefused):
            collect(painters, TARGETS[provider], GenerationRequest("nsfw", width=256, height=256))

    @pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
    def test_a_model_it_does_not_serve_is_to_be_had_elsewhere(self, painters: dict[str, Painter], target: Target):
        with pytest.raises(ModelNotServed):
            paint(painters, Target("no/such", target.provider, "no/such"))


class TestTheirWords:
    def body(
        self, sandbox: SandboxClient, painters: dict[str, Painter], provider: str, request: GenerationRequest
    ) -> Any:
        collect(painters, TARGETS[provider], request)
        return sandbox.journal("router")[0]["body"]

    FULL = GenerationRequest("a fox", negative="blur", width=256, height=320, seed=7, steps=4, guidance=3.5)

    def test_hf_inference(self, sandbox: SandboxClient, painters: dict[str, Painter]):
        assert self.body(sandbox, painters, "hf-inference", self.FULL) == {
            "inputs": "a fox",
            "parameters": {
                "negative_prompt": "blur",
                "width": 256,
                "height": 320,
                "num_inference_steps": 4,
                "guidance_scale": 3.5,
                "seed": 7,
            },
        }

    def test_fal(self, sandbox: SandboxClient, painters: dict[str, Painter]):
        assert self.body(sandbox, painters, "fal-ai", self.FULL) == {
            "prompt": "a fox",
            "negative_prompt": "blur",
            "image_size": {"width": 256, "height": 320},
            "num_inference_steps": 4,
            "guidance_scale": 3.5,
            "seed": 7,
        }

    def test_together(self, sandbox: SandboxClient, painters: dict[str, Painter]):
        assert self.body(sandbox, painters, "together", self.FULL) == {
            "prompt": "a fox",
            "model": SCHNELL,
            "response_format": "base64",
            "negative_prompt": "blur",
            "width": 256,
            "height": 320,
            "steps": 4,
            "guidance_scale": 3.5,
            "seed": 7,
        }

    def test_nscale(self, sandbox: SandboxClient, painters: dict[str, Painter]):
        body = self.body(sandbox, painters, "nscale", self.FULL)

        assert (body["size"], body["response_format"], body["seed"]) == ("256x320", "b64_json", 7)
        assert "num_inference_steps" not in body

    def test_replicate(self, sandbox: SandboxClient, painters: dict[str, Painter]):
        body = self.body(sandbox, painters, "replicate", self.FULL)

        assert body["input"]["prompt"] == "a fox"
        assert body["input"]["num_inference_steps"] == 4
        assert sandbox.journal("router")[0]["headers"]["prefer"].startswith("wait")

    def test_replicate_names_the_version_where_there_is_one(self, sandbox: SandboxClient, painters: dict[str, Painter]):
        paint(painters, Target("ByteDance/Hyper-SD", "replicate", HYPER_SD))

        (entry,) = sandbox.journal("router")
        assert entry["path"].endswith("/replicate/v1/predictions")
        assert entry["body"]["version"] == HYPER_SD.partition(":")[2]

    def test_wavespeed(self, sandbox: SandboxClient, painters: dict[str, Painter]):
        assert self.body(sandbox, painters, "wavespeed", self.FULL)["size"] == "256*320"

    def test_zai(self, sandbox: SandboxClient, painters: dict[str, Painter]):
        assert self.body(sandbox, painters, "zai-org", self.FULL) == {
            "model": "glm-image",
            "prompt": "a fox",
            "size": "256x320",
        }
        assert sandbox.journal("router")[0]["headers"]["x-source-channel"] == "hugging_face"

    def test_what_a_brief_leaves_open_is_not_sent(self, sandbox: SandboxClient, painters: dict[str, Painter]):
        assert self.body(sandbox, painters, "hf-inference", GenerationRequest("a fox")) == {
            "inputs": "a fox",
            "parameters": {},
        }


class TestFailures:
    ROWS: tuple[tuple[str, dict[str, Any], type[ImagineError]], ...] = (
        ("not-supported", {}, ModelNotServed),
        ("not-supported", {"provider": "fal-ai"}, ModelNotServed),
        ("unknown-model", {}, ModelNotServed),
        ("unknown-model", {"wording": "not-found"}, ModelNotServed),
        ("unknown-model", {"wording": "plain"}, ModelNotServed),
        ("repository-not-found", {}, ModelNotServed),
        ("deprecated", {}, ModelNotServed),
        ("host-gone", {}, ModelNotServed),
        ("no-credits", {}, NoCredit),
        ("no-credits", {"wording": "exceeded"}, NoCredit),
        ("no-credits", {"wording": "pay-as-you-go"}, NoCredit),
        ("gated", {}, ModelGated),
        ("validation", {}, RequestRefused),
        ("validation", {"error": ["a", "b"]}, RequestRefused),
        ("typed-validation", {}, RequestRefused),
        ("missing-inputs", {}, RequestRefused),
        ("too-big", {}, RequestRefused),
        ("fal-validation", {}, RequestRefused),
        ("fal-bad-request", {}, RequestRefused),
        ("together-validation", {}, RequestRefused),
        ("replicate-validation", {}, RequestRefused),
        ("wavespeed-validation", {}, RequestRefused),
        ("zai-error", {}, RequestRefused),
        ("bad-token", {}, BadCredentials),
        ("bad-credentials", {}, BadCredentials),
        ("no-permission", {}, BadCredentials),
        ("rate-limited", {}, ServiceBusy),
        ("cuda-out-of-memory", {}, ServiceBusy),
        ("too-busy", {}, ServiceBusy),
        ("too-busy", {"status": 500}, ServiceBusy),
        ("too-busy", {"status": 504}, ServiceBusy),
        ("bad-gateway-html", {}, ServiceBusy),
        ("gateway-timeout", {}, ServiceBusy),
        ("gateway-timeout", {"html": False}, ServiceBusy),
        ("loading-html", {}, ServiceBusy),
        ("fal-infrastructure", {}, ServiceBusy),
        ("fal-infrastructure", {"error_type": "runner_scheduling_failure"}, ServiceBusy),
        ("json-200-error", {}, ServiceBusy),
        ("html-picture", {}, ServiceBusy),
        ("empty-picture", {}, ServiceBusy),
        ("loading", {}, ModelLoading),
        ("loading", {"without_estimate": True}, ModelLoading),
    )

    @pytest.mark.parametrize(("preset", "arguments", "kind"), ROWS, ids=[f"{row[0]} {row[1]}" for row in ROWS])
    def test_each_is_told_by_who_can_mend_it(
        self, sandbox: SandboxClient, painters: dict[str, Painter], preset: str, arguments: dict[str, Any], kind: type
    ):
        sandbox.arm("router", preset=preset, arguments=arguments)

        with pytest.raises(ImagineError) as caught:
            paint(painters, HF)

        assert type(caught.value) is kind
        assert caught.value.status is not None

    @pytest.mark.parametrize(
        ("provider", "preset"),
        [("replicate", "replicate-failed"), ("wavespeed", "wavespeed-failed"), ("zai-org", "zai-failed")],
    )
    def test_an_order_that_failed_under_a_success_may_be_repeated(
        self, sandbox: SandboxClient, painters: dict[str, Painter], provider: str, preset: str
    ):
        sandbox.arm("router", preset=preset)

        with pytest.raises(ServiceBusy):
            paint(painters, TARGETS[provider])

    @pytest.mark.parametrize(
        ("arguments", "seconds"), [({"retry_after": 7}, 7.0), ({"reset": 55}, 55.0), ({"retry_after": "soon"}, None)]
    )
    def test_a_rate_limit_says_when_it_ends(
        self, sandbox: SandboxClient, painters: dict[str, Painter], arguments: dict[str, Any], seconds: float | None
    ):
        sandbox.arm("router", preset="rate-limited", arguments=arguments)

        with pytest.raises(ServiceBusy) as caught:
            paint(painters, HF)

        assert caught.value.retry_after == seconds

    @pytest.mark.parametrize(("estimate", "seconds"), [(37.5, 37.5), ("soon", None), (-1, None), (1e12, 600.0)])
    def test_a_cold_start_says_how_long_it_takes(
        self, sandbox: SandboxClient, painters: dict[str, Painter], estimate: Any, seconds: float | None
    ):
        sandbox.arm("router", preset="loading", arguments={"estimated_time": estimate})

        with pytest.raises(ModelLoading) as caught:
            paint(painters, HF)

        assert caught.value.retry_after == seconds

    @pytest.mark.parametrize("provider", TARGETS)
    @pytest.mark.parametrize(
        "reply", ["", "[]", "{}", "null", '"x"', "<html>", '{"data": [], "images": 3, "status": 7}']
    )
    def test_a_success_that_makes_no_sense_is_no_picture(
        self, sandbox: SandboxClient, painters: dict[str, Painter], provider: str, reply: str
    ):
        sandbox.arm("router", status=200, reply=reply)

        with pytest.raises((UnexpectedAnswer, BadPicture, ServiceBusy)):
            paint(painters, TARGETS[provider])

    @pytest.mark.parametrize("provider", TARGETS)
    @pytest.mark.parametrize(
        ("reply", "kind"),
        [
            ("", ServiceBusy),
            ("<!DOCTYPE html><html><title>Just a moment...</title></html>", ServiceBusy),
            ({"error": "Internal error"}, ServiceBusy),
            ({"message": "Too many requests", "status": 429}, ServiceBusy),
            ({"error": {"message": "model x is loading", "code": 503}}, ModelLoading),
            ({"code": 402, "message": "nothing left", "data": None}, NoCredit),
            ({"error": "Insufficient balance"}, NoCredit),
            ({"code": 401, "message": "Invalid API key"}, ServiceBusy),
        ],
    )
    def test_a_success_that_is_none_is_told_by_who_can_mend_it(
        self, sandbox: SandboxClient, painters: dict[str, Painter], provider: str, reply: Any, kind: type[ImagineError]
    ):
        sandbox.arm("router", status=200, reply=reply)

        with pytest.raises(ImagineError) as caught:
            paint(painters, TARGETS[provider])

        assert type(caught.value) is kind

    def test_a_redirect_is_not_followed_with_our_token(self, sandbox: SandboxClient, painters: dict[str, Painter]):
        sandbox.arm("router", status=307, headers={"Location": f"{sandbox.url}/hub/api/models"}, reply="")

        with pytest.raises(UnexpectedAnswer):
            paint(painters, HF)

        assert sandbox.journal("hub") == []

    @pytest.mark.parametrize("token", ["", "hf_ключ", "hf_a\r\nX: y", "hf_a b"])
    def test_a_token_that_is_none_calls_nobody(self, sandbox: SandboxClient, http: HttpClient, token: str):
        painters = build_painters(http, router_url=f"{sandbox.url}/router", token=token, image_hosts="")

        with pytest.raises(BadCredentials):
            paint(painters, HF)

        assert sandbox.journal() == []

    def test_the_token_is_the_bearer(self):
        assert authorization("hf_x") == "Bearer hf_x"


class TestPathsFromElsewhere:
    """The Hub names models, providers name places to look: neither chooses where a token goes."""

    EVIL = (
        "x:http://127.0.0.1:1/stolen",
        "https://queue.fal.run/../other/requests/1",
        "https://queue.fal.run/%2e%2e/other",
        "https://queue.fal.run/a%2f..%2fb",
        "https://queue.fal.run//evil.test/x",
        "https://queue.fal.run/a\\..\\b",
        "https://queue.fal.run/a\r\nX: y",
        "https://user:password@queue.fal.run/a",
        "/requests/1",
        "a",
        "",
        7,
        None,
        {"a": "b"},
    )

    def answers(self, url: Any) -> dict[str, dict[str, Any]]:
        return {
            "fal-ai": {"status": "IN_QUEUE", "response_url": url, "cancel_url": url},
            "replicate": {"status": "processing", "urls": {"get": url, "cancel": url}},
            "wavespeed": {"data": {"status": "created", "urls": {"get": url}}},
            "zai-org": {"task_status": "PROCESSING", "id": url},
        }

    @pytest.mark.parametrize("provider", ["fal-ai", "replicate", "wavespeed", "zai-org"])
    @pytest.mark.parametrize("url", EVIL, ids=repr)
    def test_an_order_is_not_looked_for_where_a_token_could_leave(
        self, sandbox: SandboxClient, painters: dict[str, Painter], provider: str, url: Any
    ):
        if provider == "zai-org" and url in (7, "a"):
            return  # A good id.
        sandbox.arm("router", status=200, reply=self.answers(url)[provider])

        with pytest.raises(UnexpectedAnswer):
            paint(painters, TARGETS[provider])

        assert len(sandbox.journal()) == 1

    def test_a_result_is_not_fetched_from_there_either(self, sandbox: SandboxClient, painters: dict[str, Painter]):
        sandbox.arm("router", status=200, reply={"status": "COMPLETED", "response_url": self.EVIL[0]})

        with pytest.raises(UnexpectedAnswer):
            paint(painters, FAL)

        assert len(sandbox.journal()) == 1

    def test_an_order_that_cannot_be_taken_back_is_still_looked_for(
        self, sandbox: SandboxClient, painters: dict[str, Painter]
    ):
        answer = {
            "status": "IN_QUEUE",
            "response_url": "https://queue.fal.run/a/requests/1",
            "cancel_url": "x:https://a/",
        }
        sandbox.arm("router", status=200, reply=answer)

        still = order(painters, FAL)

        assert not painters["fal-ai"].withdraw(still.handle, timeout_s=20)

    @pytest.mark.parametrize("provider", ["fal-ai", "replicate", "wavespeed", "hf-inference"])
    @pytest.mark.parametrize("name", ["../other/x", "a\\b", "a/../../b", "a?b", "a#b", "a%2fb", "/a", "a//b", "."])
    def test_a_models_name_does_not_lead_elsewhere(
        self, sandbox: SandboxClient, painters: dict[str, Painter], provider: str, name: str
    ):
        with pytest.raises(UnexpectedAnswer):
            paint(painters, Target(SCHNELL, provider, name))

        assert sandbox.journal() == []

    @pytest.mark.parametrize("name", ["fal-ai/flux-pro/v1.1-ultra", "a_b/c~d", "x/y@z", "..a/b..", "a:b"])
    def test_the_names_that_there_are_pass(self, name: str):
        assert checked(f"/{name}") == f"/{name}"


class TestPicturesInTheAnswer:
    @pytest.mark.parametrize(
        ("preset", "flaw"),
        [
            ("truncated-picture", "truncated"),
            ("bomb-picture", "too_large"),
        ],
    )
    def test_a_bad_one_is_named(self, sandbox: SandboxClient, painters: dict[str, Painter], preset: str, flaw: str):
        sandbox.arm("router", preset=preset)

        with pytest.raises(BadPicture) as caught:
            paint(painters, HF)

        assert caught.value.flaw == flaw

    @pytest.mark.parametrize(("preset", "plain"), [("black-picture", "black"), ("grey-picture", "uniform")])
    def test_one_with_nothing_on_it_is_told_as_such(
        self, sandbox: SandboxClient, painters: dict[str, Painter], preset: str, plain: str
    ):
        sandbox.arm("router", preset=preset)

        assert paint(painters, HF).plain == plain

    def test_the_bytes_decide_about_the_type(self, sandbox: SandboxClient, painters: dict[str, Painter]):
        sandbox.arm("router", preset="wrong-type", arguments={"said": "image/png"})

        assert paint(painters, HF).image.media_type == "image/jpeg"

    @pytest.mark.parametrize("shape", ["data", "output"])
    def test_json_with_a_picture_is_a_picture(self, sandbox: SandboxClient, painters: dict[str, Painter], shape: str):
        sandbox.arm("router", preset="json-picture", arguments={"shape": shape})

        assert paint(painters, HF).image.width == 512

    @pytest.mark.parametrize(
        "shape",
        [
            lambda item: {"image": item},
            lambda item: {"images": [{"image": item}]},
            lambda item: [{"generated_image": item}],
            lambda item: [{"url": f"data:image/png;base64,{item}"}],
            lambda item: [item],
            json.dumps,
        ],
        ids=["image", "images", "generated_image", "a list of addresses", "a list alone", "base64 alone"],
    )
    def test_so_it_is_as_handlers_of_ones_own_answer(
        self, sandbox: SandboxClient, painters: dict[str, Painter], shape: Callable[[str], Any]
    ):
        file = BytesIO()
        PIL.Image.linear_gradient("L").save(file, "PNG")
        sandbox.arm("router", status=200, reply=shape(base64.b64encode(file.getvalue()).decode()))

        assert paint(painters, HF).image.width == 256

    def test_broken_base64_is_no_picture(self, sandbox: SandboxClient, painters: dict[str, Painter]):
        sandbox.arm("router", status=200, reply={"data": [{"b64_json": "%%%a"}]})

        with pytest.raises(BadPicture):
            paint(painters, TARGETS["together"])


class TestQueues:
    @pytest.mark.parametrize("provider", ["fal-ai", "wavespeed", "zai-org"])
    def test_an_order_under_way_is_found_again_by_its_handle(
        self, sandbox: SandboxClient, http: HttpClient, painters: dict[str, Painter], provider: str
    ):
        sandbox.call("PUT", "/router/_sandbox", json={"queue_polls": 2})
        another_process = build_painters(
            http, router_url=f"{sandbox.url}/router", token="hf_test", image_hosts=sandbox.url
        )

        still = order(painters, TARGETS[provider])
        still = look_in_vain(another_process, TARGETS[provider], still)
        still = look_in_vain(another_process, TARGETS[provider], still)

        assert look(painters, TARGETS[provider], still).image.width == 256
        assert [entry["method"] for entry in sandbox.journal("router")].count("POST") == 1

    def test_replicate_is_asked_on_when_its_waiting_time_is_over(
        self, sandbox: SandboxClient, painters: dict[str, Painter]
    ):
        prediction = {"id": "p1", "output": None, "urls": {"get": "https://api.replicate.com/v1/predictions/p1"}}
        for status in ("starting", "processing"):
            sandbox.arm("router", status=200, reply={**prediction, "status": status})
        picture = base64.b64encode(sound()).decode()
        done = {**prediction, "status": "succeeded", "output": f"data:image/jpeg;base64,{picture}"}
        sandbox.arm("router", status=200, reply=done)

        still = order(painters, TARGETS["replicate"])
        still = look_in_vain(painters, TARGETS["replicate"], still)

        assert look(painters, TARGETS["replicate"], still).image.width == 512
        assert sandbox.journal("router")[1]["path"].endswith("/replicate/v1/predictions/p1")

    def test_fal_takes_an_order_back(self, sandbox: SandboxClient, painters: dict[str, Painter]):
        sandbox.call("PUT", "/router/_sandbox", json={"queue_polls": 50})
        still = look_in_vain(painters, FAL, order(painters, FAL))

        assert painters["fal-ai"].withdraw(still.handle, timeout_s=20)

        [cancelled] = [entry for entry in sandbox.journal("router") if entry["method"] == "PUT"]
        assert (cancelled["path"].endswith("/cancel"), cancelled["status"]) == (True, 202)
        with pytest.raises(ServiceBusy):
            look(painters, FAL, still)

    def test_replicate_takes_an_order_back(self, sandbox: SandboxClient, painters: dict[str, Painter]):
        url = "https://api.replicate.com/v1/predictions/p1"
        prediction = {"id": "p1", "output": None, "urls": {"get": url, "cancel": f"{url}/cancel"}}
        sandbox.arm("router", status=201, reply={**prediction, "status": "starting"})
        sandbox.arm("router", path="/cancel$", status=200, reply={**prediction, "status": "canceled"})
        still = order(painters, TARGETS["replicate"])

        assert painters["replicate"].withdraw(still.handle, timeout_s=20)

        assert sandbox.journal("router")[-1]["path"].endswith("/replicate/v1/predictions/p1/cancel")

    @pytest.mark.parametrize("provider", ["wavespeed", "zai-org"])
    def test_of_others_nothing_can_be_taken_back(
        self, sandbox: SandboxClient, painters: dict[str, Painter], provider: str
    ):
        sandbox.call("PUT", "/router/_sandbox", json={"queue_polls": 50})
        still = order(painters, TARGETS[provider])

        assert not painters[provider].withdraw(still.handle, timeout_s=20)

    def test_an_order_that_is_done_is_not_taken_back(self, sandbox: SandboxClient, painters: dict[str, Painter]):
        still = order(painters, FAL)
        sandbox.call("PUT", "/router/_sandbox", json={"queue_polls": 0})
        look(painters, FAL, look_in_vain(painters, FAL, still))

        assert painters["fal-ai"].withdraw(still.handle, timeout_s=20)

        assert sandbox.journal("router")[-1]["status"] == 400

    def test_a_provider_that_is_away_is_asked_again_to_take_an_order_back(
        self, sandbox: SandboxClient, painters: dict[str, Painter]
    ):
        sandbox.call("PUT", "/router/_sandbox", json={"queue_polls": 50})
        still = order(painters, FAL)
        sandbox.arm("router", status=503, reply={"detail": "no runner"})

        with pytest.raises(ServiceBusy):
            painters["fal-ai"].withdraw(still.handle, timeout_s=20)

    def test_fal_tells_the_place_in_its_queue(self, sandbox: SandboxClient, painters: dict[str, Painter]):
        sandbox.call("PUT", "/router/_sandbox", json={"queue_polls": 3})

        still = order(painters, FAL)

        assert still.position == 4  # three are ahead
        assert look_in_vain(painters, FAL, still).position == 3

    def test_fal_tells_the_seed_it_used(self, painters: dict[str, Painter]):
        assert collect(painters, FAL, GenerationRequest("a fox", width=256, height=256, seed=99)).seed == 99

    def test_looks_become_rarer(self, sandbox: SandboxClient, painters: dict[str, Painter]):
        sandbox.call("PUT", "/router/_sandbox", json={"queue_polls": 50})
        still = order(painters, TARGETS["wavespeed"])
        pauses = [still.retry_after]

        for _ in range(8):
            still = look_in_vain(painters, TARGETS["wavespeed"], still)
            pauses.append(still.retry_after)

        assert pauses == sorted(pauses)
        assert (pauses[0], pauses[-1]) == (0.5, 5.0)

    @pytest.mark.parametrize("provider", ["fal-ai", "wavespeed", "zai-org"])
    @pytest.mark.parametrize(
        "trouble", [{"status": 502}, {"drop": "before"}, {"preset": "rate-limited"}, {"status": 200, "reply": "<html>"}]
    )
    def test_trouble_while_looking_does_not_lose_the_order(
        self, sandbox: SandboxClient, painters: dict[str, Painter], provider: str, trouble: dict[str, Any]
    ):
        sandbox.call("PUT", "/router/_sandbox", json={"queue_polls": 0})
        still = order(painters, TARGETS[provider])
        sandbox.arm("router", **trouble)

        still = look_in_vain(painters, TARGETS[provider], still)

        assert look(painters, TARGETS[provider], still).image.width == 256

    def test_trouble_without_end_gives_the_order_up(self, sandbox: SandboxClient, painters: dict[str, Painter]):
        still = order(painters, FAL)
        sandbox.arm("router", status=502, times=None)

        pauses = []
        for _ in STATUS_PAUSES_S:
            still = look_in_vain(painters, FAL, still)
            pauses.append(still.retry_after)

        assert sum(pauses) > 60
        with pytest.raises(PictureNotFetched):
            look(painters, FAL, still)

    @pytest.mark.parametrize("provider", ["fal-ai", "wavespeed"])
    def test_an_order_that_the_provider_lost_may_be_repeated(
        self, sandbox: SandboxClient, painters: dict[str, Painter], provider: str
    ):
        still = order(painters, TARGETS[provider])
        sandbox.arm("router", status=404, reply={"detail": "Request not found"})

        with pytest.raises(ServiceBusy):
            look(painters, TARGETS[provider], still)

    def test_a_result_that_is_an_error_is_read_like_any_other(
        self, sandbox: SandboxClient, painters: dict[str, Painter]
    ):
        sandbox.call("PUT", "/router/_sandbox", json={"queue_polls": 0})
        still = order(painters, FAL)
        sandbox.arm("router", path="requests/[^/]+$", preset="moderated", arguments={"provider": "fal-ai"})

        with pytest.raises(PictureRefused):
            look(painters, FAL, still)


class TestDownloads:
    @pytest.fixture
    def finished(self, sandbox: SandboxClient, painters: dict[str, Painter]) -> StillPainting:
        """An order at fal that is done, and whose picture waits to be fetched."""
        sandbox.call("PUT", "/router/_sandbox", json={"queue_polls": 0})
        return order(painters, FAL)

    @pytest.mark.parametrize(
        "trouble",
        [{"status": 503}, {"status": 404}, {"drop": "before"}, {"truncate": 900}, {"truncate": 900, "no_length": True}],
        ids=["503", "404", "dropped", "short", "short without length"],
    )
    def test_a_picture_that_did_not_arrive_is_fetched_again_and_not_ordered_again(
        self, sandbox: SandboxClient, painters: dict[str, Painter], finished: StillPainting, trouble: dict[str, Any]
    ):
        sandbox.arm("files", **trouble)

        still = look_in_vain(painters, FAL, finished)
        painting = look(painters, FAL, still)

        assert (painting.image.width, painting.seed) == (256, 7)
        assert [entry["method"] for entry in sandbox.journal("router")].count("POST") == 1

    @pytest.mark.parametrize(
        ("trouble", "pauses"),
        [({"status": 404}, FILE_PAUSES_S), ({"status": 503}, HOST_PAUSES_S), ({"drop": "before"}, HOST_PAUSES_S)],
        ids=["absent", "503", "unreachable"],
    )
    def test_a_picture_that_never_arrives_is_given_up_after_minutes_where_it_may_be_there(
        self,
        sandbox: SandboxClient,
        painters: dict[str, Painter],
        finished: StillPainting,
        trouble: dict[str, Any],
        pauses: tuple[float, ...],
    ):
        sandbox.arm("files", **trouble, times=None)
        still, waited = finished, []
        for _ in pauses:
            still = look_in_vain(painters, FAL, still)
            waited.append(still.retry_after)

        assert waited == list(pauses)
        with pytest.raises(PictureNotFetched):
            look(painters, FAL, still)
        assert [entry["method"] for entry in sandbox.journal("router")].count("POST") == 1

    def test_a_black_picture_is_not_fetched_again(
        self, sandbox: SandboxClient, painters: dict[str, Painter], finished: StillPainting
    ):
        sandbox.arm("files", preset="black-picture")

        assert look(painters, FAL, finished).plain == "black"

    def downloads(self, http: HttpClient, hosts: str) -> Downloads:
        return Downloads(http, ImageHosts.read(hosts))

    def test_a_redirect_within_the_allowed_hosts_is_followed(self, sandbox: SandboxClient, http: HttpClient):
        sandbox.arm("files", path="moved", status=302, headers={"Location": "/files/there/a.png"}, reply="")
        sandbox.arm("files", path="there", status=200, reply="bytes")

        assert self.downloads(http, sandbox.url).fetch(f"{sandbox.url}/files/moved/a.png", timeout_s=5) == b"bytes"

    def test_a_redirect_to_elsewhere_is_not_followed(self, sandbox: SandboxClient, http: HttpClient):
        elsewhere = sandbox.url.replace("127.0.0.1", "localhost")
        sandbox.arm("files", status=302, headers={"Location": f"{elsewhere}/files/x/a.png"}, reply="")

        with pytest.raises(UnexpectedAnswer, match="not allowed"):
            self.downloads(http, sandbox.url).fetch(f"{sandbox.url}/files/x/a.png", timeout_s=5)

        assert len(sandbox.journal("files")) == 1

    def test_redirects_in_circles_end(self, sandbox: SandboxClient, http: HttpClient):
        sandbox.arm("files", status=302, headers={"Location": "/files/x/a.png"}, reply="", times=None)

        with pytest.raises(UnexpectedAnswer, match="circles"):
            self.downloads(http, sandbox.url).fetch(f"{sandbox.url}/files/x/a.png", timeout_s=5)

    @pytest.mark.parametrize(
        "url",
        [
            "http://fal.media/x.png",
            "https://fal.media.evil.test/x.png",
            "https://evilfal.media/x.png",
            "https://fal.media/x.png",
            "https://v3.fal.media:8443/x.png",
            "https://user@v3.fal.media/x.png",
            "https://169.254.169.254/latest/meta-data",
            "file:///etc/passwd",
            "ftp://v3.fal.media/x.png",
            "https://[::1/x.png",
            "https://v3.fal.media:x/",
            "//v3.fal.media/x.png",
            "",
            "https://evil.test\\.fal.media/x.png",
            "https://evil.test\t.fal.media/x.png",
            "https://evil.test%2f.fal.media/x.png",
            "https://evil.test%23.fal.media/x.png",
            "https://evil.test?.fal.media/x.png",
            "https://evil.test;.fal.media/x.png",
            "https://evil.test @v3.fal.media/x.png",
            "https://v3.fal.media\\@evil.test/x.png",
            "https://v3.fal.media/\r\nX: y",
            "https://:password@v3.fal.media/x.png",
            "https://v3.fal.media@127.0.0.1/x.png",
            "https://v3.fal.media./x.png",
            "https://v3..fal.media/x.png",
            "https://\u21743.fal.media/x.png",
            "https://x\u3002fal\u3002media/x.png",
            "https://[v3.fal.media]/x.png",
            " https://v3.fal.media/x.png",
        ],
    )
    def test_nothing_else_is_fetched(self, http: HttpClient, url: str):
        with pytest.raises(UnexpectedAnswer):
            self.downloads(http, ".fal.media,replicate.delivery").fetch(url, timeout_s=5)

    @pytest.mark.parametrize(
        ("url", "called"),
        [
            ("https://V3.fal.media:443/a b?x=1#y", "https://v3.fal.media/a%20b?x=1"),
            ("https://v3.fal.media", "https://v3.fal.media/"),
            ("http://[::1]:8090/x", "http://[::1]:8090/x"),
        ],
    )
    def test_what_is_called_is_put_together_from_what_was_checked(self, url: str, called: str):
        assert str(WebAddress.read(url)) == called

    def test_an_origin_is_allowed_with_its_scheme_and_port_alone(self, sandbox: SandboxClient, http: HttpClient):
        downloads = self.downloads(http, "http://127.0.0.1:1")

        with pytest.raises(UnexpectedAnswer):
            downloads.fetch(f"{sandbox.url}/files/x/a.png", timeout_s=5)

    def test_the_list_of_hosts_is_read_with_care(self):
        hosts = ImageHosts.read(" .Fal.media, replicate.delivery ,http://127.0.0.1:8090/ ,https://images.lan,")

        assert hosts.hosts == {".fal.media", "replicate.delivery"}
        assert hosts.origins == {("http", "127.0.0.1", 8090), ("https", "images.lan", 443)}

    @pytest.mark.parametrize("text", ["ftp://x", "http://", "http://x:port", "a b", "*.fal.media", "host:80"])
    def test_a_list_that_cannot_be_read_is_refused(self, text: str):
        with pytest.raises(ValueError, match="image host"):
            ImageHosts.read(text)


class TestWhatAnAnswerRepeats:
    @pytest.mark.parametrize("provider", ["hf-inference", "replicate", "together", "zai-org"])
    def test_of_the_prompt_says_nothing_of_the_failure(
        self, sandbox: SandboxClient, painters: dict[str, Painter], provider: str
    ):
        words = "a poster of the billing department, not found in any nsfw catalogue"
        sandbox.arm("router", path=f"/{provider}/", status=400, reply={"error": f"can't be parsed: {words}"})

        with pytest.raises(RequestRefused) as caught:
            paint(painters, TARGETS[provider], GenerationRequest(words, width=256, height=256))

        assert "billing" not in str(caught.value)

    def test_beside_the_prompt_is_read(self, sandbox: SandboxClient, painters: dict[str, Painter]):
        sandbox.arm("router", status=400, reply={"error": "'a fox' was flagged by the content policy"})

        with pytest.raises(PictureRefused):
            paint(painters, HF, GenerationRequest("a fox", width=256, height=256))


class TestWhoPays:
    def test_an_organization_is_named_to_the_router_and_not_to_a_dedicated_endpoint(
        self, sandbox: SandboxClient, http: HttpClient
    ):
        studio = build_painters(
            http, router_url=f"{sandbox.url}/router", token="hf_test", image_hosts=sandbox.url, bill_to="studio"
        )
        own = Target("my/model", "endpoint", f"{sandbox.url}/endpoint/mine")
        paint(studio, HF)
        paint(studio, own)

        billed = {entry["path"]: entry["headers"].get("x-hf-bill-to") for entry in sandbox.journal()}
        assert billed == {f"/router/hf-inference/models/{SCHNELL}": "studio", "/endpoint/mine": None}

    def test_nobody_is_named_without_the_setting(self, sandbox: SandboxClient, painters: dict[str, Painter]):
        paint(painters, HF)

        assert "x-hf-bill-to" not in sandbox.journal("router")[0]["headers"]


class TestDedicatedEndpoints:
    def target(self, sandbox: SandboxClient) -> Target:
        return Target("my/model", "endpoint", f"{sandbox.url}/endpoint/mine")

    def test_one_is_called_by_its_url(self, sandbox: SandboxClient, painters: dict[str, Painter]):
        painting = paint(painters, self.target(sandbox))

        assert (painting.image.width, painting.image.height) == (256, 320)
        assert int(sandbox.journal("endpoint")[0]["headers"]["x-scale-up-timeout"]) > 0

    @pytest.mark.parametrize(("status", "kind"), [(503, ModelLoading), (502, ServiceBusy), (500, ServiceBusy)])
    def test_one_that_wakes_says_little(
        self, sandbox: SandboxClient, painters: dict[str, Painter], status: int, kind: type[ImagineError]
    ):
        sandbox.arm("endpoint", preset="endpoint-asleep", arguments={"status": status})

        with pytest.raises(ImagineError) as caught:
            paint(painters, self.target(sandbox))

        assert type(caught.value) is kind
