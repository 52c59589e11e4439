"""Lengths as Telegram counts them. Pure."""


def units(text: str) -> int:
    """Length in UTF-16 units; half of a character, which JSON can hold, is one."""
    return len(encoded(text)) // 2


def encoded(text: str) -> bytes:
    """UTF-16 without a byte-order mark, two bytes a unit."""
    return text.encode("utf-16-le", "surrogatepass")


def shorten(text: str, limit: int) -> str:
    """Cut a text to so many UTF-16 units, at a word's end where one is near; the cut is marked."""
    if units(text) <= limit:
        return text
    kept = encoded(text)[: 2 * (limit - 2)].decode("utf-16-le", errors="ignore")
    whole_words = kept.rpartition(" ")[0]
    return (whole_words if len(whole_words) > len(kept) - 30 else kept).rstrip(" ,;") + " …"
