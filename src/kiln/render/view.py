"""One picture of a mesh."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from kiln.asset import Material, Mesh
from kiln.asset.freeze import freeze_arrays
from kiln.geometry.normals import smooth_normals
from kiln.geometry.rasterize import Fragments, rasterize
from kiln.imaging.color import linear_to_srgb, srgb_to_linear
from kiln.kernels import in_threads
from kiln.kernels.shade import shade_rows
from kiln.render.camera import Camera
from kiln.render.studio import Studio
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
    table[:, 4:7] = smooth_normals(mesh) if mesh.normals is None else mesh.normals
    if mesh.tangents is not None:
        table[:, 7:11] = mesh.tangents
    if mesh.uvs is not None:
        table[:, 11:13] = mesh.uvs
    table[:, 13:17] = 1.0 if mesh.colors is None else np.dstack([srgb_to_linear(mesh.colors[:, :3])[None], mesh.colors[None, :, 3:] / 255])[0]
    return table


def prepare(mesh: Mesh, materials: tuple[Material, ...] | Material | None = None) -> Subject:
    """Mip pyramids, tangents, linear colours: what all pictures of one subject share. Without materials, vertex colours on matt white."""
    chosen = (materials,) if isinstance(materials, Material) else materials or ()
    skins = chosen or (Material(metallic_factor=0.0, roughness_factor=0.9, double_sided=True),)
    return Subject(mesh=mesh, vertices=_vertices(mesh), skins=tuple(_skin(m, textured=mesh.uvs is not None) for m in skins))


def _levels_of_detail(subject: Subject, points: np.ndarray) -> Float32[np.ndarray, " triangles"]:
    """log2 of how many times longer a step in the picture is than the same step in UV, per triangle."""

    def areas(at: np.ndarray) -> np.ndarray:
        a, b, c = (at[subject.mesh.triangles[:, k]] for k in range(3))
        return np.abs((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]))

    in_uv = areas(subject.vertices[:, 11:13].astype(np.float64))
    return (0.5 * np.log2((in_uv + 1e-20) / (areas(points) + 1e-20))).astype(np.float32)


def _drawn(subject: Subject, points: np.ndarray) -> Bool[np.ndarray, " triangles"]:
    """Triangles that face the camera or belong to a double-sided material."""
    a, b, c = (points[subject.mesh.triangles[:, k]] for k in range(3))
    # Rows grow downwards, so counter-clockwise is negative.
    facing = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]) < 0
    ids = _material_ids(subject)
    return facing | np.array([skin.double_sided for skin in subject.skins])[ids]


def _material_ids(subject: Subject) -> np.ndarray:
    ids = subject.mesh.material_ids
    last = len(subject.skins) - 1
    return np.zeros(subject.mesh.triangle_count, np.int64) if ids is None else np.minimum(ids.astype(np.int64), last)


@dataclass(frozen=True, eq=False, kw_only=True)
class Shot:
    """What a camera sees before it is lit: fragments at `samples` x `samples` the picture's resolution."""

    camera: Camera
    fragments: Fragments
    triangles: np.ndarray
    """Vertex numbers of the triangles that fragments count into."""

    ids: np.ndarray
    points: np.ndarray
    w: np.ndarray
    lod: np.ndarray
    samples: int


def shoot(subject: Subject, camera: Camera, *, width: int, height: int, samples: int = 2) -> Shot:
    """Which triangle each fragment shows."""
    points, depth, w = camera.project(subject.mesh.positions, width=width * samples, height=height * samples)
    drawn = _drawn(subject, points)
    triangles = subject.mesh.triangles[drawn]
    triangles.flags.writeable = False  # like every mesh's, or the rasterizer would be compiled twice
    fragments = rasterize(points, triangles, width=width * samples, height=height * samples, depth=depth)
    lod = _levels_of_detail(subject, points)[drawn]
    return Shot(camera=camera, fragments=fragments, triangles=triangles, ids=_material_ids(subject)[drawn], points=points, w=w, lod=lod, samples=samples)


def light(subject: Subject, shot: Shot, *, studio: Studio | None = None) -> Float32[np.ndarray, "height width 4"]:
    """The picture in linear light, premultiplied by coverage."""
    studio = studio or Studio()
    rows, columns = (n // shot.samples for n in shot.fragments.triangle.shape)
    image = np.zeros((rows, columns, 4), np.float32)
    vertices = subject.vertices.copy()
    vertices[:, 3] = shot.w
    lights = studio.lights(shot.camera)
    for number in np.unique(shot.ids):
        skin = subject.skins[number]
        lod = np.stack([shot.lod + np.float32(m.octaves) for m in skin.maps], axis=1)
        maps = [array for m in skin.maps for array in (m.texels, m.levels)]

        def work(first: int, last: int, wanted: np.ndarray = shot.ids == number, lod: np.ndarray = lod, skin: Skin = skin, maps: list[np.ndarray] = maps) -> None:
            shade_rows(
                shot.fragments.triangle, shot.fragments.bary, shot.triangles, wanted, vertices, lod, *maps, _TABLES, skin.factors,
                shot.camera.eye, lights, studio.dome, shot.samples, image, first, last,
            )  # fmt: skip

        in_threads(work, rows, at_least=32)
    return image


def render_view(
    mesh: Mesh, material: tuple[Material, ...] | Material | None = None, *, camera: Camera, width: int = 512, height: int = 512, samples: int = 2
) -> UInt8[np.ndarray, "height width 4"]:
    """The mesh as the camera sees it under studio light: sRGB with straight alpha, transparent around the subject."""
    subject = prepare(mesh, material)
    image = light(subject, shoot(subject, camera, width=width, height=height, samples=samples))
    alpha = image[..., 3:]
    return np.dstack([linear_to_srgb(image[..., :3] / np.maximum(alpha, 1e-6)), np.round(alpha * 255).astype(np.uint8)])
