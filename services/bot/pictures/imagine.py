"""``/imagine a red fox``: reads the request, has it ordered, or says what is missing."""

import asyncio
import html
from dataclasses import dataclass, replace

from telegram import ForceReply, Message, Update, User
from telegram.ext import ContextTypes

from services.bot.orders import Order
from services.bot.pictures import rereading
from services.bot.pictures.promise import Promise
from services.bot.pictures.replies import follow, picture_before
from services.bot.settings.preferences import Choices
from services.bot.telegram.addresses import address_of, visible
from services.bot.telegram.callback_queries import acknowledge
from services.bot.telegram.commands import command_of, words_after_command
from services.bot.telegram.contents import Target, contents_of
from services.bot.telegram.files import Files, Sent, picture_in
from services.bot.telegram.incoming import Incoming, for_message
from services.bot.telegram.open_questions import OpenQuestions, answered, answers
from services.bot.texts.locales import as_read, is_said, languages, say
from shared.catalogue import Catalogue
from shared.errors import BadParameter, EmptyIdea, FileOutOfReach, ParametersWithoutIdea, UnclearChoice, UserError
from shared.ideas import Hint, Reading, read_request
from shared.jobs import Address, Job, Lineage, Picture, Request, Sender
from shared.media_types import Purpose
from shared.preferences import Preferences
from shared.questions import Asked, Question
from shared.store.conversations import Conversations
from shared.store.jobs import Jobs
from shared.styles import Styles

MAX_PARAMETERS = 500  # characters of those that a question repeats


@dataclass(frozen=True, slots=True)
class Material:
    """What the words of a request speak of.

    Attributes:
        before: The job of the picture that the words change; what they don't fix stays as it was asked for there.
        picture: Without words, something like it is wanted.
        subject: Words that say what is to be painted; those of the request then say how.
        is_left_out: The message points at something more, which can't be taken.
    """

    before: Job | None = None
    picture: Sent | None = None
    subject: str = ""
    is_left_out: bool = False


class Imagine:
    """Takes ideas in."""

    def __init__(
        self,
        jobs: Jobs,
        promise: Promise,
        catalogue: Catalogue,
        styles: Styles,
        *,
        choices: Choices,
        files: Files,
        conversations: Conversations,
        questions: OpenQuestions,
    ) -> None:
        self._jobs = jobs
        self._files = files
        self._conversations = conversations
        self._questions = questions
        self._choices = choices
        self._promise = promise
        self._catalogue = catalogue
        self._styles = styles

    @for_message
    async def command(self, asked: Incoming) -> None:
        """Answer ``/imagine a red fox``: promise a photo, or say what is missing.

        The command may be the caption of a picture, or reply to one: then the words say what to make of it. In reply
        to one of ours they say what shall be different; a picture that comes with such a reply is looked at as well.
        In reply to words they say how these are to be painted.
        """
        message = asked.message
        if message.caption and picture_in(message) is None:
            await asked.answer(say("picture_of_wrong_type", asked.language))
            return
        words = words_after_command(message)
        await self.take_in(words, asked, await self._material(words, asked))

    @staticmethod
    def is_reply(message: Message, us: User) -> bool:
        """Whether a message answers our question what to paint."""
        return is_our_question(message, us.id)

    @for_message
    async def reply(self, asked: Incoming) -> None:
        """Take the answer to our question what to paint."""
        message, material = asked.message, Material(picture=picture_in(asked.message))
        # Above the idea, so that what is typed with the idea counts instead.
        words = f"{parameters_asked_with(message, asked.bot.id)}\n{message.text or message.caption or ''}"
        await self.take_in(words, asked, material)

    async def press_example(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Paint the example under ``/start``, for the one who pressed."""
        query = update.callback_query
        if query is None or query.message is None:
            return
        sender = Sender(query.from_user.id, query.from_user.language_code or "en")
        await acknowledge(query, say("pressed", sender.language))
        there = visible(query.message)
        if there is None:
            return
        address = replace(address_of(there, context.bot.id), press=query.id)
        chosen = await self._choices.in_force(address, sender, context.bot)
        idea = html.unescape(say("ask_idea_placeholder", sender.language))
        await self._promise.order(Order(chosen.defaults_for(Request(idea))), address, sender)

    async def _material(self, words: str, asked: Incoming) -> Material:
        """What the words of a command speak of."""
        message = asked.message
        before = await picture_before(message, asked.bot.id, self._jobs)
        if before is not None:
            return Material(before, picture_in(message))
        brought = contents_of(message, asked.bot.id)
        target, picture = brought.target, brought.picture
        is_left_out = target.is_unseen or (target.file is not None and target.file != picture)
        subject = target.words if await self._points_at_words(words, asked, target) else ""
        return Material(None, picture, subject, is_left_out=is_left_out)

    async def _points_at_words(self, words: str, asked: Incoming, target: Target) -> bool:
        """Whether the words of the message that a command replies to are what is to be painted."""
        if target.is_quoted or not target.words:
            return bool(target.words)
        if target.picture is not None or (target.opens_comments and words.strip()):
            return False
        replied = asked.message.reply_to_message
        if not target.is_ours or replied is None:
            return True
        # Of what the bot says, Gemini's answers alone.
        address = replace(asked.address, message_id=replied.message_id)
        return await asyncio.to_thread(self._conversations.turn_shown_as, address) is not None

    async def take_in(self, words: str, asked: Incoming, material: Material) -> None:
        """Make a request of a person's words."""
        address, sender = asked.address, asked.sender
        before, picture = material.before, material.picture
        chosen = await self._choices.in_force(address, sender, asked.bot)
        try:
            read = self._read(words, chosen, material)
            kept = await self._fetch(picture, address, sender) if picture else None
        except EmptyIdea:
            if material.is_left_out:
                await asked.answer(say("unseen", sender.language))
            else:
                await self._ask(asked)
            return
        except ParametersWithoutIdea as error:
            await self._ask(asked, parameters=error.parameters)
            return
        except UnclearChoice as error:
            await self._questions.ask_again(asked.message, address)
            await rereading.ask_which(error, address, sender, asked.bot)
            return
        except (UserError, FileOutOfReach) as error:
            await self._questions.ask_again(asked.message, address)
            await asked.answer(refusal(error, asked))
            return
        request = _request(read, chosen, material, kept)
        count = rereading.agreed(request.count)
        if count is None:
            await rereading.ask_how_many(replace(read, request=request), address, sender, asked.bot)
            return
        request = replace(request, count=count)
        lineage = Lineage.following(before.id, asked.message.message_id) if before is not None else None
        hints = (*read.hints, *([Hint("hint_unseen", {})] if material.is_left_out else ()))
        if await self._promise.order(Order(request, lineage), address, sender):
            await tell_hints(hints, asked)

    async def change(self, job: Job, words: str, asked: Incoming) -> bool:
        """Have other words painted than those that were asked for; how many pictures, stays.

        Returns:
            Whether that was still possible, or was refused in words: nobody had begun with any of the pictures.
        """
        material = await self._material(words, asked)
        chosen = await self._choices.in_force(asked.address, asked.sender, asked.bot)
        try:
            read = self._read(words, chosen, material)
        except UserError as error:
            await asked.answer(refusal(error, asked))
            return True
        request = replace(_request(read, chosen, material, job.request.picture), count=job.request.count)
        if not await asyncio.to_thread(self._jobs.change, job, request):
            return False
        await tell_hints((Hint("edit_taken", {}), *read.hints), asked)
        return True

    def _read(self, words: str, chosen: Preferences, material: Material) -> Reading:
        before = material.before
        return read_request(
            words,
            self._catalogue,
            self._styles,
            usual_model=before.request.parameters.model if before else chosen.image_model,
            may_be_empty=material.picture is not None and before is None,
            subject=material.subject,
            chosen=rereading.options_chosen(),
        )

    async def _fetch(self, picture: Sent, address: Address, sender: Sender) -> Picture:
        key = await self._files.keep(picture, Purpose.PICTURE, address, sender)
        return Picture(key, picture.media_type)

    async def _ask(self, asked: Incoming, *, parameters: str = "") -> None:
        """Ask what to paint; parameters that are there already hold for the answer."""
        language = asked.language
        if len(parameters) > MAX_PARAMETERS:
            await asked.answer(say("idea_too_long", language, n=MAX_PARAMETERS))
            return
        about = {"parameters": parameters} if parameters else {}
        await self._questions.ask(asked.address, Question(Asked.IDEA, about))
        await asked.answer(
            say("ask_idea_with" if parameters else "ask_idea", language, **about),
            ForceReply(selective=True, input_field_placeholder=say("ask_idea_placeholder", language)),
        )


def _request(read: Reading, chosen: Preferences, material: Material, picture: Picture | None) -> Request:
    """The request that was read, with the person's preferences, and with what it keeps of the picture before."""
    request = chosen.defaults_for(replace(read.request, picture=picture))
    if material.before is None:
        return request
    return replace(request, parameters=follow(read.request, material.before, usual=request))


def refusal(error: UserError | FileOutOfReach, asked: Incoming) -> str:
    """Why a request was not taken, and how its message is mended: an edited command is read again."""
    said = say(error.reason, asked.language, **error.values)
    is_read_again = isinstance(error, BadParameter) and bool(command_of(asked.message))
    return f"{said}\n{say('edit_to_retry', asked.language)}" if is_read_again else said


async def tell_hints(hints: tuple[Hint, ...], asked: Incoming) -> None:
    """Say in one quiet message what was corrected, a line each."""
    hints = tuple(hint for hint in hints if not rereading.is_told(hint))
    if hints:
        lines = [say(hint.reason, asked.language, **hint.values) for hint in hints]
        await asked.answer("\n".join(lines), quiet=True)


def is_our_question(message: Message, bot_id: int) -> bool:
    """Whether a message answers our question what to paint: it was marked so, or the words tell that it replies to."""
    if answers(message, Asked.IDEA):
        return True
    asked = message.reply_to_message
    if asked is None or asked.from_user is None or asked.from_user.id != bot_id:
        return False
    return is_said("ask_idea", asked.text or "") or bool(_parameters_in(asked.text or ""))


def parameters_asked_with(message: Message, bot_id: int) -> str:
    """The parameters that our question what to paint was asked with; in a group its own words tell them."""
    if (question := answered(message)) is not None and question.kind is Asked.IDEA:
        return str(question.about.get("parameters", ""))
    asked = message.reply_to_message
    is_ours = asked is not None and asked.from_user is not None and asked.from_user.id == bot_id
    return _parameters_in(asked.text or "") if asked is not None and is_ours else ""


def _parameters_in(text: str) -> str:
    """The parameters in our question, in any of our languages; empty where it has none."""
    for language in languages():
        before, _, after = as_read(say("ask_idea_with", language, parameters="\0")).partition("\0")
        if len(text) > len(before) + len(after) and text.startswith(before) and text.endswith(after):
            return text[len(before) : len(text) - len(after)]
    return ""
