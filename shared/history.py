"""What ``/history`` shows: whose pictures, and which of them."""

from dataclasses import dataclass
from datetime import timedelta

MAX_SEARCH = 100  # characters
KEPT_FOR = timedelta(days=30)  # so long the buttons under a history work


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which pictures.

    Attributes:
        owner_id: A person, whose pictures of all chats are meant; below 0 a group, whose pictures are meant.
        search: Words, all of which idea, prompt or title have.
        favourites: Only those.
        model: Only those of this image model.
        chat_id: Only those of this chat.
        with_original: Only those whose original is stored; otherwise Telegram's file id is enough.
    """

    bot_id: int
    owner_id: int
    search: str = ""
    favourites: bool = False
    model: str | None = None
    chat_id: int | None = None
    with_original: bool = False


@dataclass(frozen=True, slots=True)
class Preview:
    """What a list shows of a picture.

    Attributes:
        idea: As it was typed; empty where the picture came of something else.
        language: Of who asked for it.
        title, prompt: As Gemini wrote them.
        model: The image model.
        file_id: Telegram's.
    """

    id: int
    idea: str
    language: str
    title: str | None = None
    prompt: str | None = None
    model: str | None = None
    file_id: str | None = None


@dataclass(frozen=True, slots=True)
class HistoryView:
    """A message that shows a history: who asked for it, and what it shows."""

    id: int
    chat_id: int
    user_id: int
    wanted: Wanted
