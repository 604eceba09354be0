"""Frames, units, colour spaces and names, said once. Foreign conventions are converted at the border (formats, backends), nowhere else.

- Metres, right-handed, +Y up, +Z front (glTF). The subject's own left is +X.
- Triangles wind counter-clockwise seen from outside.
- UV origin is the top-left corner of the texture (glTF); texel (column i, row j) of a W x H map has its centre
  at ((i + .5) / W, (j + .5) / H).
- Base colour and emissive are sRGB-encoded uint8; every other map is linear uint8.
- Normal maps are OpenGL (+Y = up in the texture); tangents are MikkTSpace. ORM is R occlusion, G roughness, B metallic.
- Quaternions are x, y, z, w.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

View = Literal["front", "right", "back", "left"]
"""Which side of the subject a picture shows; left and right are the subject's own."""

VIEWS: Final[tuple[View, ...]] = get_args(View)

VIEW_AZIMUTH_DEGREES: Final[dict[View, float]] = {"front": 0.0, "left": 90.0, "back": 180.0, "right": 270.0}
"""Where the camera stands, turned about +Y from +Z towards +X."""
