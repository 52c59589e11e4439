"""Log lines at their loudest, with everything failing: no key, no token, no idea in any of them."""

import re

import pytest

from tests.end_to_end.installation import BOT_TOKEN, GEMINI_KEY, HF_TOKEN, MODEL, PAINTING

# What stands before the colon of Telegram's token is the bot's number, which everybody may know.
SECRETS = {"Telegram's token": BOT_TOKEN.partition(":")[2], "Gemini's key": GEMINI_KEY, "HuggingFace's token": HF_TOKEN}
SETTINGS = {"G2D_IMAGE_MODEL": MODEL, "G2D_LEASE_S": "3", "G2D_LOG_LEVEL": "DEBUG"}


@pytest.fixture(scope="module", params=["json", "console"])
def _installation(request, size, _provide):
    return _provide(size, SETTINGS | {"G2D_LOG_FORMAT": request.param}, 1)


def everything_fails(installation, sandbox):
    """Break every connection and have every key refused, while a few people want something."""
    for method in ("sendPhoto", "getUpdates", "editMessageText", "sendChatAction"):
        sandbox.arm("telegram", path=f"/{method}$", drop="before")
    for preset in ("internal-error", "bad-gateway", "not-json"):
        sandbox.arm("telegram", path="/(editMessageText|deleteMessage)$", preset=preset)
    sandbox.arm("telegram", path="/getUpdates$", preset="bad-gateway")
    sandbox.arm("router", path=PAINTING, body="first", preset="bad-token")
    sandbox.arm("router", path=PAINTING, body="second", drop="before")
    sandbox.arm("gemini", body="third", preset="bad-key")
    sandbox.arm("gemini", body="fourth", drop="before")
    requests = [
        sandbox.say(sandbox.person("Ada"), f"/imagine a zeppelin, the {number}")
        for number in ("first", "second", "third", "fourth")
    ]
    return [installation.delivered(request, timeout_s=60) for request in requests]


class TestTheLog:
    def test_holds_no_secret_and_no_idea_whatever_fails(self, installation, sandbox):
        reasons = [row.reason for row in everything_fails(installation, sandbox)]
        for service in installation.services:
            service.stop()
        log = installation.log

        assert reasons == ["bad_credentials", None, "bad_credentials", None]
        assert "delivery uncertain" in log
        assert [name for name, secret in SECRETS.items() if secret in log] == []
        assert "zeppelin" not in log

    def test_follows_a_picture_from_its_update_to_its_delivery(self, installation, sandbox):
        job = installation.delivered(sandbox.say(sandbox.person("Ada"), "/imagine a fox in the snow"))
        for service in installation.services:
            service.stop()

        of_it = re.compile(rf'job_id"?[=:] ?{job.id}\b')
        log = re.sub(r"\x1b\[[0-9;]*m", "", installation.log)  # without colours
        told = [line for line in log.splitlines() if of_it.search(line)]
        for event in ("pictures asked for", "work done", "delivery ended"):
            assert any(event in line for line in told)
        assert any("pictures asked for" in line and "update_id" in line for line in told)
