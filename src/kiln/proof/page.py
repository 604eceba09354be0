"""The report as one HTML file: readable anywhere, mailed as it is, nothing loaded from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from html import escape
from importlib import resources

import cv2
import numpy as np
from jaxtyping import UInt8

from kiln.asset import FileRecord, Picture, Report, Step
from kiln.proof.criteria import MEASURES, Measure, Value, shown_size
from kiln.proof.preview import Tile, Views

_JPEG_QUALITY = 88
_SOURCE_HEIGHT = 360
"""Pixels, of the pictures the asset was made from."""

_PAPER = 236
"""Grey behind what is transparent in them."""

_NOT_TOLD = frozenset({"options", "out"})
"""Parameters that are no news to a reader."""

_NOTHING: tuple[object, ...] = (None, [], (), "")
"""Values that say a parameter was not given."""


def write_page(
    report: Report,
    *,
    views: Views,
    maps: Sequence[Tile] = (),
    sources: Sequence[Picture] = (),
    files: Sequence[FileRecord] = (),
    inputs: Sequence[FileRecord] = (),
    licences: Mapping[str, str] | None = None,
    made_with: str = "",
) -> str:
    """The page as HTML. Pictures are embedded as JPEG, so that it survives being mailed; it makes no request and runs no script.

    `views` and `maps` are made by `proof.preview`; `sources` are the pictures it was made from, `inputs` those and other files with their
    digests, `files` the package's own; `licences` maps a part (a backend, an input) to its licence; `made_with` is the last line.
    """
    body = (
        _opening(report, views.hero),
        _attention(report),
        _section("All around", _grid(views.around)),
        _section("How it is built", _grid((*views.details, *views.coarser))),
        _section("Maps", _grid(maps)),
        _section("Measured on the written file", _tables(report.measures)),
        _section("Made from", _sources(sources), _file_table(inputs)),
        _section("What each stage did", _steps(report.steps)),
        _section("Files", _file_table(files)),
        _section("Licences", _pairs(licences or {})),
    )
    return _DOCUMENT.format(
        title=escape(report.name),
        style=_style(),
        body="\n".join(filter(None, body)),
        footer=f"<footer>{escape(made_with)}</footer>" if made_with else "",
    )


_DOCUMENT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main>
{body}
{footer}
</main>
</body>
</html>
"""


@cache
def _style() -> str:
    return resources.files("kiln.proof").joinpath("page.css").read_text(encoding="utf-8")


def _section(title: str, *parts: str) -> str:
    """A titled part of the page; nothing when it would be empty."""
    inside = "\n".join(filter(None, parts))
    return f"<section>\n<h2>{escape(title)}</h2>\n{inside}\n</section>" if inside else ""


def _image(pixels: UInt8[np.ndarray, "height width 3"], words: str) -> str:
    """An img element with a JPEG inside."""
    settings = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), settings)
    data = base64.b64encode(encoded.tobytes()).decode("ascii")
    height, width = pixels.shape[:2]
    return f'<img src="data:image/jpeg;base64,{data}" width="{width}" height="{height}" alt="{escape(words)}">'


def _grid(tiles: Iterable[Tile]) -> str:
    figures = [f"<figure>{_image(tile.pixels, tile.caption)}<figcaption>{escape(tile.caption)}</figcaption></figure>" for tile in tiles]
    return f'<div class="grid">{"".join(figures)}</div>' if figures else ""


def _judged(measures: Mapping[str, Value]) -> list[tuple[Measure, Value, bool | None]]:
    return [(m, measures[m.key], m.is_good(measures[m.key])) for m in MEASURES if m.key in measures]


def verdict(report: Report) -> str:
    """One sentence: how many checks pass, and what to look at."""
    judged = [(m, good) for m, _, good in _judged(report.measures) if good is not None]
    failed = [m.label.lower() for m, good in judged if not good]
    if not failed:
        return f"All {len(judged)} checks pass on the written file."
    rest = f" and {len(failed) - 2} more" if len(failed) > 2 else ""
    return f"{len(judged) - len(failed)} of {len(judged)} checks pass. To look at: {', '.join(failed[:2])}{rest}."


def key_facts(measures: Mapping[str, Value]) -> list[tuple[str, str]]:
    """The few numbers everybody asks for first, as (name, value)."""
    of = measures.get
    found = [("Triangles", f"{of('triangles'):,}" if of("triangles") is not None else "")]
    if all(isinstance(of(f"{side}_m"), float) for side in ("width", "height", "depth")):
        found.append(("Size", " × ".join(f"{of(f'{side}_m'):.2f}" for side in ("width", "height", "depth")) + " m"))
    found.append(("Textures", str(of("base_color_size") or of("normal_size") or "")))
    found.append(("Levels of detail", str(of("lods") or "")))
    found.append(("Collision hulls", str(of("hulls") or "")))
    return [(name, value) for name, value in found if value]


def _opening(report: Report, hero: Tile) -> str:
    passed = all(good is not False for _, _, good in _judged(report.measures))
    facts = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in key_facts(report.measures))
    return (
        f'<header>\n<div class="hero">{_image(hero.pixels, report.name)}</div>\n<div class="words">\n<h1>{escape(report.name)}</h1>\n'
        f'<p class="verdict">{_mark(passed)}{escape(verdict(report))}</p>\n<dl class="facts">{facts}</dl>\n</div>\n</header>'
    )


def _mark(good: bool | None) -> str:
    if good is None:
        return ""
    kind, sign, words = ("good", "✓", "good") if good else ("look", "!", "needs a look")
    return f'<span class="mark {kind}" role="img" aria-label="{words}">{sign}</span>'


def _attention(report: Report) -> str:
    if not report.warnings:
        return ""
    return '<ul class="notes">' + "".join(f"<li>{escape(sentence)}</li>" for sentence in report.warnings) + "</ul>"


def _tables(measures: Mapping[str, Value]) -> str:
    """A table for each group of measures, in two columns where there is room."""
    groups: dict[str, list[str]] = {}
    for measure, value, good in _judged(measures):
        groups.setdefault(measure.group, []).append(_row(measure, value, good))
    tables = (f"<h3>{escape(group)}</h3>\n<table>{''.join(rows)}</table>" for group, rows in groups.items())
    return f'<div class="columns">{"".join(tables)}</div>' if groups else ""


def _row(measure: Measure, value: Value, good: bool | None) -> str:
    wanted = f'<span class="wanted">aim: {escape(measure.good)}</span>' if measure.good and (good is False or measure.at_most != 0) else ""
    means = f'<span class="means">{escape(measure.means)}</span>' if measure.means else ""
    return (
        f'<tr id="{escape(measure.key)}"><th scope="row">{escape(measure.label)}{means}</th>'
        f'<td class="value">{escape(measure.shown(value))}{wanted}</td><td class="judged">{_mark(good)}</td></tr>\n'
    )


def _sources(pictures: Sequence[Picture]) -> str:
    figures = []
    for picture in pictures:
        caption = f"{picture.name}, {picture.view}, {picture.width} × {picture.height}"
        figures.append(f"<figure>{_image(_on_paper(picture), caption)}<figcaption>{escape(caption)}</figcaption></figure>")
    return f'<div class="sources">{"".join(figures)}</div>' if figures else ""


def _on_paper(picture: Picture) -> UInt8[np.ndarray, "height width 3"]:
    """The picture, small, without transparency."""
    height = min(picture.height, _SOURCE_HEIGHT)
    size = (max(1, round(picture.width * height / picture.height)), height)
    alpha = picture.pixels[..., 3:].astype(np.float32) / 255
    # Encoded values, as every viewer blends an icon over its page.
    flat = picture.pixels[..., :3] * alpha + _PAPER * (1 - alpha)
    return cv2.resize(np.round(flat).astype(np.uint8), size, interpolation=cv2.INTER_AREA)


def _steps(steps: Sequence[Step]) -> str:
    items = []
    for step in steps:
        given = ((name, value) for name, value in step.params.items() if name not in _NOT_TOLD and value not in _NOTHING)
        told = ", ".join(f"{name.replace('_', ' ')} {_plain(value)}" for name, value in given)
        notes = "".join(f"<p>{escape(note)}</p>" for note in step.notes)
        items.append(f"<li><h3>{escape(step.stage)}</h3>{notes}" + (f'<p class="params">{escape(told)}</p>' if told else "") + "</li>")
    return f'<ol class="steps">{"".join(items)}</ol>' if items else ""


def _plain(value: object) -> str:
    """A parameter as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return " and ".join(_plain(each) for each in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _file_table(files: Sequence[FileRecord]) -> str:
    rows = "".join(_file_row(file) for file in files)
    return f'<table class="files">{rows}</table>' if rows else ""


def _file_row(file: FileRecord) -> str:
    value = f'<td class="value">{shown_size(file.size)}</td><td class="hash"><code>{escape(file.sha256)}</code></td>'
    return f'<tr><th scope="row">{escape(file.name)}</th>{value}</tr>\n'


def _pairs(table: Mapping[str, str]) -> str:
    rows = "".join(f'<tr><th scope="row">{escape(name)}</th><td class="value">{escape(value)}</td></tr>\n' for name, value in table.items())
    return f"<table>{rows}</table>" if rows else ""
