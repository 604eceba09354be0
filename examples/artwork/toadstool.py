"""A toadstool: scarlet cap with raised white warts, cream gills, a stout stem with a torn skirt, moss and grass at its foot."""

from __future__ import annotations

import numpy as np

from artwork.paint import Array, Canvas, Look, Window, coverage, dome, join, mix, rgb, smoothstep

CAP = Look(gloss=0.70, shine=0.40, rim_dark=0.55, rim_width=60)
FLESH = Look(gloss=0.2, shine=0.08, rim_dark=0.5, rim_width=40)
MOSS = Look(gloss=0.1, shine=0.06, rim_dark=0.6, rim_width=26)


def draw(canvas: Canvas) -> None:
    """Paint it, from back to front."""
    _stem(canvas)
    _gills(canvas)
    _skirt(canvas)
    _cap(canvas)
    _moss(canvas)


def _stem(canvas: Canvas) -> None:
    window = Window(300, 440, 724, 990)
    x, y = window.grid()
    outline = window.spline(
        [(428, 470), (430, 600), (414, 720), (376, 830), (362, 900), (400, 954), (512, 968), (624, 954), (662, 900), (648, 830),
         (610, 720), (594, 600), (596, 470)]
    )  # fmt: skip
    fibres = window.noise(3, across=12, down=260, octaves=4)
    patches = window.noise(4, across=90, down=60, octaves=4)
    rings = smoothstep(0.35, 0.95, np.sin(y / 13 + 2.2 * patches + ((x - 512) / 120) ** 2 * 1.6)) * smoothstep(760, 860, y)
    relief = dome(outline, 105, rise=0.95) + 2.0 * fibres + 3.0 * patches + 5.0 * rings
    color = mix(rgb("#e6d3ac"), rgb("#b98f5c"), np.clip(0.35 + 0.4 * fibres + 0.35 * patches, 0, 1))
    color = mix(color, rgb("#8c6a43"), 0.75 * smoothstep(700, 985, y) * (0.6 + 0.4 * patches))
    shade = mix(1.0, 0.42, smoothstep(700, 500, y))[..., None]  # the cap keeps the light off
    canvas.part(window, outline, relief=relief, color=color * shade, look=FLESH, shadow=0)


def _gills(canvas: Canvas) -> None:
    window = Window(80, 420, 944, 640)
    x, y = window.grid()
    under = np.hypot((x - 512) / 372, (y - 500) / 92) - 1
    distance = under * 92
    turn = np.arctan2((x - 512) / 372, (y - 452) / 150)
    waver = 0.05 * window.noise(6, across=60, down=60)
    blades = np.sin((turn + waver) * 64)
    depth = np.clip(np.hypot((x - 512) / 372, (y - 500) / 92), 0, 1)
    color = mix(rgb("#e9d3a4"), rgb("#6f4a2a"), np.clip(0.42 - 0.42 * blades, 0, 1))
    color = color * mix(0.30, 1.0, smoothstep(0.25, 1.0, depth))[..., None]
    canvas.part(window, distance, relief=4.5 * blades + dome(distance, 24), color=color, look=FLESH, shadow=0.7)


def _skirt(canvas: Canvas) -> None:
    window = Window(380, 560, 644, 740)
    x, y = window.grid()
    hem = 676 + 13 * np.sin(x / 13) + 9 * window.noise(9, across=26, down=400) - ((x - 512) / 105) ** 2 * 26
    half = 84 + (y - 590) * 0.42
    distance = np.maximum(np.maximum(np.abs(x - 512) - half, y - hem), 588 + ((x - 512) / 90) ** 2 * -12 - y)
    folds = np.sin((x - 512) / half * 11 + window.noise(10, across=60, down=90))
    relief = 88 * np.sqrt(np.clip(1 - ((x - 512) / (half + 8)) ** 2, 0, 1)) + 4 * folds + dome(distance, 6)
    color = mix(rgb("#fff3d8"), rgb("#cda878"), np.clip(0.4 - 0.3 * folds, 0, 1)) * mix(0.62, 1.0, smoothstep(590, 680, y))[..., None]
    canvas.part(window, distance, relief=relief, color=color, look=FLESH, shadow=0.8)


def _cap(canvas: Canvas) -> None:
    window = Window(56, 40, 968, 600)
    x, y = window.grid()
    outline = window.spline(
        [(512, 78), (380, 96), (262, 158), (168, 256), (112, 370), (98, 462), (130, 506), (200, 514), (330, 494), (512, 486),
         (694, 494), (824, 514), (894, 506), (926, 462), (912, 370), (856, 256), (762, 158), (644, 96)]
    )  # fmt: skip
    mottle = window.noise(12, across=130, down=130, octaves=5)
    streaks = window.noise(13, across=10, down=150, octaves=3)
    relief = _cap_relief(x, y) + dome(outline, 34, rise=0.9) + 1.2 * mottle
    color = mix(rgb("#c3140e"), rgb("#e8371a"), np.clip(0.5 + 0.55 * mottle, 0, 1))
    color = mix(color, rgb("#ff7a2a"), 0.55 * smoothstep(330, 90, y) * (0.7 + 0.3 * mottle))
    color = mix(color, rgb("#5e0712"), 0.80 * smoothstep(300, 520, y + 20 * mottle + 14 * streaks))
    canvas.part(window, outline, relief=relief, color=color, look=CAP, shadow=0.9)
    for index, (cx, cy, wide) in enumerate(_warts()):
        _wart(canvas, cx, cy, wide, index, outline, window)


def _cap_relief(x: Array, y: Array) -> Array:
    return 330 * np.sqrt(np.clip(1 - ((x - 512) / 450) ** 2 - ((y - 470) / 430) ** 2, 0.01, 1))


def _warts() -> list[tuple[float, float, float]]:
    return [
        (440, 200, 62), (602, 172, 44), (560, 322, 78), (310, 318, 58), (398, 424, 46), (742, 262, 56), (702, 424, 56), (842, 400, 44),
        (206, 414, 44), (256, 214, 27), (528, 440, 24), (640, 250, 20), (500, 118, 26), (808, 300, 18), (150, 342, 20), (300, 460, 17),
        (880, 470, 20), (350, 142, 20), (692, 146, 20), (462, 300, 18), (606, 466, 18), (778, 480, 18),
    ]  # fmt: skip


def _wart(canvas: Canvas, cx: float, cy: float, wide: float, index: int, cap: Array, cap_window: Window) -> None:
    """A wart, squeezed towards the cap's rim as the surface turns away."""
    reach = int(wide * 1.5 + 26)
    window = Window(*(int(edge) for edge in (cx - reach, max(cy - reach, 40), cx + reach, min(cy + reach, 600))))
    x, y = window.grid()
    out = np.array([(cx - 512) / 450, (cy - 470) / 430])
    squeeze = np.sqrt(max(0.12, 1 - out @ out))
    along = out / max(float(np.linalg.norm(out)), 1e-6)
    u, v = (x - cx) * along[0] + (y - cy) * along[1], (y - cy) * along[0] - (x - cx) * along[1]
    ragged = 0.16 * wide * window.noise(50 + index, across=wide * 0.8, down=wide * 0.8)
    distance = np.hypot(u / max(squeeze, 0.42), v) - wide + ragged
    rows, columns = window.slices
    top, left = cap_window.slices[0].start, cap_window.slices[1].start
    distance = np.maximum(distance, cap[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left])
    lumps = window.noise(90 + index, across=wide * 0.5, down=wide * 0.5, octaves=4)
    relief = _cap_relief(x, y) + dome(distance, wide * 0.6, rise=0.7) + 0.035 * wide * lumps
    color = mix(rgb("#f4e6c6"), rgb("#c9a56c"), np.clip(0.35 + 0.5 * lumps, 0, 1))
    color = color * mix(0.55, 1.0, smoothstep(540, 330, y))[..., None]
    look = Look(gloss=0.25, shine=0.12, rim_dark=0.55, rim_width=wide * 0.4)
    canvas.part(window, distance, relief=relief, color=color, look=look, shadow=0.75)


def _moss(canvas: Canvas) -> None:
    window = Window(220, 800, 804, 1010)
    x, y = window.grid()
    mounds = [(330, 942, 76, 40), (420, 956, 96, 38), (540, 960, 116, 38), (650, 948, 84, 40), (712, 950, 50, 30), (284, 956, 48, 28)]
    distance = np.full(window.shape, 1e3, np.float32)
    for cx, cy, wide, tall in mounds:
        distance = join(distance, (np.hypot((x - cx) / wide, (y - cy) / tall) - 1) * tall, 14)
    fuzz = window.noise(31, across=9, down=13, octaves=3)
    distance = distance + 5 * fuzz
    relief = dome(distance, 40, rise=0.9) + 4.5 * fuzz
    color = mix(rgb("#2f5a17"), rgb("#8db52f"), np.clip(0.42 + 0.55 * fuzz + (930 - y) / 160, 0, 1))
    canvas.part(window, distance, relief=relief, color=color, look=MOSS, shadow=0.8)
    generator = np.random.default_rng(8)
    for _ in range(64):
        _blade(canvas, float(generator.uniform(262, 752)), generator)


def _blade(canvas: Canvas, foot: float, generator: np.random.Generator) -> None:
    """One blade of grass."""
    tall, lean, thick = generator.uniform(34, 92), generator.normal(0, 20) + (foot - 512) * 0.10, generator.uniform(4.5, 7.5)
    base = generator.uniform(950, 984) - ((foot - 512) / 240) ** 2 * 14
    window = Window(int(foot - 90), int(base - 110), int(foot + 90), int(base + 12))
    x, y = window.grid()
    t = np.clip((base - y) / tall, 0, 1)
    across = x - foot - lean * t**2
    distance = np.maximum(np.maximum(np.abs(across) - thick * (1 - t) ** 0.7, y - base - 3), base - tall - y)
    color = mix(rgb("#35661a"), rgb("#b4d34a"), np.clip(t * 0.9 + generator.normal(0, 0.12), 0, 1))
    light = color * mix(0.75, 1.25, smoothstep(thick, -thick, across))[..., None]
    canvas.shade(window, distance, strength=0.25, reach=5)
    canvas.lay(window, light, coverage(distance) * smoothstep(0.0, 0.3, t + 0.05))  # the foot fades into the moss
