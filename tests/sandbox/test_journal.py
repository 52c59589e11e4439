"""The journal: everything that came in, no secret, no file."""

from __future__ import annotations

import pytest
import requests

from sandbox.client import SandboxClient, mask
from tests.sandbox.raw_bot import TOKEN, RawBot, picture


class TestJournal:
    def test_it_holds_method_path_body_and_status(self, bot: RawBot, people: SandboxClient) -> None:
        bot("sendMessage", chat_id=1, text="hello")

        entry = people.journal("telegram", path="sendMessage")[0]

        assert entry["method"] == "POST"
        assert entry["path"] == "/telegram/bot7000000123:***/sendMessage"
        assert entry["body"] == {"chat_id": 1, "text": "hello"}
        assert entry["status"] == 400
        assert entry["at"] <= entry["done_at"]

    def test_it_names_the_fault_that_struck(self, bot: RawBot, people: SandboxClient) -> None:
        people.clear_journal()
        fault = people.arm("telegram", path="getMe", drop="after")
        with pytest.raises(requests.ConnectionError):
            bot("getMe")
        bot("getMe")

        assert [entry["fault"] for entry in people.journal("telegram")] == [fault["id"], None]

    def test_it_never_shows_a_token_or_key(self, bot: RawBot, people: SandboxClient) -> None:
        url = people.url
        requests.post(f"{url}/gemini/v1beta/models/x:generateContent?key=AIzaQUERY", json={}, timeout=5)
        requests.get(f"{url}/gemini/v1beta/models", headers={"x-goog-api-key": "AIzaHEADER"}, timeout=5)
        requests.get(f"{url}/hub/api/whoami-v2", headers={"Authorization": "Bearer hf_secret"}, timeout=5)
        bot("setWebhook", url="http://127.0.0.1:9/", secret_token="hush-hush")

        shown = requests.get(f"{url}/journal", timeout=5).text

        for secret in (TOKEN.partition(":")[2], "AIzaQUERY", "AIzaHEADER", "hf_secret", "hush-hush"):
            assert secret not in shown

    def test_equal_secrets_have_equal_masks(self, people: SandboxClient) -> None:
        requests.get(f"{people.url}/hub/api/whoami-v2", headers={"Authorization": "Bearer hf_a"}, timeout=5)

        [entry] = people.journal("hub")

        assert entry["headers"]["authorization"] == f"Bearer {mask('hf_a')}"
        assert mask("hf_a") != mask("hf_b")

    def test_a_file_is_told_by_name_size_and_type(self, bot: RawBot, people: SandboxClient) -> None:
        content = picture()
        bot("sendPhoto", chat_id=1, files={"photo": ("fox.png", content, "image/png")})

        [entry] = people.journal("telegram", path="sendPhoto")

        assert entry["body"] == {
            "chat_id": "1",
            "photo": {"file": "fox.png", "bytes": len(content), "type": "image/png"},
        }

    def test_a_body_that_is_no_form_is_told_as_one_file(self, people: SandboxClient) -> None:
        requests.post(
            f"{people.url}/router/hf-inference/models/a/b",
            data=b"\x89PNG...",
            headers={"Content-Type": "image/png"},
            timeout=5,
        )

        [entry] = people.journal("router")

        assert entry["body"] == {"file": "", "bytes": 7, "type": "image/png"}

    def test_a_picture_in_base64_is_cut(self, people: SandboxClient) -> None:
        long = "A" * 50_000
        requests.post(f"{people.url}/gemini/v1/models/x:countTokens", json={"inline": long}, timeout=5)

        [entry] = people.journal("gemini")

        assert len(entry["body"]["inline"]) < 200
        assert "50000 characters" in entry["body"]["inline"]

    def test_it_can_be_read_from_an_entry_on(self, bot: RawBot, people: SandboxClient) -> None:
        last = people.journal()[-1]["id"]
        bot("getMe")

        assert [entry["path"].rpartition("/")[2] for entry in people.journal(after=last)] == ["getMe"]

    def test_it_can_be_emptied(self, bot: RawBot, people: SandboxClient) -> None:
        people.clear_journal()

        assert people.journal() == []

    def test_broken_json_is_told_as_such(self, bot: RawBot, people: SandboxClient) -> None:
        headers = {"Content-Type": "application/json"}
        requests.post(f"{bot.root}/bot{TOKEN}/getMe", data=b"{", headers=headers, timeout=5)

        assert "unreadable" in people.journal("telegram")[-1]["body"]
