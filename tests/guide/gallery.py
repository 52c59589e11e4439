"""Draws the pictures of docs/gallery.md with the demo's painter, and writes the page: ``make gallery``."""

from io import BytesIO
from pathlib import Path

import PIL.Image

from sandbox.gemini.prompt_writing import prompt_for
from sandbox.pictures import paint

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "gallery.md"
PICTURES = DOCS / "images" / "gallery"
SIDE = 512  # pixels
QUALITY = 72
# The name of the file, the idea as it is typed, and the seed.
EXAMPLES = (
    ("cat", "a cat", 5),
    ("bear", "Winnie the bear", 9),
    ("pitbull", "a pitbull", 1),
    ("boy", "a boy", 12),
    ("fox", "uma raposa vermelha na neve ao amanhecer", 3),
    ("dragon", "ein Drache und eine Burg am Abend", 2),
    ("lighthouse", "un faro junto al mar de noche", 7),
    ("black-cat", "un chat noir sur le canapé", 4),
    ("astronaut", "космонавт и ракета", 6),
    ("penguins", "雪中的三只企鹅", 8),
    ("boat", "قارب أزرق في البحر عند الغروب", 2),
    ("bicycle", "a red bicycle in a meadow by day", 11),
)
HEAD = """# Gallery

Made by the painter of [the demo](sandbox.md), not by a diffusion model: a few lines of code that draw what an idea
names, in any of the eight languages. They show how ideas, prompts and seeds go together, and cost nothing; with your
own keys the same ideas go to [the models](guide.md#choices) that HuggingFace serves. `make gallery` draws them anew.

| picture | idea, and the prompt that was written for it |
|---|---|
"""


def painted(idea: str, seed: int) -> bytes:
    """Return the picture as a small JPEG."""
    with PIL.Image.open(BytesIO(paint(prompt_for(idea), seed, SIDE, SIDE, "image/png"))) as picture:
        file = BytesIO()
        picture.save(file, "JPEG", quality=QUALITY, optimize=True, progressive=True)
        return file.getvalue()


def page() -> str:
    """Return the page that shows them all."""
    rows = []
    for name, idea, seed in EXAMPLES:
        prompt = prompt_for(idea)
        shown = (
            f'<img src="images/gallery/{name}.jpg" width="256" alt="{prompt.partition(", ")[0]}, drawn by the demo">'
        )
        rows.append(f"| {shown} | `/imagine {idea} --seed {seed}`<br>{prompt} |")
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    PICTURES.mkdir(parents=True, exist_ok=True)
    for file in PICTURES.iterdir():
        file.unlink()
    for name, idea, seed in EXAMPLES:
        (PICTURES / f"{name}.jpg").write_bytes(painted(idea, seed))
    PAGE.write_text(page(), encoding="utf-8")
