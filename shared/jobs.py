"""Jobs and their parts, from the idea to the delivered photo. Frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from shared.json_types import JsonObject


class State(StrEnum):
    """Where a job or an errand stands. ``queued`` → ``working`` ⇄ ``waiting`` → one of ``ENDED``.

    A job is ``held`` before it is queued while its person has as many pictures in flight as one may have, or while
    its batch is paused.
    """

    HELD = "held"
    QUEUED = "queued"
    WORKING = "working"
    WAITING = "waiting"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({State.FINISHED, State.FAILED, State.CANCELLED})


# How far a model may go from the picture that it starts from; 1 leaves nothing of it.
STRENGTHS: Mapping[str, float] = MappingProxyType({"subtle": 0.35, "medium": 0.6, "strong": 0.85})
USUAL_STRENGTH = "medium"

FOLLOW_UP = "follow"  # how the origin of a follow-up begins
VARIATION = "vary"


class Stage(StrEnum):
    """What people are told about a job under way; the state decides, the stage explains."""

    QUEUED = "queued"
    WRITING = "writing"
    PAINTING = "painting"
    WAKING = "waking"
    RETRYING = "retrying"
    SENDING = "sending"


@dataclass(frozen=True, slots=True)
class Sender:
    """The Telegram user who asked."""

    id: int
    language: str = "en"  # IETF tag as Telegram gives it, e.g. "pt-br"


@dataclass(frozen=True, slots=True)
class Address:
    """The message that asked, so that the answer finds its chat, topic and bubble.

    Attributes:
        press: Telegram's id of the press that asked, where it was a button under the message.
        part: Which batch, and which of its requests, ``12.0``: a batch's message asks for many.
        album: Telegram's id of the album whose messages ask together.
    """

    bot_id: int
    chat_id: int
    message_id: int
    topic_id: int | None = None
    private: bool = True
    press: str | None = None
    part: str | None = None
    album: str | None = None

    @property
    def request_key(self) -> str:
        """What makes two requests in a chat two: message or album that asked, a button's press, or a batch's part."""
        if self.part is not None:
            return f"b{self.part}"
        if self.album is not None:
            return f"a{self.album}"
        return f"m{self.message_id}" if self.press is None else f"p{self.press}"


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a request may fix about its picture; None leaves the choice to the model.

    Attributes:
        model: HuggingFace model id ``org/name``.
        seed: 0 to 2**32 - 1.
        width, height: Pixels; rounded to what the model can.
        steps: Denoising steps.
        guidance: Guidance scale.
        ratio: Width to height; goes before ``width`` and ``height``, which it leaves to the model's own area.
        style: Name of a style (``shared.styles``).
        raw: Whether the idea is the prompt, as it was typed.
        as_file: Whether the picture comes as a file, not as a photo that Telegram compresses.
        negative: What should not be seen, in the user's words, on one line.
        describe: Whether a picture that the idea speaks of is only described, and not started from.
        strength: Of ``STRENGTHS``, for a model that starts from a picture and knows one.
        upscale: How many times as large each way the request's picture is to be, and nothing else; no model is asked.
    """

    model: str | None = None
    seed: int | None = None
    width: int | None = None
    height: int | None = None
    steps: int | None = None
    guidance: float | None = None
    ratio: tuple[int, int] | None = None
    style: str | None = None
    raw: bool = False
    negative: str | None = None
    as_file: bool = False
    describe: bool = False
    strength: str | None = None
    upscale: int | None = None


@dataclass(frozen=True, slots=True)
class Writing:
    """How Gemini is to write, as the person chose it; None leaves it to the owner's settings or to the model.

    Attributes:
        model: The chat model's name, without ``models/``.
        temperature: 0 to the model's own limit, at most 2.
        top_p: 0 to 1.
        top_k: Words to choose from, 1 or more.
        prompt_tokens: The longest prompt for a diffusion model.
        output_tokens: The longest answer in a chat.
    """

    model: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that somebody sent along, as it lies in the image store."""

    key: str
    media_type: str


@dataclass(frozen=True, slots=True)
class Request:
    """An idea with its parameters.

    Attributes:
        idea: As it was typed; empty where a picture alone says what is wanted.
        count: How many pictures of it; each becomes a job.
        writing: How the prompt is to be written.
        picture: What the idea speaks of: Gemini looks at it, and a model that can starts from it.
        subject: The words that the idea speaks of: what is to be seen, where the idea says how. Empty without any.
    """

    idea: str
    parameters: Parameters = field(default_factory=Parameters)
    count: int = 1
    writing: Writing = field(default_factory=Writing)
    picture: Picture | None = None
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a request was made from.

    Attributes:
        parent_id: The job whose picture it goes back to.
        origin: How: ``again``, ``vary``, ``rest``, ``edit``, ``ratio 16:9``, ``model org/name``, ``strength subtle``,
            ``upscale``, ``follow 17`` for a follow-up and the message that asked for it. While such a job is under way,
            the same one is not made twice.
        prompt: What to paint, when it is known already.
        each: The parameters of each picture, where they don't follow from the request's.
        prompts: The prompt of each picture, where they differ; None for one that is not written yet.
    """

    parent_id: int
    origin: str
    prompt: "Prompt | None" = None
    each: tuple[Parameters, ...] = ()
    prompts: "tuple[Prompt | None, ...]" = ()

    @classmethod
    def following(cls, parent_id: int, message_id: int) -> "Lineage":
        """That of a picture whose idea says what shall be different from its parent's."""
        return cls(parent_id, f"{FOLLOW_UP} {message_id}")


@dataclass(frozen=True, slots=True)
class Prompt:
    """What Gemini made of an idea.

    Attributes:
        text: English, within the target model's token limit.
        negative: What should not be seen; empty where nothing should be said.
        title: A few words in the idea's language, for the caption.
        language: IETF tag of the idea's language.
        model: The chat model that wrote it; None when these are the user's own words.
    """

    text: str
    negative: str = ""
    title: str = ""
    language: str = "en"
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """The picture that a new one goes back to: its idea, as it was typed, and its prompt.

    Attributes:
        variation: Which of its variations the new one is, from 0; None where the new idea changes it.
    """

    idea: str
    prompt: str
    variation: int | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """A picture's bytes, and their media type as the bytes themselves tell it (``image/jpeg``)."""

    data: bytes = field(repr=False)
    media_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call to a service on a job's behalf, for the record.

    Attributes:
        step: ``prompt`` or ``image``.
        service: ``gemini``, or the HuggingFace provider, such as ``fal-ai``; ``fal-ai/image-to-image`` where it was to
            start from a picture.
        status: HTTP status; None when no answer came.
        request_id: The service's own id for the call.
        duration_ms: Milliseconds.
        outcome: ``ok``, or the reason of the error that came of it.
        detail: What the log may know, without the user's words.
        pictures: Paid for with this call; -1 takes back an order that came to nothing.
        megapixels: Of the picture that was ordered.
        tokens_in, tokens_out: That Gemini read, and wrote, thoughts included.
        owner_pays: Whether it was made on the owner's key.
        cost: To the owner, in millionths of a dollar.
    """

    step: str
    service: str
    model: str
    duration_ms: int
    outcome: str = "ok"
    status: int | None = None
    request_id: str | None = None
    detail: str | None = None
    pictures: int = 0
    megapixels: float = 1.0
    tokens_in: int = 0
    tokens_out: int = 0
    owner_pays: bool = False
    cost: int = 0


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a picture was made with: enough to make it again.

    Attributes:
        provider: The HuggingFace provider that painted.
        seed: The seed that was sent, or the one that the provider told; None when the model takes none.
        over_picture: Whether the model started from a picture, not from the prompt alone.
        strength: How far it was to go from that picture, 0 to 1; None where it can't be told.
    """

    model: str
    provider: str
    prompt: str
    negative: str = ""
    seed: int | None = None
    width: int | None = None
    height: int | None = None
    steps: int | None = None
    guidance: float | None = None
    over_picture: bool = False
    strength: float | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One picture on its way, as its row was when it was read.

    Attributes:
        number: Place among the pictures of one request, from 0; number 0 carries the status message.
        parent_id: The job whose picture this one goes back to.
        origin: How it came from its parent (``Lineage.origin``).
        batch_id: The batch that it belongs to; None where it was asked for alone.
        owner_pays: Whether it was taken in to be painted on the owner's key.
        line: Which of the batch's requests it is for, from 0.
        deadline: When we give up; counted from the first claim, None before it.
        claims: How often a worker took the job, this time included.
        failures: Failed tries of the present step; starts again with each step that is done.
        not_before: While waiting: when the next try is due.
        estimate_s: While waiting: how many seconds the service said it would take.
        handle: A provider's order that is still being painted (``StillPainting.handle``).
        reason: Why it waits or failed: an error's ``reason``.
        worker: Who holds the lease.
        status_shown: What the status message says at present.
        status_sending_since: From then on a status message may be in the chat whose number nobody wrote down.
        status_after: That message's number is higher than this.
        sending_before: An earlier delivery was begun then, and nobody wrote down how it ended.
        undelivered_reason: Why its delivery was given up; None: it was delivered, or still may be.
    """

    id: int
    address: Address
    sender: Sender
    number: int
    request: Request
    state: State
    stage: Stage
    created_at: datetime
    parent_id: int | None = None
    origin: str | None = None
    batch_id: int | None = None
    owner_pays: bool = True
    line: int | None = None
    deadline: datetime | None = None
    claims: int = 0
    failures: int = 0
    not_before: datetime | None = None
    estimate_s: float | None = None
    prompt: Prompt | None = None
    recipe: Recipe | None = None
    handle: JsonObject | None = None
    image_key: str | None = None
    media_type: str | None = None
    reason: str | None = None
    worker: str | None = None
    status_message_id: int | None = None
    status_shown: str | None = None
    status_sending_since: datetime | None = None
    status_after: int | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    sending_before: datetime | None = None
    delivery_tries: int = 0
    delivered_message_id: int | None = None
    file_id: str | None = None
    undelivered_reason: str | None = None

    @property
    def is_removed(self) -> bool:
        """Whether its picture was made, and removed from the record later."""
        return self.state is State.FINISHED and self.media_type is None  # Its original may be gone without that.

    @property
    def is_follow_up(self) -> bool:
        """Whether the idea says what shall be different from the parent's picture."""
        return self.origin is not None and self.origin.partition(" ")[0] == FOLLOW_UP

    @property
    def is_variation(self) -> bool:
        """Whether it is to be the parent's picture in another way; each of several has a prompt of its own."""
        return self.origin == VARIATION
