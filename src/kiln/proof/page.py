"""The report as one HTML file: readable anywhere, mailed as it is, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib import resources

import cv2
import numpy as np
from jaxtyping import UInt8

from kiln.asset import Body, FileRecord, Picture, Report, Step, Value
from kiln.proof.criteria import BY_KEY, shown_size
from kiln.proof.html import facts, folded, grid, image, mark, pairs, remark, section
from kiln.proof.preview import Tile, Views
from kiln.proof.tables import contract_part, hull_facts, hull_table, lod_table, measure_tables, passes, proof_facts, verdict

_SOURCE_HEIGHT = 360
"""Pixels, of the pictures the asset was made from."""

_PAPER = 236
"""Grey behind what is transparent in them."""

_NOT_TOLD = frozenset({"options", "out"})
"""Parameters that are no news to a reader."""

_NOTHING: tuple[object, ...] = (None, [], (), "")
"""Values that say a parameter was not given."""

_LEGEND = (
    "Violet is the same, yellow is off by the end of the scale or more. Grey is not compared: the colour was guessed. "
    "Red is where only one of the two is seen."
)
_AS_LARGE = "As large as on a screen 1,080 pixels high where each takes over from the game mesh, at most one pixel off."

_FEW = 3
"""As many warnings are shown at once; more are folded away."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Exhibits:
    """What the page shows beside the report's words and numbers."""

    views: Views
    maps: Sequence[Tile] = ()
    evidence: Sequence[Tile] = ()
    """Source and game mesh side by side, with heat maps of their difference."""

    lod_pairs: Sequence[Tile] = ()
    sources: Sequence[Picture] = ()
    """The pictures it was made from."""

    bodies: Sequence[Body] = ()
    """Its collision."""


def write_page(
    report: Report,
    exhibits: Exhibits,
    *,
    files: Sequence[FileRecord] = (),
    inputs: Sequence[FileRecord] = (),
    licences: Mapping[str, str] | None = None,
    made_with: str = "",
) -> str:
    """The page as HTML. Pictures are embedded as JPEG, so that it survives being mailed; it makes no request and runs no script.

    `inputs` are the files it was made from, `files` the package's own; `licences` maps a part (a backend, an input) to its licence;
    `made_with` is the last line.
    """
    views, measures = exhibits.views, report.measures
    body = (
        _opening(report, views.hero),
        _attention(report),
        contract_part(report.contract),
        section("All around", grid(views.around)),
        section("True to its source", *_fidelity(report, exhibits.evidence)),
        section("How it is built", grid((*views.details, *views.coarser))),
        section("Levels of detail", lod_table(measures), *_switches(exhibits.lod_pairs)),
        section("Collision", hull_facts(measures), hull_table(exhibits.bodies)),
        section("Maps", grid(exhibits.maps)),
        section("Measured on the written file", measure_tables(measures)),
        section("Made from", _sources(exhibits.sources), _file_table(inputs)),
        section("How it was made", folded("What each stage did", _steps(report.steps), aside=f"{len(report.steps)} stages")),
        section("Package", folded("Files", _file_table(files), aside=f"{len(files)} files"), folded("Licences", pairs(licences or {}))),
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


def key_facts(measures: Mapping[str, Value]) -> list[tuple[str, str]]:
    """The few numbers everybody asks for first, as (name, value)."""
    of = measures.get
    found = [("Triangles", f"{of('triangles'):,}" if of("triangles") is not None else "")]
    if all(isinstance(of(f"{side}_m"), float) for side in ("width", "height", "depth")):
        found.append(("Size", " × ".join(f"{of(f'{side}_m'):.2f}" for side in ("width", "height", "depth")) + " m"))
    found.append(("Textures", str(of("base_color_size") or of("normal_size") or "")))
    found.append(("Levels of detail", str(of("lods") or "")))
    found.append(("Collision hulls", str(of("hulls") or "")))
    if of("texel_density_px_per_m") is not None:
        found.append(("Texel density", BY_KEY["texel_density_px_per_m"].shown(of("texel_density_px_per_m"))))
    return [(name, value) for name, value in found if value]


def _opening(report: Report, hero: Tile) -> str:
    return (
        f'<header>\n<div class="hero">{image(hero.pixels, report.name, at_once=True)}</div>\n'
        f'<div class="words">\n<h1>{escape(report.name)}</h1>\n'
        f'<p class="verdict">{mark(passes(report))}<span>{escape(verdict(report))}</span></p>\n'
        f"{facts(key_facts(report.measures))}\n</div>\n</header>"
    )


def _fidelity(report: Report, evidence: Sequence[Tile]) -> tuple[str, ...]:
    if not evidence:
        return ()
    return proof_facts(report.measures), remark(_LEGEND), grid(evidence)


def _switches(lod_pairs: Sequence[Tile]) -> tuple[str, ...]:
    return (remark(_AS_LARGE), grid(lod_pairs, true_size=True)) if lod_pairs else ()


def _attention(report: Report) -> str:
    """What fell short: the first few sentences, the others on demand."""
    first, more = report.warnings[:_FEW], report.warnings[_FEW:]
    if not first:
        return ""
    rest = folded(f"{len(more)} more", _bullets(more)) if more else ""
    return f'<div class="notes">{_bullets(first)}{rest}</div>'


def _bullets(sentences: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences) + "</ul>"


def _sources(pictures: Sequence[Picture]) -> str:
    figures = []
    for picture in pictures:
        caption = f"{picture.name}, {picture.view}, {picture.width} × {picture.height}"
        figures.append(f"<figure>{image(_on_paper(picture), caption)}<figcaption>{escape(caption)}</figcaption></figure>")
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
