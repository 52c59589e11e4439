"""Message text → request. Pure."""

import unicodedata

from shared.errors import EmptyIdea, IdeaTooLong, NoWordsInIdea

MAX_IDEA_LENGTH = 1_000  # characters; a Telegram message may hold 4096, a picture needs fewer

# Joiners hold emoji and scripts such as Persian and Hindi together; the marks set the direction of text.
KEPT_FORMATS = "\u200c\u200d\u200e\u200f\ufe0f"

DROPPED = frozenset({"Cc", "Cf", "Cs"})  # control characters, invisible formats, halves of surrogate pairs
WITHOUT_MEANING = frozenset({"Cf", "Mn", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "Zs"})


def read_idea(text: str) -> str:
    """Tidy the words after ``/imagine`` into an idea.

    Control characters, halves of surrogate pairs and repeated white space go; everything visible stays.

    Returns:
        The idea on one line, 1 to ``MAX_IDEA_LENGTH`` characters.

    Raises:
        EmptyIdea: Only white space was given.
        NoWordsInIdea: Nothing visible but punctuation was given.
        IdeaTooLong: The tidied idea is over the limit.
    """
    if not text.strip():
        raise EmptyIdea
    idea = " ".join("".join(_visible(character) for character in text).split())
    if not any(unicodedata.category(character) not in WITHOUT_MEANING for character in idea):
        raise NoWordsInIdea
    if len(idea) > MAX_IDEA_LENGTH:
        raise IdeaTooLong(f"{len(idea)} characters")
    return idea


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category.startswith("Z") or character in "\t\n\r\v\f":
        return " "
    if category in DROPPED and character not in KEPT_FORMATS and not _is_tag(character):
        return ""
    return character


def _is_tag(character: str) -> bool:
    # Flags of regions (England, Scotland) are spelt with these.
    return "\U000e0020" <= character <= "\U000e007f"
