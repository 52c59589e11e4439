"""zai-org: an asynchronous task whose result is polled for by its number."""

import uuid

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.huggingface import catalogue, replies
from sandbox.huggingface.queue import Queue
from sandbox.huggingface.studio import (
    Order,
    Refusal,
    Studio,
    check_token,
    order_from,
    parse_size,
    read_json,
    seed_of,
)

PROVIDER = "zai-org"


def routes(studio: Studio) -> list[Route]:
    """Return the submission and its result."""
    queue = Queue()

    async def submit(request: Request) -> Response:
        check_token(request)
        body = await read_json(request)
        if catalogue.served_as(PROVIDER, str(body.get("model"))) is None:
            raise Refusal(replies.not_supported(PROVIDER))
        prompt = body.get("prompt")
        if not isinstance(prompt, str) or not prompt:
            raise Refusal(replies.zai_error("1214", "prompt parameter can not be empty"))
        try:
            order = order_from(
                parse_size(body.get("size"), "x"), Order(prompt, seed_of(prompt), media_type="image/png")
            )
        except ValueError as error:
            raise Refusal(replies.zai_error("1214", str(error))) from error
        knobs = studio.knobs
        ticket = queue.add(order, polls=knobs.queue_polls, latency_s=knobs.latency_s)
        return JSONResponse(
            {"id": ticket.id, "request_id": uuid.uuid4().hex, "model": body["model"], "task_status": "PROCESSING"}
        )

    async def result(request: Request) -> Response:
        check_token(request)
        ticket = queue.get(request.path_params["ticket"])
        if ticket is None:
            raise Refusal(replies.zai_error("1211", "task not found"))
        reply = {"id": ticket.id, "request_id": uuid.uuid4().hex, "model": "glm-image"}
        if not ticket.poll():
            return JSONResponse(reply | {"task_status": "PROCESSING"})
        if ticket.order.is_filtered:
            return JSONResponse(reply | {"task_status": "FAIL"})
        return JSONResponse(reply | {"task_status": "SUCCESS", "image_result": [{"url": studio.shelved(ticket.order)}]})

    return [
        Route("/zai-org/api/paas/v4/async/images/generations", submit, methods=["POST"]),
        Route("/zai-org/api/paas/v4/async-result/{ticket}", result, methods=["GET"]),
    ]
