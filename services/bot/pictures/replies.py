"""A reply to one of our pictures: which one it is, and what stays as it was asked for there."""

import mimetypes
import re
from dataclasses import replace

from telegram import Message

from shared.jobs import Job, Parameters, Request
from shared.store.jobs import Jobs


def is_to_picture(message: Message, bot_id: int) -> bool:
    """Whether a message replies to a picture that this bot sent, as a photo or as a file."""
    replied = message.reply_to_message
    if replied is None or replied.from_user is None or replied.from_user.id != bot_id:
        return False
    return bool(replied.photo) or _picture_file(replied) is not None


def picture_replied_to(message: Message, bot_id: int, jobs: Jobs) -> Job | None:
    """Look for the job of the picture to which a message replies; None where the record doesn't know it."""
    replied = message.reply_to_message
    if replied is None:
        return None
    found = jobs.delivered_as(bot_id, message.chat_id, replied.message_id)
    if found is not None:
        return found
    # Originals that a button brought are not in the record; we named them after their jobs.
    numbered = re.match(r"(\d{1,18})\.", _picture_file(replied) or "", re.ASCII)
    job = jobs.read(int(numbered[1])) if numbered else None
    is_ours = job is not None and (job.address.bot_id, job.address.chat_id) == (bot_id, message.chat_id)
    return job if is_ours and job is not None and job.image_key is not None else None


def follow(request: Request, before: Job, *, usual: Request) -> Parameters:
    """The parameters of a follow-up: what its message fixes, else what the picture before was asked with.

    Args:
        request: As it was typed.
        usual: The same with its person's preferences filled in; they tell how the picture is written and sent.
    """
    given, old = request.parameters, before.request.parameters
    sized = given if given.ratio is not None else old
    return replace(
        usual.parameters,
        model=given.model or old.model,
        style=given.style or old.style,
        negative=given.negative or old.negative,
        ratio=sized.ratio,
        width=sized.width,
        height=sized.height,
    )


def _picture_file(message: Message) -> str | None:
    """The name of the picture that a message brings as a file; None where it brings none."""
    file = message.document
    if file is None:
        return None
    name = file.file_name or ""
    media_type = file.mime_type or mimetypes.guess_type(name)[0] or ""
    return name if media_type.startswith("image/") else None
