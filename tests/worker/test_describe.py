"""Pictures on their way to prompts, with a real record and Gemini's stand-in over HTTP."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from sandbox.client import SandboxClient, mask
from services.worker.engine.user_keys import ClientPool, UserKeys
from services.worker.gemini.chat import ChatClient
from services.worker.gemini.client import Gemini
from services.worker.gemini.descriptions import MAX_PROMPT, MAX_TITLE, PROMPTS, read_prompts
from services.worker.gemini.quotas import Quotas
from services.worker.images.decoder import Decoder
from services.worker.jobs.describe import DescribeJob
from shared.errands import Errand, ErrandKind
from shared.images import Images
from shared.jobs import Address, Sender, State, Writing
from shared.key_cipher import KeyCipher
from shared.redaction import GOOGLE
from shared.store.database import Database
from shared.store.errands import Errands
from shared.store.keys import Keys
from tests.builders import BOT, empty, keep_sent, runner_of

KEY, ADAS_KEY = "AIza-sandbox-key", "AIzaSyADASadasADASadasADASadasADASadas"
ADA = 71
STREAM = ":streamGenerateContent"


class Gallery:
    """A worker that describes pictures, and somebody who asks for it."""

    def __init__(self, database: Database, sandbox: SandboxClient, folder: Path, decoder: Decoder) -> None:
        self.sandbox = sandbox
        self.errands = Errands(database)
        self.images = Images(folder.as_uri())
        self.keys, self.cipher = Keys(database), KeyCipher(Fernet.generate_key().decode())
        self.connections: list[Gemini] = []
        clients = ClientPool(UserKeys(self.keys, self.cipher), GOOGLE, self._client(KEY), self._client)
        handler = DescribeJob(self.errands, clients, self.images, decoder)
        self.runner = runner_of(database, handlers={ErrandKind.DESCRIBE: handler})
        self.asked = 0

    def _client(self, key: str) -> ChatClient:
        url = f"{self.sandbox.url}/gemini"
        self.connections.append(Gemini(api_key=key, base_url=url, api_version="v1beta", slots=2))
        return ChatClient(self.connections[-1], model="gemini-3.8-flash", quotas=Quotas(key))

    def describe(self, data: bytes, media_type: str = "image/jpeg", *, language: str = "en") -> Errand:
        """Ask, and let the worker look at it once; returns the errand as it is then."""
        self.asked += 1
        key = keep_sent(self.images, ADA, self.asked, data)
        errand, _ = self.errands.submit(
            ErrandKind.DESCRIBE,
            {"picture": {"key": key, "media_type": media_type}},
            address=Address(BOT, ADA, self.asked),
            sender=Sender(ADA, language),
            writing=Writing(output_tokens=16),
        )
        self.runner.run()
        now = self.errands.read(errand.id)
        assert now is not None
        return now


@pytest.fixture
def gallery(worker_database: Database, sandbox: SandboxClient, tmp_path: Path, decoder: Decoder) -> Iterator[Gallery]:
    empty(worker_database)
    made = Gallery(worker_database, sandbox, tmp_path, decoder)
    yield made
    for connection in made.connections:
        connection.close()


class TestAPicture:
    def test_comes_to_four_prompts(self, gallery: Gallery, picture_file: Callable[..., bytes]) -> None:
        errand = gallery.describe(picture_file())

        assert errand.state is State.FINISHED
        assert errand.result is not None
        assert len({one["prompt"] for one in errand.result["prompts"]}) == PROMPTS
        assert errand.chat_model == "gemini-3.8-flash"
        assert errand.tokens_in

    def test_is_shown_with_the_form_of_the_answer(
        self, gallery: Gallery, sandbox: SandboxClient, picture_file: Callable[..., bytes]
    ) -> None:
        gallery.describe(picture_file(), language="pt-br")

        [asked] = [entry["body"] for entry in sandbox.journal("gemini")]
        assert [*asked["contents"][0]["parts"][0]] == ["inlineData"]
        assert '"pt-br"' in asked["systemInstruction"]["parts"][0]["text"]
        assert asked["generationConfig"]["responseMimeType"] == "application/json"

    def test_may_be_shown_to_a_model_that_takes_no_schema(
        self, gallery: Gallery, sandbox: SandboxClient, picture_file: Callable[..., bytes]
    ) -> None:
        answer = f"Here: ```json\n{json.dumps({'prompts': [{'title': 'Fox', 'prompt': 'a fox in the snow'}]})}\n```"
        sandbox.arm("gemini", path=STREAM, preset="bad-field", arguments={"field": "response_schema"})
        sandbox.arm("gemini", path=STREAM, preset="says", arguments={"text": answer})

        errand = gallery.describe(picture_file())

        assert errand.result == {"prompts": [{"title": "Fox", "prompt": "a fox in the snow"}]}

    @pytest.mark.parametrize(
        ("preset", "state", "reason"),
        [
            ("prompt-blocked", State.FAILED, "description_refused"),
            ("output-blocked", State.FAILED, "description_refused"),
            ("overloaded", State.WAITING, "gemini_busy"),
            ("per-minute-quota", State.WAITING, "gemini_busy"),
            ("bad-key", State.FAILED, "bad_credentials"),
        ],
    )
    def test_that_gemini_does_not_describe_ends_or_waits(
        self,
        gallery: Gallery,
        sandbox: SandboxClient,
        picture_file: Callable[..., bytes],
        preset: str,
        state: State,
        reason: str,
    ) -> None:
        sandbox.arm("gemini", path=STREAM, preset=preset)

        errand = gallery.describe(picture_file())

        assert (errand.state, errand.reason) == (state, reason)

    def test_whose_description_can_not_be_read_is_looked_at_again(
        self, gallery: Gallery, sandbox: SandboxClient, picture_file: Callable[..., bytes]
    ) -> None:
        sandbox.arm("gemini", path=STREAM, preset="says", arguments={"text": "What a lovely picture!"})

        errand = gallery.describe(picture_file())

        assert (errand.state, errand.reason) == (State.WAITING, "gemini_busy")

    def test_that_is_none_is_not_shown_to_anybody(self, gallery: Gallery, sandbox: SandboxClient) -> None:
        errand = gallery.describe(b"no picture")

        assert (errand.state, errand.reason) == (State.FAILED, "picture_unreadable")
        assert sandbox.journal("gemini") == []

    def test_is_described_on_the_askers_own_key(
        self, gallery: Gallery, sandbox: SandboxClient, picture_file: Callable[..., bytes]
    ) -> None:
        gallery.keys.put(
            ADA,
            GOOGLE,
            sealed=gallery.cipher.encrypt(ADAS_KEY).sealed,
            last_four=ADAS_KEY[-4:],
            bot_id=BOT,
            message_id=1,
            language="en",
        )

        gallery.describe(picture_file())

        assert {entry["headers"]["x-goog-api-key"] for entry in sandbox.journal("gemini")} == {mask(ADAS_KEY)}


class TestReadingPrompts:
    @given(st.text() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
    def test_never_falls_over_what_it_reads(self, text: str) -> None:
        assert read_prompts(text) == []

    @pytest.mark.parametrize(
        "form", ['{"prompts": %s}', "%s", '```json\n{"prompts": %s}\n```', 'Sure! {"prompts": %s} Enjoy.']
    )
    def test_takes_them_as_models_wrap_them(self, form: str) -> None:
        [one] = read_prompts(form % '[{"title": "Fox", "prompt": "a fox\\nin snow"}]')

        assert (one.title, one.prompt) == ("Fox", "a fox in snow")

    def test_leaves_out_what_is_no_prompt_or_comes_twice(self) -> None:
        listed = [
            {"title": "A", "prompt": "a fox"},
            {"title": "B", "prompt": "A fox"},
            {"title": "C", "prompt": "лиса в снегу"},
            {"title": "D"},
            "a wolf",
            {"prompt": "a very old wolf"},
        ]

        found = read_prompts(json.dumps({"prompts": listed}))

        assert [(one.title, one.prompt) for one in found] == [("A", "a fox"), ("a very old wolf", "a very old wolf")]

    def test_takes_no_more_than_fit_into_a_message(self) -> None:
        listed = [{"title": "long " * 30, "prompt": f"{number} 🦊 " + "fox " * 600} for number in range(9)]

        found = read_prompts(json.dumps({"prompts": listed}))

        assert len(found) == PROMPTS
        assert all(len(one.title) <= MAX_TITLE for one in found)
        assert all(len(one.prompt.encode("utf-16-le")) <= 2 * MAX_PROMPT for one in found)
