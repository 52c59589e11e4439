"""``/start``, ``/help``, and what is said to those who say something else."""

from telegram import Update
from telegram.ext import ContextTypes

from services.bot.handlers.addresses import address_of, answer, sender_of
from services.bot.locales import say
from shared.batches import COLUMNS, MAX_LINES
from shared.catalogue import MOST_NAMED, Catalogue
from shared.ideas import MAX_COUNT
from shared.styles import Styles


async def start(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Answer ``/start``: say hello and what to type."""
    await _tell("start", update, context)


async def hint(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Answer anything else in a private chat with the one thing to type."""
    await _tell("hint", update, context)


class Help:
    """Tells what one can do here, and with what."""

    def __init__(self, catalogue: Catalogue, styles: Styles, *, batch_pictures: int) -> None:
        """Tell of batches of up to so many pictures."""
        self._batch_pictures = batch_pictures
        self._catalogue = catalogue
        self._styles = styles

    async def command(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer ``/help``, and ``/help imagine`` with all parameters."""
        topic = [word.lstrip("/").casefold() for word in context.args or []]
        if topic == ["imagine"]:
            await _tell("help_imagine", update, context, **self._choice())
        elif topic == ["batch"]:
            columns = ", ".join(COLUMNS)
            await _tell("help_batch", update, context, columns=columns, lines=MAX_LINES, pictures=self._batch_pictures)
        else:
            await _tell("help", update, context)

    def _choice(self) -> dict[str, object]:
        default = self._catalogue.wished(None)
        others = (model.name for model in self._catalogue.offered(MOST_NAMED) if model.id != default.id)
        return {
            "most": MAX_COUNT,
            "default": default.name,
            "models": ", ".join((default.name, *others)),
            "styles": ", ".join(style.name for style in self._styles),
        }


async def _tell(key: str, update: Update, context: ContextTypes.DEFAULT_TYPE, **values: object) -> None:
    message = update.effective_message
    if message is not None:
        address = address_of(message, context.bot.id)
        await context.bot.send_message(text=say(key, sender_of(message).language, **values), **answer(address))
