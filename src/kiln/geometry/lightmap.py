"""A second layout of the same charts, for baked light: small, evenly dense, with gaps of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from kiln.asset import Mesh
from kiln.errors import PostconditionError
from kiln.geometry.areas import flat_areas
from kiln.geometry.charts import Charts
from kiln.geometry.layout import covered_share
from kiln.geometry.pack import pack

_LEAST_FILL = 0.2
"""Share of a lightmap that charts must fill: where gaps take all the room, charts are less than a texel wide."""


@dataclass(frozen=True, kw_only=True)
class Lightmap:
    """What the second layout is to be."""

    size: int
    """Texels on a side."""

    padding: int
    """Texels."""


def lightmap_uvs(charts: Charts, lightmap: Lightmap | None, notes: list[str]) -> Float32[np.ndarray, "corners 2"] | None:
    """The charts packed for the lightmap, evenly dense; with less padding where they do not fit, which is noted, and None when they do
    not even then or no lightmap is wanted."""
    padding = 0 if lightmap is None else lightmap.padding
    while lightmap is not None and padding:
        try:
            uvs = pack(charts, size=lightmap.size, padding=padding)
        except PostconditionError:
            uvs = None
        if uvs is not None and np.abs(flat_areas(uvs.astype(np.float64), charts.triangles)).sum() > _LEAST_FILL:
            if padding < lightmap.padding:
                notes.append(f"lightmap UVs: {padding} texels of padding instead of {lightmap.padding}, for want of room")
            return uvs
        padding //= 2
    if lightmap is not None:
        notes.append(f"no lightmap UVs: {charts.count:,} charts do not fit {lightmap.size} texels; use a larger lightmap")
    return None


def lightmap_measures(mesh: Mesh, lightmap: Lightmap | None) -> dict[str, float]:
    """ "lightmap_utilization", the islands' share of its texels, where the mesh has such a layout."""
    if lightmap is None or mesh.lightmap_uvs is None:
        return {}
    return {"lightmap_utilization": covered_share(mesh.lightmap_uvs, mesh.triangles, size=lightmap.size)}
