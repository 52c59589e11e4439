"""Lengths as Telegram counts them. Pure."""


def units(text: str) -> int:
    """Length in UTF-16 units; half of a character, which JSON can hold, is one."""
    return len(encoded(text)) // 2


def encoded(text: str) -> bytes:
    """UTF-16 without a byte-order mark, two bytes a unit."""
    return text.encode("utf-16-le", "surrogatepass")
