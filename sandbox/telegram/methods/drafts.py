"""A message while it is being written: a preview in a private chat that goes by itself."""

from __future__ import annotations

from sandbox.telegram.api import Call, method
from sandbox.telegram.errors import bad_request
from sandbox.telegram.methods import content as contents
from sandbox.telegram.methods.sending import read_thread
from sandbox.telegram.world import Draft

PREVIEW_S = 30.0


@method("sendMessageDraft")
def send_message_draft(call: Call) -> bool:
    """Show what is written so far; an empty text shows that the bot thinks."""
    chat = call.chat_to_write()
    if chat.type != "private":
        raise bad_request("message drafts can be sent only to private chats")
    draft_id = call.number("draft_id")
    if draft_id == 0:
        raise bad_request("DRAFT_ID_INVALID")
    thread = read_thread(call, chat)
    content = contents.read_text(call) if call.has("text") else {"text": ""}
    call.world.flood.take(call.bot.id, chat.id)
    call.world.show_draft(
        chat,
        Draft(
            id=draft_id,
            bot_id=call.bot.id,
            content=content | thread,
            until=call.world.clock.time() + PREVIEW_S,
            can_stop=call.flag("can_stop"),
            keep_on_stop=call.flag("keep_on_stop"),
        ),
    )
    return True
