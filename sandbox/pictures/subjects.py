"""Which shapes a figure of a picture has, and where it belongs."""

import functools
from dataclasses import replace

from sandbox.pictures.animals import COATS, animal
from sandbox.pictures.people import PEOPLE, person
from sandbox.pictures.shapes import COLOURS, Shape, shade
from sandbox.pictures.things import MAIN_COLOURS, THINGS

_AFLOAT = {"boat", "whale"}
_AIRBORNE = {"balloon", "rocket", "plane", "butterfly"}
_BUILDINGS = {"castle", "house", "lighthouse", "windmill", "tree", "tent"}  # stand behind others
# What animals of such a colour look like already.
_NATURAL = {("fox", "red"), ("squirrel", "red"), ("lion", "yellow"), ("pig", "pink"), ("bear", "brown")}
_GINGER = (224, 140, 66)


@functools.lru_cache(maxsize=256)
def shapes_of(subject: str, colour: str | None = None) -> tuple[Shape, ...]:
    """Return the shapes of ``subject``, back to front; nothing for one that the sky draws itself."""
    dye = COLOURS.get(colour or "")
    if subject in COATS:
        coat = COATS[subject]
        if subject == "cat" and colour == "orange":
            dye = _GINGER
        elif (subject, colour) in _NATURAL:
            dye = None
        return animal(replace(coat, fur=dye, shade=shade(dye, 0.2)) if dye else coat)
    if subject in PEOPLE:
        look = PEOPLE[subject]
        return person(replace(look, clothes=dye) if dye else look)
    shapes = THINGS.get(subject, ())
    if dye is None or subject not in MAIN_COLOURS:
        return shapes
    main = MAIN_COLOURS[subject]
    return tuple(replace(shape, colour=dye) if shape.colour == main else shape for shape in shapes)


def is_afloat(subject: str) -> bool:
    """Tell whether the subject belongs on the water."""
    return subject in _AFLOAT


def is_airborne(subject: str) -> bool:
    """Tell whether the subject belongs in the sky."""
    return subject in _AIRBORNE


def is_behind(subject: str) -> bool:
    """Tell whether the subject stands behind others, and large."""
    return subject in _BUILDINGS
