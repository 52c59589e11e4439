"""A failed picture ends in buttons: try again, another model that can, a key of one's own where that mends it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import update
from telegram import InlineKeyboardMarkup

from services.bot.pictures import keyboards
from services.bot.telegram.callback_data import MODEL, REST, code_of, of_record
from services.bot.texts.locales import say
from shared.catalogue import USUAL_OF_GOOGLE, Catalogue
from shared.errors import IdeaRefused, NoCredit, NoPainterLeft, PictureGone, PictureRefused, QuotaExhausted, ServiceBusy
from shared.jobs import Address, Job, Parameters, Picture, Request, Sender, State
from shared.store import tables
from shared.store.jobs import Jobs
from tests.bot.stage import BOT, Outcome, Stage
from tests.bot.updates_scene import ADA, Scene
from tests.builders import a_job

CATALOGUE = Catalogue()


def a_failure(reason: str, request: Request | None = None) -> Job:
    return a_job(id=17, state=State.FAILED, reason=reason, request=request or Request("a red fox"))


def shown(job: Job) -> list[str]:
    """The buttons below a failure, as they read."""
    found = keyboards.failed([job], CATALOGUE, "a_bot")
    return [button.text for row in found.inline_keyboard for button in row] if found else []


class TestWhatIsOffered:
    def test_a_busy_service_can_be_tried_again_or_left_for_three_other_models(self) -> None:
        again, *others = shown(a_failure(ServiceBusy.reason))

        assert again == "🔁 Try again"
        assert len(others) == 3
        assert not any(CATALOGUE.wished(None).name in label for label in others)

    def test_a_refused_idea_is_no_matter_of_models(self) -> None:
        assert shown(a_failure(IdeaRefused.reason)) == ["🔁 Try again"]

    def test_a_gemini_that_is_to_create_it_can_be_left_for_others(self) -> None:
        of_gemini = Request("a red fox", Parameters(model=USUAL_OF_GOOGLE))

        assert len(shown(a_failure(QuotaExhausted.reason, of_gemini))) > len(shown(a_failure(QuotaExhausted.reason)))

    def test_without_credit_a_key_of_ones_own_helps(self) -> None:
        assert shown(a_failure(NoCredit.reason)) == ["🔁 Try again", say("button_keys", "en")]

    def test_models_that_were_tried_already_are_not_offered(self) -> None:
        tried = {CATALOGUE.model(one).name for one in CATALOGUE.in_order(None)}

        assert not tried & {label.removeprefix("🎨 ") for label in shown(a_failure(NoPainterLeft.reason))}

    def test_what_starts_from_a_picture_is_offered_models_that_can(self) -> None:
        starts = [model for model in CATALOGUE if model.starting]
        start = Request("a red fox", Parameters(model=starts[0].id), picture=Picture("k", "image/png"))
        job = a_failure(PictureRefused.reason, start)

        assert keyboards.other_models(job, PictureRefused.reason, CATALOGUE) == starts[1:4]

    def test_a_picture_that_is_gone_has_to_be_sent_again(self) -> None:
        assert keyboards.failed([a_failure(PictureGone.reason)], CATALOGUE, "a_bot") is None


@pytest.fixture(scope="module")
def _scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    stage = Stage(tmp_path_factory.mktemp("stage"))
    yield Scene(stage)
    stage.close()


def failure_in(scene: Scene, *, count: int = 1) -> tuple[Job, int]:
    """A request of Ada's that failed, and the message that says so."""
    jobs = Jobs(scene.stage.database)
    message = scene.post(ADA, "/imagine a fox")
    wish = Request("a red fox", Parameters(ratio=(16, 9), steps=9), count)
    job, _ = jobs.submit(wish, address=Address(BOT, ADA, message), sender=Sender(ADA))
    ids = [one.id for one in jobs.siblings(job)]
    with scene.stage.database.writing() as connection:
        failed = {"state": State.FAILED, "reason": ServiceBusy.reason}
        connection.execute(update(tables.jobs).where(tables.jobs.c.id.in_(ids)).values(failed))
    job = jobs.siblings(job)[0]
    keyboard = keyboards.failed([job], CATALOGUE, "a_bot")
    assert isinstance(keyboard, InlineKeyboardMarkup)
    return job, scene.post(ADA, "It failed.", keyboard)


def ordered(outcome: Outcome) -> list[dict[str, object]]:
    return [row for key, row in outcome.after.items() if key[0] == "jobs" and key not in outcome.before]


def test_a_press_orders_the_same_once(scene: Scene) -> None:
    job, message = failure_in(scene, count=2)
    data = of_record(REST, job.id)

    rows = ordered(scene.press(ADA, data, ADA, message))

    assert [(row["idea"], row["parameters"]) for row in rows] == [("a red fox", rows[0]["parameters"])] * 2
    assert '"ratio": [16, 9]' in str(rows[0]["parameters"])
    assert "reply_markup" not in scene.message(ADA, message)
    assert not scene.message(ADA, message)["deleted"]
    assert ordered(scene.press(ADA, data, ADA, message)) == []


def test_another_model_takes_all_that_failed(scene: Scene) -> None:
    job, message = failure_in(scene, count=2)
    offered = keyboards.other_models(job, ServiceBusy.reason, CATALOGUE)[0]

    rows = ordered(scene.press(ADA, of_record(MODEL, job.id, code_of(offered.id)), ADA, message))

    assert len(rows) == 2
    assert all(f'"model": "{offered.id}"' in str(row["parameters"]) for row in rows)
    assert all('"steps": null' in str(row["parameters"]) for row in rows)
