"""Each row of docs/upstreams.md is what its situation comes to; ``make upstreams`` writes the page anew."""

from collections.abc import Iterator

import pytest

from sandbox.gemini.replies import PRESETS as GEMINI
from sandbox.huggingface.replies import PRESETS as HUGGINGFACE
from tests.upstreams.page import PAGE, page, row
from tests.upstreams.situations import SECTIONS, Situation
from tests.upstreams.trials import Trials, trials

SITUATIONS = [one for situations in SECTIONS.values() for one in situations]


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trials]:
    with trials(tmp_path_factory.mktemp("trials")) as made:
        yield made


def written() -> dict[str, str]:
    """The page's rows, by what comes."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    return {line.split(" | ")[0].removeprefix("| "): line for line in lines if line.startswith("| ")}


@pytest.mark.filterwarnings("ignore:.*is not a valid FinishReason")  # The SDK says so of ends that it doesn't know.
@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.what)
def test_the_page_tells_what_happens(held: Trials, situation: Situation) -> None:
    assert row(held, situation) == written()[situation.what]


def test_the_page_tells_of_nothing_else() -> None:
    assert page(written()) == PAGE.read_text(encoding="utf-8")


def test_each_situation_has_a_name_of_its_own() -> None:
    assert len({situation.what for situation in SITUATIONS}) == len(SITUATIONS)


def test_every_way_in_which_the_stand_ins_can_refuse_is_tried() -> None:
    armed = {form.get("preset") for situation in SITUATIONS for form in situation.forms}

    streams = {name for name in GEMINI if name.startswith("stream-")}  # of chats alone
    assert {*GEMINI, *HUGGINGFACE} - armed == streams
