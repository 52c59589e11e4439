"""Which styles a request can name, and the words of each. The shipped ones lie beside it; an owner adds some."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from shared.catalogue import Dialect
from shared.fuzzy_match import find_by_name, find_nearest
from shared.settings import SettingsError

MAX_WORDS_LENGTH = 500  # characters; more would leave no room for the idea
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class Style:
    """A look that a picture may have.

    Attributes:
        name: What is typed after ``--style``: up to 32 small letters and digits, with hyphens between them.
        prose: One or two sentences, for models that read these.
        tags: Comma-separated, for models that read these.
        negative: What would break it, as tags; may be empty.
    """

    name: str
    title: str
    prose: str
    tags: str
    negative: str = ""

    def words(self, dialect: Dialect) -> str:
        """The style in a model's own dialect."""
        return self.tags if dialect == "tags" else self.prose


class Styles:
    """The styles of this installation."""

    def __init__(self, own: Path | None = None) -> None:
        """Take the shipped styles, and over them those of the owner's file.

        Raises:
            SettingsError: The owner's file can't be read.
        """
        self._styles: Mapping[str, Style] = _shipped() if own is None else {**_shipped(), **_read(own)}

    def __iter__(self) -> Iterator[Style]:
        """All styles, the owner's last."""
        return iter(self._styles.values())

    def style(self, name: str | None) -> Style | None:
        """A style by its whole name; None for one that isn't there (any more)."""
        return self._styles.get(name) if name else None

    def find_by_name(self, words: str) -> list[Style]:
        """The styles that a person may mean by a part of the name or title."""
        return find_by_name(words, self, lambda style: (style.name, style.title))

    def find_nearest(self, words: str, limit: int) -> list[Style]:
        """The styles that a person may have meant by words that fit none."""
        return find_nearest(words, self, lambda style: (style.name, style.title), limit)


@cache
def _shipped() -> Mapping[str, Style]:
    return _read(Path(__file__).with_suffix(".toml"))


def _read(file: Path) -> Mapping[str, Style]:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"G2D_STYLES_FILE: the styles in {file} can't be read: {error}") from error
    return {name: _style(file, name, entry) for name, entry in content.items()}


def _style(file: Path, name: str, entry: object) -> Style:
    if not _NAME.fullmatch(name):
        raise SettingsError(
            f"{file}: a style's name has small letters, digits and hyphens, up to 32; “{name}” has not."
        )
    fields = {"title", "prose", "tags", "negative"}
    if not isinstance(entry, dict) or not fields - {"negative"} <= entry.keys() <= fields:
        raise SettingsError(f"{file}: style “{name}” needs title, prose and tags, may have negative, and nothing else.")
    for field, words in entry.items():
        if not isinstance(words, str) or len(words) > MAX_WORDS_LENGTH or not (words.strip() or field == "negative"):
            raise SettingsError(
                f"{file}: “{field}” of style “{name}” must be text of up to {MAX_WORDS_LENGTH} characters."
            )
    return Style(name, **{field: " ".join(words.split()) for field, words in entry.items()})
