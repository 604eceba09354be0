"""Reads a surface with a voxel grid of attributes from a .npz file, as TRELLIS.2's MeshWithVoxel is dumped.

    numpy.savez_compressed("asset.npz", vertices=m.vertices.cpu(), faces=m.faces.cpu(), coords=m.coords.cpu(), attrs=m.attrs.cpu(),
                           origin=m.origin.cpu(), voxel_size=m.voxel_size)

| array | shape and meaning |
| --- | --- |
| vertices | (V, 3) floats, metres |
| faces | (F, 3) whole numbers |
| coords | (L, 3) whole numbers: the cells, along x, y, z |
| attrs | (L, C) floats, nominally 0 to 1; colour is sRGB-encoded |
| origin | (3,) floats: lowest corner of cell (0, 0, 0) |
| voxel_size | one float: edge of a cell |
| layout | optional, C strings that name the channels: red, green, blue, metallic, roughness, alpha (the default, in this order) |
| up | optional, "z" (default, as TRELLIS.2 means it: x, y, z becomes x, z, -y) or "y" |
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from typing import Final

import numpy as np

from kiln.asset import Mesh, Voxels
from kiln.errors import ModelError
from kiln.formats.content import Content, check_counts
from kiln.formats.folder import Folder

_CHANNELS: Final = ("red", "green", "blue", "metallic", "roughness", "alpha")

_NEEDED: Final = ("vertices", "faces", "coords", "attrs", "origin", "voxel_size")

_MAX_VOXELS: Final = 40_000_000
"""Above this the grid and its table would take more than 2 GB."""

_MAX_BYTES: Final = 3 * 1024**3
"""Of all arrays, unpacked."""

_MAX_CELL: Final = 1 << 20
"""Cells from the origin: far beyond any generator's grid, and well within what the table's hash takes."""


def read_voxel_npz(data: bytes, folder: Folder) -> Content:  # noqa: ARG001 - every reader is given the folder; this kind refers to nothing
    """The mesh and its voxels, +Y up. ModelError for anything that is not such a file, too large, or inconsistent."""
    try:
        arrays = _arrays(data)
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, KeyError, NotImplementedError, MemoryError) as error:
        # MemoryError: an array's header may claim terabytes that the archive does not hold.
        raise ModelError(f"it is not a readable .npz file ({error}): write it again with numpy.savez") from error
    missing = [name for name in _NEEDED if name not in arrays]
    if missing:
        raise ModelError(f"it has no {', '.join(missing)}: a voxel file holds {', '.join(_NEEDED)}")
    mesh, voxels = _mesh(arrays), _voxels(arrays)
    up = str(arrays["up"]) if "up" in arrays else "z"
    if up not in ("y", "z"):
        raise ModelError(f"its up axis is {up[:20]!r}: y or z is meant")
    return Content(mesh=mesh, voxels=voxels) if up == "y" else Content(mesh=_stood_up(mesh), voxels=_turned(voxels))


def _arrays(data: bytes) -> dict[str, np.ndarray]:
    """Every array by name, once the archive has said that they fit in memory. Nothing in it is ever run (no pickles)."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        total = sum(entry.file_size for entry in archive.infolist())
    if total > _MAX_BYTES:
        raise ModelError(f"its arrays take {total / 2**30:.1f} GiB unpacked, more than the {_MAX_BYTES >> 30} GiB that fit in memory")
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        return {name: file[name] for name in (*_NEEDED, "layout", "up") if name in file.files}


def _mesh(arrays: Mapping[str, np.ndarray]) -> Mesh:
    vertices = _table(arrays, "vertices", columns=3, kinds="f")
    faces = _table(arrays, "faces", columns=3, kinds="iu")
    check_counts(vertices=len(vertices), triangles=len(faces))
    if len(faces) and int(faces.min()) < 0:
        raise ModelError("a face refers to a vertex before the first: the file is damaged")
    if len(faces) and int(faces.max()) >= len(vertices):
        raise ModelError(f"a face refers to vertex {int(faces.max()):,} of {len(vertices):,}: the file is damaged")
    return Mesh(positions=vertices.astype(np.float32), triangles=faces.astype(np.uint32))


def _voxels(arrays: Mapping[str, np.ndarray]) -> Voxels:
    coords, attrs = _table(arrays, "coords", columns=3, kinds="iu"), _table(arrays, "attrs", columns=None, kinds="f")
    if len(coords) > _MAX_VOXELS:
        raise ModelError(f"it has {len(coords):,} voxels, more than the {_MAX_VOXELS:,} that fit in memory")
    if len(coords) != len(attrs) or not len(coords):
        raise ModelError(f"it has {len(coords):,} voxels in coords and {len(attrs):,} in attrs: one row each, and at least one, is meant")
    if int(coords.min()) < -_MAX_CELL or int(coords.max()) > _MAX_CELL:
        raise ModelError(f"its voxels reach beyond cell {_MAX_CELL:,}: coords are cells, not positions")
    if not np.isfinite(attrs).all():
        raise ModelError("some of its attrs are not finite numbers: generate it again")
    origin, size = _numbers(arrays, "origin", 3), _numbers(arrays, "voxel_size", 1)[0]
    if size <= 0:
        raise ModelError(f"its voxel_size is {size}: a positive length is meant")
    values = np.ascontiguousarray(attrs, np.float32)
    return Voxels(cells=coords.astype(np.int32), values=values, layout=_layout(arrays, attrs.shape[1]), origin=(*origin,), size=size)  # type: ignore[arg-type]


def _layout(arrays: Mapping[str, np.ndarray], channels: int) -> tuple[str, ...]:
    named = tuple(str(name) for name in arrays["layout"].reshape(-1)[:64]) if "layout" in arrays else _CHANNELS
    unknown = sorted(set(named) - set(_CHANNELS))
    if unknown or len(set(named)) != len(named) or len(named) != channels:
        raise ModelError(f"its layout names {len(named)} channels of {channels}: one each of {', '.join(_CHANNELS)} is meant")
    return named


def _table(arrays: Mapping[str, np.ndarray], name: str, *, columns: int | None, kinds: str) -> np.ndarray:
    array = arrays[name]
    if array.ndim != 2 or array.dtype.kind not in kinds or (columns is not None and array.shape[1] != columns):
        meant = f"(n, {columns or 'channels'}) {'floats' if kinds == 'f' else 'whole numbers'}"
        raise ModelError(f"its {name} has shape {array.shape} of {array.dtype}: {meant} is meant")
    return array


def _numbers(arrays: Mapping[str, np.ndarray], name: str, count: int) -> tuple[float, ...]:
    array = arrays[name].reshape(-1)
    if array.dtype.kind not in "fiu" or len(array) != count or not np.isfinite(array).all():
        raise ModelError(f"its {name} is not {count} finite number{'s' if count > 1 else ''}")
    return tuple(float(value) for value in array)


def _stood_up(mesh: Mesh) -> Mesh:
    x, y, z = mesh.positions.T
    return Mesh(positions=np.column_stack([x, z, -y]), triangles=mesh.triangles)


def _turned(voxels: Voxels) -> Voxels:
    """The grid turned as the mesh is: cell j along y lies at -1 - j along -y, so that lowest corners stay lowest."""
    x, y, z = voxels.cells.T
    turned = np.column_stack([x, z, -1 - y])
    a, b, c = voxels.origin
    return Voxels(cells=turned, values=voxels.values, layout=voxels.layout, origin=(a, c, -b), size=voxels.size)
