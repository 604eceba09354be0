"""Draws the README's pictures from real output: makes every example and lays the picture beside what came out.

usage: python docs/draw_images.py [OUT]     packages go to OUT (default: out), images to docs/images
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

import kiln

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parent / "examples" / "pictures"
PAPER = (245, 244, 240)
TILE = 340
GAP = 12
VIEWS = 4


def main() -> None:
    """Make every example and draw the images."""
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
    (HERE / "images").mkdir(exist_ok=True)
    packages = {path.stem: kiln.make(path, out=out) for path in sorted(EXAMPLES.glob("*.png"))}
    for name, package in packages.items():
        beside(EXAMPLES / f"{name}.png", package.folder / "previews" / "contact_sheet.png").save(
            HERE / "images" / f"{name}.jpg", quality=86, optimize=True
        )
    maps = Image.open(packages["toadstool"].folder / "previews" / "maps.png").convert("RGB")
    maps.resize((1400, round(1400 * maps.height / maps.width)), Image.Resampling.LANCZOS).save(
        HERE / "images" / "maps.jpg", quality=86, optimize=True
    )


def beside(picture: Path, sheet: Path) -> Image.Image:
    """The picture, the large view, and the turntable's eight, in one strip."""
    views = Image.open(sheet).convert("RGB")
    unit = (views.width - 2 * 48 + 12) / 4  # the sheet's margin, and the pitch of its tiles
    top = 48 + 84

    def tile(column: float, row: float, span: int) -> Image.Image:
        left, upper, side = 48 + column * unit, top + row * unit, span * unit - 12
        return views.crop((round(left), round(upper), round(left + side), round(upper + side)))

    large = 2 * TILE + GAP
    strip = Image.new("RGB", (2 * large + GAP * 3 + VIEWS * (TILE + GAP), large + 2 * GAP), PAPER)
    subject = Image.open(picture).convert("RGBA")
    subject.thumbnail((large - 80, large - 80), Image.Resampling.LANCZOS)
    strip.paste(subject, (GAP + (large - subject.width) // 2, GAP + (large - subject.height) // 2), subject)
    strip.paste(tile(0, 0, 2).resize((large, large), Image.Resampling.LANCZOS), (2 * GAP + large, GAP))
    for number in range(8):
        small = tile(number % 4, 2 + number // 4, 1).resize((TILE, TILE), Image.Resampling.LANCZOS)
        strip.paste(small, (3 * GAP + 2 * large + number % VIEWS * (TILE + GAP), GAP + number // VIEWS * (TILE + GAP)))
    return strip.resize((1680, round(1680 * strip.height / strip.width)), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
