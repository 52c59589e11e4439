"""What follows a failed call of the poller: pause, log line, remedy."""

import logging

import pytest

from services.bot.intake.poll_failures import (
    CERTAIN_AFTER_S,
    LONGEST_FLOOD_WAIT_S,
    Failure,
    Next,
    Nonsense,
    NotKept,
    Refused,
    Unreachable,
    after,
    kind_of,
)
from services.bot.intake.raw_api import CallFailed, result_of
from services.retrying import LONGEST_PAUSE_S

ADDRESS = "http://api.example:8081"
WEBHOOK = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
OTHER = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
ALL = [
    Unreachable("Cannot connect to host api.example:8081 ssl:default [Name or service not known]"),
    Nonsense("an HTML page"),
    NotKept(),
    *(Refused(status, "said by Telegram") for status in (400, 401, 403, 404, 409, 413, 418, 429, 500, 502, 504, 599)),
    Refused(409, WEBHOOK),
    Refused(409, OTHER),
    Refused(429, "Too Many Requests: retry after 480", 480),
]


def decided(failure: Failure, *, failures: int = 1, lasting_s: float = 0.0) -> Next:
    return after(failure, failures=failures, lasting_s=lasting_s, address=ADDRESS)


class TestEveryFailure:
    @pytest.mark.parametrize("failure", ALL, ids=str)
    @pytest.mark.parametrize("lasting_s", [0.0, CERTAIN_AFTER_S, 1e6])
    def test_is_followed_by_another_try_after_a_bounded_pause(self, failure: Failure, lasting_s: float) -> None:
        pauses = [decided(failure, failures=failures, lasting_s=lasting_s).wait_s for failures in (1, 2, 3, 10, 10_000)]

        assert pauses == sorted(pauses)
        assert pauses[0] >= 1
        assert pauses[-1] <= max(LONGEST_PAUSE_S, getattr(failure, "retry_after_s", 0) or 0)

    @pytest.mark.parametrize("failure", [one for one in ALL if isinstance(one, Refused)], ids=str)
    def test_is_logged_in_telegrams_own_words(self, failure: Refused) -> None:
        next_ = decided(failure)

        assert (next_.fields["status"], next_.fields["description"]) == (failure.status, failure.description)
        assert next_.level >= logging.WARNING

    @pytest.mark.parametrize("failure", [ALL[0], ALL[1], Refused(404, ""), Refused(502, "")], ids=str)
    def test_of_an_address_names_it(self, failure: Failure) -> None:
        assert decided(failure).fields["address"] == ADDRESS

    @pytest.mark.parametrize("failure", [one for one in ALL if one != Refused(409, WEBHOOK)], ids=str)
    def test_other_than_a_webhook_deletes_none(self, failure: Failure) -> None:
        assert not decided(failure, lasting_s=1e6).delete_webhook

    @pytest.mark.parametrize("failure", [one for one in ALL if kind_of(one) != 401], ids=str)
    def test_other_than_401_says_nothing_of_the_token(self, failure: Failure) -> None:
        next_ = decided(failure, failures=100, lasting_s=1e6)

        assert not next_.token_is_wrong
        assert "TOKEN" not in next_.event


class TestRefusals:
    def test_one_401_is_not_believed(self) -> None:
        next_ = decided(Refused(401, "Unauthorized"))

        assert not next_.token_is_wrong
        assert next_.level == logging.WARNING

    def test_401_for_a_minute_is(self) -> None:
        next_ = decided(Refused(401, "Unauthorized"), failures=7, lasting_s=CERTAIN_AFTER_S)

        assert next_.token_is_wrong
        assert next_.level == logging.ERROR
        assert "revoked" in next_.event

    def test_404_is_the_address_and_not_the_token(self) -> None:
        assert "TELEGRAM_API_URL" in decided(Refused(404, "an HTML page")).event
        assert decided(Refused(404, "an HTML page")).level == logging.WARNING
        assert decided(Refused(404, "an HTML page"), lasting_s=CERTAIN_AFTER_S).level == logging.ERROR

    def test_a_webhook_is_told_apart_from_another_poller(self) -> None:
        assert decided(Refused(409, WEBHOOK)).delete_webhook
        assert "another process" in decided(Refused(409, OTHER), lasting_s=1.0).event
        assert "another process" not in decided(Refused(409, WEBHOOK)).event
        assert "another process" not in decided(Refused(409, "Conflict: terminated by setWebhook request")).event

    def test_one_conflict_may_be_of_a_poll_of_our_own_whose_connection_was_cut(self) -> None:
        assert decided(Refused(409, OTHER)).level == logging.WARNING
        assert "our own" in decided(Refused(409, OTHER)).event
        assert decided(Refused(409, OTHER), failures=2, lasting_s=1.0).level == logging.ERROR

    @pytest.mark.parametrize("seconds", [1, 25, 480, 3600])
    def test_a_flood_wait_is_obeyed_whatever_its_length(self, seconds: int) -> None:
        assert decided(Refused(429, "", seconds)).wait_s == seconds

    def test_nonsense_in_a_flood_wait_does_not_make_the_bot_deaf(self) -> None:
        assert decided(Refused(429, "", 1e9)).wait_s == LONGEST_FLOOD_WAIT_S


class TestKinds:
    def test_what_lasts_is_counted_by_status(self) -> None:
        assert kind_of(Refused(401, "Unauthorized")) == kind_of(Refused(401, "Unauthorized: invalid token specified"))
        assert len({kind_of(one) for one in (Refused(401, ""), Refused(404, ""), Unreachable(""), Nonsense(""))}) == 4


class TestAnswers:
    def test_the_result_is_returned(self) -> None:
        assert result_of(200, b'{"ok":true,"result":[{"update_id":7}]}') == [{"update_id": 7}]

    def test_half_a_surrogate_pair_becomes_a_question_mark(self) -> None:
        assert result_of(200, b'{"ok":true,"result":"a\\ud83d"}') == "a?"

    @pytest.mark.parametrize(
        ("body", "found"),
        [
            (b"", "nothing"),
            (b"  <html>please log in</html>", "an HTML page"),
            (b"[]", "other JSON"),
            (b'{"ok":true}', "other JSON"),
            (b'{"ok":1,"result":[]}', "other JSON"),
            (b'{"result":[]}', "other JSON"),
            (b"gateway", "other text"),
            (b"\xff\xfe", "other text"),
            (b"[" * 100_000, "other JSON"),
        ],
    )
    def test_what_is_not_the_bot_apis_is_named_and_not_repeated(self, body: bytes, found: str) -> None:
        with pytest.raises(CallFailed) as caught:
            result_of(200, body)

        assert caught.value.failure == Nonsense(found)

    @pytest.mark.parametrize(
        ("status", "body", "failure"),
        [
            (401, b'{"ok":false,"error_code":401,"description":"Unauthorized"}', Refused(401, "Unauthorized")),
            (404, b"<html>nginx</html>", Refused(404, "an HTML page")),
            (502, b"", Refused(502, "nothing")),
            (500, b'{"ok":true,"result":[]}', Refused(500, "other JSON")),
            (200, b'{"ok":false,"error_code":401,"description":"no"}', Refused(401, "no")),
            (429, b'{"ok":false,"description":"x","parameters":{"retry_after":480}}', Refused(429, "x", 480.0)),
            (429, b'{"ok":false,"description":"x","parameters":[]}', Refused(429, "x")),
            (429, b'{"ok":false,"description":"x","parameters":{"retry_after":"soon"}}', Refused(429, "x")),
        ],
    )
    def test_refusals_keep_status_words_and_wait(self, status: int, body: bytes, failure: Failure) -> None:
        with pytest.raises(CallFailed) as caught:
            result_of(status, body)

        assert caught.value.failure == failure
