"""The inference router: every provider below its own name."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.huggingface import fal, hf_inference, openai_shaped, replicate, replies, wavespeed, zai
from sandbox.huggingface.catalogue import PROVIDERS
from sandbox.huggingface.studio import Refusal, Studio, answer, check_token, refuse
from sandbox.knobs import knobs_route


def create_service(studio: Studio) -> Starlette:
    """Create the stand-in; it is to be mounted at ``/router``."""
    return Starlette(
        routes=[
            knobs_route(studio.knobs),
            *hf_inference.routes(studio),
            *fal.routes(studio),
            *openai_shaped.routes(studio),
            *replicate.routes(studio),
            *wavespeed.routes(studio),
            *zai.routes(studio),
            Route("/{path:path}", _nothing_here, methods=["GET", "POST", "PUT", "DELETE"]),
        ],
        exception_handlers={Refusal: refuse},
    )


async def _nothing_here(request: Request) -> Response:
    check_token(request)
    provider = request.path_params["path"].split("/")[0]
    if provider in PROVIDERS:
        return Response("Not Found", 404, media_type="text/plain")
    return answer(replies.not_supported(provider))
