from __future__ import annotations

from pathlib import Path

import numpy as np

from kiln.asset import Material
from kiln.formats.folder import Folder
from kiln.formats.mtl import read_mtl
from kiln.formats.mtl_write import write_mtl
from kiln.formats.package_layout import texture_pixels, texture_slots
from kiln.formats.png import encode_pngs


def _noise(channels: int) -> np.ndarray:
    return np.random.default_rng(channels).integers(0, 256, (8, 4, channels), dtype=np.uint8)


def _read(folder: Path, *materials: Material) -> tuple[list[Material], str]:
    """The materials as Kiln's own reader finds them among the files, and the library's text."""
    names = [f"m{number}" for number in range(len(materials))]
    library, grays = write_mtl("a", materials, names, texture_slots("a", materials))
    (folder / "textures").mkdir()
    for path, data in (encode_pngs(texture_pixels("a", materials)) | grays | {"a.mtl": library}).items():
        (folder / path).write_bytes(data)
    notes: list[str] = []
    found = read_mtl("a.mtl", Folder(folder / "a.obj"), notes)
    assert notes == []
    return [found[name] for name in names], library.decode()


def test_all_maps_come_back(tmp_path: Path) -> None:
    full = Material(
        base_color=np.dstack([_noise(3), np.full((8, 4), 255, np.uint8)]),
        normal=_noise(3),
        orm=_noise(3),
        emissive=_noise(3),
        emissive_factor=(1.0, 1.0, 1.0),
        roughness_factor=0.5,
    )
    (read, plain), _ = _read(tmp_path, full, Material(metallic_factor=0.25, base_color_factor=(0.5, 0.25, 0.125, 1.0)))
    assert np.array_equal(read.base_color, full.base_color)
    assert np.array_equal(read.normal, full.normal)
    assert np.array_equal(read.emissive, full.emissive)
    assert np.array_equal(read.orm[..., 1], np.round(full.orm[..., 1] * 0.5))
    assert np.array_equal(read.orm[..., 2], full.orm[..., 2])
    assert (read.roughness_factor, read.metallic_factor) == (1.0, 1.0)
    assert (plain.metallic_factor, plain.base_color_factor) == (0.25, (0.5, 0.25, 0.125, 1.0))


def test_alpha_is_named_only_where_it_counts(tmp_path: Path) -> None:
    colors = _noise(4)
    _, text = _read(tmp_path, Material(base_color=colors), Material(base_color=colors, alpha_mode="BLEND"))
    solid, glass = text.split("newmtl")[1:]
    assert "map_d" not in solid
    assert "map_d textures/a_1_base_color.png\n" in glass


def test_textures_that_are_not_there_are_not_named() -> None:
    library, grays = write_mtl("a", [Material(base_color=_noise(4), orm=_noise(3))], ["m"], [{}])
    assert b"map_" not in library
    assert grays == {}
