"""Reads request bodies: JSON, urlencoded and multipart forms, anything else as one file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header


class UnreadableBody(Exception):
    """The body isn't what its content type promises."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One file of a multipart form; ``name`` is the sender's file name."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Body:
    """What a request carried.

    ``values`` holds a JSON document as it is, or a form's fields as strings; it is ``None`` for a body of
    another kind, which is then the one upload under the empty name.
    """

    values: Any = None
    uploads: dict[str, Upload] = field(default_factory=dict)
    is_form: bool = False


def read_body(content_type: str, content: bytes) -> Body:
    """Parse a request body.

    Raises:
        UnreadableBody: Broken JSON, text that isn't UTF-8, or a multipart form cut short.
    """
    if not content:
        return Body()
    kind, options = parse_options_header(content_type)
    match kind.lower():
        case b"application/json":
            return Body(_read_json(content))
        case b"application/x-www-form-urlencoded":
            return Body(_read_urlencoded(content), is_form=True)
        case b"multipart/form-data":
            return _read_multipart(content, options.get(b"boundary", b""))
        case _:
            return Body(uploads={"": Upload("", content_type, content)})


def _read_json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise UnreadableBody(str(error)) from error


def _read_urlencoded(content: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(content.decode(), keep_blank_values=True))
    except ValueError as error:
        raise UnreadableBody(str(error)) from error


class _Form:
    """Collects the parts of a multipart form as the parser meets them."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.uploads: dict[str, Upload] = {}
        self.ended = False
        self._headers: dict[bytes, bytes] = {}
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._pieces: list[bytes] = []

    def begin_part(self) -> None:
        self._headers = {}
        self._pieces = []

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def end_header(self) -> None:
        self._headers[bytes(self._header_name).lower()] = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def part_data(self, data: bytes, start: int, end: int) -> None:
        self._pieces.append(data[start:end])

    def end_part(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"name", b"").decode()
        content = b"".join(self._pieces)
        if b"filename" not in options:
            self.values[name] = content.decode()
            return
        media_type = self._headers.get(b"content-type", b"application/octet-stream").decode("latin-1")
        self.uploads[name] = Upload(options[b"filename"].decode(errors="replace"), media_type, content)

    def end(self) -> None:
        self.ended = True


def _read_multipart(content: bytes, boundary: bytes) -> Body:
    form = _Form()
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": form.begin_part,
                "on_header_field": form.header_name,
                "on_header_value": form.header_value,
                "on_header_end": form.end_header,
                "on_part_data": form.part_data,
                "on_part_end": form.end_part,
                "on_end": form.end,
            },
        )
        parser.write(content)
        parser.finalize()
    except (FormParserError, UnicodeDecodeError) as error:
        raise UnreadableBody(str(error)) from error
    if not form.ended:
        raise UnreadableBody("the multipart form ends early")
    return Body(form.values, form.uploads, is_form=True)
