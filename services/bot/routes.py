"""update → handler: who serves which update. Of several the first that lets it through has it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from telegram import Message, Update, User
from telegram.ext import BaseHandler, CallbackQueryHandler, ChatMemberHandler, CommandHandler, MessageHandler, filters

from services.bot.access.links import Links
from services.bot.access.members import LIST_PRESSES as LISTS
from services.bot.access.members import PERSON_PRESSES as PERSONS
from services.bot.access.members import Members
from services.bot.access.requests import PRESSES as REQUESTS
from services.bot.access.requests import Requests
from services.bot.access.standing import is_from_manager, role_of_sender
from services.bot.batches.handler import BatchCommand
from services.bot.budgets.usage import UsageCommand
from services.bot.chat.buttons import PATTERN, AnswerButtons, stopped_draft
from services.bot.chat.describe import PATTERN as OF_A_DESCRIPTION
from services.bot.chat.describe import Describe
from services.bot.chat.handler import Chat, is_for_gemini
from services.bot.edits import Edits
from services.bot.help import start
from services.bot.intake.application import DurableApplication
from services.bot.intake.failures import failed
from services.bot.intake.key_redaction import sealed_in
from services.bot.intake.late_parts import came_too_late, is_late, may_go_on, say_that_it_may_go_on
from services.bot.intake.service_messages import Migration, leave_alone
from services.bot.owner.handler import OwnersOverview
from services.bot.pictures.buttons import Buttons, edited_job
from services.bot.pictures.follow_ups import FollowUps, is_follow_up
from services.bot.pictures.imagine import Imagine, is_our_question
from services.bot.queue.closed_chats import ClosedChats
from services.bot.queue.queue import PRESSES as PRESSES_IN_QUEUE
from services.bot.queue.queue import Queue
from services.bot.settings.handler import FROM_LINK, Settings, question
from services.bot.settings.keys import PRESSES, OwnKeys
from services.bot.settings.menu import START
from services.bot.settings.models import ModelsCommand
from services.bot.settings.models_menu import START as LISTED
from services.bot.telegram.commands import IMAGINE, command_of, is_captioned
from services.bot.telegram.files import picture_in
from services.bot.telegram.open_questions import answers
from shared.access import Role
from shared.questions import Asked
from shared.settings import GroupFollowUps

NEW = filters.UpdateType.MESSAGE
WORDS = NEW & filters.TEXT & ~filters.COMMAND
BEFORE, BESIDE = -2, 1  # groups of handlers that serve what others serve as well, before them or after


@dataclass(frozen=True)
class Handlers:
    """All who serve updates."""

    requests: Requests
    links: Links
    members: Members
    own_keys: OwnKeys
    closed_chats: ClosedChats
    migration: Migration
    settings: Settings
    overview: OwnersOverview
    usage: UsageCommand
    models: ModelsCommand
    batch: BatchCommand
    chat: Chat
    answer_buttons: AnswerButtons
    describe: Describe
    imagine: Imagine
    queue: Queue
    buttons: Buttons
    help: start.Help
    edits: Edits


def add_handlers(
    application: DurableApplication,
    by: Handlers,
    *,
    bot_id: int,
    group_follow_ups: GroupFollowUps,
) -> None:
    """Say to the application who serves what."""

    def ourselves() -> User:
        """Known once Telegram has told."""
        us: User = application.bot.bot
        return us

    def captioned(*names: str) -> filters.BaseFilter:
        return NEW & filters.CAPTION & _Such(lambda message: is_captioned(message, names, ourselves()))

    holds_key = _Such(lambda message: sealed_in(message) is not None)
    to_exact_value = _Such(lambda message: question(message, bot_id) is not None)
    to_question = _Such(lambda message: is_our_question(message, bot_id))
    to_edit = _Such(lambda message: edited_job(message, bot_id) is not None)
    to_picture = _Such(lambda message: is_follow_up(message, ourselves(), in_groups=group_follow_ups))
    for_gemini = _Such(lambda message: is_for_gemini(message, ourselves()))
    pictures = NEW & _Such(lambda message: picture_in(message) is not None)
    of_managers = NEW & _Such(lambda _: is_from_manager())
    # Other bots of a group may have these commands, too.
    to_us = filters.ChatType.PRIVATE | _Such(lambda message: "@" in command_of(message))
    of_owners = NEW & filters.ChatType.PRIVATE & _Such(lambda _: role_of_sender() is Role.OWNER)

    for handler in (
        # Before all others: no other handler gets to see a message with a key in it.
        MessageHandler(holds_key, by.own_keys.receive),
        MessageHandler(filters.UpdateType.EDITED_MESSAGE, by.edits.handle),
        CommandHandler("start", by.own_keys.command, NEW & filters.Regex(r"^/start\S* keys$")),
        CommandHandler("keys", by.own_keys.command, NEW),
        CallbackQueryHandler(by.own_keys.press, PRESSES),
        ChatMemberHandler(by.closed_chats.follow, ChatMemberHandler.MY_CHAT_MEMBER),
        MessageHandler(filters.StatusUpdate.MIGRATE, by.migration.follow),
        MessageHandler(filters.IS_AUTOMATIC_FORWARD, leave_alone),
        CommandHandler("settings", by.settings.command, NEW),
        CommandHandler("start", by.settings.link, NEW & filters.Regex(rf"^/start\S* {FROM_LINK}[a-z_]+-\d+$")),
        CallbackQueryHandler(by.settings.press, f"^{START} "),
        MessageHandler(WORDS & to_exact_value, by.settings.reply),
        CallbackQueryHandler(by.requests.press, REQUESTS),
        CallbackQueryHandler(by.members.turn, LISTS),
        CallbackQueryHandler(by.members.person, PERSONS),
        CommandHandler("users", by.members.users, of_managers & filters.ChatType.PRIVATE),
        CommandHandler("invite", by.links.invite, of_managers & filters.ChatType.PRIVATE),
        CommandHandler("ban", by.members.ban, of_managers & to_us),
        CommandHandler("unban", by.members.unban, of_managers & to_us),
        CommandHandler("role", by.members.role, of_managers & to_us),
        CommandHandler("status", by.overview.command, of_owners),
        CommandHandler("usage", by.usage.command, NEW),
        CommandHandler("models", by.models.command, NEW),
        CallbackQueryHandler(by.models.press, f"^{LISTED} "),
        CommandHandler("batch", by.batch.command, NEW),
        MessageHandler(filters.Document.ALL & captioned("batch"), by.batch.command),
        CallbackQueryHandler(by.batch.press, "^batch "),
        CommandHandler("new", by.chat.start_over, NEW),
        CommandHandler("stop", by.answer_buttons.stop, NEW),
        CallbackQueryHandler(by.answer_buttons.press, PATTERN),
        _DraftStopHandler(by.answer_buttons.stop_draft),
        CommandHandler("describe", by.describe.command, NEW),
        MessageHandler(pictures & _Such(lambda message: answers(message, Asked.PICTURE)), by.describe.command),
        MessageHandler(captioned("describe"), by.describe.command),
        CallbackQueryHandler(by.describe.press, OF_A_DESCRIPTION),
        CommandHandler("start", by.help.command, NEW & filters.Regex(start.LINKS)),
        CommandHandler("start", by.queue.start, NEW),
        CommandHandler("help", by.help.command, NEW),
        CallbackQueryHandler(by.help.press, start.PRESSES),
        CommandHandler(IMAGINE, by.imagine.command, NEW),
        MessageHandler(captioned(*IMAGINE), by.imagine.command),
        CommandHandler("queue", by.queue.queue, NEW),
        CommandHandler("cancel", by.queue.cancel, NEW),
        CallbackQueryHandler(by.queue.press, PRESSES_IN_QUEUE),
        CallbackQueryHandler(by.buttons.press),
        MessageHandler((WORDS | pictures) & to_question, by.imagine.reply),
        MessageHandler(WORDS & to_edit, by.buttons.edited),
        MessageHandler(NEW & filters.ChatType.PRIVATE & _Such(is_late), came_too_late),
        # What nothing else takes.
        MessageHandler(WORDS & to_picture, FollowUps(by.imagine, by.chat).reply),
        MessageHandler(NEW & for_gemini, by.chat.ask),
        MessageHandler(NEW & filters.ChatType.PRIVATE & ~filters.StatusUpdate.ALL, start.hint),
    ):
        application.add_handler(handler)
    in_album = _Such(lambda message: message.media_group_id is not None and (message.caption or "").startswith("/"))
    application.add_handler(MessageHandler(NEW & in_album, by.chat.leave_album), group=BEFORE)
    first_part = filters.ChatType.GROUPS & _Such(lambda message: may_go_on(message, ourselves()))
    application.add_handler(MessageHandler(NEW & first_part, say_that_it_may_go_on), group=BESIDE)
    application.add_error_handler(failed)


class _DraftStopHandler(BaseHandler[Update, Any, None]):
    """Lets through presses of a draft's own stop button."""

    def check_update(self, update: object) -> bool:
        return isinstance(update, Update) and stopped_draft(update) is not None


class _Such(filters.MessageFilter):
    """Lets through messages of which this is true."""

    def __init__(self, is_so: Callable[[Message], bool]) -> None:
        super().__init__()
        self._is_so = is_so

    def filter(self, message: Message) -> bool:
        return self._is_so(message)
