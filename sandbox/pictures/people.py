"""People, who stand and look at us, as shapes in a unit square whose lower edge is the ground."""

from dataclasses import dataclass

from sandbox.pictures.shapes import INK, WHITE, Colour, Shape, blob, both, box, flat, oval, shade

_SKIN: Colour = (238, 190, 150)
_BROWN: Colour = (94, 60, 44)
_BLONDE: Colour = (222, 176, 96)
_DARK: Colour = (52, 42, 46)
_SILVER: Colour = (206, 206, 212)
_GOLD: Colour = (244, 200, 84)


@dataclass(frozen=True)
class Look:
    """How somebody looks: hair, dress, and what is on the head."""

    clothes: Colour
    legs: Colour = (62, 74, 110)
    hair: Colour = _BROWN
    is_long: bool = False  # the hair
    has_skirt: bool = False
    hat: str = ""
    has_beard: bool = False
    is_small: bool = False


PEOPLE = {
    "boy": Look((214, 84, 70), is_small=True),
    "girl": Look((240, 190, 90), hair=_BLONDE, is_long=True, has_skirt=True, is_small=True),
    "man": Look((70, 118, 150), legs=(66, 60, 66), hair=_DARK, has_beard=True),
    "woman": Look((182, 84, 120), is_long=True, has_skirt=True),
    "old man": Look((104, 128, 108), hair=_SILVER, legs=(92, 84, 82), has_beard=True),
    "old woman": Look((128, 108, 156), hair=_SILVER, has_skirt=True),
    "princess": Look((236, 158, 190), hair=_BLONDE, is_long=True, has_skirt=True, hat="crown"),
    "king": Look((150, 52, 60), legs=(90, 40, 60), has_beard=True, hat="crown"),
    "wizard": Look((74, 66, 148), hair=_SILVER, has_skirt=True, has_beard=True, hat="point"),
    "astronaut": Look((226, 230, 236), legs=(226, 230, 236), hat="helmet"),
}


def person(look: Look) -> tuple[Shape, ...]:
    """Return somebody who looks like that, back to front."""
    sleeve, hand = shade(look.clothes, 0.12), _SKIN if look.hat != "helmet" else (180, 186, 198)
    shapes = [
        *_hair_behind(look),
        *_legs(look),
        *both(
            blob(sleeve, (0.40, 0.54), (0.33, 0.58), (0.28, 0.70), (0.29, 0.77), (0.34, 0.77), (0.38, 0.68)),
            oval(hand, 0.315, 0.785, 0.06, 0.06),
        ),
        *_body(look),
        oval(_SKIN, 0.5, 0.50, 0.09, 0.10),
        oval(_SKIN, 0.5, 0.35, 0.29, 0.31),
        *_face(),
        *_hair(look),
        *_hat(look),
    ]
    return tuple(_smaller(shape) for shape in shapes) if look.is_small else tuple(shapes)


def _smaller(shape: Shape) -> Shape:
    """A child is shorter, with a head that is large for the body."""

    def lowered(y: float) -> float:
        return 1 - (1 - y) * 0.86 if y > 0.5 else 0.57 - (0.5 - y) * 0.95

    return Shape(tuple((x, lowered(y)) for x, y in shape.points), shape.colour, shape.round, shape.lit)


def _legs(look: Look) -> tuple[Shape, ...]:
    shoe = shade(look.legs, 0.45)
    leg = _SKIN if look.has_skirt else look.legs
    return both(box(leg, 0.42, 0.74, 0.485, 0.96), oval(shoe, 0.445, 0.965, 0.11, 0.06))


def _body(look: Look) -> tuple[Shape, ...]:
    if look.has_skirt:
        foot = 0.95 if look.hat == "point" else 0.86
        dress = blob(look.clothes, (0.5, 0.52), (0.60, 0.54), (0.62, 0.66), (0.70, foot), (0.5, foot + 0.03),
                     (0.30, foot), (0.38, 0.66), (0.40, 0.54))  # fmt: skip
        return (dress, box(shade(look.clothes, 0.25), 0.40, 0.67, 0.60, 0.69))
    shirt = blob(look.clothes, (0.5, 0.52), (0.61, 0.54), (0.63, 0.66), (0.61, 0.79), (0.5, 0.80), (0.39, 0.79),
                 (0.37, 0.66), (0.39, 0.54))  # fmt: skip
    belt = box(shade(look.legs, 0.4), 0.39, 0.755, 0.61, 0.785)
    badge = (box((120, 160, 210), 0.45, 0.60, 0.55, 0.68),) if look.hat == "helmet" else ()
    return (shirt, belt, *badge)


def _face() -> tuple[Shape, ...]:
    cheeks = both(oval((238, 158, 134), 0.415, 0.405, 0.055, 0.04))
    eyes = both(oval(INK, 0.44, 0.355, 0.034, 0.046), oval(WHITE, 0.447, 0.345, 0.011, 0.013))
    smile = blob((172, 78, 72), (0.455, 0.425), (0.5, 0.44), (0.545, 0.425), (0.5, 0.458))
    return (*cheeks, *eyes, smile)


def _hair_behind(look: Look) -> tuple[Shape, ...]:
    if look.hat == "helmet":
        return (oval((236, 240, 246), 0.5, 0.35, 0.43, 0.43),)
    if not look.is_long:
        return ()
    return (
        blob(look.hair, (0.5, 0.17), (0.64, 0.22), (0.69, 0.38), (0.68, 0.58), (0.58, 0.62), (0.5, 0.56), (0.42, 0.62),
             (0.32, 0.58), (0.31, 0.38), (0.36, 0.22)),
    )  # fmt: skip


def _hair(look: Look) -> tuple[Shape, ...]:
    if look.hat == "helmet":
        return (blob(shade((236, 240, 246), 0.08), (0.36, 0.28), (0.40, 0.21), (0.5, 0.185), (0.60, 0.21), (0.64, 0.28),
                     (0.5, 0.235)),)  # fmt: skip
    fringe = blob(look.hair, (0.5, 0.155), (0.62, 0.20), (0.665, 0.33), (0.63, 0.355), (0.60, 0.27), (0.50, 0.275),
                  (0.40, 0.265), (0.37, 0.355), (0.335, 0.33), (0.38, 0.20))  # fmt: skip
    bun = (oval(look.hair, 0.5, 0.15, 0.14, 0.12),) if look.has_skirt and not look.is_long and not look.hat else ()
    if not look.has_beard:
        return (*bun, fringe)
    beard = blob(look.hair, (0.355, 0.38), (0.40, 0.43), (0.455, 0.405), (0.5, 0.415), (0.545, 0.405), (0.60, 0.43),
                 (0.645, 0.38), (0.62, 0.49), (0.5, 0.56 if look.hat == "point" else 0.525), (0.38, 0.49))  # fmt: skip
    return (fringe, beard, blob((172, 78, 72), (0.465, 0.44), (0.5, 0.45), (0.535, 0.44), (0.5, 0.466)))


def _hat(look: Look) -> tuple[Shape, ...]:
    match look.hat:
        case "crown":
            points = ((0.37, 0.23), (0.35, 0.08), (0.43, 0.15), (0.5, 0.05), (0.57, 0.15), (0.65, 0.08), (0.63, 0.23))
            return (flat(_GOLD, *points), oval((208, 62, 84), 0.5, 0.185, 0.045, 0.045))
        case "point":
            hat, band = shade(look.clothes, 0.1), (226, 190, 92)
            return (
                flat(hat, (0.5, -0.16), (0.645, 0.235), (0.355, 0.235)),
                blob(hat, (0.26, 0.235), (0.5, 0.195), (0.74, 0.235), (0.5, 0.285)),
                flat(band, (0.372, 0.19), (0.628, 0.19), (0.643, 0.23), (0.357, 0.23)),
                oval(band, 0.5, 0.06, 0.04, 0.04),
            )
        case _:
            return ()
