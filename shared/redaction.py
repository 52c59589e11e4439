"""Keeps keys, tokens and passwords out of what is stored, logged and told: what they look like, and which are in use.

Shapes stand here alone: people's messages are searched for them, and logs and services' error texts are rid of them.
"""

import json
import re
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

BLOT = "[secret]"
GOOGLE, HUGGINGFACE, OTHER = "google", "huggingface", "other"
SHORTEST_IN_USE = 6  # characters; a shorter secret would blot out ordinary words
MAX_IN_USE = 1_000  # secrets that are remembered


@dataclass(frozen=True, slots=True)
class Shape:
    """How a service's keys begin, and of which signs the rest is.

    Attributes:
        least: Signs after the beginning from which it is a key in people's words; shorter ones open nothing.
        least_in_logs: The same in logs and error texts, which may cut keys short and can do without a harmless word.
    """

    service: str
    start: str
    signs: str
    least: int
    least_in_logs: int

    def pattern(self, *, in_logs: bool) -> str:
        """As a regular expression."""
        return f"{self.start}{self.signs}{{{self.least_in_logs if in_logs else self.least},}}"


_SHAPES = (
    Shape(GOOGLE, "AIza", r"[\w-]", 20, 10),
    # A word before the dot would be the end of a sentence or of a host's name.
    Shape(GOOGLE, r"(?<![A-Za-z.-])AQ\.", r"[\w-]", 20, 20),
    Shape(HUGGINGFACE, "(?:hf|api_org)_", "[A-Za-z0-9]", 16, 10),
    Shape(OTHER, "(?:r8|tgp_v1)_", r"[\w-]", 20, 10),  # Replicate, Together
    Shape(OTHER, r"(?<![A-Za-z-])sk-(?=[\w-]*\d)", r"[\w-]", 20, 16),  # OpenAI and those who follow it
    Shape(OTHER, r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}:", "[0-9a-f]", 32, 16),  # fal
    Shape(OTHER, r"bot\d{5,19}:", r"[\w-]", 30, 10),  # Telegram's, in a URL
    Shape(OTHER, r"(?<!\d)\d{5,19}:", r"[\w-]", 30, 30),
    # A header of HTTP, where the rest is no word.
    Shape(OTHER, r"(?i:\b(?:bearer|basic|key|token)[ :=]{1,3})(?=\S*\d)", r"[\w.~+/=-]", 20, 16),
)
_LOGIN_IN_URL = r"://[^/\s:@]+:[^/\s@]+@"

# Signs that show nothing: Unicode's format characters (category Cf), and fillers and selectors of other categories.
INVISIBLE_SIGNS = (
    "\u0000-\u0008\u000e-\u001f\u007f-\u009f\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160"
    "\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_INVISIBLE = re.compile(f"[{INVISIBLE_SIGNS}]")


def _compile(*, in_logs: bool) -> re.Pattern[str]:
    services = defaultdict[str, list[str]](list)
    for shape in _SHAPES:
        services[shape.service].append(shape.pattern(in_logs=in_logs))
    return re.compile("|".join(f"(?P<{service}>{'|'.join(patterns)})" for service, patterns in services.items()))


_IN_WORDS = _compile(in_logs=False)
_IN_LOGS = re.compile(f"{_compile(in_logs=True).pattern}|{_LOGIN_IN_URL}")


@dataclass(frozen=True, slots=True)
class Found:
    """A key in a text.

    Attributes:
        key: Without invisible signs.
        service: Whose keys look like this: ``google``, ``huggingface`` or ``other``.
        start, end: Where it stands in the text, invisible signs included.
    """

    key: str
    service: str
    start: int
    end: int


def visible(text: str) -> str:
    """A text without the signs that show nothing; a key may have been copied with some, or split by them."""
    return _INVISIBLE.sub("", text)


def keys_in(text: str) -> Iterator[Found]:
    """All that look like keys in people's words, in order."""
    shown = visible(text)
    places = None if len(shown) == len(text) else [at for at, sign in enumerate(text) if not _INVISIBLE.match(sign)]
    for found in _IN_WORDS.finditer(shown):
        start, end = found.span()
        if places is not None:
            start, end = places[start], places[end - 1] + 1
        yield Found(found[0], str(found.lastgroup), start, end)


def service_of(key: str) -> str | None:
    """Whose keys look like this one; None where it looks like none that we know."""
    found = _IN_WORDS.fullmatch(key)
    return str(found.lastgroup) if found else None


class SecretsInUse:
    """The secrets that this process holds, whatever they look like. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self._spellings: tuple[str, ...] = ()

    def add(self, secrets: Iterable[str]) -> None:
        """Remember secrets; of very many the oldest are forgotten."""
        with self._lock:
            before = len(self._known)
            for secret in secrets:
                if len(secret) >= SHORTEST_IN_USE and secret not in self._known:
                    self._known[secret] = _spellings(secret)
            if len(self._known) == before:
                return
            while len(self._known) > MAX_IN_USE:
                self._known.popitem(last=False)
            every = {one for spellings in self._known.values() for one in spellings}
            # A secret may be part of a longer one.
            self._spellings = tuple(sorted(every, key=len, reverse=True))

    def cut(self, text: str) -> str:
        """Blot each of them out of a text."""
        for secret in self._spellings:
            if secret in text:
                text = text.replace(secret, BLOT)
        return text


IN_USE = SecretsInUse()


def _spellings(secret: str) -> tuple[str, ...]:
    """A secret as it may stand in a URL, in JSON, or alone where a bot's number goes before it."""
    alone = re.sub(r"^\d+:", "", secret)
    return tuple({
        spelling
        for one in (secret, alone)
        for spelling in (one, quote(one), quote(one, safe=""), json.dumps(one)[1:-1])
        if len(spelling) >= SHORTEST_IN_USE
    })  # fmt: skip


def redact(text: str) -> str:
    """A text without the secrets in use, and without whatever looks like one.

    Cut it to a length only afterwards: half a key looks like nothing.
    """
    return _IN_LOGS.sub(BLOT, IN_USE.cut(text))
