"""Writing down which models are served."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from sandbox.client import SandboxClient
from services.worker.gemini.client import Gemini
from services.worker.jobs.model_refresh import ChatModelRefresh, ImageModelRefresh
from services.worker.painters.discovery import Discovery
from services.worker.painters.http import HttpClient
from shared.catalogue import Catalogue
from shared.store.database import Database
from shared.store.models import CHAT, IMAGE, Models
from tests.sqlite_tables import create_tables

DEV = "black-forest-labs/FLUX.1-dev"
IDEOGRAM = "ideogram-ai/ideogram-4"  # served in the sandbox, not in the shipped list
OLD = {"a/fox": {"providers": {"fal-ai": "fox"}}}


@pytest.fixture
def models(sqlite_url: str) -> Iterator[Models]:
    with Database(sqlite_url) as database:
        create_tables(database)
        yield Models(database)


@pytest.fixture
def surveying(discovery: Discovery, models: Models) -> ImageModelRefresh:
    return ImageModelRefresh(discovery, models)


@pytest.fixture
def due(discovery: Discovery, models: Models) -> ImageModelRefresh:
    """There is a list, and it is time for another one."""
    models.replace(IMAGE, OLD)
    return ImageModelRefresh(discovery, models, every=timedelta(0))


def test_what_the_hub_names_is_written_down(surveying: ImageModelRefresh, models: Models):
    surveying.refresh_if_due()

    written = models.all(IMAGE)
    assert next(iter(written)) == DEV
    assert written[DEV]["providers"]["fal-ai"] == "fal-ai/flux/dev"
    assert IDEOGRAM in written


def test_it_is_not_done_again_for_a_while_by_whomever(
    sandbox: SandboxClient, http: HttpClient, surveying: ImageModelRefresh, models: Models
):
    surveying.refresh_if_due()
    sandbox.clear_journal()

    other = Catalogue()
    ImageModelRefresh(Discovery(http, hub_url=f"{sandbox.url}/hub", catalogue=other), models).refresh_if_due()

    assert sandbox.journal("hub") == []
    # It knows all the same what the first one found.
    assert other.model(IDEOGRAM).served


def test_a_new_list_takes_the_place_of_the_old_one(due: ImageModelRefresh, models: Models):
    due.refresh_if_due()

    assert "a/fox" not in models.all(IMAGE)
    assert DEV in models.all(IMAGE)


@pytest.mark.parametrize("trouble", [{"status": 503}, {"drop": "before"}, {"status": 200, "reply": []}])
def test_while_the_hub_is_away_the_old_list_stays(
    sandbox: SandboxClient, due: ImageModelRefresh, models: Models, trouble: dict[str, Any]
):
    sandbox.arm("hub", times=None, **trouble)

    due.refresh_if_due()

    assert sandbox.journal("hub") != []
    assert models.all(IMAGE) == OLD


def test_without_any_list_the_shipped_one_goes_on(
    sandbox: SandboxClient, discovery: Discovery, surveying: ImageModelRefresh
):
    sandbox.arm("hub", times=None, status=503)

    surveying.refresh_if_due()

    assert list(discovery.catalogue) == list(Catalogue())


def test_what_the_owner_serves_is_served_whatever_the_hub_says(discovery: Discovery, models: Models):
    ImageModelRefresh(discovery, models, own=["me/mine", DEV]).refresh_if_due()

    assert models.all(IMAGE)["me/mine"] == {"providers": {}, "starting": {}}
    assert models.all(IMAGE)[DEV]["providers"]
    assert discovery.catalogue.model("me/mine").served


def test_a_worker_that_knows_the_list_paints_on_without_the_hub(
    sandbox: SandboxClient, http: HttpClient, surveying: ImageModelRefresh, models: Models
):
    surveying.refresh_if_due()
    later = Discovery(http, hub_url=f"{sandbox.url}/hub", catalogue=Catalogue())
    ImageModelRefresh(later, models).refresh_if_due()
    sandbox.arm("hub", times=None, status=503)

    assert later.targets(IDEOGRAM) != ()


class TestChatModels:
    @pytest.fixture
    def gemini(self, sandbox: SandboxClient) -> Iterator[Gemini]:
        client = Gemini(
            api_key="AIzaSy-survey",  # pragma: allowlist secret
            base_url=f"{sandbox.url}/gemini",
            api_version="v1beta",
            slots=1,
            models_a_page=4,
        )
        yield client
        client.close()

    def test_all_pages_are_read_and_only_what_writes_is_written_down(self, gemini: Gemini, models: Models):
        ChatModelRefresh(gemini, models).refresh_if_due()

        written = models.all(CHAT)
        assert written["gemini-3.8-flash"] == {"output_tokens": 65_536, "max_temperature": 2.0, "top_k": 64}
        assert "gemini-flash-latest" in written  # on the last page
        assert [name for name in written if any(other in name for other in ("image", "tts", "embedding"))] == []

    def test_it_is_not_done_again_for_a_while(self, sandbox: SandboxClient, gemini: Gemini, models: Models):
        ChatModelRefresh(gemini, models).refresh_if_due()
        sandbox.clear_journal()

        ChatModelRefresh(gemini, models).refresh_if_due()

        assert sandbox.journal("gemini") == []

    @pytest.mark.parametrize("trouble", [{"status": 503}, {"drop": "before"}, {"status": 200, "reply": {}}])
    def test_while_gemini_is_away_the_old_list_stays(
        self,
        sandbox: SandboxClient,
        gemini: Gemini,
        models: Models,
        trouble: dict[str, Any],
    ):
        models.replace(CHAT, {"gemini-old": {}})
        sandbox.arm("gemini", times=None, **trouble)

        ChatModelRefresh(gemini, models, every=timedelta(0)).refresh_if_due()

        assert sandbox.journal("gemini") != []
        assert models.all(CHAT) == {"gemini-old": {}}

    def test_without_a_key_of_the_owners_nobody_asks(self, models: Models):
        ChatModelRefresh(None, models).refresh_if_due()

        assert models.due(CHAT, timedelta(hours=1))
