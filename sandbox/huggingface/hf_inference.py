"""HuggingFace's own provider: words in, the picture's bytes out, or 503 while the model loads."""

import base64
import time
import uuid
from dataclasses import replace
from typing import Any

import anyio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.huggingface import catalogue, replies
from sandbox.huggingface.catalogue import Model
from sandbox.huggingface.studio import (
    Order,
    Refusal,
    Studio,
    check_token,
    order_from,
    over,
    read_json,
    seed_of,
    wanted_type,
)

PROVIDER = "hf-inference"
PARAMETERS = frozenset(
    {"negative_prompt", "width", "height", "num_inference_steps", "guidance_scale", "seed", "scheduler"}
)
PARAMETERS_OVER = frozenset(
    {"prompt", "negative_prompt", "guidance_scale", "num_inference_steps", "target_size"}
)  # of image-to-image
MAX_STEPS = 100


def routes(studio: Studio) -> list[Route]:
    """Return ``POST /hf-inference/models/{org}/{name}``."""

    async def generate(request: Request) -> Response:
        check_token(request)
        model = _served(f"{request.path_params['org']}/{request.path_params['name']}")
        accept = request.headers.get("accept", "")
        if catalogue.starts_from_pictures(PROVIDER, model.id):
            body, order = await _read_order_over(request, accept)
        else:
            body = await read_json(request)
            order = read_order(body, accept, multiple=16 if "FLUX" in model.id else 8)
        await _warm(studio, model, request, body)
        return await picture_response(studio, order)

    return [Route("/hf-inference/models/{org}/{name}", generate, methods=["POST"])]


def read_order(body: dict[str, Any], accept: str, multiple: int = 8) -> Order:
    """Read ``{"inputs", "parameters"}``; sides are multiples of ``multiple`` pixels.

    Raises:
        Refusal: 422 without words, 400 for a parameter that doesn't exist or doesn't fit.
    """
    inputs = body.get("inputs")
    if inputs is None:
        raise Refusal(replies.missing_inputs())
    if not isinstance(inputs, str) or not inputs.strip():
        raise Refusal(replies.validation_error("`inputs` must be a non-empty string"))
    parameters = body.get("parameters") or {}
    unknown = [name for name in parameters if name not in PARAMETERS]
    if unknown:
        raise Refusal(replies.validation_error([f"unknown parameter: {name}" for name in unknown]))
    try:
        order = order_from(parameters, Order(inputs, seed_of(inputs)))
        _check(parameters, order, multiple)
    except ValueError as error:
        raise Refusal(replies.validation_error(str(error))) from error
    return replace(order, media_type=wanted_type(accept))


async def _read_order_over(request: Request, accept: str) -> tuple[dict[str, Any], Order]:
    """Read a picture's bare bytes, or ``{"inputs": base64, "parameters"}``."""
    if request.headers.get("content-type", "").startswith("image/"):
        body: dict[str, Any] = {"inputs": base64.b64encode(await request.body()).decode()}
    else:
        body = await read_json(request)
    if body.get("inputs") is None:
        raise Refusal(replies.missing_inputs())
    parameters = body.get("parameters") or {}
    unknown = [name for name in parameters if name not in PARAMETERS_OVER]
    if unknown:
        raise Refusal(replies.validation_error([f"unknown parameter: {name}" for name in unknown]))
    prompt = str(parameters.get("prompt") or "")
    try:
        order = over(Order(prompt, seed_of(prompt), media_type=wanted_type(accept)), body["inputs"])
        return body, order_from(parameters.get("target_size") or {}, order)
    except ValueError as error:
        raise Refusal(replies.validation_error(str(error))) from error


async def picture_response(studio: Studio, order: Order) -> Response:
    """Paint and answer with the bytes and the headers that real answers carry."""
    started = time.monotonic()
    picture = await studio.painted(order)
    headers = {
        "x-compute-type": "gpu",
        "x-compute-time": f"{time.monotonic() - started:.3f}",
        "x-compute-characters": str(len(order.prompt)),
        "x-request-id": uuid.uuid4().hex[:12],
        "x-powered-by": "huggingface-moon",
    }
    return Response(picture, media_type=order.media_type, headers=headers)


def _served(model_id: str) -> Model:
    model = catalogue.find(model_id)
    if model is None:
        raise Refusal(replies.unknown_model(model_id))
    if model.live(PROVIDER) is not None:
        return model
    raise Refusal(replies.deprecated(PROVIDER) if model.removed else replies.not_supported(PROVIDER))


async def _warm(studio: Studio, model: Model, request: Request, body: dict[str, Any]) -> None:
    """Let pass when the model is loaded; hold the request that asked for being held."""
    seconds = studio.seconds_until_warm(model.id)
    if seconds <= 0:
        return
    asked = request.headers.get("x-wait-for-model", "").lower() in {"true", "1"}
    if asked or (body.get("options") or {}).get("wait_for_model"):
        await anyio.sleep(seconds)
        return
    cold = studio.knobs.cold[model.id]
    estimate = cold.get("estimated_time", 20.0)
    if isinstance(estimate, int | float) and not isinstance(estimate, bool):
        # What it says goes down as the time passes, in the proportion of the two.
        estimate = round(estimate * seconds / float(cold.get("seconds", 20.0)), 6)
    raise Refusal(replies.loading(estimate, model.id))


def _check(parameters: dict[str, Any], order: Order, multiple: int) -> None:
    if order.width % multiple or order.height % multiple:
        raise ValueError(
            f"`height` and `width` have to be divisible by {multiple} but are {order.height} and {order.width}."
        )
    steps = parameters.get("num_inference_steps")
    if steps is not None and not (isinstance(steps, int) and 1 <= steps <= MAX_STEPS):
        raise ValueError(f"num_inference_steps must be between 1 and {MAX_STEPS}, got {steps!r}")
    scale = parameters.get("guidance_scale")
    if scale is not None and not isinstance(scale, int | float):
        raise ValueError(f"guidance_scale must be a number, got {scale!r}")
