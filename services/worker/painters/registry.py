"""Every painter by its provider's name."""

import re

from services.worker.images.decoder import Decoder
from services.worker.painters.downloads import Downloads
from services.worker.painters.endpoint import Endpoint
from services.worker.painters.errors import ENDPOINT
from services.worker.painters.fal import Fal
from services.worker.painters.hf_inference import HFInference
from services.worker.painters.http import HttpClient
from services.worker.painters.nscale import Nscale
from services.worker.painters.painter import IMAGE_TO_IMAGE, TEXT_TO_IMAGE, Painter, Target
from services.worker.painters.provider import ProviderAdapter
from services.worker.painters.replicate import Replicate
from services.worker.painters.router import RouterPainter
from services.worker.painters.together import Together
from services.worker.painters.wavespeed import Wavespeed
from services.worker.painters.zai import Zai
from shared.web_addresses import ImageHosts

ADAPTERS: tuple[ProviderAdapter, ...] = (
    Fal(),
    Replicate(),
    Together(),
    Wavespeed(),
    Nscale(),
    Zai(),
    HFInference(),
    Endpoint(),
)

LORA = "lora"  # the Hub's name for the only adapters that anybody can be given
# Whose orders may name an adapter's weights, by task; the others would paint with the base model alone.
TAKING_ADAPTERS = {
    TEXT_TO_IMAGE: frozenset({"fal-ai", "replicate", "wavespeed"}),
    IMAGE_TO_IMAGE: frozenset({"fal-ai", "wavespeed"}),
}

# Who can be given a picture to start from.
STARTING_FROM_PICTURES = frozenset({"fal-ai", "replicate", "together", "wavespeed", "hf-inference"})

# Whose endpoints of this name take a ``strength``: https://fal.ai/models/fal-ai/z-image/turbo/image-to-image,
# https://fal.ai/models/fal-ai/flux/dev/image-to-image,
# https://wavespeed.ai/docs/docs-api/wavespeed-ai/z-image-turbo/image-to-image.
# Those for editing by words (``flux-2/edit``, ``flux-kontext``) take none.
_KNOWING_STRENGTH = {"fal-ai", "wavespeed"}
_WITH_STRENGTH = re.compile(r".*image-to-image(/lora)?")


def knows_strength(target: Target) -> bool:
    """Whether an order may say how far to go from the picture that it starts from."""
    is_able = target.task == IMAGE_TO_IMAGE and target.provider in _KNOWING_STRENGTH
    return is_able and _WITH_STRENGTH.fullmatch(target.provider_id) is not None


def build_painters(
    http: HttpClient,
    *,
    router_url: str,
    token: str,
    image_hosts: str,
    decoder: Decoder | None = None,
    bill_to: str | None = None,
    endpoint_token: str | None = None,
) -> dict[str, Painter]:
    """The painters of all of HuggingFace's providers whose language we speak.

    Args:
        router_url: ``https://router.huggingface.co``.
        image_hosts: Comma list as ``ImageHosts.read`` takes it.
        bill_to: The organization that pays; None: whom HuggingFace bills for the token.
        endpoint_token: The owner's; the owner's dedicated endpoints accept no other, also where somebody else asks.
    """
    decoder = decoder or Decoder()
    downloads = Downloads(http, ImageHosts.read(image_hosts))
    return {
        adapter.provider: RouterPainter(
            adapter,
            http=http,
            router_url=router_url,
            token=(endpoint_token or token) if adapter.provider == ENDPOINT else token,
            downloads=downloads,
            decoder=decoder,
            bill_to=bill_to,
        )
        for adapter in ADAPTERS
    }
