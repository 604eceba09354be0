"""One picture of a mesh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8, UInt32

from kiln.asset import Material, Mesh
from kiln.asset.freeze import freeze_arrays
from kiln.geometry.areas import flat_areas
from kiln.geometry.bake import SurfacePoints
from kiln.geometry.rasterize import Fragments, rasterize
from kiln.imaging.color import linear_to_srgb, srgb_to_linear
from kiln.kernels import in_threads
from kiln.kernels.shade import shade_rows
from kiln.render.camera import Camera
from kiln.render.studio import Studio
from kiln.render.surface import ready_for_surface, surface_at
from kiln.render.textures import DECODE_SRGB, Pyramid, plain, pyramid

_ALPHA_CUTOFF = 0.5
"""glTF's default for alpha_mode MASK."""

_TABLES = np.stack([DECODE_SRGB, (np.arange(256) / 255).astype(np.float32)])


@dataclass(frozen=True, eq=False, kw_only=True)
class Skin:
    """One material made ready for rendering."""

    base_color: Pyramid
    normal: Pyramid
    orm: Pyramid
    emissive: Pyramid
    factors: Float32[np.ndarray, " 10"]
    double_sided: bool

    @property
    def maps(self) -> tuple[Pyramid, Pyramid, Pyramid, Pyramid]:
        """Base colour, normal, ORM, emissive."""
        return self.base_color, self.normal, self.orm, self.emissive


@dataclass(frozen=True, eq=False, kw_only=True)
class Subject:
    """A mesh and its materials made ready for any number of pictures."""

    mesh: Mesh
    vertices: Float32[np.ndarray, "vertices 17"]
    """Position, w (set a view), normal, tangent, UV, linear colour."""

    skins: tuple[Skin, ...]

    def __post_init__(self) -> None:
        freeze_arrays(self)

    def repainted(self, color: tuple[float, float, float]) -> Subject:
        """The same relief and occlusion in one matt colour (linear), without vertex colours, metal or glow."""
        vertices = self.vertices.copy()
        vertices[:, 13:] = 1
        factors = np.array((*color, 1, 0.85, 0, 0, 0, 0, 0), np.float32)
        skins = (replace(skin, base_color=plain(255, 255, 255, 255), factors=factors) for skin in self.skins)
        return replace(self, vertices=vertices, skins=tuple(skins))

    def reshaped(self, mesh: Mesh) -> Subject:
        """Another mesh in the same materials: a LOD. It must have what they need, UVs, normals, tangents."""
        return replace(self, mesh=mesh, vertices=_vertices(mesh))


def _skin(material: Material, *, textured: bool) -> Skin:
    def ready(pixels: np.ndarray | None, neutral: tuple[int, ...], *, srgb: bool) -> Pyramid:
        return pyramid(pixels, srgb=srgb) if pixels is not None and textured else plain(*neutral)

    cutoff = {"OPAQUE": 0.0, "MASK": _ALPHA_CUTOFF, "BLEND": -1.0}[material.alpha_mode]
    factors = (*material.base_color_factor, material.roughness_factor, material.metallic_factor, *material.emissive_factor, cutoff)
    return Skin(
        base_color=ready(material.base_color, (255, 255, 255, 255), srgb=True),
        normal=ready(material.normal, (128, 128, 255), srgb=False),
        orm=ready(material.orm, (255, 255, 255), srgb=False),
        emissive=ready(material.emissive, (255, 255, 255), srgb=True),
        factors=np.array(factors, np.float32),
        double_sided=material.double_sided,
    )


def _vertices(mesh: Mesh) -> Float32[np.ndarray, "vertices 17"]:
    table = np.zeros((mesh.vertex_count, 17), np.float32)
    table[:, 0:3] = mesh.positions
    if mesh.normals is not None:
        table[:, 4:7] = mesh.normals
    if mesh.tangents is not None:
        table[:, 7:11] = mesh.tangents
    if mesh.uvs is not None:
        table[:, 11:13] = mesh.uvs
    table[:, 13:17] = _vertex_colors(mesh)
    return table


def _vertex_colors(mesh: Mesh) -> Float32[np.ndarray, "vertices 4"]:
    """Linear colour that multiplies the material's; projections are looked up at the vertices only, which is enough for a dense source."""
    if mesh.projections:
        corner = np.zeros(mesh.vertex_count, np.int32)
        corner[mesh.triangles.reshape(-1)] = np.arange(mesh.triangles.size)
        points = SurfacePoints(triangle=corner // 3, bary=np.eye(3, dtype=np.float32)[corner % 3, 1:])
        bare = replace(mesh, uvs=None, material_ids=None, tangents=None)  # only its colour is asked for
        return surface_at(bare, (), points).base_color
    if mesh.colors is None:
        return np.ones((mesh.vertex_count, 4), np.float32)
    alpha = mesh.colors[:, 3:].astype(np.float32) / 255
    return np.concatenate([srgb_to_linear(mesh.colors[:, :3]), alpha], axis=1)


def prepare(mesh: Mesh, materials: tuple[Material, ...] | Material | None = None) -> Subject:
    """Mip pyramids, tangents, linear colours: what all pictures of one subject share. Without materials, vertex colours on matt white."""
    chosen = (materials,) if isinstance(materials, Material) else materials or ()
    skins = chosen or (Material(metallic_factor=0.0, roughness_factor=0.9, double_sided=True),)
    ready = ready_for_surface(mesh, skins)
    return Subject(mesh=ready, vertices=_vertices(ready), skins=tuple(_skin(m, textured=mesh.uvs is not None) for m in skins))


def _levels_of_detail(subject: Subject, in_picture: Float64[np.ndarray, " triangles"]) -> Float32[np.ndarray, " triangles"]:
    in_uv = flat_areas(subject.vertices[:, 11:13].astype(np.float64), subject.mesh.triangles)
    return (0.5 * np.log2((np.abs(in_uv) + 1e-20) / (np.abs(in_picture) + 1e-20))).astype(np.float32)


def _material_ids(subject: Subject) -> Int64[np.ndarray, " triangles"]:
    ids = subject.mesh.material_ids
    if ids is None:
        return np.zeros(subject.mesh.triangle_count, np.int64)
    return np.minimum(ids.astype(np.int64), len(subject.skins) - 1)


@dataclass(frozen=True, eq=False, kw_only=True)
class Shot:
    """What a camera sees before it is lit: fragments at `samples` x `samples` the picture's resolution."""

    camera: Camera
    fragments: Fragments
    triangles: UInt32[np.ndarray, "drawn 3"]
    """What fragments count into: the mesh's triangles without those that turn their back."""

    ids: Int64[np.ndarray, " drawn"]
    """Their materials."""

    lod: Float32[np.ndarray, " drawn"]
    """log2 of how many times longer a step in the picture is than the same step in UV."""

    points: Float64[np.ndarray, "vertices 2"]
    """In fragments, not pixels."""

    w: Float64[np.ndarray, " vertices"]
    samples: int


def shoot(subject: Subject, camera: Camera, *, width: int, height: int, samples: int = 2) -> Shot:
    """Which triangle each fragment shows, of those that face the camera or belong to a double-sided material."""
    points, depth, w = camera.project(subject.mesh.positions, width=width * samples, height=height * samples)
    areas, ids = flat_areas(points, subject.mesh.triangles), _material_ids(subject)
    drawn = (areas < 0) | np.array([skin.double_sided for skin in subject.skins])[ids]
    triangles = subject.mesh.triangles[drawn]
    triangles.flags.writeable = False  # like every mesh's, or the rasterizer would be compiled twice
    return Shot(
        camera=camera,
        fragments=rasterize(points, triangles, width=width * samples, height=height * samples, depth=depth),
        triangles=triangles,
        ids=ids[drawn],
        lod=_levels_of_detail(subject, areas)[drawn],
        points=points,
        w=w,
        samples=samples,
    )


def light(subject: Subject, shot: Shot, *, studio: Studio | None = None) -> Float32[np.ndarray, "height width 4"]:
    """The picture in linear light, premultiplied by coverage."""
    studio = studio or Studio()
    rows, columns = (n // shot.samples for n in shot.fragments.triangle.shape)
    image = np.zeros((rows, columns, 4), np.float32)
    vertices = subject.vertices.copy()
    vertices[:, 3] = shot.w
    for number in np.unique(shot.ids).tolist():
        shade = _shader(subject.skins[number], shot, vertices, studio, wanted=shot.ids == number, image=image)
        in_threads(shade, rows, at_least=32)
    return image


def _shader(
    skin: Skin, shot: Shot, vertices: Float32[np.ndarray, "vertices 17"], studio: Studio, *, wanted: np.ndarray, image: np.ndarray
) -> Callable[[int, int], None]:
    """What adds one material's light to a range of the image's rows."""
    base, normal, orm, emissive = skin.maps
    lod = np.stack([shot.lod + np.float32(each.octaves) for each in skin.maps], axis=1)
    eye, lights = shot.camera.eye, studio.lights(shot.camera)

    def shade(first: int, last: int) -> None:
        shade_rows(
            shot.fragments.triangle, shot.fragments.bary, shot.triangles, wanted, vertices, lod,
            base.texels, base.levels, normal.texels, normal.levels, orm.texels, orm.levels, emissive.texels, emissive.levels,
            _TABLES, skin.factors, eye, lights, studio.dome, shot.samples, image, first, last,
        )  # fmt: skip

    return shade


def render_view(
    mesh: Mesh,
    material: tuple[Material, ...] | Material | None = None,
    *,
    camera: Camera,
    width: int = 512,
    height: int = 512,
    samples: int = 2,
) -> UInt8[np.ndarray, "height width 4"]:
    """The mesh as the camera sees it under studio light: sRGB with straight alpha, transparent around the subject."""
    subject = prepare(mesh, material)
    image = light(subject, shoot(subject, camera, width=width, height=height, samples=samples))
    alpha = image[..., 3:]
    return np.dstack([linear_to_srgb(image[..., :3] / np.maximum(alpha, 1e-6)), np.round(alpha * 255).astype(np.uint8)])
