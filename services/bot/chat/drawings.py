"""Orders the pictures that somebody asked for in a chat: Gemini's answer says which, and is on record already."""

from telegram import Bot, InlineKeyboardMarkup

from services.bot.chat import keyboards
from services.bot.orders import Order
from services.bot.pictures.promise import Promise
from services.bot.pictures.rereading import UNASKED
from services.bot.settings.preferences import Choices
from services.bot.telegram.addresses import answer
from services.bot.texts.locales import say
from shared.errands import Errand, StoredDrawing, drawing_of
from shared.jobs import Address, Parameters, Request, Sender


class Drawings:
    """Places their orders, as ``/imagine`` would."""

    def __init__(self, bot: Bot, choices: Choices, promise: Promise) -> None:
        self._bot = bot
        self._choices = choices
        self._promise = promise

    async def begin(self, errand: Errand) -> None:
        """Order what an answer asks for, or ask first where these are many. Done twice it is one order.

        Raises:
            TelegramError: Telegram certainly did not take the message that says so.
        """
        drawing = drawing_of(errand, wished=True)
        if drawing is None:
            return
        count, language = drawing.get("count", 1), errand.sender.language
        if count > UNASKED:
            buttons = InlineKeyboardMarkup([keyboards.how_many(errand, count, UNASKED)])
            text = say("many_ask", language, n=count)
            await self._bot.send_message(text=text, reply_markup=buttons, **answer(errand.address))
        else:
            await self.order(drawing, count, errand.address, errand.sender)

    async def order(self, drawing: StoredDrawing, count: int, address: Address, sender: Sender) -> None:
        """Order so many pictures of it."""
        chosen = await self._choices.in_force(address, sender, self._bot)
        request = chosen.defaults_for(Request(drawing["idea"], _parameters(drawing), count=count))
        await self._promise.order(Order(request), address, sender)

    async def order_answered(self, errand: Errand, count: int) -> None:
        """Order what an answer asks for, in the number that its person has now chosen. Done twice it is one order."""
        drawing = drawing_of(errand, wished=True)
        if drawing is not None:
            await self.order(drawing, min(count, drawing.get("count", 1)), errand.address, errand.sender)


def _parameters(drawing: StoredDrawing) -> Parameters:
    ratio = drawing.get("ratio")
    return Parameters(ratio=(ratio[0], ratio[1]) if ratio else None)
