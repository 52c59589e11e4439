"""Filled outlines, of which all figures consist, and the short words for making them."""

import functools
from dataclasses import dataclass, replace

Colour = tuple[int, int, int]
Point = tuple[float, float]

INK: Colour = (32, 26, 34)
WHITE: Colour = (250, 244, 236)
LAMP: Colour = (255, 214, 120)
COLOURS: dict[str, Colour] = {
    "red": (208, 62, 54),
    "orange": (236, 140, 52),
    "yellow": (240, 196, 76),
    "green": (84, 156, 88),
    "blue": (66, 122, 204),
    "purple": (142, 92, 184),
    "pink": (238, 152, 184),
    "brown": (136, 94, 64),
    "black": (58, 54, 66),
    "white": (244, 240, 236),
    "grey": (146, 150, 160),
}


@dataclass(frozen=True)
class Shape:
    """A filled outline. ``round`` ones are a curve through the points; a ``lit`` one glows in the dark."""

    points: tuple[Point, ...]
    colour: Colour
    round: bool = False
    lit: bool = False

    def outline(self) -> tuple[Point, ...]:
        """Return the corners of a polygon that is this shape."""
        return _curve(self.points) if self.round else self.points


def blob(colour: Colour, *points: Point) -> Shape:
    return Shape(points, colour, round=True)


def oval(colour: Colour, x: float, y: float, width: float, height: float, *, lit: bool = False) -> Shape:
    """Return an ellipse around (x, y)."""
    a, b = width / 2, height / 2
    p, q = 0.7071 * a, 0.7071 * b
    points = (
        (x, y - b), (x + p, y - q), (x + a, y), (x + p, y + q),
        (x, y + b), (x - p, y + q), (x - a, y), (x - p, y - q),
    )  # fmt: skip
    return Shape(points, colour, round=True, lit=lit)


def box(colour: Colour, left: float, top: float, right: float, bottom: float, *, lit: bool = False) -> Shape:
    return Shape(((left, top), (right, top), (right, bottom), (left, bottom)), colour, lit=lit)


def flat(colour: Colour, *points: Point) -> Shape:
    return Shape(points, colour)


def mirrored(shape: Shape) -> Shape:
    """Return the shape seen in a mirror that stands at the middle of the square."""
    return replace(shape, points=tuple((1 - x, y) for x, y in shape.points))


def both(*shapes: Shape) -> tuple[Shape, ...]:
    """Return the shapes, and beside them what a mirror shows of them."""
    return (*shapes, *map(mirrored, shapes))


def shade(colour: Colour, share: float) -> Colour:
    """Return a darker colour: ``share`` (0 to 1) of the way to black."""
    red, green, blue = (round(part * (1 - share)) for part in colour)
    return red, green, blue


@functools.lru_cache(maxsize=1024)
def _curve(points: tuple[Point, ...]) -> tuple[Point, ...]:
    """Return a closed Catmull-Rom curve through ``points``, eight short lines to each."""
    count = len(points)
    curve: list[Point] = []
    for i in range(count):
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = (points[(i + k) % count] for k in (-1, 0, 1, 2))
        for step in range(8):
            t = step / 8
            curve.append((_spline(ax, bx, cx, dx, t), _spline(ay, by, cy, dy, t)))
    return tuple(curve)


def _spline(a: float, b: float, c: float, d: float, t: float) -> float:
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - 3 * c + d - a) * t**3)
