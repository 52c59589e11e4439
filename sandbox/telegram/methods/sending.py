"""Methods that put messages into chats."""

from __future__ import annotations

import random
import secrets
from dataclasses import dataclass
from typing import Any

from sandbox.telegram.api import Call, method
from sandbox.telegram.errors import ApiError, bad_request
from sandbox.telegram.methods import content as contents
from sandbox.telegram.world import GENERAL_TOPIC, Chat, Json, Post, Topic, World

ACTIONS = frozenset(
    [
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    ]
)
LARGEST_ALBUM = 10
SPEAKING_KINDS = ("document", "voice", "audio", "video", "animation", "video_note", "sticker")


@dataclass(frozen=True)
class Place:
    """Where a message goes: the chat, and the topic and replied message as message fields."""

    chat: Chat
    fields: Json


def find_place(call: Call, *, count: int = 1) -> Place:
    """Find where a call wants to send ``count`` messages, and whether it may.

    Raises:
        ApiError: No chat, no entrance, no such topic or replied message, or too fast.
    """
    chat = call.chat_to_write()
    fields = read_thread(call, chat) | _read_reply(call, chat)
    if call.flag("protect_content"):
        fields["has_protected_content"] = True
    if call.has("message_effect_id"):
        fields["effect_id"] = call.text("message_effect_id")
    call.world.flood.take(call.bot.id, chat.id, count)
    return Place(chat, fields)


def thread_fields(chat: Chat, thread_id: int) -> Json:
    """The fields that say in which topic a message is; none for a forum's General.

    Raises:
        ApiError: There is no such topic, or it is closed.
    """
    topic = chat.topics.get(thread_id)
    if topic is not None:
        if topic.is_closed:
            raise bad_request("TOPIC_CLOSED")
        return {"message_thread_id": thread_id, "is_topic_message": True}
    # In a supergroup without topics, the replies to a message make a thread under its id.
    if chat.type == "supergroup" and not chat.is_forum and chat.post(thread_id):
        return {"message_thread_id": thread_id}
    raise bad_request("message thread not found")


def read_thread(call: Call, chat: Chat) -> Json:
    """The fields for the topic that a call names; none without one.

    Raises:
        ApiError: There is no such topic, or it is closed.
    """
    thread_id = call.number("message_thread_id")
    return thread_fields(chat, thread_id) if thread_id else {}


def _read_reply(call: Call, chat: Chat) -> Json:
    given = call.structure("reply_parameters") or {}
    message_id = given.get("message_id") or call.number("reply_to_message_id")
    if not message_id:
        return {}
    replied = chat.post(int(message_id))
    if replied is None:
        if given.get("allow_sending_without_reply") or call.flag("allow_sending_without_reply"):
            return {}
        raise bad_request("message to be replied not found")
    fields = reply_fields(chat, replied)
    if quote := given.get("quote"):
        if quote not in (replied.message.get("text") or replied.message.get("caption") or ""):
            raise bad_request("QUOTE_TEXT_INVALID")
        fields["quote"] = {"text": quote, "position": given.get("quote_position", 0), "is_manual": True}
    return fields


def reply_fields(chat: Chat, replied: Post) -> Json:
    """What replying to a message adds to one's own; the quoted message comes without its own reply."""
    fields: Json = {
        "reply_to_message": {
            name: value for name, value in replied.message.items() if name not in ("reply_to_message", "quote")
        }
    }
    if "message_thread_id" in replied.message:
        fields["message_thread_id"] = replied.message["message_thread_id"]
        if replied.message.get("is_topic_message"):
            fields["is_topic_message"] = True
    elif chat.type == "supergroup" and not chat.is_forum:
        fields["message_thread_id"] = replied.id
    return fields


def write(call: Call, place: Place, content: Json) -> Json:
    """Put a message of the bot into its place.

    Raises:
        ApiError: The keyboard is refused.
    """
    inline_keyboard, other_keyboard = contents.read_markup(call)
    if inline_keyboard is not None:
        content = content | {"reply_markup": inline_keyboard}
    post = call.world.add_post(place.chat, call.bot.as_user(), place.fields | content, reply_keyboard=other_keyboard)
    return post.message


@method("sendMessage")
def send_message(call: Call) -> Json:
    text = contents.read_text(call)
    return write(call, find_place(call), text)


@method("sendPhoto")
async def send_photo(call: Call) -> Json:
    caption = contents.read_caption(call)
    place = find_place(call)
    photo = await contents.read_photo(call, call.file("photo"))
    if call.flag("has_spoiler"):
        photo["has_media_spoiler"] = True
    return write(call, place, photo | caption)


@method(*(f"send{''.join(part.capitalize() for part in kind.split('_'))}" for kind in SPEAKING_KINDS))
async def send_file(call: Call) -> Json:
    """``sendDocument``, ``sendVoice`` and their like."""
    kind = next(kind for kind in SPEAKING_KINDS if call.method.lower() == f"send{kind.replace('_', '')}")
    caption = contents.read_caption(call)
    place = find_place(call)
    file = await contents.read_file(call, kind, call.file(kind))
    return write(call, place, file | caption)


@method("sendMediaGroup")
async def send_media_group(call: Call) -> list[Json]:
    """All or nothing: each part is read before the first is sent."""
    album = call.structure("media")
    if not isinstance(album, list) or len(album) < 2:
        raise bad_request("there are not enough messages to send as an album")
    if len(album) > LARGEST_ALBUM:
        raise bad_request("Too many messages to send as an album")
    kinds = {part.get("type") for part in album if isinstance(part, dict)}
    if len(kinds) > 1 and kinds & {"document", "audio"}:
        raise bad_request("document and audio can't be mixed with other media types")
    place = find_place(call, count=len(album))
    parts = [await contents.read_input_media(call, part) for part in album]
    group = {"media_group_id": str(random.randint(10**16, 10**17))}
    return [call.world.add_post(place.chat, call.bot.as_user(), place.fields | group | part).message for part in parts]


@method("sendChatAction")
def send_chat_action(call: Call) -> bool:
    chat = call.chat_to_write()
    if call.text("action") not in ACTIONS:
        raise bad_request("wrong parameter action in request")
    thread = read_thread(call, chat)
    call.world.flood.take(call.bot.id, chat.id)
    call.world.tell(chat, "action", action=call.text("action"), **thread)
    return True


def _find_source(call: Call, message_id: int) -> Post:
    source = call.chat("from_chat_id").post(message_id)
    if source is None:
        raise bad_request(f"message to {call.method.removesuffix('s').removesuffix('Message')} not found")
    if source.message.get("has_protected_content"):
        raise bad_request("message can't be forwarded or copied")
    return source


NOT_CARRIED = ("message_id", "from", "sender_chat", "chat", "date", "edit_date", "reply_to_message", "quote",
                "message_thread_id", "is_topic_message", "media_group_id", "reply_markup", "via_bot")  # fmt: skip


def _carried(source: Post) -> Json:
    return {name: value for name, value in source.message.items() if name not in NOT_CARRIED}


def origin_of(source: Post) -> Json:
    """Where a forwarded message comes from."""
    if "forward_origin" in source.message:
        origin: Json = source.message["forward_origin"]
        return origin
    date = source.message["date"]
    if "sender_chat" in source.message:
        channel = source.message["sender_chat"]
        return {"type": "channel", "chat": channel, "message_id": source.id, "date": date}
    return {"type": "user", "sender_user": source.message["from"], "date": date}


@method("copyMessage")
def copy_message(call: Call) -> Json:
    source = _find_source(call, call.message_id())
    copied = _carried(source)
    if "caption" in call.values and "text" not in copied:
        copied = {name: value for name, value in copied.items() if not name.startswith("caption")}
        copied |= contents.read_caption(call)
    return {"message_id": write(call, find_place(call), copied)["message_id"]}


@method("forwardMessage")
def forward_message(call: Call) -> Json:
    source = _find_source(call, call.message_id())
    return write(call, find_place(call), _carried(source) | {"forward_origin": origin_of(source)})


@method("copyMessages", "forwardMessages")
def carry_messages(call: Call) -> list[Json]:
    """Several at once; those that are gone are left out."""
    ids: Any = call.structure("message_ids") or []
    sources = []
    for message_id in ids:
        try:
            sources.append(_find_source(call, int(message_id)))
        except ApiError:
            continue
    if not sources:
        raise bad_request("there are no messages to send")
    place = find_place(call, count=len(sources))
    sent = []
    for source in sources:
        carried = _carried(source)
        if call.method == "forwardMessages":
            carried["forward_origin"] = origin_of(source)
        sent.append({"message_id": write(call, place, carried)["message_id"]})
    return sent


def open_topic(world: World, chat: Chat, author: Json, name: str) -> Json:
    """Make a topic, with the service message that every topic begins with.

    Raises:
        ApiError: The chat has no topics.
    """
    if not chat.is_forum and chat.type != "private":
        raise bad_request("the chat is not a forum")
    created = {"name": name, "icon_color": 7322096}
    post = world.add_post(chat, author, {"forum_topic_created": created, "is_topic_message": True})
    post.message["message_thread_id"] = post.id
    chat.topics[post.id] = Topic(post.id, name)
    return {"message_thread_id": post.id, **created}


@method("closeForumTopic", "reopenForumTopic", "deleteForumTopic", "editForumTopic")
def change_forum_topic(call: Call) -> bool:
    chat = call.chat_to_write()
    topic = chat.topics.get(call.number("message_thread_id"))
    if topic is None or topic.id == GENERAL_TOPIC:
        raise bad_request("TOPIC_ID_INVALID")
    match call.method:
        case "deleteForumTopic":
            remove_topic(call.world, chat, topic)
        case "editForumTopic":
            topic.name = call.text("name") or topic.name
        case other:
            topic.is_closed = other == "closeForumTopic"
    return True


def remove_topic(world: World, chat: Chat, topic: Topic) -> None:
    """Delete a topic with all that was said in it."""
    del chat.topics[topic.id]
    for post in list(chat.posts.values()):
        if post.message.get("message_thread_id") == topic.id and not post.is_deleted:
            world.delete_post(chat, post)


@method("savePreparedInlineMessage")
def save_prepared_inline_message(call: Call) -> Json:
    return {"id": secrets.token_urlsafe(12), "expiration_date": call.world.clock.date() + 3600}
