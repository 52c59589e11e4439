"""Knows scripts and a few words: enough to guess a language and to name a fox in English."""

import re

# Beginnings of words, so that endings don't matter.
ENGLISH_OF = {
    "лис": "fox", "кот": "cat", "кош": "cat", "собак": "dog", "щен": "puppy", "волк": "wolf", "зая": "rabbit",
    "медвед": "bear", "сов": "owl", "кит": "whale", "птиц": "birds", "робот": "robot", "ракет": "rocket",
    "замок": "castle", "замк": "castle", "дом": "house", "маяк": "lighthouse", "кораб": "ship", "лодк": "boat",
    "снег": "snow", "снеж": "snow", "зим": "winter", "дожд": "rain", "туман": "mist", "ноч": "night",
    "закат": "sunset", "рассвет": "sunrise", "утр": "morning", "лес": "forest", "мор": "sea", "океан": "ocean",
    "город": "city", "гор": "mountains", "пустын": "desert", "пол": "field", "цвет": "flowers", "космос": "space",
    "осен": "autumn", "рыж": "red", "черн": "black", "чёрн": "black", "бел": "white",
    "лисиц": "fox", "кіт": "cat", "ніч": "night", "сніг": "snow", "ліс": "forest",
    "狐": "fox", "猫": "cat", "犬": "dog", "狗": "dog", "狼": "wolf", "兔": "rabbit", "熊": "bear", "鲸": "whale",
    "雪": "snow", "雨": "rain", "夜": "night", "森": "forest", "林": "forest", "海": "sea", "山": "mountains",
    "城": "castle", "町": "city", "市": "city", "花": "flowers", "船": "boat", "家": "house", "朝": "morning",
    "ثعلب": "fox", "قط": "cat", "كلب": "dog", "ثلج": "snow", "بحر": "sea", "ليل": "night", "غابة": "forest",
    "مدينة": "city", "جبل": "mountains", "صحراء": "desert", "بيت": "house", "غروب": "sunset",
    "여우": "fox", "고양이": "cat", "눈": "snow", "바다": "sea", "밤": "night", "숲": "forest", "도시": "city",
    "zorro": "fox", "fuchs": "fox", "renard": "fox", "gato": "cat", "katze": "cat", "chat": "cat",
    "perro": "dog", "hund": "dog", "chien": "dog", "nieve": "snow", "schnee": "snow", "neige": "snow",
    "noche": "night", "nacht": "night", "nuit": "night", "bosque": "forest", "wald": "forest",
    "ciudad": "city", "stadt": "city", "meer": "sea", "leuchtturm": "lighthouse", "berg": "mountains",
}  # fmt: skip
_BY_LENGTH = sorted(ENGLISH_OF, key=len, reverse=True)

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
_LATIN_HINTS = (
    ("de", re.compile(r"[äöüß]|\b(und|ein|eine|der|die|das|im)\b", re.IGNORECASE)),
    ("es", re.compile(r"[ñ¿¡]|\b(un|una|el|los|las|en la)\b", re.IGNORECASE)),
    ("fr", re.compile(r"[çœàêè]|\b(un|une|le|les|dans|sous)\b", re.IGNORECASE)),
)


def language_of(text: str) -> str:
    """Guess the BCP-47 tag of ``text`` by its script, then by a few words; ``en`` when nothing tells."""
    for tag, pattern in _SCRIPTS:
        if pattern.search(text):
            return tag
    scores = [(len(pattern.findall(text)), tag) for tag, pattern in _LATIN_HINTS]
    best = max(scores, key=lambda score: score[0])
    return best[1] if best[0] else "en"


def in_english(text: str) -> str:
    """Name in English what is known of ``text``; empty when nothing is."""
    found: list[str] = []
    for word in re.findall(r"\w+", text.lower()):
        wordless = _is_written_without_spaces(word)
        for stem in _BY_LENGTH:
            hit = stem in word if wordless else word.startswith(stem)
            if hit and ENGLISH_OF[stem] not in found:
                found.append(ENGLISH_OF[stem])
                if not wordless:
                    break
    return " ".join(found)


def is_latin(text: str) -> bool:
    """Tell whether most letters of ``text`` are Latin ones; so is a text without letters."""
    letters = [letter for letter in text if letter.isalpha()]
    latin = [letter for letter in letters if ord(letter) < 0x250]
    return 2 * len(latin) >= len(letters)


def _is_written_without_spaces(word: str) -> bool:
    return bool(re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", word))
