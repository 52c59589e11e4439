"""How a question is put: to which model, with which fields, and what to change when that failed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from google.genai import types

from services.worker.gemini.errors import FieldRefused, ModelGone
from services.worker.gemini.models import family_of
from services.worker.gemini.quotas import Quotas
from shared.chat_models import plain_name, shipped
from shared.errors import QuotaExhausted, UnexpectedAnswer
from shared.jobs import Writing

MAX_CALLS = 8  # for one question: successors, refused fields and a second try together
BLOCK_ONLY_HIGH: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(
        (
            "HARM_CATEGORY_HARASSMENT",
            "HARM_CATEGORY_HATE_SPEECH",
            "HARM_CATEGORY_SEXUALLY_EXPLICIT",
            "HARM_CATEGORY_DANGEROUS_CONTENT",
        ),
        "BLOCK_ONLY_HIGH",
    )
)


@dataclass(frozen=True, slots=True)
class RequestPlan:
    """How to ask: what changes from one call to the next.

    Attributes:
        refused: Fields that this model did not take; keys of ``failures.REFUSABLE``.
        roomy: Whether to give more room and think less.
        gone: Models that no longer exist, in the order in which this question was put to them.
        spent: Models whose quota of the day this question found used up.
    """

    model: str
    refused: frozenset[str] = frozenset()
    roomy: bool = False
    gone: tuple[str, ...] = ()
    spent: tuple[str, ...] = ()

    def takes(self, field: str) -> bool:
        """Whether a field may be sent; a key of ``failures.REFUSABLE``."""
        return field not in self.refused


class Fallbacks:
    """Finds the way from one call to the next, and remembers what led to an answer. For any number of threads.

    Args:
        usual: The chat model, unless a question names another.
        quotas: Knows which models have nothing left today.
    """

    def __init__(self, usual: str, quotas: Quotas) -> None:
        self._usual = plain_name(usual)
        self._quotas = quotas
        # What one question found out, the next need not find out again. Threads may write at once: each entry is put
        # in one step, and two that find the same out write the same.
        self._known: dict[str, RequestPlan] = {}

    def first(self, wished: str | None) -> RequestPlan:
        """How to ask for the first time.

        Raises:
            QuotaExhausted: No model that we know has anything left today.
        """
        model = plain_name(wished or self._usual)
        plan = self._known.get(model, RequestPlan(model))
        return self._elsewhere((), (plan.model,)) if self._quotas.used_up(plan.model) else plan

    def after(self, plan: RequestPlan, failure: ModelGone | QuotaExhausted | FieldRefused) -> RequestPlan:
        """How to ask after a call that failed.

        Raises:
            QuotaExhausted: No model that we know has anything left today.
            UnexpectedAnswer: No model is left, or one refuses what it was not sent.
        """
        match failure:
            case ModelGone():
                return self._elsewhere((*plan.gone, plan.model), plan.spent)
            case QuotaExhausted():
                self._quotas.note_used_up(plan.model)
                return self._elsewhere(plan.gone, (*plan.spent, plan.model))
            case FieldRefused(field) if plan.takes(field):
                return replace(plan, refused=plan.refused | {field})
            case FieldRefused(field):
                raise UnexpectedAnswer(f"Gemini refuses {field}, which was not sent")

    def remember(self, wished: str | None, plan: RequestPlan) -> None:
        """Take this way at once next time, unless it is one for today alone."""
        if not plan.spent:
            self._known[plain_name(wished or self._usual)] = RequestPlan(plan.model, plan.refused)

    def _elsewhere(self, gone: tuple[str, ...], spent: tuple[str, ...]) -> RequestPlan:
        """Instead of models that failed ask the last one's successor, the usual one, one with a quota of its own."""
        heir = family_of(gone[-1]).successor if gone else None
        # Aliases such as gemini-flash-latest are no help: they share a model's quota.
        for model in (heir, self._usual, *(shipped() if spent else ())):
            if model and model not in gone and model not in spent and not self._quotas.used_up(model):
                return RequestPlan(model, gone=gone, spent=spent)
        if spent:
            raise QuotaExhausted("no chat model has anything left today")
        raise UnexpectedAnswer("Gemini serves neither this chat model nor a successor")


def request_fields(
    plan: RequestPlan, writing: Writing, safety: Mapping[str, str], *, output_tokens: int
) -> dict[str, Any]:
    """What is sent beside the words, of the fields that the model takes.

    Args:
        safety: Threshold by harm category, in Gemini's words.
        output_tokens: The longest answer, thoughts included, as far as the model goes.
    """
    family = family_of(plan.model)
    sent: dict[str, Any] = {}
    if plan.takes("safety"):
        sent["safety_settings"] = [
            types.SafetySetting(category=types.HarmCategory(category), threshold=types.HarmBlockThreshold(threshold))
            for category, threshold in safety.items()
        ]
    if family.thinking and plan.takes("thinking"):
        sent["thinking_config"] = family.thinking.config(least=plan.roomy)
    if family.sampling and plan.takes("sampling"):
        chosen = {"temperature": writing.temperature, "top_p": writing.top_p, "top_k": writing.top_k}
        sent |= {name: value for name, value in chosen.items() if value is not None}
    if plan.takes("output_tokens"):
        sent["max_output_tokens"] = min(output_tokens, family.output_tokens)
    return sent
