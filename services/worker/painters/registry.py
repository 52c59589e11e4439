"""Every painter by its provider's name."""

from services.worker.images.decoder import Decoder
from services.worker.painters.downloads import Downloads
from services.worker.painters.endpoint import Endpoint
from services.worker.painters.fal import Fal
from services.worker.painters.hf_inference import HFInference
from services.worker.painters.http import HttpClient
from services.worker.painters.nscale import Nscale
from services.worker.painters.painter import Painter
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

# Who can be given a picture to start from.
STARTING_FROM_PICTURES = frozenset({"fal-ai", "replicate", "together", "wavespeed", "hf-inference"})


def build_painters(
    http: HttpClient, *, router_url: str, token: str, image_hosts: str, decoder: Decoder | None = None
) -> dict[str, Painter]:
    """The painters of all providers whose language we speak.

    Args:
        router_url: ``https://router.huggingface.co``.
        image_hosts: Comma list as ``ImageHosts.read`` takes it.
    """
    decoder = decoder or Decoder()
    downloads = Downloads(http, ImageHosts.read(image_hosts))
    return {
        adapter.provider: RouterPainter(
            adapter, http=http, router_url=router_url, token=token, downloads=downloads, decoder=decoder
        )
        for adapter in ADAPTERS
    }
