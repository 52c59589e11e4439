"""Celery tells of each try to reach its broker as an error; our log has a warning that is repeated ever more rarely."""

import logging

import pytest
from celery.worker.consumer import consumer

from services.worker.takers.celery_worker import BrokerIsAway


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        (
            consumer.CONNECTION_ERROR,
            ("redis://localhost/0", OSError("refused"), "Trying again in 2.00 seconds... (1/None)"),
        ),
        ("%s (%r)", (consumer.CONNECTION_RETRY, OSError("refused"))),
        ("Couldn't ack %r, reason:%r", ("an id", OSError("out of memory"))),
        ("Frequent restarts detected: %r", (OSError("5 in 1s"),)),
    ],
)
def test_a_broker_that_is_away_is_told_in_the_same_words(
    caplog: pytest.LogCaptureFixture, words: str, arguments: tuple[object, ...]
) -> None:
    told = logging.LogRecord("celery", logging.ERROR, "", 0, words, arguments, None)

    assert not BrokerIsAway().filter(told)
    assert [(one.levelname, one.message) for one in caplog.records] == [("WARNING", "broker not reached, trying again")]


def test_what_else_celery_says_is_let_through(caplog: pytest.LogCaptureFixture) -> None:
    told = logging.LogRecord("celery", logging.ERROR, "", 0, "Received unregistered task of type %s.", ("x",), None)

    assert BrokerIsAway().filter(told)
    assert not caplog.records
