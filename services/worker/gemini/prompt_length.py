"""How many tokens a prompt has for a diffusion model's text encoder, and where to cut one that has too many. Pure.

The encoders (CLIP, T5, Qwen) have tokenizers of their own; we guess without them, rather too high than too low.
"""

import re
from itertools import accumulate

LETTERS_PER_TOKEN = 5  # of a word; the everyday words of prompts have more
_PIECES = re.compile(r"[A-Za-z]+|[^\sA-Za-z]")
_QUOTES = {'"': '"', "“": "”"}


def estimate_tokens(text: str) -> int:
    """Guess how many tokens ``text`` has, start and end marks not counted."""
    return sum(_tokens_of(piece) for piece in _PIECES.findall(text))


def cut(text: str, token_limit: int) -> str:
    """Shorten ``text`` to the limit at the end of a sentence, else after a comma, else after a word.

    A cut that would leave little (under half of what fits) is made at the next finer place. Quoted text is kept
    whole or left out. Only a single word longer than the limit is cut in the middle.
    """
    text = text.strip()
    if estimate_tokens(text) <= token_limit:
        return text
    fitting = _fitting(text, token_limit)
    for ends in (r"[.!?](?=\s)", r"[,;](?=\s)", r"(?=\s)"):
        places = [match.end() for match in re.finditer(ends, text[: fitting + 1]) if match.end() <= fitting]
        kept = [place for place in places if not _inside_quotes(text[:place])]
        if kept and (kept[-1] >= fitting / 2 or ends == r"(?=\s)"):
            return text[: kept[-1]].rstrip(" ,;")
    return text[:fitting].rstrip(" ,;")


def few_words(text: str, *, characters: int = 60) -> str:
    """Shorten ``text`` to a title on one line, between words where there are any."""
    line = " ".join(text.split())
    if len(line) <= characters:
        return line
    start = line[: characters - 1]
    return (start.rsplit(" ", 1)[0] if " " in start else start).rstrip(" ,;:.-") + "…"


def _tokens_of(piece: str) -> int:
    if piece.isascii():
        return -(-len(piece) // LETTERS_PER_TOKEN)
    return len(piece.encode("utf-8", "replace"))  # at worst, a token for each byte


def _fitting(text: str, token_limit: int) -> int:
    """Return how many characters of ``text`` fit the limit, the last word being whole if one is."""
    pieces = list(_PIECES.finditer(text))
    totals = accumulate(_tokens_of(piece[0]) for piece in pieces)
    whole = [piece for piece, total in zip(pieces, totals, strict=True) if total <= token_limit]
    if whole:
        return whole[-1].end()
    return token_limit * LETTERS_PER_TOKEN if pieces[0][0].isascii() else 0


def _inside_quotes(text: str) -> bool:
    closing = ""
    for character in text:
        if not closing:
            closing = _QUOTES.get(character, "")
        elif character == closing:
            closing = ""
    return bool(closing)
