"""Answers to pressed buttons and inline queries, and files for download."""

from __future__ import annotations

import re
import time
from typing import Any

from sandbox.telegram.api import Call, method
from sandbox.telegram.errors import QUERY_TOO_OLD, bad_request
from sandbox.telegram.updates import RETENTION_S
from sandbox.telegram.world import Json

LONGEST_ANSWER = 200  # characters
MAX_RESULTS = 50
LONGEST_OFFSET = 64  # bytes


@method("answerCallbackQuery")
def answer_callback_query(call: Call) -> bool:
    query = call.world.callbacks.get(call.text("callback_query_id"))
    too_old_at = call.world.clock.time() - RETENTION_S["callback_query"]
    if query is None or query.bot_id != call.bot.id or query.asked_at < too_old_at:
        raise bad_request(QUERY_TOO_OLD)
    if len(call.text("text")) > LONGEST_ANSWER:
        raise bad_request("MESSAGE_TOO_LONG")
    answer: Json = {"answered": True, "show_alert": call.flag("show_alert")}
    for name in ("text", "url"):
        if call.has(name):
            answer[name] = call.text(name)
    query.answer = answer | {"after_s": time.monotonic() - query.pressed_at}
    chat = call.world.find_chat(call.bot, query.chat_id)
    if chat is not None:
        call.world.tell(chat, "callback_answer", callback=query.id, **answer)
    return True


@method("answerInlineQuery")
def answer_inline_query(call: Call) -> bool:
    question = call.world.inline_questions.get(call.text("inline_query_id"))
    too_old_at = call.world.clock.time() - RETENTION_S["inline_query"]
    if question is None or question.bot_id != call.bot.id or question.asked_at < too_old_at:
        raise bad_request(QUERY_TOO_OLD)
    results: Any = call.structure("results", "inline query results") or []
    if len(results) > MAX_RESULTS:
        raise bad_request("RESULTS_TOO_MUCH")
    ids = [result.get("id") for result in results]
    if any(not isinstance(one, str) or not 1 <= len(one.encode()) <= 64 for one in ids):
        raise bad_request("RESULT_ID_INVALID")
    if len(set(ids)) < len(ids):
        raise bad_request("RESULT_ID_DUPLICATE")
    for result in results:
        if "photo_file_id" in result:
            call.world.files.photo_of(call.world.files.find(result["photo_file_id"]))
        elif "document_file_id" in result:
            call.world.files.find(result["document_file_id"])
    if len(call.text("next_offset").encode()) > LONGEST_OFFSET:
        raise bad_request("NEXT_OFFSET_INVALID")
    button = call.structure("button") or {}
    if "start_parameter" in button and not re.fullmatch(r"[\w-]{1,64}", button["start_parameter"], re.ASCII):
        raise bad_request("SWITCH_PM_PARAM_INVALID")
    question.answer = {
        "answered": True,
        "results": results,
        "cache_time": call.number("cache_time", 300),
        "is_personal": call.flag("is_personal"),
        "next_offset": call.text("next_offset"),
        **({"button": button} if button else {}),
    }
    call.world.tell(call.world.private_chat(call.bot, question.person), "inline_answer", inline=question.id)
    return True


@method("getFile")
def get_file(call: Call) -> Json:
    files = call.world.files
    if not call.has("file_id"):
        raise bad_request("file_id not specified")
    return files.describe(files.find(call.text("file_id")))


@method("getUserProfilePhotos")
def get_user_profile_photos(call: Call) -> Json:
    call.user_id()
    return {"total_count": 0, "photos": []}
