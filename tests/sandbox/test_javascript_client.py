"""HuggingFace's JavaScript client takes the sandbox for HuggingFace."""

import subprocess
from io import BytesIO
from pathlib import Path

import PIL.Image
import pytest

from sandbox.app import Sandbox
from tests.npm import install_locked

SOURCE = Path(__file__).parent / "javascript"
PATIENCE_S = 90


@pytest.fixture(scope="module")
def painter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script that paints, with the client beside it."""
    return install_locked(SOURCE, tmp_path_factory.mktemp("client") / "javascript") / "paint.js"


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("hf-inference", "stabilityai/stable-diffusion-3-medium-diffusers"),
        ("fal-ai", "black-forest-labs/FLUX.1-dev"),
        ("replicate", "black-forest-labs/FLUX.1-dev"),
        ("together", "black-forest-labs/FLUX.1-schnell"),
        ("nscale", "black-forest-labs/FLUX.1-schnell"),
        ("wavespeed", "black-forest-labs/FLUX.1-dev"),
        ("zai-org", "zai-org/GLM-Image"),
    ],
)
def test_it_gets_a_picture_from_every_provider(painter: Path, sandbox: Sandbox, provider: str, model: str) -> None:
    done = subprocess.run(
        ["node", str(painter), sandbox.url, provider, model, "a fox in the snow"],
        capture_output=True,
        check=False,
        timeout=PATIENCE_S,
    )

    assert done.returncode == 0, done.stderr.decode()
    with PIL.Image.open(BytesIO(done.stdout)) as picture:
        assert min(picture.size) >= 512
