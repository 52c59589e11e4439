"""Opens made-up pictures: files of all formats with bytes changed, cut, doubled and put in. Not part of the suite.

    make fuzz WHAT=pictures ARGS="--minutes 10"

Each is opened, or refused as unreadable, within the CPU that a child process has. It runs in this process, so that what
nobody expected is seen and not taken for a child that failed; memory is limited as it is there.
"""

import io
import resource
import sys
import time
import warnings
from contextlib import suppress

import PIL.Image
from hypothesis import strategies as st

from services.worker.images import inputs, validation
from services.worker.images.decoder import LIMITS
from services.worker.images.metadata import read_recipe
from services.worker.images.opening import FORMATS
from shared.errors import BadPicture, FileNotUnderstood, FileTooLarge, PictureUnreadable
from shared.media_types import Purpose, require_contents
from tests.fuzz.rounds import run

MODES = ("RGB", "RGBA", "L", "P", "1", "LA", "I;16", "CMYK")
NUMBERS = [
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\0\0\x20\0",
    b"\xff\xda",
    b"\xff\xd8",
    b"ftyp",
    b"IDAT",
]
REFUSED = (PictureUnreadable, BadPicture, FileNotUnderstood, FileTooLarge, MemoryError)


def originals() -> list[bytes]:
    """A small picture of each format and mode that can be saved."""
    found = []
    for form in FORMATS:
        for mode in MODES:
            file = io.BytesIO()
            picture = PIL.Image.effect_noise((40, 30), 50).convert("RGB").convert(mode if mode != "I;16" else "L")
            more = [picture.copy()] if form in {"GIF", "PNG", "WEBP", "TIFF", "AVIF"} else []
            with suppress(OSError, ValueError, KeyError):
                picture.save(file, form, save_all=bool(more), append_images=more)
                found.append(file.getvalue())
    return found


def changed(data: bytes, changes: list[tuple[str, int, int, bytes]]) -> bytes:
    """The file with these changes; places are parts of a thousand of its length."""
    for kind, place, length, piece in changes:
        at = len(data) * place // 1000
        match kind:
            case "set":
                data = data[:at] + piece + data[at + len(piece) :]
            case "put":
                data = data[:at] + piece * length + data[at:]
            case "cut":
                data = data[:at] + data[at + length :]
            case "double":
                data = data[: at + length] + data[at : at + length] * 30 + data[at + length :]
            case _:
                data = data[:at]
    return data


change = st.tuples(
    st.sampled_from(["set", "set", "set", "put", "cut", "double", "end"]),
    st.one_of(st.integers(0, 1000), st.integers(0, 60)),
    st.integers(1, 64),
    st.one_of(st.binary(min_size=1, max_size=4), st.sampled_from(NUMBERS)),
)
pictures = st.builds(changed, st.sampled_from(originals()), st.lists(change, min_size=1, max_size=6))


def look(data: bytes) -> None:
    """Do with one what is done with pictures of people and providers.

    Raises:
        AssertionError: It took too long.
        Exception: It can neither be opened nor refused.
    """
    for act in (
        lambda: require_contents(Purpose.PICTURE, "image/png", data),
        lambda: inputs.for_gemini(data),
        lambda: inputs.to_start_from(data, 256, 256),
        lambda: inputs.proportions(data),
        lambda: validation.look_at(data),
        lambda: read_recipe(data),
    ):
        started = time.process_time()
        with suppress(*REFUSED):
            act()
        assert time.process_time() - started < LIMITS.cpu_s


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (LIMITS.memory_bytes + 700_000_000,) * 2)  # beside what this process has
    sys.exit(run(pictures, look))
