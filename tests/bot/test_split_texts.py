"""Texts that a client has cut: which message goes on with which, and what was between them."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from services.bot.intake.split_texts import LIMIT_UNITS, Text, goes_on, is_full, joined, may_be_cut, text_of

LINES = [
    f"{kind} number {number} in the harbour of a small town" for number in range(1, 81) for kind in ("boat", "gull")
]
BATCH = "\n".join(["/batch", *LINES])
PROSE = "The fox walks through the snow. " * 400
LONG = "a" * (LIMIT_UNITS - 50)


def at_lines(text: str) -> list[str]:
    """As Telegram's own clients do it: at the end of a line."""
    return cut(text, lambda piece: piece.rfind("\n") + 1)


def at_early_lines(text: str) -> list[str]:
    """As Android does it: at the first line end among the last 300 characters."""
    return cut(text, lambda piece: piece.find("\n", len(piece) - 300) + 1)


def at_words(text: str) -> list[str]:
    return cut(text, lambda piece: max(piece.rfind(" "), piece.rfind("\n")) + 1)


def hard(text: str) -> list[str]:
    return cut(text, len)


def cut(text: str, find_end: Callable[[str], int]) -> list[str]:
    """Cut a text, as Telegram sends it: without the white space at the ends of a message."""
    parts = []
    while text:
        end = find_end(text[:LIMIT_UNITS]) if len(text) > LIMIT_UNITS else len(text)
        parts.append(text[:end].strip())
        text = text[end:]
    return parts


class TestAListOfLines:
    @pytest.mark.parametrize("cutting", [at_lines, at_early_lines, at_words])
    def test_is_the_same_when_it_is_put_together(self, cutting: Callable[[str], list[str]]) -> None:
        parts = cutting(BATCH)

        assert len(parts) > 1
        assert joined(parts).splitlines() == BATCH.splitlines()

    def test_has_as_many_lines_where_a_word_was_cut(self) -> None:
        assert len(joined(hard(BATCH)).splitlines()) == len(BATCH.splitlines())

    @pytest.mark.parametrize("more", range(1, 60, 7))
    def test_is_the_same_wherever_the_limit_falls(self, more: int) -> None:
        text = f"/batch --no {'x' * more}\n" + "\n".join(LINES)

        assert joined(at_words(text)).splitlines() == text.splitlines()
        assert joined(at_lines(text)).splitlines() == text.splitlines()


class TestProse:
    def test_has_a_space_between_its_parts(self) -> None:
        assert joined(at_words(PROSE)) == PROSE.strip()

    def test_in_a_language_without_spaces_has_nothing_between_them(self) -> None:
        assert joined(hard("狐狸" * 4_000)) == "狐狸" * 4_000

    def test_has_as_many_parts_as_it_needs(self) -> None:
        assert joined(at_lines("\n".join(LINES * 4))).splitlines() == LINES * 4


class TestTheNextMessage:
    HEAD = Text(LONG, 7, 0, 7, 100, 1_000)
    TAIL = Text("and the rest", 7, 0, 7, 101, 1_001)

    def test_goes_on_with_a_text_that_may_have_been_cut(self) -> None:
        assert goes_on(self.HEAD, self.TAIL)
        assert goes_on(replace(self.HEAD, replied_id=5), replace(self.TAIL, replied_id=5))

    @pytest.mark.parametrize(
        "change",
        [
            {"words": "/queue"},
            {"date": 1_004},
            {"date": 999},
            {"chat_id": 8},
            {"topic_id": 3},
            {"sender_id": 8},
            {"message_id": 99},
            {"replied_id": 5},
            {"is_forwarded": True},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_is_one_of_its_own_otherwise(self, change: dict[str, object]) -> None:
        assert not goes_on(self.HEAD, replace(self.TAIL, **change))

    def test_is_one_of_its_own_after_a_text_that_nobody_had_to_cut(self) -> None:
        assert not goes_on(replace(self.HEAD, words="a" * 2_048), self.TAIL)


def test_length_is_counted_as_telegram_counts() -> None:
    assert may_be_cut("🦊" * 1_025)
    assert not may_be_cut("🦊" * 1_024)
    assert is_full("🦊" * 2_048)
    assert not is_full("a" * 4_097)


@pytest.mark.parametrize(
    "update",
    [
        {},
        {"message": None},
        {"message": {"photo": []}},
        {"edited_message": {"text": "a"}},
        {"message": {"text": "a", "chat": "nonsense"}},
    ],
)
def test_only_new_texts_are_looked_at(update: dict[str, object]) -> None:
    assert text_of(update) is None


def test_half_of_a_character_is_no_reason_to_fail() -> None:
    assert not may_be_cut("\ud83d")
