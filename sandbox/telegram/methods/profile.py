"""Who the bot is: its user, name, descriptions and menu button."""

from __future__ import annotations

from sandbox.telegram.api import Call, method
from sandbox.telegram.errors import bad_request
from sandbox.telegram.world import Json

LONGEST = {"Name": 64, "Description": 512, "ShortDescription": 120}
FIELDS = {"Name": "name", "Description": "description", "ShortDescription": "short_description"}


@method("getMe")
def get_me(call: Call) -> Json:
    return {
        "can_join_groups": True,
        "can_read_all_group_messages": call.bot.reads_all_group_messages,
        "supports_inline_queries": True,
        "can_connect_to_business": False,
        "has_main_web_app": False,
        "has_topics_enabled": False,
        **call.bot.user,
    }


def _which(call: Call) -> str:
    return call.method[5:]


@method("setMyName", "setMyDescription", "setMyShortDescription")
def set_my_text(call: Call) -> bool:
    which = _which(call)
    text = call.text(FIELDS[which])
    if len(text) > LONGEST[which]:
        raise bad_request(f"{FIELDS[which].replace('_', ' ')} is too long")
    call.bot.texts[which, call.text("language_code")] = text
    if which == "Name" and text and not call.has("language_code"):
        call.bot.user["first_name"] = text
    call.world.changes.note()
    return True


@method("getMyName", "getMyDescription", "getMyShortDescription")
def get_my_text(call: Call) -> Json:
    which = _which(call)
    texts = call.bot.texts
    text = texts.get((which, call.text("language_code"))) or texts.get((which, ""), "")
    if which == "Name" and not text:
        text = call.bot.user["first_name"]
    return {FIELDS[which]: text}
