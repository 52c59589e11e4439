"""wavespeed: an answer in an envelope, then polls until the picture has an address."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.huggingface import catalogue, replies
from sandbox.huggingface.queue import Queue, Ticket
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
    with_strength,
)

PROVIDER = "wavespeed"
HOST = "https://api.wavespeed.ai"


def routes(studio: Studio) -> list[Route]:
    """Return the submission and its result."""
    queue = Queue()

    async def submit(request: Request) -> Response:
        check_token(request)
        provider_id = request.path_params["provider_id"]
        if catalogue.served_as(PROVIDER, provider_id) is None:
            raise Refusal(replies.not_supported(PROVIDER))
        order = _order(await read_json(request), provider_id)
        knobs = studio.knobs
        ticket = queue.add(order, polls=knobs.queue_polls, latency_s=knobs.latency_s, path=provider_id)
        return _envelope(_describe(ticket, "created"))

    async def result(request: Request) -> Response:
        check_token(request)
        ticket = queue.get(request.path_params["ticket"])
        if ticket is None:
            raise Refusal({"status": 404, "reply": {"code": 404, "message": "prediction not found", "data": None}})
        if not ticket.poll():
            return _envelope(_describe(ticket, "processing"))
        return _envelope(
            _describe(ticket, "completed")
            | {"outputs": [studio.shelved(ticket.order)], "has_nsfw_contents": [ticket.order.is_filtered]}
        )

    return [
        Route("/wavespeed/api/v3/predictions/{ticket}/result", result, methods=["GET"]),
        Route("/wavespeed/api/v3/{provider_id:path}", submit, methods=["POST"]),
    ]


def _order(body: dict[str, Any], provider_id: str) -> Order:
    prompt = body.get("prompt")
    if not isinstance(prompt, str) or not prompt:
        raise Refusal(replies.wavespeed_validation('property "prompt" is missing'))
    media_type = "image/png" if body.get("output_format") == "png" else "image/jpeg"
    painted = Order(prompt, seed_of(prompt), media_type=media_type)
    try:
        if catalogue.starts_from_pictures(PROVIDER, provider_id):
            painted = with_strength(over(painted, body.get("image")), body)
        return order_from(body | parse_size(body.get("size"), "*"), painted)
    except ValueError as error:
        raise Refusal(replies.wavespeed_validation(str(error))) from error


def _describe(ticket: Ticket, status: str) -> dict[str, Any]:
    return {
        "id": ticket.id,
        "model": ticket.path,
        "status": status,
        "outputs": [],
        "urls": {"get": f"{HOST}/api/v3/predictions/{ticket.id}/result"},
        "has_nsfw_contents": [],
        "error": "",
    }


def _envelope(data: dict[str, Any]) -> Response:
    return JSONResponse({"code": 200, "message": "success", "data": data})
