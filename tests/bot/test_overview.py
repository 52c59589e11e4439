"""How all stands, in one short message."""

import pytest

from services.bot.owner.overview import tell
from services.bot.texts.locales import languages
from shared.jobs import State
from shared.store.overview import Count, Overview, Resting

BUSY = Overview(
    pictures={State.QUEUED: 1200, State.WORKING: 3},
    questions=1,
    finished=Count(12, 340),
    failed={"service_busy": Count(1, 4), "no_credit": Count(0, 2)},
    workers=2,
    slots=256,
    resting=(Resting("org/model", 40.0, "fal-ai"),),
    used_up=(Resting("gemini-3.8-flash", 7200.0, keys=1),),
)


def test_all_of_it_is_told():
    assert tell(BUSY, "en") == (
        "📊 <b>Pictures</b>\n"
        "In the queue: 1,200 · held back: 0 · in progress: 3 · waiting for a model or a limit: 0\n"
        "Last hour: 12 created, 1 failed\n"
        "Last day: 340 created, 6 failed\n"
        "· <code>service_busy</code>: 1 in the last hour, 4 in the last day\n"
        "· <code>no_credit</code>: 0 in the last hour, 2 in the last day\n"
        "\n"
        "💬 1 question is unanswered.\n"
        "\n"
        "⚙️ 2 workers running, 256 slots in total.\n"
        "\n"
        "💤 org/model at fal-ai failed too often; paused for 40 sec.\n"
        "📆 gemini-3.8-flash: today's quota of 1 key is used up, for another 2 hr."
    )


def test_without_workers_there_is_something_to_do():
    assert "Start one" in tell(Overview(), "en")


def test_a_broker_that_is_away_is_named_with_what_it_means():
    assert "Redis" not in tell(BUSY, "en")
    assert "Redis does not answer: work starts a few seconds later" in tell(BUSY, "en", broker_answers=False)


@pytest.mark.parametrize("language", languages())
def test_it_fits_into_one_message(language):
    models = tuple(Resting("organisation/" + "model" * 30, 86_000.0, "provider" * 7) for _ in range(100))
    failed = {f"a_rather_long_reason_{number}": Count(1_000_000, 2_000_000) for number in range(100)}

    assert (
        len(tell(Overview(failed=failed, resting=models[:5], used_up=models[:5]), language, broker_answers=False))
        < 4096
    )
