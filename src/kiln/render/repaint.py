"""A material whose guessed texels are filled from the well-seen surface: smooth colour first, then texture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from kiln.asset import Material, Mesh
from kiln.geometry.diffuse import harmonic_fill
from kiln.imaging.color import linear_to_srgb, srgb_to_linear
from kiln.imaging.dissolved import dissolved
from kiln.render.atlas import Atlas, lay_out
from kiln.render.patchwork import patchwork

Method = Literal["auto", "diffuse", "patch"]
"""auto: what is a blur, with colour and texture. diffuse: all that is guessed, with colour. patch: all that is guessed, with both."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Repainted:
    """What was filled."""

    material: Material
    """`guessed` still says what no picture shows."""

    share: float
    """Of the surface, 0 to 1; 0 when there was nothing to fill, or nothing to fill it from."""

    seam_before: float
    """Mean difference of the base colour's two sides along seams, 8-bit levels."""

    seam_after: float


def repaint(
    mesh: Mesh,
    material: Material,
    *,
    method: Method = "auto",
    threshold: float = 0.5,
    texture: float = 0.8,
    on_progress: Callable[[float, str], None] = lambda share, words: None,  # noqa: ARG005
) -> Repainted:
    """Fill the texels that pictures show less well than the threshold (0 not at all, 1 well).

    Colour, roughness and metal are carried on over the surface from the texels around (harmonic, in linear light, across seams); `texture`
    (0 to 1) is how strong texture like the seen surface's is laid on. ValueError when the mesh has no UVs or normals, or the material no
    base colour or nothing that says what is guessed.
    """
    if material.base_color is None or material.guessed is None or material.guessed.shape != material.base_color.shape[:2]:
        raise ValueError("repaint: the material needs base colour and guessed maps of one size")
    atlas = lay_out(mesh, size=len(material.guessed))
    color = atlas.read(material.base_color)
    known = atlas.read(material.guessed) <= 255 * (1 - threshold)
    weak = _dissolved(atlas, material.base_color, known) if method == "auto" else ~known
    seam = atlas.across_seams(color[:, :3].astype(np.float32))
    if not weak.any() or not known.any():
        return Repainted(material=material, share=0.0, seam_before=seam, seam_after=seam)
    on_progress(0.3, "colour")
    color, orm = _diffused(atlas, color, material.orm, weak)
    if method != "diffuse" and texture > 0:
        on_progress(0.6, "texture")
        color = _textured(mesh, atlas, color, weak=weak, known=known, strength=texture)
    filled = replace(material, base_color=atlas.spread(color), orm=orm)
    return Repainted(
        material=filled, share=float(weak.mean()), seam_before=seam, seam_after=atlas.across_seams(color[:, :3].astype(np.float32))
    )


def _dissolved(atlas: Atlas, base_color: UInt8[np.ndarray, "size size 4"], known: Bool[np.ndarray, " nodes"]) -> Bool[np.ndarray, " nodes"]:
    """The guessed texels that are a blur."""
    covered = np.zeros(atlas.owner.shape, bool)
    covered.reshape(-1)[atlas.graph.texel] = True
    return atlas.read(dissolved(base_color[..., :3], covered=covered, known=atlas.spread(known)))


def _diffused(
    atlas: Atlas, color: UInt8[np.ndarray, "nodes 4"], orm: UInt8[np.ndarray, "h w 3"] | None, weak: Bool[np.ndarray, " nodes"]
) -> tuple[UInt8[np.ndarray, "nodes 4"], UInt8[np.ndarray, "h w 3"] | None]:
    """Colour, and the ORM map where it has the atlas's size, with those of weak texels carried on from around them."""
    surface = None if orm is None or orm.shape[:2] != atlas.owner.shape else atlas.read(orm)
    channels = [srgb_to_linear(color[:, :3])]
    if surface is not None:
        channels.append(surface[:, 1:].astype(np.float32) / 255)
    filled = harmonic_fill(np.hstack(channels), ~weak, atlas.graph.pairs, cells=atlas.graph.cells)
    painted = color.copy()
    painted[weak, :3] = linear_to_srgb(filled[weak, :3])
    if surface is None:
        return painted, orm
    surface[weak, 1:] = np.round(255 * np.clip(filled[weak, 3:], 0, 1))
    return painted, atlas.spread(surface)


def _textured(
    mesh: Mesh,
    atlas: Atlas,
    color: UInt8[np.ndarray, "nodes 4"],
    *,
    weak: Bool[np.ndarray, " nodes"],
    known: Bool[np.ndarray, " nodes"],
    strength: float,
) -> UInt8[np.ndarray, "nodes 4"]:
    """The colours with the texture of known texels laid over weak ones."""
    painted, places = atlas.spread(color[:, :3]), atlas.places[weak]
    added: Float32[np.ndarray, "weak 3"] = patchwork(
        mesh, painted, weak=atlas.spread(weak), known=atlas.spread(known), places=places, texel=atlas.texel
    )
    result = color.copy()
    result[weak, :3] = np.clip(np.round(color[weak, :3] + np.float32(strength) * added), 0, 255)
    return result
