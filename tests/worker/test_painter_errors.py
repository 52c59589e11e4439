"""What an error answer means; pure."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.worker.painters.errors import ENDPOINT, MAX_TEXT, error_text, estimated_seconds, read_failure, retry_after
from shared.errors import (
    BadCredentials,
    ImagineError,
    ModelGated,
    ModelLoading,
    ModelNotServed,
    NoCredit,
    PainterDenied,
    PictureRefused,
    RequestRefused,
    ServiceBusy,
    TransientError,
    UnexpectedAnswer,
)

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def read(status: int, body: Any = "", provider: str = "hf-inference", **headers: str) -> ImagineError:
    content = body if isinstance(body, str) else json.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_failure(status, named, content.encode(), provider=provider, now=NOW)


class TestWhoCanMendIt:
    @pytest.mark.parametrize(
        ("status", "body", "kind"),
        [
            (400, {"error": "Model not supported by provider hf-inference"}, ModelNotServed),
            (404, {"error": "Model org/name does not exist"}, ModelNotServed),
            (404, "Not Found", ModelNotServed),
            (410, {"error": "The requested model is deprecated and no longer supported"}, ModelNotServed),
            (400, {"error": {"code": "1211", "message": "task not found"}}, ModelNotServed),
            (402, {"error": "You have depleted your monthly included credits."}, NoCredit),
            (403, {"detail": "User is locked. Reason: Exhausted balance."}, NoCredit),
            (400, {"error": "Pay-as-you go is not enabled for provider fal-ai yet."}, NoCredit),
            (403, {"error": "Access to model x/y is restricted and you are not in the authorized list."}, ModelGated),
            (403, "", PainterDenied),
            (403, "<html><h1>403 ERROR</h1>Request blocked.</html>", PainterDenied),
            (401, "<!DOCTYPE html><html><h1>Sign in to the network</h1></html>", PainterDenied),
            (403, {"error": "Inference Providers usage is disabled for your organization."}, PainterDenied),
            (403, {"error": "You have reached your spending limit."}, NoCredit),
            (400, {"error": ["unknown parameter: scheduler", "and another"]}, RequestRefused),
            (413, "Payload Too Large", RequestRefused),
            (422, "missing field `inputs` at line 1 column 2", RequestRefused),
            (422, {"title": "Input validation failed", "detail": "- input.width: too wide"}, RequestRefused),
        ],
    )
    def test_another_provider_or_model_can(self, status: int, body: Any, kind: type[ImagineError]):
        assert type(read(status, body)) is kind

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (401, {"error": "Invalid username or password."}),
            (401, ""),
            (403, {"error": "This authentication method does not have sufficient permissions to call this"}),
        ],
    )
    def test_the_owner_can(self, status: int, body: Any):
        assert type(read(status, body)) is BadCredentials

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (422, {"detail": [{"loc": ["body", "prompt"], "msg": "flagged", "type": "content_policy_violation"}]}),
            (400, {"error": {"message": "NSFW content detected in prompt", "type": "invalid_request_error"}}),
            (400, {"error": {"code": "1301", "message": "may contain unsafe or sensitive content"}}),
            (500, {"error": "NSFW content detected. Try a different prompt."}),
            (451, ""),
        ],
    )
    def test_the_user_can(self, status: int, body: Any):
        assert type(read(status, body)) is PictureRefused

    @pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520, 524])
    def test_time_can(self, status: int):
        assert type(read(status, "<html><title>trouble</title></html>")) is ServiceBusy

    @pytest.mark.parametrize("status", [302, 418, 499])
    def test_nobody_documented_it(self, status: int):
        assert type(read(status)) is UnexpectedAnswer

    def test_an_error_under_a_200_is_read_by_its_words(self):
        assert type(read(200, {"error": "Model is overloaded"})) is ServiceBusy
        assert type(read(200, {"error": "Model x is currently loading", "estimated_time": 3})) is ModelLoading

    def test_the_status_travels_with_the_error(self):
        assert read(429).status == 429


class TestColdStart:
    def test_the_estimate_is_what_the_service_said(self):
        error = read(503, {"error": "Model x is currently loading", "estimated_time": 42.5})

        assert isinstance(error, ModelLoading)
        assert error.retry_after == 42.5

    @pytest.mark.parametrize("estimate", [float("nan"), float("inf"), -3, "soon", [], {}, True])
    def test_an_estimate_that_is_none_still_means_loading(self, estimate: Any):
        error = read(503, {"error": "Model x is currently loading", "estimated_time": estimate})

        assert isinstance(error, ModelLoading)
        assert error.retry_after is None

    def test_an_estimate_in_words_of_a_number_counts(self):
        assert estimated_seconds("20.5") == 20.5

    def test_a_huge_estimate_is_capped(self):
        assert estimated_seconds(1e30) == 600

    def test_a_bare_503_of_a_dedicated_endpoint_means_that_it_is_waking(self):
        assert type(read(503, "", provider=ENDPOINT)) is ModelLoading
        assert type(read(502, "", provider=ENDPOINT)) is ServiceBusy

    def test_a_bare_503_of_anybody_else_means_busy(self):
        assert type(read(503, "")) is ServiceBusy


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({"retry-after": "7"}, 7.0),
            ({"retry-after": "0.5"}, 0.5),
            ({"retry-after": format_datetime(NOW + timedelta(seconds=90), usegmt=True)}, 90.0),
            ({"retry-after": format_datetime(NOW - timedelta(days=1), usegmt=True)}, 0.0),
            ({"ratelimit": '"api";r=0;t=55'}, 55.0),
            ({"retry-after": "3", "ratelimit": '"api";r=0;t=55'}, 3.0),
            ({"ratelimit-reset": "9"}, 9.0),
            ({"retry-after": "-4"}, 0.0),
            ({"retry-after": "1e99"}, 3600.0),
            ({"retry-after": "nan"}, None),
            ({"retry-after": "when I am done"}, None),
            ({}, None),
        ],
    )
    def test_it_is_read_in_all_its_forms(self, headers: dict[str, str], seconds: float | None):
        assert retry_after(headers, NOW) == seconds

    def test_it_travels_with_the_error(self):
        error = read(429, {"error": "Rate limit reached."}, retry_after="7")

        assert isinstance(error, ServiceBusy)
        assert error.retry_after == 7.0


class TestText:
    @pytest.mark.parametrize(
        ("body", "text"),
        [
            ('{"error": "a"}', "a"),
            ('{"error": ["a", "b"]}', "a · b"),
            ('{"error": {"message": "a", "type": "t", "param": "p", "code": null}}', "a · t"),
            ('{"detail": "a"}', "a"),
            ('{"detail": [{"loc": ["body"], "msg": "a", "type": "t"}]}', "a · t"),
            ('{"message": "a"}', "a"),
            ('{"error": "unknown error", "warnings": ["CUDA out of memory"]}', "unknown error · CUDA out of memory"),
            ('"a"', "a"),
            ("plain\nwords", "plain words"),
            ("<html><body>words for browsers</body></html>", ""),
            ("", ""),
            ("17", ""),
        ],
    )
    def test_every_shape_is_read(self, body: str, text: str):
        assert error_text(body.encode()) == text

    def test_it_is_cut(self):
        assert len(error_text(json.dumps({"error": "x" * 10_000}).encode())) == MAX_TEXT

    def test_it_holds_no_token(self):
        assert "hf_secret" not in error_text(b'{"error": "the token hf_secretsecret is bad"}')

    def test_it_leaves_out_what_was_asked_for(self):
        body = {"detail": [{"msg": "too long", "input": "the words of a user", "ctx": {"given": "their words"}}]}

        assert error_text(json.dumps(body).encode()) == "too long"


class TestAnything:
    json_values = st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["error", "detail", "x"]), inner),
    )

    @settings(deadline=None, max_examples=50)
    @given(
        status=st.integers(100, 999),
        body=st.binary() | json_values.map(lambda value: json.dumps(value).encode()),
        headers=st.dictionaries(st.sampled_from(["retry-after", "ratelimit", "ratelimit-reset"]), st.text()),
    )
    def test_whatever_comes_is_one_of_our_errors(self, status: int, body: bytes, headers: dict[str, str]):
        error = read_failure(status, headers, body, provider="fal-ai", now=NOW)

        assert isinstance(error, ImagineError)
        assert len(str(error)) < MAX_TEXT + 50
        if isinstance(error, TransientError) and error.retry_after is not None:
            assert 0 <= error.retry_after <= 3600
