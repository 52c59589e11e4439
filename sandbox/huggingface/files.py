"""Where the providers' picture addresses point. Nobody's token belongs here."""

import anyio.to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.huggingface.studio import Shelf


def create_service(shelf: Shelf) -> Starlette:
    """Create the stand-in; it is to be mounted at ``/files``.

    A request that carries a token is refused and counted in ``GET /files/_sandbox``.
    """

    async def picture(request: Request) -> Response:
        if "authorization" in request.headers:
            shelf.leaked_tokens += 1
            return JSONResponse({"detail": "A token was sent to a host that must not see it"}, 400)
        order = shelf.get(request.path_params["name"])
        if order is None:
            return JSONResponse({"detail": "Not Found"}, 404)
        return Response(await anyio.to_thread.run_sync(order.paint), media_type=order.media_type)

    async def counts(_: Request) -> Response:
        return JSONResponse({"leaked_tokens": shelf.leaked_tokens})

    return Starlette(
        routes=[
            Route("/_sandbox", counts, methods=["GET"]),
            Route("/{name}/{file}", picture, methods=["GET"]),
        ]
    )
