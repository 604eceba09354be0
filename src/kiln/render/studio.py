"""The light a subject is photographed in: key, fill and rim that stand with the camera, and a dome above a light floor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from jaxtyping import Float64

from kiln.asset.freeze import freeze_arrays
from kiln.render.camera import Camera

# Per light: direction seen from the camera (right, up, towards it), colour, half-width of the lamp (radians), wrap (how far around the
# terminator soft light reaches). Chosen by eye so that a white surface facing the camera comes out just below white and textures keep the
# brightness they have as pictures.
_KEY: Final = ((-0.55, 0.62, 0.62), (0.72, 0.71, 0.69), 0.35, 0.25)
_FILL: Final = ((0.80, 0.10, 0.60), (0.16, 0.165, 0.175), 0.6, 0.4)
_RIM: Final = ((0.45, 0.55, -0.75), (0.45, 0.46, 0.48), 0.3, 0.05)

_ABOVE: Final = (0.42, 0.43, 0.45)
_BELOW: Final = (0.23, 0.225, 0.22)


def _lamps() -> Float64[np.ndarray, "lights 8"]:
    rows = [(*np.array(d) / np.linalg.norm(d), *colour, width, wrap) for d, colour, width, wrap in (_KEY, _FILL, _RIM)]
    return np.array(rows)


@dataclass(frozen=True, eq=False, kw_only=True)
class Studio:
    """Lamps and dome; colours are linear light, 1 being what a white matt surface sends back when it faces the lamp."""

    lamps: Float64[np.ndarray, "lights 8"] = field(default_factory=_lamps)
    """Direction in the camera's frame (right, up, towards the camera), colour, half-width (radians), wrap."""

    dome: Float64[np.ndarray, "2 3"] = field(default_factory=lambda: np.array([_ABOVE, _BELOW]))
    """Light from straight above and from straight below."""

    def __post_init__(self) -> None:
        freeze_arrays(self)

    def lights(self, camera: Camera) -> Float64[np.ndarray, "lights 8"]:
        """The lamps with directions in world space."""
        turned = self.lamps.copy()
        turned[:, :3] = self.lamps[:, :3] @ camera.axes
        return turned
