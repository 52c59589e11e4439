"""Methods about chats and who is in them."""

from __future__ import annotations

from sandbox.telegram.api import Call, method
from sandbox.telegram.errors import bad_request
from sandbox.telegram.world import Chat, Json, World

ADMINISTRATORS = ("creator", "administrator")
_ADMINISTRATOR_RIGHTS = (
    "can_be_edited", "is_anonymous", "can_manage_chat", "can_delete_messages", "can_manage_video_chats",
    "can_restrict_members", "can_promote_members", "can_change_info", "can_invite_users", "can_post_stories",
    "can_edit_stories", "can_delete_stories",
)  # fmt: skip


def user_json(world: World, user_id: int) -> Json | None:
    """A person or a bot as ``User``."""
    if user_id in world.people:
        return world.people[user_id].user
    if user_id in world.bots:
        return world.bots[user_id].as_user()
    return None


def member_json(user: Json, status: str) -> Json:
    """A ``ChatMember``."""
    member: Json = {"status": status, "user": user}
    if status == "creator":
        member["is_anonymous"] = False
    elif status == "administrator":
        member |= {right: right not in ("can_be_edited", "is_anonymous") for right in _ADMINISTRATOR_RIGHTS}
    elif status == "kicked":
        member["until_date"] = 0
    return member


def _visible_chat(call: Call) -> Chat:
    """A chat that the bot may look at.

    Raises:
        ApiError: No such chat, or the bot isn't in it.
    """
    chat = call.chat()
    if chat.type == "private" and call.bot.id not in call.world.people[chat.id].started:
        raise bad_request("chat not found")
    return chat if chat.type == "private" else call.world.chat_to_write(call.bot, chat)


@method("getChat")
def get_chat(call: Call) -> Json:
    full: Json = _visible_chat(call).as_json() | {"accent_color_id": 0, "max_reaction_count": 11}
    full["accepted_gift_types"] = dict.fromkeys(
        ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels"), False
    )
    return full


@method("getChatMember")
def get_chat_member(call: Call) -> Json:
    chat = _visible_chat(call)
    user = user_json(call.world, call.user_id())
    if user is None:
        raise bad_request("invalid user_id specified")
    return member_json(user, chat.members.get(int(user["id"]), "left"))


@method("getChatAdministrators")
def get_chat_administrators(call: Call) -> list[Json]:
    chat = _visible_chat(call)
    if chat.type == "private":
        raise bad_request("there are no administrators in the private chat")
    found = [(user_json(call.world, who), status) for who, status in chat.members.items() if status in ADMINISTRATORS]
    return [member_json(user, status) for user, status in found if user is not None]


@method("leaveChat")
def leave_chat(call: Call) -> bool:
    chat = _visible_chat(call)
    if chat.type == "private":
        raise bad_request("chat member status can't be changed in private chats")
    chat.members[call.bot.id] = "left"
    return True


@method("banChatMember", "unbanChatMember")
def ban_chat_member(call: Call) -> bool:
    chat = _visible_chat(call)
    if chat.members.get(call.bot.id) not in ADMINISTRATORS:
        raise bad_request("not enough rights to restrict/unrestrict chat member")
    chat.members[call.user_id()] = "kicked" if call.method == "banChatMember" else "left"
    return True
