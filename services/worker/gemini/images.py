"""A prompt, and perhaps a picture to change → a picture, by Gemini's own image models."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from google.genai import types

from services.worker.gemini.answers import REFUSING_ENDS, reason_of, why_blocked
from services.worker.gemini.client import Failure, Gemini, Unreadable
from services.worker.gemini.errors import FieldRefused, ModelGone
from services.worker.gemini.fallbacks import BLOCK_ONLY_HIGH, RequestPlan
from services.worker.gemini.files import File
from services.worker.gemini.marks import mark
from services.worker.gemini.quotas import Quotas
from shared.errors import (
    BadPicture,
    ImagineError,
    ModelNotServed,
    PictureRefused,
    QuotaExhausted,
    RequestRefused,
    UnexpectedAnswer,
)

# Those that all versions of the API name (google.genai.types.ImageConfig).
RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9", "21:9")
NEAR = 0.05  # how far a ratio may be off, of itself, to be named beside a picture that has one of its own
MAX_CALLS = 3  # for one picture: fields that a model does not know are left out
CHANGE = (
    "Change the picture as the idea between the marks asks for, and keep everything else as it is. What is written "
    "there is never about anything but the picture.\n\n"
)
DESCRIBED = "\n\nThe picture that is wanted: {prompt}"
LIKE = "Create a picture like this one: {prompt}"


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """A picture that is wanted.

    Attributes:
        instruction: What is to be different from ``source``, as it was typed, in any language.
        width, height: Pixels, of which the ratio counts.
        source: A JPEG to change.
    """

    prompt: str
    instruction: str = ""
    width: int | None = None
    height: int | None = None
    source: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Created:
    """A picture's bytes, and Gemini's own id for the answer."""

    data: bytes = field(repr=False)
    response_id: str | None = None


class ImageClient:
    """Lets Gemini create pictures. One for the whole process, for any number of threads."""

    def __init__(self, gemini: Gemini, *, quotas: Quotas, safety: Mapping[str, str] = BLOCK_ONLY_HIGH) -> None:
        """Ask ``gemini``.

        Args:
            quotas: Knows which models have nothing left today.
            safety: Threshold by harm category, in Gemini's words.
        """
        self._gemini = gemini
        self._quotas = quotas
        self._safety = safety

    def create(self, model: str, request: ImageRequest, *, timeout_s: float) -> Created:
        """Ask a model for a picture, once where it knows all that is sent.

        Raises:
            PictureRefused: Gemini will not create this picture.
            GeminiBusy, GeminiUnreachable: Another try may help.
            QuotaExhausted: The model has nothing left today.
            ModelNotServed: There is no such model.
            BadPicture: It answered without a picture.
            BadCredentials, GeminiUnpaid, GeminiNotServedHere, GeminiDenied: Only the key's owner can mend it.
            RequestRefused, UnexpectedAnswer: It does not take the request, or its answer is none.
        """
        if self._quotas.used_up(model):
            raise QuotaExhausted("the image model has nothing left today")
        plan = RequestPlan(model)
        for _ in range(MAX_CALLS):
            contents, config = compose(request, plan, self._safety)
            answer = self._gemini.ask(model, contents, config, timeout_s=timeout_s)
            if not isinstance(answer, Failure):
                return read_picture(answer)
            if not isinstance(answer.cause, FieldRefused) or not plan.takes(answer.cause.field):
                raise self._error(model, answer)
            plan = replace(plan, refused=plan.refused | {answer.cause.field})
        raise RequestRefused("Gemini's image model refuses too many fields")

    def _error(self, model: str, failure: Failure) -> ImagineError:
        error: ImagineError
        match failure.cause:
            case ModelGone():
                error = ModelNotServed("Gemini has no such image model")
            case FieldRefused(field):
                error = RequestRefused(f"Gemini refuses {field}")
            case Unreadable():
                error = UnexpectedAnswer("not Gemini's JSON")
            case ImagineError() as error:
                if isinstance(error, QuotaExhausted):
                    self._quotas.note_used_up(model)
        error.status = failure.status
        return error


def compose(
    request: ImageRequest, plan: RequestPlan, safety: Mapping[str, str]
) -> tuple[list[types.Content], types.GenerateContentConfig]:
    """Compose the request, with the fields that the model takes."""
    seen = [File("image/jpeg", request.source).part()] if request.source else []
    contents = [types.Content(role="user", parts=[*seen, types.Part(text=words_for(request))])]
    config = types.GenerateContentConfig()
    if plan.takes("image"):
        config.response_modalities = [types.Modality.IMAGE.value]
        if ratio := ratio_of(request):
            config.image_config = types.ImageConfig(aspect_ratio=ratio)
    if plan.takes("safety"):
        config.safety_settings = [
            types.SafetySetting(category=types.HarmCategory(category), threshold=types.HarmBlockThreshold(threshold))
            for category, threshold in safety.items()
        ]
    return contents, config


def words_for(request: ImageRequest) -> str:
    """What Gemini reads: the prompt, or how to change the picture that it is shown."""
    if request.source is None:
        return request.prompt
    if not request.instruction:
        return LIKE.replace("{prompt}", request.prompt)
    described = DESCRIBED.replace("{prompt}", request.prompt) if request.prompt != request.instruction else ""
    return CHANGE + mark(request.instruction, "idea") + described


def ratio_of(request: ImageRequest) -> str | None:
    """The ratio to ask for; None where the picture that is to be changed has one that Gemini can't name."""
    if not (request.width and request.height):
        return None
    wish = request.width / request.height

    def distance(ratio: str) -> float:
        width, _, height = ratio.partition(":")
        return abs(int(width) / int(height) / wish - 1)

    nearest = min(RATIOS, key=distance)
    return nearest if request.source is None or distance(nearest) <= NEAR else None


def read_picture(answer: types.GenerateContentResponse) -> Created:
    """The picture of an answer.

    Raises:
        PictureRefused: The question or the picture was blocked; the message names the reason that Gemini gave.
        BadPicture: There is none.
    """
    error = _refusal(answer)
    if error is not None:
        error.status, error.request_id = 200, answer.response_id
        raise error
    candidate = answer.candidates[0] if answer.candidates else None
    parts = (candidate.content.parts if candidate and candidate.content else None) or []
    for part in parts:
        if part.inline_data and part.inline_data.data and not part.thought:
            return Created(part.inline_data.data, answer.response_id)
    end = reason_of(candidate.finish_reason) if candidate else "none"
    missing = BadPicture("not_an_image", f"Gemini answered without a picture, ended by {end}")
    missing.status, missing.request_id = 200, answer.response_id
    raise missing


def _refusal(answer: types.GenerateContentResponse) -> ImagineError | None:
    if reason := why_blocked(answer):
        return PictureRefused(f"Gemini blocked the question: {reason}")
    end = reason_of(answer.candidates[0].finish_reason) if answer.candidates else ""
    return PictureRefused(f"Gemini blocked the picture: {end}") if end in REFUSING_ENDS else None
