"""Words → search terms: the same for what is stored and for what is looked for, in both databases. Pure.

Neither database splits all languages into words: Chinese and Japanese are written without spaces, and in Arabic the
article is part of the word. docs/decisions/0025-search-terms.md has the evidence.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from hashlib import sha256

MAX_TERMS = 400  # of a picture; a prompt has up to 200 words
MAX_WORDS = 12  # of a search
LONGEST = 40  # characters of a term
IN_PRIVATE = "_p"  # the term of all pictures that were asked for in a private chat; no word begins so

_WORD = re.compile(r"[^\W_]+")
# Han with its extensions, kana, and the scripts of Thailand, Laos, Burma and Cambodia.
_WITHOUT_SPACES = re.compile(
    r"[\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]+"
)
_ARABIC = re.compile(r"^[\u0600-\u06ff]+$")
_ARTICLE = re.compile(r"^[وفبك]?(?:ال|لل)(?=\w{2})")
_ARABIC_LETTERS = str.maketrans({"ة": "ه", "ى": "ي", "ـ": None})


def terms_of(texts: Iterable[str | None]) -> list[str]:
    """The terms under which texts are found, each once."""
    found = dict.fromkeys(term for text in texts for word in _words(text or "") for term in _terms_in(word))
    return list(found)[:MAX_TERMS]


def wanted_terms(search: str) -> list[tuple[str, bool]]:
    """What is looked for: terms that must all be there; True: also as the beginning of a longer one."""
    words = list(dict.fromkeys(_words(search)))[:MAX_WORDS]
    return list(dict.fromkeys(pair for word in words for pair in _wanted_in(word)))


def of_person(user_id: int) -> str:
    """What begins the terms of all pictures that somebody asked for; an anonymous admin's group has one, too."""
    return f"u{user_id}" if user_id >= 0 else f"c{-user_id}"


def of_group(chat_id: int) -> str:
    """What begins the terms of all pictures of a group."""
    return f"g{-chat_id}"


def owned(owner: str, term: str) -> str:
    """The term under which a person's, or a group's, pictures alone are found."""
    return f"{owner}_{term}"


def of_model(model_id: str) -> str:
    """The term of all pictures by an image model."""
    return f"_m{sha256(model_id.encode()).hexdigest()[:16]}"


def _words(text: str) -> Iterator[str]:
    """Words, and runs of scripts without spaces, in one spelling: no case, no accents."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    bare = "".join(one for one in unicodedata.normalize("NFD", folded) if unicodedata.category(one) != "Mn")
    for word in _WORD.findall(unicodedata.normalize("NFC", bare)):
        at = 0
        for run in _WITHOUT_SPACES.finditer(word):
            yield from filter(None, (word[at : run.start()], run[0]))
            at = run.end()
        yield from filter(None, (word[at:],))


def _terms_in(word: str) -> list[str]:
    if not _WITHOUT_SPACES.match(word):
        return [_stem(word)]
    # Pairs of characters; the last one alone, so that each single one begins a term.
    return [word[at : at + 2] for at in range(len(word))]


def _wanted_in(word: str) -> list[tuple[str, bool]]:
    if not _WITHOUT_SPACES.match(word):
        stem = _stem(word)
        return [(stem, len(stem) > 1)]
    if len(word) == 1:
        return [(word, True)]
    return [(word[at : at + 2], False) for at in range(len(word) - 1)]


def _stem(word: str) -> str:
    """A word as it is found: in Arabic without its article, and with letters that are mixed up made one."""
    if _ARABIC.match(word):
        word = _ARTICLE.sub("", word.translate(_ARABIC_LETTERS))
    return word[:LONGEST]
