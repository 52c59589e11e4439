"""Methods that change, delete, pin or react to messages that are there."""

from __future__ import annotations

from typing import Any

from sandbox.telegram.api import Call, method
from sandbox.telegram.errors import NOT_MODIFIED, bad_request
from sandbox.telegram.methods import content as contents
from sandbox.telegram.updates import DAY_S
from sandbox.telegram.world import Chat, Json, Post

MEDIA_FIELDS = ("photo", "document", "audio", "video", "animation", "has_media_spoiler")
CAPTION_FIELDS = ("caption", "caption_entities", "show_caption_above_media")
TEXT_FIELDS = ("text", "entities", "link_preview_options")
DELETABLE_S = 2 * DAY_S
MAX_DELETED = 100

REACTIONS = frozenset(
    [
        "❤",
        "👍",
        "👎",
        "🔥",
        "🥰",
        "👏",
        "😁",
        "🤔",
        "🤯",
        "😱",
        "🤬",
        "😢",
        "🎉",
        "🤩",
        "🤮",
        "💩",
        "🙏",
        "👌",
        "🕊",
        "🤡",
        "🥱",
        "🥴",
        "😍",
        "🐳",
        "❤\u200d🔥",
        "🌚",
        "🌭",
        "💯",
        "🤣",
        "⚡",
        "🍌",
        "🏆",
        "💔",
        "🤨",
        "😐",
        "🍓",
        "🍾",
        "💋",
        "🖕",
        "😈",
        "😴",
        "😭",
        "🤓",
        "👻",
        "👨\u200d💻",
        "👀",
        "🎃",
        "🙈",
        "😇",
        "😨",
        "🤝",
        "✍",
        "🤗",
        "🫡",
        "🎅",
        "🎄",
        "☃",
        "💅",
        "🤪",
        "🗿",
        "🆒",
        "💘",
        "🙉",
        "🦄",
        "😘",
        "💊",
        "🙊",
        "😎",
        "👾",
        "🤷\u200d♂",
        "🤷",
        "🤷\u200d♀",
        "😡",
    ]
)


def _find(call: Call) -> tuple[Chat, Post]:
    """The message that a call wants to edit.

    Raises:
        ApiError: Not there, or not the bot's own.
    """
    if call.has("inline_message_id"):
        bot_id, chat, post = call.world.inline_posts.get(call.text("inline_message_id"), (0, None, None))
        if chat is None or post is None or bot_id != call.bot.id or post.is_deleted:
            raise bad_request("MESSAGE_ID_INVALID")
        return chat, post
    chat = call.chat_to_write()
    found = chat.post(call.message_id())
    if found is None:
        raise bad_request("message to edit not found")
    if found.author_id != call.bot.id:
        raise bad_request("message can't be edited")
    return chat, found


def _edit(call: Call, chat: Chat, post: Post, removed: tuple[str, ...], content: Json) -> Json | bool:
    """Replace some fields of a message, and its keyboard.

    Raises:
        ApiError: Everything is as it was, or too fast.
    """
    call.world.flood.take(call.bot.id, chat.id)
    keyboard, _ = contents.read_markup(call)
    message = {
        name: value
        for name, value in post.message.items()
        if name not in removed and name not in ("edit_date", "reply_markup")
    }
    message |= content
    if keyboard is not None:
        message["reply_markup"] = keyboard
    before = {name: value for name, value in post.message.items() if name != "edit_date"}
    if message == before:
        raise bad_request(NOT_MODIFIED)
    call.world.edit_post(chat, post, message)
    return True if call.has("inline_message_id") else post.message


@method("editMessageText")
def edit_message_text(call: Call) -> Json | bool:
    content = contents.read_text(call)
    chat, post = _find(call)
    if "text" not in post.message:
        raise bad_request("there is no text in the message to edit")
    return _edit(call, chat, post, TEXT_FIELDS, content)


@method("editMessageCaption")
def edit_message_caption(call: Call) -> Json | bool:
    content = contents.read_caption(call)
    chat, post = _find(call)
    if not any(name in post.message for name in MEDIA_FIELDS):
        raise bad_request("there is no caption in the message to edit")
    return _edit(call, chat, post, CAPTION_FIELDS, content)


@method("editMessageMedia")
async def edit_message_media(call: Call) -> Json | bool:
    chat, post = _find(call)
    media = call.structure("media")
    if media is None:
        raise bad_request("media not found")
    content = await contents.read_input_media(call, media)
    return _edit(call, chat, post, MEDIA_FIELDS + CAPTION_FIELDS + TEXT_FIELDS, content)


@method("editMessageReplyMarkup")
def edit_message_reply_markup(call: Call) -> Json | bool:
    chat, post = _find(call)
    return _edit(call, chat, post, (), {})


def _check_deletable(call: Call, chat: Chat, post: Post) -> None:
    is_too_old = call.world.clock.time() - post.sent_at > DELETABLE_S
    is_foreign = chat.type != "private" and post.author_id != call.bot.id
    if is_too_old or (is_foreign and chat.members.get(call.bot.id) != "administrator"):
        raise bad_request("message can't be deleted for everyone" if is_too_old else "message can't be deleted")


@method("deleteMessage")
def delete_message(call: Call) -> bool:
    chat = call.chat_to_write()
    post = chat.post(call.message_id())
    if post is None:
        raise bad_request("message to delete not found")
    _check_deletable(call, chat, post)
    call.world.delete_post(chat, post)
    return True


@method("deleteMessages")
def delete_messages(call: Call) -> bool:
    """Several at once; those that are gone already are left out."""
    chat = call.chat_to_write()
    ids: Any = call.structure("message_ids") or []
    if not 1 <= len(ids) <= MAX_DELETED:
        raise bad_request("Too many message identifiers specified" if ids else "Message identifiers are not specified")
    posts = [post for post in map(chat.post, map(int, ids)) if post is not None]
    for post in posts:
        _check_deletable(call, chat, post)
    for post in posts:
        call.world.delete_post(chat, post)
    return True


@method("setMessageReaction")
def set_message_reaction(call: Call) -> bool:
    chat = call.chat_to_write()
    post = chat.post(call.message_id())
    if post is None:
        raise bad_request("message to react not found")
    reaction: Any = call.structure("reaction", "reaction types") or []
    if len(reaction) > 1:
        raise bad_request("REACTIONS_TOO_MANY")
    for one in reaction:
        if one.get("type") == "paid" or (one.get("type") == "emoji" and one.get("emoji") not in REACTIONS):
            raise bad_request("REACTION_INVALID")
    post.reactions[call.bot.id] = reaction
    call.world.tell(chat, "reaction", message_id=post.id, user_id=call.bot.id, reaction=reaction)
    return True


@method("pinChatMessage", "unpinChatMessage", "unpinAllChatMessages")
def pin_chat_message(call: Call) -> bool:
    chat = call.chat_to_write()
    if call.method == "pinChatMessage" and chat.post(call.message_id()) is None:
        raise bad_request("message to pin not found")
    return True
