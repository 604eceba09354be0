"""silhouette: shapes from outlines. One picture is inflated, turned on a lathe or extruded; two to four views make a rounded hull."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from kiln.backends.card import Card, Options

Method = Literal["auto", "inflate", "lathe", "extrude", "hull"]


class SilhouetteOptions(Options):
    """How an outline becomes a shape, and how the shape is coloured."""

    method: Method = Field(
        "auto",
        description="inflate: a rounded body; lathe: a surface of revolution; extrude: a flat plate with a bevelled edge; "
        "hull: rounded cross-sections from 2 to 4 views; auto: chosen by measured symmetry and flatness",
    )
    thickness: float = Field(1.0, ge=0.1, le=3.0, description="Depth as a factor of the natural one")
    boxiness: float | None = Field(
        None,
        ge=0.0,
        le=1.0,
        description="How block-like an inflated body is: 0 is round, 1 a block with rounded edges; "
        "not given: measured from the straight sides of the outline, place by place",
    )
    bevel: float = Field(
        1.0, ge=0.0, le=4.0, description="Width of an extrusion's bevelled edge as a factor of the natural one; 0 is a sharp edge"
    )
    detail: int = Field(220_000, ge=10_000, le=2_000_000, description="Triangles of the dense mesh, about")
    relief: float = Field(
        1.0, ge=0.0, le=4.0, description="Height of the fine relief taken from the picture's shading, as a factor; 0 is off"
    )
    back: Literal["auto", "mirror", "plain"] = Field(
        "auto",
        description="What a side that no picture shows looks like. mirror: the front again; plain: the material without its features; "
        "auto: mirror for what is alike all round (bottles, blades), plain otherwise",
    )


CARD = Card(
    name="silhouette",
    role="generator",
    summary="Shapes from outlines, no weights: inflate, lathe, extrude, or a rounded hull of 2 to 4 views.",
    version="1",
    code_licence="Apache-2.0",
    options=SilhouetteOptions,
    implementation="kiln.backends.silhouette.generator:SilhouetteGenerator",
)
