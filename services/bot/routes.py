"""update → handler: who serves which update. Of several the first that lets it through has it."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from telegram import Message, Update, User
from telegram.ext import (
    BaseHandler,
    CallbackQueryHandler,
    ChatMemberHandler,
    CommandHandler,
    ContextTypes,
    InlineQueryHandler,
    MessageHandler,
    TypeHandler,
    filters,
)

from services.bot.access.standing import is_from_manager, role_of_sender
from services.bot.build import Handlers
from services.bot.intake.application import DurableApplication
from services.bot.intake.failures import failed
from services.bot.intake.key_redaction import sealed_in
from services.bot.intake.late_parts import came_too_late, is_late, may_go_on, say_that_it_may_go_on
from services.bot.intake.service_messages import leave_alone
from services.bot.telegram import callback_data as data
from services.bot.telegram import start_links
from services.bot.telegram.commands import IMAGINE, command_of, is_captioned
from services.bot.telegram.draft_stops import DraftStopHandler
from services.bot.telegram.files import picture_in
from services.bot.telegram.mentions import is_for_gemini
from services.bot.telegram.open_questions import answers
from shared.access import Role
from shared.questions import Asked

NEW = filters.UpdateType.MESSAGE
PRIVATE = filters.ChatType.PRIVATE
WORDS = NEW & filters.TEXT & ~filters.COMMAND
HEARING, NOTING, BEFORE, USUAL, BESIDE = -4, -3, -2, 0, 1  # groups of handlers: one of each serves an update

Is: TypeAlias = Callable[[Message, User], bool]
Such: TypeAlias = Callable[[Is], filters.BaseFilter]
Routes: TypeAlias = Iterable[BaseHandler[Update, ContextTypes.DEFAULT_TYPE, None]]


def add_handlers(application: DurableApplication, by: Handlers) -> None:
    """Say to the application who serves what."""

    def such(is_so: Is) -> filters.BaseFilter:
        # The bot knows itself once Telegram has told.
        return _Such(lambda message: is_so(message, application.bot.bot))

    groups: dict[int, Routes] = {
        HEARING: [TypeHandler(Update, by.closed_chats.hear)],
        NOTING: [TypeHandler(Update, by.known.hear)],
        BEFORE: _before(by, such),
        USUAL: (
            *_of_keys(by, such),
            *_of_chats(by),
            *_of_settings(by, such),
            *_of_access(by, such),
            *_of_batches(by, such),
            *_of_answers(by, such),
            *_of_pictures(by, such),
            *_of_plain_words(by, such),
        ),
        BESIDE: _beside(such),
    }
    for group, routes in groups.items():
        for handler in routes:
            application.add_handler(handler, group)
    application.add_error_handler(failed)


def _of_keys(by: Handlers, such: Such) -> Routes:
    """First of all: no other handler gets to see a message with a key in it."""
    yield MessageHandler(such(lambda message, _: sealed_in(message) is not None), by.own_keys.receive)
    yield MessageHandler(filters.UpdateType.EDITED_MESSAGE, by.edits.handle)
    yield CommandHandler("start", by.own_keys.command, NEW & filters.Regex(start_links.TO_KEYS))
    yield CommandHandler("keys", by.own_keys.command, NEW)
    yield CallbackQueryHandler(by.own_keys.press, data.OF_KEY)
    yield CallbackQueryHandler(by.own_keys.decide, data.OF_FOUND_KEY)
    yield CommandHandler("privacy", by.own_data.privacy, NEW)
    yield CommandHandler("export", by.exports.command, NEW)
    yield CommandHandler("deletemydata", by.own_data.delete, NEW)
    yield CallbackQueryHandler(by.own_data.press, data.OF_OWN_DATA)


def _of_chats(by: Handlers) -> Routes:
    yield ChatMemberHandler(by.closed_chats.follow, ChatMemberHandler.MY_CHAT_MEMBER)
    yield MessageHandler(filters.StatusUpdate.MIGRATE, by.migration.follow)
    yield MessageHandler(filters.IS_AUTOMATIC_FORWARD, leave_alone)


def _of_settings(by: Handlers, such: Such) -> Routes:
    yield CommandHandler("settings", by.settings.command, NEW)
    yield CommandHandler("start", by.settings.link, NEW & filters.Regex(start_links.TO_SETTINGS))
    yield CallbackQueryHandler(by.settings.press, data.OF_SETTINGS)
    yield MessageHandler(WORDS & such(by.settings.is_reply), by.settings.reply)
    yield CommandHandler("models", by.models.command, NEW)
    yield CallbackQueryHandler(by.models.press, data.OF_MODELS)


def _of_access(by: Handlers, such: Such) -> Routes:
    of_managers = NEW & such(lambda *_: is_from_manager())
    of_owners = NEW & PRIVATE & such(lambda *_: role_of_sender() is Role.OWNER)
    # Other bots of a group may have these commands, too.
    to_us = PRIVATE | such(lambda message, _: "@" in command_of(message))
    yield CallbackQueryHandler(by.requests.press, data.OF_REQUEST)
    yield CallbackQueryHandler(by.members.turn, data.OF_USERS)
    yield CallbackQueryHandler(by.members.person, data.OF_PERSON)
    yield CommandHandler("users", by.members.users, of_managers & PRIVATE)
    yield CommandHandler("invite", by.links.invite, of_managers & PRIVATE)
    yield CommandHandler("ban", by.members.ban, of_managers & to_us)
    yield CommandHandler("unban", by.members.unban, of_managers & to_us)
    yield CommandHandler("role", by.members.role, of_managers & to_us)
    yield CommandHandler("status", by.overview.command, of_owners)
    yield CommandHandler("stats", by.stats.command, of_managers & PRIVATE)
    yield CallbackQueryHandler(by.stats.press, data.OF_STATS)
    yield CommandHandler("broadcast", by.broadcast.command, of_owners)
    yield CallbackQueryHandler(by.broadcast.press, data.OF_BROADCAST)
    yield CommandHandler("usage", by.usage.command, NEW)


def _of_batches(by: Handlers, such: Such) -> Routes:
    yield CommandHandler("batch", by.batch.command, NEW)
    yield MessageHandler(filters.Document.ALL & _captioned(such, "batch"), by.batch.command)
    yield CallbackQueryHandler(by.batch.press, data.OF_BATCH)


def _of_answers(by: Handlers, such: Such) -> Routes:
    picture_asked_for = such(lambda message, _: picture_in(message) is not None and answers(message, Asked.PICTURE))
    yield CommandHandler("new", by.chat.start_over, NEW)
    yield CommandHandler("stop", by.answer_buttons.stop, NEW)
    yield CallbackQueryHandler(by.answer_buttons.press, data.OF_ANSWER)
    yield DraftStopHandler(by.answer_buttons.stop_draft)
    yield CommandHandler("describe", by.describe.command, NEW)
    yield MessageHandler(NEW & picture_asked_for, by.describe.command)
    yield MessageHandler(_captioned(such, "describe"), by.describe.command)
    yield CallbackQueryHandler(by.describe.press, data.OF_DESCRIPTION)


def _of_pictures(by: Handlers, such: Such) -> Routes:
    picture = such(lambda message, _: picture_in(message) is not None)
    yield CommandHandler("start", by.help.command, NEW & filters.Regex(start_links.TO_HELP))
    yield CommandHandler("start", by.inline.start, NEW & PRIVATE & filters.Regex(start_links.TO_IDEA))
    yield CommandHandler("start", by.queue.start, NEW)
    yield CommandHandler("help", by.help.command, NEW)
    yield CallbackQueryHandler(by.help.press, data.OF_HELP)
    yield CallbackQueryHandler(by.imagine.press_example, data.OF_EXAMPLE)
    yield CommandHandler(IMAGINE, by.imagine.command, NEW)
    yield MessageHandler(_captioned(such, *IMAGINE), by.imagine.command)
    yield CommandHandler("upscale", by.upscale.command, NEW)
    yield MessageHandler(_captioned(such, "upscale"), by.upscale.command)
    yield CommandHandler("queue", by.queue.queue, NEW)
    yield CommandHandler("cancel", by.queue.cancel, NEW)
    yield CallbackQueryHandler(by.queue.press, data.OF_QUEUE)
    yield InlineQueryHandler(by.inline.answer)
    yield CommandHandler("history", by.history.command, NEW)
    yield CommandHandler("gallery", by.history.gallery, NEW)
    yield CallbackQueryHandler(by.history.press, data.OF_HISTORY)
    yield CallbackQueryHandler(by.rereading.press, data.OF_MESSAGE)
    yield CallbackQueryHandler(by.buttons.press)
    yield MessageHandler((WORDS | (NEW & picture)) & such(by.imagine.is_reply), by.imagine.reply)
    yield MessageHandler(WORDS & such(by.buttons.is_edit), by.buttons.edited)


def _of_plain_words(by: Handlers, such: Such) -> Routes:
    """Last: what nothing else takes."""
    yield MessageHandler(NEW & PRIVATE & such(lambda message, _: is_late(message)), came_too_late)
    yield MessageHandler(WORDS & such(by.follow_ups.is_one), by.follow_ups.reply)
    yield MessageHandler(NEW & such(is_for_gemini), by.chat.ask)
    yield MessageHandler(NEW & PRIVATE & ~filters.StatusUpdate.ALL, by.help.hint)


def _before(by: Handlers, such: Such) -> Routes:
    """Also what others serve after it."""
    in_album = such(lambda message, _: message.media_group_id is not None and (message.caption or "").startswith("/"))
    yield MessageHandler(NEW & in_album, by.chat.leave_album)


def _beside(such: Such) -> Routes:
    """Also what others have served."""
    yield MessageHandler(NEW & filters.ChatType.GROUPS & such(may_go_on), say_that_it_may_go_on)


def _captioned(such: Such, *names: str) -> filters.BaseFilter:
    return NEW & filters.CAPTION & such(lambda message, us: is_captioned(message, names, us))


class _Such(filters.MessageFilter):
    """Lets through messages of which this is true."""

    def __init__(self, is_so: Callable[[Message], bool]) -> None:
        super().__init__()
        self._is_so = is_so

    def filter(self, message: Message) -> bool:
        return self._is_so(message)
