"""An order goes in, an inspected picture with its recipe comes out: the whole way, over real HTTP."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sandbox.client import SandboxClient
from services.worker.images.metadata import read_recipe
from services.worker.painters.circuit_breaker import FAILURES
from shared.errors import (
    BadCredentials,
    BadPicture,
    ModelGated,
    ModelLoading,
    NoCredit,
    NoPainterLeft,
    PictureOutOfReach,
    PictureRefused,
    ServiceBusy,
    ServiceUnreachable,
    StillPainting,
)

DEV = "black-forest-labs/FLUX.1-dev"  # fal-ai, replicate, together, wavespeed
SCHNELL = "black-forest-labs/FLUX.1-schnell"
KREA = "krea/Krea-2-Turbo"  # fal-ai alone
SD3 = "stabilityai/stable-diffusion-3-medium-diffusers"  # hf-inference alone
LORA = "XLabs-AI/flux-RealismLora"  # fal-ai alone, which is told where its weights are
RETIRED = "nitrosocke/Ghibli-Diffusion"  # nobody


def still_painting(bench: Any, *models: str, **wishes: Any) -> StillPainting:
    with pytest.raises(StillPainting) as caught:
        bench.paint(*models, **wishes)
    return caught.value


class TestAPicture:
    def test_it_comes_with_its_recipe(self, bench):
        image, recipe = bench.paint(SD3, text="a fox", negative="blur", seed=5, steps=9)

        assert (image.media_type, image.width, image.height) == ("image/jpeg", 256, 256)
        assert (recipe.model, recipe.provider, recipe.prompt) == (SD3, "hf-inference", "a fox")
        assert (recipe.negative, recipe.seed, recipe.steps, recipe.guidance) == ("blur", 5, 9, 4.5)

    def test_a_lora_is_painted_with_its_weights(self, sandbox: SandboxClient, bench):
        still = still_painting(bench, LORA)
        still = still_painting(bench, LORA, handle=still.handle)
        _, recipe = bench.paint(LORA, handle=still.handle)

        assert (recipe.model, recipe.provider) == (LORA, "fal-ai")
        [order] = [entry["body"] for entry in sandbox.journal("router") if entry["method"] == "POST"]
        assert order["loras"] == [{"path": f"https://huggingface.co/{LORA}/resolve/main/lora.safetensors", "scale": 1}]

    def test_the_recipe_is_in_the_file(self, bench):
        image, recipe = bench.paint(SD3)

        assert read_recipe(image.data) == recipe

    def test_without_a_wish_for_a_seed_one_is_drawn(self, bench):
        seeds = {bench.paint(SD3)[1].seed for _ in range(2)}

        assert None not in seeds
        assert len(seeds) == 2

    def test_the_same_seed_paints_the_same_picture(self, bench):
        assert bench.paint(SD3, seed=5)[0] == bench.paint(SD3, seed=5)[0]

    def test_the_call_is_on_record(self, bench):
        bench.paint(SD3)

        (attempt,) = bench.attempts
        assert (attempt.step, attempt.service, attempt.model) == ("image", "hf-inference", SD3)
        assert (attempt.outcome, attempt.status) == ("ok", 200)
        assert attempt.request_id
        assert attempt.duration_ms >= 0


class TestElsewhere:
    @pytest.mark.parametrize(
        "preset", ["not-supported", "unknown-model", "deprecated", "no-credits", "gated", "validation", "too-big"]
    )
    def test_the_next_provider_is_tried_at_once(self, sandbox: SandboxClient, bench, preset: str):
        sandbox.arm("router", path="/fal-ai/", preset=preset)

        _, recipe = bench.paint(DEV)

        assert recipe.provider == "replicate"
        assert [service for service, _ in bench.outcomes] == ["fal-ai", "replicate"]

    def test_the_next_model_is_tried_when_no_provider_is_left(self, sandbox: SandboxClient, bench):
        sandbox.arm("router", path="krea", preset="deprecated", arguments={"provider": "fal-ai"})

        _, recipe = bench.paint(KREA, SD3)

        assert recipe.model == SD3

    def test_a_model_that_nobody_serves_is_passed_over(self, bench):
        _, recipe = bench.paint(RETIRED, SD3)

        assert recipe.model == SD3
        assert len(bench.attempts) == 1

    def test_barred_targets_are_not_tried_again(self, bench):
        _, recipe = bench.paint(DEV, barred=frozenset({(DEV, "fal-ai")}))

        assert recipe.provider == "replicate"

    def test_a_target_that_is_gone_is_remembered_for_the_next_job(self, sandbox: SandboxClient, bench):
        sandbox.arm("router", path="/fal-ai/", preset="deprecated")
        bench.paint(DEV)
        bench.paint(DEV)

        assert [service for service, _ in bench.outcomes] == ["fal-ai", "replicate", "replicate"]

    def test_an_answer_that_nobody_documented_is_passed_over(self, sandbox: SandboxClient, bench):
        sandbox.arm("router", path="/fal-ai/", status=418, reply="")

        assert bench.paint(DEV)[1].provider == "replicate"

    def test_a_picture_at_a_host_that_is_not_allowed_is_passed_over_and_told_in_the_log(
        self, sandbox: SandboxClient, bench, caplog: pytest.LogCaptureFixture
    ):
        result = {"id": "1", "status": "succeeded", "output": ["https://evil.test/a.png"]}
        sandbox.arm("router", path="/replicate/", status=201, reply=result)

        _, recipe = bench.paint(DEV, barred=frozenset({(DEV, "fal-ai")}))

        assert recipe.provider == "together"
        refused, failed = caplog.records
        assert (refused.message, refused.host, refused.allow) == ("picture host refused", "evil.test", "evil.test")
        assert (failed.message, failed.provider, failed.reason) == ("image target failed", "replicate", "unexpected")

    def test_what_was_refused_is_in_the_log_without_the_prompt_although_another_succeeds(
        self, sandbox: SandboxClient, bench, caplog: pytest.LogCaptureFixture
    ):
        sandbox.arm("router", path="/fal-ai/", status=400, reply={"detail": "no lighthouse at dawn, please"})

        bench.paint(DEV, text="lighthouse at dawn")

        [line] = caplog.records
        assert (line.model, line.provider, line.status, line.reason) == (DEV, "fal-ai", 400, "request_refused")
        assert "dawn" not in line.error


class TestNobodyLeft:
    def test_the_reason_is_told_if_there_is_no_better_one(self, bench):
        with pytest.raises(NoPainterLeft):
            bench.paint(RETIRED)

    def test_no_credit_anywhere_is_told(self, sandbox: SandboxClient, bench):
        sandbox.arm("router", preset="no-credits", times=None)

        with pytest.raises(NoCredit):
            bench.paint(DEV, SD3)

        assert len(bench.attempts) == 5

    def test_a_licence_to_accept_is_told(self, sandbox: SandboxClient, bench):
        sandbox.arm("router", path="krea", preset="validation")
        sandbox.arm("router", path=SD3, preset="gated")

        with pytest.raises(ModelGated):
            bench.paint(KREA, SD3)

    def test_a_bad_token_ends_it_at_once(self, sandbox: SandboxClient, bench):
        sandbox.arm("router", preset="bad-token", times=None)

        with pytest.raises(BadCredentials):
            bench.paint(DEV, SD3)

        assert len(bench.attempts) == 1

    def test_a_moderation_ends_it_at_once(self, sandbox: SandboxClient, bench):
        sandbox.arm("router", preset="moderated", arguments={"provider": "fal-ai"})

        with pytest.raises(PictureRefused):
            bench.paint(DEV, SD3)

        assert len(bench.attempts) == 1


class TestBusy:
    def test_another_provider_is_tried_before_anybody_waits(self, sandbox: SandboxClient, bench):
        sandbox.arm("router", path="/fal-ai/", preset="rate-limited", arguments={"retry_after": 60})

        assert bench.paint(DEV)[1].provider == "replicate"

    def test_a_busy_model_is_waited_for_rather_than_replaced(self, sandbox: SandboxClient, bench):
        sandbox.arm("router", path=SD3, preset="too-busy")

        with pytest.raises(ServiceBusy):
            bench.paint(SD3, DEV)

        assert bench.outcomes == [("hf-inference", "service_busy")]

    def test_the_shortest_wait_is_told(self, sandbox: SandboxClient, bench):
        for path, seconds in (("fal-ai", 60), ("replicate", 9), ("together", 30), ("wavespeed", 45)):
            sandbox.arm("router", path=f"/{path}/", preset="rate-limited", arguments={"retry_after": seconds})

        with pytest.raises(ServiceBusy) as caught:
            bench.paint(DEV)

        assert caught.value.retry_after == 9

    def test_a_cold_start_is_told_with_its_estimate(self, sandbox: SandboxClient, bench):
        sandbox.call("PUT", "/router/_sandbox", json={"cold": {SD3: {"seconds": 100, "estimated_time": 100.0}}})

        with pytest.raises(ModelLoading) as caught:
            bench.paint(SD3)

        assert 90 < caught.value.retry_after <= 100

    def test_silence_is_left_for_another_provider(self, sandbox: SandboxClient, bench):
        sandbox.arm("router", path="/fal-ai/", drop="before")

        assert bench.paint(DEV)[1].provider == "replicate"

    def test_when_the_time_is_over_no_other_provider_is_blamed(self, sandbox: SandboxClient, bench):
        sandbox.arm("router", gate="slow", times=None)

        with pytest.raises(ServiceUnreachable):
            bench.paint(DEV, timeout_s=0.4)

        assert bench.outcomes == [("fal-ai", "service_unreachable")]
        sandbox.open_gate("slow")

    def test_the_time_allowed_is_kept(self, sandbox: SandboxClient, bench):
        sandbox.arm("router", gate="slow", times=None)

        with pytest.raises(ServiceUnreachable):
            bench.paint(SD3, timeout_s=0.4)
        sandbox.open_gate("slow")


class TestCircuits:
    def fail(self, sandbox: SandboxClient, bench, model: str) -> None:
        sandbox.arm("router", preset="too-busy", times=FAILURES)
        for _ in range(FAILURES):
            with pytest.raises(ServiceBusy):
                bench.paint(model)
        bench.attempts.clear()

    def test_a_provider_that_keeps_failing_is_left_alone_for_another_model(self, sandbox: SandboxClient, bench):
        self.fail(sandbox, bench, SD3)

        still = still_painting(bench, SD3, KREA)

        assert still.handle["target"]["model"] == KREA

    def test_when_all_are_left_alone_the_wait_is_told(self, sandbox: SandboxClient, bench):
        self.fail(sandbox, bench, SD3)

        with pytest.raises(ServiceBusy) as caught:
            bench.paint(SD3)

        assert 0 < caught.value.retry_after <= 60
        assert bench.attempts == []


class TestBadPictures:
    def test_a_black_one_is_painted_again_with_another_seed(self, sandbox: SandboxClient, bench):
        sandbox.arm("router", preset="black-picture")

        _, recipe = bench.paint(SD3, seed=5)

        assert recipe.seed != 5
        assert bench.outcomes == [("hf-inference", "bad_picture"), ("hf-inference", "ok")]
        seeds = [entry["body"]["parameters"]["seed"] for entry in sandbox.journal("router")]
        assert seeds == [5, recipe.seed]

    def test_two_black_ones_are_a_refusal(self, bench):
        with pytest.raises(PictureRefused):
            bench.paint(SD3, text="something nsfw")

        assert len(bench.attempts) == 2

    @pytest.mark.parametrize(("preset", "orders"), [("truncated-picture", 1), ("grey-picture", 2)])
    def test_what_nobody_wants_to_see_is_ordered_once_more_and_what_is_broken_is_not(
        self, sandbox: SandboxClient, bench, preset: str, orders: int
    ):
        sandbox.arm("router", preset=preset, times=None)

        with pytest.raises(BadPicture):
            bench.paint(SD3, DEV)

        assert len(sandbox.journal("router")) == orders

    def test_each_that_was_ordered_is_on_record_as_an_answer(self, sandbox: SandboxClient, bench):
        sandbox.arm("router", preset="grey-picture", times=None)

        with pytest.raises(BadPicture):
            bench.paint(SD3)

        assert [(attempt.status, attempt.outcome) for attempt in bench.attempts] == [(200, "bad_picture")] * 2
        assert [attempt.pictures for attempt in bench.attempts] == [1, 1]

    def test_one_at_which_we_fail_ourselves_is_on_record(self, bench):
        class Failing:
            def paint(self, *_: object, **__: object) -> None:
                raise ZeroDivisionError

        bench.dispatcher._painters = {"hf-inference": Failing()}

        with pytest.raises(ZeroDivisionError):
            bench.paint(SD3)

        assert bench.outcomes == [("hf-inference", "unexpected")]

    @pytest.mark.parametrize(
        ("preset", "text"), [("grey-picture", "a plain grey sheet, nothing else"), ("black-picture", "black square")]
    )
    def test_a_plain_one_that_was_asked_for_is_shown(self, sandbox: SandboxClient, bench, preset: str, text: str):
        sandbox.arm("router", preset=preset, times=None)

        bench.paint(SD3, text=text)

        assert bench.outcomes == [("hf-inference", "ok")]
        assert len(sandbox.journal("router")) == 1


class TestQueues:
    def test_an_order_in_a_queue_is_handed_back_and_found_again(self, sandbox: SandboxClient, bench):
        still = still_painting(bench, DEV, seed=5)
        assert still.retry_after > 0
        handle = json.loads(json.dumps(still.handle))

        still = still_painting(bench, DEV, handle=handle)
        image, recipe = bench.paint(DEV, handle=still.handle)

        assert (recipe.provider, recipe.seed, image.width) == ("fal-ai", 5, 256)
        assert read_recipe(image.data) == recipe

    def test_the_record_tells_of_the_order_and_of_its_end(self, bench):
        still = still_painting(bench, DEV)
        still = still_painting(bench, DEV, handle=still.handle)
        bench.paint(DEV, handle=still.handle)

        assert [(attempt.outcome, attempt.detail) for attempt in bench.attempts] == [("ok", "ordered"), ("ok", None)]
        assert [attempt.pictures for attempt in bench.attempts] == [1, 0]

    def test_the_position_is_told(self, sandbox: SandboxClient, bench):
        sandbox.call("PUT", "/router/_sandbox", json={"queue_polls": 3})

        assert still_painting(bench, DEV).position == 4

    def test_an_order_that_failed_is_made_elsewhere(self, sandbox: SandboxClient, bench):
        sandbox.call("PUT", "/router/_sandbox", json={"queue_polls": 0})
        still = still_painting(bench, DEV)
        sandbox.arm("router", path="requests/[^/]+$", preset="fal-validation")

        _, recipe = bench.paint(DEV, handle=still.handle)

        assert recipe.provider == "replicate"
        assert [attempt.pictures for attempt in bench.attempts] == [1, -1, 1]

    def test_providers_whose_files_can_not_be_had_are_paid_once_and_not_in_turns(self, sandbox: SandboxClient, bench):
        sandbox.call("PUT", "/router/_sandbox", json={"queue_polls": 0})
        sandbox.arm("files", status=503, times=None)
        sandbox.arm("router", path="/(together|wavespeed)/", status=503, reply="", times=None)
        handle = None

        while True:
            unfetched = [attempt.outcome for attempt in bench.attempts].count("picture_not_fetched")
            try:
                bench.paint(DEV, handle=handle, unfetched=unfetched)
            except StillPainting as still:
                handle = json.loads(json.dumps(still.handle))
            except PictureOutOfReach:
                break

        ordered = [attempt.service for attempt in bench.attempts if attempt.detail == "ordered"]
        assert ordered == ["fal-ai", "replicate"]

    def test_a_host_that_is_away_keeps_others_from_ordering_there(self, sandbox: SandboxClient, bench):
        sandbox.call("PUT", "/router/_sandbox", json={"queue_polls": 0})
        sandbox.arm("files", drop="before", times=None)
        handle = still_painting(bench, DEV).handle
        for _ in range(FAILURES):
            handle = still_painting(bench, DEV, handle=handle).handle

        assert still_painting(bench, DEV).handle["target"]["provider"] == "replicate"

    def test_a_black_picture_from_a_queue_is_ordered_again_with_another_seed(self, sandbox: SandboxClient, bench):
        sandbox.call("PUT", "/router/_sandbox", json={"queue_polls": 0})
        still = still_painting(bench, DEV, seed=5)
        sandbox.arm("files", preset="black-picture")

        again = still_painting(bench, DEV, handle=still.handle)

        assert again.handle["brief"]["seed"] != 5
        assert again.handle["target"]["provider"] == "fal-ai"

    def test_black_pictures_are_counted_over_all_runs(self, sandbox: SandboxClient, bench):
        sandbox.call("PUT", "/router/_sandbox", json={"queue_polls": 0})
        sandbox.arm("files", preset="black-picture", times=None)
        still = still_painting(bench, DEV)
        still = still_painting(bench, DEV, handle=still.handle)

        with pytest.raises(PictureRefused):
            bench.paint(DEV, handle=still.handle)

    def test_what_earlier_runs_paid_for_is_counted(self, sandbox: SandboxClient, bench):
        sandbox.arm("router", preset="black-picture", times=None)

        with pytest.raises(PictureRefused):
            bench.paint(SD3, pictures=1)

        assert len(sandbox.journal("router")) == 1

    @pytest.mark.parametrize("handle", [{}, {"x": 1}, {"target": {}, "brief": {}, "order": {}, "pictures": 0}])
    def test_a_handle_that_cannot_be_read_is_a_new_order(self, bench, handle: dict[str, Any]):
        assert bench.paint(SD3, handle=handle)[1].provider == "hf-inference"

    def test_a_handle_of_a_provider_that_is_gone_is_a_new_order(self, bench):
        handle = still_painting(bench, DEV).handle
        handle["target"]["provider"] = "gone"

        assert bench.paint(SD3, handle=handle)[1].provider == "hf-inference"


class TestManyAtOnce:
    def test_many_threads_share_one_studio(self, sandbox: SandboxClient, bench):
        sandbox.arm("router", path=SD3, status=503, reply="", times=2)

        def paint(seed: int) -> int | None:
            try:
                return bench.paint(SD3, seed=seed)[1].seed
            except ServiceBusy:
                return None

        with ThreadPoolExecutor(24) as pool:
            seeds = list(pool.map(paint, range(48)))

        assert seeds.count(None) == 2
        assert all(seed in {None, place} for place, seed in enumerate(seeds))
        assert len(bench.attempts) == 48
        assert len(sandbox.journal("hub")) == 1


class TestDiscretion:
    def test_no_error_and_no_record_quotes_the_prompt(self, sandbox: SandboxClient, bench):
        words = "my very secret wish of a picture"
        sandbox.arm("router", status=400, reply={"error": f"bad words: {words}"})

        bench.paint(SD3, DEV, text=words, barred=frozenset({(DEV, "fal-ai")}))

        assert bench.attempts[0].outcome == "request_refused"
        assert bench.attempts[0].detail == "hf-inference answered 400: bad words: …"
