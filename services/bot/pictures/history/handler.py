"""``/history``: one's pictures in one message, whose buttons turn, search, open and remove them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from telegram import (
    Bot,
    CallbackQuery,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    MaybeInaccessibleMessage,
    Message,
    Update,
)
from telegram.constants import ParseMode
from telegram.error import BadRequest, TelegramError
from telegram.ext import ContextTypes

from services.bot.pictures import keyboards
from services.bot.pictures.captions import write_caption
from services.bot.pictures.history import pages
from services.bot.pictures.history.photos import Photo, Photos
from services.bot.pictures.lineage import idea_before
from services.bot.telegram import callback_data as data
from services.bot.telegram.addresses import Where, address_of, answer, visible
from services.bot.telegram.authorization import Authorization
from services.bot.telegram.callback_queries import acknowledge, is_shown, put_away
from services.bot.telegram.commands import words_after_command
from services.bot.telegram.errors import NOT_MODIFIED, words_of
from services.bot.telegram.incoming import Incoming, for_message
from services.bot.telegram.permissions import Action, Subject
from services.bot.telegram.sending import UPLOAD_S, Upload
from services.bot.texts.locales import say
from services.contact_sheet import MOST, ContactSheets, NotDrawn
from shared.catalogue import Catalogue
from shared.history import MAX_SEARCH, HistoryView, Wanted
from shared.images import Images
from shared.jobs import Job
from shared.store.history import History
from shared.store.jobs import Jobs

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Press:
    """A button under a history that was pressed.

    Attributes:
        job_id: The picture that it names; 0 for none.
    """

    query: CallbackQuery
    message: MaybeInaccessibleMessage
    view: HistoryView
    job_id: int
    choice: str
    bot: Bot

    @property
    def language(self) -> str:
        """That of the person who pressed."""
        return self.query.from_user.language_code or "en"

    @property
    def where(self) -> Where:
        """Where new messages go."""
        message = visible(self.message)
        if message is not None:
            return answer(address_of(message, self.bot.id)) | {"reply_parameters": None}
        return Where(
            chat_id=self.message.chat.id, message_thread_id=None, reply_parameters=None, parse_mode=ParseMode.HTML
        )


Act = Callable[[Press], Awaitable[None]]


class HistoryHandler:
    """Shows what somebody, or a group, has had made."""

    def __init__(  # noqa: PLR0917
        self,
        history: History,
        jobs: Jobs,
        images: Images,
        catalogue: Catalogue,
        authorization: Authorization,
        sheets: ContactSheets | None = None,
        *,
        gallery_url: str | None = None,
    ) -> None:
        """Offer the gallery where its address is known."""
        self._gallery_url = gallery_url
        self._history = history
        self._jobs = jobs
        self._images = images
        self._catalogue = catalogue
        self._authorization = authorization
        self._sheets = sheets or ContactSheets()
        self._photos = Photos(history, images)
        self._actions: dict[str, Act] = {
            data.SHOW: self._show,
            data.NEWER: self._newer,
            data.OLDER: self._older,
            data.STAR: self._star,
            data.OPEN: self._open,
            data.ASK: self._ask,
            data.REMOVE: self._remove,
            data.SHEET: self._sheet,
            data.FILTER: self._filter,
            data.STARRED: self._toggle_favourites,
            data.HERE: self._toggle_here,
            data.OF_MODEL: self._choose_model,
            data.ALL: self._all,
        }

    @for_message
    async def command(self, asked: Incoming) -> None:
        """Answer ``/history`` and ``/history fox``."""
        address, language = asked.address, asked.language
        owner_id = asked.sender.id if address.private else address.chat_id
        search = words_after_command(asked.message).strip()[:MAX_SEARCH]
        wanted = Wanted(address.bot_id, owner_id, search)
        page = await self._page(wanted)
        view = await asyncio.to_thread(
            self._history.open_view, wanted, chat_id=address.chat_id, user_id=asked.sender.id
        )
        if page is None and search:
            nothing = say("history_not_found", language, search=search)
            await asked.answer(nothing, pages.show_all(view, language))
        elif page is None:
            await asked.answer(say("history_none", language))
        else:
            await self._send(asked.bot, answer(address), page, view, language)

    @for_message
    async def gallery(self, asked: Incoming) -> None:
        """Answer ``/gallery`` with the button that opens it; Telegram has such buttons in private chats alone."""
        if self._gallery_url is None:
            await asked.answer(say("gallery_off", asked.language))
        elif not asked.address.private:
            await asked.answer(say("gallery_private", asked.language))
        else:
            button = pages.gallery_button(self._gallery_url, asked.language)
            await asked.answer(say("gallery_open", asked.language), InlineKeyboardMarkup.from_button(button))

    def _under_picture(self, page: pages.Page, view: HistoryView, language: str) -> InlineKeyboardMarkup:
        url = self._gallery_url if view.chat_id > 0 else None
        return pages.under_picture(page, view, language, gallery_url=url)

    async def press(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer a press."""
        query = update.callback_query
        wanted = data.read_history(query.data) if query is not None else None
        if query is None or wanted is None or query.message is None:
            return
        language = query.from_user.language_code or "en"
        view = await asyncio.to_thread(self._history.view, wanted.view_id)
        if view is None:
            await acknowledge(query, say("history_gone", language), alert=True)
            await put_away(context.bot, query)
            return
        if not await self._may_press(wanted.word, view, query.from_user.id, query.message.chat.id):
            await acknowledge(query, say("history_not_yours", language), alert=True)
            return
        if visible(query.message) is not None and not is_shown(query, data.view_in):
            await acknowledge(query)
            return
        press = Press(query, query.message, view, wanted.job_id, wanted.choice, context.bot)
        await self._actions[wanted.word](press)

    async def _may_press(self, word: str, view: HistoryView, who: int, where: int) -> bool:
        """Whether somebody may press a button; whether they may remove a picture depends on the picture as well."""
        theirs = Subject(view.wanted.bot_id, view.chat_id, view.user_id)
        if word in {data.ASK, data.REMOVE}:
            return await self._authorization.is_here(where, theirs)
        return await self._authorization.allows(Action.READ_HISTORY, who, where, theirs)

    # Which picture

    async def _page(self, wanted: Wanted, *, before: int | None = None, after: int | None = None) -> pages.Page | None:
        """The picture next to another one, or the newest."""
        return await asyncio.to_thread(self._read_page, wanted, before, after)

    def _read_page(self, wanted: Wanted, before: int | None, after: int | None) -> pages.Page | None:
        found = self._history.page(wanted, before=before, after=after, limit=2)
        if not found:
            return None
        job = found[0] if after is None else found[-1]
        is_favourite = job.id in self._history.favourites_among(wanted.owner_id, [job.id])
        if after is not None:
            return pages.Page(job, newer=len(found) > 1, older=True, is_favourite=is_favourite)
        newer = before is not None and bool(self._history.page(wanted, after=job.id, limit=1))
        return pages.Page(job, newer=newer, older=len(found) > 1, is_favourite=is_favourite)

    async def _at(self, press: Press, wanted: Wanted | None = None) -> pages.Page | None:
        """The picture that a press names, or the next one where that is gone; it is one of those that are shown."""
        wanted = wanted or press.view.wanted
        if not press.job_id:
            return await self._page(wanted)
        here = await self._page(wanted, before=press.job_id + 1)
        return here or await self._page(wanted, after=press.job_id)

    async def _exactly(self, press: Press) -> pages.Page | None:
        """The picture that a press names; where it is gone, that is said."""
        page = await self._at(press)
        if page is not None and page.job.id == press.job_id:
            return page
        await acknowledge(press.query, say("pressed_unknown", press.language))
        return None

    # Turning

    async def _show(self, press: Press) -> None:
        await self._turn_to(press, await self._at(press))

    async def _newer(self, press: Press) -> None:
        newer = await self._page(press.view.wanted, after=press.job_id)
        await self._turn_to(press, newer or await self._at(press))

    async def _older(self, press: Press) -> None:
        older = await self._page(press.view.wanted, before=press.job_id)
        await self._turn_to(press, older or await self._at(press))

    async def _turn_to(self, press: Press, page: pages.Page | None, view: HistoryView | None = None) -> None:
        if page is None:
            await acknowledge(press.query, say("history_empty", press.language), alert=True)
            return
        await acknowledge(press.query)
        view, language = view or press.view, press.language
        caption, keyboard = pages.write_picture(page, view, language), self._under_picture(page, view, language)
        if visible(press.message) is None:
            await self._send(press.bot, press.where, page, view, language)
            return
        await self._photos.show(page.job, lambda photo: _edit(press, photo, caption, keyboard))

    async def _send(self, bot: Bot, where: Where, page: pages.Page, view: HistoryView, language: str) -> None:
        caption, keyboard = pages.write_picture(page, view, language), self._under_picture(page, view, language)
        await self._photos.show(page.job, lambda photo: _send(bot, where, photo, caption, keyboard))

    async def _sheet(self, press: Press) -> None:
        wanted, before = press.view.wanted, press.job_id + 1 if press.job_id else None
        found = await asyncio.to_thread(self._history.page, wanted, before=before, limit=MOST + 1)
        if not found:
            await acknowledge(press.query, say("history_empty", press.language), alert=True)
            return
        shown, older = found[:MOST], found[MOST].id if len(found) > MOST else None
        newer = await asyncio.to_thread(self._history.page, wanted, after=shown[0].id, limit=MOST)
        try:
            sheet = await asyncio.to_thread(self._draw, shown)
        except NotDrawn as error:
            log.warning("contact sheet not drawn", extra={"error": str(error)})
            await acknowledge(press.query, say("history_no_sheet", press.language), alert=True)
            return
        await acknowledge(press.query)
        numbers = pages.under_sheet(
            shown, press.view, press.language, newer=newer[0].id if newer else None, older=older
        )
        caption = "\n".join(
            filter(None, (say("history_sheet", press.language), pages.write_filters(wanted, press.language)))
        )
        photo = Upload(sheet, "pictures.jpg")
        if visible(press.message) is None:
            await _send(press.bot, press.where, photo, caption, numbers)
        else:
            await _edit(press, photo, caption, numbers)

    def _draw(self, jobs: Sequence[Job]) -> bytes:
        return self._sheets.draw([self._photos.original(job) for job in jobs])

    # One picture

    async def _star(self, press: Press) -> None:
        page = await self._exactly(press)
        if page is None:
            return
        await acknowledge(press.query)
        starred = replace(page, is_favourite=not page.is_favourite)
        owner_id = press.view.wanted.owner_id
        await asyncio.to_thread(self._history.set_favourite, owner_id, page.job.id, is_one=starred.is_favourite)
        await _edit_keyboard(press, self._under_picture(starred, press.view, press.language))

    async def _open(self, press: Press) -> None:
        page = await self._exactly(press)
        if page is None:
            return
        await acknowledge(press.query)
        job = page.job
        before = await asyncio.to_thread(idea_before, job, self._jobs)
        caption = write_caption(job, default_model=self._catalogue.default, before=before)
        keyboard = keyboards.picture(job)
        await self._photos.show(job, lambda photo: _send(press.bot, press.where, photo, caption, keyboard))

    async def _ask(self, press: Press) -> None:
        page = await self._exactly(press)
        if page is not None and await self._may_remove(press, page.job):
            await acknowledge(press.query, say("history_sure", press.language), alert=True)
            await _edit_keyboard(press, pages.really_remove(press.view, page.job.id, press.language))

    async def _remove(self, press: Press) -> None:
        page = await self._exactly(press)
        if page is None or not await self._may_remove(press, page.job):
            return
        await asyncio.to_thread(self._remove_for_good, page.job)
        log.info("picture removed", extra={"job_id": page.job.id})
        await acknowledge(press.query, say("history_removed", press.language))
        await _delete_message(press, page.job)
        left = await self._at(press)
        if left is not None:
            await self._turn_to(press, left)
        elif visible(press.message) is not None:
            await _delete(press.bot, press.message.chat.id, press.message.message_id)

    def _remove_for_good(self, job: Job) -> None:
        """The file goes first: while the record names it, a press can be repeated."""
        if job.image_key is not None:
            self._images.delete([job.image_key])
        self._history.remove(job.id)

    async def _may_remove(self, press: Press, job: Job) -> bool:
        who, where = press.query.from_user.id, press.message.chat.id
        if await self._authorization.allows(Action.REMOVE_PICTURE, who, where, job):
            return True
        await acknowledge(press.query, say("pressed_not_yours", press.language), alert=True)
        return False

    # Filters

    async def _filter(self, press: Press) -> None:
        await acknowledge(press.query)
        models = await asyncio.to_thread(self._history.models, press.view.wanted)
        may_be_here = press.view.wanted.owner_id > 0
        keyboard = pages.under_filters(press.view, press.job_id, models, press.language, may_be_here=may_be_here)
        await _edit_caption(press, say("history_filters", press.language), keyboard)

    async def _toggle_favourites(self, press: Press) -> None:
        await self._change(press, replace(press.view.wanted, favourites=not press.view.wanted.favourites))

    async def _toggle_here(self, press: Press) -> None:
        here = None if press.view.wanted.chat_id is not None else press.view.chat_id
        await self._change(press, replace(press.view.wanted, chat_id=here))

    async def _choose_model(self, press: Press) -> None:
        models = await asyncio.to_thread(self._history.models, press.view.wanted)
        chosen = next((one for one in models if data.code_of(one) == press.choice), None)
        model = None if chosen == press.view.wanted.model else chosen
        await self._change(press, replace(press.view.wanted, model=model))

    async def _all(self, press: Press) -> None:
        await self._change(press, Wanted(press.view.wanted.bot_id, press.view.wanted.owner_id))

    async def _change(self, press: Press, wanted: Wanted) -> None:
        """Show other pictures, if there are some."""
        page = await self._page(wanted)
        if page is not None:
            await asyncio.to_thread(self._history.change_view, press.view.id, wanted)
        await self._turn_to(press, page, replace(press.view, wanted=wanted))


async def _send(bot: Bot, where: Where, photo: Photo, caption: str, keyboard: InlineKeyboardMarkup) -> Message:
    file, name = (photo.data, photo.name) if isinstance(photo, Upload) else (photo, None)
    return await bot.send_photo(
        photo=file, filename=name, caption=caption, reply_markup=keyboard, write_timeout=UPLOAD_S, **where
    )


async def _edit(press: Press, photo: Photo, caption: str, keyboard: InlineKeyboardMarkup) -> Message | bool:
    file, name = (photo.data, photo.name) if isinstance(photo, Upload) else (photo, None)
    media = InputMediaPhoto(file, caption=caption, parse_mode=ParseMode.HTML, filename=name)
    chat_id, message_id = press.message.chat.id, press.message.message_id
    try:
        return await press.bot.edit_message_media(
            media, chat_id, message_id, reply_markup=keyboard, write_timeout=UPLOAD_S
        )
    except BadRequest as error:
        if NOT_MODIFIED in error.message.lower():
            return False  # A second press.
        raise


async def _edit_caption(press: Press, caption: str, keyboard: InlineKeyboardMarkup) -> None:
    chat_id, message_id = press.message.chat.id, press.message.message_id
    await _if_it_is_there(
        press.bot.edit_message_caption(
            chat_id, message_id, caption=caption, parse_mode=ParseMode.HTML, reply_markup=keyboard
        )
    )


async def _edit_keyboard(press: Press, keyboard: InlineKeyboardMarkup) -> None:
    chat_id, message_id = press.message.chat.id, press.message.message_id
    await _if_it_is_there(press.bot.edit_message_reply_markup(chat_id, message_id, reply_markup=keyboard))


async def _if_it_is_there(edit: Awaitable[Message | bool]) -> None:
    try:
        await edit
    except BadRequest as error:
        # Not modified by a second press, or deleted meanwhile.
        log.info("history not changed", extra={"error": words_of(error)})


async def _delete_message(press: Press, job: Job) -> None:
    """Take the picture out of the chat, too, where Telegram still lets us."""
    if job.delivered_message_id is not None:
        await _delete(press.bot, job.address.chat_id, job.delivered_message_id)


async def _delete(bot: Bot, chat_id: int, message_id: int) -> None:
    try:
        await bot.delete_message(chat_id, message_id)
    except TelegramError as error:
        log.info("message not deleted", extra={"chat_id": chat_id, "error": words_of(error)})
