"""The sheets from which styles and models are picked."""

from pathlib import Path

from shared.images import Images
from shared.samples import SampleKind, Sheet
from shared.sheets import Sheets

BOT, OTHER_BOT = 42, 43
STYLES = Sheet(SampleKind.STYLE, "samples/style-1.jpg", ("oil", "noir"))


def test_one_is_known_with_the_file_that_this_bot_has_sent_of_it(tmp_path: Path) -> None:
    sheets = Sheets(Images(tmp_path.as_uri()))
    sheets.put(STYLES)
    sheets.keep_file(STYLES, BOT, "file-1")

    known, to_another = sheets.read(SampleKind.STYLE, BOT), sheets.read(SampleKind.STYLE, OTHER_BOT)

    assert known == Sheet(SampleKind.STYLE, STYLES.key, STYLES.names, "file-1")
    assert to_another == STYLES
    assert sheets.read(SampleKind.IMAGE_MODEL, BOT) is None


def test_a_new_one_takes_the_place_of_the_old_one_and_of_its_file(tmp_path: Path) -> None:
    sheets = Sheets(Images(tmp_path.as_uri()))
    newer = Sheet(SampleKind.STYLE, "samples/style-2.jpg", ("ink", "oil", "noir"))
    sheets.put(STYLES)
    sheets.put(newer)
    sheets.keep_file(STYLES, BOT, "file-1")

    assert sheets.read(SampleKind.STYLE, BOT) == newer
