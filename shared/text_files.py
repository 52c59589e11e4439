"""Reads text files as people's programs write them: which encoding it is, and what it says. Pure.

Excel and Notepad write what Windows calls ANSI, another one in each country, and nothing in the file says which. Every
one that can be it is tried, and the text judged by its letters: those of one language stand together, and the wrong
encoding shows letters that hardly anybody uses.
"""

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass

DAMAGED = "\ufffd"  # stands for bytes that are no letter
SAMPLE_BYTES = 20_000  # of a file, by which its encoding is told
LEAST_SOUND = 3  # letters beyond ASCII in UTF-8 for each place that is damaged
LEAST = 0.55  # of the letters beyond ASCII have to be likely ones
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark its own begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WORD = re.compile(r"[^\W\d_]+")
_SIGN_IN_WORD = re.compile(r"(?<=[^\W\d_])[^\x00-\x7f\w’‘'–—、，]+(?=[^\W\d_])")
_ALONE = frozenset("àéèóòöå")  # words of one letter in French, Portuguese, Spanish, Italian and Swedish
_WEST = frozenset("äöüßéèêëàâçñáíìîïóòôúùûãõåæøœ")
_EAST = frozenset("ąćęłńóśźżáčďéěíňřšťúůýžäöüőűßâîășțşţđôĺŕľ")
_USUAL_CYRILLIC, _CYRILLIC = frozenset("оеаинтсрвлкмдпуя"), frozenset("зыьбгчйхжшюцщэфъёіїєґў")
_ARABIC = frozenset("ابتثجحخدذرزسشصضطظعغفقكلمنهويةىءآأإؤئـپچگ،؟؛")
_SIGNS = frozenset("“”„‘’‚«»–—…°€£§©®™·•¿¡№ªº、。，！？：；（）「」『』《》【】～　")


@dataclass(frozen=True, slots=True)
class Text:
    """What a file says; ``DAMAGED`` stands in it where a few bytes of one in UTF-8 are none.

    Attributes:
        guessed: The encoding, where nothing in the file says it.
    """

    text: str
    guessed: str | None = None


def read_text(content: bytes) -> Text | None:
    """Decode a file; None where it is no text, or nobody can tell how its letters are written."""
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return _decoded(content, encoding) or (_damaged(content) if mark == codecs.BOM_UTF8 else None)
    if unmarked := _utf_16_without_mark(content):
        return _decoded(content, unmarked)
    return _decoded(content, "utf-8") or _damaged(content) or _guess(content)


def may_be_text(content: bytes) -> bool:
    """Whether a file looks like one: only UTF-16 and UTF-32 have bytes of zero."""
    marked = any(content.startswith(mark) for mark, _ in _BOMS)
    return marked or b"\0" not in content or _utf_16_without_mark(content) is not None


def _decoded(content: bytes, encoding: str, *, guessed: bool = False) -> Text | None:
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        return None
    return Text(text.removeprefix("\ufeff"), encoding if guessed else None)


def _damaged(content: bytes) -> Text | None:
    """A file in UTF-8 but for a few bytes: its other letters beyond ASCII can't be anything else."""
    text = content.decode("utf-8", "replace").removeprefix("\ufeff")
    damaged = text.count(DAMAGED)
    sound = sum(not letter.isascii() for letter in text) - damaged
    return Text(text) if sound >= LEAST_SOUND * damaged else None


def _utf_16_without_mark(content: bytes) -> str | None:
    """Spaces and line ends have a zero, and most letters the same upper byte."""
    start = content[:400]
    if len(start) < 4 or len(content) % 2:
        return None
    for encoding, upper, lower in (("utf-16-le", start[1::2], start[::2]), ("utf-16-be", start[::2], start[1::2])):
        if 0 in upper and 0 not in lower and sum(byte < 0x07 for byte in upper) > 0.9 * len(upper):
            return encoding
    return None


def _guess(content: bytes) -> Text | None:
    sample = content[:SAMPLE_BYTES]
    # A cut in the middle of a character would rule its encoding out.
    if len(content) > SAMPLE_BYTES and b"\n" in sample:
        sample = sample[: sample.rindex(b"\n")]
    scores = [(_score(sample, encoding, judge), encoding) for encoding, judge in _CANDIDATES]
    for score, encoding in sorted(scores, key=lambda one: -one[0]):
        if score >= LEAST and (read := _decoded(content, encoding, guessed=True)):
            return read
    return None


def _score(sample: bytes, encoding: str, judge: Callable[[str], float]) -> float:
    """How likely the letters beyond ASCII are, from 0 to 1."""
    try:
        text = sample.decode(encoding)
    except UnicodeDecodeError:
        return 0.0
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    others = [letter for letter in text if not letter.isascii() and not letter.isalpha()]
    letters = sum(not letter.isascii() for word in words for letter in word)
    signs = sum(letter in _SIGNS for letter in others) - 2 * len(_SIGN_IN_WORD.findall(text))
    likely = sum(map(judge, words)) + signs
    return likely / max(letters + len(others), 1)


def _latin(usual: frozenset[str], alone: frozenset[str] = frozenset()) -> Callable[[str], float]:
    def judge(word: str) -> float:
        if len(word) == 1:
            return float(word.lower() in alone)
        # Most letters of a word are those of English, also in languages with many others.
        plain = sum(letter.isascii() for letter in word)
        if plain < len(word) / 3 or not _is_cased(word):
            return 0.0
        return sum(letter.lower() in usual for letter in word if not letter.isascii())

    return judge


def _cyrillic(word: str) -> float:
    if not _is_cased(word):
        return 0.0
    weights = [1.0 if low in _USUAL_CYRILLIC else 0.7 if low in _CYRILLIC else 0.0 for low in word.lower()]
    return 0.0 if any(letter.isascii() for letter in word) else sum(weights)


def _is_cased(word: str) -> bool:
    """Whether capitals stand where they do: at the beginning, or everywhere in a short word."""
    return word[1:].islower() or len(word) == 1 or (word.isupper() and len(word) <= 5)


def _arabic(word: str) -> float:
    return sum(letter in _ARABIC for letter in word)


def _common_in(encoding: str, lead: range, trail: int) -> Callable[[str], float]:
    """Judge by a standard whose first rows hold the usual characters."""

    def judge(word: str) -> float:
        return sum(_is_in_rows(letter, encoding, lead, trail) for letter in word if not letter.isascii())

    return judge


def _is_in_rows(letter: str, encoding: str, lead: range, trail: int) -> bool:
    try:
        written = letter.encode(encoding)
    except UnicodeEncodeError:
        return False
    return len(written) == 2 and written[0] in lead and written[1] >= trail


def _japanese(word: str) -> float:
    kana = sum("ぁ" <= letter <= "ヿ" for letter in word)
    kanji = sum(_is_in_rows(letter, "cp932", range(0x88, 0x98), 0x40) for letter in word)
    return kana + 0.9 * kanji


# Of those that are as likely, the first one is it.
_CANDIDATES: tuple[tuple[str, Callable[[str], float]], ...] = (
    ("cp1252", _latin(_WEST, _ALONE)),
    ("mac_roman", _latin(_WEST, _ALONE)),
    ("cp1250", _latin(_EAST)),
    ("cp1251", _cyrillic),
    ("koi8_r", _cyrillic),
    ("cp866", _cyrillic),
    ("cp1256", _arabic),
    ("gb18030", _common_in("gb2312", range(0xB0, 0xD8), 0xA1)),
    ("big5", _common_in("big5", range(0xA4, 0xC7), 0x40)),
    ("cp932", _japanese),
)
