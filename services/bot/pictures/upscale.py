"""``/upscale``: makes a picture larger, one of ours or one that somebody sent."""

from services.bot import orders
from services.bot.orders import Order
from services.bot.pictures.promise import Promise
from services.bot.pictures.replies import picture_before
from services.bot.telegram.contents import contents_of
from services.bot.telegram.files import Files, picture_in
from services.bot.telegram.incoming import Incoming, for_message
from services.bot.texts.locales import say
from shared.errors import FileOutOfReach, UserError
from shared.jobs import Picture
from shared.media_types import Purpose
from shared.store.jobs import Jobs


class Upscale:
    """Takes requests for larger pictures in."""

    def __init__(self, jobs: Jobs, promise: Promise, files: Files) -> None:
        self._jobs = jobs
        self._promise = promise
        self._files = files

    @for_message
    async def command(self, asked: Incoming) -> None:
        """Answer ``/upscale`` as a picture's caption, or in reply to one: promise it larger."""
        try:
            order = await self._order(asked)
        except (UserError, FileOutOfReach) as error:
            await asked.answer(say(error.reason, asked.language, **error.values))
            return
        if order is None:
            await asked.answer(say("upscale_what", asked.language))
        else:
            await self._promise.order(order, asked.address, asked.sender)

    async def _order(self, asked: Incoming) -> Order | None:
        """What is to be made larger: of our own pictures the original, of others what Telegram has."""
        ours = await picture_before(asked.message, asked.bot.id, self._jobs)
        if picture_in(asked.message) is None and ours is not None and (larger := orders.upscaled(ours)):
            return larger
        sent = contents_of(asked.message, asked.bot.id).picture
        if sent is None:
            return None
        key = await self._files.keep(sent, Purpose.PICTURE, asked.address, asked.sender)
        return Order(orders.larger("", Picture(key, sent.media_type)))
