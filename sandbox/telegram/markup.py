"""Turns HTML, MarkdownV2 and Markdown into text with entities, and finds the entities nobody marks.

Offsets and lengths are UTF-16 units, as everywhere in the Bot API; the byte offsets in errors are UTF-8.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from sandbox.telegram.errors import ApiError, bad_request

Entity = dict[str, Any]

TAGS = {
    "a": "text_link",
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "span": "spoiler",
    "tg-spoiler": "spoiler",
    "tg-emoji": "custom_emoji",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
}
_HTML_NAMES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_HTML_CHARACTER = re.compile(r"&(?:#(\d+)|#x([0-9a-fA-F]+)|(lt|gt|amp|quot));?")
_ATTRIBUTE = re.compile(r"\s*([^\s=>]*)\s*(=?)\s*(\"[^\"]*\"|'[^']*'|[^\s>\"']*)")

_RESERVED = frozenset("_*[]()~`>#+-=|{}.!")
_MARKDOWN_NAMES = {
    "bold": "Bold",
    "italic": "Italic",
    "underline": "Underline",
    "strikethrough": "Strikethrough",
    "spoiler": "Spoiler",
    "code": "Code",
    "pre": "Pre",
    "text_link": "TextUrl",
    "custom_emoji": "CustomEmoji",
}

_FOUND_BY_ITSELF = re.compile(
    r"(?P<bot_command>(?<![\w/])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?!\w))"
    r"|(?P<url>\bhttps?://[^\s<>\"]+[^\s<>\".,;:!?)\]}'])"
    r"|(?P<email>[\w.+-]+@[\w-]+\.[\w.-]*\w)"
    r"|(?P<mention>(?<!\w)@[A-Za-z0-9_]{3,32}(?!\w))"
    r"|(?P<hashtag>(?<!\w)#\w*[^\W\d]\w*)"
)


def units(text: str) -> int:
    """The length of a text in UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2


def cannot_parse(why: str) -> ApiError:
    return bad_request(f"can't parse entities: {why}")


def read_text(text: str, parse_mode: str, entities: list[Entity] | None) -> tuple[str, list[Entity]]:
    """Make of a call's text what Telegram shows: trimmed text, and all its entities in order.

    Raises:
        ApiError: Broken markup, an unknown parse mode, or an entity that ends beyond the text.
    """
    match parse_mode.lower():
        case "":
            found = _check_entities(text, entities or [])
        case "html":
            text, found = _Html(text).parse()
        case "markdownv2":
            text, found = _MarkdownV2(text).parse()
        case "markdown":
            text, found = _parse_markdown(text)
        case _:
            raise bad_request("unsupported parse_mode")
    text, found = _trim(text, found)
    return text, _in_order(found + _detect_beside(text, found))


def detect(text: str) -> list[Entity]:
    """Find commands, links, addresses, mentions and hashtags in a text."""
    return [
        {
            "type": str(match.lastgroup),
            "offset": units(text[: match.start()]),
            "length": units(match.group()),
        }
        for match in _FOUND_BY_ITSELF.finditer(text)
    ]


def _detect_beside(text: str, entities: list[Entity]) -> list[Entity]:
    """What is found by itself, except inside code and links."""
    taken = [entity for entity in entities if entity["type"] in ("code", "pre", "text_link", "text_mention")]
    return [
        found
        for found in detect(text)
        if not any(_overlap(found, entity) for entity in taken) and found not in entities
    ]


def _overlap(one: Entity, other: Entity) -> bool:
    return bool(one["offset"] < other["offset"] + other["length"] and other["offset"] < one["offset"] + one["length"])


def _in_order(entities: list[Entity]) -> list[Entity]:
    return sorted(entities, key=lambda entity: (entity["offset"], -entity["length"]))


def _check_entities(text: str, entities: list[Entity]) -> list[Entity]:
    end = units(text)
    for entity in entities:
        if entity["offset"] + entity["length"] > end:
            raise bad_request(
                f"entity beginning at UTF-16 offset {entity['offset']} ends after the end of the text at UTF-16 "
                f"offset {end}"
            )
    return list(entities)


def _trim(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """Cut white space from both ends, and the entities with it."""
    text = text.replace("\r", "").replace("\0", "")
    start = units(text) - units(text.lstrip())
    trimmed = text.strip()
    end = units(trimmed)
    kept = []
    for entity in entities:
        offset = max(entity["offset"] - start, 0)
        length = min(entity["offset"] + entity["length"] - start, end) - offset
        if length > 0:
            kept.append({**entity, "offset": offset, "length": length})
    return trimmed, kept


@dataclass
class _Open:
    """An entity whose end has not come yet; ``position`` is where it began in the source."""

    name: str
    kind: str
    position: int
    offset: int
    extra: dict[str, str] = field(default_factory=dict)


class _Parser:
    """The text written so far, and the entities: open ones as a stack, ended ones as a list."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.text: list[str] = []
        self.length = 0
        self.open: list[_Open] = []
        self.entities: list[Entity] = []

    def write(self, character: str) -> None:
        self.text.append(character)
        self.length += units(character)

    def byte_offset(self, position: int) -> int:
        return len(self.source[:position].encode())

    def begin(self, name: str, kind: str, position: int, **extra: str) -> None:
        self.open.append(_Open(name, kind, position, self.length, extra))

    def end(self, **extra: str) -> None:
        ended = self.open.pop()
        if self.length > ended.offset:
            self.entities.append(
                {"type": ended.kind, "offset": ended.offset, "length": self.length - ended.offset} | ended.extra | extra
            )

    def written_since(self, opened: _Open) -> str:
        encoded = "".join(self.text).encode("utf-16-le")
        return encoded[opened.offset * 2 :].decode("utf-16-le")


class _Html(_Parser):
    def parse(self) -> tuple[str, list[Entity]]:
        position = 0
        while position < len(self.source):
            character = self.source[position]
            if character == "<":
                position = self._tag(position)
            elif character == "&" and (match := _HTML_CHARACTER.match(self.source, position)):
                self.write(_html_character(match))
                position = match.end()
            else:
                self.write(character)
                position += 1
        if self.open:
            raise cannot_parse(f'Can\'t find end tag corresponding to start tag "{self.open[-1].name}"')
        return "".join(self.text), _join_code_in_pre(self.entities)

    def _tag(self, begin: int) -> int:
        is_end = self.source.startswith("</", begin)
        end = self._end_of_tag(begin, "end" if is_end else "start")
        if is_end:
            self._end_tag(begin, self.source[begin + 2 : end].strip().lower())
        else:
            self._start_tag(begin, self.source[begin + 1 : end])
        return end + 1

    def _end_of_tag(self, begin: int, which: str) -> int:
        quote = ""
        for position in range(begin, len(self.source)):
            character = self.source[position]
            if quote:
                quote = "" if character == quote else quote
            elif character in "\"'" and self.source[position - 1] == "=":
                quote = character
            elif character == ">":
                return position
        raise cannot_parse(f"Unclosed {which} tag at byte offset {self.byte_offset(begin)}")

    def _start_tag(self, begin: int, inside: str) -> None:
        name = re.split(r"\s", inside, maxsplit=1)[0]
        tag = name.lower()
        if tag not in TAGS:
            raise cannot_parse(f'Unsupported start tag "{tag}" at byte offset {self.byte_offset(begin)}')
        attributes = self._attributes(tag, begin, inside[len(name) :])
        kind, extra = TAGS[tag], {}
        if tag == "a":
            extra = {"url": attributes.get("href", "")}
        elif tag == "tg-emoji":
            extra = {"custom_emoji_id": attributes.get("emoji-id", "")}
        elif tag == "code" and attributes.get("class", "").startswith("language-"):
            extra = {"language": attributes["class"].removeprefix("language-")}
        elif tag == "blockquote" and "expandable" in attributes:
            kind = "expandable_blockquote"
        elif tag == "span" and attributes.get("class") != "tg-spoiler":
            raise cannot_parse(f'Tag "span" must have class "tg-spoiler" at byte offset {self.byte_offset(begin)}')
        self.begin(tag, kind, begin, **extra)

    def _attributes(self, tag: str, begin: int, source: str) -> dict[str, str]:
        attributes: dict[str, str] = {}
        position = 0
        while source[position:].strip(" \t\r\n/"):
            match = _ATTRIBUTE.match(source, position)
            if match is None or not match[1]:
                raise cannot_parse(f'Empty attribute name in the tag "{tag}" at byte offset {self.byte_offset(begin)}')
            if not match[2] and match[1].lower() != "expandable":
                raise cannot_parse(
                    f'Expected equal sign in declaration of an attribute of the tag "{tag}" at byte offset '
                    f"{self.byte_offset(begin)}"
                )
            value = match[3].strip("\"'") if match[2] else ""
            attributes[match[1].lower()] = _HTML_CHARACTER.sub(_html_character, value)
            position = match.end() if match[2] else match.end(1)
        return attributes

    def _end_tag(self, begin: int, name: str) -> None:
        if not self.open:
            raise cannot_parse(f"Unexpected end tag at byte offset {self.byte_offset(begin)}")
        expected = self.open[-1]
        if name not in ("", expected.name):
            raise cannot_parse(
                f"Unmatched end tag at byte offset {self.byte_offset(begin)}, expected "
                f'"</{expected.name}>", found "</{name}>"'
            )
        if expected.name == "a" and not expected.extra["url"]:
            self._end_link_without_address()
        else:
            self.end()

    def _end_link_without_address(self) -> None:
        """``<a>https://…</a>`` links to its own text, and other words lose the tag."""
        shown = self.written_since(self.open[-1])
        self.end(url=shown)
        if not re.match(r"(https?|tg)://", shown) and self.entities:
            self.entities.pop()


def _html_character(match: re.Match[str]) -> str:
    decimal, hexadecimal, name = match.groups()
    if name:
        return _HTML_NAMES[name]
    code = int(decimal) if decimal else int(hexadecimal, 16)
    return chr(code) if 0 < code < 0x110000 else match.group()


def _join_code_in_pre(entities: list[Entity]) -> list[Entity]:
    """``<pre><code class="language-x">`` is one entity with a language; elsewhere ``code`` has none."""
    joined: list[Entity] = []
    for entity in entities:
        inner = joined[-1] if joined else None
        same_place = inner and (inner["offset"], inner["length"]) == (entity["offset"], entity["length"])
        if entity["type"] == "pre" and inner and inner["type"] == "code" and same_place:
            joined[-1] = {**entity, "language": inner["language"]} if "language" in inner else entity
        else:
            joined.append(entity)
    for entity in joined:
        if entity["type"] == "code":
            entity.pop("language", None)
        # A custom emoji or a quote keeps what it has; an expandable quote is a type of its own.
    return joined


class _MarkdownV2(_Parser):
    _MARKS = (("__", "underline"), ("||", "spoiler"), ("_", "italic"), ("*", "bold"), ("~", "strikethrough"))

    def parse(self) -> tuple[str, list[Entity]]:
        position = 0
        while position < len(self.source):
            position = self._step(position)
        self._end_quote()
        if self.open:
            left = self.open[-1]
            raise cannot_parse(
                f"Can't find end of {_MARKDOWN_NAMES[left.kind]} entity at byte offset "
                f"{self.byte_offset(left.position)}"
            )
        return "".join(self.text), self.entities

    @property
    def _inside(self) -> str:
        return self.open[-1].kind if self.open else ""

    def _step(self, position: int) -> int:
        """Read what stands at the position; returns the next one."""
        source, character = self.source, self.source[position]
        if character == "\\" and position + 1 < len(source) and 0 < ord(source[position + 1]) <= 126:
            self.write(source[position + 1])
            return position + 2
        if self._inside in ("code", "pre"):
            return self._in_code(position)
        at_line_start = position == 0 or source[position - 1] == "\n"
        if at_line_start and (quote := re.compile(r"(\*\*)?>").match(source, position)):
            return self._quote(quote)
        if character == "\n":
            self._end_quote_before(position)
            self.write(character)
            return position + 1
        if character not in _RESERVED:
            self.write(character)
            return position + 1
        return self._mark(position)

    def _in_code(self, position: int) -> int:
        fence = "```" if self._inside == "pre" else "`"
        if self.source.startswith(fence, position):
            self.end()
            return position + len(fence)
        self.write(self.source[position])
        return position + 1

    def _quote(self, mark: re.Match[str]) -> int:
        if not any(opened.name == "quote" for opened in self.open):
            kind = "expandable_blockquote" if mark[1] else "blockquote"
            self.open.insert(0, _Open("quote", kind, mark.start(), self.length))
        return mark.end()

    def _end_quote_before(self, line_end: int) -> None:
        if not self.source.startswith(">", line_end + 1):
            self._end_quote()

    def _end_quote(self) -> None:
        if self.open and self.open[-1].name == "quote":
            self.end()

    def _mark(self, position: int) -> int:
        source = self.source
        if source.startswith("```", position):
            return self._fence(position)
        if source.startswith("`", position):
            self.begin("`", "code", position)
            return position + 1
        if source.startswith(("[", "!["), position):
            custom = source[position] == "!"
            self.begin("[", "custom_emoji" if custom else "text_link", position)
            return position + (2 if custom else 1)
        if source.startswith("]", position) and self._inside in ("text_link", "custom_emoji"):
            return self._end_link(position)
        for mark, kind in self._MARKS:
            if source.startswith(mark, position):
                return self._toggle(mark, kind, position)
        raise cannot_parse(f"Character '{source[position]}' is reserved and must be escaped with the preceding '\\'")

    def _fence(self, position: int) -> int:
        first_line = re.compile(r"([^\s`]+)?\n").match(self.source, position + 3)
        language = {"language": first_line[1]} if first_line and first_line[1] else {}
        self.begin("```", "pre", position, **language)
        return first_line.end() if first_line else position + 3

    def _toggle(self, mark: str, kind: str, position: int) -> int:
        ends_expandable_quote = mark == "||" and self._inside == "expandable_blockquote"
        if self._inside == kind or ends_expandable_quote:
            self.end()
        else:
            self.begin(mark, kind, position)
        return position + len(mark)

    def _end_link(self, position: int) -> int:
        address = re.compile(r"\]\(((?:\\.|[^\\)])*)\)").match(self.source, position)
        if address is None:
            self.open.pop()
            return position + 1
        url = re.sub(r"\\(.)", r"\1", address[1])
        if self._inside == "custom_emoji":
            self.end(custom_emoji_id=url.partition("id=")[2])
        else:
            self.end(url=url)
        return address.end()


def _parse_markdown(source: str) -> tuple[str, list[Entity]]:
    """The old Markdown: no nesting, and the escapes only outside of entities."""
    parser = _Parser(source)
    position = 0
    while position < len(source):
        character = source[position]
        if character == "\\" and source[position + 1 : position + 2] in tuple("_*`["):
            parser.write(source[position + 1])
            position += 2
        elif character in "_*`[":
            position = _markdown_entity(parser, position)
        else:
            parser.write(character)
            position += 1
    return "".join(parser.text), parser.entities


def _markdown_entity(parser: _Parser, position: int) -> int:
    source = parser.source
    fence = "```" if source.startswith("```", position) else source[position]
    begin = position + len(fence)
    end = source.find("]" if fence == "[" else fence, begin)
    if end < 0:
        raise cannot_parse(f"Can't find end of the entity starting at byte offset {parser.byte_offset(position)}")
    kind = {"_": "italic", "*": "bold", "`": "code", "```": "pre", "[": "text_link"}[fence]
    parser.begin(fence, kind, position)
    for character in source[begin:end]:
        parser.write(character)
    if fence != "[":
        parser.end()
        return end + len(fence)
    address = re.compile(r"\]\(([^)]*)\)").match(source, end)
    if address is None:
        parser.open.pop()
        return end + 1
    parser.end(url=address[1])
    return address.end()
