"""replicate: predictions, awaited for a minute at most and polled after that."""

import re
import time
from typing import Any

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.huggingface import catalogue, replies
from sandbox.huggingface.queue import Queue, Ticket
from sandbox.huggingface.studio import Order, Refusal, Studio, check_token, order_from, over, read_json, seed_of

PROVIDER = "replicate"
HOST = "https://api.replicate.com"
RATIOS = {
    "1:1": (1024, 1024),
    "16:9": (1344, 768),
    "9:16": (768, 1344),
    "4:3": (1152, 896),
    "3:4": (896, 1152),
    "3:2": (1216, 832),
    "2:3": (832, 1216),
}
TYPES = {"webp": "image/webp", "jpg": "image/jpeg", "png": "image/png"}


def routes(studio: Studio) -> list[Route]:
    """Return both ways to begin a prediction, and the polls."""
    queue = Queue()

    async def by_model(request: Request) -> Response:
        check_token(request)
        provider_id = f"{request.path_params['owner']}/{request.path_params['name']}"
        return await _begin(studio, queue, request, provider_id, await read_json(request))

    async def by_version(request: Request) -> Response:
        check_token(request)
        body = await read_json(request)
        return await _begin(studio, queue, request, _named_version(str(body.get("version"))), body)

    async def get(request: Request) -> Response:
        check_token(request)
        ticket = _ticket(queue, request)
        return JSONResponse(_describe(studio, ticket, is_done=ticket.poll()))

    async def cancel(request: Request) -> Response:
        check_token(request)
        ticket = _ticket(queue, request)
        ticket.is_cancelled = not ticket.is_done
        return JSONResponse(_describe(studio, ticket, is_done=ticket.is_done))

    return [
        Route("/replicate/v1/models/{owner}/{name}/predictions", by_model, methods=["POST"]),
        Route("/replicate/v1/predictions", by_version, methods=["POST"]),
        Route("/replicate/v1/predictions/{ticket}", get, methods=["GET"]),
        Route("/replicate/v1/predictions/{ticket}/cancel", cancel, methods=["POST"]),
    ]


async def _begin(studio: Studio, queue: Queue, request: Request, provider_id: str, body: dict[str, Any]) -> Response:
    if catalogue.served_as(PROVIDER, provider_id) is None:
        raise Refusal(replies.not_supported(PROVIDER))
    order = _order(body.get("input") or {}, provider_id)
    wait_s = _wait_s(request.headers.get("prefer", ""), studio.knobs.longest_hold_s)
    latency_s = studio.knobs.latency_s
    # Who waits long enough needs no poll.
    polls = 0 if wait_s is not None and latency_s <= wait_s else studio.knobs.queue_polls
    ticket = queue.add(order, polls=polls, latency_s=latency_s, path=provider_id)
    await anyio.sleep(min(latency_s, wait_s or 0.0))
    headers = {"ratelimit-remaining": "599", "ratelimit-reset": "1"}
    if wait_s is not None:
        headers["preference-applied"] = f"wait={wait_s:g}"
    return JSONResponse(_describe(studio, ticket, is_done=ticket.is_done), 201, headers)


def _named_version(version: str) -> str:
    """Return the provider's name of a model, of which the request names the version alone."""
    for model in catalogue.MODELS:
        service = model.live(PROVIDER)
        if service is not None and service.provider_id.endswith(f":{version}"):
            return service.provider_id
    return version


def _order(fields: dict[str, Any], provider_id: str) -> Order:
    prompt = fields.get("prompt")
    if not isinstance(prompt, str) or not prompt:
        raise Refusal(replies.replicate_validation("prompt is required", "prompt"))
    width, height = RATIOS.get(str(fields.get("aspect_ratio")), (1024, 1024))
    media_type = TYPES.get(str(fields.get("output_format", "webp")), "image/webp")
    painted = Order(prompt, seed_of(prompt), width, height, media_type)
    if catalogue.starts_from_pictures(PROVIDER, provider_id):
        try:
            painted = over(painted, fields.get("input_image"))
        except ValueError as error:
            raise Refusal(replies.replicate_validation(str(error), "input_image")) from error
    try:
        return order_from(fields, painted)
    except ValueError as error:
        raise Refusal(replies.replicate_validation(str(error), "width")) from error


def _wait_s(prefer: str, longest_s: float) -> float | None:
    """Read ``Prefer: wait`` or ``wait=5``; ``None`` when nobody waits."""
    found = re.search(r"\bwait(?:=(\d+))?", prefer)
    if found is None:
        return None
    return min(float(found[1] or longest_s), longest_s)


def _describe(studio: Studio, ticket: Ticket, *, is_done: bool) -> dict[str, Any]:
    status = _status(ticket, is_done=is_done)
    url = f"{HOST}/v1/predictions/{ticket.id}"
    reply: dict[str, Any] = {
        "id": ticket.id,
        "model": ticket.path.split(":")[0],
        "input": {"prompt": ticket.order.prompt},
        "status": status,
        "output": None,
        "error": None,
        "logs": "",
        "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "urls": {"get": url, "cancel": f"{url}/cancel", "web": f"https://replicate.com/p/{ticket.id}"},
        "metrics": {"predict_time": studio.knobs.latency_s} if status == "succeeded" else {},
    }
    if status == "failed":
        return reply | {"error": "NSFW content detected. Try running it again, or try a different prompt."}
    if status != "succeeded":
        return reply
    picture = studio.shelved(ticket.order)
    # The FLUX family gives a list, the others one address.
    return reply | {"output": [picture] if "flux" in ticket.path else picture}


def _status(ticket: Ticket, *, is_done: bool) -> str:
    if ticket.is_cancelled:
        return "canceled"
    if not is_done:
        return "starting" if ticket.polls_left > 1 else "processing"
    return "failed" if ticket.order.is_filtered else "succeeded"


def _ticket(queue: Queue, request: Request) -> Ticket:
    ticket = queue.get(request.path_params["ticket"])
    if ticket is None:
        raise Refusal({"status": 404, "reply": {"detail": "Prediction not found", "status": 404}})
    return ticket
