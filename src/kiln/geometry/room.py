"""How much of an atlas a chart is expected to take: what joining and cutting charts are decided by."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from kiln.geometry.layout import Layout, Selection, boxes

_BOXED = 0.7
"""How far a chart takes its whole bounding rectangle; for the rest others use what it leaves of it."""

_UNWIELDY = 1.0
"""What size adds: a chart as long as the atlas takes this many times its own area more, since few fit beside it."""

_EXPECTED_FILL = 0.65
"""Share of the atlas that charts will fill, for telling its side in metres before anything is packed."""


def atlas_side(layout: Layout) -> float:
    """About how many metres of surface the atlas's side will be."""
    return float(np.sqrt(layout.areas.sum() / _EXPECTED_FILL))


def room(some: Selection, *, gutter: float) -> Float64[np.ndarray, " groups"]:
    """Square metres of atlas that each group is expected to take; gutter is the padding's share of the atlas's side."""
    side = atlas_side(some.layout)
    padding = gutter * side
    rectangle, area = boxes(some), some.sums(some.area)
    boxed = (rectangle + padding).prod(axis=1)
    bare = area + rectangle.sum(axis=1) * padding
    return _BOXED * boxed + (1 - _BOXED) * bare + _UNWIELDY * area**1.5 / side
