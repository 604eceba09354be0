"""Measures of a mesh's surface, and of the maps on it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, UInt8

from kiln.asset import Material, Mesh, Value
from kiln.geometry.areas import volume
from kiln.geometry.topology import measure_topology

_PIVOT_TOLERANCE = 1e-3
"""Of the diagonal."""

_DARKEST, _BRIGHTEST = 30, 243
"""sRGB levels between which the colours of real surfaces lie, as asset auditors check them."""

_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Rec. 709, here of encoded values."""

_LATTICE = 512
"""Texels looked at along the longer side of a map."""

_NOT_METAL, _METAL = 0.1 * 255, 0.9 * 255


def measure_shape(mesh: Mesh) -> dict[str, Value]:
    """Counts, defects, size and pivot."""
    topology = measure_topology(mesh)
    closed = topology.is_closed and topology.is_manifold
    low, high = mesh.bounds
    width, height, depth = (float(side) for side in high - low)
    return {
        "triangles": mesh.triangle_count,
        "vertices": mesh.vertex_count,
        "watertight": "yes" if closed else "no",
        "open_edges": topology.open_edges,
        "non_manifold_edges": topology.non_manifold_edges,
        "inconsistent_edges": topology.inconsistent_edges,
        "degenerate_triangles": topology.degenerate_triangles,
        "components": topology.components,
        "volume_m3": volume(mesh) if closed else None,
        "width_m": width,
        "height_m": height,
        "depth_m": depth,
        "pivot": _pivot(mesh),
    }


def _pivot(mesh: Mesh) -> str:
    low, high = (corner.astype(np.float64) for corner in mesh.bounds)
    middle, tolerance = (low + high) / 2, _PIVOT_TOLERANCE * mesh.diagonal
    if np.abs(middle).max() <= tolerance:
        return "centre"
    if np.abs([middle[0], low[1], middle[2]]).max() <= tolerance:
        return "bottom centre"
    x, y, z = (0 - low) / np.where(high > low, high - low, 1)
    return f"{x:.0%} / {y:.0%} / {z:.0%} of the size"


def measure_maps(materials: tuple[Material, ...]) -> dict[str, Value]:
    """The maps' sizes."""
    sizes: dict[str, Value] = {}
    for name in ("base_color", "normal", "orm", "emissive"):
        found = {getattr(material, name).shape[1::-1] for material in materials if getattr(material, name) is not None}
        sizes |= {f"{name}_size": ", ".join(f"{width} × {height}" for width, height in sorted(found))} if found else {}
    return sizes


def measure_texels(material: Material, covered: Bool[np.ndarray, "height width"]) -> dict[str, Value]:
    """What share of the covered texels has a colour or a metallic value that no real surface has."""
    measures: dict[str, Value] = {}
    if material.base_color is not None:
        luma = _drawn(material.base_color, covered)[:, :3] @ _LUMA
        measures["albedo_out_of_range"] = _share((luma < _DARKEST) | (luma > _BRIGHTEST))
    if material.orm is not None:
        metallic = _drawn(material.orm, covered)[:, 2] * material.metallic_factor
        measures["metallic_in_between"] = _share((metallic > _NOT_METAL) & (metallic < _METAL))
    return measures


def _drawn(pixels: UInt8[np.ndarray, "h w channels"], covered: Bool[np.ndarray, "height width"]) -> UInt8[np.ndarray, "n channels"]:
    """Covered texels of a map, one from each cell of a lattice: shares need no more."""
    step = -(-max(pixels.shape) // _LATTICE)
    few = pixels[step // 2 :: step, step // 2 :: step]
    rows = (np.arange(len(few)) * step + step // 2) * len(covered) // len(pixels)
    columns = (np.arange(few.shape[1]) * step + step // 2) * covered.shape[1] // pixels.shape[1]
    return few[covered[np.ix_(rows, columns)]]


def _share(which: Bool[np.ndarray, " n"]) -> float | None:
    return float(which.mean()) if len(which) else None
