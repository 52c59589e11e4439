"""Who an update is from, and in which group, whatever its kind. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from telegram import Chat, Message, Update, User
from telegram.constants import ChatType

from shared.access import Profile

NOBODY = Profile(0, "")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an update comes from.

    Attributes:
        who: A person, or the chat in whose name a message was written; ``NOBODY`` where Telegram does not tell.
        group: The group or channel; None in private, and where there is no chat.
        is_addressed: Whether it is meant for the bot for sure; of other messages of a group, and of what is typed after
            the bot's name, nothing is kept.
    """

    who: Profile
    group: Profile | None
    is_addressed: bool

    @property
    def parties(self) -> list[Profile]:
        """Whom the record is asked about."""
        return [self.who] if self.group is None else [self.who, self.group]


def origin_of(update: Update) -> Origin:
    """Read who an update is from. What comes from nobody that we know is a stranger's."""
    if update.api_kwargs and update.effective_user is None and update.effective_chat is None:
        return _of_unknown_kind(update.api_kwargs)
    message = update.message or update.edited_message or update.channel_post or update.edited_channel_post
    user, chat = update.effective_user, update.effective_chat
    language = (user.language_code if user is not None else None) or "en"
    speaker = message.sender_chat if message is not None else None
    who = NOBODY
    if speaker is not None:
        who = profile_of_chat(speaker, language)
    elif user is not None:
        who = profile_of(user)
    group = profile_of_chat(chat, language) if chat is not None and chat.type != ChatType.PRIVATE else None
    is_addressed = group is None or message is None or _is_command(message)
    return Origin(who, group, is_addressed and update.inline_query is None)


def profile_of(user: User) -> Profile:
    """A person as Telegram tells them."""
    return Profile(user.id, user.full_name, user.username, user.language_code or "en")


def profile_of_chat(chat: Chat, language: str) -> Profile:
    """A group or channel as Telegram tells it."""
    return Profile(chat.id, chat.effective_name or str(chat.id), chat.username, language)


def _is_command(message: Message) -> bool:
    return (message.text or message.caption or "").startswith("/")


def _of_unknown_kind(content: Mapping[str, object]) -> Origin:
    """An update of a kind that the library does not know: it may name a chat and a person."""
    for part in content.values():
        match part:
            case {"from": {"id": int() as who}, "chat": {"id": int() as chat}}:
                pass
            case {"chat": {"id": int() as chat}}:
                who = chat
            case _:
                continue
        return Origin(Profile(who, str(who)), Profile(chat, str(chat)) if chat < 0 else None, is_addressed=False)
    return Origin(NOBODY, None, is_addressed=False)
