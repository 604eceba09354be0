"""Draws Kiln's own artwork into examples/pictures: `python examples/draw_artwork.py [name ...]`. Deterministic; about half a minute."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from artwork.paint import Canvas

NAMES = ("skewer", "potion", "toadstool", "shield")
ON_PAPER = ("toadstool",)
"""Also drawn with a background, to show `cutout` on."""


def main(names: list[str]) -> None:
    """Draw the pictures named, or all of them."""
    folder = Path(__file__).parent / "pictures"
    folder.mkdir(exist_ok=True)
    for name in names or NAMES:
        canvas = Canvas()
        importlib.import_module(f"artwork.{name}").draw(canvas)
        canvas.save(folder / f"{name}.png")
        if name in ON_PAPER:
            canvas.save_on_paper(folder / f"{name}_on_paper.jpg")
        print(folder / f"{name}.png")


if __name__ == "__main__":
    main(sys.argv[1:])
