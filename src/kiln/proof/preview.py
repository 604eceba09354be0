"""Preview sheets: the subject from all sides, and its maps."""

from __future__ import annotations

import colorsys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice

import cv2
import numpy as np
from jaxtyping import Float32, UInt8, UInt16

from kiln import settings
from kiln.asset import Material, Mesh
from kiln.imaging.color import linear_to_srgb, srgb_to_linear
from kiln.proof.canvas import MUTED, Canvas
from kiln.render.camera import HERO, Camera, turntable
from kiln.render.ground import Shadow, contact_shadow
from kiln.render.view import Subject, light, prepare, shoot
from kiln.render.wire import edge_coverage

_TILE = 420
_GAP = 12
_MARGIN = 48
_HEADER = 132

_NAMES = ("Front", "Front left", "Left", "Back left", "Back", "Back right", "Right", "Front right")
_MARGIN_SHARE = 0.085
"""Of a tile, kept free on each side: the caption fits under the subject."""

_BACKDROP_TOP = np.array([0.74, 0.735, 0.72], np.float32)
_BACKDROP_BOTTOM = np.array([0.50, 0.495, 0.48], np.float32)
"""Linear light: a pale wall that a floor darkens, neutral so that it does not tint how colours are read."""

_ORDER = np.array([(0, 8, 2, 10), (12, 4, 14, 6), (3, 11, 1, 9), (15, 7, 13, 5)], np.float32)
_DITHER = (_ORDER - 7.5) / 16 * np.float32(0.006)
"""Bayer's matrix, as high as one 8-bit step of the wall: without it the gradient shows bands."""

_CLAY_COLOR = (0.40, 0.385, 0.36)
"""Linear."""

_CHECKER = 1024
_MARKED = 1024
"""Pixels on a side."""

_ABOVE_DEGREES, _BELOW_DEGREES, _TOP_DEGREES = 32.0, -28.0, 75.0
_GUESSED = (232, 128, 32)
_LINE = 240
_CAPTION_BAND = 48
_SUBPIXEL = 16
"""OpenCV's fixed-point positions: sixteenths of a pixel."""


def on_backdrop(
    image: Float32[np.ndarray, "height width 4"], camera: Camera, shadow: Shadow | None = None
) -> Float32[np.ndarray, "height width 3"]:
    """A picture in linear light, premultiplied by coverage, in front of the studio's wall; with a shadow, standing in it."""
    height, width = image.shape[:2]
    share = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    wall = _BACKDROP_TOP + (_BACKDROP_BOTTOM - _BACKDROP_TOP) * share * share
    if shadow is not None:
        # At half resolution: a soft shadow has no detail that a quarter of the rays would miss.
        darkness = cv2.resize(shadow.seen_by(camera, width=width // 2, height=height // 2), (width, height), interpolation=cv2.INTER_LINEAR)
        wall = wall * (1 - darkness[..., None])
    grain = np.tile(_DITHER, (-(-height // 4), -(-width // 4)))[:height, :width, None]
    return image[..., :3] + (wall + grain) * (1 - image[..., 3:])


@dataclass(frozen=True, eq=False, kw_only=True)
class _Exposure:
    """A picture to be taken."""

    caption: str
    subject: Subject
    camera: Camera
    large: bool = False
    wire: bool = False


def _develop(exposure: _Exposure, shadow: Shadow, *, size: int) -> Tile:
    size = 2 * size + _GAP if exposure.large else size
    shot = shoot(exposure.subject, exposure.camera, width=size, height=size)
    picture = on_backdrop(light(exposure.subject, shot), exposure.camera, shadow)
    if exposure.wire:
        picture = picture * (1 - 0.8 * edge_coverage(shot)[..., None])
    return Tile(caption=exposure.caption, pixels=linear_to_srgb(picture))


@dataclass(frozen=True, eq=False, kw_only=True)
class Tile:
    """One picture and what it shows."""

    caption: str
    pixels: UInt8[np.ndarray, "size size 3"]


@dataclass(frozen=True, kw_only=True)
class Views:
    """All pictures of one asset."""

    hero: Tile
    details: tuple[Tile, ...]
    """Four: without colour, wireframe, UV checker, what was guessed or a look from above."""

    around: tuple[Tile, ...]
    """Eight, front first, turning towards the subject's left."""

    coarser: tuple[Tile, ...] = ()
    """LODs and hulls."""

    subject: Subject | None = None
    """What was photographed, ready for further pictures."""


def photograph(
    mesh: Mesh,
    materials: tuple[Material, ...] | Material | None,
    *,
    name: str = "",
    lods: Sequence[Mesh] = (),
    hulls: Sequence[Mesh] = (),
    size: int = _TILE,
) -> Views:
    """The asset large from the front left, from eight sides, without colour, with its triangles and UVs, its LODs and hulls.

    Pictures are size x size pixels, the large one twice that and a gap.
    """
    chosen = (materials,) if isinstance(materials, Material) else materials or ()
    subject, shadow = prepare(mesh, chosen), contact_shadow(mesh)
    camera = hero_camera(mesh)
    cameras = turntable(mesh.positions, margin=_MARGIN_SHARE)
    groups = (
        [_Exposure(caption=name, subject=subject, camera=camera, large=True)],
        [*islice(_details(subject, chosen, camera, wire=not lods), 4)],
        [_Exposure(caption=caption, subject=subject, camera=each) for caption, each in zip(_NAMES, cameras, strict=True)],
        [*_coarser((mesh, *lods), hulls, camera)] if lods or hulls else [],
    )
    with ThreadPoolExecutor(settings.threads()) as pool:
        taken = iter(list(pool.map(lambda exposure: _develop(exposure, shadow, size=size), [e for group in groups for e in group])))
    hero, details, around, coarser = (tuple(next(taken) for _ in group) for group in groups)
    return Views(hero=hero[0], details=details, around=around, coarser=coarser, subject=subject)


def hero_camera(mesh: Mesh) -> Camera:
    """From the front left, a little from above, as near as shows all of the mesh."""
    return _aimed(HERO, mesh)


def contact_sheet(views: Views, *, title: str, facts: Sequence[str] = ()) -> UInt8[np.ndarray, "height width 3"]:
    """All pictures of an asset on one sheet, under its name and a line of facts."""
    pitch = views.around[0].pixels.shape[0] + _GAP
    canvas = Canvas(2 * _MARGIN + 4 * pitch - _GAP, _HEADER + (5 if views.coarser else 4) * pitch - _GAP + _MARGIN)
    canvas.text(title, at=(_MARGIN, 72), size=46)
    canvas.text("   ·   ".join(facts), at=(_MARGIN, 108), size=22, color=MUTED)

    def place(tile: Tile, column: int, row: int, caption: str) -> None:
        canvas.tile(tile.pixels, at=(_MARGIN + column * pitch, _HEADER + row * pitch), caption=caption)

    place(views.hero, 0, 0, "")
    for number, tile in enumerate(views.details):
        place(tile, 2 + number % 2, number // 2, tile.caption)
    for number, tile in enumerate((*views.around, *views.coarser)):
        place(tile, number % 4, 2 + number // 4, tile.caption)
    return canvas.pixels


def _details(subject: Subject, materials: tuple[Material, ...], camera: Camera, *, wire: bool) -> Iterator[_Exposure]:
    """Pictures that show how it is built, the most telling first."""
    mesh = subject.mesh
    behind = replace(camera, azimuth_degrees=camera.azimuth_degrees + 180)
    yield _Exposure(caption="Surface without colour", subject=subject.repainted(_CLAY_COLOR), camera=camera)
    if wire:
        yield _Exposure(caption=_wire_caption("Wireframe", mesh), subject=_clay(mesh), camera=camera, wire=True)
    if mesh.uvs is not None:
        yield _Exposure(caption="UV checker", subject=prepare(replace(mesh, colors=None), _checker()), camera=camera)
    guessed = materials[0].guessed if len(materials) == 1 and mesh.uvs is not None else None
    if guessed is not None and guessed.any():
        marked = prepare(mesh, _marked(materials[0], guessed))
        yield _Exposure(caption="Orange: no picture shows it", subject=marked, camera=_aimed(behind, mesh))
    for caption, elevation in (("From behind, above", _ABOVE_DEGREES), ("From below", _BELOW_DEGREES), ("From above", _TOP_DEGREES)):
        way = camera if elevation < 0 else behind
        yield _Exposure(caption=caption, subject=subject, camera=_aimed(replace(way, elevation_degrees=elevation), mesh))


def _aimed(camera: Camera, mesh: Mesh) -> Camera:
    return camera.fitted(mesh.positions, margin=_MARGIN_SHARE)


def _wire_caption(name: str, mesh: Mesh) -> str:
    return f"{name}, {mesh.triangle_count:,} triangles"


def _clay(mesh: Mesh) -> Subject:
    clay = Material(name="clay", base_color_factor=(*_CLAY_COLOR, 1.0), roughness_factor=0.85, metallic_factor=0.0)
    return prepare(replace(mesh, colors=None), clay)


def _checker() -> Material:
    """Squares of 1/32 of the map, tinted by their place, so that stretch, mirroring and unequal density are seen."""
    row, column = np.mgrid[0:_CHECKER, 0:_CHECKER] * 32 // _CHECKER
    bright = ((row + column) % 2).astype(np.float32)[..., None]
    tint = np.dstack([0.55 + 0.4 * column / 31, 0.75 - 0.25 * row / 31, 0.55 + 0.4 * (1 - column / 31)]).astype(np.float32)
    pixels = np.round(255 * (0.30 + 0.70 * bright) * tint).astype(np.uint8)
    return Material(base_color=_opaque(pixels), roughness_factor=0.85, metallic_factor=0.0)


def _opaque(pixels: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "height width 4"]:
    return np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])


def _marked(material: Material, guessed: UInt8[np.ndarray, "height width"]) -> Material:
    """The material in grey, with guessed texels in orange."""
    size = (_MARKED, _MARKED)  # small is enough for a tile
    color = np.full((_MARKED, _MARKED, 3), 200, np.uint8) if material.base_color is None else cv2.resize(material.base_color[..., :3], size)
    grey = cv2.cvtColor(color, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
    weight = 0.75 / 255 * cv2.resize(guessed, size, interpolation=cv2.INTER_AREA).astype(np.float32)[..., None]
    pixels = np.round(grey * (1 - weight) + weight * np.array(_GUESSED, np.float32)).astype(np.uint8)
    return Material(base_color=_opaque(pixels), roughness_factor=0.85, metallic_factor=0.0)


def _coarser(lods: Sequence[Mesh], hulls: Sequence[Mesh], camera: Camera) -> Iterator[_Exposure]:
    for number, lod in enumerate(lods[:3]):
        yield _Exposure(caption=_wire_caption(f"LOD{number}", lod), subject=_clay(lod), camera=camera, wire=True)
    if hulls:
        caption = f"Collision, {len(hulls)} convex hull{'s' * (len(hulls) != 1)}"
        yield _Exposure(caption=caption, subject=prepare(*_in_colors(hulls)), camera=camera)


def _in_colors(hulls: Sequence[Mesh]) -> tuple[Mesh, tuple[Material, ...]]:
    """All hulls as one flat-shaded mesh, each in a colour of its own."""
    positions = np.concatenate([hull.positions[hull.triangles].reshape(-1, 3) for hull in hulls])
    triangles = np.arange(len(positions), dtype=np.uint32).reshape(-1, 3)
    a, b, c = (positions[k::3].astype(np.float64) for k in range(3))
    normals = np.cross(b - a, c - a)
    normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    ids = np.repeat(np.arange(len(hulls), dtype=np.uint32), [hull.triangle_count for hull in hulls])
    whole = Mesh(positions=positions, triangles=triangles, normals=np.repeat(normals, 3, axis=0).astype(np.float32), material_ids=ids)
    hues = [colorsys.hsv_to_rgb((0.58 + 0.61803 * k) % 1, 0.45, 0.72) for k in range(len(hulls))]
    return whole, tuple(Material(base_color_factor=(*hue, 1.0), roughness_factor=0.8, metallic_factor=0.0) for hue in hues)


def map_tiles(material: Material, mesh: Mesh) -> tuple[Tile, ...]:
    """The material's maps, small: base colour, normal, occlusion, roughness, metallic, emissive, guessed, and the UV layout."""
    return tuple(_maps(material, mesh))


def maps_sheet(tiles: Sequence[Tile]) -> UInt8[np.ndarray, "height width 3"]:
    """The maps on one sheet."""
    rows = max(1, -(-len(tiles) // 4))
    columns = max(1, -(-len(tiles) // rows))
    pitch = _TILE + _CAPTION_BAND + _GAP
    canvas = Canvas(2 * _MARGIN + columns * (_TILE + _GAP) - _GAP, 2 * _MARGIN + rows * pitch - _GAP)
    for number, tile in enumerate(tiles):
        left, top = _MARGIN + number % columns * (_TILE + _GAP), _MARGIN + number // columns * pitch
        canvas.tile(tile.pixels, at=(left, top))
        canvas.text(tile.caption, at=(left + 4, top + _TILE + 30), size=20, color=MUTED)
    return canvas.pixels


def _maps(material: Material, mesh: Mesh) -> Iterator[Tile]:
    if material.base_color is not None:
        yield Tile(caption=f"Base colour, {_size(material.base_color)}, sRGB", pixels=_shrunk(material.base_color[..., :3], srgb=True))
    if material.normal is not None:
        yield Tile(caption=f"Normal, {_size(material.normal)}, OpenGL +Y", pixels=_shrunk(material.normal))
    if material.orm is not None:
        for channel, name in enumerate(("Occlusion (R)", "Roughness (G)", "Metallic (B)")):
            yield Tile(caption=f"{name}, {_size(material.orm)}", pixels=_grey(_shrunk(material.orm[..., channel])))
    if material.emissive is not None:
        yield Tile(caption=f"Emissive, {_size(material.emissive)}, sRGB", pixels=_shrunk(material.emissive, srgb=True))
    if material.guessed is not None:
        yield Tile(caption=f"Guessed (white), {(material.guessed > 127).mean():.0%}", pixels=_grey(_shrunk(material.guessed)))
    for name, pixels in material.extras.items():
        yield Tile(caption=f"{name.replace('_', ' ').capitalize()}, {_size(pixels)}", pixels=_extra(pixels))
    if material.base_color is not None and "baked_light" in material.extras:
        yield Tile(caption="Base colour before its light was removed", pixels=_relit(material.base_color, material.extras["baked_light"]))
    if mesh.uvs is not None:
        yield Tile(caption="UV layout", pixels=_layout(mesh.uvs[mesh.triangles], material))


def _size(pixels: np.ndarray) -> str:
    height, width = pixels.shape[:2]
    return f"{width} × {height}"


def _shrunk(pixels: UInt8[np.ndarray, "*shape"], *, srgb: bool = False) -> UInt8[np.ndarray, "*small"]:
    if not srgb:
        return cv2.resize(pixels, (_TILE, _TILE), interpolation=cv2.INTER_AREA)
    return linear_to_srgb(cv2.resize(srgb_to_linear(pixels), (_TILE, _TILE), interpolation=cv2.INTER_AREA))


def _grey(pixels: UInt8[np.ndarray, "height width"]) -> UInt8[np.ndarray, "height width 3"]:
    return np.repeat(pixels[..., None], 3, axis=2)


def _extra(pixels: UInt8[np.ndarray, "..."] | UInt16[np.ndarray, "..."]) -> UInt8[np.ndarray, "size size 3"]:
    """A further map, small; of 16 bits the upper eight."""
    small = _shrunk(pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8))
    return small if small.ndim == 3 else _grey(small)


def _relit(color: UInt8[np.ndarray, "height width 4"], light: np.ndarray) -> UInt8[np.ndarray, "size size 3"]:
    """The base colour as it was before the light that this map holds (128: none) was divided out."""
    taken = _shrunk(light).astype(np.float32)[..., None] / 128
    return linear_to_srgb(np.clip(srgb_to_linear(_shrunk(color[..., :3], srgb=True)) * taken, 0, 1))


def _layout(corners: Float32[np.ndarray, "triangles 3 2"], material: Material) -> UInt8[np.ndarray, "size size 3"]:
    """UV triangles drawn over the faded base colour."""
    faded = np.full((_TILE, _TILE, 3), 60, np.uint8) if material.base_color is None else _shrunk(material.base_color[..., :3]) // 3
    steps = np.round(corners * (2 * _TILE * _SUBPIXEL) - _SUBPIXEL / 2).astype(np.int32)
    large = np.zeros((2 * _TILE, 2 * _TILE), np.uint8)
    cv2.polylines(large, list(steps), True, 255, 1, cv2.LINE_AA, _SUBPIXEL.bit_length() - 1)
    weight = 0.8 / 255 * cv2.resize(large, (_TILE, _TILE), interpolation=cv2.INTER_AREA).astype(np.float32)[..., None]
    return np.round(faded * (1 - weight) + weight * _LINE).astype(np.uint8)
