"""Writes what a schema asks for as a believable prompt writer: the same idea, the same answer."""

import hashlib
import re
from collections.abc import Sequence
from typing import Any, TypeVar

from sandbox.pictures.languages import is_latin, language_of
from sandbox.pictures.scene import read_words

NEGATIVE = "blurry, low quality, watermark, text, deformed, extra limbs, jpeg artifacts"
LIGHTS = (
    "soft diffused light",
    "warm rim light",
    "gentle volumetric light",
    "clear crisp light",
    "delicate backlight",
)
LOOKS = (
    "finely detailed illustration",
    "cinematic composition",
    "painterly texture",
    "shallow depth of field, 50mm lens",
    "layered paper-cut depth",
)
FINISHES = (
    "harmonious colours, intricate detail",
    "calm atmosphere, balanced framing",
    "rich colours, high detail",
    "subtle film grain, masterful composition",
)
SCENES = (
    "a quiet scene with a single clear subject",
    "a vivid scene full of small stories",
    "a wide view with a strong focal point",
)
VARIED = {
    "viewpoint": "seen from mountains far away",
    "light": "in the light of dusk",
    "palette": "in the pale colours of dawn",
    "moment": "among tall trees",
}  # what becomes different when a word of it is to be varied
VIEWS = ("from far away", "very close", "in the last light", "seen from above", "as a paper cut-out")
UNSAFE = re.compile(r"\b(nude|naked|gore|porn\w*|behead\w*)\b", re.IGNORECASE)
_LOOSE_ENDS = re.compile(r"(?: (?:an?|the|of|in|on|at|by|to|with|and|or|from|under))+$", re.IGNORECASE)
_MAX_DEPTH = 8
_T = TypeVar("_T")


def idea_in(text: str, system: str = "") -> str:
    """Return what is to be painted: the text between ``<idea>`` marks, else all of it.

    Words between ``<subject>`` marks, of which it speaks, go first. So does the subject of an earlier picture that it
    changes, whose prompt stands between ``<earlier>`` marks; where the instruction tells what of that one to vary, this
    alone is different.
    """
    marked = re.findall(r"<(idea|request)>\s*(.*?)\s*</\1>", text, re.DOTALL | re.IGNORECASE)
    idea = re.sub(r"\s+", " ", marked[-1][1] if marked else re.sub(r"</?\w+>", " ", text)).strip()
    for subject in re.findall(r"<subject>\s*(.*?)\s*</subject>", text, re.DOTALL):
        words = re.sub(r"\s+", " ", subject).rstrip(" .,!")
        idea = f"{words}, {idea}"
    earlier = re.findall(r"<earlier>\s*Idea:.*?\nPrompt: (.*?)\s*</earlier>", text, re.DOTALL)
    if not earlier:
        return idea
    aspect = re.search(r"vary this alone:(.*)", system, re.IGNORECASE)
    varied = next((look for word, look in VARIED.items() if aspect and word in aspect[1]), idea)
    return f"{_subject_of(earlier[-1])}, {varied}"


def _subject_of(prompt: str) -> str:
    """Return a prompt without the embellishments of ``prompt_for``."""
    return re.split("|".join(f", {light}" for light in LIGHTS), prompt, maxsplit=1)[0].rstrip(" .,!")


def prompt_for(idea: str) -> str:
    """Embellish ``idea`` into a prompt in English; English words stay as they are."""
    light, look, finish = (
        pick(LIGHTS, idea, "light"),
        pick(LOOKS, idea, "look"),
        pick(FINISHES, idea, "finish"),
    )
    if language_of(idea) == "en":
        subject = idea
    else:
        subject = str(read_words(idea)) or (idea if is_latin(idea) else pick(SCENES, idea, "scene"))
    return f"{subject.rstrip(' .,!')}, {light}, {look}, {finish}"


def title_for(idea: str) -> str:
    """Name a picture in the first words of the idea, and the way it is seen, if that is one of ``VIEWS``."""
    clauses = re.split(r"[,.;:!?]+", idea)
    words = _LOOSE_ENDS.sub("", " ".join(next((one.split() for one in clauses if one.strip()), [])[:7])).split()
    view = clauses[-1].strip() if clauses[-1].strip() in VIEWS else ""
    named = " ".join(word[:1].upper() + word[1:] for word in words)[:60] or "Untitled"
    return f"{named}, {view}" if view else named


def write_json(schema: dict[str, Any], idea: str, answer: str) -> Any:
    """Return a value that fits ``schema``; ``answer`` is what a chat would say to the same words."""
    return _Writer(schema, idea, answer).value(schema, "", 0)


class _Writer:
    """Walks a schema (Google's with upper-case types, or JSON Schema) for one idea."""

    def __init__(self, root: dict[str, Any], idea: str, answer: str) -> None:
        self.definitions = root.get("$defs") or root.get("defs") or {}
        self.idea = idea
        self.answer = answer

    def value(self, schema: dict[str, Any], name: str, depth: int) -> Any:
        schema = self._resolved(schema_in_camel_case(schema))
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._choice(schema["enum"], name)
        kind, nullable = _type_of(schema)
        if depth > _MAX_DEPTH or (nullable and says_why_not(name) and not UNSAFE.search(self.idea)):
            return None
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, name, depth)
            case "string":
                return self._string(schema, name)
            case "integer" | "number":
                return self._number(schema, name, whole=kind == "integer")
            case "boolean":
                return self._boolean(name)
            case _:
                return None

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Follow references and take the first alternative that isn't null."""
        for _ in range(_MAX_DEPTH):
            reference = schema.get("$ref") or schema.get("ref")
            options = schema.get("anyOf") or schema.get("oneOf")
            if reference:
                schema = {
                    **self.definitions.get(str(reference).rsplit("/", 1)[-1], {}),
                    **_without(schema, "$ref", "ref"),
                }
            elif options:
                real = [option for option in options if str(option.get("type", "")).lower() != "null"]
                rest = _without(schema, "anyOf", "oneOf")
                schema = {**rest, **schema_in_camel_case((real or options)[0]), "nullable": len(real) < len(options)}
            else:
                break
        return schema

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties") or {}
        order = schema.get("propertyOrdering") or list(properties)
        names = [name for name in order if name in properties] + [name for name in properties if name not in order]
        return {name: self.value(properties[name], name, depth + 1) for name in names}

    def _array(self, schema: dict[str, Any], name: str, depth: int) -> list[Any]:
        low, high = (int(schema.get(key, default)) for key, default in (("minItems", 0), ("maxItems", 1_000)))
        count = min(max(3, low), high)
        wanted = re.search(r"\b(\d{1,2}) (?:different |distinct )?(?:variations|prompts|ideas|versions)", self.idea)
        if wanted:
            count = min(max(int(wanted[1]), low), high)
        items = schema.get("items") or {"type": "string"}
        values = [
            _Writer({"$defs": self.definitions}, self._variant(i), self.answer).value(items, name, depth + 1)
            for i in range(count)
        ]
        if re.search("tag|keyword|word", name):
            words = [*dict.fromkeys(re.findall(r"\w{3,}", self.idea.lower())), "scenery", "light", "colour"]
            return words[:count] if all(isinstance(value, str) for value in values) else values
        return values

    def _variant(self, index: int) -> str:
        if index == 0:
            return self.idea
        return f"{self.idea}, {VIEWS[(index - 1) % len(VIEWS)]}" + (f" {index}" if index > len(VIEWS) else "")

    def _string(self, schema: dict[str, Any], name: str) -> str:
        longest = int(schema.get("maxLength") or 100_000)
        words = self._words(name.lower()).strip()
        return words if len(words) <= longest else words[:longest].rpartition(" ")[0] or words[:longest]

    def _words(self, name: str) -> str:
        if "negative" in name or "avoid" in name:
            return NEGATIVE
        if "language" in name or "lang" in name or "locale" in name:
            return language_of(self.idea)
        if "title" in name or "name" in name:
            return title_for(self.idea)
        if says_why_not(name):
            return "This can't be painted." if UNSAFE.search(self.idea) else ""
        if re.search("answer|reply|response|message|greeting", name):
            return self.answer
        if "caption" in name or "summary" in name or "alt" in name:
            return f"{title_for(self.idea)}, painted with {pick(LIGHTS, self.idea, 'light')}"
        if "style" in name:
            return pick(LOOKS, self.idea, "look")
        if "colo" in name:
            return f"#{hashlib.sha256(self.idea.encode()).hexdigest()[:6]}"
        if re.search("prompt|description|text|content|scene", name):
            return prompt_for(self.idea)
        return self.idea or "untitled"

    def _choice(self, options: list[Any], name: str) -> Any:
        language = language_of(self.idea)
        if "lang" in name and language in options:
            return language
        said = [
            option
            for option in options
            if str(option) and re.search(rf"\b{re.escape(str(option))}\b", self.idea, re.IGNORECASE)
        ]
        return said[0] if said else pick([option for option in options if option is not None], self.idea, name)

    def _number(self, schema: dict[str, Any], name: str, *, whole: bool) -> float:
        low, high = schema.get("minimum"), schema.get("maximum")
        if "seed" in name:
            value: float = int(hashlib.sha256(self.idea.encode()).hexdigest()[:7], 16)
        elif name in {"width", "height"}:
            value = 1024
        elif low is not None and high is not None:
            value = (low + high) / 2
        else:
            value = 1
        value = max(value, low) if low is not None else value
        value = min(value, high) if high is not None else value
        return int(value) if whole else float(value)

    def _boolean(self, name: str) -> bool:
        unsafe = bool(UNSAFE.search(self.idea))
        if re.search("refus|block|unsafe|nsfw|reject|violat", name.lower()):
            return unsafe
        return bool(re.search("safe|allow|ok|accept|possible|valid", name.lower())) and not unsafe


def schema_in_camel_case(schema: dict[str, Any]) -> dict[str, Any]:
    """Spell the words of one level of a schema in camelCase: the SDK mixes both."""
    return {re.sub(r"_([a-z])", lambda found: found[1].upper(), name): value for name, value in schema.items()}


def pick(options: Sequence[_T], *words: str) -> _T:
    """Choose one of ``options`` by the words alone."""
    digest = hashlib.sha256("|".join(words).encode()).digest()
    return options[int.from_bytes(digest[:4], "big") % len(options)]


def _type_of(schema: dict[str, Any]) -> tuple[str, bool]:
    """Return the JSON type in lower case, and whether null may stand for it."""
    kind = schema.get("type")
    if isinstance(kind, list):
        real = [one for one in kind if str(one).lower() != "null"]
        return (str(real[0]).lower() if real else "null"), len(real) < len(kind)
    if kind is None:
        kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
    return str(kind).lower(), bool(schema.get("nullable"))


def says_why_not(name: str) -> bool:
    """Tell whether a field of that name is there for refusing."""
    return bool(re.search("refus|reason|error|clarif|question|warning", name.lower()))


def _without(schema: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name not in names}
