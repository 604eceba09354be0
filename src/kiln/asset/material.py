"""Material: the maps and factors of one metallic-roughness surface (glTF 2.0, section 3.9), and the one for what has none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from jaxtyping import UInt8, UInt16

from kiln.asset.freeze import freeze_arrays


@dataclass(frozen=True, eq=False, kw_only=True)
class Material:
    """Maps are None when absent; a factor multiplies its map, or stands alone. Maps of one material may differ in size."""

    name: str = "material"

    base_color: UInt8[np.ndarray, "h1 w1 4"] | None = None
    """sRGB-encoded, straight alpha."""

    base_color_factor: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    """Linear."""

    normal: UInt8[np.ndarray, "h2 w2 3"] | None = None
    """Tangent space, OpenGL (+Y); 128 is zero, texel / 127.5 - 1 is the component."""

    orm: UInt8[np.ndarray, "h3 w3 3"] | None = None
    """Linear: R occlusion, G roughness, B metallic."""

    roughness_factor: float = 1.0
    metallic_factor: float = 1.0

    emissive: UInt8[np.ndarray, "h4 w4 3"] | None = None
    """sRGB-encoded."""

    emissive_factor: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Linear."""

    guessed: UInt8[np.ndarray, "h5 w5"] | None = None
    """255 where no picture shows the surface and its colour was guessed, 0 where one does. Travels beside the package, not in the GLB."""

    extras: Mapping[str, UInt8[np.ndarray, "..."] | UInt16[np.ndarray, "..."]] = field(default_factory=dict)
    """Further linear maps by name ("curvature", "thickness", "position", "normal_16"...), (h, w) or (h, w, 3). They travel beside the
    package's GLB as <asset>_<name>.png, for people and their shaders."""

    alpha_mode: Literal["OPAQUE", "MASK", "BLEND"] = "OPAQUE"
    double_sided: bool = False

    def __post_init__(self) -> None:
        freeze_arrays(self)


UNMADE: Final = Material(name="unmade", roughness_factor=0.8, metallic_factor=0.0)
"""What a surface without any material is made of: matt and no metal, as scans and painted models mean it. glTF's own default is rough
metal, which shows vertex colours nearly black."""
