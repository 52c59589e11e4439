"""Turns of chats, with a real record and Gemini's stand-in over HTTP: memory, streams and how they may end."""

import itertools
import json
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import obstore
import PIL.Image
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select, update

from sandbox.app import Sandbox
from sandbox.client import SandboxClient, mask
from services.bot.texts.locales import say
from services.worker.engine.user_keys import ClientPool, UserKeys
from services.worker.gemini.chat import ChatClient
from services.worker.gemini.client import Gemini
from services.worker.gemini.quotas import Quotas
from services.worker.jobs.chat import ChatJob
from shared.budgets import Budgets
from shared.errands import Errand, ErrandKind
from shared.images import Images
from shared.jobs import ENDED, Address, Sender, State, Writing
from shared.key_cipher import KeyCipher
from shared.queue_policy import QueuePolicy
from shared.redaction import GOOGLE
from shared.store import tables
from shared.store.circuits import Circuits
from shared.store.conversations import Conversations
from shared.store.database import Database
from shared.store.errands import Errands
from shared.store.keys import ACCEPTED, REFUSED, UNCHECKED, UNREADABLE, Keys
from shared.tickets import LocalTickets
from tests.builders import ALREADY_OVER, BOT, runner_of, turns_of

KEY = "AIza-sandbox-key"
ADAS_KEY = "AIzaSyADASadasADASadasADASadasADASadas"
ADA, BOB = 71, 72
MODEL = "gemini-3.5-flash"
SSE = {"content-type": "text/event-stream"}
BREAKS = 'data: {"candidates": [\r\n\r\n'


class Parlour:
    """A worker that runs the turns of chats, one at a time, and people who talk to it."""

    def __init__(self, database: Database, sandbox: Sandbox, folder: Path) -> None:
        self.database = database
        self.sandbox = SandboxClient(sandbox.url)
        self.errands = Errands(database)
        self.conversations = Conversations(database)
        self.images = Images(folder.as_uri())
        self.folder = folder
        self.connections: list[Gemini] = []
        self.keys = Keys(database)
        self.cipher = KeyCipher(Fernet.generate_key().decode())
        self.seconds = itertools.count()  # every look at the clock finds a second later
        self._messages = itertools.count(1)
        self.lend(owners=self._client(KEY))

    def lend(self, *, owners: ChatClient | None, policy: QueuePolicy | None = None, **memory: int) -> None:
        """Answer with this client whoever has no key of their own, and remember so much."""
        clients = ClientPool(UserKeys(self.keys, self.cipher), GOOGLE, owners, self._client)
        handler = ChatJob(
            self.errands,
            self.conversations,
            clients,
            self.images,
            clock=lambda: float(next(self.seconds)),
            policy=policy,
            **memory,
        )
        self.tickets = LocalTickets()
        self.runner = runner_of(self.database, handlers={ErrandKind.CHAT: handler}, tickets=self.tickets)

    def remember_little(self) -> None:
        """Sum a conversation up as soon as it has some sentences."""
        self.lend(owners=self._client(KEY), history_tokens=300, kept_tokens=100)

    def _client(self, key: str) -> ChatClient:
        base_url = f"{self.sandbox.url}/gemini"
        self.connections.append(Gemini(api_key=key, base_url=base_url, api_version="v1beta", slots=4))
        return ChatClient(self.connections[-1], model=MODEL, quotas=Quotas(key, Circuits(self.database)))

    def bring(self, key: str, *, person: int) -> None:
        """Keep a person's own key, which Google was found to know."""
        self.keys.put(
            person,
            GOOGLE,
            sealed=self.cipher.encrypt(key).sealed,
            last_four=key[-4:],
            bot_id=BOT,
            message_id=1,
            language="en",
        )
        self.keys.settle(self.keys.of(person)[GOOGLE], ACCEPTED)

    def ask(
        self, text: str, *, chat: int = 7, person: int | None = None, writing: Writing | None = None, **question: Any
    ) -> Errand:
        errand, _ = self.errands.submit(
            ErrandKind.CHAT,
            {"text": text, "attachments": [], "reply_to": None} | question,
            address=Address(BOT, chat, next(self._messages)),
            sender=Sender(person or chat),
            writing=writing,
            conversation_id=self.conversations.of(BOT, chat).id,
        )
        return errand

    def paid_beside_answers(self) -> list[int]:
        """Tokens that the owner paid for beside question and answer, by errand."""
        errands = tables.errands.c
        beside = errands.owner_tokens - errands.tokens_in - errands.tokens_out
        with self.database.reading() as connection:
            return list(connection.scalars(select(beside).order_by(errands.id)))

    def run_all(self) -> None:
        self.runner.run()
        while self.tickets.take(0):
            self.runner.run()

    def say(self, text: str, **asked: Any) -> Errand:
        """Ask, and let the worker run until nothing is left that may begin."""
        errand = self.ask(text, **asked)
        self.run_all()
        return self.read(errand)

    def say_until_over(self, text: str, **asked: Any) -> Errand:
        """Ask, and let every wait be over at once."""
        errand = self.say(text, **asked)
        for _ in range(10):
            if errand.state in ENDED:
                return errand
            with self.database.writing() as connection:
                connection.execute(update(tables.errands).values(not_before=tables.errands.c.created_at))
            self.run_all()
            errand = self.read(errand)
        raise AssertionError("the turn does not end")

    def keep(self, name: str, data: bytes, media_type: str) -> dict[str, str]:
        """Keep a file as the bot does, and tell where."""
        obstore.put(obstore.store.LocalStore(self.folder), name, data)
        return {"key": name, "media_type": media_type, "name": name}

    def read(self, errand: Errand) -> Errand:
        now = self.errands.read(errand.id)
        assert now is not None
        return now

    def fail(self, preset: str, **fault: Any) -> None:
        self.sandbox.arm("gemini", preset=preset, **fault)

    @property
    def paid_by(self) -> list[str]:
        """Whose key each call was made on, in order; masked."""
        return [entry["headers"]["x-goog-api-key"] for entry in self.sandbox.journal("gemini")]

    @property
    def questions(self) -> list[dict[str, Any]]:
        return [entry["body"] for entry in self.sandbox.journal("gemini")]


def _said(text: str, end: str) -> str:
    """A piece of a stream that says it is the last."""
    return _said_in([{"text": text}], end)


def _said_in(parts: list[dict[str, Any]], end: str) -> str:
    """The only piece of a stream, with these parts."""
    candidate = {"content": {"parts": parts, "role": "model"}, "finishReason": end, "index": 0}
    return f"data: {json.dumps({'candidates': [candidate]})}\r\n\r\n"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def parlour(database: Database, sandbox: Sandbox, tmp_path: Path) -> Iterator[Parlour]:
    parlour = Parlour(database, sandbox, tmp_path / "images")
    with parlour.sandbox:
        parlour.sandbox.clear_faults()
        parlour.sandbox.clear_journal()
        yield parlour
    for connection in parlour.connections:
        connection.close()


class TestMemory:
    def test_what_was_said_is_remembered(self, parlour: Parlour) -> None:
        parlour.say("my name is Ada")

        answer = parlour.say("what is my name?")

        assert (answer.state, answer.answer) == (State.FINISHED, "Your name is **Ada**.")
        assert answer.chat_model == MODEL
        assert answer.tokens_in
        assert answer.tokens_out

    def test_two_people_are_never_mixed(self, parlour: Parlour) -> None:
        parlour.say("my name is Ada", chat=1)
        parlour.say("my name is Bob", chat=2)

        assert parlour.say("what is my name?", chat=1).answer == "Your name is **Ada**."
        assert parlour.say("what is my name?", chat=2).answer == "Your name is **Bob**."
        assert "haven't told me" in (parlour.say("what is my name?", chat=3).answer or "")

    def test_a_new_start_forgets(self, parlour: Parlour) -> None:
        parlour.say("my name is Ada")
        parlour.conversations.start_over(parlour.conversations.of(BOT, 7).id)

        assert "haven't told me" in (parlour.say("what is my name?").answer or "")

    def test_a_refused_turn_stays_out_of_it(self, parlour: Parlour) -> None:
        parlour.fail("prompt-blocked")
        refused = parlour.say("something forbidden")
        assert (refused.state, refused.reason) == (State.FAILED, "answer_refused")

        assert parlour.say("what did I say?").answer == "This is the first thing you said to me."

    def test_a_conversation_that_grew_is_summed_up(self, parlour: Parlour) -> None:
        parlour.remember_little()
        parlour.say("my name is Ada")
        parlour.say("echo: " + "the first words of all " * 60)
        parlour.say("echo: the last words")

        answer = parlour.say("what is my name?")

        assert answer.answer == "Your name is **Ada**."
        asked = parlour.questions[-1]
        assert parlour.conversations.of(BOT, 7).summary
        first, _, with_summary, _ = parlour.paid_beside_answers()
        assert with_summary > first
        assert "the last words" in str(asked["contents"])
        assert "the first words of all" not in str(asked["contents"])

    def test_where_summing_up_fails_the_oldest_are_left_out_this_time(self, parlour: Parlour) -> None:
        parlour.remember_little()
        parlour.say("echo: " + "the first words of all " * 60)
        parlour.fail("overloaded", path=":generateContent")

        answer = parlour.say("hello")

        assert answer.state is State.FINISHED
        assert parlour.conversations.of(BOT, 7).summary is None
        assert "the first words of all" not in str(parlour.questions[-1]["contents"])


class TestStream:
    def test_the_answer_is_written_down_while_it_is_said(
        self, parlour: Parlour, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        said: list[str] = []
        say_more = parlour.errands.say_more
        monkeypatch.setattr(
            parlour.errands, "say_more", lambda errand, text: said.append(text) or say_more(errand, text)
        )

        answer = parlour.say("echo: " + "word " * 100).answer or ""

        assert len(said) > 2
        assert all(answer.startswith(part) for part in said)

    def test_it_is_written_down_seldom(self, parlour: Parlour, monkeypatch: pytest.MonkeyPatch) -> None:
        said: list[str] = []
        parlour.seconds = itertools.repeat(5)  # type: ignore[assignment]  # The clock stands still.
        monkeypatch.setattr(parlour.errands, "say_more", lambda _, text: bool(said.append(text)))

        parlour.say("echo: " + "word " * 100)

        assert len(said) == 1

    def test_who_asks_to_stop_keeps_what_was_said(self, parlour: Parlour, monkeypatch: pytest.MonkeyPatch) -> None:
        say_more = parlour.errands.say_more

        def stop(errand: Errand, text: str) -> bool:
            parlour.errands.ask_to_stop(errand.id)
            return say_more(errand, text)

        monkeypatch.setattr(parlour.errands, "say_more", stop)

        stopped = parlour.say("echo: " + "word " * 100)

        assert (stopped.state, stopped.stop_asked, stopped.result) == (State.FINISHED, True, {"end": "stopped"})
        assert 0 < len(stopped.answer or "") < 100

    @pytest.mark.parametrize("preset", ["stream-breaks-with-error", "stream-garbles", "overloaded"])
    def test_a_stream_that_breaks_is_begun_again(self, parlour: Parlour, preset: str) -> None:
        parlour.fail(preset)

        waiting = parlour.say("echo: all of it")
        assert (waiting.state, waiting.failures) == (State.WAITING, 1)

        answer = parlour.say_until_over("hello again")
        first = parlour.read(waiting)
        assert (first.state, first.answer) == (State.FINISHED, "all of it")
        assert answer.state is State.FINISHED

    def test_a_stream_that_names_no_end_is_asked_for_once_more(self, parlour: Parlour) -> None:
        parlour.fail("stream-ends-early")

        ended = parlour.say("echo: all of it")

        assert (ended.answer, ended.result) == ("all of it", {"end": "whole"})
        assert len(parlour.questions) == 2

    def test_where_no_stream_names_its_end_what_it_said_is_the_answer(self, parlour: Parlour) -> None:
        pieces = [("The capital ", None), ("is Paris.", None)]
        parlour.fail("stream-of-pieces", arguments={"pieces": pieces}, times=None)

        ended = parlour.say("What is the capital of France?")

        assert (ended.answer, ended.result) == ("The capital is Paris.", {"end": "cut"})
        assert len(parlour.questions) == 2

    def test_a_stream_that_closes_without_a_word_is_none(self, parlour: Parlour) -> None:
        parlour.fail("stream-of-pieces", arguments={"pieces": [("", None)]}, times=None)

        ended = parlour.say_until_over("What is the capital of France?")

        assert (ended.state, ended.reason) == (State.FAILED, "gemini_unreachable")

    def test_a_dropped_connection_is_tried_again(self, parlour: Parlour) -> None:
        parlour.sandbox.arm("gemini", drop="before")

        assert parlour.say_until_over("echo: all of it").answer == "all of it"

    def test_a_service_that_stays_away_is_given_up_with_its_reason(self, parlour: Parlour) -> None:
        parlour.fail("overloaded", times=None)

        ended = parlour.say_until_over("hello")

        assert (ended.state, ended.reason) == (State.FAILED, "gemini_busy")

    @pytest.mark.parametrize(
        "pieces",
        [
            [("The capital ", "STOP"), ("is ", "STOP"), ("Paris.", "STOP")],
            [("", "STOP"), ("", "STOP"), ("The capital is Paris.", None), ("", "STOP")],
            [("The capital is Paris.", "STOP"), ("", None)],
            [("The capital ", "MAX_TOKENS"), ("is Paris.", "STOP")],
        ],
        ids=["an end in each piece", "empty ends before the text", "the end before the last", "the last end counts"],
    )
    def test_an_answer_ends_with_its_stream(self, parlour: Parlour, pieces: list[tuple[str, str | None]]) -> None:
        parlour.fail("stream-of-pieces", arguments={"pieces": pieces})

        ended = parlour.say("What is the capital of France?")

        assert (ended.answer, ended.result) == ("The capital is Paris.", {"end": "whole"})
        assert len(parlour.questions) == 1

    def test_what_breaks_after_the_end_takes_nothing_away(self, parlour: Parlour) -> None:
        parlour.sandbox.arm("gemini", status=200, headers=SSE, reply=_said("Paris.", "STOP") + BREAKS)

        assert parlour.say("What is the capital?").answer == "Paris."

    def test_where_each_piece_says_that_it_is_the_last_a_break_is_one(self, parlour: Parlour) -> None:
        said = _said("The capital ", "STOP") + _said("is ", "STOP")
        parlour.sandbox.arm("gemini", status=200, headers=SSE, reply=said + BREAKS)

        assert parlour.say("What is the capital?").state is State.WAITING

    def test_a_reason_that_is_unspecified_beside_an_answer_blocks_nothing(self, parlour: Parlour) -> None:
        piece = json.loads(_said("Paris.", "STOP").removeprefix("data: "))
        piece |= {"promptFeedback": {"blockReason": "BLOCKED_REASON_UNSPECIFIED"}}
        parlour.sandbox.arm("gemini", status=200, headers=SSE, reply=f"data: {json.dumps(piece)}\r\n\r\n")

        assert parlour.say("What is the capital?").answer == "Paris."

    def test_an_answer_that_is_blocked_midway_is_refused(self, parlour: Parlour) -> None:
        parlour.fail("output-blocked", arguments={"text": "Once upon"})

        ended = parlour.say("hello")

        assert (ended.state, ended.reason) == (State.FAILED, "answer_refused")

    @pytest.mark.parametrize("end", ["MAX_TOKENS", "CONTINUATION"])
    def test_an_answer_that_is_cut_says_so(self, parlour: Parlour, end: str) -> None:
        parlour.fail("says", arguments={"text": "Once upon", "finish_reason": end})

        ended = parlour.say("hello")

        assert (ended.answer, ended.result) == ("Once upon", {"end": "cut"})

    def test_thoughts_that_eat_the_answer_get_more_room(self, parlour: Parlour) -> None:
        parlour.fail("thinking-ate-the-budget")

        assert parlour.say("echo: here it is").answer == "here it is"
        rooms = [question["generationConfig"]["maxOutputTokens"] for question in parlour.questions]
        assert rooms[0] < rooms[1]

    def test_no_answer_is_longer_than_was_wished(self, parlour: Parlour) -> None:
        ended = parlour.say("echo: " + "word " * 400, writing=Writing(output_tokens=100))

        assert ended.result == {"end": "cut"}
        assert 100 * 4 <= len(ended.answer or "") < 130 * 4


class TestPictures:
    @pytest.mark.parametrize(
        ("text", "idea"),
        [
            ("draw me a cat", "a cat"),
            ("Desenhe uma raposa na neve", "uma raposa na neve"),
            ("zeichne mir einen Leuchtturm", "einen Leuchtturm"),
            ("нарисуй мне кота", "кота"),
            ("画一只猫", "一只猫"),
        ],
    )
    def test_what_is_to_be_drawn_is_on_record_with_the_answer(self, parlour: Parlour, text: str, idea: str) -> None:
        errand = parlour.say(text)

        assert (errand.state, errand.answer) == (State.FINISHED, "")
        assert errand.result == {"end": "whole", "drawing": {"idea": idea, "wished": True}}

    def test_how_many_and_how_wide_come_along(self, parlour: Parlour) -> None:
        call = {"name": "create_picture", "args": {"idea": " a\ncat ", "count": 20, "ratio": "16:9"}}
        parlour.sandbox.arm("gemini", status=200, headers=SSE, reply=_said_in([{"functionCall": call}], "STOP"))

        drawing = {"idea": "a cat", "wished": True, "count": 10, "ratio": [16, 9]}
        assert parlour.say("hello").result == {"end": "whole", "drawing": drawing}

    @pytest.mark.parametrize(
        "call", [{"name": "rm", "args": {"idea": "a cat"}}, {"name": "create_picture", "args": {"idea": " "}}]
    )
    def test_a_call_that_makes_no_sense_is_an_empty_answer(self, parlour: Parlour, call: dict[str, Any]) -> None:
        parlour.sandbox.arm("gemini", status=200, headers=SSE, reply=_said_in([{"functionCall": call}], "STOP"))

        errand = parlour.say("hello")

        assert (errand.state, errand.result) == (State.WAITING, None)

    def test_one_is_remembered_in_the_next_turn(self, parlour: Parlour) -> None:
        parlour.say("draw me a cat")
        parlour.say("what did I ask?")

        told = parlour.questions[-1]["contents"][1]
        assert told == {"role": "model", "parts": [{"text": "<created_picture>\na cat\n</created_picture>"}]}

    def test_one_that_was_stopped_before_it_was_ordered_is_none(
        self, parlour: Parlour, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(parlour.errands, "is_to_stop", lambda _: True)

        errand = parlour.say("draw me a cat")

        assert (errand.state, errand.result) == (State.CANCELLED, None)

    def test_an_answer_that_shows_one_offers_it_and_hides_the_mark_while_it_grows(
        self, parlour: Parlour, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        said: list[str] = []
        monkeypatch.setattr(parlour.errands, "say_more", lambda _, text: bool(said.append(text)))
        subject = "an old lighthouse on a cliff above a stormy sea in the evening"

        errand = parlour.say(f"describe {subject}")

        assert errand.result == {"end": "whole", "drawing": {"idea": subject, "wished": False}}
        assert errand.answer
        assert len(said) > 1
        assert not any("<" in one for one in [errand.answer, *said])

    def test_small_talk_offers_none(self, parlour: Parlour) -> None:
        assert parlour.say("hello").result == {"end": "whole"}

    def test_a_model_that_calls_no_functions_is_told_to_say_how(self, parlour: Parlour) -> None:
        parlour.fail("bad-argument", arguments={"message": "Function calling is not enabled for models/gemma-3-12b-it"})

        errand = parlour.say("draw me a cat")

        assert errand.answer
        [refused, asked] = parlour.questions
        assert "tools" in refused
        assert "tools" not in asked
        assert "/imagine" in asked["systemInstruction"]["parts"][0]["text"]


class TestModels:
    def test_what_the_person_chose_is_sent(self, parlour: Parlour) -> None:
        chosen = Writing(model="gemini-3.5-flash-lite", temperature=0.3, top_p=0.5, top_k=7)

        assert parlour.say("hello", writing=chosen).chat_model == "gemini-3.5-flash-lite"
        config = parlour.questions[-1]["generationConfig"]
        assert (config["temperature"], config["topP"], config["topK"]) == (0.3, 0.5, 7)

    def test_a_retired_model_is_succeeded(self, parlour: Parlour) -> None:
        ended = parlour.say("hello", writing=Writing(model="gemini-2.0-flash"))

        assert ended.state is State.FINISHED
        assert ended.chat_model not in {None, "gemini-2.0-flash"}

    def test_another_model_answers_when_the_quota_of_the_day_is_used_up(self, parlour: Parlour) -> None:
        parlour.fail("per-day-quota", path=MODEL, times=None)

        ended = parlour.say("echo: still here")

        assert (ended.answer, ended.state) == ("still here", State.FINISHED)
        assert ended.chat_model != MODEL

    def test_a_model_that_is_used_up_is_not_asked_first_each_time(self, parlour: Parlour) -> None:
        parlour.fail("per-day-quota", path=MODEL, times=None)

        parlour.say("echo: once")
        parlour.say("echo: twice")

        asked = [re.search(r"models/([^:]+):", entry["path"])[1] for entry in parlour.sandbox.journal("gemini")]
        assert asked.count(MODEL) == 1
        assert len(asked) == 3

    def test_a_quota_that_is_used_up_everywhere_is_told(self, parlour: Parlour) -> None:
        parlour.fail("per-day-quota", times=None)

        assert parlour.say("hello").reason == "quota_exhausted"

    @pytest.mark.parametrize(
        ("preset", "reason"),
        [
            ("bad-key", "bad_credentials"),
            ("no-credit", "gemini_no_credit"),
            ("spending-cap", "gemini_no_credit"),
            ("country", "gemini_location"),
            ("policy", "gemini_denied"),
            ("edge-403", "gemini_denied"),
        ],
    )
    def test_what_lasts_is_told_at_once(self, parlour: Parlour, preset: str, reason: str) -> None:
        parlour.fail(preset)

        ended = parlour.say("hello")

        assert (ended.state, ended.reason) == (State.FAILED, reason)
        assert "Gemini" in say(reason, "en") or reason == "bad_credentials"
        assert len(parlour.questions) == 1


class TestWhoseKeyPays:
    def test_it_is_the_askers_own_in_a_group_too(self, parlour: Parlour) -> None:
        parlour.bring(ADAS_KEY, person=ADA)

        parlour.say("hello", chat=-9, person=ADA)
        parlour.say("hello", chat=-9, person=BOB)
        parlour.say("hello again", chat=-9, person=ADA)

        assert parlour.paid_by == [mask(ADAS_KEY), mask(KEY), mask(ADAS_KEY)]

    def test_the_same_one_sums_up(self, parlour: Parlour) -> None:
        parlour.remember_little()
        parlour.bring(ADAS_KEY, person=ADA)
        parlour.say("echo: " + "the first words of all " * 60, chat=ADA)

        parlour.say("hello", chat=ADA)

        assert parlour.conversations.of(BOT, ADA).summary
        assert parlour.paid_by == [mask(ADAS_KEY)] * 3

    def test_one_that_is_refused_is_told_and_not_replaced_by_the_owners(self, parlour: Parlour) -> None:
        parlour.bring(ADAS_KEY, person=ADA)
        parlour.fail("bad-key")

        ended = parlour.say("hello", chat=ADA)

        assert (ended.state, ended.reason) == (State.FAILED, "own_key_refused")
        assert parlour.paid_by == [mask(ADAS_KEY)]
        assert parlour.keys.of(ADA)[GOOGLE].state == REFUSED

    @pytest.mark.parametrize(
        ("preset", "reason"),
        [
            ("no-credit", "own_key_no_credit"),
            ("billing", "own_key_no_credit"),
            ("country", "gemini_location"),
            ("policy", "gemini_denied"),
            ("edge-403", "gemini_denied"),
        ],
    )
    def test_one_that_is_good_is_kept_whatever_else_fails(self, parlour: Parlour, preset: str, reason: str) -> None:
        parlour.bring(ADAS_KEY, person=ADA)
        parlour.fail(preset)

        assert parlour.say("hello", chat=ADA).reason == reason
        assert parlour.keys.of(ADA)[GOOGLE].state == ACCEPTED
        assert parlour.say("hello", chat=ADA).state is State.FINISHED

    def test_after_that_nobody_else_pays_until_the_person_has_taken_it_away(self, parlour: Parlour) -> None:
        parlour.bring(ADAS_KEY, person=ADA)
        parlour.keys.settle(parlour.keys.of(ADA)[GOOGLE], REFUSED)

        assert parlour.say("hello", chat=ADA).reason == "own_key_refused"
        assert parlour.paid_by == []

        parlour.keys.remove(ADA, GOOGLE)
        assert parlour.say("hello", chat=ADA).state is State.FINISHED
        assert parlour.paid_by == [mask(KEY)]

    def test_a_key_that_no_secret_of_ours_opens_is_kept_and_not_passed_over(self, parlour: Parlour) -> None:
        """Who put the secret back, for instance from a backup, has people's keys again."""
        parlour.keys.put(
            ADA,
            GOOGLE,
            sealed=KeyCipher(Fernet.generate_key().decode()).encrypt(ADAS_KEY).sealed,
            last_four="aaaa",
            bot_id=BOT,
            message_id=1,
            language="en",
        )

        assert parlour.say("hello", chat=ADA).reason == "own_key_unreadable"
        assert parlour.paid_by == []
        assert parlour.keys.of(ADA)[GOOGLE].sealed
        assert parlour.keys.of(ADA)[GOOGLE].state == UNREADABLE

        parlour.keys.replace_sealed(parlour.keys.of(ADA)[GOOGLE], parlour.cipher.encrypt(ADAS_KEY).sealed)
        assert parlour.say("hello", chat=ADA).state is State.FINISHED
        assert parlour.paid_by == [mask(ADAS_KEY)]
        assert parlour.keys.of(ADA)[GOOGLE].state == UNCHECKED

    def test_without_a_key_of_the_owners_people_are_asked_for_theirs(self, parlour: Parlour) -> None:
        parlour.lend(owners=None)
        parlour.bring(ADAS_KEY, person=ADA)

        assert parlour.say("hello", chat=BOB).reason == "key_needed"
        assert parlour.say("hello", chat=ADA).state is State.FINISHED
        assert parlour.paid_by == [mask(ADAS_KEY)]


class TestFiles:
    def test_a_photo_is_looked_at_and_asked_about_again(self, parlour: Parlour) -> None:
        photo = BytesIO()
        PIL.Image.new("RGB", (64, 48), "red").save(photo, "JPEG")
        sent = parlour.keep("red.jpg", photo.getvalue(), "image/jpeg")

        assert "I see a JPEG picture of 64×48" in (parlour.say("what is this?", attachments=[sent]).answer or "")

        parlour.say("and who painted it?")
        first = parlour.questions[-1]["contents"][0]["parts"]
        assert any("inlineData" in part for part in first)

    def test_a_text_file_is_read_as_text(self, parlour: Parlour) -> None:
        sent = parlour.keep("names.txt", "my name is Ada".encode("utf-8-sig"), "text/plain")

        assert parlour.say("what is my name?", attachments=[sent]).answer == "Your name is **Ada**."

    @pytest.mark.parametrize(
        ("text", "encoding"),
        [("рыжая лиса", "utf-16"), ("рыжая лиса", "utf-16-le"), ("рыжая лиса", "cp1251"), ("雪中的红狐狸", "gbk")],
    )
    def test_a_text_file_is_read_as_it_was_written(self, parlour: Parlour, text: str, encoding: str) -> None:
        sent = parlour.keep("a.txt", f"{text}\r\n".encode(encoding), "text/plain")

        assert parlour.say("read this", attachments=[sent]).state is State.FINISHED
        assert text in str(parlour.questions[0])

    def test_a_text_file_that_nobody_can_decode_is_told(self, parlour: Parlour) -> None:
        sent = parlour.keep("a.txt", b"\xb2\xa6\xac\xff" * 10, "text/plain")

        assert parlour.say("read this", attachments=[sent]).reason == "file_not_understood"

    @pytest.mark.parametrize(
        ("size", "media_type", "reason"),
        [
            (20_000_000, "application/pdf", "file_too_large"),
            (1_000_000, "text/plain", "file_too_large"),
            (10, "application/zip", "file_not_understood"),
        ],
    )
    def test_what_gemini_cannot_read_is_told(self, parlour: Parlour, size: int, media_type: str, reason: str) -> None:
        sent = parlour.keep("file", b"x" * size, media_type)

        assert parlour.say("read this", attachments=[sent]).reason == reason
        assert parlour.questions == []

    @pytest.mark.parametrize(
        ("message", "reason"),
        [
            ("The document has no pages.", "file_refused"),
            ("The document contains 1412 pages which exceeds the supported page limit of 1000.", "file_refused"),
            ("Unable to process input image. Please retry or report it.", "file_refused"),
            ("Unsupported MIME type: audio/ogg", "file_refused"),
            (
                "The input token count (1204382) exceeds the maximum number of tokens allowed (1048576).",
                "file_too_large",
            ),
        ],
    )
    def test_what_gemini_refuses_is_told_as_a_file(self, parlour: Parlour, message: str, reason: str) -> None:
        parlour.fail("bad-file", arguments={"message": message})
        sent = parlour.keep("book.pdf", b"%PDF-1.4", "application/pdf")

        assert parlour.say("read this", attachments=[sent]).reason == reason
        assert parlour.say("hello again").state is State.FINISHED

    def test_a_file_that_is_gone_is_told(self, parlour: Parlour) -> None:
        gone = {"key": "gone.jpg", "media_type": "image/jpeg", "name": "gone.jpg"}

        assert parlour.say("look", attachments=[gone]).reason == "file_not_understood"


class TestDeath:
    def test_who_takes_over_begins_anew(self, parlour: Parlour) -> None:
        errand = parlour.ask("echo: the whole of it")
        dead = turns_of(parlour.database, lease=ALREADY_OVER)
        claimed = dead.claim_next("dead")
        assert isinstance(claimed, Errand)
        parlour.errands.say_more(claimed, "half of")

        dead.sweep(most_due=1)
        parlour.runner.run()

        assert parlour.read(errand).answer == "the whole of it"

    def test_what_was_stopped_while_its_worker_was_dead_keeps_what_was_said(self, parlour: Parlour) -> None:
        errand = parlour.ask("echo: the whole of it")
        dead = turns_of(parlour.database, lease=ALREADY_OVER)
        claimed = dead.claim_next("dead")
        assert isinstance(claimed, Errand)
        parlour.errands.say_more(claimed, "half of")
        parlour.errands.ask_to_stop(errand.id)

        dead.sweep(most_due=1)
        parlour.runner.run()

        assert (parlour.read(errand).answer, parlour.questions) == ("half of", [])


class TestWhatItCosts:
    def test_is_on_record_where_the_owner_pays(self, parlour: Parlour) -> None:
        parlour.bring(ADAS_KEY, person=ADA)
        parlour.say("Hello!", person=BOB)
        parlour.say("Hello!", person=ADA)

        with parlour.database.reading() as connection:
            errands = tables.errands.c
            rows = connection.execute(select(errands.owner_tokens, errands.cost).order_by(errands.id)).all()
        assert rows[0].owner_tokens > 0
        assert rows[0].cost > 0
        assert tuple(rows[1]) == (0, 0)

    def test_is_not_spent_where_the_tokens_of_the_day_were_used_up_meanwhile(self, parlour: Parlour) -> None:
        parlour.errands = Errands(parlour.database, QueuePolicy(budgets=Budgets(tokens_a_day=1)))
        parlour.lend(owners=parlour._client(KEY))
        first, second = (parlour.ask("Hello!", person=BOB) for _ in range(2))

        parlour.run_all()

        assert parlour.read(first).state is State.FINISHED
        assert parlour.read(second).reason == "budget_tokens"

    def test_is_bounded_by_the_models_and_the_length_that_the_owner_allows(self, parlour: Parlour) -> None:
        policy = QueuePolicy(budgets=Budgets(chat_models=frozenset({MODEL}), output_tokens=100))
        parlour.lend(owners=parlour._client(KEY), policy=policy)
        parlour.bring(ADAS_KEY, person=ADA)
        dear = Writing(model="gemini-3.1-pro-preview", output_tokens=4_000)

        on_owners, on_own = (parlour.say("Hello!", person=person, writing=dear) for person in (BOB, ADA))

        assert (on_owners.chat_model, on_own.chat_model) == (MODEL, "gemini-3.1-pro-preview")
