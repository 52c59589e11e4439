"""Guesses in which language a text is."""

import re

from sandbox.pictures.words import LANGUAGES, count_known

_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("uk", re.compile(r"[іїєґІЇЄҐ]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
    ("fa", re.compile(r"[پچژگ]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
    ("ka", re.compile(r"[\u10a0-\u10ff]")),
)
_SMALL_WORDS = {
    "en": "a an the of in on at with by and under for is are what how you it its",
    "pt": "um uma umas na nas em do da dos das ao à com por não e o que você me faça dê oi olá",
    "de": "ein eine einen einem einer und der die das den dem im in auf mit unter am ist was ich du mach hallo",
    "es": "un una unos el la los las en del de con al y que qué cómo hola por",
    "fr": "un une le la les des du de dans sous sur avec au aux et en est que quoi bonjour",
}
_LETTERS = {"pt": "ãõ", "de": "äöüß", "es": "ñ¿¡", "fr": "œèêâîôû"}
_COLUMNS = {"ja": "zh", "ko": "zh", "uk": "ru", "fa": "ar"}  # languages whose words stand beside another's


def language_of(text: str) -> str:
    """Guess the BCP-47 tag of ``text`` by its script, then by its words; ``en`` when nothing tells."""
    for tag, pattern in _SCRIPTS:
        if pattern.search(text):
            return tag
    words = re.findall(r"\w+", text.lower())
    points = {
        tag: sum(word in small.split() for word in words)
        + count_known(text, tag)
        + 2 * sum(letter in text.lower() for letter in _LETTERS.get(tag, ""))
        for tag, small in _SMALL_WORDS.items()
    }
    return max(points, key=lambda tag: points[tag])


def column_of(text: str) -> str:
    """Return the one of the eight languages under which the words of ``text`` are looked up."""
    language = language_of(text)
    return language if language in LANGUAGES else _COLUMNS.get(language, "en")


def is_latin(text: str) -> bool:
    """Tell whether most letters of ``text`` are Latin ones; so is a text without letters."""
    letters = [letter for letter in text if letter.isalpha()]
    latin = [letter for letter in letters if ord(letter) < 0x250]
    return 2 * len(latin) >= len(letters)
