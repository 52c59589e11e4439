"""Gemini's own image models: what they are asked, how their answers are read, and whose turn it is."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any, cast

import PIL.Image
import pytest
from google.genai import types

from sandbox.client import SandboxClient
from services.worker.engine.user_keys import ClientPool, UserKeys
from services.worker.gemini.client import Gemini
from services.worker.gemini.images import ImageClient, ImageRequest, ratio_of, words_for
from services.worker.gemini.marks import mark
from services.worker.gemini.quotas import Quotas
from services.worker.images.decoder import Decoder
from services.worker.jobs.image_services import ImageServices, Part, parts_of
from services.worker.painters.circuit_breaker import CircuitBreaker
from services.worker.painters.discovery import Discovery
from services.worker.painters.dispatcher import PaintDispatcher, PaintRequest
from services.worker.painters.google import GooglePainter
from services.worker.painters.painter import IMAGE_TO_IMAGE, TEXT_TO_IMAGE
from shared.catalogue import GEMINI, USUAL_OF_GOOGLE, Catalogue, google_name
from shared.errors import (
    BadCredentials,
    BadPicture,
    GeminiBusy,
    KeyNeeded,
    ModelNotServed,
    NoPainterLeft,
    PictureRefused,
    QuotaExhausted,
)
from shared.jobs import Attempt, Image, Parameters, Prompt, Recipe
from shared.store.circuits import Circuits
from tests.builders import a_job

DEV, FLUX_2, KREA = "black-forest-labs/FLUX.1-dev", "black-forest-labs/FLUX.2-dev", "krea/Krea-2-Turbo"
PRO = "google/gemini-3-pro-image"
KEY = "AIzaSy-images"
QUOTA = {
    "error": {
        "code": 429,
        "status": "RESOURCE_EXHAUSTED",
        "message": "You exceeded your current quota",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": "0"}],
            }
        ],
    }
}


def a_picture(colour: str = "red", size: tuple[int, int] = (300, 200)) -> bytes:
    file = BytesIO()
    PIL.Image.new("RGB", size, colour).save(file, "JPEG")
    return file.getvalue()


@pytest.fixture
def client(sandbox: SandboxClient) -> Iterator[ImageClient]:
    gemini = Gemini(api_key=KEY, base_url=f"{sandbox.url}/gemini", api_version="v1beta", slots=2)
    yield ImageClient(gemini, quotas=Quotas(KEY))
    gemini.close()


class Bench:
    def __init__(self, dispatcher: PaintDispatcher) -> None:
        self.dispatcher = dispatcher
        self.attempts: list[Attempt] = []

    def paint(self, model: str = USUAL_OF_GOOGLE, source: bytes | None = None, **values: Any) -> tuple[Image, Recipe]:
        starters = (model,) if source else ()
        wanted = PaintRequest(
            Prompt("a fox at night"), Parameters(**values), (model,), idea="nachts", source=source, starters=starters
        )
        return self.dispatcher.paint(wanted, timeout_s=20, on_attempt=self.attempts.append)


@pytest.fixture
def googles(client: ImageClient, discovery: Discovery, circuits: Circuits, decoder: Decoder) -> Bench:
    painters = {GEMINI: GooglePainter(client, decoder)}
    return Bench(PaintDispatcher(painters, discovery, CircuitBreaker(circuits), decoder=decoder))


def asked(sandbox: SandboxClient) -> dict[str, Any]:
    [call] = sandbox.journal("gemini")
    body: dict[str, Any] = call["body"]
    return body


class TestItsModels:
    @pytest.mark.parametrize(
        ("model", "name"),
        [
            (USUAL_OF_GOOGLE, "gemini-3.1-flash-image"),
            ("google/gemini-4-flash-image-001", "gemini-4-flash-image-001"),
            ("google/gemma-3", None),
            ("google/../gemini-image", None),
            (DEV, None),
        ],
    )
    def test_are_known_by_their_names(self, model: str, name: str | None) -> None:
        assert google_name(model) == name

    def test_are_googles_for_both_tasks_and_the_hub_is_not_asked(
        self, sandbox: SandboxClient, discovery: Discovery
    ) -> None:
        for task in (TEXT_TO_IMAGE, IMAGE_TO_IMAGE):
            [target] = discovery.targets(PRO, task)
            assert (target.provider, target.provider_id, target.task) == (GEMINI, "gemini-3-pro-image", task)
        assert sandbox.journal("hub") == []


class TestAPicture:
    def test_is_painted_from_the_prompt_in_its_ratio(self, sandbox: SandboxClient, googles: Bench) -> None:
        image, recipe = googles.paint(ratio=(16, 9))

        assert image.width / image.height == pytest.approx(16 / 9, rel=0.05)
        assert (recipe.model, recipe.provider, recipe.seed) == (USUAL_OF_GOOGLE, GEMINI, None)
        body = asked(sandbox)
        assert body["contents"][0]["parts"] == [{"text": "a fox at night"}]
        assert body["generationConfig"] == {"responseModalities": ["IMAGE"], "imageConfig": {"aspectRatio": "16:9"}}
        [attempt] = googles.attempts
        assert (attempt.step, attempt.service, attempt.status, attempt.pictures) == ("image", GEMINI, 200, 1)
        assert attempt.request_id

    def test_is_changed_by_words_and_keeps_its_ratio(self, sandbox: SandboxClient, googles: Bench) -> None:
        image, recipe = googles.paint(source=a_picture())

        assert image.width / image.height == pytest.approx(1.5, rel=0.05)
        assert (recipe.over_picture, recipe.strength) == (True, None)
        seen, told = asked(sandbox)["contents"][0]["parts"]
        assert "inlineData" in seen
        assert mark("nachts", "idea") in told["text"]
        assert "a fox at night" in told["text"]
        assert [one.service for one in googles.attempts] == ["gemini/image-to-image"]

    def test_is_asked_for_without_what_a_model_does_not_know(self, sandbox: SandboxClient, googles: Bench) -> None:
        message = (
            "Invalid JSON payload received. Unknown name \"imageConfig\" at 'generation_config': Cannot find field."
        )
        sandbox.arm(
            "gemini",
            status=400,
            reply={"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": message}},
        )

        googles.paint()

        first, second = sandbox.journal("gemini")
        assert "imageConfig" in first["body"]["generationConfig"]
        assert second["body"]["generationConfig"] == {}


class TestWhatIsRefused:
    @pytest.mark.parametrize("preset", ["prompt_blocked", "safety"])
    def test_by_safety_is_for_the_person_to_change(self, sandbox: SandboxClient, googles: Bench, preset: str) -> None:
        reply: dict[str, Any] = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}
        if preset == "safety":
            reply = {"candidates": [{"finishReason": "IMAGE_SAFETY", "content": {"role": "model"}}]}
        sandbox.arm("gemini", status=200, reply=reply)

        with pytest.raises(PictureRefused):
            googles.paint()

        assert (googles.attempts[0].outcome, googles.attempts[0].pictures) == ("picture_refused", 0)

    @pytest.mark.parametrize(
        ("status", "error", "kind"),
        [
            (429, QUOTA["error"], QuotaExhausted),
            (503, {"status": "UNAVAILABLE", "message": "overloaded"}, GeminiBusy),
            (404, {"status": "NOT_FOUND", "message": "models/x is not found"}, NoPainterLeft),
            (400, {"status": "INVALID_ARGUMENT", "message": "API key not valid. Please pass one."}, BadCredentials),
        ],
    )
    def test_is_sorted_as_all_that_gemini_says(
        self, sandbox: SandboxClient, googles: Bench, status: int, error: dict[str, Any], kind: type[Exception]
    ) -> None:
        sandbox.arm("gemini", status=status, reply={"error": {"code": status, **error}}, times=None)

        with pytest.raises(kind):
            googles.paint()

        assert googles.attempts[0].status == status
        assert googles.attempts[0].pictures == 0

    def test_for_want_of_quota_is_not_asked_for_again_today(self, sandbox: SandboxClient, googles: Bench) -> None:
        sandbox.arm("gemini", status=429, reply=QUOTA)
        for _ in range(2):
            with pytest.raises(QuotaExhausted):
                googles.paint()

        assert len(sandbox.journal("gemini")) == 1

    def test_with_words_alone_is_no_picture(self, sandbox: SandboxClient, googles: Bench) -> None:
        content = {"role": "model", "parts": [{"text": "I would rather talk about it."}]}
        sandbox.arm("gemini", reply={"candidates": [{"finishReason": "NO_IMAGE", "content": content}]})

        with pytest.raises(BadPicture):
            googles.paint()


class TestItsWords:
    def test_can_not_end_their_own_marks(self) -> None:
        words = words_for(ImageRequest("p", "x</idea> y", source=b"."))

        assert words.count("</idea>") == 1

    @pytest.mark.parametrize(
        ("size", "source", "ratio"),
        [
            ((1344, 768), None, "16:9"),
            ((1024, 1024), None, "1:1"),
            ((1000, 700), None, "3:2"),
            ((1000, 760), b".", "4:3"),
            ((1000, 850), b".", None),
            ((None, None), None, None),
        ],
    )
    def test_name_the_nearest_ratio_but_beside_a_picture_that_has_another(
        self, size: tuple[int | None, int | None], source: bytes | None, ratio: str | None
    ) -> None:
        assert ratio_of(ImageRequest("p", width=size[0], height=size[1], source=source)) == ratio

    def test_are_taken_by_the_library(self) -> None:
        assert types.Modality.IMAGE == "IMAGE"


def an_order(*models: str, starters: tuple[str, ...] = (), **values: Any) -> PaintRequest:
    source = b"." if starters else None
    return PaintRequest(Prompt("a fox"), Parameters(), models, source=source, starters=starters, **values)


def plan(order: PaintRequest, *, edits: bool = False) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Service, models that start from the picture, models that paint from words."""
    parts: list[Part] = parts_of(order, Catalogue(), edits=edits)
    return [("google" if one.is_googles else "hub", one.order.starters, one.order.models) for one in parts]


class TestTheOrderOfTheServices:
    def test_is_the_wished_models_first(self) -> None:
        assert plan(an_order(DEV, KREA)) == [("hub", (), (DEV, KREA))]
        assert plan(an_order(PRO, DEV)) == [("google", (), (PRO,)), ("hub", (), (DEV,))]
        assert plan(an_order(DEV, PRO)) == [("hub", (), (DEV,)), ("google", (), (PRO,))]

    def test_leaves_edits_to_the_hubs_models_unless_the_owner_allows_more(self) -> None:
        order = an_order(KREA, DEV, starters=(KREA, FLUX_2))

        assert plan(order) == [("hub", (KREA, FLUX_2), (KREA, DEV))]
        assert plan(order, edits=True) == [("google", (USUAL_OF_GOOGLE,), ()), ("hub", (FLUX_2,), (KREA, DEV))]

    def test_asks_a_wished_model_first_that_starts_from_pictures_itself(self) -> None:
        order = an_order(FLUX_2, DEV, starters=(FLUX_2,))

        assert plan(order, edits=True) == [
            ("hub", (FLUX_2,), ()),
            ("google", (USUAL_OF_GOOGLE,), ()),
            ("hub", (), (FLUX_2, DEV)),
        ]

    def test_goes_on_with_what_is_under_way(self) -> None:
        assert plan(an_order(PRO, DEV, handle={"order": {}})) == [("hub", (), (DEV,)), ("google", (), (PRO,))]


class Nobody:
    """The keys of people who brought none."""

    def of(self, *_: object) -> None:
        return None


class Failing:
    def __init__(self, error: Exception | str) -> None:
        self.error = error if isinstance(error, Exception) else AssertionError(error)
        self.asked = 0

    def paint(self, *_: object, **__: object) -> Any:
        self.asked += 1
        raise self.error


class TestTwoServices:
    def paint(self, order: PaintRequest, hub: Failing | None, google: Failing | None) -> None:
        def pool(service: str, one: Failing | None) -> Any:
            return ClientPool(cast("UserKeys", Nobody()), service, one, Failing)

        services = ImageServices(Catalogue(), pool("huggingface", hub), pool("google", google))
        services.paint(order, a_job(), timeout_s=5, noting=lambda _: lambda _: None)

    def test_take_over_from_each_other_what_one_can_not_do(self) -> None:
        hub, google = Failing(NoPainterLeft("nobody")), Failing(QuotaExhausted("spent"))

        with pytest.raises(QuotaExhausted):
            self.paint(an_order(PRO, DEV), hub, google)

        assert (hub.asked, google.asked) == (1, 1)

    @pytest.mark.parametrize("error", [PictureRefused("no"), GeminiBusy("busy"), BadCredentials("bad key")])
    def test_leave_to_the_first_what_it_decides(self, error: Exception) -> None:
        hub = Failing(ModelNotServed("gone"))

        with pytest.raises(type(error)):
            self.paint(an_order(PRO, DEV), hub, Failing(error))

        assert hub.asked == 0

    def test_need_a_key_of_the_wished_models_service(self) -> None:
        with pytest.raises(KeyNeeded):
            self.paint(an_order(PRO, DEV), Failing(NoPainterLeft("nobody")), None)
