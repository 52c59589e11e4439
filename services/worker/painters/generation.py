"""Prompt and parameters → what a model can take of them. Pure."""

import math
from dataclasses import replace

from services.worker.painters.painter import GenerationRequest
from shared.catalogue import MAX_GUIDANCE, Model
from shared.ideas import MAX_RATIO
from shared.jobs import Parameters, Prompt

MIN_SIDE = 256  # pixels
SEEDS = 2**31  # the smallest range among the providers


def request_for(model: Model, prompt: Prompt, parameters: Parameters, *, seed: int) -> GenerationRequest:
    """What to ask of the model; nothing that it can't take.

    Args:
        seed: For a request that fixes none.
    """
    if parameters.ratio is not None:
        width, height = size_of(model, parameters.ratio)
    else:
        width, height = size_for(model, parameters.width, parameters.height)
    return GenerationRequest(
        prompt=prompt.text,
        negative=(prompt.negative or None) if model.takes_negative else None,
        width=width,
        height=height,
        seed=_seed(model, parameters.seed, seed),
        steps=model.steps.clamp(parameters.steps) if model.steps else None,
        guidance=_guidance(model, parameters.guidance),
    )


def shaped_like(parameters: Parameters, size: tuple[int, int]) -> Parameters:
    """The same with the ratio of a picture of this size, as far as a ratio may go, where none is fixed."""
    if parameters.ratio or parameters.width or parameters.height:
        return parameters
    width, height = size
    return replace(parameters, ratio=(min(width, MAX_RATIO * height), min(height, MAX_RATIO * width)))


def size_for(model: Model, width: int | None, height: int | None) -> tuple[int, int]:
    """The wished size in pixels as far as the model goes: its proportions are kept while that is possible."""
    wide, high = max(width or model.width, 1), max(height or model.height, 1)
    shrink = min(1.0, model.max_side / max(wide, high), (model.max_pixels / (wide * high)) ** 0.5)
    return _side(model, wide * shrink), _side(model, high * shrink)


def size_of(model: Model, ratio: tuple[int, int]) -> tuple[int, int]:
    """The size in pixels with this ratio of width to height, and about as many pixels as the model was trained for."""
    wish = ratio[0] / ratio[1]
    area = min(model.width * model.height, model.max_side**2 * min(wish, 1 / wish))
    area = max(area, MIN_SIDE**2 * max(wish, 1 / wish))
    widths, heights = _sides(model, (area * wish) ** 0.5), _sides(model, (area / wish) ** 0.5)
    fitting = [(width, height) for width in widths for height in heights if width * height <= model.max_pixels]
    return min(fitting, key=lambda size: abs(math.log(size[0] / size[1] / wish)))


def _sides(model: Model, pixels: float) -> list[int]:
    """The model's sides next to a length, up and down."""
    down = int(pixels) // model.multiple * model.multiple
    most = model.max_side // model.multiple * model.multiple
    return [min(max(side, MIN_SIDE), most) for side in (down, down + model.multiple)]


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
