"""Writes a recipe into a picture's file where Stable Diffusion tools look for it, and reads it back.

The text is the one these tools write: the prompt, a line with what should not be seen, a line of settings. It goes
into a PNG's ``parameters`` text, a JPEG's or WebP's Exif ``UserComment``. The pixels are not touched.
"""

import re
import struct
import zlib
from collections.abc import Iterator

import PIL.Image

from services.worker.images.opening import BROKEN, TooLarge, open_picture
from shared.jobs import Image, Recipe

_EXIF_IFD, _USER_COMMENT = 0x8769, 0x9286
_UNICODE = b"UNICODE\0"
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MAX_SEGMENT = 65_533  # bytes of a JPEG segment, without its marker and length
_HAS_EXIF, _HAS_ALPHA = 0x08, 0x10  # flags of a WebP's VP8X chunk
_OVER_A_PICTURE = "image-to-image"
_NEGATIVE = "Negative prompt: "
_SETTING = re.compile(r"([A-Z][\w ]*): ([^,]+)(?:, |$)")


def write_recipe(image: Image, recipe: Recipe) -> Image:
    """The same picture with its recipe in the file; a file that can't be spliced stays as it is."""
    text = to_text(recipe)
    try:
        match image.media_type:
            case "image/png":
                data = _splice_png(image.data, text)
            case "image/jpeg":
                data = _splice_jpeg(image.data, _exif(text))
            case "image/webp":
                data = _splice_webp(image, _exif(text))
            case _:
                return image
    except (ValueError, struct.error, IndexError):
        return image
    return Image(data, image.media_type, image.width, image.height)


def read_recipe(data: bytes) -> Recipe | None:
    """The recipe in a picture's file; None where there is none of ours. For child processes."""
    try:
        picture, _ = open_picture(data, None, formats=("JPEG", "PNG", "WEBP"))
        text = picture.info.get("parameters") or _user_comment(picture.getexif())
    except (TooLarge, *BROKEN):
        return None
    return from_text(text) if text else None


def to_text(recipe: Recipe) -> str:
    """The recipe as Stable Diffusion tools write it."""
    size = f"{recipe.width}x{recipe.height}" if recipe.width and recipe.height else None
    settings = {
        "Steps": recipe.steps,
        "CFG scale": recipe.guidance,
        "Seed": recipe.seed,
        "Size": size,
        "Model": recipe.model,
        "Provider": recipe.provider,
        "Task": _OVER_A_PICTURE if recipe.over_picture else None,
        "Denoising strength": recipe.strength,
    }
    lines = [recipe.prompt]
    if recipe.negative:
        lines.append(_NEGATIVE + recipe.negative)
    lines.append(", ".join(f"{name}: {value}" for name, value in settings.items() if value is not None))
    return "\n".join(lines)


def from_text(text: str) -> Recipe | None:
    """The recipe that ``to_text`` wrote; None for other texts."""
    body, _, last = text.rstrip().rpartition("\n")
    settings = dict(_SETTING.findall(last))
    # The last such line begins the negative prompt: a prompt may hold the words as well.
    prompt, found, negative = f"\n{body}".rpartition(f"\n{_NEGATIVE}")
    if not found:
        prompt, negative = negative, ""
    width, _, height = settings.get("Size", "").partition("x")
    try:
        return Recipe(
            model=settings["Model"],
            provider=settings["Provider"],
            prompt=prompt.removeprefix("\n"),
            negative=negative,
            seed=_integer(settings.get("Seed")),
            width=_integer(width),
            height=_integer(height),
            steps=_integer(settings.get("Steps")),
            guidance=float(settings["CFG scale"]) if "CFG scale" in settings else None,
            over_picture=settings.get("Task") == _OVER_A_PICTURE,
            strength=float(settings["Denoising strength"]) if "Denoising strength" in settings else None,
        )
    except (KeyError, ValueError):
        return None


def _integer(text: str | None) -> int | None:
    return int(text) if text else None


def _exif(text: str) -> bytes:
    exif = PIL.Image.Exif()
    exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = _UNICODE + text.encode("utf-16-be")
    payload: bytes = exif.tobytes()
    return payload


def _user_comment(exif: PIL.Image.Exif) -> str | None:
    comment = exif.get_ifd(_EXIF_IFD).get(_USER_COMMENT)
    if not isinstance(comment, bytes) or not comment.startswith(_UNICODE):
        return None
    return comment.removeprefix(_UNICODE).decode("utf-16-be", errors="replace")


def _splice_png(data: bytes, text: str) -> bytes:
    if not data.startswith(_PNG_SIGNATURE):
        raise ValueError("no PNG")
    header, *others = _png_chunks(data)
    ours = (b"tEXtparameters\0", b"iTXtparameters\0", b"zTXtparameters\0")
    kept = (chunk for chunk in others if not chunk.startswith(ours, 4))
    return b"".join((_PNG_SIGNATURE, header, _text_chunk(text), *kept))


def _png_chunks(data: bytes) -> Iterator[bytes]:
    at = len(_PNG_SIGNATURE)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        yield data[at:end]
        at = end


def _text_chunk(text: str) -> bytes:
    try:
        kind, value = b"tEXt", b"parameters\0" + text.encode("latin-1")
    except UnicodeEncodeError:
        # Keyword, not compressed, no language, no translated keyword.
        kind, value = b"iTXt", b"parameters\0\0\0\0\0" + text.encode()
    return struct.pack(">I", len(value)) + kind + value + struct.pack(">I", zlib.crc32(kind + value))


def _splice_jpeg(data: bytes, exif: bytes) -> bytes:
    if not data.startswith(b"\xff\xd8") or len(exif) > _MAX_SEGMENT:
        raise ValueError("no JPEG, or a recipe too long for one")
    segments = list(_jpeg_segments(data))
    # JFIF readers want their segment first; an Exif segment of the provider's gives way to ours.
    jfif = b"".join(data[at:end] for at, end in segments if data[at + 1] == 0xE0)
    others = b"".join(
        data[at:end] for at, end in segments if data[at + 1] != 0xE0 and data[at + 4 : at + 10] != b"Exif\0\0"
    )
    ours = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    rest = data[segments[-1][1] if segments else 2 :]
    return b"\xff\xd8" + jfif + ours + others + rest


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of the APPn and comment segments before the picture itself."""
    at = 2
    while data[at] == 0xFF and (0xE0 <= data[at + 1] <= 0xEF or data[at + 1] == 0xFE):
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        yield at, end
        at = end


def _splice_webp(image: Image, exif: bytes) -> bytes:
    data, payload = image.data, exif.removeprefix(b"Exif\0\0")
    if (data[:4], data[8:12]) != (b"RIFF", b"WEBP"):
        raise ValueError("no WebP")
    chunks = [(kind, body) for kind, body in _webp_chunks(data) if kind != b"EXIF"]
    flags, size = _HAS_EXIF, (image.width - 1).to_bytes(3, "little") + (image.height - 1).to_bytes(3, "little")
    if chunks[0][0] == b"VP8X":
        flags |= chunks.pop(0)[1][0]
    elif chunks[0][0] == b"VP8L" and chunks[0][1][4] & _HAS_ALPHA:
        flags |= _HAS_ALPHA
    chunks = [(b"VP8X", bytes([flags, 0, 0, 0]) + size), *chunks, (b"EXIF", payload)]
    body = b"WEBP" + b"".join(_webp_chunk(kind, content) for kind, content in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(data):
        size = struct.unpack("<I", data[at + 4 : at + 8])[0]
        yield data[at : at + 4], data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _webp_chunk(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
