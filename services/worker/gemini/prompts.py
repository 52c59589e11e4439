"""Idea → prompt: lets Gemini write what a diffusion model wants to read, and asks otherwise where that fails."""

import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from google.genai import types

from services.worker.gemini.answers import Draft, Garbled, Unfinished, read_answer, salvage, tokens_of
from services.worker.gemini.client import Failure, Gemini, Unreadable
from services.worker.gemini.errors import FieldRefused, ModelGone
from services.worker.gemini.fallbacks import BLOCK_ONLY_HIGH, MAX_CALLS, Fallbacks, RequestPlan
from services.worker.gemini.postprocess import finish
from services.worker.gemini.prompt_request import PromptRequest, compose_request
from services.worker.gemini.quotas import Quotas
from services.worker.gemini.transport import Rehearsal
from shared.chat_models import plain_name
from shared.errors import (
    GeminiUnreachable,
    IdeaRefused,
    ImagineError,
    ModelNotServed,
    QuotaExhausted,
    RequestRefused,
    UnexpectedAnswer,
)
from shared.jobs import Attempt, Prompt

_Result = Draft | Unfinished | Garbled | ModelGone | FieldRefused | ImagineError

CALL_S = 60.0  # a prompt takes seconds, half a minute with many thoughts; who is silent longer has lost it


class PromptWriter:
    """Lets Gemini write prompts. One for the whole process, for any number of threads.

    Args:
        base_url: Where Gemini is; None for Google's own.
        model: The chat model, unless a request names another.
        slots: Calls at a time.
        safety: Threshold by harm category, in Gemini's words.
        quotas: Knows which models have nothing left today; its own memory, unless given.
    """

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str | None,
        api_version: str = "v1beta",
        model: str,
        slots: int = 128,
        safety: Mapping[str, str] = BLOCK_ONLY_HIGH,
        quotas: Quotas | None = None,
    ) -> None:
        _rehearse()
        self._gemini = Gemini(api_key=api_key, base_url=base_url, api_version=api_version, slots=slots)
        self._fallbacks = Fallbacks(model, quotas or Quotas(api_key))
        self._safety = safety

    def close(self) -> None:
        """Hang up."""
        self._gemini.close()

    def write(self, request: PromptRequest, *, timeout_s: float, on_attempt: Callable[[Attempt], None]) -> Prompt:
        """Turn an idea into a prompt in English.

        Args:
            timeout_s: For all calls together.
            on_attempt: Is told of each call.

        Raises:
            IdeaRefused: Gemini will not write a prompt for this idea.
            GeminiBusy, GeminiUnreachable: Another try may help.
            QuotaExhausted: No model that we know has anything left today.
            BadCredentials, GeminiUnpaid, GeminiNotServedHere, GeminiDenied: Only the key's owner can mend it.
            FileRefused, FileTooLarge: Gemini can't read the picture that came with the idea.
            UnexpectedAnswer: No model was left, or none answered what was asked for.
        """
        ends_at = time.monotonic() + timeout_s
        plan = self._fallbacks.first(request.writing.model)
        unusable: list[str] = []  # texts of answers that were not what was asked for
        failure: ImagineError = UnexpectedAnswer("Gemini wrote nothing that could be read as a prompt")

        for _ in range(MAX_CALLS):
            result, model = self._try(request, plan, ends_at - time.monotonic(), on_attempt)
            match result:
                case Draft():
                    self._fallbacks.remember(request.writing.model, plan)
                    return finish(result, request, model=model)
                case ModelGone() | QuotaExhausted() | FieldRefused():
                    plan = self._fallbacks.after(plan, result)
                case Unfinished(text) | Garbled(text):
                    unusable.append(text)
                    if len(unusable) == 2:
                        break
                    plan = replace(plan, roomy=plan.roomy or isinstance(result, Unfinished))
                case IdeaRefused():
                    raise result
                case ImagineError():
                    failure = result
                    break

        for text in reversed(unusable):
            if draft := salvage(text):
                return finish(draft, request, model=plan.model)
        raise failure

    def _try(
        self, request: PromptRequest, plan: RequestPlan, timeout_s: float, on_attempt: Callable[[Attempt], None]
    ) -> tuple[_Result, str]:
        """Ask once and record it; returns what came of it, and the model that answered."""
        if timeout_s <= 0:
            return GeminiUnreachable("no time left to ask Gemini"), plan.model
        contents, config = compose_request(request, plan, self._safety)
        started = time.monotonic()
        answer = self._gemini.ask(plan.model, contents, config, timeout_s=min(timeout_s, CALL_S))
        duration_ms = round((time.monotonic() - started) * 1000)
        result = _read(answer)
        attempt = Attempt("prompt", "gemini", plan.model, duration_ms, _outcome(result), detail=_detail(result))
        if isinstance(answer, Failure):
            on_attempt(replace(attempt, status=answer.status))
            return result, plan.model
        detail = attempt.detail or _usage(answer.usage_metadata)
        tokens_in, tokens_out = tokens_of(answer.usage_metadata)
        answered = replace(attempt, status=200, request_id=answer.response_id, detail=detail)
        on_attempt(replace(answered, tokens_in=tokens_in, tokens_out=tokens_out))
        return result, plain_name(answer.model_version or plan.model)


def _read(answer: types.GenerateContentResponse | Failure) -> _Result:
    if isinstance(answer, Failure):
        return Garbled("", "not Gemini's JSON") if isinstance(answer.cause, Unreadable) else answer.cause
    try:
        return read_answer(answer)
    except IdeaRefused as refusal:
        return refusal


@functools.cache
def _rehearse() -> None:
    """Ask once without a network.

    The SDK builds its data models at their first use, for 0.2 s of CPU. Threads that start with a full queue
    would all do so at once, and stand in one another's way for many seconds.
    """
    gemini = Gemini(api_key="-", base_url=None, api_version="v1beta", slots=1, transport=Rehearsal())
    gemini.ask(
        "rehearsal",
        *compose_request(PromptRequest("", "tags", 75, takes_negative=True), RequestPlan(""), BLOCK_ONLY_HIGH),
        timeout_s=1.0,
    )
    gemini.close()


def _outcome(result: _Result) -> str:
    match result:
        case Draft():
            return "ok"
        case ModelGone():
            return ModelNotServed.reason
        case FieldRefused():
            return RequestRefused.reason
        case ImagineError():
            return result.reason
        case _:
            return UnexpectedAnswer.reason


def _detail(result: _Result) -> str | None:
    match result:
        case Unfinished():
            return "the answer ended at the token limit"
        case Garbled(_, flaw):
            return flaw
        case ModelGone():
            return "no such model"
        case FieldRefused(field):
            return f"{field} refused"
        case ImagineError():
            return str(result)
        case _:
            return None


def _usage(usage: types.GenerateContentResponseUsageMetadata | None) -> str | None:
    """Tell the tokens that were paid for."""
    if usage is None:
        return None
    counts = (usage.prompt_token_count, usage.candidates_token_count, usage.thoughts_token_count)
    return "{} tokens in, {} out, {} thought".format(*(count or 0 for count in counts))
