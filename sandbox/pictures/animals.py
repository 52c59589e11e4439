"""Animals, most of which sit and look at us, as shapes in a unit square whose lower edge is the ground."""

from dataclasses import dataclass

from sandbox.pictures.shapes import INK, WHITE, Colour, Shape, blob, both, box, flat, oval


@dataclass(frozen=True)
class Coat:
    """The colours of an animal and the form of its ears."""

    fur: Colour
    shade: Colour
    belly: Colour
    ears: str
    eyes: Colour = INK
    tail: str = "round"
    marks: str = ""  # what tells this kind from others


COATS = {
    "fox": Coat((226, 112, 44), (188, 82, 30), WHITE, "pointed", tail="brush"),
    "cat": Coat((98, 94, 110), (72, 68, 84), (226, 220, 224), "pointed", eyes=(160, 205, 90), tail="curled"),
    "wolf": Coat((138, 146, 160), (104, 111, 126), (232, 234, 238), "pointed", tail="brush"),
    "dog": Coat((200, 146, 88), (158, 106, 60), (250, 232, 206), "hanging"),
    "rabbit": Coat((214, 200, 188), (184, 166, 154), WHITE, "long"),
    "bear": Coat((128, 88, 62), (98, 66, 46), (196, 156, 120), "small"),
    "owl": Coat(
        (146, 110, 80), (108, 78, 56), (232, 212, 180), "tufts", eyes=(250, 190, 60), tail="none", marks="beak"
    ),
    "pitbull": Coat((132, 132, 144), (100, 100, 112), (240, 238, 238), "folded", tail="curled", marks="collar"),
    "panda": Coat((246, 244, 240), (52, 48, 56), (250, 248, 246), "small", marks="patches"),
    "tiger": Coat((234, 146, 58), (204, 116, 40), WHITE, "small", tail="curled", marks="stripes"),
    "lion": Coat((224, 170, 90), (196, 138, 66), (246, 222, 178), "small", tail="curled", marks="mane"),
    "mouse": Coat((164, 158, 166), (136, 130, 140), (226, 220, 224), "large", tail="curled"),
    "koala": Coat((152, 158, 170), (122, 128, 142), (224, 226, 232), "large", marks="nose"),
    "pig": Coat((244, 176, 178), (224, 146, 152), (250, 200, 198), "folded", tail="curled", marks="snout"),
    "squirrel": Coat((178, 104, 60), (146, 80, 44), (248, 226, 198), "pointed", tail="brush"),
    "elephant": Coat((146, 152, 168), (118, 124, 142), (162, 168, 182), "sails", tail="curled", marks="trunk"),
    "horse": Coat((158, 104, 66), (122, 78, 48), (206, 162, 122), "pointed", tail="brush", marks="forelock"),
    "unicorn": Coat((246, 244, 250), (222, 214, 236), (250, 236, 246), "pointed", tail="brush", marks="horn"),
    "penguin": Coat((52, 58, 78), (38, 44, 62), WHITE, "none", tail="none", marks="beak"),
    "dragon": Coat(
        (92, 158, 104), (62, 120, 80), (226, 214, 140), "horns", eyes=(250, 196, 70), tail="curled", marks="wings"
    ),
}


def animal(coat: Coat) -> tuple[Shape, ...]:
    """Return an animal in that coat, back to front."""
    body = blob(coat.fur, (0.5, 0.42), (0.64, 0.55), (0.72, 0.80), (0.70, 0.96), (0.5, 0.99), (0.30, 0.96),
                (0.28, 0.80), (0.36, 0.55))  # fmt: skip
    chest = blob(coat.belly, (0.5, 0.5), (0.58, 0.60), (0.60, 0.76), (0.5, 0.88), (0.40, 0.76), (0.42, 0.60))
    head = blob(coat.fur, (0.5, 0.15), (0.63, 0.17), (0.72, 0.31), (0.70, 0.41), (0.60, 0.50), (0.5, 0.53),
                (0.40, 0.50), (0.30, 0.41), (0.28, 0.31), (0.37, 0.17))  # fmt: skip
    paws = both(oval(coat.shade, 0.41, 0.955, 0.13, 0.075))
    ears = both(*_ear(coat))
    hangs = coat.ears in {"hanging", "folded"}
    face = (*(_beak() if coat.marks == "beak" else _muzzle(coat)), *both(*_eye(coat)))
    return (
        *_tail(coat), *_behind(coat), body, chest, *_on_the_body(coat), *paws,
        *(() if hangs else ears), head, *_on_the_head(coat), *(ears if hangs else ()), *face, *_before_the_face(coat),
    )  # fmt: skip


def _behind(coat: Coat) -> tuple[Shape, ...]:
    """Return what is to be seen behind the body."""
    match coat.marks:
        case "mane":
            mane: Colour = (150, 88, 40)
            return (
                blob(mane, (0.5, 0.03), (0.68, 0.08), (0.81, 0.22), (0.83, 0.38), (0.74, 0.55), (0.5, 0.64),
                     (0.26, 0.55), (0.17, 0.38), (0.19, 0.22), (0.32, 0.08)),
            )  # fmt: skip
        case "wings":
            return both(
                blob(coat.shade, (0.38, 0.58), (0.22, 0.34), (0.02, 0.26), (0.06, 0.44), (0.0, 0.56), (0.12, 0.62),
                     (0.16, 0.74), (0.26, 0.70), (0.34, 0.78)),
            )  # fmt: skip
        case "horn" | "forelock":
            hair = _HAIR[coat.marks]
            return (blob(hair, (0.5, 0.10), (0.66, 0.16), (0.76, 0.34), (0.74, 0.62), (0.64, 0.66), (0.5, 0.55),
                         (0.36, 0.66), (0.26, 0.62), (0.24, 0.34), (0.34, 0.16)),)  # fmt: skip
        case _:
            return ()


_HAIR: dict[str, Colour] = {"forelock": (70, 46, 36), "horn": (232, 150, 204)}
_STRIPE: Colour = (66, 44, 40)


def _on_the_body(coat: Coat) -> tuple[Shape, ...]:
    match coat.marks:
        case "stripes":
            return both(
                flat(_STRIPE, (0.31, 0.66), (0.40, 0.69), (0.305, 0.70)),
                flat(_STRIPE, (0.285, 0.76), (0.39, 0.79), (0.28, 0.80)),
                flat(_STRIPE, (0.285, 0.86), (0.38, 0.88), (0.29, 0.90)),
            )
        case "patches":
            return (
                *both(blob(coat.shade, (0.36, 0.54), (0.26, 0.66), (0.25, 0.84), (0.34, 0.86), (0.40, 0.66))),
                *both(oval(coat.shade, 0.37, 0.93, 0.20, 0.14)),
            )
        case "collar":
            return (
                blob(
                    (196, 60, 60), (0.36, 0.50), (0.5, 0.555), (0.64, 0.50), (0.63, 0.555), (0.5, 0.605), (0.37, 0.555)
                ),
                oval((244, 200, 84), 0.5, 0.605, 0.055, 0.055),
            )
        case _:
            return ()


def _on_the_head(coat: Coat) -> tuple[Shape, ...]:
    match coat.marks:
        case "stripes":
            return (
                flat(_STRIPE, (0.48, 0.155), (0.52, 0.155), (0.5, 0.25)),
                *both(flat(_STRIPE, (0.41, 0.17), (0.445, 0.16), (0.455, 0.235))),
                *both(flat(_STRIPE, (0.285, 0.33), (0.36, 0.36), (0.285, 0.365))),
            )
        case "patches":
            return both(blob(coat.shade, (0.45, 0.29), (0.36, 0.28), (0.33, 0.37), (0.38, 0.40), (0.45, 0.36)))
        case "horn" | "forelock":
            hair = _HAIR[coat.marks]
            lock = blob(hair, (0.5, 0.11), (0.58, 0.14), (0.57, 0.25), (0.52, 0.30), (0.44, 0.26), (0.42, 0.15))
            if coat.marks == "forelock":
                return (lock,)
            return (lock, flat((246, 206, 110), (0.46, 0.19), (0.5, -0.10), (0.54, 0.19)))
        case _:
            return ()


def _before_the_face(coat: Coat) -> tuple[Shape, ...]:
    match coat.marks:
        case "trunk":
            return (
                blob(coat.fur, (0.445, 0.38), (0.555, 0.38), (0.555, 0.56), (0.57, 0.68), (0.64, 0.70), (0.64, 0.76),
                     (0.55, 0.77), (0.475, 0.70), (0.455, 0.55)),
                *(box(coat.shade, 0.465, 0.46 + 0.06 * i, 0.545, 0.467 + 0.06 * i) for i in range(3)),
            )  # fmt: skip
        case "nose":
            return (
                blob((70, 66, 78), (0.5, 0.33), (0.55, 0.38), (0.54, 0.46), (0.5, 0.48), (0.46, 0.46), (0.45, 0.38)),
            )
        case "snout":
            return (
                oval(coat.shade, 0.5, 0.425, 0.20, 0.13),
                *both(oval((176, 96, 106), 0.465, 0.425, 0.03, 0.05)),
            )
        case _:
            return ()


def _ear(coat: Coat) -> tuple[Shape, ...]:
    """Return the left ear."""
    match coat.ears:
        case "hanging":
            return (
                blob(coat.shade, (0.36, 0.17), (0.28, 0.19), (0.21, 0.32), (0.22, 0.46), (0.29, 0.46), (0.33, 0.32)),
            )
        case "long":
            return (
                blob(coat.fur, (0.38, 0.22), (0.33, 0.08), (0.35, -0.10), (0.41, -0.13), (0.45, 0.0), (0.47, 0.18)),
                blob((238, 178, 176), (0.40, 0.16), (0.37, 0.06), (0.38, -0.05), (0.41, -0.07), (0.43, 0.04)),
            )
        case "small":
            return (oval(coat.fur, 0.34, 0.19, 0.15, 0.15), oval(coat.belly, 0.345, 0.2, 0.08, 0.08))
        case "folded":
            return (
                blob(coat.shade, (0.42, 0.16), (0.33, 0.10), (0.25, 0.16), (0.24, 0.27), (0.30, 0.31), (0.34, 0.22)),
            )
        case "large":
            return (oval(coat.fur, 0.27, 0.20, 0.27, 0.27), oval((236, 182, 182), 0.275, 0.205, 0.17, 0.17))
        case "sails":
            return (
                blob(coat.shade, (0.37, 0.20), (0.22, 0.12), (0.06, 0.20), (0.04, 0.38), (0.14, 0.52), (0.28, 0.48),
                     (0.36, 0.38)),
            )  # fmt: skip
        case "horns":
            return (
                blob((240, 226, 178), (0.36, 0.19), (0.31, 0.10), (0.30, -0.03), (0.36, 0.03), (0.43, 0.15)),
                flat(coat.shade, (0.30, 0.36), (0.16, 0.26), (0.32, 0.24)),
            )
        case "none":
            return ()
        case "tufts":
            return (flat(coat.shade, (0.30, 0.30), (0.27, 0.07), (0.48, 0.20)),)
        case _:
            return (
                flat(coat.shade, (0.285, 0.33), (0.27, 0.03), (0.335, 0.06), (0.47, 0.19)),
                flat(coat.belly, (0.325, 0.25), (0.305, 0.10), (0.42, 0.19)),
            )


def _eye(coat: Coat) -> tuple[Shape, ...]:
    """Return the left eye."""
    if coat.marks == "beak":
        return (
            oval(coat.belly, 0.41, 0.32, 0.17, 0.17),
            oval(coat.eyes, 0.415, 0.32, 0.11, 0.11),
            oval(INK, 0.42, 0.32, 0.06, 0.06),
        )
    return (
        oval(coat.eyes, 0.405, 0.325, 0.062, 0.075),
        oval(INK, 0.405, 0.325, 0.042 if coat.eyes != INK else 0.062, 0.068),
        oval(WHITE, 0.417, 0.308, 0.02, 0.022),
    )


def _muzzle(coat: Coat) -> tuple[Shape, ...]:
    return (
        blob(coat.belly, (0.5, 0.36), (0.57, 0.42), (0.66, 0.41), (0.60, 0.495), (0.5, 0.53), (0.40, 0.495),
              (0.34, 0.41), (0.43, 0.42)),
        blob(INK, (0.46, 0.405), (0.5, 0.395), (0.54, 0.405), (0.5, 0.445)),
    )  # fmt: skip


def _beak() -> tuple[Shape, ...]:
    return (blob((236, 160, 60), (0.5, 0.36), (0.535, 0.40), (0.5, 0.47), (0.465, 0.40)),)


def _tail(coat: Coat) -> tuple[Shape, ...]:
    match coat.tail:
        case "brush":
            return (
                blob(coat.shade, (0.60, 0.95), (0.78, 0.97), (0.95, 0.88), (1.02, 0.70), (0.97, 0.55), (0.88, 0.62),
                      (0.80, 0.78), (0.66, 0.86)),
                blob(coat.belly, (1.02, 0.72), (1.01, 0.60), (0.965, 0.54), (0.91, 0.59), (0.905, 0.67), (0.95, 0.66)),
            )  # fmt: skip
        case "curled":
            return (
                blob(coat.shade, (0.64, 0.96), (0.80, 0.97), (0.90, 0.86), (0.89, 0.70), (0.95, 0.60), (0.91, 0.56),
                      (0.83, 0.66), (0.83, 0.82), (0.76, 0.89), (0.64, 0.88)),
            )  # fmt: skip
        case "none":
            return (
                blob(coat.shade, (0.36, 0.5), (0.25, 0.66), (0.25, 0.86), (0.33, 0.95)),
                blob(coat.shade, (0.64, 0.5), (0.75, 0.66), (0.75, 0.86), (0.67, 0.95)),
            )
        case _:
            return (oval(coat.shade, 0.73, 0.86, 0.17, 0.15),)
