"""What a person, or a group, chose once for all that they ask for. Frozen; in the record as JSON."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.jobs import Request, Writing

# As far as any model goes; a chat model's own card may draw closer limits.
MAX_TEMPERATURE = 2.0
MAX_TOP_K = 1_000
LEAST_PROMPT_TOKENS, MAX_PROMPT_TOKENS = 10, 2_048
LEAST_OUTPUT_TOKENS, MAX_OUTPUT_TOKENS = 16, 65_536

RATIOS = ("1:1", "4:3", "3:4", "3:2", "2:3", "16:9", "9:16", "21:9")  # that are offered; a message may name others

Name = Annotated[str, Field(min_length=1, max_length=192)]
Side = Annotated[int, Field(ge=1, le=100)]


class Preferences(BaseModel):
    """The choices that hold where a message fixes nothing; None leaves one to the owner's settings or to the model.

    Attributes:
        chat_model: The chat model's name, without ``models/``.
        image_model: ``org/name`` on the Hub.
        temperature, top_p, top_k: How freely the chat model chooses its words.
        prompt_tokens: The longest prompt for a diffusion model.
        output_tokens: The longest answer in a chat.
        ratio: Width to height.
        style: Name of a style.
        as_file: Whether pictures come as files, not as photos that Telegram compresses.
        rewriting: Whether Gemini makes a prompt of an idea; otherwise the idea is the prompt.
        photos: Whether pictures that ideas speak of are started from; otherwise they are only described.
        language: One of ours, as gettext names it (``pt_BR``); None: the one that Telegram tells.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    chat_model: Name | None = None
    image_model: Name | None = None
    temperature: float | None = Field(default=None, ge=0, le=MAX_TEMPERATURE)
    top_p: float | None = Field(default=None, ge=0, le=1)
    top_k: int | None = Field(default=None, ge=1, le=MAX_TOP_K)
    prompt_tokens: int = Field(default=80, ge=LEAST_PROMPT_TOKENS, le=MAX_PROMPT_TOKENS)
    output_tokens: int = Field(default=2_048, ge=LEAST_OUTPUT_TOKENS, le=MAX_OUTPUT_TOKENS)
    ratio: tuple[Side, Side] | None = None
    style: Name | None = None
    as_file: bool = False
    rewriting: bool = True
    photos: bool = True
    language: Name | None = None

    @classmethod
    def from_json(cls, kept: object) -> Self:
        """Read what was kept; what is unknown or bad is as if it had never been chosen."""
        values = dict(kept) if isinstance(kept, Mapping) else {}
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            bad = {place["loc"][0] for place in error.errors()}
            return cls.model_validate({name: value for name, value in values.items() if name not in bad})

    def to_json(self) -> dict[str, object]:
        """Write down what was chosen, and nothing of what is usual: that may change with a later version."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def but(self, **changes: object) -> Self:
        """Choose something else.

        Raises:
            ValueError: It is no choice, or out of any model's range.
        """
        unknown = changes.keys() - type(self).model_fields.keys()
        if unknown:
            raise ValueError(f"no such preferences: {', '.join(sorted(unknown))}")
        return self.model_validate(self.model_dump() | changes)

    def writing(self) -> Writing:
        """How Gemini is to write."""
        return Writing(
            model=self.chat_model,
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            prompt_tokens=self.prompt_tokens,
            output_tokens=self.output_tokens,
        )

    def defaults_for(self, request: Request) -> Request:
        """Fill in what a message did not fix."""
        given = request.parameters
        sized = given.ratio is not None or given.width is not None or given.height is not None
        filled = replace(
            given,
            model=given.model or self.image_model,
            ratio=given.ratio if sized else self.ratio,
            style=given.style or self.style,
            # Without words there is nothing to paint as it was typed: Gemini looks at the picture.
            raw=given.raw or (not self.rewriting and bool(request.idea)),
            as_file=given.as_file or self.as_file,
            describe=given.describe or not self.photos,
        )
        return replace(request, parameters=filled, writing=self.writing())
