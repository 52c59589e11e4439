"""What HuggingFace and its providers say when there is no picture, or no good one: the exact forms, by name.

Pure functions from arguments to the fields of a fault: status, headers, and reply or reply_base64.
"""

import base64
from collections.abc import Callable
from typing import Any

from sandbox.huggingface import spoiled

Fault = dict[str, Any]

_HTML = {"content-type": "text/html"}
_PROBLEM = {"content-type": "application/problem+json"}


def _says(status: int, reply: Any, **headers: str) -> Fault:
    fault: Fault = {"status": status, "reply": reply}
    return fault | ({"headers": {name.replace("_", "-"): value for name, value in headers.items()}} if headers else {})


# The router and hf-inference


def loading(estimated_time: Any = 20.0, model: str = "org/name", *, without_estimate: bool = False) -> Fault:
    """The model isn't loaded yet. The estimate is seconds, or whatever JSON the test wants it to be."""
    reply: dict[str, Any] = {"error": f"Model {model} is currently loading"}
    return _says(503, reply if without_estimate else reply | {"estimated_time": estimated_time})


def loading_html() -> Fault:
    return {
        "status": 503,
        "headers": dict(_HTML),
        "reply": "<html><head><title>503 Service Temporarily Unavailable</title></head>"
        "<body><center><h1>503 Service Temporarily Unavailable</h1></center></body></html>",
    }


def endpoint_asleep(status: int = 503) -> Fault:
    """An endpoint that is being scaled up: no body. Some containers say 500 or 502 meanwhile."""
    return {"status": status, "reply": ""}


def not_supported(provider: str = "hf-inference") -> Fault:
    return _says(400, {"error": f"Model not supported by provider {provider}"})


def bad_token() -> Fault:
    message = "Invalid username or password."
    return _says(401, {"error": message}, x_error_message=message, www_authenticate="Bearer")


def bad_credentials() -> Fault:
    """The same in the router's other words."""
    return _says(401, {"error": "Invalid credentials in Authorization header"})


def no_credits(wording: str = "depleted") -> Fault:
    """No money left; ``wording`` is ``depleted``, ``exceeded`` or ``pay-as-you-go``."""
    sentences = {
        "depleted": "You have depleted your monthly included credits. Purchase pre-paid credits to continue using "
        "Inference Providers. Alternatively, subscribe to PRO to get 20x more included usage.",
        "exceeded": "You have exceeded your monthly included credits for Inference Providers. Subscribe to PRO to get "
        "20x more monthly included credits.",
        "pay-as-you-go": "Pay-as-you go is not enabled for provider fal-ai yet.",
    }
    return _says(402, {"error": sentences[wording]})


def no_permission(user: str = "sandbox-user") -> Fault:
    return _says(
        403,
        {
            "error": "This authentication method does not have sufficient permissions to call Inference Providers "
            f"on behalf of user {user}"
        },
    )


def gated(model: str = "black-forest-labs/FLUX.1-dev") -> Fault:
    message = (
        f"Access to model {model} is restricted and you are not in the authorized list. "
        f"Visit https://huggingface.co/{model} to ask for access."
    )
    return _says(403, {"error": message}, x_error_code="GatedRepo", x_error_message=message)


def unknown_model(model: str = "org/name", wording: str = "does-not-exist") -> Fault:
    """No such model; ``wording`` is ``does-not-exist``, ``not-found`` or ``plain``."""
    replies: dict[str, Any] = {
        "does-not-exist": {"error": f"Model {model} does not exist"},
        "not-found": {"error": "Not Found: Model not found"},
        "plain": "Not Found",
    }
    return _says(404, replies[wording])


def repository_not_found() -> Fault:
    return _says(
        404, {"error": "Repository not found"}, x_error_code="RepoNotFound", x_error_message="Repository not found"
    )


def deprecated(provider: str = "hf-inference") -> Fault:
    return _says(410, {"error": f"The requested model is deprecated and no longer supported by provider {provider}"})


def host_gone() -> Fault:
    """What the serverless host of old says."""
    return _says(
        410,
        {
            "error": "https://api-inference.huggingface.co is no longer supported. "
            "Please use https://router.huggingface.co instead."
        },
    )


def too_big() -> Fault:
    return _says(413, "Payload Too Large")


def missing_inputs() -> Fault:
    return _says(
        422, "Failed to deserialize the JSON body into the target type: missing field `inputs` at line 1 column 2"
    )


def validation_error(error: str | list[str] = "unknown parameter: scheduler", status: int = 400) -> Fault:
    return _says(status, {"error": error})


def typed_validation_error(error: str = "Input validation error: `inputs` must be non-empty") -> Fault:
    return _says(422, {"error": error, "error_type": "validation"})


def rate_limited(
    retry_after: str | float | None = None, reset: int | None = None, wording: str = "Rate limit reached."
) -> Fault:
    """Too many requests. ``retry_after`` is seconds or an HTTP date, ``reset`` the seconds in ``RateLimit``."""
    headers: dict[str, str] = {}
    if retry_after is not None:
        headers["retry-after"] = str(retry_after)
    if reset is not None:
        headers |= {"ratelimit": f'"api";r=0;t={reset}', "ratelimit-policy": '"fixed window";"api";q=500;w=300'}
    return {
        "status": 429,
        "headers": headers,
        "reply": {"error": f"{wording} Please log in or use a HF access token"},
    }


def cuda_out_of_memory() -> Fault:
    warning = "CUDA out of memory. Tried to allocate 1.50 GiB (GPU 0; 22.20 GiB total capacity)"
    return _says(500, {"error": "unknown error", "warnings": [warning]})


def too_busy(status: int = 503) -> Fault:
    return _says(status, {"error": "Model too busy, unable to get response in less than 60 second(s)"})


def bad_gateway_html() -> Fault:
    return {"status": 502, "headers": dict(_HTML), "reply": "<html><head><title>502 Bad Gateway</title></head></html>"}


def gateway_timeout(*, html: bool = True) -> Fault:
    if html:
        return {"status": 504, "headers": dict(_HTML), "reply": "<html><title>504 Gateway Time-out</title></html>"}
    return _says(504, {"error": "Gateway Timeout"})


# Single providers


def fal_validation(
    message: str = "Input should be less than or equal to 4096",
    place: list[str] | None = None,
    kind: str = "less_than_equal",
) -> Fault:
    detail = {"loc": place or ["body", "image_size"], "msg": message, "type": kind, "url": "https://docs.fal.ai/errors"}
    return _says(422, {"detail": [detail]}, x_fal_retryable="false")


def fal_bad_request(message: str = "Prompt is too long") -> Fault:
    return _says(400, {"detail": message})


def fal_infrastructure(error_type: str = "request_timeout") -> Fault:
    """fal's machines failed: ``request_timeout``, ``startup_timeout`` (504) or ``runner_…`` (503)."""
    status = 504 if error_type.endswith("timeout") and not error_type.startswith("runner") else 503
    detail = "Request timed out" if error_type == "request_timeout" else error_type.replace("_", " ").capitalize()
    return _says(
        status, {"detail": detail, "error_type": error_type}, x_fal_error_type=error_type, x_fal_retryable="true"
    )


def together_validation(message: str = "height must be a multiple of 8", param: str = "height") -> Fault:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": None}
    return _says(400, {"id": "o-sandbox", "error": error})


def replicate_validation(message: str = "width must be a multiple of 8", field: str = "width") -> Fault:
    return {
        "status": 422,
        "headers": dict(_PROBLEM),
        "reply": {
            "title": "Input validation failed",
            "detail": f"- input.{field}: {message}\n",
            "status": 422,
            "invalid_fields": [{"type": "invalid", "field": f"input.{field}", "description": message}],
        },
    }


def replicate_failed(error: str | None = "Prediction failed: CUDA error", status: str = "failed") -> Fault:
    """A prediction that came to nothing; ``status`` is ``failed`` or ``canceled``."""
    return _says(201, {"id": "sandbox", "status": status, "output": None, "error": error, "urls": {}, "metrics": {}})


def wavespeed_validation(message: str = 'property "prompt" is missing') -> Fault:
    return _says(400, {"code": 400, "message": message, "data": None})


def wavespeed_failed(error: str = "Worker failed") -> Fault:
    data = {"id": "sandbox", "status": "failed", "outputs": [], "has_nsfw_contents": [], "error": error, "urls": {}}
    return _says(200, {"code": 200, "message": "success", "data": data})


def zai_error(code: str = "1214", message: str = "size parameter is invalid", status: int = 400) -> Fault:
    return _says(status, {"error": {"code": code, "message": message}})


def zai_failed() -> Fault:
    return _says(200, {"id": "sandbox", "request_id": "sandbox", "task_status": "FAIL"})


def moderated(provider: str = "fal-ai") -> Fault:
    """The words, or the picture, were found unfit: every provider says it in its own way."""
    match provider:
        case "fal-ai":
            return fal_validation(
                "The content could not be processed because it contained material flagged by a content checker.",
                ["body", "prompt"],
                "content_policy_violation",
            )
        case "together":
            return _says(
                422,
                {
                    "id": "o-sandbox",
                    "error": {
                        "message": "NSFW content detected in prompt",
                        "type": "invalid_request_error",
                        "param": "prompt",
                        "code": "content_policy_violation",
                    },
                },
            )
        case "replicate":
            return replicate_failed("NSFW content detected. Try running it again, or try a different prompt.")
        case "wavespeed":
            return wavespeed_failed("Content flagged as potentially sensitive. Please try different prompts.")
        case "zai-org":
            return zai_error("1301", "The input or generated content may contain unsafe or sensitive content.")
        case _:
            return _says(400, {"error": "The prompt was flagged by the content filter"})


# Answers that look like success


def black_picture(shape: str = "bytes", width: int = 512, height: int = 512, media_type: str = "image/jpeg") -> Fault:
    """What a safety checker leaves of a picture. ``shape`` is ``bytes`` or ``b64_json``."""
    return _picture(spoiled.plain((0, 0, 0), width, height, media_type), media_type, shape)


def grey_picture(shape: str = "bytes", width: int = 512, height: int = 512, media_type: str = "image/jpeg") -> Fault:
    """One flat grey, as a decoder leaves that ran out of numbers."""
    return _picture(spoiled.plain((127, 127, 127), width, height, media_type), media_type, shape)


def wrong_type(said: str = "image/png") -> Fault:
    """A sound JPEG under the name of another type."""
    return _picture(spoiled.sound(), said, "bytes")


def html_picture() -> Fault:
    """HTML under the name of a picture."""
    return _picture(b"<html><body>Not a picture</body></html>", "image/png", "bytes")


def json_200_error(error: str = "Model is overloaded, please wait a bit") -> Fault:
    return _says(200, {"error": error})


def json_picture(shape: str = "data") -> Fault:
    """A sound picture inside JSON: ``data`` (base64 in ``b64_json``) or ``output`` (a data URL)."""
    text = base64.b64encode(spoiled.sound()).decode()
    replies: dict[str, Any] = {
        "data": {"data": [{"b64_json": text}]},
        "output": {"output": [f"data:image/jpeg;base64,{text}"]},
    }
    return _says(200, replies[shape])


def empty_picture(shape: str = "bytes") -> Fault:
    return _picture(b"", "image/jpeg", shape)


def truncated_picture(keep: float = 0.5, shape: str = "bytes") -> Fault:
    """The first part of a JPEG, and no length that would tell."""
    picture = spoiled.sound()
    length = round(len(picture) * keep)
    if shape == "b64_json":
        return _picture(picture[:length], "image/jpeg", shape)
    return _picture(picture, "image/jpeg", shape) | {"truncate": length, "no_length": True}


def bomb_picture(side: int = 30_000, shape: str = "bytes") -> Fault:
    """A PNG of some hundred kilobytes that unpacks to ``side`` times ``side`` pixels."""
    return _picture(spoiled.bomb(side), "image/png", shape)


def tiny_picture(width: int = 1, height: int = 1) -> Fault:
    return _picture(spoiled.plain((200, 60, 60), width, height, "image/png"), "image/png", "bytes")


def _picture(content: bytes, media_type: str, shape: str) -> Fault:
    text = base64.b64encode(content).decode()
    if shape == "b64_json":
        return _says(200, {"data": [{"index": 0, "b64_json": text}]})
    return {"status": 200, "headers": {"content-type": media_type}, "reply_base64": text}


PRESETS: dict[str, Callable[..., Fault]] = {
    "bad-credentials": bad_credentials,
    "bad-gateway-html": bad_gateway_html,
    "bad-token": bad_token,
    "black-picture": black_picture,
    "bomb-picture": bomb_picture,
    "cuda-out-of-memory": cuda_out_of_memory,
    "deprecated": deprecated,
    "empty-picture": empty_picture,
    "endpoint-asleep": endpoint_asleep,
    "fal-bad-request": fal_bad_request,
    "fal-infrastructure": fal_infrastructure,
    "fal-validation": fal_validation,
    "gated": gated,
    "gateway-timeout": gateway_timeout,
    "grey-picture": grey_picture,
    "host-gone": host_gone,
    "html-picture": html_picture,
    "json-200-error": json_200_error,
    "json-picture": json_picture,
    "loading": loading,
    "loading-html": loading_html,
    "missing-inputs": missing_inputs,
    "moderated": moderated,
    "no-credits": no_credits,
    "no-permission": no_permission,
    "not-supported": not_supported,
    "rate-limited": rate_limited,
    "replicate-failed": replicate_failed,
    "replicate-validation": replicate_validation,
    "repository-not-found": repository_not_found,
    "tiny-picture": tiny_picture,
    "together-validation": together_validation,
    "too-big": too_big,
    "too-busy": too_busy,
    "truncated-picture": truncated_picture,
    "typed-validation": typed_validation_error,
    "unknown-model": unknown_model,
    "validation": validation_error,
    "wavespeed-failed": wavespeed_failed,
    "wavespeed-validation": wavespeed_validation,
    "wrong-type": wrong_type,
    "zai-error": zai_error,
    "zai-failed": zai_failed,
}
