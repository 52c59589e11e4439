"""The lists of models that the bot offers: those of the last survey, and while the record is away those that it had."""

import asyncio

from services.bot.settings.model_refresh import Offers
from shared.catalogue import Catalogue
from shared.chat_models import ChatModels
from shared.store.database import Database
from shared.store.models import CHAT, IMAGE, Models

FOUND = "somebody/new-model"


def offers_of(database: Database, catalogue: Catalogue, chat_models: ChatModels) -> Offers:
    return Offers(catalogue, chat_models, Models(database))


def test_are_those_that_a_survey_found_until_the_next(record: Database, deaf_port: int) -> None:
    catalogue, chat_models = Catalogue(None), ChatModels("gemini-3.5-flash")
    Models(record).replace(IMAGE, {FOUND: {"providers": {"fal-ai": "new"}}})
    Models(record).replace(CHAT, {"gemini-9-flash": {}})

    asyncio.run(offers_of(record, catalogue, chat_models).look())
    assert [one.id for one in catalogue.offered()] == [FOUND]
    assert [one.name for one in chat_models.offered()] == ["gemini-9-flash"]

    with Database(f"postgresql+psycopg://postgres@127.0.0.1:{deaf_port}/none") as away:
        asyncio.run(offers_of(away, catalogue, chat_models).look())

    assert [one.id for one in catalogue.offered()] == [FOUND]
    assert [one.name for one in chat_models.offered()] == ["gemini-9-flash"]
