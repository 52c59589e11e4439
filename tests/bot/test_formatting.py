"""Gemini's Markdown becomes messages that Telegram takes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram import MessageEntity

from sandbox.telegram import markup
from sandbox.telegram.methods.content import LONGEST_TEXT
from sandbox.telegram.schema import check_call
from services.bot.texts.markdown import CODE, MAX_UNITS, OURS, Piece, pieces

MARKS = st.sampled_from(
    [
        *"*_`[)<|$\\\n é😀",
        *["**", "```", "```python\n", "~~", "||", "> ", "# ", "- ", "1. ", "\n\n", "](", "$$", "</b>"],
        *["<div>", "| - |", "https://example.com", "word"],
        *["\t", "\r\n", "\u200d", "\u200f", "\u00a0", "\ud800", "👩‍👩‍👧", "مرحبا", "&amp;", "&#0;", "&lt;b&gt;"],
        *["[a](", "![", "[^1]", "[^1]: ", "~~~", "    ", ">> ", "***", "---", "- [x] ", "<!--", "<a href='", "\\("],
    ]
)
MARKDOWN = st.one_of(st.lists(MARKS, max_size=60).map("".join), st.text(max_size=300))
PLAIN = st.text("abc xyzäöü😀界.,", min_size=1, max_size=400)


def units(text):
    return len(text.encode("utf-16-le")) // 2


def covered(piece, entity):
    return piece.text.encode("utf-16-le")[2 * entity.offset : 2 * (entity.offset + entity.length)].decode("utf-16-le")


def as_telegram_takes_it(piece: Piece):
    """Give a message to the checks that a call meets in the sandbox; returns what would stand in the chat."""
    entities = [one.to_dict() for one in piece.entities]
    problems = check_call("sendMessage", {"chat_id": 7, "text": piece.text, "entities": entities}, {}, is_json=True)
    assert problems == []
    text, found = markup.read_text(piece.text, "", entities)
    assert 0 < len(text) <= LONGEST_TEXT
    return text, [one for one in found if one in entities]


def words(text):
    return re.findall(r"\w+", text)


def is_valid(piece: Piece):
    assert 1 <= units(piece.text) <= MAX_UNITS
    assert piece.text == piece.text.strip()
    for number, one in enumerate(piece.entities):
        assert one.type in OURS
        assert one.length > 0
        assert one.offset >= 0
        assert one.offset + one.length <= units(piece.text)
        covered(piece, one)  # begins and ends between whole characters
        for other in piece.entities[number + 1 :]:
            apart = other.offset >= one.offset + one.length
            inside = other.offset + other.length <= one.offset + one.length
            assert apart or (inside and one.type not in CODE)
    return True


class TestWhateverGeminiWrites:
    @given(MARKDOWN)
    def test_becomes_messages_that_telegram_takes(self, markdown):
        assert all(is_valid(piece) for piece in pieces(markdown))

    @given(MARKDOWN, st.integers(1, 60))
    def test_may_be_long(self, markdown, times):
        assert all(is_valid(piece) for piece in pieces(markdown * times))

    @given(MARKDOWN, st.integers(1, 60))
    def test_stands_in_the_chat_as_it_was_meant(self, markdown, times):
        for piece in pieces(markdown * times):
            text, entities = as_telegram_takes_it(piece)

            assert text == piece.text
            assert entities == [one.to_dict() for one in piece.entities]

    @given(MARKDOWN, st.data())
    def test_may_break_off_anywhere(self, markdown, data):
        begun = markdown[: data.draw(st.integers(0, len(markdown)))]

        assert all(as_telegram_takes_it(piece) for piece in pieces(begun))

    @given(PLAIN, st.integers(1, 40))
    def test_keeps_its_plain_words(self, text, times):
        found = "".join(piece.text for piece in pieces(text * times))

        assert re.sub(r"\s", "", found) == re.sub(r"\s", "", text * times)

    @pytest.mark.parametrize(
        "markdown",
        ["<div>hello</div>", "a <b>bold</b> word", "<!-- what -->", "if a<b and c>d", "<details>\n<summary>x"],
    )
    def test_keeps_what_looks_like_html(self, markdown):
        [piece] = pieces(markdown)

        assert words(piece.text) == words(markdown)

    @pytest.mark.parametrize("markdown", ["", " \n ", "\0"])
    def test_says_nothing_where_there_is_nothing(self, markdown):
        assert pieces(markdown) == []


class TestTheLook:
    def test_of_bold_italic_code_and_links(self):
        [piece] = pieces("A **bold** and *lean* `word()` of [ours](https://example.com/a).")

        assert piece.text == "A bold and lean word() of ours."
        assert [(one.type, covered(piece, one)) for one in piece.entities] == [
            (MessageEntity.BOLD, "bold"),
            (MessageEntity.ITALIC, "lean"),
            (MessageEntity.CODE, "word()"),
            (MessageEntity.TEXT_LINK, "ours"),
        ]

    def test_of_a_link_that_telegram_would_refuse_is_plain(self):
        [piece] = pieces("Press [here](javascript:alert(1)).")

        assert piece.entities == ()

    def test_of_code_that_breaks_off_is_code_already(self):
        [piece] = pieces("Look:\n\n```python\nprint('a < b')")

        [code] = piece.entities
        assert (code.type, code.language) == (MessageEntity.PRE, "python")
        assert covered(piece, code).strip() == "print('a < b')"

    def test_of_a_long_code_block_stays_in_every_message(self):
        lines = [f"print({number}, '<b>')" for number in range(600)]

        found = pieces("Here:\n\n```python\n" + "\n".join(lines) + "\n```\n\nThat's **all**.")

        assert len(found) > 2
        blocks = [one for piece in found for one in piece.entities if one.type == MessageEntity.PRE]
        assert len(blocks) == len(found)
        assert {one.language for one in blocks} == {"python"}
        assert [line for piece in found for line in piece.text.splitlines() if line.startswith("print")] == lines
        assert found[-1].text.endswith("That's all.")
