"""Replies to our pictures: finds the picture's job, and takes over its parameters."""

import asyncio
import mimetypes
import re
from dataclasses import replace
from pathlib import PurePath

from telegram import Message

from shared.batches import slug
from shared.images import SUFFIXES
from shared.jobs import Job, Parameters, Request, State
from shared.store.jobs import Jobs

# ``a-red-fox-25.jpg``; of earlier versions ``25.jpg``.
_NUMBERED = re.compile(r"(?:^|-)(\d{1,18})\.\w+$", re.ASCII)


def picture_name(job: Job) -> str:
    """What a picture's file is called: what it shows, and the number of its job."""
    suffix = PurePath(job.image_key or "").suffix or f".{SUFFIXES.get(job.media_type or '', 'jpg')}"
    return f"{slug(job.request.idea)}-{job.id}{suffix}"


def job_named_in(name: str) -> int | None:
    """The number of the job in the name of a file that we sent."""
    found = _NUMBERED.search(name)
    return int(found[1]) if found else None


def is_to_picture(message: Message, bot_id: int) -> bool:
    """Whether a message replies to a picture that this bot sent, as a photo or as a file."""
    replied = message.reply_to_message
    if replied is None or replied.from_user is None or replied.from_user.id != bot_id:
        return False
    return bool(replied.photo) or _picture_file(replied) is not None


async def picture_before(message: Message, bot_id: int, jobs: Jobs) -> Job | None:
    """The job of our picture to which a message replies, if it does and the record knows it."""
    if not is_to_picture(message, bot_id):
        return None
    return await asyncio.to_thread(_picture_replied_to, message, bot_id, jobs)


def _picture_replied_to(message: Message, bot_id: int, jobs: Jobs) -> Job | None:
    replied = message.reply_to_message
    if replied is None:
        return None
    found = jobs.delivered_as(bot_id, message.chat_id, replied.message_id)
    if found is not None:
        return found
    # Originals that a button brought are not in the record; we named them after their jobs.
    numbered = job_named_in(_picture_file(replied) or "")
    job = jobs.read(numbered) if numbered is not None else None
    is_ours = job is not None and (job.address.bot_id, job.address.chat_id) == (bot_id, message.chat_id)
    return job if is_ours and job is not None and job.state is State.FINISHED and not job.is_removed else None


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
