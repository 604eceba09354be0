"""One HTML file that shows an asset from all sides: the model, the poster and our own WebGL2 viewer inside, nothing fetched."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from functools import cache
from html import escape
from importlib import resources
from string import Template
from typing import Final

import numpy as np
from jaxtyping import Float32

from kiln.asset import Asset, Material
from kiln.engines.handover import Handover
from kiln.engines.viewer.model import page_model, page_scene
from kiln.engines.viewer.poster import Poster, poster, shown_materials
from kiln.formats.asset_files import game_mesh
from kiln.formats.gltf_write import material_maps
from kiln.version import VERSION

_SCRIPTS: Final = ("glb.js", "camera.js", "edges.js", "gl.js", "scene.js", "steering.js", "viewer.js")
"""In the order in which they are joined: each leans on those before it."""

_SHADERS: Final = ("surface.vert", "surface.frag", "line.vert", "line.frag", "floor.vert", "floor.frag", "hull.vert", "hull.frag")

_POLICY: Final = (
    "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; img-src data:; base-uri 'none'; form-action 'none'"
)
"""The page may run its own script and nothing else, and may not ask anybody for anything."""

_MAP_NAMES: Final = {"base_color": "colour", "normal": "normal", "orm": "ORM", "emissive": "emissive"}


def viewer_page(handover: Handover, *, picture: Poster | None = None, model_bytes: int | None = None) -> bytes:
    """The page as UTF-8 HTML. `picture` is the asset's poster, if it is already there; `model_bytes` the size of the file that the page
    is a preview of, which it tells.
    """
    taken = picture or poster(handover)
    asset, style, script = handover.asset, _text("viewer.css"), _script()
    page = Template(_text("page.html")).substitute(
        policy=_POLICY.format(script=_digest(script), style=_digest(style)),
        name=escape(asset.name),
        summary=escape(_summary(asset)),
        poster=_base64(taken.webp),
        facts="".join(f"<div><dt>{escape(key)}</dt><dd>{escape(value)}</dd></div>" for key, value in _facts(handover, model_bytes)),
        modes="".join(_radio("mode", key, words, chosen=key == "shaded") for key, words in _modes(handover)),
        levels=_levels(asset),
        hulls=_switch("hulls", "Collision hulls", "H") if asset.hulls else "",
        scene=json.dumps(page_scene(asset, taken.camera), separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"),
        model=_base64(page_model(handover)),
        style=style,
        script=script,
        version=escape(VERSION),
    )
    return page.encode()


@cache
def _text(name: str) -> str:
    return resources.files("kiln.engines.viewer").joinpath("web", name).read_text(encoding="utf-8")


@cache
def _script() -> str:
    """The viewer's files as one program that adds no names to the page's."""
    shaders = json.dumps({name: _text(name) for name in _SHADERS}).replace("<", "\\u003c")
    parts = "\n".join(_text(name) for name in _SCRIPTS)
    return f'(() => {{\n"use strict";\nconst SHADERS = {shaders};\n\n{parts}}})();\n'


def _digest(text: str) -> str:
    return _base64(hashlib.sha256(text.encode()).digest())


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _modes(handover: Handover) -> Iterator[tuple[str, str]]:
    """The ways of looking that make sense for this asset: key and label."""
    materials = shown_materials(handover)
    maps = {slot for material in materials for slot in material_maps(material)}
    yield "shaded", "Shaded"
    yield "color", "Colour"
    yield "clay", "Clay"
    yield "normal", "Normals"
    if "orm" in maps:
        yield "occlusion", "Occlusion"
    yield "roughness", "Roughness"
    yield "metallic", "Metallic"
    if any(any(material.emissive_factor) for material in materials):
        yield "emissive", "Emissive"
    if game_mesh(handover.asset).uvs is not None:
        yield "checker", "UV checker"


def _levels(asset: Asset) -> str:
    """The choice of a level of detail; nothing where there is none."""
    if not asset.lods:
        return ""
    counts = [mesh.triangle_count for mesh in (game_mesh(asset), *asset.lods)]
    radios = "".join(_radio("lod", str(level), f"LOD{level}", f"{count:,}", chosen=level == 0) for level, count in enumerate(counts))
    return f'<fieldset class="levels"><legend>Level of detail, triangles</legend>{radios}</fieldset>'


def _radio(group: str, value: str, words: str, aside: str = "", *, chosen: bool) -> str:
    checked = " checked" if chosen else ""
    beside = f"<small>{escape(aside)}</small>" if aside else ""
    return f'<label><input type="radio" name="{group}" value="{value}"{checked}><span>{escape(words)}{beside}</span></label>'


def _switch(name: str, words: str, key: str) -> str:
    return (
        f'<label class="switch" title="{escape(words)} ({key})"><span>{escape(words)}</span>'
        f'<input type="checkbox" role="switch" id="{name}" aria-keyshortcuts="{key}"></label>'
    )


def _summary(asset: Asset) -> str:
    """One line under the name."""
    mesh = game_mesh(asset)
    return f"{mesh.triangle_count:,} triangles · {_metres(mesh.bounds[1] - mesh.bounds[0])}"


def _facts(handover: Handover, model_bytes: int | None) -> Iterator[tuple[str, str]]:
    """What the panel tells of the asset, as (name, value)."""
    asset, mesh = handover.asset, game_mesh(handover.asset)
    yield "Triangles", f"{mesh.triangle_count:,}"
    yield "Vertices", f"{mesh.vertex_count:,}"
    yield "Size", _metres(mesh.bounds[1] - mesh.bounds[0])
    yield from _textures(shown_materials(handover))
    if asset.hulls:
        yield "Collision hulls", f"{len(asset.hulls)}"
    if asset.skeleton is not None and mesh.joints is not None:
        yield "Joints", f"{len(asset.skeleton.names):,}, in bind pose"
    if model_bytes is not None:
        yield "File size", f"{model_bytes / 1e6:.1f} MB" if model_bytes >= 100_000 else f"{model_bytes / 1e3:.0f} kB"


def _textures(materials: tuple[Material, ...]) -> Iterator[tuple[str, str]]:
    maps: Mapping[str, tuple[int, ...]] = {slot: px.shape for material in materials for slot, px in material_maps(material).items()}
    if len(materials) > 1:
        yield "Materials", f"{len(materials)}"
    if maps:
        height, width = max(shape[:2] for shape in maps.values())
        yield "Textures", f"{width} × {height} px"
        yield "Maps", ", ".join(words for slot, words in _MAP_NAMES.items() if slot in maps)


def _metres(extent: Float32[np.ndarray, " 3"]) -> str:
    """Width, height and depth, the longest to three digits and the others to as many decimals."""
    longest = max(float(extent.max()), 1e-6)
    decimals = max(0, 2 - math.floor(math.log10(longest)))
    return " × ".join(f"{side:,.{decimals}f}" for side in extent.tolist()) + " m"
