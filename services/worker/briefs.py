"""Prompt and parameters → what a model can take of them. Pure."""

from services.worker.painters.painter import Brief
from shared.catalogue import MAX_GUIDANCE, Model
from shared.jobs import Parameters, Prompt

MIN_SIDE = 256  # pixels
SEEDS = 2**31  # the smallest range among the providers


def brief_for(model: Model, prompt: Prompt, parameters: Parameters, *, seed: int) -> Brief:
    """What to ask of the model; nothing that it can't take.

    Args:
        seed: For a request that fixes none.
    """
    width, height = size_for(model, parameters.width, parameters.height)
    return Brief(
        prompt=prompt.text,
        negative=(prompt.negative or None) if model.takes_negative else None,
        width=width,
        height=height,
        seed=_seed(model, parameters.seed, seed),
        steps=model.steps.clamp(parameters.steps) if model.steps else None,
        guidance=_guidance(model, parameters.guidance),
    )


def size_for(model: Model, width: int | None, height: int | None) -> tuple[int, int]:
    """The wished size in pixels as far as the model goes: its proportions are kept while that is possible."""
    wide, high = max(width or model.width, 1), max(height or model.height, 1)
    shrink = min(1.0, model.max_side / max(wide, high), (model.max_pixels / (wide * high)) ** 0.5)
    return _side(model, wide * shrink), _side(model, high * shrink)


def _side(model: Model, pixels: float) -> int:
    # Rounding down never leads past the model's limits again.
    whole = int(pixels) // model.multiple * model.multiple
    return max(whole, MIN_SIDE)


def _seed(model: Model, wished: int | None, seed: int) -> int | None:
    if not model.takes_seed:
        return None
    return seed if wished is None else wished


def _guidance(model: Model, wished: float | None) -> float | None:
    if model.guidance is None or wished is None:
        return model.guidance
    return min(max(0.0, wished), MAX_GUIDANCE)  # In this order not-a-number comes out as 0.
