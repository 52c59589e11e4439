"""What Gemini says when it doesn't answer: the exact forms, by name. Pure."""

import json
from collections.abc import Callable, Sequence
from typing import Any

Fault = dict[str, Any]

_TYPE = "type.googleapis.com/google.rpc."
_MODEL = "gemini-3.8-flash"
_JSON = {"content-type": "application/json; charset=UTF-8"}


def error_body(code: int, status: str, message: str, details: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Return the body of an error as all of Google's services have it."""
    error: dict[str, Any] = {"code": code, "message": message, "status": status}
    return {"error": error | ({"details": details} if details else {})}


def _error(code: int, status: str, message: str, *details: dict[str, Any]) -> Fault:
    return {"status": code, "headers": dict(_JSON), "reply": error_body(code, status, message, list(details))}


def bad_key() -> Fault:
    reason = {
        "@type": f"{_TYPE}ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
        "metadata": {"service": "generativelanguage.googleapis.com"},
    }
    message = "API key not valid. Please pass a valid API key."
    words = {"@type": f"{_TYPE}LocalizedMessage", "locale": "en-US", "message": message}
    return _error(400, "INVALID_ARGUMENT", message, reason, words)


def missing_key() -> Fault:
    return _error(
        403,
        "PERMISSION_DENIED",
        "Method doesn't allow unregistered callers (callers without established identity). "
        "Please use API Key or other form of API consumer identity to call this API.",
    )


def bad_field(
    message: str = 'Invalid JSON payload received. Unknown name "systemInstruction": Cannot find field.',
    field: str = "",
) -> Fault:
    violation = {"description": message} | ({"field": field} if field else {})
    return _error(400, "INVALID_ARGUMENT", message, {"@type": f"{_TYPE}BadRequest", "fieldViolations": [violation]})


def bad_argument(message: str = "Request contains an invalid argument.") -> Fault:
    return _error(400, "INVALID_ARGUMENT", message)


def model_turn_last() -> Fault:
    return _error(400, "INVALID_ARGUMENT", "Requests ending with a model turn are not supported.")


def country() -> Fault:
    return _error(400, "FAILED_PRECONDITION", "User location is not supported for the API use.")


def billing() -> Fault:
    return _error(
        400,
        "FAILED_PRECONDITION",
        "Gemini API free tier is not available in your country. "
        "Please enable billing on your project in Google AI Studio.",
    )


def permission(message: str = "Your API key was reported as leaked. Please use another API key.") -> Fault:
    return _error(403, "PERMISSION_DENIED", message)


def api_disabled() -> Fault:
    message = (
        "Generative Language API has not been used in project 123456 before or it is disabled. Enable it by "
        "visiting https://console.developers.google.com/apis/api/generativelanguage.googleapis.com/overview"
        "?project=123456 then retry."
    )
    info = {
        "@type": f"{_TYPE}ErrorInfo",
        "reason": "SERVICE_DISABLED",
        "domain": "googleapis.com",
        "metadata": {"service": "generativelanguage.googleapis.com", "consumer": "projects/123456"},
    }
    return _error(403, "PERMISSION_DENIED", message, info)


def policy(message: str = "Requests to this API are blocked by a policy of the organization 4711.") -> Fault:
    """An organization forbids its projects to call Gemini."""
    return _error(403, "PERMISSION_DENIED", message)


def edge_403() -> Fault:
    """The network's edge, which doesn't speak JSON, turns us away."""
    return {"status": 403, "headers": _html(), "reply": "<!DOCTYPE html><title>Error 403 (Forbidden)!!1</title>"}


def no_credit(
    message: str = "Your prepayment credits are depleted. Please go to AI Studio at https://ai.studio/projects to "
    "manage your project and billing.",
) -> Fault:
    """The account is empty: a 429 like any other, but for its words."""
    return _error(429, "RESOURCE_EXHAUSTED", message)


def spending_cap() -> Fault:
    return no_credit(
        "Your project has exceeded its monthly spending cap. Please go to AI Studio at https://ai.studio/spend to "
        "manage your project spend cap."
    )


def bad_file(message: str = "The document has no pages.") -> Fault:
    return _error(400, "INVALID_ARGUMENT", message)


def unknown_model(model: str = "gemini-9-flash", version: str = "v1beta", method: str = "generateContent") -> Fault:
    return _error(
        404,
        "NOT_FOUND",
        f"models/{model} is not found for API version {version}, or is not supported for {method}. "
        "Call ListModels to see the list of available models and their supported methods.",
    )


def retired_model(model: str = "gemini-2.0-flash") -> Fault:
    return _error(
        404,
        "NOT_FOUND",
        f"This model models/{model} is no longer available. Please update your code to use a newer model "
        "for the latest features and improvements.",
    )


def per_minute_quota(retry_delay: str | None = "36s", model: str = _MODEL, quota: str = "5") -> Fault:
    """Too many requests this minute; ``retry_delay`` is like ``36s`` or ``38.2s``, ``None`` leaves it out."""
    return _quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", retry_delay, model, quota)


def per_day_quota(retry_delay: str | None = "36s", model: str = _MODEL, quota: str = "20") -> Fault:
    """Too many requests today. The real service names a delay even then, which is of no use."""
    return _quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier", retry_delay, model, quota)


def bare_quota() -> Fault:
    """A 429 without any detail."""
    return _error(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).")


def _quota(quota_id: str, retry_delay: str | None, model: str, quota: str) -> Fault:
    metric = "generativelanguage.googleapis.com/generate_content_free_tier_requests"
    message = (
        "You exceeded your current quota, please check your plan and billing details. For more information on "
        "this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits.\n"
        f"* Quota exceeded for metric: {metric}, limit: {quota}, model: {model}"
    )
    violation = {
        "quotaMetric": metric,
        "quotaId": quota_id,
        "quotaDimensions": {"model": model, "location": "global"},
        "quotaValue": str(quota),
    }
    link = {
        "description": "Learn more about Gemini API quotas",
        "url": "https://ai.google.dev/gemini-api/docs/rate-limits",
    }
    details: list[dict[str, Any]] = [
        {"@type": f"{_TYPE}QuotaFailure", "violations": [violation]},
        {"@type": f"{_TYPE}Help", "links": [link]},
    ]
    if retry_delay is not None:
        message += f"\nPlease retry in {retry_delay}."
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": retry_delay})
    return _error(429, "RESOURCE_EXHAUSTED", message, *details)


def internal() -> Fault:
    return _error(
        500,
        "INTERNAL",
        "An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting",
    )


def overloaded() -> Fault:
    return _error(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")


def deadline() -> Fault:
    return _error(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete.")


def bad_gateway_html() -> Fault:
    """A 502 of the load balancer, which doesn't speak JSON."""
    return {
        "status": 502,
        "headers": _html(),
        "reply": "<!DOCTYPE html><title>Error 502 (Server Error)!!1</title>",
    }


def prompt_blocked(reason: str = "SAFETY") -> Fault:
    rating = {"category": "HARM_CATEGORY_SEXUALLY_EXPLICIT", "probability": "HIGH", "blocked": True}
    return _success({"promptFeedback": {"blockReason": reason, "safetyRatings": [rating]}, **_usage(9, 0)})


def output_blocked(finish_reason: str = "SAFETY", text: str | None = None) -> Fault:
    """The answer was stopped; ``text`` is what had been written by then, if anything."""
    candidate: dict[str, Any] = {
        "finishReason": finish_reason,
        "index": 0,
        "safetyRatings": [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "HIGH", "blocked": True}],
    }
    if text is not None:
        candidate["content"] = {"parts": [{"text": text}], "role": "model"}
    return _success({"candidates": [candidate], **_usage(9, 0)})


def thinking_ate_the_budget(thoughts: int = 2044) -> Fault:
    candidate = {"content": {"role": "model"}, "finishReason": "MAX_TOKENS", "index": 0}
    return _success({"candidates": [candidate], **_usage(9, 0, thoughts)})


def truncated_json(text: str = '{"prompt": "a red fox in deep sn') -> Fault:
    return _says(text, "MAX_TOKENS")


def broken_json(text: str = '{"prompt": "a red fox", "negative_prompt": }') -> Fault:
    return _says(text)


def fenced_json(value: Any = None) -> Fault:
    """Valid JSON in a Markdown fence; ``value`` is what stands in it."""
    value = {"prompt": "a red fox in deep snow, soft light", "negative_prompt": "blurry"} if value is None else value
    return _says(f"```json\n{json.dumps(value, ensure_ascii=False, indent=2)}\n```")


def says(text: str = "A plain sentence.", finish_reason: str = "STOP") -> Fault:
    return _says(text, finish_reason)


def only_thoughts() -> Fault:
    """An answer whose every part is a thought."""
    parts = [{"text": "I wonder what to write.", "thought": True}]
    candidate = {"content": {"parts": parts, "role": "model"}, "finishReason": "STOP", "index": 0}
    return _success({"candidates": [candidate], **_usage(9, 0, 40)})


def no_candidates() -> Fault:
    return _success({"candidates": [], **_usage(9, 0)})


def empty_object() -> Fault:
    return _success({})


def empty_body() -> Fault:
    return {"status": 200, "headers": dict(_JSON), "reply": ""}


def html_200() -> Fault:
    return {
        "status": 200,
        "headers": _html(),
        "reply": "<html><body><h1>Sign in to the network</h1></body></html>",
    }


def continuation(text: str = '{"prompt": "a red', token: str = "sandbox-more") -> Fault:  # noqa: S107
    """An unfinished answer which invites the client to ask for the rest."""
    candidate = {
        "content": {"parts": [{"text": text}], "role": "model"},
        "finishReason": "CONTINUATION",
        "continuationToken": token,
        "index": 0,
    }
    return _success({"candidates": [candidate], **_usage(9, 5)})


def stream_of_pieces(pieces: Sequence[Sequence[str | None]] = (("Once upon ", "STOP"), ("a time", "STOP"))) -> Fault:
    """A stream of pieces, each a text and its ``finishReason``."""
    return _stream(*(_candidate(str(text or ""), end) for text, end in pieces))


def stream_breaks_with_error(text: str = "Once upon a time") -> Fault:
    """A stream that says something and then reports an error."""
    return _stream(_candidate(text, None), overloaded()["reply"])


def stream_ends_early(text: str = "Once upon a time") -> Fault:
    """A stream that just ends, without a finish reason."""
    return _stream(_candidate(text, None))


def stream_garbles(text: str = "Once upon a time") -> Fault:
    """A stream whose second piece isn't JSON."""
    fault = _stream(_candidate(text, None))
    return fault | {"reply": fault["reply"] + 'data: {"candidates": [\r\n\r\n'}


def _candidate(text: str, finish_reason: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
    candidate |= {"finishReason": finish_reason} if finish_reason else {}
    return {"candidates": [candidate], **_usage(9, max(1, len(text) // 4))}


def _says(text: str, finish_reason: str = "STOP") -> Fault:
    return _success(_candidate(text, finish_reason))


def _usage(prompt: int, said: int, thoughts: int = 0) -> dict[str, Any]:
    usage = {"promptTokenCount": prompt, "totalTokenCount": prompt + said + thoughts}
    usage |= {"candidatesTokenCount": said} if said else {}
    usage |= {"thoughtsTokenCount": thoughts} if thoughts else {}
    return {"usageMetadata": usage, "modelVersion": _MODEL, "responseId": "sandbox-fault"}


def _success(reply: dict[str, Any]) -> Fault:
    return {"status": 200, "headers": dict(_JSON), "reply": reply}


def _stream(*chunks: dict[str, Any]) -> Fault:
    text = "".join(f"data: {json.dumps(chunk)}\r\n\r\n" for chunk in chunks)
    return {"status": 200, "headers": {"content-type": "text/event-stream"}, "reply": text}


def _html() -> dict[str, str]:
    return {"content-type": "text/html; charset=UTF-8"}


PRESETS: dict[str, Callable[..., Fault]] = {
    "api-disabled": api_disabled,
    "bad-argument": bad_argument,
    "bad-field": bad_field,
    "bad-file": bad_file,
    "bad-gateway-html": bad_gateway_html,
    "bad-key": bad_key,
    "bare-quota": bare_quota,
    "billing": billing,
    "broken-json": broken_json,
    "continuation": continuation,
    "country": country,
    "deadline": deadline,
    "edge-403": edge_403,
    "empty-body": empty_body,
    "empty-object": empty_object,
    "fenced-json": fenced_json,
    "html-200": html_200,
    "internal": internal,
    "missing-key": missing_key,
    "model-turn-last": model_turn_last,
    "no-candidates": no_candidates,
    "no-credit": no_credit,
    "only-thoughts": only_thoughts,
    "output-blocked": output_blocked,
    "overloaded": overloaded,
    "per-day-quota": per_day_quota,
    "per-minute-quota": per_minute_quota,
    "permission": permission,
    "policy": policy,
    "prompt-blocked": prompt_blocked,
    "retired-model": retired_model,
    "says": says,
    "spending-cap": spending_cap,
    "stream-breaks-with-error": stream_breaks_with_error,
    "stream-ends-early": stream_ends_early,
    "stream-garbles": stream_garbles,
    "stream-of-pieces": stream_of_pieces,
    "thinking-ate-the-budget": thinking_ate_the_budget,
    "truncated-json": truncated_json,
    "unknown-model": unknown_model,
}
