"""Who and what stands in a picture, as shapes in a unit square whose lower edge is the ground."""

import functools
from dataclasses import dataclass

Colour = tuple[int, int, int]
Point = tuple[float, float]

INK: Colour = (32, 26, 34)
WHITE: Colour = (250, 244, 236)
LAMP: Colour = (255, 214, 120)


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


@dataclass(frozen=True)
class Coat:
    """The colours of an animal and the form of its ears."""

    fur: Colour
    shade: Colour
    belly: Colour
    ears: str
    eyes: Colour = INK
    tail: str = "round"


@functools.lru_cache(maxsize=512)
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


COATS = {
    "fox": Coat((226, 112, 44), (188, 82, 30), WHITE, "pointed", tail="brush"),
    "cat": Coat((98, 94, 110), (72, 68, 84), (226, 220, 224), "pointed", eyes=(160, 205, 90), tail="curled"),
    "wolf": Coat((138, 146, 160), (104, 111, 126), (232, 234, 238), "pointed", tail="brush"),
    "dog": Coat((200, 146, 88), (158, 106, 60), (250, 232, 206), "hanging"),
    "rabbit": Coat((214, 200, 188), (184, 166, 154), WHITE, "long"),
    "bear": Coat((128, 88, 62), (98, 66, 46), (196, 156, 120), "small"),
    "owl": Coat((146, 110, 80), (108, 78, 56), (232, 212, 180), "tufts", eyes=(250, 190, 60), tail="none"),
}


def shapes_of(subject: str) -> tuple[Shape, ...]:
    """Return the shapes of ``subject``, back to front; nothing for one that the sky draws itself."""
    if subject in COATS:
        return _animal(COATS[subject], beak=subject == "owl")
    return _THINGS.get(subject, ())


def is_afloat(subject: str) -> bool:
    """Tell whether the subject belongs on the water."""
    return subject in {"boat", "whale"}


def is_airborne(subject: str) -> bool:
    """Tell whether the subject belongs in the sky."""
    return subject in {"balloon", "rocket"}


def _blob(colour: Colour, *points: Point) -> Shape:
    return Shape(points, colour, round=True)


def _oval(colour: Colour, x: float, y: float, width: float, height: float, *, lit: bool = False) -> Shape:
    """Return an ellipse around (x, y)."""
    a, b = width / 2, height / 2
    p, q = 0.7071 * a, 0.7071 * b
    points = (
        (x, y - b), (x + p, y - q), (x + a, y), (x + p, y + q),
        (x, y + b), (x - p, y + q), (x - a, y), (x - p, y - q),
    )  # fmt: skip
    return Shape(points, colour, round=True, lit=lit)


def _box(colour: Colour, left: float, top: float, right: float, bottom: float, *, lit: bool = False) -> Shape:
    return Shape(((left, top), (right, top), (right, bottom), (left, bottom)), colour, lit=lit)


def _flat(colour: Colour, *points: Point) -> Shape:
    return Shape(points, colour)


def _mirrored(shape: Shape) -> Shape:
    """Return the shape seen in a mirror that stands at the middle of the square."""
    return Shape(tuple((1 - x, y) for x, y in shape.points), shape.colour, shape.round, shape.lit)


def _animal(coat: Coat, *, beak: bool) -> tuple[Shape, ...]:
    """Return an animal that sits and looks at us."""
    body = _blob(coat.fur, (0.5, 0.42), (0.64, 0.55), (0.72, 0.80), (0.70, 0.96), (0.5, 0.99), (0.30, 0.96),
                 (0.28, 0.80), (0.36, 0.55))  # fmt: skip
    chest = _blob(coat.belly, (0.5, 0.5), (0.58, 0.60), (0.60, 0.76), (0.5, 0.88), (0.40, 0.76), (0.42, 0.60))
    head = _blob(coat.fur, (0.5, 0.15), (0.63, 0.17), (0.72, 0.31), (0.70, 0.41), (0.60, 0.50), (0.5, 0.53),
                 (0.40, 0.50), (0.30, 0.41), (0.28, 0.31), (0.37, 0.17))  # fmt: skip
    paws = _both((_oval(coat.shade, 0.41, 0.955, 0.13, 0.075),))
    ears, eyes = _both(_ear(coat)), _both(_eye(coat, beak=beak))
    face = _beak() if beak else _muzzle(coat)
    if coat.ears == "hanging":
        return (*_tail(coat), body, chest, *paws, head, *ears, *face, *eyes)
    return (*_tail(coat), body, chest, *paws, *ears, head, *face, *eyes)


def _both(shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
    return (*shapes, *map(_mirrored, shapes))


def _ear(coat: Coat) -> tuple[Shape, ...]:
    """Return the left ear."""
    match coat.ears:
        case "hanging":
            return (
                _blob(
                    coat.shade,
                    (0.36, 0.17),
                    (0.28, 0.19),
                    (0.21, 0.32),
                    (0.22, 0.46),
                    (0.29, 0.46),
                    (0.33, 0.32),
                ),
            )
        case "long":
            return (
                _blob(
                    coat.fur,
                    (0.38, 0.22),
                    (0.33, 0.08),
                    (0.35, -0.10),
                    (0.41, -0.13),
                    (0.45, 0.0),
                    (0.47, 0.18),
                ),
                _blob((238, 178, 176), (0.40, 0.16), (0.37, 0.06), (0.38, -0.05), (0.41, -0.07), (0.43, 0.04)),
            )
        case "small":
            return (_oval(coat.fur, 0.34, 0.19, 0.15, 0.15), _oval(coat.belly, 0.345, 0.2, 0.08, 0.08))
        case "tufts":
            return (_flat(coat.shade, (0.30, 0.30), (0.27, 0.07), (0.48, 0.20)),)
        case _:
            return (
                _flat(coat.shade, (0.285, 0.33), (0.27, 0.03), (0.335, 0.06), (0.47, 0.19)),
                _flat(coat.belly, (0.325, 0.25), (0.305, 0.10), (0.42, 0.19)),
            )


def _eye(coat: Coat, *, beak: bool) -> tuple[Shape, ...]:
    """Return the left eye."""
    if beak:
        return (
            _oval(coat.belly, 0.41, 0.32, 0.17, 0.17),
            _oval(coat.eyes, 0.415, 0.32, 0.11, 0.11),
            _oval(INK, 0.42, 0.32, 0.06, 0.06),
        )
    return (
        _oval(coat.eyes, 0.405, 0.325, 0.062, 0.075),
        _oval(INK, 0.405, 0.325, 0.042 if coat.eyes != INK else 0.062, 0.068),
        _oval(WHITE, 0.417, 0.308, 0.02, 0.022),
    )


def _muzzle(coat: Coat) -> tuple[Shape, ...]:
    return (
        _blob(coat.belly, (0.5, 0.36), (0.57, 0.42), (0.66, 0.41), (0.60, 0.495), (0.5, 0.53), (0.40, 0.495),
              (0.34, 0.41), (0.43, 0.42)),
        _blob(INK, (0.46, 0.405), (0.5, 0.395), (0.54, 0.405), (0.5, 0.445)),
    )  # fmt: skip


def _beak() -> tuple[Shape, ...]:
    return (_blob((236, 160, 60), (0.5, 0.36), (0.535, 0.40), (0.5, 0.47), (0.465, 0.40)),)


def _tail(coat: Coat) -> tuple[Shape, ...]:
    match coat.tail:
        case "brush":
            return (
                _blob(coat.shade, (0.60, 0.95), (0.78, 0.97), (0.95, 0.88), (1.02, 0.70), (0.97, 0.55), (0.88, 0.62),
                      (0.80, 0.78), (0.66, 0.86)),
                _blob(coat.belly, (1.02, 0.72), (1.01, 0.60), (0.965, 0.54), (0.91, 0.59), (0.905, 0.67), (0.95, 0.66)),
            )  # fmt: skip
        case "curled":
            return (
                _blob(coat.shade, (0.64, 0.96), (0.80, 0.97), (0.90, 0.86), (0.89, 0.70), (0.95, 0.60), (0.91, 0.56),
                      (0.83, 0.66), (0.83, 0.82), (0.76, 0.89), (0.64, 0.88)),
            )  # fmt: skip
        case "none":
            return (
                _blob(coat.shade, (0.36, 0.5), (0.25, 0.66), (0.25, 0.86), (0.33, 0.95)),
                _blob(coat.shade, (0.64, 0.5), (0.75, 0.66), (0.75, 0.86), (0.67, 0.95)),
            )
        case _:
            return (_oval(coat.shade, 0.73, 0.86, 0.17, 0.15),)


_WALL: Colour = (222, 208, 190)
_STONE: Colour = (150, 146, 160)
_ROOF: Colour = (168, 70, 60)
_STEEL: Colour = (176, 190, 204)
_HULL: Colour = (120, 66, 52)
_WHALE: Colour = (52, 84, 120)

_THINGS: dict[str, tuple[Shape, ...]] = {
    "whale": (
        _blob(_WHALE, (0.02, 0.86), (0.14, 0.62), (0.42, 0.52), (0.70, 0.66), (0.84, 0.70), (0.86, 0.92), (0.5, 1.0),
              (0.10, 0.98)),
        _blob(_WHALE, (0.80, 0.74), (0.88, 0.58), (0.80, 0.42), (0.92, 0.44), (0.95, 0.52), (1.05, 0.42), (1.06, 0.54),
              (0.95, 0.66), (0.90, 0.84)),
        _blob((214, 226, 232), (0.05, 0.90), (0.24, 0.84), (0.50, 0.92), (0.60, 0.99), (0.14, 0.99)),
        _oval(INK, 0.19, 0.78, 0.03, 0.03),
        _blob((226, 240, 246), (0.36, 0.50), (0.33, 0.30), (0.22, 0.24), (0.35, 0.24), (0.38, 0.18), (0.41, 0.24),
              (0.53, 0.26), (0.41, 0.31), (0.39, 0.50)),
    ),
    "boat": (
        _box(_HULL, 0.485, 0.10, 0.505, 0.80),
        _blob(WHITE, (0.52, 0.12), (0.66, 0.34), (0.84, 0.68), (0.70, 0.73), (0.52, 0.72)),
        _blob((236, 106, 84), (0.47, 0.22), (0.36, 0.46), (0.18, 0.70), (0.34, 0.73), (0.47, 0.72)),
        _blob(_HULL, (0.10, 0.78), (0.50, 0.80), (0.92, 0.77), (0.80, 0.97), (0.50, 1.0), (0.24, 0.97)),
    ),
    "lighthouse": (
        _flat(WHITE, (0.43, 0.26), (0.57, 0.26), (0.63, 1.0), (0.37, 1.0)),
        _flat(_ROOF, (0.418, 0.40), (0.582, 0.40), (0.597, 0.55), (0.403, 0.55)),
        _flat(_ROOF, (0.391, 0.70), (0.609, 0.70), (0.622, 0.86), (0.378, 0.86)),
        _box(INK, 0.39, 0.235, 0.61, 0.265),
        _box(LAMP, 0.44, 0.13, 0.56, 0.235, lit=True),
        _flat(_ROOF, (0.41, 0.135), (0.5, 0.03), (0.59, 0.135)),
        _box(INK, 0.475, 0.92, 0.525, 1.0),
    ),
    "castle": (
        _box(_STONE, 0.18, 0.55, 0.82, 1.0),
        *(_box(_STONE, 0.18 + i * 0.1, 0.50, 0.24 + i * 0.1, 0.56) for i in range(7)),
        _box((172, 168, 182), 0.08, 0.36, 0.26, 1.0),
        _box((172, 168, 182), 0.74, 0.36, 0.92, 1.0),
        _box((172, 168, 182), 0.40, 0.26, 0.60, 1.0),
        _flat(_ROOF, (0.05, 0.37), (0.17, 0.12), (0.29, 0.37)),
        _flat(_ROOF, (0.71, 0.37), (0.83, 0.12), (0.95, 0.37)),
        _flat(_ROOF, (0.37, 0.27), (0.50, -0.02), (0.63, 0.27)),
        *(_box(LAMP, x, y, x + 0.035, y + 0.07, lit=True) for x, y in ((0.15, 0.46), (0.81, 0.46), (0.48, 0.38))),
        _blob((64, 46, 44), (0.43, 1.0), (0.43, 0.82), (0.5, 0.75), (0.57, 0.82), (0.57, 1.0)),
    ),
    "house": (
        _box((120, 84, 72), 0.66, 0.30, 0.74, 0.52),
        _box(_WALL, 0.20, 0.55, 0.80, 1.0),
        _flat(_ROOF, (0.12, 0.58), (0.34, 0.28), (0.66, 0.28), (0.88, 0.58)),
        _box(LAMP, 0.28, 0.66, 0.42, 0.80, lit=True),
        _box(LAMP, 0.62, 0.66, 0.72, 0.80, lit=True),
        _box((120, 84, 72), 0.47, 0.70, 0.57, 1.0),
    ),
    "balloon": (
        _flat((110, 84, 70), (0.43, 0.70), (0.44, 0.70), (0.465, 0.86), (0.455, 0.86)),
        _flat((110, 84, 70), (0.57, 0.70), (0.56, 0.70), (0.535, 0.86), (0.545, 0.86)),
        _blob((226, 84, 74), (0.5, 0.02), (0.74, 0.10), (0.84, 0.34), (0.70, 0.58), (0.56, 0.73), (0.44, 0.73),
              (0.30, 0.58), (0.16, 0.34), (0.26, 0.10)),
        _blob((250, 202, 106), (0.5, 0.02), (0.63, 0.12), (0.68, 0.34), (0.61, 0.58), (0.53, 0.73), (0.47, 0.73),
              (0.39, 0.58), (0.32, 0.34), (0.37, 0.12)),
        _blob((236, 122, 84), (0.5, 0.02), (0.555, 0.14), (0.575, 0.34), (0.545, 0.58), (0.51, 0.73), (0.49, 0.73),
              (0.455, 0.58), (0.425, 0.34), (0.445, 0.14)),
        _box((140, 100, 66), 0.45, 0.85, 0.55, 0.95),
    ),
    "rocket": (
        Shape(((0.44, 0.80), (0.56, 0.80), (0.5, 1.02)), (255, 176, 64), lit=True),
        _flat(_ROOF, (0.40, 0.58), (0.26, 0.84), (0.42, 0.78)),
        _flat(_ROOF, (0.60, 0.58), (0.74, 0.84), (0.58, 0.78)),
        _blob(WHITE, (0.5, 0.03), (0.60, 0.20), (0.63, 0.50), (0.57, 0.81), (0.43, 0.81), (0.37, 0.50), (0.40, 0.20)),
        _blob(_ROOF, (0.5, 0.03), (0.565, 0.12), (0.59, 0.20), (0.5, 0.22), (0.41, 0.20), (0.435, 0.12)),
        _oval(_STEEL, 0.5, 0.38, 0.15, 0.15),
        _oval((70, 130, 180), 0.5, 0.38, 0.11, 0.11),
    ),
    "robot": (
        _box(INK, 0.49, 0.06, 0.51, 0.18),
        _oval((240, 96, 84), 0.5, 0.06, 0.06, 0.06, lit=True),
        _box((130, 146, 162), 0.38, 0.84, 0.46, 0.99),
        _box((130, 146, 162), 0.54, 0.84, 0.62, 0.99),
        _blob((130, 146, 162), (0.30, 0.56), (0.22, 0.60), (0.20, 0.78), (0.26, 0.80), (0.30, 0.66)),
        _blob((130, 146, 162), (0.70, 0.56), (0.78, 0.60), (0.80, 0.78), (0.74, 0.80), (0.70, 0.66)),
        _blob(_STEEL, (0.30, 0.56), (0.5, 0.52), (0.70, 0.56), (0.70, 0.84), (0.5, 0.88), (0.30, 0.84)),
        _blob(_STEEL, (0.28, 0.22), (0.5, 0.17), (0.72, 0.22), (0.74, 0.46), (0.5, 0.51), (0.26, 0.46)),
        _blob((40, 52, 68), (0.33, 0.27), (0.5, 0.25), (0.67, 0.27), (0.67, 0.42), (0.5, 0.44), (0.33, 0.42)),
        _oval((120, 230, 220), 0.42, 0.345, 0.07, 0.08, lit=True),
        _oval((120, 230, 220), 0.58, 0.345, 0.07, 0.08, lit=True),
        _oval((240, 200, 90), 0.5, 0.69, 0.09, 0.09, lit=True),
    ),
}  # fmt: skip
