"""together and nscale: the shape of OpenAI's images, the picture in base64 inside the answer."""

import base64
import time
import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.huggingface import catalogue, replies
from sandbox.huggingface.studio import (
    Order,
    Refusal,
    Studio,
    check_token,
    order_from,
    over,
    parse_size,
    read_json,
    seed_of,
)


def routes(studio: Studio) -> list[Route]:
    """Return both providers' ``POST …/v1/images/generations``."""

    async def together(request: Request) -> Response:
        check_token(request)
        body = await read_json(request)
        order = _order("together", body, {name: body.get(name) for name in ("width", "height", "seed")})
        picture = base64.b64encode(await studio.painted(order)).decode()
        reply = {
            "id": f"o{uuid.uuid4().hex[:7]}-sandbox",
            "model": body["model"],
            "object": "list",
            "data": [{"index": 0, "b64_json": picture, "timings": {"inference": studio.knobs.latency_s}}],
        }
        # A success carries these, too; they ask nobody to wait.
        headers = {
            "retry-after": "2",
            "x-ratelimit-limit": "10",
            "x-ratelimit-remaining": "9",
            "x-ratelimit-reset": "1",
        }
        return JSONResponse(reply, headers=headers)

    async def nscale(request: Request) -> Response:
        check_token(request)
        body = await read_json(request)
        order = _order("nscale", body, {"seed": body.get("seed")})
        picture = base64.b64encode(await studio.painted(order)).decode()
        return JSONResponse({"created": int(time.time()), "data": [{"b64_json": picture}]})

    return [
        Route("/together/v1/images/generations", together, methods=["POST"]),
        Route("/nscale/v1/images/generations", nscale, methods=["POST"]),
    ]


def _order(provider: str, body: dict[str, Any], fields: dict[str, Any]) -> Order:
    if catalogue.served_as(provider, str(body.get("model"))) is None:
        raise Refusal(replies.not_supported(provider))
    prompt = body.get("prompt")
    if not isinstance(prompt, str) or not prompt:
        raise Refusal(replies.together_validation("prompt is required", "prompt"))
    painted = Order(prompt, seed_of(prompt))
    if catalogue.starts_from_pictures(provider, str(body.get("model"))):
        field = "image_url" if "kontext" in str(body["model"]) else "reference_images"
        given = body.get(field)
        try:
            painted = over(painted, given[0] if isinstance(given, list) and given else given)
        except ValueError as error:
            raise Refusal(replies.together_validation(str(error), field)) from error
    try:
        order = order_from(fields | parse_size(body.get("size"), "x"), painted)
    except ValueError as error:
        raise Refusal(replies.together_validation(str(error), "size")) from error
    if order.is_filtered:
        raise Refusal(replies.moderated("together"))
    return order
