"""Draws a scene: sky, light, ridges one behind the other, and somebody in front of them.

Everything is a few big polygons. Only thin bands are drawn at twice the size and reduced, which
gives smooth edges for a fraction of what the whole picture would cost.
"""

import functools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from sandbox.pictures.scene import Figure, Scene
from sandbox.pictures.shapes import WHITE, Colour, Point, Shape
from sandbox.pictures.subjects import is_afloat, is_airborne, is_behind, shapes_of

FINE = 2  # how much larger a band is drawn before it is reduced


@dataclass(frozen=True)
class Palette:
    """The colours of an hour: the sky from top to horizon, light, far haze and near ground."""

    sky: tuple[Colour, ...]
    light: Colour
    haze: Colour
    near: Colour
    gloom: float  # 0 = daylight on everything, 1 = silhouettes


PALETTES = {
    "day": Palette(
        ((58, 134, 206), (118, 184, 228), (206, 232, 240)),
        (255, 250, 224),
        (158, 194, 208),
        (44, 98, 72),
        0.0,
    ),
    "dawn": Palette(
        ((62, 66, 128), (190, 118, 158), (252, 200, 164)),
        (255, 236, 204),
        (186, 142, 168),
        (58, 50, 82),
        0.22,
    ),
    "dusk": Palette(
        ((38, 40, 94), (158, 76, 122), (250, 146, 92), (255, 208, 140)),
        (255, 232, 176),
        (196, 106, 116),
        (44, 30, 60),
        0.25,
    ),
    "night": Palette(((6, 10, 32), (20, 36, 82), (54, 84, 138)), (240, 242, 252), (52, 82, 132), (10, 18, 40), 0.35),
}
GROUNDS: dict[str, Colour] = {
    "snow": (224, 236, 248),
    "desert": (224, 164, 96),
    "autumn": (188, 104, 48),
    "space": (126, 108, 150),
    "sea": (214, 180, 136),
    "city": (84, 86, 106),
}


def draw(scene: Scene, width: int, height: int) -> Image.Image:
    """Draw ``scene`` in RGB."""
    return _Easel(scene, width, height).picture()


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """Return the colour that is ``share`` (0 to 1) of the way from ``one`` to ``other``."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


class _Easel:
    """One picture while it is being drawn."""

    def __init__(self, scene: Scene, width: int, height: int) -> None:
        self.scene = scene
        self.width, self.height = width, height
        self.unit = min(width, height)
        self.chance = random.Random(scene.dice)
        self.palette = _palette_of(scene)
        self.canvas = self._wide(_column(self.palette.sky, height))
        self.brush = ImageDraw.Draw(self.canvas)
        self.horizon = round(height * (0.58 if scene.land == "sea" else 0.54))
        self.sun_x = width * self.chance.uniform(0.2, 0.8)
        self.ground = self._ground_colour()
        self._has_birds = any(figure.subject == "birds" for figure in scene.figures)

    def picture(self) -> Image.Image:
        self._sky()
        ridge = self._land()
        self._figures(ridge)
        self._weather()
        self._signature()
        return self.canvas

    def _sky(self) -> None:
        if self.scene.land in {"room", "underwater"}:
            return
        if self.scene.hour == "night" or self.scene.land == "space":
            self._stars()
        if self.scene.aurora:
            self._aurora()
        self._light()
        if self.scene.hour != "night" and self.scene.land != "space":
            self._clouds()
        if self._has_birds or (self.scene.subject is None and self.scene.hour != "night"):
            self._birds()

    def _gradient(self, colours: Sequence[Colour], top: int, bottom: int) -> None:
        self.canvas.paste(self._wide(_column(tuple(colours), bottom - top)), (0, top))

    def _stars(self) -> None:
        for _ in range(140):
            x, y = self.chance.uniform(0, self.width), self.height * 0.72 * self.chance.random() ** 1.4
            size = self.unit * self.chance.choice((0.0006, 0.0008, 0.001, 0.0016))
            colour = mix(_at(self.palette.sky, y / self.height), (255, 252, 240), self.chance.uniform(0.35, 1))
            self.brush.ellipse((x - size, y - size, x + size, y + size), fill=colour)

    def _aurora(self) -> None:
        """Hang green curtains: a small picture of them, stretched until it is soft."""
        wide, high = 96, 48
        for colour, fold in (((150, 110, 230), 0.62), ((96, 240, 170), 0.78)):
            curtain = Image.new("L", (wide, high))
            turn = self.chance.uniform(0, math.tau)
            feet = [high * fold - 5 * math.sin(x / 15 + turn) - 2 * math.sin(x / 5) for x in range(wide)]
            rays = [0.7 + 0.3 * math.sin(x * 1.3 + turn) for x in range(wide)]
            curtain.putdata([round(190 * rays[x] * _veil(feet[x] - y)) for y in range(high) for x in range(wide)])
            size = self.width, round(self.height * 0.6)
            self.canvas.paste(colour, (0, 0), curtain.resize(size, Image.Resampling.BICUBIC))

    def _light(self) -> None:
        """Set the sun, the moon, or a planet with its ring."""
        height_of = {"day": 0.20, "dawn": 0.44, "dusk": 0.42, "night": 0.22}
        x, y = self.sun_x, self.height * height_of[self.scene.hour]
        if self.scene.land == "space":
            self._planet(x, self.height * 0.28)
            return
        self._glow(x, y, self.unit * (0.28 if self.scene.hour != "night" else 0.18), self.palette.light, 0.75)
        radius = self.unit * (0.075 if self.scene.hour in {"dusk", "dawn"} else 0.052)
        self._fine(x - radius, y - radius, 2 * radius, 2 * radius, [_disc(0.5, 0.5, 0.5, self.palette.light)])

    def _planet(self, x: float, y: float) -> None:
        body = self.chance.choice(((222, 150, 104), (126, 170, 206), (196, 128, 170)))
        size = self.unit * 0.42
        self._glow(x, y, size * 0.56, body, 0.4)
        stripes = [
            Shape(
                (
                    (0.19 + i * 0.005, 0.40 + i * 0.07),
                    (0.80, 0.38 + i * 0.07),
                    (0.80, 0.41 + i * 0.07),
                    (0.19, 0.43 + i * 0.07),
                ),
                mix(body, (70, 44, 70), 0.18),
            )
            for i in range(3)
        ]
        ring = _ring(mix(body, (255, 240, 220), 0.55))
        self._fine(x - size / 2, y - size / 2, size, size, [ring[0], _disc(0.5, 0.5, 0.32, body), *stripes, ring[1]])

    def _glow(self, x: float, y: float, radius: float, colour: Colour, strength: float) -> None:
        mask = _glow_mask(max(2, round(2 * radius)), strength)
        self.canvas.paste(colour, (round(x - radius), round(y - radius)), mask)

    def _clouds(self) -> None:
        for _ in range(self.chance.randint(2, 4)):
            wide = self.unit * self.chance.uniform(0.22, 0.42)
            x, y = (
                self.chance.uniform(-0.1, 0.9) * self.width,
                self.height * self.chance.uniform(0.06, 0.32),
            )
            sky = _at(self.palette.sky, y / self.height)
            shade = mix(sky, self.palette.light, self.chance.uniform(0.35, 0.6))
            puffs = [
                _disc(
                    0.2 + 0.15 * i,
                    0.75 - self.chance.uniform(0.02, 0.3),
                    self.chance.uniform(0.12, 0.2),
                    shade,
                )
                for i in range(5)
            ]
            base = Shape(
                ((0.1, 0.72), (0.5, 0.6), (0.92, 0.72), (0.86, 0.86), (0.5, 0.88), (0.14, 0.86)), shade, round=True
            )
            self._fine(x, y, wide, wide * 0.36, [base, *puffs])

    def _birds(self) -> None:
        ink = mix(self.palette.near, self.palette.sky[-1], 0.25)
        flock_x, flock_y = self.chance.uniform(0.2, 0.7), self.chance.uniform(0.14, 0.32)
        for i in range(7 if self._has_birds else 3):
            x = (flock_x + 0.045 * i - 0.06 * (i % 2)) * self.width
            y = (flock_y + 0.02 * (i % 3)) * self.height
            span = self.unit * self.chance.uniform(0.014, 0.024)
            wings = (
                (0.0, 0.3),
                (0.25, 0.05),
                (0.5, 0.42),
                (0.75, 0.05),
                (1.0, 0.3),
                (0.75, 0.22),
                (0.5, 0.62),
                (0.25, 0.22),
            )
            self._fine(x, y, 2 * span, 2 * span, [Shape(wings, ink)])

    def _land(self) -> "Ridge":
        """Draw the land and return the ridge on which the subject stands."""
        match self.scene.land:
            case "sea":
                return self._sea()
            case "city":
                return self._city()
            case "desert":
                return self._hills((0.60, 0.70, 0.82), rough=0.05, jagged=0.0)
            case "room":
                return self._room()
            case "underwater":
                return self._seabed()
            case "space":
                return self._hills((0.74, 0.84), rough=0.04, jagged=0.1)
            case "mountains":
                return self._mountains()
            case "forest":
                return self._forest()
            case _:
                return self._meadow()

    def _ground_colour(self) -> Colour:
        kind = "autumn" if self.scene.autumn else self.scene.weather
        kind = kind if kind in GROUNDS else self.scene.land
        if kind not in GROUNDS:
            return self.palette.near
        return mix(GROUNDS[kind], self.palette.near, self.palette.gloom * 1.4)

    def _hills(self, heights: Sequence[float], *, rough: float, jagged: float) -> "Ridge":
        """Draw ridges from far to near; ``heights`` are the parts of the picture above them."""
        ridges = [Ridge.thrown(self.chance, self.unit, self.height * part, rough, jagged) for part in heights]
        for i, ridge in enumerate(ridges):
            nearness = (i + 1) / len(ridges)
            bottom = self.height if i == len(ridges) - 1 else max(y for _, y in ridges[i + 1].crest(self.width))
            self._ridge(ridge, self._tint(nearness), bottom)
        return ridges[-1]

    def _tint(self, nearness: float) -> Colour:
        return mix(self.palette.haze, self.ground, nearness)

    def _ridge(self, ridge: "Ridge", colour: Colour, bottom: float) -> None:
        """Fill below ``ridge`` down to ``bottom``, fading towards the haze that lies in the valley."""
        crest = ridge.crest(self.width)
        top = max(0, math.floor(min(y for _, y in crest)) - 1)
        solid = math.ceil(max(y for _, y in crest)) + 1
        end = min(self.height, max(math.ceil(bottom) + 1, solid))
        if end <= top:
            return
        foot = mix(colour, (0, 0, 0), 0.3) if end >= self.height else mix(colour, self.palette.haze, 0.35)
        # Only the rows that the crest runs through need a mask.
        seam = min(solid, end)
        # A ridge is rather level, so it is drawn finer in the vertical alone.
        mask = Image.new("L", (self.width, (seam - top) * FINE))
        outline = [(x, (y - top) * FINE) for x, y in crest]
        deepest = mask.height + 4.0
        floor = [(outline[-1][0], deepest), (outline[0][0], deepest)]
        ImageDraw.Draw(mask).polygon(outline + floor, fill=255)
        column = _column((colour, foot), end - top)
        self.canvas.paste(self._wide(column.crop((0, 0, 1, seam - top))), (0, top), mask.reduce((1, FINE)))
        if seam < end:
            self.canvas.paste(self._wide(column.crop((0, seam - top, 1, end - top))), (0, seam))

    def _wide(self, column: Image.Image) -> Image.Image:
        """Return the column stretched over the whole width."""
        return column.resize((self.width, column.height), Image.Resampling.NEAREST)

    def _mountains(self) -> "Ridge":
        far = Ridge.thrown(self.chance, self.unit, self.height * 0.46, 0.09, 0.9)
        self._ridge(far, self._tint(0.12), self.height * 0.72)
        peaks = Ridge.thrown(self.chance, self.unit, self.height * 0.52, 0.15, 1.0)
        self._ridge(peaks, mix(self._tint(0.4), (40, 46, 84), 0.25), self.height * 0.78)
        self._snowcaps(peaks)
        return self._hills((0.72, 0.84), rough=0.05, jagged=0.0)

    def _snowcaps(self, peaks: "Ridge") -> None:
        """Whiten what rises above the snow line; its lower edge is a zigzag."""
        line = self.height * 0.50
        white = mix((250, 252, 255), self.palette.haze, 0.15 + self.palette.gloom)
        cap: list[Point] = []
        for point in peaks.crest(self.width):
            if point[1] < line:
                cap.append(point)
                continue
            self._cap(cap, line, white)
            cap = []
        self._cap(cap, line, white)

    def _cap(self, crest: list[Point], line: float, white: Colour) -> None:
        if len(crest) < 3:
            return
        hem = [(x, min(line, y + (line - y) * self.chance.uniform(0.35, 0.95))) for x, y in reversed(crest[1:-1])]
        self.brush.polygon([*crest, *hem], fill=white)

    def _forest(self) -> "Ridge":
        ridges = [Ridge.thrown(self.chance, self.unit, self.height * part, 0.04, 0.0) for part in (0.52, 0.62, 0.72)]
        for i, ridge in enumerate(ridges):
            nearness = 0.2 + 0.25 * i
            self._trees(ridge, self._needle(nearness), size=self.unit * (0.07 + 0.055 * i), count=34 - 7 * i)
            self._ridge(ridge, self._tint(nearness), self.height * 0.95)
        near = Ridge.thrown(self.chance, self.unit, self.height * 0.84, 0.03, 0.0)
        self._ridge(near, self._tint(1.0), self.height)
        self._sentinels(near)
        return near

    def _needle(self, nearness: float) -> Colour:
        """Return the colour of trees: dark even where the ground is white."""
        leaf, dark = ((198, 96, 40), 0.0) if self.scene.autumn else ((38, 84, 66), 0.3)
        leaf = mix(leaf, self.palette.near, dark + self.palette.gloom)
        return mix(self.palette.haze, leaf, 0.35 + 0.65 * nearness)

    def _trees(self, ridge: "Ridge", colour: Colour, *, size: float, count: int) -> None:
        """Draw firs along the ridge, each over a slightly wider one of a middle colour: that softens its edges."""
        edge = mix(colour, self.palette.haze, 0.5)
        for i in range(count):
            x = (i + self.chance.uniform(-0.4, 0.4)) / (count - 1) * self.width
            tall = size * self.chance.uniform(0.7, 1.4)
            foot = ridge.at(x) + size * 0.12
            tiers = _fir(x, foot, tall)
            for (left, low), top, (right, _) in tiers:
                self.brush.polygon([(left - 1, low), top, (right + 1, low)], fill=edge)
            for tier in tiers:
                self.brush.polygon(tier, fill=colour)

    def _sentinels(self, near: "Ridge") -> None:
        """Stand two or three big firs at the edges, so that the middle stays free for the subject."""
        for x in (0.04, 0.15, 0.90, 1.0)[self.chance.randint(0, 1) :]:
            tall = self.unit * self.chance.uniform(0.34, 0.5)
            left, foot = x * self.width, near.at(x * self.width) + self.unit * 0.03
            tiers = _fir(0.5, 1.0, 1.0)
            shapes = [Shape(tuple(tier), self._needle(1.0)) for tier in tiers]
            if self.scene.weather == "snow":
                shapes += [Shape(_snow_on(tier), mix(self.ground, (255, 255, 255), 0.2)) for tier in tiers]
            self._fine(left - tall / 2, foot - tall, tall, tall, shapes)

    def _meadow(self) -> "Ridge":
        near = self._hills((0.56, 0.64, 0.74, 0.85), rough=0.05, jagged=0.0)
        if self.scene.weather == "snow":
            return near
        petals = ((244, 196, 84), (238, 122, 112), (248, 240, 232), (186, 140, 214))
        for _ in range(110):
            x = self.chance.uniform(0, self.width)
            y = near.at(x) + (self.height - near.at(x)) * self.chance.uniform(0.08, 1)
            size = self.unit * 0.0012 * (1 + 4 * (y / self.height - 0.8))
            colour = mix(self.chance.choice(petals), self.palette.near, self.palette.gloom * 1.2)
            self.brush.ellipse((x - 2 * size, y - 2 * size, x + 2 * size, y + 2 * size), fill=colour)
        return near

    def _sea(self) -> "Ridge":
        far = Ridge.thrown(self.chance, self.unit, self.horizon - self.unit * 0.05, 0.04, 0.5)
        self._ridge(far, self._tint(0.15), self.horizon)
        water = mix(self.palette.sky[0], (30, 110, 130), 0.35)
        self._gradient(
            (mix(self.palette.sky[-1], water, 0.35), water, mix(water, (0, 0, 0), 0.4)),
            self.horizon,
            self.height,
        )
        self._shimmer(water)
        shore = Ridge.thrown(self.chance, self.unit, self.height * 0.93, 0.03, 0.0)
        if self.scene.figures and all(is_afloat(figure.subject) for figure in self.scene.figures):
            return Ridge.level(self.height * 0.76)
        self._ridge(shore, self.ground, self.height)
        return shore

    def _room(self) -> "Ridge":
        """Draw a wall with a window and a picture, a lamp, and the floor."""
        paints = ((214, 178, 142), (158, 180, 168), (190, 164, 190), (170, 186, 206))
        wall = mix(self.chance.choice(paints), (40, 34, 60), self.palette.gloom * 0.9)
        floor, foot = mix((150, 104, 70), (30, 24, 40), self.palette.gloom), round(self.height * 0.72)
        self._gradient((mix(wall, (255, 255, 255), 0.16), wall), 0, foot)
        self._gradient((floor, mix(floor, (0, 0, 0), 0.35)), foot, self.height)
        self.brush.rectangle((0, foot - self.unit * 0.02, self.width, foot), fill=mix(wall, (255, 255, 255), 0.5))
        left = self.width * (0.12 if self.sun_x > self.width / 2 else 0.60)
        self._window(left, self.height * 0.12, self.unit * 0.30, self.unit * 0.36)
        lamp_x = self.width - left - self.unit * 0.14
        self._glow(lamp_x, self.height * 0.2, self.unit * 0.3, (255, 222, 150), 0.5)
        shade = ((0.5, 0.0), (0.5, 0.3), (0.2, 0.7), (0.8, 0.7), (0.5, 0.3))
        self._fine(lamp_x - self.unit * 0.08, self.height * 0.06, self.unit * 0.16, self.unit * 0.16,
                   [Shape(shade, (250, 214, 140))])  # fmt: skip
        self.brush.rectangle((lamp_x - 1, 0, lamp_x + 1, self.height * 0.06 + self.unit * 0.06), fill=(60, 50, 56))
        rug = mix(self.chance.choice(((176, 84, 84), (88, 120, 158), (198, 150, 84))), (30, 24, 40), self.palette.gloom)
        self._fine(0.1 * self.width, 0.78 * self.height, 0.8 * self.width, 0.2 * self.height,
                   [_oval(0.5, 0.5, 0.5, 0.5, rug), _oval(0.5, 0.5, 0.42, 0.40, mix(rug, WHITE, 0.14))])  # fmt: skip
        self.ground = rug
        return Ridge.level(self.height * 0.84)

    def _window(self, left: float, top: float, wide: float, high: float) -> None:
        """Draw a window, with the sky of the hour in it."""
        frame, edge = mix((250, 246, 238), self.palette.near, self.palette.gloom * 0.5), self.unit * 0.012
        self.brush.rectangle(
            (left - 2 * edge, top - 2 * edge, left + wide + 2 * edge, top + high + 2 * edge), fill=frame
        )
        sky = _column(self.palette.sky, round(high)).resize((round(wide), round(high)), Image.Resampling.NEAREST)
        self.canvas.paste(sky, (round(left), round(top)))
        self._glow(left + wide * 0.66, top + high * 0.3, min(wide, high) * 0.28, self.palette.light, 0.9)
        self.brush.rectangle((left + wide / 2 - edge / 2, top, left + wide / 2 + edge / 2, top + high), fill=frame)
        self.brush.rectangle((left, top + high / 2 - edge / 2, left + wide, top + high / 2 + edge / 2), fill=frame)
        self.brush.rectangle(
            (left - 3 * edge, top + high + edge, left + wide + 3 * edge, top + high + 3 * edge), fill=frame
        )

    def _seabed(self) -> "Ridge":
        """Draw light that falls through water on sand, plants and bubbles."""
        light = mix(self.palette.light, (120, 210, 220), 0.5)
        deep: Colour = (10, 52, 96) if self.scene.hour != "night" else (6, 22, 56)
        self._gradient((mix(light, deep, 0.35), mix(light, deep, 0.72), deep), 0, self.height)
        for _ in range(5):
            x, wide = self.chance.uniform(0, self.width), self.unit * self.chance.uniform(0.04, 0.1)
            ray = [
                (x, 0),
                (x + wide, 0),
                (x + wide * 2 - self.unit * 0.1, self.height),
                (x - self.unit * 0.1, self.height),
            ]
            veil = Image.new("L", self.canvas.size)
            ImageDraw.Draw(veil).polygon(ray, fill=22)
            self.canvas.paste((255, 255, 255), (0, 0), veil)
        sand = Ridge.thrown(self.chance, self.unit, self.height * 0.84, 0.03, 0.0)
        self.ground = mix((226, 206, 160), deep, 0.35)
        for _ in range(9):
            x, tall = self.chance.uniform(0, self.width), self.unit * self.chance.uniform(0.12, 0.3)
            leaf = mix(self.chance.choice(((60, 150, 96), (214, 96, 112), (128, 96, 176))), deep, 0.25)
            stalk = ((0.42, 1.0), (0.30, 0.66), (0.56, 0.36), (0.44, 0.0), (0.66, 0.34), (0.46, 0.66), (0.58, 1.0))
            self._fine(x, sand.at(x) - tall + self.unit * 0.03, tall * 0.4, tall, [Shape(stalk, leaf, round=True)])
        self._ridge(sand, self.ground, self.height)
        for _ in range(24):
            x, y = self.chance.uniform(0, self.width), self.chance.uniform(0.1, 0.8) * self.height
            size = self.unit * self.chance.choice((0.004, 0.006, 0.01))
            self.brush.ellipse((x - size, y - size, x + size, y + size), outline=mix(light, (255, 255, 255), 0.5))
        return sand

    def _shimmer(self, water: Colour) -> None:
        """Lay the light's path on the water, and a few waves beside it."""
        for i in range(46):
            depth = (i + 0.5) / 46
            y = self.horizon + (self.height - self.horizon) * depth**1.5
            wide = self.unit * (0.02 + 0.10 * depth) * self.chance.uniform(0.4, 1.2)
            x = self.sun_x + self.chance.gauss(0, 1) * self.unit * (0.015 + 0.05 * depth)
            thick = max(1, round(self.unit * 0.0035 * (0.5 + depth)))
            colour = mix(water, self.palette.light, 0.75 - 0.35 * depth)
            self.brush.rounded_rectangle((x - wide, y, x + wide, y + thick), thick / 2, fill=colour)
            side = self.chance.uniform(0, self.width)
            self.brush.rectangle((side, y, side + wide, y + (thick - 1)), fill=mix(water, self.palette.sky[-1], 0.25))

    def _city(self) -> "Ridge":
        dark = mix((34, 36, 62), self.palette.near, 0.5)
        for i, (foot, low, tall) in enumerate(((0.80, 0.16, 0.40), (0.84, 0.10, 0.34), (0.90, 0.06, 0.24))):
            self._skyline(foot * self.height, low, tall, mix(self.palette.haze, dark, 0.35 + 0.3 * i), lights=i > 0)
        street = Ridge.level(self.height * 0.86)
        self._ridge(street, self.ground, self.height)
        return street

    def _skyline(self, foot: float, low: float, tall: float, colour: Colour, *, lights: bool) -> None:
        x = -self.unit * self.chance.uniform(0, 0.08)
        glow = mix((255, 214, 130), self.palette.light, 0.2)
        while x < self.width:
            wide = self.unit * self.chance.uniform(0.06, 0.13)
            roof = foot - self.unit * self.chance.uniform(low, tall)
            self.brush.rectangle((x, roof, x + wide, self.height), fill=colour)
            if self.chance.random() < 0.3:
                mast = self.unit * self.chance.uniform(0.02, 0.07)
                middle, thick = x + wide / 2, max(1, self.unit * 0.002)
                self.brush.rectangle((middle - thick, roof - mast, middle + thick, roof), fill=colour)
            if lights:
                self._windows(x, roof, wide, foot, mix(colour, glow, 0.85 if self.scene.hour == "night" else 0.4))
            x += wide * self.chance.uniform(0.98, 1.1)

    def _windows(self, x: float, roof: float, wide: float, foot: float, colour: Colour) -> None:
        pane = self.unit * 0.009
        columns = max(1, int(wide / (2.2 * pane)))
        gap = wide / columns
        y = roof + pane * 1.4
        while y < foot:
            for i in range(columns):
                if self.chance.random() < 0.42:
                    left = x + gap * (i + 0.5) - pane / 2
                    self.brush.rectangle((left, y, left + pane, y + pane * 1.3), fill=colour)
            y += pane * 2.6

    def _figures(self, ridge: "Ridge") -> None:
        """Draw who and what is in the picture: buildings and what flies first, and large; others beside each other."""
        figures = [figure for figure in self.scene.figures if shapes_of(figure.subject)]
        back = [figure for figure in figures if is_behind(figure.subject) or is_airborne(figure.subject)]
        front = [figure for figure in figures if figure not in back for _ in range(figure.count)]
        back = [figure for figure in back for _ in range(figure.count)]
        middle = self.chance.uniform(0.38, 0.62)
        if front and back:
            middle = 0.64 if middle < 0.5 else 0.36
        for group, part in ((back, 1 - middle if front else middle), (front, middle)):
            share = (1.0, 0.8, 0.66, 0.54)[len(group) - 1] if group else 0
            for i, figure in enumerate(group[:4]):
                aside = (i - (len(group[:4]) - 1) / 2) * 0.42 * share * self.unit
                size = self.unit * share * (0.5 if front and is_behind(figure.subject) else 0.44)
                self._figure(figure, self.width * part + aside, size, ridge)

    def _figure(self, figure: Figure, x: float, size: float, ridge: "Ridge") -> None:
        subject = figure.subject
        x = min(max(x, size * 0.45), self.width - size * 0.45)
        # The lower edge stands a little below the ridge, or something would seem to float.
        foot = self.height * 0.5 if self._floats(subject) else ridge.at(x) + self.unit * 0.07
        foot = min(foot + (self.unit * 0.14 if self.scene.land == "underwater" else 0), self.height * 0.97)
        if subject == "lighthouse":
            self._glow(x, foot - size * 0.82, size * 0.35, (255, 224, 150), 0.7)
        shapes = shapes_of(subject, figure.colour)
        lit = [s if s.lit else Shape(s.points, self._shaded(s.colour), s.round) for s in shapes]
        if not self._floats(subject) and not is_afloat(subject):
            lit.insert(0, _oval(0.5, 0.985, 0.40, 0.045, mix(self.ground, (0, 0, 0), 0.3)))
        self._fine(x - size / 2, foot - size, size, size, lit)
        if is_afloat(subject) and self.scene.land == "sea":
            self._wake(x, foot, size)

    def _floats(self, subject: str) -> bool:
        """Tell whether nothing is below it to stand on."""
        return is_airborne(subject) or (self.scene.land == "underwater" and subject in {"fish", "whale"})

    def _shaded(self, colour: Colour) -> Colour:
        return mix(colour, self.palette.near, self.palette.gloom * 0.8)

    def _wake(self, x: float, foot: float, size: float) -> None:
        foam = mix(self.palette.sky[-1], (255, 255, 255), 0.4)
        for i in range(3):
            wide, y = size * (0.62 - 0.12 * i), foot + size * (0.012 + 0.035 * i)
            thick = max(1, self.unit * 0.005)
            self.brush.rounded_rectangle(
                (x - wide, y, x + wide, y + thick), thick / 2, fill=mix(foam, self.palette.sky[0], 0.25 * i)
            )

    def _weather(self) -> None:
        if self.scene.land in {"room", "underwater"}:
            return
        match self.scene.weather:
            case "snow":
                self._flakes()
            case "rain":
                self._drops()
            case "mist":
                self._mist()

    def _flakes(self) -> None:
        for _ in range(150):
            x, y = self.chance.uniform(0, self.width), self.chance.uniform(0, self.height)
            size = self.unit * self.chance.choice((0.0012, 0.0018, 0.0026, 0.0042))
            self.brush.ellipse(
                (x - size, y - size, x + size, y + size),
                fill=mix((255, 255, 255), self.palette.haze, self.chance.uniform(0, 0.3)),
            )

    def _drops(self) -> None:
        for _ in range(150):
            x, y = self.chance.uniform(0, self.width), self.chance.uniform(-0.05, 1) * self.height
            long = self.unit * self.chance.uniform(0.02, 0.05)
            self.brush.line(
                (x, y, x - long * 0.25, y + long),
                fill=mix(self.palette.haze, (235, 242, 250), 0.5),
                width=max(1, self.unit // 700),
            )

    def _mist(self) -> None:
        veil = Image.linear_gradient("L").resize((self.width, max(1, self.height // 3))).point(lambda v: v * 6 // 10)
        self.canvas.paste(self.palette.haze, (0, self.height - veil.height), veil)

    def _signature(self) -> None:
        """Write what painted this into the corner, so that nobody takes it for a model's work."""
        if self.unit < 96:
            return
        font = _font(max(9, self.unit // 48))
        ink = mix(self.canvas.getpixel((self.width - 4, self.height - 4)), (255, 255, 255), 0.45)  # type: ignore[arg-type]
        edge = self.unit * 0.02
        self.brush.text((self.width - edge, self.height - edge), "sandbox", font=font, fill=ink, anchor="rs")

    def _fine(self, left: float, top: float, width: float, height: float, shapes: Sequence[Shape]) -> None:
        """Draw shapes, given in a unit square that is this box of the canvas, with smooth edges."""
        outlines = [
            ([(left + x * width, top + y * height) for x, y in shape.outline()], shape.colour) for shape in shapes
        ]
        xs = [x for points, _ in outlines for x, _ in points]
        ys = [y for points, _ in outlines for _, y in points]
        west, north = max(0, math.floor(min(xs))), max(0, math.floor(min(ys)))
        east, south = min(self.width, math.ceil(max(xs)) + 1), min(self.height, math.ceil(max(ys)) + 1)
        if west >= east or north >= south:
            return
        part = self.canvas.crop((west, north, east, south))
        large = part.resize((part.width * FINE, part.height * FINE), Image.Resampling.NEAREST)
        brush = ImageDraw.Draw(large)
        for points, colour in outlines:
            brush.polygon([((x - west) * FINE, (y - north) * FINE) for x, y in points], fill=colour)
        self.canvas.paste(large.reduce(FINE), (west, north))


@dataclass(frozen=True)
class Ridge:
    """The upper edge of a hill: a level and a few waves of (height, wave length, phase)."""

    level_y: float
    waves: tuple[tuple[float, float, float], ...]
    jagged: float = 0.0

    @classmethod
    def level(cls, y: float) -> "Ridge":
        return cls(y, ())

    @classmethod
    def thrown(cls, chance: random.Random, unit: float, y: float, rough: float, jagged: float) -> "Ridge":
        """Throw a ridge around ``y``; ``rough`` is its height in parts of ``unit``."""
        waves = tuple(
            (unit * rough * share, unit * length * chance.uniform(0.8, 1.25), chance.uniform(0, math.tau))
            for share, length in ((0.6, 0.9), (0.3, 0.37), (0.14 + 0.16 * jagged, 0.13))
        )
        return cls(y, waves, jagged)

    def at(self, x: float) -> float:
        """Return the y of the ridge over ``x``, in pixels from above."""
        y = self.level_y
        for height, length, phase in self.waves:
            turn = math.tau * x / length + phase
            # A triangle wave has the peaks that a sine lacks.
            peak = 2 / math.pi * math.asin(math.sin(turn))
            y -= height * (self.jagged * peak + (1 - self.jagged) * math.sin(turn))
        return y

    def crest(self, width: int) -> list[Point]:
        """Return the ridge as a line of about sixty points that reaches past both edges."""
        step = max(2, width // 60)
        return [(float(x), self.at(x)) for x in range(-step, width + 2 * step, step)]


def _palette_of(scene: Scene) -> Palette:
    palette = PALETTES["night" if scene.land == "space" else scene.hour]
    if scene.land == "space":
        return Palette(((8, 6, 24), (28, 18, 62), (74, 40, 104)), palette.light, (92, 66, 124), (26, 16, 44), 0.2)
    if scene.weather in {"rain", "mist"} and scene.hour != "night":
        grey = tuple(mix(colour, (128, 140, 152), 0.6) for colour in palette.sky)
        return Palette(grey, (226, 230, 232), mix(palette.haze, (150, 160, 168), 0.6), palette.near, 0.2)
    return palette


def _at(colours: Sequence[Colour], part: float) -> Colour:
    """Return the colour at ``part`` (0 to 1) of an even run through ``colours``."""
    place = min(max(part, 0.0), 1.0) * (len(colours) - 1)
    first = min(int(place), len(colours) - 2)
    return mix(colours[first], colours[first + 1], place - first)


@functools.lru_cache(maxsize=64)
def _column(colours: tuple[Colour, ...], height: int) -> Image.Image:
    """Return a run through ``colours``, one pixel wide."""
    stops = 33
    column = Image.new("RGB", (1, stops))
    column.putdata([_at(colours, i / (stops - 1)) for i in range(stops)])
    return column.resize((1, max(1, height)), Image.Resampling.BILINEAR)


@functools.lru_cache(maxsize=16)
def _glow_mask(size: int, strength: float) -> Image.Image:
    # The built-in gradient goes from black in the middle to 180 at the sides and white in the corners.
    soft = Image.radial_gradient("L").point([round(strength * 255 * max(0.0, 1 - v / 180) ** 2) for v in range(256)])
    return soft.resize((size, size), Image.Resampling.BILINEAR)


@functools.lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)


def _veil(above: float) -> float:
    """Return how bright an aurora is so many rows above its hem: sharp below, fading upwards."""
    return math.exp(-above / 9) if above >= 0 else math.exp(-((above / 2.5) ** 2))


def _disc(x: float, y: float, radius: float, colour: Colour) -> Shape:
    return _oval(x, y, radius, radius, colour)


def _oval(x: float, y: float, wide: float, high: float, colour: Colour) -> Shape:
    """Return an ellipse by its middle and its two radii."""
    turns = [i * math.tau / 40 for i in range(40)]
    return Shape(tuple((x + wide * math.cos(t), y + high * math.sin(t)) for t in turns), colour)


def _ring(colour: Colour) -> tuple[Shape, Shape]:
    """Return the ring's half behind the planet and the one before it."""
    halves = []
    for start in (math.pi, 0.0):
        turns = [start + math.pi * i / 30 for i in range(31)]
        outer = [(0.5 + 0.5 * math.cos(t), 0.5 + 0.13 * math.sin(t) - 0.1 * math.cos(t)) for t in turns]
        inner = [(0.5 + 0.4 * math.cos(t), 0.5 + 0.085 * math.sin(t) - 0.08 * math.cos(t)) for t in reversed(turns)]
        halves.append(Shape((*outer, *inner), colour))
    return halves[0], halves[1]


def _fir(x: float, foot: float, tall: float) -> list[list[Point]]:
    """Return three tiers of branches over each other."""
    return [
        [(x - tall * wide, foot - tall * low), (x, foot - tall * high), (x + tall * wide, foot - tall * low)]
        for wide, low, high in ((0.21, 0.02, 0.55), (0.165, 0.26, 0.78), (0.115, 0.52, 1.0))
    ]


def _snow_on(tier: list[Point]) -> tuple[Point, ...]:
    (left, low), (x, high), (right, _) = tier
    deep = (low - high) * 0.42
    wide = (right - left) * 0.42 / 2
    return (
        (x, high),
        (x + wide, high + deep),
        (x + wide * 0.2, high + deep * 0.7),
        (x - wide * 0.5, high + deep * 0.95),
        (x - wide, high + deep * 0.9),
    )
