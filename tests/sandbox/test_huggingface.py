"""The HuggingFace stand-ins, as a client of the router, an endpoint, the Hub and the picture hosts sees them."""

import base64
import email.utils
import io
import json
from urllib.parse import urlparse

import pytest
import requests
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError
from PIL import Image

from sandbox.app import Sandbox
from sandbox.client import SandboxClient
from sandbox.faults import read_fault
from sandbox.huggingface import PRESETS
from sandbox.huggingface.catalogue import MODELS, PROVIDERS
from sandbox.pictures import paint

TOKEN = "hf_sandbox"
SCHNELL = "black-forest-labs/FLUX.1-schnell"
SMALL = {"width": 256, "height": 192}


class Caller:
    """A session that carries the token, and one that doesn't."""

    def __init__(self, url):
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {TOKEN}"

    def post(self, path, body, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.session.post(self.url + path, json=body, headers=headers, timeout=20)

    def get(self, path, **query):
        return self.session.get(self.url + path, params=query, timeout=20)

    def poll(self, provider, address):
        """Get an address of a provider's own host through the router, as its clients must."""
        return self.get(f"/router/{provider}{urlparse(address).path}")

    def turn(self, service, **wishes):
        answer = self.session.put(f"{self.url}/{service}/_sandbox", json=wishes, timeout=20)
        answer.raise_for_status()


@pytest.fixture(scope="module")
def url():
    with Sandbox() as sandbox:
        yield sandbox.url


@pytest.fixture
def caller(url):
    caller = Caller(url)
    with caller.session:
        before = {service: caller.get(f"/{service}/_sandbox").json() for service in ("router", "endpoint")}
        yield caller
        for service, knobs in before.items():
            caller.turn(service, **knobs)


@pytest.fixture
def faults(url):
    with SandboxClient(url) as client:
        yield client
        client.clear_faults()


def paint_at(caller, model=SCHNELL, inputs="a fox", parameters=SMALL, **headers):
    return caller.post(f"/router/hf-inference/models/{model}", {"inputs": inputs, "parameters": parameters}, **headers)


def picture_in(content):
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def is_black(image):
    return all(high <= 2 for _, high in image.convert("RGB").getextrema())


def downloaded(address):
    answer = requests.get(address, timeout=20)
    answer.raise_for_status()
    return answer


class TestHfInference:
    def test_words_become_the_bytes_of_a_picture(self, caller):
        answer = paint_at(caller)

        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["x-request-id"]
        assert picture_in(answer.content).size == (256, 192)

    def test_the_seed_chooses_the_picture(self, caller):
        one, again, other = (paint_at(caller, parameters=SMALL | {"seed": seed}) for seed in (1, 1, 2))

        assert one.content == again.content == paint("a fox", 1, 256, 192)
        assert other.content != one.content

    @pytest.mark.parametrize("media_type", ["image/png", "image/webp", "image/jpeg"])
    def test_accept_chooses_the_type(self, caller, media_type):
        answer = paint_at(caller, accept=media_type)

        assert answer.headers["content-type"] == media_type
        assert picture_in(answer.content).get_format_mimetype() == media_type

    def test_huggingface_hub_can_paint_with_it(self, url):
        client = InferenceClient(model=f"{url}/router/hf-inference/models/{SCHNELL}", token=TOKEN)

        assert client.text_to_image("a cat", width=64, height=64).size == (64, 64)

    def test_huggingface_hub_sees_its_errors(self, url):
        client = InferenceClient(model=f"{url}/router/hf-inference/models/{SCHNELL}", token="hf_invalid")

        with pytest.raises(HfHubHTTPError, match="401"):
            client.text_to_image("a cat")

    @pytest.mark.parametrize(
        ("model", "status", "words"),
        [
            ("stabilityai/stable-diffusion-xl-base-1.0", 410, "deprecated and no longer supported"),
            ("SG161222/Realistic_Vision_V6.0_B1_noVAE", 410, "deprecated and no longer supported"),
            ("stablediffusionapi/toonyou", 400, "not supported by provider hf-inference"),
            ("black-forest-labs/FLUX.1-dev", 400, "not supported by provider hf-inference"),
            ("nobody/nothing", 404, "does not exist"),
        ],
    )
    def test_a_model_it_does_not_serve_is_refused(self, caller, model, status, words):
        answer = paint_at(caller, model)

        assert answer.status_code == status
        assert words in answer.json()["error"]

    @pytest.mark.parametrize(
        ("parameters", "words"),
        [
            ({"num_images": 2}, "unknown parameter: num_images"),
            ({"width": 1000}, "divisible by 16"),
            ({"width": 8192}, "between 64 and 2048"),
            ({"seed": "x"}, "whole number"),
            ({"num_inference_steps": 1000}, "num_inference_steps"),
        ],
    )
    def test_a_parameter_that_does_not_fit_is_a_400(self, caller, parameters, words):
        answer = paint_at(caller, parameters=parameters)

        assert answer.status_code == 400
        assert words in str(answer.json()["error"])

    def test_a_missing_field_is_told_in_plain_text(self, caller):
        answer = caller.post(f"/router/hf-inference/models/{SCHNELL}", {"prompt": "a fox"})

        assert answer.status_code == 422
        assert "missing field `inputs`" in answer.text

    def test_unfit_words_come_back_as_a_black_picture(self, caller):
        answer = paint_at(caller, inputs="something nsfw")

        assert answer.status_code == 200
        assert is_black(picture_in(answer.content))

    @pytest.mark.parametrize("header", ["", "Bearer hf_invalid", "Bearer abc", "Basic hf_x"])
    def test_without_a_good_token_nothing_is_painted(self, caller, header):
        answer = paint_at(caller, authorization=header)

        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json() == {"error": "Invalid username or password."}


class TestColdStart:
    def test_a_cold_model_says_how_long_it_will_take_and_counts_down(self, caller):
        caller.turn("router", cold={SCHNELL: {"seconds": 1000, "estimated_time": 1000.0}})
        first, second = paint_at(caller), paint_at(caller)

        assert first.status_code == second.status_code == 503
        assert first.json()["error"] == f"Model {SCHNELL} is currently loading"
        assert 900 < second.json()["estimated_time"] < first.json()["estimated_time"] <= 1000

    def test_it_is_warm_once_its_time_has_passed(self, caller):
        caller.turn("router", cold={SCHNELL: {"seconds": 0.01, "estimated_time": 1}})

        assert paint_at(caller, x_wait_for_model="true").status_code == 200
        assert paint_at(caller).status_code == 200

    def test_the_old_option_in_the_body_holds_the_request_too(self, caller):
        caller.turn("router", cold={SCHNELL: {"seconds": 0.01}})
        body = {"inputs": "a fox", "parameters": SMALL, "options": {"wait_for_model": True}}

        assert caller.post(f"/router/hf-inference/models/{SCHNELL}", body).status_code == 200

    def test_only_the_named_model_is_cold(self, caller):
        caller.turn("router", cold={"other/model": {"seconds": 1000}})

        assert paint_at(caller).status_code == 200


class TestEndpoint:
    def test_its_address_is_its_root(self, caller):
        answer = caller.post("/endpoint/mine", {"inputs": "a fox", "parameters": SMALL})

        assert picture_in(answer.content).size == (256, 192)

    def test_asleep_it_answers_503_without_a_body(self, caller):
        caller.turn("endpoint", cold={"mine": {"seconds": 1000}})
        answer = caller.post("/endpoint/mine", {"inputs": "a fox"})

        assert (answer.status_code, answer.content) == (503, b"")

    def test_a_patient_request_is_held_until_it_is_awake(self, caller):
        caller.turn("endpoint", cold={"mine": {"seconds": 0.05}})
        answer = caller.post("/endpoint/mine", {"inputs": "a fox", "parameters": SMALL}, x_scale_up_timeout="600")

        assert answer.status_code == 200


class TestFal:
    def test_at_once(self, caller):
        size = {"width": 500, "height": 330}
        answer = caller.post("/router/fal-ai/fal-ai/flux/dev", {"prompt": "a fox", "image_size": size, "seed": 5})
        (image,) = answer.json()["images"]

        assert (image["width"], image["height"]) == (496, 336)
        assert answer.json()["seed"] == 5
        assert answer.json()["has_nsfw_concepts"] == [False]
        assert answer.headers["x-fal-request-id"]
        # The name of the file says nothing about its type.
        assert image["url"].endswith(".png")
        assert downloaded(image["url"]).headers["content-type"] == "image/jpeg"

    def test_flat_sides_are_ignored(self, caller):
        answer = caller.post("/router/fal-ai/fal-ai/flux/dev", {"prompt": "a fox", "width": 512, "height": 512})

        assert answer.json()["images"][0]["width"] == 1024

    def test_through_the_queue(self, caller):
        caller.turn("router", queue_polls=2)
        ticket = caller.post("/router/fal-ai/fal-ai/flux/schnell?_subdomain=queue", {"prompt": "a fox"}).json()
        address = ticket["response_url"]
        early = caller.poll("fal-ai", address)
        polls = [caller.poll("fal-ai", f"{address}/status") for _ in range(3)]

        assert (ticket["status"], ticket["queue_position"]) == ("IN_QUEUE", 2)
        assert address == f"https://queue.fal.run/fal-ai/flux/requests/{ticket['request_id']}"
        assert early.status_code == 400
        assert [poll.status_code for poll in polls] == [202, 202, 200]
        assert [poll.json()["status"] for poll in polls] == ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]
        assert downloaded(caller.poll("fal-ai", address).json()["images"][0]["url"]).status_code == 200

    def test_a_queued_picture_can_be_cancelled(self, caller):
        ticket = caller.post("/router/fal-ai/fal-ai/flux/schnell?_subdomain=queue", {"prompt": "a fox"}).json()
        path = urlparse(ticket["cancel_url"]).path
        cancelled = caller.session.put(f"{caller.url}/router/fal-ai{path}", timeout=20)

        assert cancelled.status_code == 202
        assert caller.poll("fal-ai", ticket["response_url"]).status_code == 404

    def test_unfit_words_are_flagged_beside_a_black_picture(self, caller):
        answer = caller.post("/router/fal-ai/fal-ai/flux/dev", {"prompt": "nsfw", "image_size": "square"}).json()

        assert answer["has_nsfw_concepts"] == [True]
        assert is_black(picture_in(downloaded(answer["images"][0]["url"]).content))

    def test_a_wrong_request_says_where(self, caller):
        answer = caller.post("/router/fal-ai/fal-ai/flux/dev", {})

        assert answer.status_code == 422
        assert answer.json()["detail"][0]["loc"] == ["body", "prompt"]


class TestOpenaiShaped:
    @pytest.mark.parametrize(
        ("provider", "size"), [("together", {"width": 256, "height": 320}), ("nscale", {"size": "256x320"})]
    )
    def test_the_picture_is_in_the_answer(self, caller, provider, size):
        body = {"model": SCHNELL, "prompt": "a fox", "response_format": "b64_json", **size}
        answer = caller.post(f"/router/{provider}/v1/images/generations", body)

        assert picture_in(base64.b64decode(answer.json()["data"][0]["b64_json"])).size == (256, 320)

    def test_a_success_of_together_carries_retry_after(self, caller):
        body = {"model": SCHNELL, "prompt": "a fox", "width": 64, "height": 64}

        assert caller.post("/router/together/v1/images/generations", body).headers["retry-after"] == "2"

    def test_a_wrong_request_names_the_parameter(self, caller):
        answer = caller.post("/router/together/v1/images/generations", {"model": SCHNELL})

        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == "prompt"


class TestReplicate:
    DEV = "/router/replicate/v1/models/black-forest-labs/flux-dev/predictions"

    def test_who_waits_gets_the_picture_at_once(self, caller):
        answer = caller.post(self.DEV, {"input": {"prompt": "a fox", "aspect_ratio": "16:9"}}, prefer="wait")
        picture = downloaded(answer.json()["output"][0])

        assert answer.status_code == 201
        assert answer.headers["preference-applied"] == "wait=60"
        assert answer.json()["status"] == "succeeded"
        assert picture.headers["content-type"] == "image/webp"
        assert picture_in(picture.content).size == (1344, 768)

    def test_who_does_not_wait_polls(self, caller):
        caller.turn("router", queue_polls=2)
        begun = caller.post(self.DEV, {"input": {"prompt": "a fox"}}).json()
        polls = [caller.poll("replicate", begun["urls"]["get"]).json() for _ in range(3)]

        assert urlparse(begun["urls"]["get"]).hostname == "api.replicate.com"
        assert [begun["status"], *(poll["status"] for poll in polls)] == [
            "starting",
            "processing",
            "processing",
            "succeeded",
        ]
        assert polls[0]["output"] is None
        assert polls[-1]["output"]

    def test_a_model_with_a_version_is_asked_for_by_it(self, caller):
        (service,) = (model.services["replicate"] for model in MODELS if model.id == "ByteDance/Hyper-SD")
        version = service.provider_id.split(":")[1]
        body = {"version": version, "input": {"prompt": "a fox", "output_format": "png"}}
        answer = caller.post("/router/replicate/v1/predictions", body, prefer="wait=5")

        assert answer.json()["output"][0].endswith(".png")

    def test_one_address_may_stand_without_a_list(self, caller):
        path = "/router/replicate/v1/models/qwen/qwen-image/predictions"

        assert isinstance(caller.post(path, {"input": {"prompt": "a fox"}}, prefer="wait").json()["output"], str)

    def test_unfit_words_make_the_prediction_fail(self, caller):
        answer = caller.post(self.DEV, {"input": {"prompt": "nsfw"}}, prefer="wait").json()

        assert answer["status"] == "failed"
        assert answer["error"].startswith("NSFW content detected")

    def test_a_wrong_request_is_a_problem(self, caller):
        answer = caller.post(self.DEV, {"input": {}})

        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["invalid_fields"][0]["field"] == "input.prompt"


class TestWavespeed:
    def test_it_is_polled_for(self, caller):
        begun = caller.post("/router/wavespeed/api/v3/wavespeed-ai/flux-dev", {"prompt": "a fox", **SMALL}).json()
        address = begun["data"]["urls"]["get"]
        polls = [caller.poll("wavespeed", address).json()["data"] for _ in range(2)]

        assert (begun["code"], begun["data"]["status"]) == (200, "created")
        assert address == f"https://api.wavespeed.ai/api/v3/predictions/{begun['data']['id']}/result"
        assert [poll["status"] for poll in polls] == ["processing", "completed"]
        assert picture_in(downloaded(polls[1]["outputs"][0]).content).size == (256, 192)


class TestZai:
    def test_it_is_polled_for(self, caller):
        body = {"model": "glm-image", "prompt": "a fox", "size": "256x192"}
        begun = caller.post("/router/zai-org/api/paas/v4/async/images/generations", body).json()
        path = f"/router/zai-org/api/paas/v4/async-result/{begun['id']}"
        polls = [caller.get(path).json() for _ in range(2)]

        assert [begun["task_status"], *(poll["task_status"] for poll in polls)] == [
            "PROCESSING",
            "PROCESSING",
            "SUCCESS",
        ]
        assert picture_in(downloaded(polls[1]["image_result"][0]["url"]).content).size == (256, 192)


class TestOnePictureForAll:
    def test_other_words_give_the_same_picture_of_the_same_size(self, caller):
        caller.turn("router", same_picture=True)
        fox, cat, wide = (
            paint_at(caller, inputs="a fox"),
            paint_at(caller, inputs="a cat"),
            paint_at(caller, parameters={}),
        )
        addresses = {
            caller.post("/router/fal-ai/fal-ai/flux/dev", {"prompt": prompt}).json()["images"][0]["url"]
            for prompt in ("a fox", "a cat")
        }

        assert fox.content == cat.content != wide.content
        assert len(addresses) == 1


class TestEveryProvider:
    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("fal-ai/fal-ai/unknown", {"prompt": "x"}),
            ("together/v1/images/generations", {"model": "x", "prompt": "x"}),
            ("nscale/v1/images/generations", {"model": "x", "prompt": "x"}),
            ("replicate/v1/models/x/y/predictions", {"input": {"prompt": "x"}}),
            ("wavespeed/api/v3/x/y", {"prompt": "x"}),
            ("zai-org/api/paas/v4/async/images/generations", {"model": "x", "prompt": "x"}),
            ("nebius/v1/images/generations", {"model": "x", "prompt": "x"}),
        ],
    )
    def test_a_model_that_nobody_maps_is_a_400(self, caller, path, body):
        answer = caller.post(f"/router/{path}", body)

        assert answer.status_code == 400
        assert answer.json() == {"error": f"Model not supported by provider {path.split('/')[0]}"}

    @pytest.mark.parametrize("path", ["fal-ai/fal-ai/flux/dev", "together/v1/images/generations"])
    def test_every_provider_wants_the_token(self, caller, path):
        assert caller.post(f"/router/{path}", {}, authorization="").status_code == 401

    @pytest.mark.parametrize("service", ["router", "endpoint"])
    def test_an_unknown_knob_is_refused(self, caller, service):
        with pytest.raises(requests.HTTPError):
            caller.turn(service, latency="1")


class TestPictureHosts:
    def test_a_token_sent_there_is_refused_and_counted(self, caller):
        address = caller.post("/router/fal-ai/fal-ai/flux/dev", {"prompt": "a fox"}).json()["images"][0]["url"]
        before = caller.get("/files/_sandbox").json()["leaked_tokens"]

        assert caller.session.get(address, timeout=20).status_code == 400
        assert caller.get("/files/_sandbox").json()["leaked_tokens"] == before + 1

    def test_an_unknown_address_is_a_404(self, url):
        assert requests.get(f"{url}/files/unknown/image.png", timeout=20).status_code == 404


class TestHub:
    WARM = {"pipeline_tag": "text-to-image", "inference_provider": "all", "expand[]": "inferenceProviderMapping"}  # noqa: RUF012

    def test_the_list_comes_in_pages_with_mappings_as_lists(self, caller):
        answer = caller.get("/hub/api/models", limit=5, **self.WARM)
        models = answer.json()
        while "next" in answer.links:
            answer = caller.session.get(answer.links["next"]["url"], timeout=20)
            models += answer.json()
        first = models[0]

        assert len(models) == len({model["id"] for model in models}) > 15
        assert first["id"] == "black-forest-labs/FLUX.1-dev"
        assert {"provider": "fal-ai", "providerId": "fal-ai/flux/dev", "status": "live"}.items() <= (
            first["inferenceProviderMapping"][0].items()
        )

    def test_models_that_nobody_serves_live_are_not_in_it(self, caller):
        names = {model["id"] for model in caller.get("/hub/api/models", **self.WARM).json()}

        assert "stabilityai/stable-diffusion-xl-base-1.0" not in names
        assert "tencent/HunyuanImage-3.0" not in names
        assert "black-forest-labs/FLUX.1-Kontext-dev" not in names

    @pytest.mark.parametrize("providers", ["zai-org,nscale", ["zai-org", "nscale"]])
    def test_it_can_be_narrowed_to_providers(self, caller, providers):
        found = caller.get("/hub/api/models", inference_provider=providers).json()

        assert {model["id"] for model in found} == {"zai-org/GLM-Image", SCHNELL}

    def test_one_models_mapping_is_keyed_by_the_provider(self, caller):
        answer = caller.get(f"/hub/api/models/{SCHNELL}", expand="inferenceProviderMapping").json()

        assert answer["inferenceProviderMapping"]["hf-inference"] == {
            "status": "live",
            "providerId": SCHNELL,
            "task": "text-to-image",
        }

    def test_a_served_model_is_warm(self, caller):
        assert caller.get(f"/hub/api/models/{SCHNELL}", expand="inference").json()["inference"] == "warm"
        assert "inference" not in caller.get("/hub/api/models/Lykon/DreamShaper", expand="inference").json()

    def test_an_unknown_model_is_a_404_to_friends_and_a_401_to_strangers(self, caller):
        known = caller.get("/hub/api/models/nobody/nothing")

        assert (known.status_code, known.headers["x-error-code"]) == (404, "RepoNotFound")
        assert requests.get(f"{caller.url}/hub/api/models/nobody/nothing", timeout=20).status_code == 401

    def test_the_owner_of_a_token_is_told(self, caller):
        answer = caller.get("/hub/api/whoami-v2").json()

        assert answer["type"] == "user"
        assert answer["auth"]["accessToken"]["role"] == "fineGrained"

    def test_a_token_without_the_permission_is_told_so_and_refused_by_the_router(self, url):
        headers = {"Authorization": "Bearer hf_narrow"}
        token = requests.get(f"{url}/hub/api/whoami-v2", headers=headers, timeout=20).json()["auth"]["accessToken"]
        refused = requests.post(f"{url}/router/hf-inference/models/a/b", headers=headers, json={}, timeout=20)

        assert "inference.serverless.write" not in str(token["fineGrained"])
        assert refused.status_code == 403

    def test_a_bad_token_is_a_401(self, url):
        headers = {"Authorization": "Bearer hf_invalid"}

        assert requests.get(f"{url}/hub/api/whoami-v2", headers=headers, timeout=20).status_code == 401

    @pytest.mark.parametrize("provider", PROVIDERS)
    def test_every_live_mapping_of_a_partner_can_be_painted_with(self, caller, provider):
        tasks = caller.get(f"/hub/api/partners/{provider}/models", status="live").json()

        assert tasks["text-to-image"]
        assert {model["status"] for model in tasks["text-to-image"].values()} == {"live"}


class TestPresets:
    def test_every_preset_is_a_fault_without_arguments(self):
        for name in PRESETS:
            fault = read_fault({"service": "router", "preset": name})

            assert fault.replaces_the_answer, name

    @pytest.mark.parametrize("estimate", [20.0, -1, "soon", None, [1]])
    def test_a_loading_model_may_say_anything_about_its_time(self, caller, faults, estimate):
        faults.arm("router", preset="loading", arguments={"estimated_time": estimate})
        answer = paint_at(caller)

        assert answer.status_code == 503
        assert answer.json()["estimated_time"] == estimate

    @pytest.mark.parametrize(
        ("arguments", "header", "value"),
        [
            ({"retry_after": 7}, "retry-after", "7"),
            ({"retry_after": email.utils.formatdate(0, usegmt=True)}, "retry-after", "Thu, 01 Jan 1970 00:00:00 GMT"),
            ({"reset": 55}, "ratelimit", '"api";r=0;t=55'),
        ],
    )
    def test_a_rate_limit_tells_the_wait_in_three_ways(self, caller, faults, arguments, header, value):
        faults.arm("router", preset="rate-limited", arguments=arguments)
        answer = paint_at(caller)

        assert answer.status_code == 429
        assert answer.headers[header] == value

    @pytest.mark.parametrize(
        ("preset", "status", "media_type"),
        [
            ("bad-gateway-html", 502, "text/html"),
            ("gateway-timeout", 504, "text/html"),
            ("loading-html", 503, "text/html"),
            ("no-credits", 402, "application/json"),
            ("gated", 403, "application/json"),
            ("replicate-validation", 422, "application/problem+json"),
        ],
    )
    def test_errors_come_with_their_status_and_type(self, caller, faults, preset, status, media_type):
        faults.arm("router", preset=preset)
        answer = paint_at(caller)

        assert answer.status_code == status
        assert answer.headers["content-type"].startswith(media_type)

    @pytest.mark.parametrize("provider", [*PROVIDERS, "other"])
    def test_every_provider_refuses_unfit_words_in_its_own_way(self, caller, faults, provider):
        faults.arm("router", preset="moderated", arguments={"provider": provider})
        answer = paint_at(caller)

        assert any(word in answer.text.lower() for word in ("flagged", "nsfw", "unsafe"))

    def test_a_black_picture_looks_like_a_success(self, caller, faults):
        faults.arm("router", preset="black-picture")
        answer = paint_at(caller)

        assert answer.headers["content-type"] == "image/jpeg"
        assert is_black(picture_in(answer.content))

    def test_a_black_picture_can_be_in_json(self, caller, faults):
        faults.arm("router", preset="black-picture", arguments={"shape": "b64_json"})
        answer = caller.post("/router/together/v1/images/generations", {})

        assert is_black(picture_in(base64.b64decode(answer.json()["data"][0]["b64_json"])))

    def test_a_jpeg_can_come_under_the_name_of_a_png(self, caller, faults):
        faults.arm("router", preset="wrong-type")
        answer = paint_at(caller)

        assert answer.headers["content-type"] == "image/png"
        assert picture_in(answer.content).format == "JPEG"

    def test_a_truncated_picture_tells_no_length(self, caller, faults):
        faults.arm("router", preset="truncated-picture")
        answer = paint_at(caller)

        assert "content-length" not in answer.headers
        with pytest.raises(OSError, match="truncated"):
            picture_in(answer.content)

    def test_a_bomb_is_small_on_the_wire_and_huge_in_its_header(self, caller, faults):
        faults.arm("router", preset="bomb-picture")
        content = paint_at(caller).content

        assert len(content) < 200_000
        # The size stands in the header, which is read without unpacking anything.
        assert int.from_bytes(content[16:20], "big") == int.from_bytes(content[20:24], "big") == 30_000

    def test_a_bomb_is_a_valid_picture(self):
        small = base64.b64decode(PRESETS["bomb-picture"](side=4_000)["reply_base64"])

        assert picture_in(small).size == (4_000, 4_000)

    @pytest.mark.parametrize("preset", ["html-picture", "empty-picture", "json-200-error"])
    def test_some_successes_hold_no_picture(self, caller, faults, preset):
        faults.arm("router", preset=preset)
        answer = paint_at(caller)

        assert answer.status_code == 200
        with pytest.raises(OSError, match="cannot identify"):
            picture_in(answer.content)

    @pytest.mark.parametrize(("shape", "path"), [("data", ("data", 0, "b64_json")), ("output", ("output", 0))])
    def test_some_successes_hold_the_picture_in_json(self, caller, faults, shape, path):
        faults.arm("router", preset="json-picture", arguments={"shape": shape})
        value = json.loads(paint_at(caller).content)
        for step in path:
            value = value[step]

        assert picture_in(base64.b64decode(value.rpartition(",")[2])).size == (512, 512)
