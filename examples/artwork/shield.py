"""A heater shield: painted oak planks, an iron rim with rivets, and a gilded flame on an iron boss."""

from __future__ import annotations

import numpy as np

from artwork.paint import Array, Canvas, Look, Window, circle, dome, mix, rgb, smoothstep

IRON = Look(gloss=0.55, shine=0.5, metal=0.75, rim_dark=0.35, rim_width=8)
GOLD = Look(gloss=0.6, shine=0.7, metal=0.6, rim_dark=0.3, rim_width=10)
PLANKS = 6


def draw(canvas: Canvas) -> None:
    """Paint it."""
    window = Window(100, 40, 924, 1000)
    outline = window.spline(_outline())
    _planks(canvas, window, outline)
    _rim(canvas, window, outline)
    _boss(canvas)


def _outline() -> list[tuple[float, float]]:
    right = [(512, 92), (640, 84), (762, 70), (838, 84), (852, 180), (850, 340), (826, 520), (764, 690), (660, 840), (560, 936)]
    return [*right, (512, 964), *[(1024 - x, y) for x, y in right[:0:-1]]]


def _planks(canvas: Canvas, window: Window, outline: Array) -> None:
    x, y = window.grid()
    wave = 2.0 * window.noise(1, across=400, down=180, octaves=2)
    place = (x + wave - 172) / ((852 - 172) / PLANKS)
    plank, across = np.floor(place).astype(int), place % 1
    grain = np.zeros(window.shape, np.float32)
    tone = np.zeros(window.shape, np.float32)
    generator = np.random.default_rng(4)
    for index in range(-1, PLANKS + 1):
        mine = plank == index
        lines = window.noise(20 + index, across=9, down=320, octaves=4)
        rings = np.sin(26 * window.noise(40 + index, across=90, down=620, octaves=2) + x * 0.10)
        grain[mine] = (0.65 * lines + 0.35 * rings)[mine]
        tone[mine] = generator.normal(0, 0.10)
    gap = np.minimum(across, 1 - across) * (680 / PLANKS)
    groove = smoothstep(5.0, 0.5, gap)
    bulge = 90 * np.sqrt(np.clip(1 - ((x - 512) / 480) ** 2 - ((y - 440) / 800) ** 2, 0.02, 1))
    relief = bulge + dome(-gap, 7) * 0.9 + grain * 1.3 - 7 * groove
    wood = mix(rgb("#8a5527"), rgb("#5c3317"), np.clip(0.5 - 0.5 * grain - tone, 0, 1))
    color = _paint(window, wood, grain, gap)
    color = color * (1 - 0.75 * groove[..., None])
    look = Look(gloss=0.35, shine=0.16, rim_dark=0.75, rim_width=75)
    canvas.part(window, outline + 8, relief=relief, color=color, look=look, shadow=0)


def _paint(window: Window, wood: Array, grain: Array, gap: Array) -> Array:
    """The quartered field of blue and cream, worn off where the grain stands high and where hands and swords have been."""
    x, y = window.grid()
    blue, cream = mix(rgb("#173f7d"), rgb("#2463a8"), 0.5 + 0.4 * grain), mix(rgb("#c4a96f"), rgb("#e6d3a2"), 0.5 + 0.4 * grain)
    edge = 1.2 * window.noise(7, across=30, down=30)
    checker = smoothstep(-0.8, 0.8, (x - 512 + edge)) + smoothstep(-0.8, 0.8, (y - 430 + edge))
    quarter = np.abs(checker - 1)
    worn = window.noise(8, across=120, down=160, octaves=5) + 0.55 * grain + 1.2 * smoothstep(7, 1, gap)
    scratches = smoothstep(0.93, 1.1, window.noise(9, across=160, down=7, octaves=3) + 0.3 * grain)
    bare = np.clip(smoothstep(0.55, 0.95, worn) + scratches, 0, 1)
    return mix(mix(blue, cream, quarter), wood * 1.15, bare)


def _rim(canvas: Canvas, window: Window, outline: Array) -> None:
    band = np.abs(outline + 20) - 20
    dents = window.noise(11, across=60, down=60, octaves=4)
    brushed = window.noise(12, across=5, down=5, octaves=2)
    relief = dome(band, 16, rise=0.9) + 1.4 * dents + 0.12 * brushed
    rust = smoothstep(0.45, 1.0, window.noise(13, across=70, down=50, octaves=5))
    color = mix(mix(rgb("#6d757d"), rgb("#959da4"), 0.5 + 0.5 * dents), rgb("#7a4a2b"), 0.55 * rust)
    canvas.part(window, band, relief=relief, color=color, look=IRON, shadow=0.8)
    for cx, cy in _rivets():
        _dome(canvas, cx, cy, 11.5, rgb("#c9a05a"), GOLD, rise=0.9)


def _rivets() -> list[tuple[float, float]]:
    right = [(512, 112), (622, 106), (738, 93), (822, 108), (832, 216), (829, 330), (808, 505), (749, 674), (652, 816), (566, 903)]
    return [*right, *[(1024 - x, y) for x, y in right[1:]]]


def _dome(canvas: Canvas, cx: float, cy: float, radius: float, color: Array, look: Look, *, rise: float) -> None:
    reach = int(radius * 1.8 + 24)
    window = Window(int(cx) - reach, int(cy) - reach, int(cx) + reach, int(cy) + reach)
    distance = circle(*window.grid(), cx, cy, radius)
    canvas.part(window, distance, relief=dome(distance, radius, rise=rise), color=color, look=look, shadow=0.7)


def _boss(canvas: Canvas) -> None:
    window = Window(300, 220, 724, 644)
    x, y = window.grid()
    dents = window.noise(15, across=50, down=50, octaves=4)
    disc = circle(x, y, 512, 430, 168)
    relief = dome(disc, 14) + dents * 1.2 + 5 * smoothstep(6, -2, np.abs(circle(x, y, 512, 430, 136)) - 3)
    canvas.part(window, disc, relief=relief, color=mix(rgb("#666e76"), rgb("#8d959c"), 0.5 + 0.5 * dents), look=IRON, shadow=0.9)
    inner = circle(x, y, 512, 430, 122)
    bowl = dome(inner, 122, rise=0.42) + dents * 0.8
    steel = mix(rgb("#3a4654"), rgb("#566474"), 0.5 + 0.5 * dents)
    canvas.part(window, inner, relief=bowl, color=steel, look=IRON, shadow=0.9)
    for angle in np.arange(8) * np.pi / 4 + np.pi / 8:
        _dome(canvas, 512 + 152 * np.cos(angle), 430 + 152 * np.sin(angle), 9, rgb("#c9a05a"), GOLD, rise=0.9)
    flame = window.spline(_flame())
    gold = mix(rgb("#d8962a"), rgb("#ffd879"), np.clip((540 - y) / 220, 0, 1))
    canvas.part(window, flame, relief=bowl + dome(flame, 17, rise=1.0), color=gold, look=GOLD, shadow=0.9)
    heart = window.spline([(514, 400), (528, 440), (546, 470), (540, 498), (512, 512), (484, 498), (480, 466), (500, 440)])
    canvas.part(window, heart, relief=bowl + dome(heart, 8), color=rgb("#b3261a"), look=Look(gloss=0.7, shine=0.8), shadow=0.8)


def _flame() -> list[tuple[float, float]]:
    return [
        (516, 328), (534, 366), (566, 404), (574, 440), (586, 424), (596, 470), (578, 510), (546, 532),
        (512, 537), (478, 532), (446, 510), (430, 470), (440, 420), (456, 446), (470, 414), (506, 372),
    ]  # fmt: skip
