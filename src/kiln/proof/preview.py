"""Preview sheets: the subject from all sides, and its maps."""

from __future__ import annotations

import colorsys
from collections.abc import Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from kiln.asset import Material, Mesh
from kiln.imaging.color import linear_to_srgb, srgb_to_linear
from kiln.proof.canvas import MUTED, Canvas
from kiln.render.camera import Camera, turntable
from kiln.render.ground import Shadow, contact_shadow
from kiln.render.view import Subject, light, prepare, shoot
from kiln.render.wire import edge_coverage

_TILE = 480
_GAP = 12
_MARGIN = 48
_HEADER = 132
_WIDTH = 2 * _MARGIN + 4 * _TILE + 3 * _GAP

_NAMES = ("Front", "Front left", "Left", "Back left", "Back", "Back right", "Right", "Front right")
_HERO_AZIMUTH_DEGREES = 28.0
_HERO_ELEVATION_DEGREES = 14.0

_BACKDROP_TOP = np.array([0.83, 0.825, 0.81], np.float32)
_BACKDROP_BOTTOM = np.array([0.62, 0.615, 0.60], np.float32)
"""Linear light: a pale wall that a floor darkens, neutral so that it does not tint how colours are read."""

_CLAY = Material(name="clay", base_color_factor=(0.55, 0.53, 0.50, 1.0), roughness_factor=0.8, metallic_factor=0.0)
_GUESSED = (232, 128, 32)
_LINE = (235, 235, 230)
_CAPTION_BAND = 48
_SUBPIXEL = 16
"""OpenCV's fixed-point positions: sixteenths of a pixel."""


def _on_backdrop(
    image: Float32[np.ndarray, "height width 4"], camera: Camera, shadow: Shadow | None
) -> Float32[np.ndarray, "height width 3"]:
    """The picture in front of the studio's wall, standing in its shadow."""
    height, width = image.shape[:2]
    share = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    wall = _BACKDROP_TOP + (_BACKDROP_BOTTOM - _BACKDROP_TOP) * share * share
    if shadow is not None:
        wall = wall * (1 - shadow.seen_by(camera, width=width, height=height)[..., None])
    return image[..., :3] + wall * (1 - image[..., 3:])


def _tile(
    subject: Subject, camera: Camera, shadow: Shadow | None, *, size: int = _TILE, wire: bool = False
) -> UInt8[np.ndarray, "size size 3"]:
    shot = shoot(subject, camera, width=size, height=size)
    picture = _on_backdrop(light(subject, shot), camera, shadow)
    if wire:
        picture = picture * (1 - 0.8 * edge_coverage(shot)[..., None])
    return linear_to_srgb(picture)


def _place(column: int, row: int, *, top: int = _HEADER) -> tuple[int, int]:
    return _MARGIN + column * (_TILE + _GAP), top + row * (_TILE + _GAP)


def contact_sheet(
    mesh: Mesh, material: Material | tuple[Material, ...] | None, *, title: str, facts: Sequence[str] = (), lods: Sequence[Mesh] = (), hulls: Sequence[Mesh] = ()
) -> UInt8[np.ndarray, "height width 3"]:
    """The asset from eight sides, large from the front left, without colour, unlit, with a checker on its UVs, its LODs and hulls."""
    extra = bool(lods or hulls)
    canvas = Canvas(_WIDTH, _HEADER + (5 if extra else 4) * (_TILE + _GAP) + _MARGIN - _GAP)
    _header(canvas, title, facts)
    subject, shadow = prepare(mesh, material), contact_shadow(mesh)
    hero = Camera(azimuth_degrees=_HERO_AZIMUTH_DEGREES, elevation_degrees=_HERO_ELEVATION_DEGREES).fitted(mesh.positions, margin=0.08)
    canvas.tile(_tile(subject, hero, shadow, size=2 * _TILE + _GAP), at=_place(0, 0))
    for number, (caption, picture) in enumerate(_details(mesh, material, hero, shadow)):
        canvas.tile(picture, at=_place(2 + number % 2, number // 2), caption=caption)
    for number, camera in enumerate(turntable(mesh.positions, margin=0.08)):
        canvas.tile(_tile(subject, camera, shadow), at=_place(number % 4, 2 + number // 4), caption=_NAMES[number])
    for number, (caption, picture) in enumerate(_coarser(mesh, lods, hulls, hero, shadow) if extra else ()):
        canvas.tile(picture, at=_place(number, 4), caption=caption)
    return canvas.pixels


def _header(canvas: Canvas, title: str, facts: Sequence[str]) -> None:
    canvas.text(title, at=(_MARGIN, 72), size=46)
    canvas.text("   ·   ".join(facts), at=(_MARGIN, 108), size=22, color=MUTED)


def _details(
    mesh: Mesh, material: Material | tuple[Material, ...] | None, camera: Camera, shadow: Shadow
) -> Iterator[tuple[str, UInt8[np.ndarray, "size size 3"]]]:
    materials = (material,) if isinstance(material, Material) else material or ()
    clay = prepare(mesh, tuple(_without_color(each) for each in materials) or _CLAY)
    yield "Surface without colour", _tile(clay, camera, shadow)
    plain_clay = prepare(replace(mesh, colors=None), _CLAY)
    yield f"Wireframe, {mesh.triangle_count:,} triangles", _tile(plain_clay, camera, shadow, wire=True)
    if mesh.uvs is not None:
        yield "UV checker", _tile(prepare(replace(mesh, colors=None), _checker()), camera, shadow)
    guessed = materials[0].guessed if len(materials) == 1 else None
    if guessed is not None and mesh.uvs is not None and guessed.any():
        share = f"{(guessed > 127).mean():.0%} of the map"
        behind = replace(camera, azimuth_degrees=camera.azimuth_degrees + 180)
        yield f"Orange: guessed, {share}", _tile(prepare(mesh, _marked(materials[0])), behind, shadow)
    else:
        above = Camera(azimuth_degrees=camera.azimuth_degrees + 180, elevation_degrees=32).fitted(mesh.positions, margin=0.08)
        yield "From behind and above", _tile(prepare(mesh, material), above, shadow)


def _without_color(material: Material) -> Material:
    return replace(_CLAY, normal=material.normal, orm=material.orm, double_sided=material.double_sided)


def _checker() -> Material:
    """Squares of 1/32 of the map, numbered by tint, so that stretch, mirroring and unequal density are seen."""
    row, column = np.mgrid[0:1024, 0:1024] // 32
    light_square = ((row + column) % 2).astype(np.float32)[..., None]
    tint = np.dstack([0.55 + 0.4 * column / 31, 0.75 - 0.25 * row / 31, 0.55 + 0.4 * (1 - column / 31)]).astype(np.float32)
    pixels = np.round(255 * (0.30 + 0.70 * light_square) * tint).astype(np.uint8)
    return Material(base_color=np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)]), roughness_factor=0.8, metallic_factor=0.0)


def _marked(material: Material) -> Material:
    """The material in grey, with guessed texels in orange."""
    assert material.guessed is not None  # noqa: S101 - asked by the caller
    size = material.guessed.shape[::-1]
    color = np.full((*material.guessed.shape, 3), 200, np.uint8) if material.base_color is None else cv2.resize(material.base_color[..., :3], size)
    grey = cv2.cvtColor(color, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
    weight = (material.guessed.astype(np.float32) / 255)[..., None]
    pixels = np.round(grey * (1 - 0.75 * weight) + 0.75 * weight * np.array(_GUESSED, np.float32)).astype(np.uint8)
    return replace(material, base_color=np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)]), metallic_factor=0.0)


def _coarser(
    mesh: Mesh, lods: Sequence[Mesh], hulls: Sequence[Mesh], camera: Camera, shadow: Shadow
) -> Iterator[tuple[str, UInt8[np.ndarray, "size size 3"]]]:
    for number, lod in enumerate((mesh, *lods)[:3]):
        subject = prepare(replace(lod, colors=None), _CLAY)
        yield f"LOD{number}, {lod.triangle_count:,} triangles", _tile(subject, camera, shadow, wire=True)
    if hulls:
        whole, materials = _in_colors(hulls)
        yield f"Collision, {len(hulls)} convex hull{'s' * (len(hulls) != 1)}", _tile(prepare(whole, materials), camera, shadow)


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


def maps_sheet(material: Material, mesh: Mesh) -> UInt8[np.ndarray, "height width 3"]:
    """The material's maps side by side: base colour, normal, occlusion, roughness, metallic, guessed, and the UV layout."""
    tiles = list(_maps(material, mesh))
    rows = -(-len(tiles) // 4)
    canvas = Canvas(_WIDTH, 2 * _MARGIN + rows * (_TILE + _CAPTION_BAND + _GAP) - _GAP)
    for number, (caption, pixels) in enumerate(tiles):
        left, top = _place(number % 4, 0, top=_MARGIN)
        top += number // 4 * (_TILE + _CAPTION_BAND + _GAP)
        canvas.tile(pixels, at=(left, top))
        canvas.text(caption, at=(left + 4, top + _TILE + 30), size=20, color=MUTED)
    return canvas.pixels


def _maps(material: Material, mesh: Mesh) -> Iterator[tuple[str, UInt8[np.ndarray, "size size 3"]]]:
    if material.base_color is not None:
        yield f"Base colour, {_size(material.base_color)}, sRGB", _shrunk(material.base_color[..., :3], srgb=True)
    if material.normal is not None:
        yield f"Normal, {_size(material.normal)}, OpenGL +Y", _shrunk(material.normal)
    if material.orm is not None:
        for channel, name in enumerate(("Occlusion (R)", "Roughness (G)", "Metallic (B)")):
            yield f"{name}, {_size(material.orm)}", _grey(_shrunk(material.orm[..., channel]))
    if material.emissive is not None:
        yield f"Emissive, {_size(material.emissive)}, sRGB", _shrunk(material.emissive, srgb=True)
    if material.guessed is not None:
        yield f"Guessed (white), {(material.guessed > 127).mean():.0%}", _grey(_shrunk(material.guessed))
    if mesh.uvs is not None:
        yield "UV layout", _layout(mesh, material)


def _size(pixels: np.ndarray) -> str:
    return f"{pixels.shape[1]} × {pixels.shape[0]}"


def _shrunk(pixels: UInt8[np.ndarray, "*shape"], *, srgb: bool = False) -> UInt8[np.ndarray, "*small"]:
    if not srgb:
        return cv2.resize(pixels, (_TILE, _TILE), interpolation=cv2.INTER_AREA)
    return linear_to_srgb(cv2.resize(srgb_to_linear(pixels), (_TILE, _TILE), interpolation=cv2.INTER_AREA))


def _grey(pixels: UInt8[np.ndarray, "height width"]) -> UInt8[np.ndarray, "height width 3"]:
    return np.repeat(pixels[..., None], 3, axis=2)


def _layout(mesh: Mesh, material: Material) -> UInt8[np.ndarray, "size size 3"]:
    """UV triangles drawn over the faded base colour."""
    assert mesh.uvs is not None  # noqa: S101 - asked by the caller
    faded = np.full((_TILE, _TILE, 3), 60, np.uint8) if material.base_color is None else _shrunk(material.base_color[..., :3]) // 3
    corners = np.round(mesh.uvs[mesh.triangles] * (_TILE * _SUBPIXEL) - _SUBPIXEL / 2).astype(np.int32)
    return cv2.polylines(np.ascontiguousarray(faded), list(corners), True, _LINE, 1, cv2.LINE_AA, _SUBPIXEL.bit_length() - 1)
