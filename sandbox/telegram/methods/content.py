"""What messages are made of: texts, captions, media and keyboards, checked against Telegram's limits."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx2

from sandbox.bodies import Upload
from sandbox.telegram import markup
from sandbox.telegram.api import Call
from sandbox.telegram.errors import bad_request
from sandbox.telegram.files import MEGABYTE
from sandbox.telegram.world import Json

LONGEST_TEXT = 4096  # characters, without the markup
LONGEST_CAPTION = 1024
LONGEST_CALLBACK_DATA = 64  # bytes
LARGEST_PHOTO_BY_URL = 5 * MEGABYTE
LARGEST_FILE_BY_URL = 20 * MEGABYTE
FETCH_TIMEOUT_S = 10


def read_text(call: Call) -> Json:
    """``text`` and ``entities`` of a message.

    Raises:
        ApiError: Empty, too long, or broken markup.
    """
    text, entities = markup.read_text(
        call.text("text"), call.text("parse_mode"), call.structure("entities", "entities")
    )
    if not text:
        raise bad_request("message text is empty")
    if len(text) > LONGEST_TEXT:
        raise bad_request("message is too long")
    content: Json = {"text": text}
    if entities := _with_mentions(call, entities):
        content["entities"] = entities
    if preview := call.structure("link_preview_options"):
        content["link_preview_options"] = preview
    return content


def _with_mentions(call: Call, entities: list[Json]) -> list[Json]:
    """Make mentions of the links to people; to somebody unknown there is none."""
    read = []
    for entity in entities:
        found = re.fullmatch(r"tg://user\?id=(\d+)", entity.get("url", ""))
        person = call.world.people.get(int(found[1])) if found else None
        if person is not None:
            place = {name: entity[name] for name in ("offset", "length")}
            read.append({"type": "text_mention", **place, "user": person.user})
        elif found is None:
            read.append(entity)
    return read


def read_caption(values: Call | Json) -> Json:
    """``caption`` and ``caption_entities`` of a call, or of one ``InputMedia``.

    Raises:
        ApiError: Too long, or broken markup.
    """
    if isinstance(values, Call):
        given = {
            "caption": values.text("caption"),
            "parse_mode": values.text("parse_mode"),
            "caption_entities": values.structure("caption_entities"),
            "show_caption_above_media": values.flag("show_caption_above_media"),
        }
    else:
        given = values
    text, entities = markup.read_text(
        given.get("caption") or "", given.get("parse_mode") or "", given.get("caption_entities")
    )
    if len(text) > LONGEST_CAPTION:
        raise bad_request("message caption is too long")
    content: Json = {}
    if text:
        content["caption"] = text
    if entities:
        content["caption_entities"] = entities
    if given.get("show_caption_above_media"):
        content["show_caption_above_media"] = True
    return content


def read_markup(call: Call) -> tuple[Json | None, Json | None]:
    """The inline keyboard, which becomes part of the message, and any other, which goes to the person.

    Raises:
        ApiError: Broken JSON or a button out of its limits.
    """
    given = call.structure("reply_markup", "reply keyboard markup")
    if not given:
        return None, None
    if not isinstance(given, dict):
        raise bad_request("object expected as reply markup")
    if "inline_keyboard" not in given:
        return None, given
    rows = [row for row in given["inline_keyboard"] if row]
    for row in rows:
        for button in row:
            _check_button(button)
            if "web_app" in button and call.text("chat_id").startswith("-"):
                raise bad_request("BUTTON_TYPE_INVALID")
    return ({**given, "inline_keyboard": rows} if rows else None), None


def _check_button(button: Any) -> None:
    if not isinstance(button, dict) or not button.get("text"):
        raise bad_request('can\'t parse inline keyboard button: Field "text" must be of type String')
    data = button.get("callback_data")
    if data is not None and not 1 <= len(str(data).encode()) <= LONGEST_CALLBACK_DATA:
        raise bad_request("BUTTON_DATA_INVALID")
    url = button.get("url")
    if url is not None and not re.match(r"(https?|tg)://\S+", str(url)):
        raise bad_request(f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")
    if not button.keys() - {"text", "style", "icon_custom_emoji_id"}:
        raise bad_request("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")


async def read_photo(call: Call, reference: Upload | str | None) -> Json:
    """``{"photo": [PhotoSize]}`` out of an upload, a file id or a URL.

    Raises:
        ApiError: Nothing given, or nothing that makes a photo.
    """
    if reference is None:
        raise bad_request("there is no photo in the request")
    if isinstance(reference, str):
        if not _is_url(reference):
            files = call.world.files
            return {"photo": files.photo_of(files.find(_file_id(reference)))}
        reference = await _fetch(reference, LARGEST_PHOTO_BY_URL, only_images=True)
    return {"photo": call.world.files.add_photo(reference)}


async def read_file(call: Call, kind: str, reference: Upload | str | None) -> Json:
    """``{kind: Document | Voice | …}`` out of an upload, a file id or a URL.

    Raises:
        ApiError: Nothing given, unknown or too big.
    """
    if reference is None:
        raise bad_request(f"there is no {kind.replace('_', ' ')} in the request")
    files = call.world.files
    if isinstance(reference, str):
        if not _is_url(reference):
            file = files.find(_file_id(reference))
            if file.kind == "photo" and kind != "photo":
                raise bad_request(f"can't use file of type Photo as {kind.capitalize()}")
            return {kind: files.object_of(file)}
        reference = await _fetch(reference, LARGEST_FILE_BY_URL, only_images=False)
    described = files.add(kind, reference)
    if kind in ("voice", "audio", "video", "animation", "video_note") and call.has("duration"):
        described["duration"] = call.number("duration")
    return {kind: described}


async def read_input_media(call: Call, media: Any) -> Json:
    """One ``InputMedia``: its file, caption and spoiler as message fields.

    Raises:
        ApiError: An unknown type, or what the file itself is refused for.
    """
    if not isinstance(media, dict):
        raise bad_request("can't parse InputMedia: expected an Object")
    kind = media.get("type")
    reference = call.attached(str(media.get("media") or ""))
    if reference is None:
        raise bad_request("media not found")
    caption = read_caption(media)
    match kind:
        case "photo":
            content = await read_photo(call, reference)
        case "document" | "audio" | "video" | "animation":
            content = await read_file(call, kind, reference)
        case _:
            raise bad_request("can't parse InputMedia: type must be non-empty")
    if media.get("has_spoiler"):
        content["has_media_spoiler"] = True
    return content | caption


def _is_url(reference: str) -> bool:
    return re.match(r"https?://", reference) is not None


def _file_id(reference: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{10,}", reference):
        raise bad_request("wrong file identifier/HTTP URL specified")
    return reference


async def _fetch(url: str, most_bytes: int, *, only_images: bool) -> Upload:
    """Get a file from the net, as Telegram does when a call names a URL."""
    try:
        async with (
            asyncio.timeout(FETCH_TIMEOUT_S),
            httpx2.AsyncClient(trust_env=False, follow_redirects=True) as client,
        ):
            answer = await client.get(url)
    except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
        raise bad_request("failed to get HTTP URL content") from error
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    if answer.status_code != 200 or len(answer.content) > most_bytes:
        raise bad_request("failed to get HTTP URL content")
    if media_type == "text/html" or (only_images and not media_type.startswith("image/")):
        raise bad_request("wrong type of the web page content")
    return Upload(url.rpartition("/")[2], media_type, answer.content)
