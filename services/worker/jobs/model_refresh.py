"""Writes down which models are served right now, for every process of the installation."""

import logging
from collections.abc import Collection, Iterable
from datetime import timedelta

from services.worker.gemini.client import Failure, Gemini
from services.worker.gemini.models import cards_of, image_models
from services.worker.painters.discovery import Discovery
from services.worker.painters.painter import IMAGE_TO_IMAGE, TEXT_TO_IMAGE, Target
from shared.catalogue import Catalogue, google_name
from shared.errors import ImagineError
from shared.store.models import CHAT, IMAGE, Models

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=10)  # between two surveys of an installation, however many workers it has
GEMINI_S = 20.0  # for all pages of Gemini's list


class ImageModelRefresh:
    """Asks the Hub, and Google, now and then. While the Hub is away, what is written down stays."""

    def __init__(
        self,
        discovery: Discovery,
        models: Models,
        *,
        own: Collection[str] = (),
        gemini: Gemini | None = None,
        has_google_alone: bool = False,
        every: timedelta = EVERY,
    ) -> None:
        """Take the models that the owner serves, at ``own`` endpoints, for served whatever the Hub says.

        Args:
            gemini: Lists Google's own image models; None: those that are shipped are taken for served.
            has_google_alone: Whether nobody is to be offered the Hub's models, for want of a token.
        """
        self._discovery = discovery
        self._models = models
        self._own = tuple(own)
        self._gemini = gemini
        self._has_google_alone = has_google_alone
        self._every = every

    def refresh_if_due(self) -> None:
        """Write the list anew if it is time, and this process is the one to do it.

        Raises:
            StoreAway: The database does not answer.
        """
        if self._models.due(IMAGE, self._every):
            self._survey()
        self._discovery.catalogue.refresh(self._models.all(IMAGE))

    def _survey(self) -> None:
        found = {} if self._has_google_alone else self._hubs()
        if found is None:
            return
        own = {model: _card(()) for model in self._own}
        googles = {
            model: (*self._discovery.targets(model), *self._discovery.targets(model, IMAGE_TO_IMAGE))
            for model in self._googles()
        }
        cards = {**own, **{model: _card(targets) for model, targets in {**found, **googles}.items()}}
        self._models.replace(IMAGE, cards)
        log.info("models surveyed", extra={"models": len(cards)})

    def _hubs(self) -> dict[str, tuple[Target, ...]] | None:
        try:
            found = self._discovery.survey()
        except ImagineError as error:
            log.warning("no survey of the models", extra={"error": str(error)})
            return None
        if not found:
            # More likely that the Hub is out of order than that nobody paints any more.
            log.warning("no survey of the models", extra={"error": "the Hub names none"})
        return found or None

    def _googles(self) -> list[str]:
        """Google's own image models by our names; the shipped ones while Google isn't asked, or is away."""
        listed = self._gemini.models(timeout_s=GEMINI_S) if self._gemini is not None else []
        names = [] if isinstance(listed, Failure) else image_models(listed)
        found = [f"google/{name}" for name in names if google_name(f"google/{name}")]
        return found or [model.id for model in Catalogue() if google_name(model.id)]


class ChatModelRefresh:
    """Asks Gemini now and then which models write. While it is away, what is written down stays."""

    def __init__(self, gemini: Gemini | None, models: Models, *, every: timedelta = EVERY) -> None:
        """Ask with the owner's key; without one nobody asks, and the shipped list is what people choose from."""
        self._gemini = gemini
        self._models = models
        self._every = every

    def refresh_if_due(self) -> None:
        """Write the list anew if it is time, and this process is the one to do it.

        Raises:
            StoreAway: The database does not answer.
        """
        if self._gemini is None or not self._models.due(CHAT, self._every):
            return
        found = self._gemini.models(timeout_s=GEMINI_S)
        if isinstance(found, Failure):
            log.warning("no survey of the chat models", extra={"error": str(found.cause), "status": found.status})
            return
        cards = cards_of(found)
        if not cards:
            # As with the Hub: an empty list is more likely a fault than the end of all models.
            log.warning("no survey of the chat models", extra={"error": "Gemini names none"})
            return
        self._models.replace(CHAT, cards)
        log.info("chat models surveyed", extra={"models": len(cards)})


def _card(targets: Iterable[Target]) -> dict[str, dict[str, str]]:
    """Who paints with a model from words, and who starts from pictures, each with its own name for the model."""
    card: dict[str, dict[str, str]] = {"providers": {}, "starting": {}}
    for target in targets:
        card["providers" if target.task == TEXT_TO_IMAGE else "starting"][target.provider] = target.provider_id
    return card
