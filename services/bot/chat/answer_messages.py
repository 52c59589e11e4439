"""The messages that hold an answer, as the record knows them. Pure."""

from telegram import InlineKeyboardMarkup

from services.bot.telegram.sending import Edit, Sending, Words
from services.bot.texts.markdown import Piece
from shared.errands import Errand


def messages_of(errand: Errand) -> list[int]:
    """Ids of the messages in which an answer stands, first to last."""
    return list(errand.shown["messages"]) if errand.shown else []


def said_of(errand: Errand) -> int:
    """How many of these messages say what they are to say in the end."""
    return errand.shown["said"] if errand.shown else 0


def words_of(piece: Piece) -> Words:
    """A piece of an answer, as it is sent."""
    return Words(piece.text, piece.entities, preview=False)


async def edit(
    sending: Sending, errand: Errand, message_id: int, piece: Piece, keyboard: InlineKeyboardMarkup | None
) -> bool:
    """Put words into a message; False where it is gone.

    Raises:
        TelegramError: Telegram could not be asked, or refused for another reason.
    """
    came_of_it = await sending.edit(errand.address.chat_id, message_id, words_of(piece), keyboard)
    return came_of_it in {Edit.CHANGED, Edit.AS_IT_WAS}
