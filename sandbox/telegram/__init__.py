"""A stand-in for Telegram: the Bot API for bots, and the users' side for people."""

from starlette.applications import Starlette
from starlette.routing import Route

from sandbox.telegram import methods  # noqa: F401  (registers the methods)
from sandbox.telegram.api import BotApi
from sandbox.telegram.people_routes import routes as people_routes
from sandbox.telegram.presets import PRESETS
from sandbox.telegram.world import World

__all__ = ["PRESETS", "World", "create_service", "people_routes"]


def create_service(world: World) -> Starlette:
    """Create the Bot API over a world; the users' side of the same world is ``people_routes``."""
    api = BotApi(world)
    verbs = ["GET", "POST"]
    return Starlette(
        routes=[
            Route("/file/bot{token}/{path:path}", api.download, methods=["GET"]),
            Route("/bot{token}/test/{method}", api.answer, methods=verbs),
            Route("/bot{token}/{method}", api.answer, methods=verbs),
            Route("/{rest:path}", api.not_found, methods=verbs),
        ]
    )
