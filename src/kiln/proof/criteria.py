"""What is measured: each measure's key, unit, meaning and what is good. The report page, the command line and the JSON share this table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from kiln.asset import VIEWS

Value = float | int | str | None
Group = Literal["Shape", "Textures", "UV layout", "Detail", "In the engine", "File", "Picture"]
Unit = Literal["", "m", "m³", "px", "px/m", "°", "%", "bytes"]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One measured quantity."""

    key: str
    """In JSON; never changes its meaning."""

    label: str
    unit: Unit = ""
    """"%" means a share from 0 to 1, shown times 100."""

    group: Group
    good: str = ""
    """What is good, in words; empty for a plain fact."""

    at_least: float | None = None
    at_most: float | None = None
    equals: str | None = None
    means: str = ""
    """A sentence for somebody who meets the word for the first time; empty where the label says it all."""

    def is_good(self, value: Value) -> bool | None:
        """Whether the value is good; None where nothing is to be judged."""
        if self.equals is not None and isinstance(value, str):
            return value == self.equals
        if not isinstance(value, (int, float)) or (self.at_least is None and self.at_most is None):
            return None
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)

    def shown(self, value: Value) -> str:
        """The value with its unit, as people read it."""
        if value is None:
            return "not applicable"
        if isinstance(value, str):
            return value
        if self.unit == "bytes":
            return shown_size(int(value))
        if self.unit == "%":
            return f"{_digits(value * 100)} %"
        number = f"{value:,}" if isinstance(value, int) else _digits(value)
        return f"{number}{self.unit}" if self.unit == "°" else f"{number} {self.unit}".rstrip()


def _digits(value: float) -> str:
    """About three digits that count, no exponent."""
    size = abs(value)
    decimals = 0 if size >= 100 or size == 0 else 1 if size >= 10 else 2 if size >= 1 else 3 if size >= 0.01 else 5
    return f"{value:,.{decimals}f}"


def shown_size(count: int) -> str:
    """Bytes as people read them, decimal units."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


MEASURES: Final[Sequence[Measure]] = (
    Measure(key="triangles", label="Triangles", group="Shape", means="The game mesh's triangles: what the graphics card draws each frame."),
    Measure(
        key="vertices",
        label="Vertices",
        group="Shape",
        good="below 65,536",
        at_most=65_535,
        means="Counted as an engine stores them, with those that seams double. Up to 65,535 fit a 16-bit index.",
    ),
    Measure(
        key="watertight", label="Watertight", group="Shape", good="yes", equals="yes",
        means="Whether the surface is closed: every edge joins exactly two triangles.",
    ),
    Measure(
        key="open_edges", label="Open edges", group="Shape", good="0", at_most=0,
        means="Edges with a triangle on one side only: the rims of holes. Cloth and leaves may have them.",
    ),
    Measure(
        key="non_manifold_edges", label="Non-manifold edges", group="Shape", good="0", at_most=0,
        means="Edges where more than two triangles meet. Many tools cannot work on them.",
    ),
    Measure(
        key="inconsistent_edges", label="Edges between opposite windings", group="Shape", good="0", at_most=0,
        means="Edges whose two triangles face opposite ways, so that one of them is invisible.",
    ),
    Measure(
        key="degenerate_triangles", label="Degenerate triangles", group="Shape", good="0", at_most=0,
        means="Triangles without area, which cannot be shaded.",
    ),
    Measure(key="components", label="Separate parts", group="Shape", means="Pieces of surface that touch nowhere."),
    Measure(
        key="volume_m3", label="Volume", unit="m³", group="Shape",
        good="positive", at_least=1e-12,
        means="Enclosed by the surface; it must be positive, or the surface is inside out. Not applicable to an open surface.",
    ),
    Measure(key="width_m", label="Width", unit="m", group="Shape", means="Along X, from the subject's right to its left."),
    Measure(key="height_m", label="Height", unit="m", group="Shape", means="Along Y, upwards."),
    Measure(key="depth_m", label="Depth", unit="m", group="Shape", means="Along Z, from back to front."),
    Measure(key="pivot", label="Pivot", group="Shape", means="Where the origin lies, about which an engine places and turns the asset."),
    Measure(
        key="materials", label="Materials", group="Textures", good="1", at_most=1, means="Each material costs a draw call.",
    ),
    Measure(key="base_color_size", label="Base colour map", group="Textures"),
    Measure(key="normal_size", label="Normal map", group="Textures"),
    Measure(key="orm_size", label="Occlusion, roughness and metallic map", group="Textures"),
    Measure(key="emissive_size", label="Emissive map", group="Textures"),
    Measure(
        key="uv_utilization", label="Texture used", unit="%", group="UV layout", good="at least 55 %", at_least=0.55,
        means="Share of the texture that lies on the surface; the rest is wasted memory.",
    ),
    Measure(
        key="uv_overlap_texels", label="Overlapping texels", unit="px", group="UV layout", good="0", at_most=0,
        means="Texels that two parts of the surface share, so that neither can have its own detail.",
    ),
    Measure(
        key="uv_flipped", label="Mirrored triangles", group="UV layout", good="0", at_most=0,
        means="Triangles laid out the other way round than the rest; text would read backwards there.",
    ),
    Measure(
        key="uv_zero_area", label="Triangles without texture", group="UV layout", good="0", at_most=0,
        means="Triangles squeezed to a line in the layout; engines warn of their tangents.",
    ),
    Measure(
        key="uv_outside", label="Triangles outside the texture", group="UV layout", good="0", at_most=0,
        means="Triangles with a corner beyond the texture's edge.",
    ),
    Measure(key="uv_charts", label="Charts", group="UV layout", means="Pieces the surface was cut into; each one's rim is a seam."),
    Measure(
        key="uv_gutter_px", label="Gutter", unit="px", group="UV layout",
        means="Empty texels between the two charts that come nearest; too few and colours bleed in smaller mip levels.",
    ),
    Measure(
        key="uv_gutter_share", label="Gutter, of the texture", unit="%", group="UV layout", good="at least 0.39 %, 8 px at 2048",
        at_least=8 / 2048,
        means="The gutter as a share of the texture's width: it is what decides how many mip levels stay clean.",
    ),
    Measure(
        key="texel_density_px_per_m", label="Texel density", unit="px/m", group="UV layout",
        means="Texels per metre of surface. Assets that stand side by side should have about the same.",
    ),
    Measure(
        key="texel_density_cv", label="Texel density, spread", unit="%", group="UV layout", good="at most 15 %", at_most=0.15,
        means="How unevenly texels are spread over the surface: standard deviation over mean.",
    ),
    Measure(
        key="normal_error_mean_degrees", label="Normal error, mean", unit="°", group="Detail", good="at most 0.6°", at_most=0.6,
        means="Angle between the normals that light sees on the game mesh with its normal map, and the source's.",
    ),
    Measure(
        key="normal_error_p95_degrees", label="Normal error, 95th percentile", unit="°", group="Detail", good="at most 1.5°", at_most=1.5,
        means="95 of 100 texels are truer than this.",
    ),
    Measure(
        key="unmapped_error_mean_degrees", label="Without the normal map, mean", unit="°", group="Detail",
        means="The same angle without the map: what the map has to make good.",
    ),
    Measure(
        key="unmapped_error_p95_degrees", label="Without the normal map, 95th percentile", unit="°", group="Detail",
        means="95 of 100 texels are truer than this.",
    ),
    Measure(
        key="ray_misses", label="Texels that miss the source", unit="%", group="Detail", good="at most 0.1 %", at_most=0.001,
        means="Texels from which no source surface is met along the normal, and whose detail is therefore made up.",
    ),
    Measure(
        key="distance_rms", label="Distance to the source, RMS", unit="%", group="Detail",
        means="How far the game mesh lies from the source, as a share of its diagonal.",
    ),
    Measure(
        key="distance_max", label="Distance to the source, largest", unit="%", group="Detail", good="at most 3 %", at_most=0.03,
        means="The farthest texel, as a share of the diagonal.",
    ),
    *(
        Measure(
            key=f"outline_iou_{view}",
            label=f"Outline, {view}",
            unit="%",
            group="Detail",
            good="at least 95 %",
            at_least=0.95,
            means="Share of the model's silhouette and the picture's that they have in common.",
        )
        for view in VIEWS
    ),
    Measure(
        key="guessed", label="Guessed colour", unit="%", group="Detail",
        means="Share of the surface that no picture shows, whose colour was guessed.",
    ),
    Measure(
        key="lods", label="Levels of detail", group="In the engine",
        means="The game mesh and its coarser versions, which share its textures.",
    ),
    *(
        Measure(key=f"lod{n}_triangles", label=f"LOD{n} triangles", group="In the engine", means="Drawn when the asset is farther away.")
        for n in (1, 2, 3, 4)
    ),
    Measure(key="hulls", label="Collision hulls", group="In the engine", means="Convex bodies that physics collides with."),
    Measure(
        key="hull_vertices_max", label="Vertices of the largest hull", group="In the engine", good="at most 49", at_most=49,
        means="Physics engines limit a hull's vertices: 255 in PhysX; 49 stays clear of every limit met.",
    ),
    Measure(key="hull_vertices", label="Vertices of all hulls", group="In the engine", means="What collision costs, roughly."),
    Measure(key="file_bytes", label="File size", unit="bytes", group="File", means="Of the GLB, textures included."),
    Measure(key="width_px", label="Width", unit="px", group="Picture", means="Columns of pixels."),
    Measure(key="height_px", label="Height", unit="px", group="Picture", means="Rows of pixels."),
    Measure(key="view", label="View", group="Picture", means="Which side of the subject it shows, as far as its name says."),
    Measure(key="has_matte", label="Matte", group="Picture", means="Whether its alpha channel tells subject from background."),
    Measure(
        key="coverage", label="Subject's share of the picture", unit="%", group="Picture",
        means="Pixels that belong to the subject, where there is a matte.",
    ),
    Measure(
        key="touches_border", label="Subject at the border", unit="%", group="Picture", good="0 %", at_most=0,
        means="Share of the picture's border that the subject touches: what lies beyond is cut off.",
    ),
)  # fmt: skip

BY_KEY: Final = {measure.key: measure for measure in MEASURES}


def label_and_value(key: str, value: Value) -> tuple[str, str]:
    """A measure's name and its value with unit, as people read them; an unknown key is its own name."""
    measure = BY_KEY.get(key)
    if measure is None:
        return key, "not applicable" if value is None else str(value)
    return measure.label, measure.shown(value)
