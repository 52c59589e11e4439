"""What a message brings, and what it points at: the message that it replies to, here or in another chat. Pure."""

import re
from dataclasses import dataclass

from telegram import ExternalReplyInfo, Message, Sticker, TextQuote

from services.bot.telegram.files import Sent, sent_with

# What holds no words for us and no file that we, or Gemini, could open.
UNSEEN = (
    "animation",
    "checklist",
    "contact",
    "dice",
    "game",
    "giveaway",
    "invoice",
    "location",
    "paid_media",
    "poll",
    "sticker",
    "story",
    "venue",
    "video",
    "video_note",
)
_COMMAND = re.compile(r"/\w+(@\w+)?\s*")


@dataclass(frozen=True, slots=True)
class Target:
    """What a message points at; nothing of all this where it points at nothing.

    Attributes:
        words: Those that were quoted, else text or caption, without a command before them.
        file: A photo, picture file, static sticker, voice note, piece of music or document.
        is_unseen: There is something that can neither be read nor looked at, perhaps beside words.
        is_quoted: The person chose the words.
        is_ours: The bot sent it.
        opens_comments: A channel's post below which this is a comment: every comment replies to it.
    """

    words: str = ""
    file: Sent | None = None
    is_unseen: bool = False
    is_quoted: bool = False
    is_ours: bool = False
    opens_comments: bool = False

    @property
    def picture(self) -> Sent | None:
        """The file, where it is a picture."""
        return self.file if self.file is not None and self.file.is_picture else None


@dataclass(frozen=True, slots=True)
class Contents:
    """A message's own file, and its target. Its own words depend on what it is taken for, and are not read here."""

    file: Sent | None
    target: Target

    @property
    def picture(self) -> Sent | None:
        """The picture that the message is about: its own before the one that it points at."""
        own = self.file if self.file is not None and self.file.is_picture else None
        return own or self.target.picture


def contents_of(message: Message, bot_id: int) -> Contents:
    """Read a message's own file, and what it points at."""
    return Contents(sent_with(message), _target(message, bot_id))


def _target(message: Message, bot_id: int) -> Target:
    if message.external_reply is not None:
        return _of_another_chat(message.external_reply, message.quote)
    if message.reply_to_story is not None:
        return Target(is_unseen=True)
    replied = message.reply_to_message
    if replied is None:
        return Target()
    words, is_quoted = _COMMAND.sub("", replied.text or replied.caption or "", count=1), False
    if message.quote is not None:
        words, is_quoted = message.quote.text, True
    file = _file_of(replied)
    return Target(
        words,
        file,
        is_unseen=file is None and _has_unseen(replied),
        is_quoted=is_quoted,
        is_ours=replied.from_user is not None and replied.from_user.id == bot_id,
        opens_comments=bool(replied.is_automatic_forward),
    )


def _of_another_chat(replied: ExternalReplyInfo, quote: TextQuote | None) -> Target:
    file = _file_of(replied)
    words = quote.text if quote is not None else ""
    # Of its words nothing is told but what is quoted: where there is nothing, there was something all the same.
    is_unseen = file is None and (_has_unseen(replied) or not words)
    return Target(words, file, is_unseen=is_unseen, is_quoted=bool(quote and quote.is_manual))


def _file_of(replied: Message | ExternalReplyInfo) -> Sent | None:
    if replied.sticker is not None:
        return _still(replied.sticker)
    if replied.animation is not None:
        return None  # Telegram calls it a document as well.
    return sent_with(replied)


def _still(sticker: Sticker) -> Sent | None:
    """A sticker that doesn't move is a picture; others are small films and programs."""
    if sticker.is_animated or sticker.is_video:
        return None
    return Sent(sticker.file_id, "image/webp", "sticker.webp", sticker.file_size or 0)


def _has_unseen(replied: Message | ExternalReplyInfo) -> bool:
    return any(getattr(replied, kind) for kind in UNSEEN)
