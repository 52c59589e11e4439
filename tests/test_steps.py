"""What the pure functions that run for every picture may cost, in steps: see ``tests/steps.py``.

A bound is a quarter above what was counted when it was set: another Python counts a little otherwise.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from cryptography.fernet import Fernet
from google.genai import types

from services.bot.intake.key_redaction import redact_update
from services.bot.pictures.captions import write_caption
from services.bot.pictures.status import describe_progress, sentence
from services.worker.gemini.answers import read_answer
from services.worker.gemini.fallbacks import BLOCK_ONLY_HIGH, RequestPlan
from services.worker.gemini.postprocess import finish
from services.worker.gemini.prompt_request import PromptRequest, compose_request
from services.worker.images.metadata import write_recipe
from shared.catalogue import Catalogue
from shared.ideas import read_request
from shared.jobs import Image, Job, State
from shared.key_cipher import KeyCipher
from shared.search_terms import terms_of
from shared.store.fair_queue import let_in_at
from shared.store.turns import ALL, Standing, choose
from shared.styles import Styles
from tests.builders import BOT, FOX_RECIPE, RED_FOX, a_job
from tests.steps import steps_of

MODEL = "stabilityai/stable-diffusion-3-medium-diffusers"
CATALOGUE, STYLES, CIPHER = Catalogue(), Styles(), KeyCipher(Fernet.generate_key().decode())
QUESTION = PromptRequest("a red fox in deep snow", "prose", 200, takes_negative=True)
PERSON = {"id": 7, "is_bot": False, "first_name": "Ada", "language_code": "en"}
MESSAGE = {"message_id": 1, "date": 1, "from": PERSON, "chat": {"id": 7, "type": "private", "first_name": "Ada"}}
WORDS = "/imagine a red fox in deep snow"
COMMAND = {"offset": 0, "length": 8, "type": "bot_command"}
FOUND = json.dumps({"language": "en", "title": "Red Fox", "prompt": "a red fox in deep snow"})
ANSWER = {"candidates": [{"content": {"parts": [{"text": FOUND}]}, "finishReason": "STOP"}]}


def finished() -> Job:
    return a_job(state=State.FINISHED, prompt=RED_FOX, recipe=FOX_RECIPE, image_key="k", media_type="image/jpeg")


def an_update() -> None:
    redact_update({"update_id": 1, "message": {**MESSAGE, "text": WORDS, "entities": [COMMAND]}}, CIPHER, BOT)


def a_status() -> None:
    sentence(describe_progress(a_job(), datetime.now(UTC)), "en")


def an_answer() -> None:
    draft = read_answer(types.GenerateContentResponse.model_validate(ANSWER))
    finish(draft, QUESTION, model="gemini-3.8-flash")  # type: ignore[arg-type]


def a_request() -> None:
    read_request("a red fox in deep snow --ar 16:9 --style noir", CATALOGUE, STYLES, usual_model=MODEL)


HOT: list[tuple[str, Callable[[], object], int]] = [
    ("looking for keys in an update", an_update, 378),
    ("reading a request", a_request, 1207),
    ("saying how a picture stands", a_status, 64),
    ("deciding the fair order", lambda: choose(Standing(3.0, 2.0, 2.0), ALL), 18),
    ("letting in what was held", lambda: let_in_at(2.0, now=3.0, before=2.5, cost=1.0), 3),
    (
        "writing a question to Gemini",
        lambda: compose_request(QUESTION, RequestPlan("gemini-3.8-flash"), BLOCK_ONLY_HIGH),
        65,
    ),
    ("reading its answer", an_answer, 292),
    (
        "writing the recipe into a file",
        lambda: write_recipe(Image(b"\xff\xd8\xff\xdb", "image/jpeg", 8, 8), FOX_RECIPE),
        73,
    ),
    ("finding words to search by", lambda: terms_of(["a red fox in deep snow", "Red Fox"]), 235),
    ("writing a caption", lambda: write_caption(finished(), default_model=MODEL), 207),
]


@pytest.mark.parametrize(("act", "most"), [pytest.param(act, most, id=name) for name, act, most in HOT])
def test_takes_few_steps(act: Callable[[], object], most: int) -> None:
    assert steps_of(act) <= most


def test_more_work_takes_more_steps() -> None:
    one, ten = (steps_of(lambda count=count: terms_of(["fox"] * count)) for count in (1, 10))

    assert ten > one > 0
