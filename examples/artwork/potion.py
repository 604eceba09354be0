"""A potion: a round flask of thick glass, a glowing brew with bubbles, a cork, a cord and a paper label. Symmetric: for the lathe."""

from __future__ import annotations

import numpy as np

from artwork.paint import Array, Canvas, Look, Window, box, circle, coverage, dome, join, mix, rgb, smoothstep

GLASS = Look(gloss=0.85, shine=0.55, rim_dark=0.15, rim_width=16)
CORK = Look(gloss=0.15, shine=0.08, rim_dark=0.5, rim_width=30)
CORD = Look(gloss=0.2, shine=0.1, rim_dark=0.6, rim_width=9)
PAPER = Look(gloss=0.15, shine=0.06, rim_dark=0.25, rim_width=10)
BODY = (512.0, 668.0, 296.0)
"""x, y and radius of the flask."""


def draw(canvas: Canvas) -> None:
    """Paint it, from back to front."""
    window = Window(190, 120, 834, 1000)
    outline = _flask(window)
    _cork(canvas)
    _glass(canvas, window, outline)
    _brew(canvas, window, outline)
    _bubbles(canvas)
    _label(canvas)
    _reflections(canvas, window, outline)
    _lip(canvas)
    _cord(canvas)


def _flask(window: Window) -> Array:
    x, y = window.grid()
    body = circle(x, y, *BODY)
    neck = box(x, y, 512, 330, (74, 170), corner=10)
    return -join(-join(body, neck, 90), 940 - y, 26)


def _cork(canvas: Canvas) -> None:
    window = Window(400, 40, 624, 260)
    x, y = window.grid()
    half = 70 - (y - 66) * 0.07
    distance = np.maximum(np.abs(x - 512) - half, np.maximum(66 - y + 10 * ((x - 512) / 70) ** 2, y - 230))
    grain = window.noise(2, across=14, down=9, octaves=3)
    pits = smoothstep(0.55, 0.9, window.noise(3, across=20, down=12, octaves=3))
    relief = 66 * np.sqrt(np.clip(1 - ((x - 512) / (half + 4)) ** 2, 0, 1)) + dome(distance, 12) + 1.6 * grain - 4 * pits
    color = mix(rgb("#c98f54"), rgb("#9c6432"), np.clip(0.5 + 0.6 * grain, 0, 1))
    color = mix(color, rgb("#4a2a13"), 0.8 * pits)
    canvas.part(window, distance, relief=relief, color=color, look=CORK, shadow=0)


def _round(x: Array, y: Array) -> Array:
    """Relief of the flask as a solid of revolution."""
    body = np.sqrt(np.clip(1 - ((x - BODY[0]) / BODY[2]) ** 2 - ((y - BODY[1]) / BODY[2]) ** 2, 0, 1)) * BODY[2]
    neck = np.sqrt(np.clip(1 - ((x - 512) / 80) ** 2, 0, 1)) * 80
    return np.maximum(body, neck * (y < 470))


def _glass(canvas: Canvas, window: Window, outline: Array) -> None:
    x, _ = window.grid()
    thick = smoothstep(-40, 0, outline)
    color = mix(mix(rgb("#27414d"), rgb("#5d8a93"), smoothstep(640, 400, x)), rgb("#a9d6d8"), thick * 0.8)
    color = mix(color, rgb("#1c2c38"), 0.5 * smoothstep(0.3, 1.0, window.noise(5, across=300, down=200, octaves=2)))
    canvas.part(window, outline, relief=dome(outline, 60), color=color, look=GLASS, shadow=0.5)
    rim = (
        coverage(np.abs(outline + 5) - 2.6)[..., None] * np.float32([0.75, 0.95, 1.0]) * mix(0.9, 0.25, smoothstep(300, 900, x))[..., None]
    )
    canvas.pixels[window.slices][..., :3] += rim * 0.45


def _brew(canvas: Canvas, window: Window, outline: Array) -> None:
    x, y = window.grid()
    level = 520 - 10 * np.sqrt(np.clip(1 - ((x - 512) / 250) ** 2, 0, 1))
    distance = np.maximum(outline + 22, level - y)
    swirl = window.noise(7, across=220, down=150, octaves=5)
    away = np.hypot(x - 512, (y - 700) * 1.05) / 275
    core = np.clip(1 - away + 0.22 * swirl, 0, 1)
    color = mix(rgb("#3a0b86"), rgb("#b01fd6"), smoothstep(0.0, 0.45, core))
    color = mix(color, rgb("#ff6fd6"), smoothstep(0.35, 0.95, core))
    veil = window.noise(8, across=150, down=110, octaves=5)
    wisps = np.exp(-((veil + 0.35 * swirl) ** 2) / 0.012)
    glow = color * (0.55 + 1.3 * core[..., None] ** 1.2) + (0.5 * wisps * core)[..., None] * rgb("#ff9fe8")
    alpha = coverage(distance) * 0.97
    shade = mix(1.15, 0.62, smoothstep(300, 780, x + 0.5 * (y - 660)))[..., None]
    canvas.lay(window, glow * shade, alpha)
    surface = np.hypot((x - 512) / 216, (y - 518) / 24) - 1
    inside = coverage(np.maximum(surface * 24, outline + 22))
    canvas.lay(window, mix(rgb("#b52be0"), rgb("#ff9df2"), smoothstep(690, 330, x)) * 0.95, inside * 0.9)
    canvas.pixels[window.slices][..., :3] += (coverage(np.abs(surface * 24) - 1.6) * coverage(outline + 22) * 0.5)[..., None]


def _bubbles(canvas: Canvas) -> None:
    generator = np.random.default_rng(12)
    for _ in range(38):
        angle, away = generator.uniform(0, 2 * np.pi), 235 * np.sqrt(generator.uniform(0, 1))
        cx, cy, radius = 512 + away * np.cos(angle), 690 + 0.82 * away * np.sin(angle), generator.uniform(3.5, 15) ** 1.0
        if cy < 548:
            continue
        window = Window(int(cx) - 24, int(cy) - 24, int(cx) + 24, int(cy) + 24)
        x, y = window.grid()
        distance = circle(x, y, cx, cy, radius)
        ring = np.exp(-((distance + 1.8) ** 2) / 3.0)[..., None] * rgb("#ff9df0") * 0.75
        spot = np.exp(-(np.hypot(x - cx + radius * 0.35, y - cy + radius * 0.4) ** 2) / (radius * 0.28) ** 2)[..., None]
        canvas.pixels[window.slices][..., :3] += ring + spot * 0.9


def _label(canvas: Canvas) -> None:
    window = Window(330, 610, 694, 850)
    x, y = window.grid()
    bend = 14 * (1 - ((x - 512) / 165) ** 2)
    ragged = 3.2 * window.noise(14, across=14, down=14, octaves=3)
    distance = box(x, y - bend, 512, 718, (150, 84), corner=8) + ragged
    stain = window.noise(15, across=90, down=70, octaves=5)
    fibre = window.noise(16, across=26, down=5, octaves=3)
    color = mix(rgb("#f0dcae"), rgb("#c79a5c"), np.clip(0.35 + 0.6 * stain + 0.12 * fibre, 0, 1))
    color = mix(color, rgb("#7a4a20"), 0.75 * smoothstep(-20, 0, distance + 5 * stain))
    color = mix(color, rgb("#54240f"), 0.85 * _star(x, y - bend, 512, 718) * (0.8 + 0.2 * fibre))
    frame = coverage(np.abs(box(x, y - bend, 512, 718, (132, 66), corner=6)) - 1.6)
    color = mix(color, rgb("#6b3415"), 0.6 * frame)
    relief = _round(x, y) * 0.85 + 0.8 * fibre + dome(distance, 3)
    canvas.part(window, distance, relief=relief, color=color, look=PAPER, shadow=0.55)


def _star(x: Array, y: Array, cx: float, cy: float) -> Array:
    """An eight-pointed star in a ring, as ink."""
    angle, away = np.arctan2(x - cx, cy - y), np.hypot(x - cx, y - cy)
    long = 46 * np.abs(np.cos(2 * angle)) ** 5 + 12
    short = 28 * np.abs(np.sin(2 * angle)) ** 5 + 12
    star = coverage((away - np.maximum(long, short)) * 0.6) * (1 - coverage(away - 7))
    return np.maximum(star, coverage(np.abs(away - 36) - 1.5))


def _reflections(canvas: Canvas, window: Window, outline: Array) -> None:
    """A window's reflection on the upper left, a strip of light on the right, and light gathered at the bottom."""
    x, y = window.grid()
    u, v = (x - BODY[0]) / BODY[2], (y - BODY[1]) / BODY[2]
    away, angle = np.hypot(u, v), np.degrees(np.arctan2(-v, u))
    pane = smoothstep(0.70, 0.73, away) * smoothstep(0.885, 0.855, away) * smoothstep(118, 121, angle) * smoothstep(166, 163, angle)
    pane *= (1 - 0.9 * smoothstep(1.8, 1.0, np.abs(angle - 141))) * mix(0.35, 1.0, smoothstep(165, 120, angle))
    strip = smoothstep(0.88, 0.91, away) * smoothstep(0.955, 0.93, away) * smoothstep(-52, -20, angle) * smoothstep(38, 8, angle)
    foot = smoothstep(0.78, 0.93, away) * smoothstep(0.975, 0.94, away) * smoothstep(75, 25, np.abs(angle + 90)) * smoothstep(920, 890, y)
    neck = coverage(box(x, y, 470, 330, (6, 84), corner=6)) * 0.75 + coverage(box(x, y, 562, 330, (3, 84), corner=3)) * 0.35
    inside = coverage(outline + 4)
    light = (pane * 0.55 + neck)[..., None] * np.float32([1, 0.98, 0.95]) + strip[..., None] * np.float32([0.45, 0.62, 0.95])
    canvas.pixels[window.slices][..., :3] += (light + foot[..., None] * rgb("#ff6fe0") * 0.8) * inside[..., None]


def _lip(canvas: Canvas) -> None:
    window = Window(390, 150, 634, 260)
    x, y = window.grid()
    distance = box(x, y - 5 * (1 - ((x - 512) / 98) ** 2), 512, 196, (96, 24), corner=23)
    color = mix(rgb("#5d7f8c"), rgb("#bfe3e2"), smoothstep(216, 178, y))
    canvas.part(window, distance, relief=dome(distance, 24), color=color, look=GLASS, shadow=0.6)


def _cord(canvas: Canvas) -> None:
    for index, cy in enumerate((404, 424, 443)):
        window = Window(400, int(cy) - 40, 624, int(cy) + 50)
        x, y = window.grid()
        half = 82 + 5 * index
        sag = 9 * (1 - ((x - 512) / half) ** 2)
        distance = np.maximum(np.abs(y - cy - sag) - 10.5, np.abs(x - 512) - half)
        distance = np.maximum(distance, np.hypot((np.abs(x - 512) - half + 8).clip(0), (y - cy - sag)) - 10.5)
        twist = np.sin((x + 1.1 * (y - cy)) / 3.4)
        relief = dome(distance, 10) + 2.6 * twist + 60 * np.sqrt(np.clip(1 - ((x - 512) / (half + 3)) ** 2, 0, 1))
        color = mix(rgb("#8d6233"), rgb("#dcb777"), np.clip(0.5 + 0.45 * twist, 0, 1))
        canvas.part(window, distance, relief=relief, color=color, look=CORD, shadow=0.6)
