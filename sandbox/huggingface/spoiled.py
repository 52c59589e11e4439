"""Pictures for the faults: sound ones, flat ones, and one that is far larger than it looks."""

import functools
import struct
import zlib

from PIL import Image

from sandbox.pictures import encode, paint

_RUN = 1 << 20  # zero bytes that one repeated piece of the bomb unpacks to
_ADLER_BASE = 65_521


@functools.lru_cache(maxsize=1)
def sound() -> bytes:
    """Return a good JPEG of 512 times 512 pixels."""
    return paint("a red fox in the snow", 1, 512, 512)


def plain(colour: tuple[int, int, int], width: int, height: int, media_type: str) -> bytes:
    """Return a picture of one colour."""
    return encode(Image.new("RGB", (width, height), colour), media_type)


@functools.lru_cache(maxsize=2)
def bomb(side: int) -> bytes:
    """Return a valid black-and-white PNG of ``side`` times ``side`` pixels.

    It is made without unpacking it once: a compressed run of zeros is repeated as often as the
    picture needs it.
    """
    row = 1 + (side + 7) // 8  # a filter byte, then eight pixels a byte
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", _compressed_zeros(row * side)),
            _chunk(b"IEND", b""),
        )
    )


def _compressed_zeros(count: int) -> bytes:
    """Return the zlib stream of ``count`` zero bytes."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    # After a full flush a piece depends on nothing before it, so it can stand there many times.
    run = squeeze.compress(bytes(_RUN)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    rest = squeeze.compress(bytes(count % _RUN)) + squeeze.flush(zlib.Z_FINISH)
    checksum = (count % _ADLER_BASE) << 16 | 1
    return b"\x78\xda" + run * (count // _RUN) + rest + struct.pack(">I", checksum)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
