"""Writing down which image models are served."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox.client import SandboxClient
from services.worker.discovery import Discovery
from services.worker.surveying import Surveying
from services.worker.wire import Wire
from shared.catalogue import Catalogue
from shared.migrations import migrate
from shared.store.database import Database
from shared.store.models import IMAGE, Models

DEV = "black-forest-labs/FLUX.1-dev"
IDEOGRAM = "ideogram-ai/ideogram-4"  # served in the sandbox, not in the shipped list
OLD = {"a/fox": {"providers": {"fal-ai": "fox"}}}


@pytest.fixture
def models(tmp_path: Path) -> Models:
    database = Database(f"sqlite:///{tmp_path / 'g2d.db'}")
    migrate(database)
    return Models(database)


@pytest.fixture
def surveying(discovery: Discovery, models: Models) -> Surveying:
    return Surveying(discovery, models)


@pytest.fixture
def long_ago(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a list, and it is time for another one."""
    models.replace(IMAGE, OLD)
    monkeypatch.setattr("services.worker.surveying.EVERY", timedelta(0))


def test_what_the_hub_names_is_written_down(surveying: Surveying, models: Models):
    surveying.survey_if_due()

    written = models.all(IMAGE)
    assert next(iter(written)) == DEV
    assert written[DEV]["providers"]["fal-ai"] == "fal-ai/flux/dev"
    assert IDEOGRAM in written


def test_it_is_not_done_again_for_a_while_by_whomever(
    sandbox: SandboxClient, wire: Wire, surveying: Surveying, models: Models
):
    surveying.survey_if_due()
    sandbox.clear_journal()

    other = Catalogue()
    Surveying(Discovery(wire, hub_url=f"{sandbox.url}/hub", catalogue=other), models).survey_if_due()

    assert sandbox.journal("hub") == []
    # It knows all the same what the first one found.
    assert other.model(IDEOGRAM).served


@pytest.mark.usefixtures("long_ago")
def test_a_new_list_takes_the_place_of_the_old_one(surveying: Surveying, models: Models):
    surveying.survey_if_due()

    assert "a/fox" not in models.all(IMAGE)
    assert DEV in models.all(IMAGE)


@pytest.mark.usefixtures("long_ago")
@pytest.mark.parametrize("trouble", [{"status": 503}, {"drop": "before"}, {"status": 200, "reply": []}])
def test_while_the_hub_is_away_the_old_list_stays(
    sandbox: SandboxClient, surveying: Surveying, models: Models, trouble: dict[str, Any]
):
    sandbox.arm("hub", times=None, **trouble)

    surveying.survey_if_due()

    assert sandbox.journal("hub") != []
    assert models.all(IMAGE) == OLD


def test_without_any_list_the_shipped_one_goes_on(sandbox: SandboxClient, discovery: Discovery, surveying: Surveying):
    sandbox.arm("hub", times=None, status=503)

    surveying.survey_if_due()

    assert list(discovery.catalogue) == list(Catalogue())


def test_what_the_owner_serves_is_served_whatever_the_hub_says(discovery: Discovery, models: Models):
    Surveying(discovery, models, own=["me/mine", DEV]).survey_if_due()

    assert models.all(IMAGE)["me/mine"] == {"providers": {}}
    assert models.all(IMAGE)[DEV]["providers"]
    assert discovery.catalogue.model("me/mine").served


def test_a_worker_that_knows_the_list_paints_on_without_the_hub(
    sandbox: SandboxClient, wire: Wire, surveying: Surveying, models: Models
):
    surveying.survey_if_due()
    later = Discovery(wire, hub_url=f"{sandbox.url}/hub", catalogue=Catalogue())
    Surveying(later, models).survey_if_due()
    sandbox.arm("hub", times=None, status=503)

    assert later.targets(IDEOGRAM) != ()
