"""Stand-ins for HuggingFace: the inference router, a dedicated endpoint, the Hub, and the picture hosts."""

from collections.abc import Callable

from starlette.applications import Starlette

from sandbox.huggingface import endpoint, files, hub, router
from sandbox.huggingface.replies import PRESETS
from sandbox.huggingface.studio import Shelf, Studio


def create_services(public_url: Callable[[], str]) -> dict[str, Starlette]:
    """Create the stand-ins by the path they are to be mounted at: router, endpoint, hub and files.

    ``public_url`` tells, when asked, the address under which the sandbox is reached; the
    pictures' addresses begin with it.
    """
    shelf = Shelf(public_url)
    return {
        "router": router.create_service(Studio(shelf)),
        "endpoint": endpoint.create_service(Studio(shelf)),
        "hub": hub.create_service(public_url),
        "files": files.create_service(shelf),
    }


__all__ = ["PRESETS", "create_services"]
