"""Pieces of a page: pictures inside it, sections, parts that fold away, marks."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape

import cv2
import numpy as np
from jaxtyping import UInt8

from kiln.proof.preview import Tile

_JPEG_QUALITY = 86


def section(title: str, *parts: str) -> str:
    """A titled part of the page; nothing when it would be empty."""
    inside = "\n".join(filter(None, parts))
    return f"<section>\n<h2>{escape(title)}</h2>\n{inside}\n</section>" if inside else ""


def folded(title: str, inside: str, *, aside: str = "", unfolded: bool = False) -> str:
    """A part that is shown when its title is clicked; `aside` is what stands beside the title. Nothing when it would be empty."""
    if not inside:
        return ""
    beside = f'<span class="aside">{aside}</span>' if aside else ""
    return f"<details{' open' if unfolded else ''}><summary><span>{escape(title)}</span>{beside}</summary>\n{inside}\n</details>"


def image(pixels: UInt8[np.ndarray, "height width 3"], words: str, *, at_once: bool = False) -> str:
    """An img element with a JPEG inside, decoded when it comes into sight, or before the page is first drawn."""
    settings = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), settings)
    data = base64.b64encode(encoded.tobytes()).decode("ascii")
    height, width = pixels.shape[:2]
    when = 'decoding="sync"' if at_once else 'loading="lazy" decoding="async"'
    return f'<img src="data:image/jpeg;base64,{data}" width="{width}" height="{height}" alt="{escape(words)}" {when}>'


def grid(tiles: Iterable[Tile], *, true_size: bool = False) -> str:
    """Pictures with their captions, four in a row where there is room, two on a phone; or each pixel a pixel, where there is room."""
    figures = [f"<figure>{image(tile.pixels, tile.caption)}<figcaption>{escape(tile.caption)}</figcaption></figure>" for tile in tiles]
    return f'<div class="{"true-size" if true_size else "grid"}">{"".join(figures)}</div>' if figures else ""


def remark(words: str) -> str:
    """A sentence that explains what is shown."""
    return f'<p class="remark">{escape(words)}</p>'


def mark(good: bool | None) -> str:
    """A tick, or an exclamation mark; nothing where nothing is judged."""
    if good is None:
        return ""
    kind, sign, words = ("good", "✓", "good") if good else ("look", "!", "needs a look")
    return f'<span class="mark {kind}" role="img" aria-label="{words}">{sign}</span>'


def facts(found: Iterable[tuple[str, str]]) -> str:
    """Few numbers, large."""
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in found)
    return f'<dl class="facts">{items}</dl>' if items else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column names the row; cells are HTML. Nothing without rows."""
    body = "".join(f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>\n' for first, *rest in rows)
    if not body:
        return ""
    titles = "".join(f'<th scope="col">{escape(title)}</th>' for title in head)
    return f'<div class="wide"><table class="grid-table"><thead><tr>{titles}</tr></thead><tbody>\n{body}</tbody></table></div>'


def pairs(entries: Mapping[str, str]) -> str:
    """Names and what belongs to them."""
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td class="value">{escape(value)}</td></tr>\n' for name, value in entries.items()
    )
    return f"<table>{rows}</table>" if rows else ""
