"""The models on the Hub, and who serves them under which name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TEXT_TO_IMAGE = "text-to-image"
IMAGE_TO_IMAGE = "image-to-image"
PROVIDERS = ("hf-inference", "fal-ai", "together", "nscale", "replicate", "wavespeed", "zai-org")


@dataclass(frozen=True)
class Service:
    """How one provider serves a model."""

    provider_id: str
    status: str = "live"  # live, staging or error
    task: str = TEXT_TO_IMAGE
    lora: str | None = None  # path of the adapter's weights in the model's repository

    def describe(self) -> dict[str, Any]:
        """Return the mapping as the Hub shows it, without the provider's name."""
        shown: dict[str, Any] = {"status": self.status, "providerId": self.provider_id, "task": self.task}
        if self.lora:
            shown |= {"adapter": "lora", "adapterWeightsPath": self.lora, "type": "single-model"}
        return shown


@dataclass(frozen=True)
class Model:
    """A model on the Hub. ``removed`` ones once ran at hf-inference and now answer 410 there."""

    id: str
    downloads: int
    services: Mapping[str, Service] = field(default_factory=dict)
    gated: bool = False
    removed: bool = False
    task: str = TEXT_TO_IMAGE

    def live(self, provider: str) -> Service | None:
        """Return how ``provider`` serves the model now, if it does."""
        service = self.services.get(provider)
        return service if service is not None and service.status == "live" else None

    @property
    def is_warm(self) -> bool:
        return any(service.status == "live" for service in self.services.values())


def _served(
    model_id: str, downloads: int, gated: bool = False, task: str = TEXT_TO_IMAGE, **by: str | Service
) -> Model:
    services = {
        name.replace("_", "-"): one if isinstance(one, Service) else Service(one, task=task) for name, one in by.items()
    }
    return Model(model_id, downloads, services, gated, task=task)


_LORA_VERSION = "81946b1e09b256c543b35f37333a30d0d02ee2cd8c4f77cd915873a1ca622bad"

MODELS: tuple[Model, ...] = (
    _served(
        "black-forest-labs/FLUX.1-dev",
        2_410_000,
        gated=True,
        fal_ai="fal-ai/flux/dev",
        replicate="black-forest-labs/flux-dev",
        together="black-forest-labs/FLUX.1-dev",
        wavespeed="wavespeed-ai/flux-dev",
    ),
    _served(
        "black-forest-labs/FLUX.1-schnell",
        1_930_000,
        hf_inference="black-forest-labs/FLUX.1-schnell",
        fal_ai="fal-ai/flux/schnell",
        nscale="black-forest-labs/FLUX.1-schnell",
        together="black-forest-labs/FLUX.1-schnell",
        replicate="black-forest-labs/flux-schnell",
        wavespeed="wavespeed-ai/flux-schnell",
    ),
    _served(
        "Tongyi-MAI/Z-Image-Turbo",
        1_120_000,
        fal_ai="fal-ai/z-image/turbo",
        replicate="prunaai/z-image-turbo",
        wavespeed=Service("wavespeed-ai/z-image-turbo/image-to-image", task=IMAGE_TO_IMAGE),
    ),
    _served(
        "Qwen/Qwen-Image",
        870_000,
        fal_ai="fal-ai/qwen-image",
        replicate="qwen/qwen-image",
        wavespeed="wavespeed-ai/qwen-image/text-to-image",
    ),
    _served(
        "black-forest-labs/FLUX.2-dev",
        640_000,
        gated=True,
        # One mapping a provider is all that the Hub shows of a model: fal-ai's is for starting from pictures.
        fal_ai=Service("fal-ai/flux-2/edit", task=IMAGE_TO_IMAGE),
        replicate="black-forest-labs/flux-2-dev",
        together="black-forest-labs/FLUX.2-dev",
        wavespeed="wavespeed-ai/flux-2-dev/text-to-image",
    ),
    _served(
        "black-forest-labs/FLUX.2-klein-9B",
        410_000,
        gated=True,
        fal_ai="fal-ai/flux-2/klein/9b",
        replicate="black-forest-labs/flux-2-klein-9b",
        wavespeed="wavespeed-ai/flux-2-klein-9b/text-to-image",
    ),
    _served(
        "black-forest-labs/FLUX.1-Krea-dev",
        350_000,
        gated=True,
        fal_ai="fal-ai/flux/krea",
        replicate="black-forest-labs/flux-krea-dev",
        together="black-forest-labs/FLUX.1-krea-dev",
        wavespeed="wavespeed-ai/flux-krea-dev",
    ),
    _served("krea/Krea-2-Turbo", 240_000, fal_ai="fal-ai/krea-2/turbo"),
    _served("ideogram-ai/ideogram-4", 150_000, fal_ai="fal-ai/ideogram/v4"),
    _served("zai-org/GLM-Image", 130_000, zai_org="glm-image", fal_ai="fal-ai/glm-image"),
    _served(
        "ByteDance/Hyper-SD",
        125_000,
        fal_ai=Service("fal-ai/fast-sdxl", lora="Hyper-SDXL-8steps-lora.safetensors"),
        replicate=f"bytedance/hyper-flux-8step:{_LORA_VERSION}",
    ),
    _served(
        "stabilityai/stable-diffusion-3-medium-diffusers",
        98_000,
        gated=True,
        hf_inference="stabilityai/stable-diffusion-3-medium-diffusers",
    ),
    _served(
        "stabilityai/stable-diffusion-3.5-large",
        97_000,
        gated=True,
        fal_ai="fal-ai/stable-diffusion-v35-large",
        replicate="stability-ai/stable-diffusion-3.5-large",
    ),
    _served(
        "stabilityai/stable-diffusion-3.5-large-turbo",
        61_000,
        gated=True,
        fal_ai="fal-ai/stable-diffusion-v35-large/turbo",
        replicate="stability-ai/stable-diffusion-3.5-large-turbo",
    ),
    _served(
        "HiDream-ai/HiDream-I1-Full", 44_000, fal_ai="fal-ai/hidream-i1-full", wavespeed="wavespeed-ai/hidream-i1-full"
    ),
    _served("Kwai-Kolors/Kolors", 31_000, fal_ai="fal-ai/kolors"),
    _served("playgroundai/playground-v2.5-1024px-aesthetic", 28_000, fal_ai="fal-ai/playground-v25"),
    _served("XLabs-AI/flux-RealismLora", 25_000, fal_ai=Service("fal-ai/flux-lora", lora="lora.safetensors")),
    _served(
        "tencent/HunyuanImage-3.0",
        22_000,
        fal_ai=Service("fal-ai/hunyuan-image/v3", status="staging"),
        wavespeed=Service("wavespeed-ai/hunyuan-image-3", status="error"),
    ),
    _served(
        "black-forest-labs/FLUX.1-Kontext-dev",
        210_000,
        gated=True,
        task=IMAGE_TO_IMAGE,
        fal_ai="fal-ai/flux-kontext/dev",
        replicate="black-forest-labs/flux-kontext-dev",
        together="black-forest-labs/FLUX.1-kontext-dev",
        wavespeed="wavespeed-ai/flux-kontext-dev",
    ),
    _served(
        "Qwen/Qwen-Image-Edit",
        180_000,
        task=IMAGE_TO_IMAGE,
        fal_ai="fal-ai/qwen-image-edit",
        replicate="qwen/qwen-image-edit",
    ),
    _served("timbrooks/instruct-pix2pix", 41_000, task=IMAGE_TO_IMAGE, hf_inference="timbrooks/instruct-pix2pix"),
    Model(
        "stabilityai/stable-diffusion-xl-base-1.0",
        2_050_000,
        {"hf-inference": Service("stabilityai/stable-diffusion-xl-base-1.0", status="error")},
        removed=True,
    ),
    Model("stablediffusionapi/toonyou", 1_400),
    Model("stablediffusionapi/real-cartoon-3d", 1_100),
    Model("stablediffusionapi/realcartoon3d", 900),
    Model("stablediffusionapi/disney-pixar-cartoon", 3_200),
    Model("stablediffusionapi/pastel-mix-stylized-anime", 700),
    Model("stablediffusionapi/anything-v5", 5_600),
    Model("nitrosocke/Ghibli-Diffusion", 9_800, removed=True),
    Model("jinaai/flat-2d-animerge", 400),
    Model("Lykon/DreamShaper", 12_300, removed=True),
    Model("SG161222/Realistic_Vision_V6.0_B1_noVAE", 18_700, removed=True),
)
BY_ID = {model.id.lower(): model for model in MODELS}


def find(model_id: str) -> Model | None:
    """Return the model of that name; as on the Hub, case doesn't matter."""
    return BY_ID.get(model_id.lower())


def served_as(provider: str, provider_id: str) -> Model | None:
    """Return the model that ``provider`` serves under its own name ``provider_id``."""
    for model in MODELS:
        service = model.live(provider)
        if service is not None and service.provider_id == provider_id:
            return model
    return None


def starts_from_pictures(provider: str, provider_id: str) -> bool:
    """Tell whether what ``provider`` serves under that name is image-to-image."""
    return any(
        service is not None and service.provider_id == provider_id and service.task == IMAGE_TO_IMAGE
        for service in (model.live(provider) for model in MODELS)
    )
