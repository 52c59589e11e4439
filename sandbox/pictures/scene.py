"""Reads a prompt's words into what is to be seen: the hour, the weather, the land and who is in it."""

import random
import re
from dataclasses import dataclass

_HOURS = {
    "night": (
        "night",
        "midnight",
        "moon",
        "moonlit",
        "star",
        "stars",
        "starry",
        "aurora",
        "neon",
        "cyberpunk",
    ),
    "dusk": ("dusk", "sunset", "evening", "twilight", "golden"),
    "dawn": ("dawn", "sunrise", "morning"),
    "day": ("day", "noon", "sunny", "daylight", "bright"),
}
_WEATHERS = {
    "snow": ("snow", "snowy", "winter", "ice", "icy", "frost", "frozen", "arctic", "blizzard", "christmas"),
    "rain": ("rain", "rainy", "storm", "stormy"),
    "mist": ("mist", "misty", "fog", "foggy"),
}
_LANDS = {
    "space": ("space", "planet", "planets", "galaxy", "astronaut", "cosmic", "nebula"),
    "city": (
        "city",
        "street",
        "town",
        "tokyo",
        "skyline",
        "skyscraper",
        "cyberpunk",
        "neon",
        "paris",
        "york",
    ),
    "sea": (
        "sea",
        "ocean",
        "beach",
        "island",
        "boat",
        "ship",
        "whale",
        "lighthouse",
        "lake",
        "harbour",
        "coast",
    ),
    "desert": ("desert", "dune", "dunes", "camel", "sahara", "cactus", "mars"),
    "mountains": ("mountain", "mountains", "alps", "peak", "peaks", "castle", "dragon"),
    "forest": ("forest", "tree", "trees", "wood", "woods", "pine", "jungle"),
    "meadow": ("meadow", "field", "flower", "flowers", "garden", "spring", "grass"),
}
_SUBJECTS = {
    "fox": ("fox", "foxes", "vixen"),
    "cat": ("cat", "cats", "kitten", "kittens", "kitty"),
    "wolf": ("wolf", "wolves", "husky"),
    "dog": ("dog", "dogs", "puppy", "puppies", "corgi"),
    "rabbit": ("rabbit", "rabbits", "bunny", "hare"),
    "bear": ("bear", "panda", "bears"),
    "owl": ("owl", "owls"),
    "whale": ("whale", "whales", "orca"),
    "boat": ("boat", "ship", "sailboat", "yacht"),
    "lighthouse": ("lighthouse", "beacon"),
    "castle": ("castle", "fortress", "palace"),
    "house": ("house", "cabin", "cottage", "hut"),
    "balloon": ("balloon", "balloons", "airship"),
    "rocket": ("rocket", "spaceship", "astronaut"),
    "robot": ("robot", "robots", "android"),
    "birds": ("bird", "birds", "raven", "gulls", "eagle"),
}
_GUESSED_HOURS = ("day", "dusk", "dawn", "day", "night")
_GUESSED_LANDS = ("mountains", "forest", "sea", "meadow")


@dataclass(frozen=True)
class Scene:
    """What is to be seen; ``dice`` seeds everything that the words leave open."""

    hour: str
    weather: str
    land: str
    subject: str | None
    autumn: bool
    aurora: bool
    dice: str


def read_scene(prompt: str, seed: int) -> Scene:
    """Choose a scene for ``prompt``; what it doesn't say is thrown with ``seed``."""
    words = re.findall(r"\w+", prompt.lower())
    dice = f"{prompt}|{seed}"
    chance = random.Random(dice)
    guessed_hour, guessed_land = chance.choice(_GUESSED_HOURS), chance.choice(_GUESSED_LANDS)
    return Scene(
        hour=_named(_HOURS, words) or guessed_hour,
        weather=_named(_WEATHERS, words) or "clear",
        land=_named(_LANDS, words) or guessed_land,
        subject=_named(_SUBJECTS, words),
        autumn="autumn" in words or "october" in words,
        aurora="aurora" in words,
        dice=dice,
    )


def _named(meanings: dict[str, tuple[str, ...]], words: list[str]) -> str | None:
    """Return the meaning whose word stands first in the prompt."""
    places = {word: place for place, word in reversed(list(enumerate(words)))}
    found = [(places[word], meaning) for meaning, names in meanings.items() for word in names if word in places]
    return min(found)[1] if found else None
