"""Measures of what an engine needs beside the game mesh: its LODs and collision hulls."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kiln.asset import Mesh, Value
from kiln.geometry.deviation import deviation
from kiln.geometry.hull_errors import hull_errors
from kiln.geometry.silhouette import silhouette_iou
from kiln.geometry.switch import switch_sizes
from kiln.geometry.topology import label_components
from kiln.kernels import map_in_threads


def measure_lods(mesh: Mesh, lods: Sequence[Mesh]) -> dict[str, Value]:
    """How many triangles each LOD has, how far off it and its outline are, and from which size on the screen it may stand for the mesh."""
    measures: dict[str, Value] = {"lods": 1 + len(lods)} if lods else {}
    apart = map_in_threads(lambda lod: (deviation(mesh, lod), silhouette_iou(mesh, lod)), lods)
    for level, (lod, (share, outline)) in enumerate(zip(lods, apart, strict=True), start=1):
        sizes = switch_sizes(mesh, share)
        measures |= {
            f"lod{level}_triangles": lod.triangle_count,
            f"lod{level}_deviation": share,
            f"lod{level}_deviation_m": share * mesh.diagonal,
            f"lod{level}_silhouette_iou": outline,
            f"lod{level}_unreal_screen_size": sizes.unreal_screen_size,
            f"lod{level}_unity_height": sizes.unity_height,
            f"lod{level}_godot_m": sizes.godot_metres,
        }
    return measures


def measure_hulls(mesh: Mesh, merged: Mesh) -> dict[str, Value]:
    """What the hulls of a file, merged into one mesh, cost and how well they stand in for the game mesh."""
    hulls = _parted(merged)
    corners = [len(np.unique(hull.positions, axis=0)) for hull in hulls]
    errors = hull_errors(mesh, hulls)
    return {
        "hulls": len(hulls),
        "hull_vertices_max": max(corners),
        "hull_vertices": sum(corners),
        "hull_triangles": merged.triangle_count,
        "hull_triangles_share": merged.triangle_count / mesh.triangle_count,
        "hull_volume_error": errors.volume_error,
        "hull_outside": errors.outside,
        "hull_uncovered": errors.uncovered,
    }


def _parted(merged: Mesh) -> list[Mesh]:
    """Hulls that touch are told apart by their vertices, which they never share."""
    labels, count = label_components(merged.triangles.astype(np.int32), point_count=merged.vertex_count)
    return [merged.take_triangles(labels == number) for number in range(count)]
