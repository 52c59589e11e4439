"""Talks: friendly, by rules, and out of nothing but the conversation, so that a test can foresee it."""

# ruff: noqa: E501 -- tables of words.

import operator
import re
from collections.abc import Callable
from fractions import Fraction

from sandbox.gemini import phrases
from sandbox.gemini.looking import describe, subject_of
from sandbox.gemini.prompt_writing import pick
from sandbox.gemini.question import Question, Turn
from sandbox.pictures.languages import column_of
from sandbox.pictures.scene import read_words

LONG_TEXT = 6_000  # characters; more than one Telegram message holds
_NAME = re.compile(r"(?:my name is|i am called|call me|меня зовут)\s+([\w'-]+)", re.IGNORECASE)
_ASKS_NAME = re.compile(r"what(?:'s| is|s) my name|do you (?:remember|know) my name|как меня зовут", re.IGNORECASE)
_ASKS_WHO = re.compile(r"\bwho are you\b|\bwhat are you\b|кто ты", re.IGNORECASE)
_ASKS_EARLIER = re.compile(
    r"what did i (?:say|ask)|my (?:first|last|previous) (?:message|question)|что я (?:сказал|спросил)",
    re.IGNORECASE,
)
_ASKS_SUMMARY = re.compile(r"^\s*(?:sum up|summari[sz]e) the conversation", re.IGNORECASE)
_ASKS_ECHO = re.compile(r"^\s*(?:please\s+)?(?:echo|repeat|say|повтори|скажи)[:\s]+(.+)$", re.IGNORECASE | re.DOTALL)
_ASKS_CODE = re.compile(r"\b(?:code|function|python|javascript|script|program)\b|код\b|функци", re.IGNORECASE)
_ASKS_LONG = re.compile(
    r"\b(?:long|essay|in detail|novel)\b|длинн|подробн|(\d+)[ -](?:words|characters|слов)", re.IGNORECASE
)
_ASKS_LIST = re.compile(r"\b(?:list|table|compare|bullet)\b|список|таблиц", re.IGNORECASE)
_ASKS_SCENE = re.compile(r"^\s*(?:please\s+)?(?:describe|imagine)\s+(?!this\b)(\S.+)$", re.IGNORECASE | re.DOTALL)
_MARK_OF_SCENES = re.compile(r"end it with a line\s+<(\w+)>")  # where the instruction asks for one
_SUM = re.compile(r"(-?\d+(?:\.\d+)?)\s*([-+*/×÷])\s*(-?\d+(?:\.\d+)?)")
_OPERATIONS: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "×": operator.mul, "/": operator.truediv, "÷": operator.truediv,
}  # fmt: skip


def answer(question: Question) -> str:
    """Say something to the last turn that fits what was said before."""
    last = question.last
    if last.attachments:
        seen = "\n\n".join(describe(file) for file in last.attachments)
        return seen + _afterword(last.text) + _marked(subject_of(last.attachments), question)
    said = _answer_words(last.text, question)
    return f"Arr! {said}" if "pirate" in question.system.lower() else said


def _answer_words(text: str, question: Question) -> str:
    earlier = question.turns[:-1]
    if _ASKS_SUMMARY.search(text):
        return _sum_up(text)
    name = _name_told(question)
    if _ASKS_NAME.search(text):
        return f"Your name is **{name}**." if name else "You haven't told me your name yet. What is it?"
    if _ASKS_WHO.search(text):
        return _introduce(question.system)
    if _ASKS_EARLIER.search(text):
        return _quote_earlier(text, earlier)
    if echo := _ASKS_ECHO.match(text):
        return echo[1].strip()
    if scene := _ASKS_SCENE.match(text):
        return _scene(re.sub(r"\s+", " ", scene[1]).strip(" .!?")[:300], question)
    if long := _ASKS_LONG.search(text):
        return _long_text(text, int(long[1]) * 6 if long[1] else LONG_TEXT)
    if _ASKS_CODE.search(text):
        return _some_code()
    if total := _SUM.search(text):
        return _calculate(*total.groups())
    if _ASKS_LIST.search(text):
        return _some_list(text)
    return _chat(text, name, question)


def _name_told(question: Question) -> str | None:
    """The name that the person told last, be it in what is left of the conversation or in the summary of it."""
    told = [question.system, *(turn.text for turn in question.turns if turn.role == "user")]
    names = [found[1] for text in told for found in _NAME.finditer(text)]
    return names[-1] if names else None


def _scene(subject: str, question: Question) -> str:
    light = pick(
        ("Low sun falls on it from the left", "A soft grey light lies over it", "It is lit by a lamp"), subject
    )
    return f"{subject[:1].upper()}{subject[1:]}. {light}, and all around it is quiet.{_marked(subject, question)}"


def _marked(subject: str, question: Question) -> str:
    """What can be seen, between the marks that the instruction asks for; nothing without such a wish."""
    mark = _MARK_OF_SCENES.search(question.system)
    return f"\n<{mark[1]}>{subject}</{mark[1]}>" if mark and subject else ""


def _sum_up(text: str) -> str:
    names = _NAME.findall(text)
    known = f" One of them said: my name is {names[-1]}." if names else ""
    return f"Two talked, in {len(text)} characters.{known}"


def _quote_earlier(text: str, earlier: tuple[Turn, ...]) -> str:
    mine = [turn.text for turn in earlier if turn.role == "user"]
    if not mine:
        return "This is the first thing you said to me."
    quoted = mine[0] if "first" in text.lower() else mine[-1]
    return f"You said:\n\n> {quoted.strip()[:300]}"


def _introduce(system: str) -> str:
    """Say who the instruction makes it, in its own first sentence."""
    told = re.match(r"You are ([^.\n]+)", system)
    return f"I am {told[1]}." if told else "I am the sandbox's stand-in for Gemini."


def _chat(text: str, name: str | None, question: Question) -> str:
    """Greet, suggest pictures, or say honestly how little is known here; in the language of the words."""
    language = column_of(text)
    short = re.sub(r"\s+", " ", text).strip()[:200]
    if phrases.ASKS_IDEAS.search(text) or phrases.ASKS_ABILITIES.search(text):
        ideas = phrases.ideas(language, pick(range(6), short))
        listed = "\n".join(f"{number}. {idea}" for number, idea in enumerate(ideas, 1))
        return f"{phrases.HERE_ARE_IDEAS[language]}\n\n{listed}{_marked(ideas[0], question)}"
    if phrases.THANKS.match(text):
        return phrases.WELCOME[language]
    if phrases.GREETS.match(text) or _NAME.search(text):
        return phrases.HELLO[language].format(name=f", {name}" if name else "")
    seen = read_words(text)
    if seen.figures and "?" not in text:
        return phrases.DEPICTED[language].format(said=short, seen=seen) + _marked(short, question)
    return phrases.KNOWS_LITTLE[language].format(said=short)


def _some_code() -> str:
    return (
        "Here is a small function:\n\n"
        "```python\n"
        "def greet(name: str) -> str:\n"
        '    """Say hello to ``name``."""\n'
        '    return f"Hello, {name}!"\n'
        "```\n\n"
        "Call it as `greet('world')`; it returns **a greeting** and changes nothing."
    )


def _some_list(text: str) -> str:
    subject = re.sub(r"\s+", " ", text).strip()[:60]
    return (
        f"### About “{subject}”\n\n"
        "* **Light**: soft or hard, warm or cold\n"
        "* **Colour**: few or many\n"
        "* **Distance**: near, middle, far\n\n"
        "| what | how much |\n|---|---|\n| patience | a lot |\n| paint | a little |\n"
    )


def _calculate(left: str, sign: str, right: str) -> str:
    if sign in "/÷" and Fraction(right) == 0:
        return "Nobody can divide by zero, not even here."
    result = _OPERATIONS[sign](Fraction(left), Fraction(right))
    shown = str(result) if result.denominator == 1 else f"{float(result):g}"
    return f"{left} {sign} {right} = **{shown}**"


def _long_text(text: str, length: int) -> str:
    """Write paragraphs of about ``length`` characters, with headings, code and emphasis among them."""
    subject = re.sub(r"\s+", " ", text).strip()[:80]
    parts = [f"# {subject}"]
    number = 0
    while sum(len(part) + 2 for part in parts) < min(length, 60_000):
        number += 1
        parts.append(
            f"**Part {number}.** Whoever looks at this closely sees that it has {number + 1} sides. The first "
            "is what everybody knows; the next is what one finds with patience, a lamp and a good chair. "
            "Between them lies _the interesting part_, and it is best told slowly, one step after the other."
        )
    return "\n\n".join(parts)


def _afterword(text: str) -> str:
    short = re.sub(r"\s+", " ", text).strip()[:200]
    return f"\n\nYou asked: “{short}”." if short else ""
