"""A dedicated inference endpoint: its address is its root, and it sleeps when nobody asks."""

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.huggingface.hf_inference import picture_response, read_order
from sandbox.huggingface.studio import Refusal, Studio, check_token, read_json, refuse
from sandbox.knobs import knobs_route


def create_service(studio: Studio) -> Starlette:
    """Create the stand-in; it is to be mounted at ``/endpoint``. Any name is an endpoint."""

    async def generate(request: Request) -> Response:
        check_token(request)
        name = request.path_params["name"]
        seconds = studio.seconds_until_warm(name)
        if seconds > 0:
            patience = _seconds(request.headers.get("x-scale-up-timeout", ""))
            await anyio.sleep(min(seconds, patience))
            if patience < seconds:
                return Response(status_code=503)
        order = read_order(await read_json(request), request.headers.get("accept", ""))
        return await picture_response(studio, order)

    return Starlette(
        routes=[
            knobs_route(studio.knobs),
            Route("/{name}", generate, methods=["POST"]),
            Route("/{name}/", generate, methods=["POST"]),
        ],
        exception_handlers={Refusal: refuse},
    )


def _seconds(header: str) -> float:
    return float(header) if header.isdigit() else 0.0
