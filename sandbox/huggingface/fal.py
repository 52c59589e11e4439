"""fal-ai: at once, or through its queue; the picture is fetched from an address in the answer."""

import uuid
from dataclasses import replace
from typing import Any

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.huggingface import catalogue, replies
from sandbox.huggingface.queue import Queue, Ticket
from sandbox.huggingface.studio import Order, Refusal, Studio, check_token, order_from, over, read_json, seed_of

PROVIDER = "fal-ai"
QUEUE_HOST = "https://queue.fal.run"
SIZES = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}
DEFAULT_SIZE = "landscape_4_3"
MAX_PICTURES = 4


def routes(studio: Studio) -> list[Route]:
    """Return the synchronous route, and with ``?_subdomain=queue`` the queue's four."""
    queue = Queue()

    async def submit(request: Request) -> Response:
        check_token(request)
        provider_id = request.path_params["provider_id"]
        if catalogue.served_as(PROVIDER, provider_id) is None:
            raise Refusal(replies.not_supported(PROVIDER))
        body = await read_json(request)
        order = _order(body, provider_id)
        if request.query_params.get("_subdomain") == "queue":
            return _queued(studio, queue, order, provider_id)
        await anyio.sleep(studio.knobs.latency_s)
        return _result(studio, order, body)

    return [*_queue_routes(studio, queue), Route("/fal-ai/{provider_id:path}", submit, methods=["POST"])]


def _queue_routes(studio: Studio, queue: Queue) -> list[Route]:
    """What is asked about a request in the queue."""

    async def status(request: Request) -> Response:
        check_token(request)
        ticket = _ticket(queue, request)
        polls_left = ticket.polls_left
        if ticket.poll():
            return JSONResponse(
                _describe(ticket, "COMPLETED") | {"metrics": {"inference_time": studio.knobs.latency_s}}
            )
        if polls_left > 1:
            return JSONResponse(_describe(ticket, "IN_QUEUE") | {"queue_position": polls_left - 1}, 202)
        return JSONResponse(_describe(ticket, "IN_PROGRESS"), 202)

    async def result(request: Request) -> Response:
        check_token(request)
        ticket = _ticket(queue, request)
        if not ticket.is_done:
            return JSONResponse({"detail": "Request is still in progress"}, 400)
        return _result(studio, ticket.order, {})

    async def cancel(request: Request) -> Response:
        check_token(request)
        ticket = _ticket(queue, request)
        if ticket.is_done:
            return JSONResponse({"status": "ALREADY_COMPLETED"}, 400)
        ticket.is_cancelled = True
        return JSONResponse({"status": "CANCELLATION_REQUESTED"}, 202)

    place = "/fal-ai/{owner}/{app}/requests/{ticket}"
    return [
        Route(f"{place}/status", status, methods=["GET"]),
        Route(f"{place}/cancel", cancel, methods=["PUT"]),
        Route(place, result, methods=["GET"]),
    ]


def _order(body: dict[str, Any], provider_id: str) -> Order:
    prompt = body.get("prompt")
    if not isinstance(prompt, str) or not prompt:
        raise Refusal(replies.fal_validation("Field required", ["body", "prompt"], "missing"))
    painted = Order(prompt, seed_of(prompt))
    size = body.get("image_size") or DEFAULT_SIZE
    if catalogue.starts_from_pictures(PROVIDER, provider_id):
        # The newer models take several pictures, the older ones take one.
        field = "image_urls" if "/flux-2/" in provider_id else "image_url"
        given = body.get(field)
        try:
            painted = over(painted, given[0] if field == "image_urls" and isinstance(given, list) and given else given)
        except ValueError as error:
            raise Refusal(replies.fal_validation(str(error), ["body", field], "missing")) from error
        size = body.get("image_size") or {"width": painted.width, "height": painted.height}
    if isinstance(size, str):
        if size not in SIZES:
            raise Refusal(replies.fal_validation("Input should be a known size", ["body", "image_size"], "enum"))
        size = dict(zip(("width", "height"), SIZES[size], strict=True))
    media_type = "image/png" if body.get("output_format") == "png" else "image/jpeg"
    try:
        order = order_from({**size, "seed": body.get("seed")}, replace(painted, media_type=media_type))
    except ValueError as error:
        raise Refusal(replies.fal_validation(str(error), ["body", "image_size"], "value_error")) from error
    # Sides are rounded, not refused.
    return replace(order, width=max(64, round(order.width / 16) * 16), height=max(64, round(order.height / 16) * 16))


def _result(studio: Studio, order: Order, body: dict[str, Any]) -> Response:
    count = min(max(int(body.get("num_images") or 1), 1), MAX_PICTURES)
    orders = [replace(order, seed=order.seed + i) for i in range(count)]
    images = [
        {
            # The address ends in .png whatever the picture is, as on the real host.
            "url": studio.shelved(one, "png"),
            "width": one.width,
            "height": one.height,
            "content_type": one.media_type,
        }
        for one in orders
    ]
    reply = {
        "images": images,
        "timings": {"inference": studio.knobs.latency_s},
        "seed": order.seed,
        "has_nsfw_concepts": [order.is_filtered] * count,
        "prompt": order.prompt,
    }
    headers = {"x-fal-request-id": str(uuid.uuid4()), "x-fal-billable-units": str(count)}
    return JSONResponse(reply, headers=headers)


def _queued(studio: Studio, queue: Queue, order: Order, provider_id: str) -> Response:
    knobs = studio.knobs
    # Only owner and app are named in the addresses, however long the model's own path is.
    path = "/" + "/".join(provider_id.split("/")[:2])
    ticket = queue.add(order, polls=knobs.queue_polls, latency_s=knobs.latency_s, path=path)
    return JSONResponse(_describe(ticket, "IN_QUEUE") | {"queue_position": knobs.queue_polls})


def _describe(ticket: Ticket, status: str) -> dict[str, Any]:
    url = f"{QUEUE_HOST}{ticket.path}/requests/{ticket.id}"
    return {
        "status": status,
        "request_id": ticket.id,
        "response_url": url,
        "status_url": f"{url}/status",
        "cancel_url": f"{url}/cancel",
        "logs": None,
    }


def _ticket(queue: Queue, request: Request) -> Ticket:
    ticket = queue.get(request.path_params["ticket"])
    if ticket is None or ticket.is_cancelled:
        raise Refusal({"status": 404, "reply": {"detail": "Request not found"}})
    return ticket
