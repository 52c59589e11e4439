"""A press of a draft's own stop button, as Telegram sends it."""

import pytest
from telegram import Update

from services.bot.telegram.draft_stops import DraftStopHandler, StoppedDraft, stopped_draft

PRESS = {"chat": {"id": 7, "type": "private"}, "draft_id": 3}


def an_update(press: object) -> Update:
    return Update(1, api_kwargs={} if press is None else {"stopped_message_generation": press})


async def nothing(*_: object) -> None:
    return


def test_tells_which_draft() -> None:
    assert stopped_draft(an_update(PRESS)) == StoppedDraft(7, 3)
    assert DraftStopHandler(nothing).check_update(an_update(PRESS))


@pytest.mark.parametrize(
    "press",
    [None, {}, "words", {"chat": {"id": 7}}, {"chat": {"id": "7"}, "draft_id": 3}, PRESS | {"draft_id": None}],
)
def test_of_another_form_is_none(press: object) -> None:
    assert stopped_draft(an_update(press)) is None
    assert not DraftStopHandler(nothing).check_update(an_update(press))
