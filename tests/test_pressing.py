"""What was answered to a press, where a busy machine made the bot leave all words out."""

import pytest

from tests.end_to_end.pressing import says, warns

USUAL = {"answered": True, "show_alert": True, "text": "Deleted.", "after_s": 0.1}
WORDLESS = {"answered": True, "show_alert": False}


@pytest.mark.parametrize(
    ("answer", "is_meant"),
    [
        (USUAL, True),
        (USUAL | {"after_s": 9.0}, True),
        (WORDLESS | {"after_s": 3.1}, True),
        (WORDLESS | {"after_s": 2.9}, False),
        (WORDLESS | {"after_s": 3.1, "text": "Something else."}, False),
    ],
)
def test_words_are_missed_unless_it_was_late(answer: dict[str, object], is_meant: bool) -> None:
    assert says(answer, "Deleted.") is is_meant
    assert warns(answer) is is_meant
