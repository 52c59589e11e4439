"""Image-to-image: every provider's words for it, who is asked for it, and what comes when nobody can."""

import base64
from dataclasses import replace
from io import BytesIO
from typing import Any

import PIL.Image
import pytest

from sandbox.client import SandboxClient
from services.worker.images.metadata import read_recipe
from services.worker.painters.discovery import Discovery
from services.worker.painters.dispatcher import PaintRequest
from services.worker.painters.generation import request_for, shaped_like
from services.worker.painters.painter import IMAGE_TO_IMAGE, TEXT_TO_IMAGE, GenerationRequest, Painter, Painting, Target
from services.worker.painters.registry import knows_strength
from shared.catalogue import Catalogue
from shared.errors import PictureUnreadable, RequestRefused, ServiceBusy, StillPainting
from shared.jobs import Parameters, Prompt

KONTEXT, FLUX_2 = "black-forest-labs/FLUX.1-Kontext-dev", "black-forest-labs/FLUX.2-dev"
PIX2PIX = "timbrooks/instruct-pix2pix"
KREA, Z_IMAGE = "krea/Krea-2-Turbo", "Tongyi-MAI/Z-Image-Turbo"
TARGETS = {
    "fal-ai": Target(KONTEXT, "fal-ai", "fal-ai/flux-kontext/dev", IMAGE_TO_IMAGE),
    "fal-ai, several": Target(FLUX_2, "fal-ai", "fal-ai/flux-2/edit", IMAGE_TO_IMAGE),
    "replicate": Target(KONTEXT, "replicate", "black-forest-labs/flux-kontext-dev", IMAGE_TO_IMAGE),
    "together": Target(KONTEXT, "together", "black-forest-labs/FLUX.1-kontext-dev", IMAGE_TO_IMAGE),
    "wavespeed": Target(KONTEXT, "wavespeed", "wavespeed-ai/flux-kontext-dev", IMAGE_TO_IMAGE),
    "hf-inference": Target(PIX2PIX, "hf-inference", PIX2PIX, IMAGE_TO_IMAGE),
}


def a_picture(colour: str, size: tuple[int, int] = (256, 128), form: str = "JPEG") -> bytes:
    file = BytesIO()
    PIL.Image.new("RGB", size, colour).save(file, form)
    return file.getvalue()


RED = a_picture("red")
URL = f"data:image/jpeg;base64,{base64.b64encode(RED).decode()}"
REQUEST = GenerationRequest("at night", width=256, height=128, seed=7, source=RED)


def paint(painters: dict[str, Painter], target: Target, request: GenerationRequest = REQUEST) -> Painting:
    """Order a picture, and look until it is there."""
    painter = painters[target.provider]
    try:
        return painter.paint(target, request, timeout_s=20)
    except StillPainting as error:
        still = error
    for _ in range(10):
        try:
            return painter.look(target, still.handle, timeout_s=20)
        except StillPainting as error:
            still = error
    raise AssertionError("ten looks were not enough")


def redness(data: bytes) -> float:
    """How much more red than green and blue there is on average, 0 to 255."""
    with PIL.Image.open(BytesIO(data)) as picture:
        red, green, blue = picture.convert("RGB").resize((1, 1)).getpixel((0, 0))
    return red - (green + blue) / 2


class TestEveryProvider:
    @pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
    def test_paints_over_the_picture(self, painters: dict[str, Painter], target: Target) -> None:
        image = paint(painters, target).image

        assert (image.width, image.height) == (256, 128)
        assert redness(image.data) > 80

    @pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
    def test_refuses_to_start_from_nothing(self, painters: dict[str, Painter], target: Target) -> None:
        with pytest.raises(RequestRefused):
            paint(painters, target, GenerationRequest("at night", width=256, height=128))


class TestTheirWords:
    def said(self, sandbox: SandboxClient, painters: dict[str, Painter], name: str) -> Any:
        paint(painters, TARGETS[name])
        return sandbox.journal("router")[0]["body"]

    @pytest.mark.parametrize("name", ["fal-ai", "fal-ai, several"])
    def test_fal_is_told_in_both_ways(self, sandbox: SandboxClient, painters: dict[str, Painter], name: str) -> None:
        said = self.said(sandbox, painters, name)

        assert (said["image_url"], said["image_urls"]) == (URL, [URL])
        assert said["image_size"] == {"width": 256, "height": 128}

    def test_replicate_is_told_under_every_name(self, sandbox: SandboxClient, painters: dict[str, Painter]) -> None:
        said = self.said(sandbox, painters, "replicate")["input"]

        names = ("image", "images", "input_image", "input_images")
        assert [said[name] for name in names] == [URL, [URL], URL, [URL]]

    def test_together_is_told_as_the_model_wants_it(self, sandbox: SandboxClient, painters: dict[str, Painter]) -> None:
        said = self.said(sandbox, painters, "together")
        assert (said["image_url"], "reference_images" in said) == (URL, False)

        sandbox.clear_journal()
        flux_2 = Target(FLUX_2, "together", FLUX_2, IMAGE_TO_IMAGE)
        paint(painters, flux_2)
        said = sandbox.journal("router")[0]["body"]
        assert (said["reference_images"], "image_url" in said) == ([URL], False)

    def test_wavespeed(self, sandbox: SandboxClient, painters: dict[str, Painter]) -> None:
        assert self.said(sandbox, painters, "wavespeed")["image"] == URL

    def test_hf_inference_is_told_no_seed(self, sandbox: SandboxClient, painters: dict[str, Painter]) -> None:
        assert self.said(sandbox, painters, "hf-inference") == {
            "inputs": base64.b64encode(RED).decode(),
            "parameters": {"prompt": "at night", "target_size": {"width": 256, "height": 128}},
        }


class TestDiscovery:
    def test_keeps_the_tasks_apart(self, discovery: Discovery) -> None:
        from_words = {target.provider for target in discovery.targets(FLUX_2)}
        from_pictures = [(one.provider, one.provider_id) for one in discovery.targets(FLUX_2, IMAGE_TO_IMAGE)]

        assert from_words == {"replicate", "together", "wavespeed"}
        assert from_pictures == [("fal-ai", "fal-ai/flux-2/edit")]

    def test_finds_it_in_a_survey_too(self, discovery: Discovery) -> None:
        found = discovery.survey()

        assert {target.task for target in found[FLUX_2]} == {TEXT_TO_IMAGE, IMAGE_TO_IMAGE}
        assert KONTEXT not in found

    def test_knows_the_shipped_ones_while_the_hub_is_away(self, sandbox: SandboxClient, discovery: Discovery) -> None:
        sandbox.arm("hub", status=503, times=None)

        assert [one.provider for one in discovery.targets(FLUX_2, IMAGE_TO_IMAGE)] == ["fal-ai"]


class TestTheStudio:
    def paint(self, bench: Any, *models: str, others: tuple[str, ...] = (), **parameters: Any) -> Any:
        starters = (models[0], *others)
        order = PaintRequest(Prompt("at night"), Parameters(**parameters), models, source=RED, starters=starters)
        while True:
            try:
                return bench.dispatcher.paint(order, timeout_s=20, on_attempt=bench.attempts.append)
            except StillPainting as still:
                order = replace(order, handle=still.handle)

    def test_starts_from_the_picture_in_its_proportions(self, bench: Any) -> None:
        image, recipe = self.paint(bench, FLUX_2)

        assert (recipe.provider, recipe.over_picture, read_recipe(image.data)) == ("fal-ai", True, recipe)
        assert image.width / image.height == pytest.approx(2, rel=0.05)
        assert redness(image.data) > 80
        assert [attempt.service for attempt in bench.attempts] == ["fal-ai/image-to-image"] * 2

    def test_keeps_the_picture_out_of_the_handle(self, bench: Any) -> None:
        with pytest.raises(StillPainting) as still:
            bench.dispatcher.paint(
                PaintRequest(Prompt("at night"), Parameters(), (FLUX_2,), source=RED, starters=(FLUX_2,)),
                timeout_s=20,
                on_attempt=bench.attempts.append,
            )

        assert still.value.handle["brief"]["source"] is None

    def test_paints_from_words_where_nobody_starts_from_pictures(self, bench: Any) -> None:
        _, recipe = self.paint(bench, KREA, width=256, height=256)

        assert not recipe.over_picture

    def test_paints_from_words_where_the_one_who_can_refuses(self, bench: Any, sandbox: SandboxClient) -> None:
        sandbox.arm("router", path="/flux-2/edit", status=404, reply={"detail": "no such app"})

        _, recipe = self.paint(bench, FLUX_2)

        assert (recipe.provider, recipe.over_picture) == ("replicate", False)
        assert bench.outcomes[0] == ("fal-ai/image-to-image", "model_not_served")

    def test_waits_for_the_one_who_can_while_it_is_busy(self, bench: Any, sandbox: SandboxClient) -> None:
        sandbox.arm("router", path="/flux-2/edit", status=503)

        with pytest.raises(ServiceBusy):
            self.paint(bench, FLUX_2)

    def test_takes_another_that_can_where_the_wished_one_can_not(self, bench: Any) -> None:
        _, recipe = self.paint(bench, KREA, others=(FLUX_2,))

        assert (recipe.model, recipe.over_picture, recipe.strength) == (FLUX_2, True, None)

    def test_takes_the_next_of_the_others_while_one_is_busy(self, bench: Any, sandbox: SandboxClient) -> None:
        sandbox.arm("router", path="/flux-2/edit", status=503)

        _, recipe = self.paint(bench, KREA, others=(FLUX_2, Z_IMAGE))

        assert (recipe.model, recipe.provider) == (Z_IMAGE, "wavespeed")

    def test_waits_for_the_others_where_all_are_busy(self, bench: Any, sandbox: SandboxClient) -> None:
        sandbox.arm("router", path="/flux-2/edit", status=503)

        with pytest.raises(ServiceBusy):
            self.paint(bench, KREA, others=(FLUX_2,))

    def test_tells_of_a_picture_that_can_not_be_opened(self, bench: Any) -> None:
        wanted = PaintRequest(Prompt("at night"), Parameters(), (FLUX_2,), source=b"no picture", starters=(FLUX_2,))
        with pytest.raises(PictureUnreadable):
            bench.dispatcher.paint(wanted, timeout_s=20, on_attempt=bench.attempts.append)

    @pytest.mark.parametrize(("strength", "number"), [(None, 0.6), ("subtle", 0.35), ("strong", 0.85)])
    def test_goes_as_far_from_the_picture_as_is_wished(
        self, bench: Any, sandbox: SandboxClient, strength: str | None, number: float
    ) -> None:
        image, recipe = self.paint(bench, Z_IMAGE, strength=strength)

        [order] = [one for one in sandbox.journal("router") if one["method"] == "POST"]
        assert order["body"]["strength"] == recipe.strength == number
        assert read_recipe(image.data) == recipe

    @pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
    def test_tells_no_strength_to_models_that_edit_by_words(self, target: Target) -> None:
        assert not knows_strength(target)


class TestTheShape:
    @pytest.mark.parametrize(("size", "ratio"), [((640, 480), (640, 480)), ((900, 100), (400, 100)), ((1, 9), (1, 4))])
    def test_is_the_pictures_as_far_as_a_ratio_goes(self, size: tuple[int, int], ratio: tuple[int, int]) -> None:
        shaped = shaped_like(Parameters(), size)

        assert shaped.ratio == ratio
        request = request_for(Catalogue().model(FLUX_2), Prompt("a fox"), shaped, seed=1)
        assert min(request.width or 0, request.height or 0) >= 256

    @pytest.mark.parametrize("fixed", [{"ratio": (1, 1)}, {"width": 512}])
    def test_is_what_was_asked_for_if_it_was(self, fixed: dict[str, Any]) -> None:
        assert shaped_like(Parameters(**fixed), (640, 480)) == Parameters(**fixed)
