"""Reads a mesh file of any format Kiln knows, and refuses what holds no usable surface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np
from jaxtyping import Float32

from kiln.asset import FileRecord, Material, Mesh, Skeleton, Voxels
from kiln.errors import ModelError
from kiln.formats.content import Content, check_counts
from kiln.formats.fbx.read import read_fbx
from kiln.formats.folder import MAX_FILE_BYTES, Folder
from kiln.formats.gltf_read import read_gltf
from kiln.formats.names import asset_name
from kiln.formats.obj import read_obj
from kiln.formats.ply import read_ply
from kiln.formats.stl import read_stl
from kiln.formats.voxel_npz import read_voxel_npz
from kiln.formats.whole_file import read_whole

Up = Literal["y", "z"]

_READERS: Final[dict[str, Callable[[bytes, Folder], Content]]] = {
    ".glb": read_gltf,
    ".gltf": read_gltf,
    ".fbx": read_fbx,
    ".obj": read_obj,
    ".ply": read_ply,
    ".stl": read_stl,
    ".npz": read_voxel_npz,
}

_SAY_THEMSELVES: Final = (".glb", ".gltf", ".fbx", ".npz")
"""Kinds of files that say which axis points up."""

_MAX_COORDINATE: Final = 1e9
"""Metres. Beyond, squares of lengths no longer fit in float32, and no asset is that large."""

_FAR: Final = 100.0
"""Diagonals from the origin from which on a mesh is brought to it: float32 then holds less than a hundred-thousandth of its size."""

_FLAT = 1e-6

EXTENSIONS: Final = tuple(_READERS)
"""Accepted file name extensions."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Model:
    """A mesh file's surface, checked: finite, with at least one triangle that has area."""

    name: str
    """A safe identifier made of the file's stem."""

    mesh: Mesh
    materials: tuple[Material, ...]
    """What `mesh.material_ids` counts into; empty when the file has none."""

    notes: tuple[str, ...]
    """Sentences for people: what was left out."""

    inputs: tuple[FileRecord, ...]
    """The file, and every file that it refers to."""

    skeleton: Skeleton | None = None
    """What the mesh's joints count into, where skins were wanted and there are some."""

    voxels: Voxels | None = None
    """Colour and material as a voxel grid, in the mesh's frame."""


def read_model(path: Path, *, up: Up = "y", textures: bool = True, skins: bool = False) -> Model:
    """The mesh in a .glb, .gltf, .fbx, .obj, .ply, .stl or .npz file (a generator's voxels, see voxel_npz), in metres, +Y up.

    glTF, FBX and .npz say how they stand; the others do not, so `up` says which of their axes points up (`"z"`: x, y, z becomes x, z, -y).
    Without `textures` no picture is opened, and materials have factors only. With `skins` joints and weights of a skinned glTF or FBX are
    read, too. ModelError when the file is missing, empty, damaged, too large, refers outside its own folder, or holds no surface.
    """
    data = _read(path)
    extension = path.suffix.lower()
    folder = Folder(path, textures=textures, skins=skins)
    try:
        _check_kind(data, extension)
        content = _READERS[extension](data, folder)
        mesh, notes = _checked(content.mesh)
    except ModelError as error:
        raise ModelError(f"{path.name}: {error}") from None
    if up == "z" and extension not in _SAY_THEMSELVES:
        mesh = _stood_up(mesh)
    offset, moved = _way_home(mesh)
    this = FileRecord.of(path.name, data)
    return Model(
        name=asset_name(path.stem),
        mesh=mesh if offset is None else mesh.moved(offset=offset),
        materials=content.materials,
        skeleton=content.skeleton if offset is None or content.skeleton is None else content.skeleton.moved(offset=offset),
        voxels=content.voxels if offset is None or content.voxels is None else content.voxels.moved(offset=offset),
        notes=content.notes + notes + moved,
        inputs=(this, *content.linked),
    )


def _read(path: Path) -> bytes:
    if path.suffix.lower() not in EXTENSIONS:
        raise ModelError(f"{path.name}: {path.suffix or 'no extension'} is not a mesh file Kiln reads; it reads {', '.join(EXTENSIONS)}")
    return read_whole(path, limit=MAX_FILE_BYTES, error=ModelError)


def _check_kind(data: bytes, extension: str) -> None:
    """Raise ModelError for a file that is plainly something else than its extension says."""
    start = data[:64].lstrip()
    really = next((kind for magic, kind in _MAGICS if data.startswith(magic)), None)
    if really is None and extension == ".gltf" and not start.startswith((b"{", b"\xef\xbb\xbf")):
        raise ModelError("it is not a glTF file: that begins with {")
    if really is None and extension == ".glb" and not start.startswith(b"{"):
        raise ModelError("it is not a GLB file: that begins with glTF")
    if really is not None and really not in _KINDS[extension]:
        raise ModelError(f"its content is a {really} file, not {extension}: give it the right extension, or export it again")


_MAGICS = (
    (b"glTF", "GLB"),
    (b"ply\n", "PLY"),
    (b"ply\r", "PLY"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"PK\x03\x04", "ZIP"),
    (b"%PDF", "PDF"),
    (b"Kaydara FBX", "FBX"),
    (b"BLENDER", "Blender"),
    (b"\x1f\x8b", "gzip"),
)

_KINDS = {".glb": ("GLB",), ".gltf": ("GLB",), ".ply": ("PLY",), ".npz": ("ZIP",), ".fbx": ("FBX",), ".obj": (), ".stl": ()}


def _checked(mesh: Mesh) -> tuple[Mesh, tuple[str, ...]]:
    """The mesh, without normals that are no numbers. ModelError when it holds no surface that can be worked on."""
    check_counts(vertices=mesh.vertex_count, triangles=mesh.triangle_count)
    if not mesh.triangle_count:
        raise ModelError("it holds no faces")
    if mesh.triangles.max() >= mesh.vertex_count:
        raise ModelError(f"a face refers to vertex {int(mesh.triangles.max()):,} of {mesh.vertex_count:,}: the file is damaged")
    for what, array in (("positions", mesh.positions), ("UVs", mesh.uvs)):
        broken = 0 if array is None else int((~np.isfinite(array)).any(axis=1).sum())
        if broken:
            raise ModelError(
                f"{broken:,} of {mesh.vertex_count:,} {what} are not finite numbers (NaN or infinite): repair and export it again"
            )
    reach = float(np.abs(mesh.positions).max())
    if reach > _MAX_COORDINATE:
        raise ModelError(
            f"it reaches {reach:.1e} m from the origin, more than {_MAX_COORDINATE:.0e}: is it damaged, or in other units than metres?"
        )
    if not _has_area(mesh):
        raise ModelError(f"all of its {mesh.triangle_count:,} faces are degenerate: they have no area; scale it up where it was made")
    return _with_good_normals(mesh)


def _has_area(mesh: Mesh) -> bool:
    """Whether any triangle is more than a line: its height above a millionth of its longest edge."""
    a, b, c = (mesh.positions[mesh.triangles[:, k]].astype(np.float64) for k in range(3))
    double_area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    longest_squared = np.max([np.einsum("tk,tk->t", e, e) for e in (b - a, c - b, a - c)], axis=0)
    return bool((double_area > _FLAT * longest_squared).any())


def _with_good_normals(mesh: Mesh) -> tuple[Mesh, tuple[str, ...]]:
    if mesh.normals is None:
        return replace(mesh, tangents=None), ()
    length = np.linalg.norm(mesh.normals.astype(np.float64), axis=1)
    bad = int((~(np.abs(length - 1) < 0.1)).sum())
    if bad:
        return replace(mesh, normals=None, tangents=None), (f"{bad:,} normals were not unit vectors: all normals are computed anew",)
    return mesh, ()


def _way_home(mesh: Mesh) -> tuple[Float32[np.ndarray, " 3"] | None, tuple[str, ...]]:
    """How to move the mesh about the origin when it lies so far out that float32 is too coarse for what is worked out there; else None."""
    middle = (mesh.bounds[0] / 2 + mesh.bounds[1] / 2).astype(np.float32)
    if np.abs(middle).max() < _FAR * mesh.diagonal:
        return None, ()
    x, y, z = (f"{axis:.6g}" for axis in middle.tolist())
    return -middle, (f"it lies far from the origin and was moved there, from ({x}, {y}, {z}) m",)


def _stood_up(mesh: Mesh) -> Mesh:
    """From +Z up to +Y up: a quarter turn about x."""

    def turned(vectors: Float32[np.ndarray, "n 3"]) -> Float32[np.ndarray, "n 3"]:
        return np.column_stack([vectors[:, 0], vectors[:, 2], -vectors[:, 1]])

    return replace(mesh, positions=turned(mesh.positions), normals=None if mesh.normals is None else turned(mesh.normals))
