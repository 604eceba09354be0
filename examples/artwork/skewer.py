"""A grill skewer: charred meat, peppers, onion and a tomato on a twisted iron spit with a ring for a handle."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from artwork.paint import Array, Canvas, Look, Window, box, circle, coverage, dome, mix, rgb, smoothstep

IRON = Look(gloss=0.55, shine=0.5, metal=0.7, rim_dark=0.4, rim_width=5)
MEAT = Look(gloss=0.55, shine=0.22, rim_dark=0.62, rim_width=30)
SKIN = Look(gloss=0.72, shine=0.55, rim_dark=0.5, rim_width=26)
ONION = Look(gloss=0.6, shine=0.32, rim_dark=0.45, rim_width=16)


def draw(canvas: Canvas) -> None:
    """Paint it: the spit first, then the pieces from the bottom up, so that each lies on the one below."""
    _spit(canvas)
    _ring(canvas)
    pieces: list[tuple[Callable[..., None], float, float, float, float, int]] = [
        (_meat, 772, 128, 74, -3, 1),
        (_pepper, 676, 120, 44, 3, 2),
        (_meat, 574, 134, 76, 4, 3),
        (_onion, 470, 122, 50, -3, 4),
        (_meat, 366, 130, 74, -4, 5),
        (_pepper, 270, 116, 42, -4, 6),
        (_tomato, 196, 78, 64, 0, 7),
        (_meat, 118, 114, 58, 5, 8),
    ]
    for paint, cy, wide, tall, turn, seed in pieces:
        window = Window(int(512 - wide - 50), max(0, int(cy - tall - 50)), int(512 + wide + 50), int(cy + tall + 60))
        paint(canvas, window, *_turned(window, cy, turn), wide, tall, seed)


def _turned(window: Window, cy: float, degrees: float) -> tuple[Array, Array]:
    """Coordinates about a piece's centre, turned by a few degrees."""
    x, y = window.grid()
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return (x - 512) * cos + (y - cy) * sin, (y - cy) * cos - (x - 512) * sin


def _spit(canvas: Canvas) -> None:
    window = Window(480, 0, 544, 930)
    x, y = window.grid()
    half = 9.5 * smoothstep(6, 64, y) + 0.5
    twist = np.sin((y + 1.6 * (x - 512)) / 6.5) * smoothstep(830, 850, y)
    distance = np.maximum(np.maximum(np.abs(x - 512) - half - 1.2 * twist, 10 - y), y - 912)
    relief = dome(distance, 9.5) + 2.6 * twist
    dark = smoothstep(0.2, 0.9, window.noise(3, across=20, down=90))
    color = mix(rgb("#a7acb0"), rgb("#5a4a3e"), 0.5 * dark)
    canvas.part(window, distance, relief=relief, color=color, look=IRON, shadow=0)


def _ring(canvas: Canvas) -> None:
    window = Window(440, 884, 584, 1020)
    x, y = window.grid()
    distance = np.abs(circle(x, y, 512, 954, 42)) - 9.5
    dents = window.noise(5, across=30, down=30)
    color = mix(rgb("#a7acb0"), rgb("#7d8185"), 0.5 + 0.5 * dents)
    canvas.part(window, distance, relief=dome(distance, 9.5) + 0.5 * dents, color=color, look=IRON, shadow=0.5)
    knot = box(x, y, 512, 906, (15, 9), corner=8)
    canvas.part(window, knot, relief=dome(knot, 9), color=rgb("#9a9fa3"), look=IRON, shadow=0.6)


def _meat(canvas: Canvas, window: Window, u: Array, v: Array, wide: float, tall: float, seed: int) -> None:
    """A cube of meat: fibres across, fat in seams, three char marks aslant, dark crusted edges, and glistening juice."""
    lumps = window.noise(seed * 10, across=80, down=60, octaves=4)
    chunk = box(u + 7 * lumps, v + 9 * window.noise(seed * 10 + 1, across=90, down=70, octaves=3), 0, 0, (wide, tall), corner=34)
    fibres = window.noise(seed * 10 + 2, across=110, down=9, octaves=4)
    crust = window.noise(seed * 10 + 3, across=34, down=26, octaves=5)
    seared = np.clip(0.42 + 0.30 * lumps + 0.28 * crust + 0.22 * fibres, 0, 1)
    color = mix(rgb("#cf6a30"), rgb("#74250f"), seared)
    color = mix(color, rgb("#e0a15c"), 0.55 * smoothstep(0.35, 0.9, window.noise(seed * 10 + 4, across=120, down=16, octaves=4)))
    char = _char_marks(u, v, crust, seed)
    edges = smoothstep(-34, -2, chunk + 12 * crust)
    color = mix(mix(color, rgb("#2c0f08"), 0.78 * edges), rgb("#150806"), 0.92 * char)
    relief = dome(chunk, 58, rise=0.85) + 5 * lumps + 2.6 * crust + 2.0 * fibres - 5 * char
    canvas.part(window, chunk, relief=relief, color=color, look=MEAT, shadow=0.8)
    _glisten(canvas, window, chunk, relief_noise=crust + 0.6 * lumps, u=u / wide, v=v / tall)


def _char_marks(u: Array, v: Array, crust: Array, seed: int) -> Array:
    lean = 0.55 if seed % 4 == 1 else 0.42
    place = (u + lean * v + 6 * crust + 13 * (seed % 3)) / 78
    off = np.abs(place - np.round(place)) * 78
    return smoothstep(13.5, 6.0, off + 4.5 * crust)


def _glisten(canvas: Canvas, window: Window, distance: Array, *, relief_noise: Array, u: Array, v: Array) -> None:
    """Small wet highlights on the side that faces the light."""
    facing = smoothstep(0.9, 0.1, np.hypot(u + 0.40, v + 0.45))
    ridge = smoothstep(0.62, 1.05, relief_noise)
    wet = ridge * facing * coverage(distance + 10)
    canvas.pixels[window.slices][..., :3] += wet[..., None] * np.float32([0.34, 0.24, 0.13])


def _pepper(canvas: Canvas, window: Window, u: Array, v: Array, wide: float, tall: float, seed: int) -> None:
    """A piece of bell pepper, skin to the front, bent: red or green by its place."""
    bend = 9 * (1 - (u / wide) ** 2)
    wobble = 6 * window.noise(seed * 10, across=110, down=60, octaves=2)
    slab = box(u, v + bend + wobble, 0, 0, (wide, tall), corner=27)
    mottle = window.noise(seed * 10 + 1, across=70, down=40, octaves=4)
    deep, bright = (rgb("#a80f0c"), rgb("#ee3a1c")) if seed == 2 else (rgb("#2c6a10"), rgb("#86c52c"))
    color = mix(deep, bright, np.clip(0.55 + 0.35 * mottle - 0.5 * v / tall, 0, 1))
    flesh = smoothstep(-13, -6, slab) * smoothstep(0.2, 0.9, v / tall)
    color = mix(color, mix(deep, rgb("#ffd9a0"), 0.55 * np.ones_like(u)), 0.7 * flesh)
    blister = smoothstep(0.62, 0.95, window.noise(seed * 10 + 2, across=46, down=34, octaves=4) + 0.4 * smoothstep(-24, 0, slab))
    color = mix(color, rgb("#2a0f06"), 0.8 * blister)
    relief = dome(slab, 40, rise=0.9) + 9 * np.cos(u / wide * 4.4 + seed) + 1.6 * mottle - 2 * blister
    canvas.part(window, slab, relief=relief, color=color, look=SKIN, shadow=0.8)
    gleam = smoothstep(5.5, 1.5, np.abs(v + bend + wobble + tall * 0.50)) * smoothstep(0.75, 0.35, np.abs(u / wide + 0.30)) * (1 - blister)
    canvas.pixels[window.slices][..., :3] += gleam[..., None] * coverage(slab)[..., None] * 0.55


def _onion(canvas: Canvas, window: Window, u: Array, v: Array, wide: float, tall: float, seed: int) -> None:
    """Three layers of red onion on edge: translucent white with purple skins."""
    for layer in (-1, 0, 1):
        shift = layer * tall * 0.60
        bend = (13 + 3 * layer) * (1 - (u / wide) ** 2)
        wave = 3 * window.noise(seed * 10 + layer, across=90, down=60, octaves=2)
        leaf = box(u, v - shift + bend + wave, 0, 0, (wide - 16 * abs(layer), tall * 0.42), corner=19)
        lines = window.noise(seed * 10 + 5 + layer, across=8, down=60, octaves=3)
        inner = np.clip((v - shift + bend + wave) / (tall * 0.42), -1, 1)
        color = mix(rgb("#fbeef0"), rgb("#dcaecb"), np.clip(0.35 + 0.25 * lines + 0.35 * inner, 0, 1))
        color = mix(color, rgb("#8a1d62"), 0.95 * smoothstep(0.05, -0.55, inner + 0.12 * lines))
        toasted = smoothstep(0.55, 1.1, window.noise(seed * 10 + 9 + layer, across=60, down=20) + 0.6 * smoothstep(-16, 0, leaf))
        color = mix(color, rgb("#5a2c10"), 0.6 * toasted)
        canvas.part(window, leaf, relief=dome(leaf, 20) + 0.5 * lines, color=color, look=ONION, shadow=0.6)


def _tomato(canvas: Canvas, window: Window, u: Array, v: Array, wide: float, tall: float, seed: int) -> None:
    """A cherry tomato, blistered by the fire."""
    distance = (np.hypot(u / wide, v / tall) - 1) * tall
    mottle = window.noise(seed * 10, across=60, down=60, octaves=4)
    ball = 92 * np.sqrt(np.clip(1 - (u / wide) ** 2 - (v / tall) ** 2, 0, 1))
    color = mix(rgb("#a30d08"), rgb("#f2441c"), np.clip(0.55 + 0.4 * mottle - 0.35 * v / tall, 0, 1))
    split = smoothstep(0.75, 1.0, window.noise(seed * 10 + 1, across=50, down=30, octaves=4))
    color = mix(color, rgb("#3a1008"), 0.75 * split)
    canvas.part(window, distance, relief=ball + 1.2 * mottle - 2 * split, color=color, look=SKIN, shadow=0.8)
    gleam = np.exp(-(((u + 34) / 20) ** 2) - ((v + 30) / 11) ** 2)
    canvas.pixels[window.slices][..., :3] += gleam[..., None] * coverage(distance)[..., None] * 0.75
