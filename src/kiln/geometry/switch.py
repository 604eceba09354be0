"""From which size on the screen a coarser mesh may stand for a mesh, engine by engine."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from kiln.asset import Mesh

SCREEN_PIXELS: Final = 1080
"""Height of the screen."""

MOST_ERROR_PIXELS: Final = 1.0
"""A LOD may be this far off on the screen when it appears."""

UNREAL_FOV_DEGREES: Final = math.degrees(2 * math.atan(9 / 16))
"""Vertical field of view: 90 degrees horizontally on a 16:9 screen, Unreal's default."""

UNITY_FOV_DEGREES: Final = 60.0
"""Vertical field of view, Unity's default."""

GODOT_FOV_DEGREES: Final = 75.0
"""Vertical field of view, Godot's default (Camera3D keeps the height)."""


@dataclass(frozen=True, kw_only=True)
class SwitchSizes:
    """When a LOD takes over from the finer one."""

    unreal_screen_size: float
    """The LOD's Screen Size: it is used while the bounds' sphere measures less than this on the screen."""

    unity_height: float
    """`screenRelativeTransitionHeight` of the LOD before it: below this the next one is used. 0 to 1."""

    godot_metres: float
    """`visibility_range_begin` of the LOD (and `visibility_range_end` of the one before it), metres from the middle of its bounds."""


def switch_sizes(mesh: Mesh, deviation: float) -> SwitchSizes:
    """When a LOD this far off (share of the mesh's diagonal, see `deviation`) is at most one pixel off on a 1080-pixel-high screen.

    At distance d a length e covers e H / (2 d tan(fov / 2)) of H pixels. That is one pixel at d = e H / (2 tan(fov / 2)); the error may
    lie on the near side, so the camera stays that far from the bounding sphere: D = radius + d from its middle. What D is called:

    - Unreal compares LODScreenSize with `ComputeBoundsScreenSize` = 2 max(P00 / 2, P11 / 2) radius / D, where P is the projection matrix;
      on a screen wider than high that is P11 = 1 / tan(fov / 2), so the sphere's diameter as a share of the screen's height. The sphere is
      about the middle of the bounding box, out to the farthest vertex.
    - Unity's LODGroup (LODUtility's DistanceToRelativeHeight) takes size / 2 / (D tan(fov / 2)), where size is the bounding box's longest
      side, D from its middle; at a lodBias of 1.
    - Godot's visibility ranges are D itself, from the middle of the bounding box (docs: "Visibility ranges (HLOD)").

    Shares of the screen hardly depend on the field of view; Godot's metres grow as it narrows.
    """
    middle, longest = (mesh.bounds[0].astype(np.float64) + mesh.bounds[1]) / 2, float((mesh.bounds[1] - mesh.bounds[0]).max())
    radius = float(np.linalg.norm(mesh.positions - middle, axis=1).max())
    error = deviation * mesh.diagonal

    def farther_than(fov_degrees: float) -> float:
        return radius + error * SCREEN_PIXELS / MOST_ERROR_PIXELS / (2 * _slope(fov_degrees))

    return SwitchSizes(
        unreal_screen_size=radius / (farther_than(UNREAL_FOV_DEGREES) * _slope(UNREAL_FOV_DEGREES)),
        unity_height=min(1.0, longest / 2 / (farther_than(UNITY_FOV_DEGREES) * _slope(UNITY_FOV_DEGREES))),
        godot_metres=farther_than(GODOT_FOV_DEGREES),
    )


def _slope(fov_degrees: float) -> float:
    """Half the screen's height per distance."""
    return math.tan(math.radians(fov_degrees) / 2)
