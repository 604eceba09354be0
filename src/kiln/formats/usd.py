"""USD files (Universal Scene Description, Alliance for OpenUSD): .usdc, and .usdz as Apple's devices show it. Needs the extra `usd`."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from io import BytesIO
from typing import Final

from kiln.asset import Material, Mesh, Skeleton
from kiln.errors import ModelError, SetupError
from kiln.formats.gltf_write import Slot
from kiln.formats.package_layout import usable_slots

_ALIGNMENT: Final = 64
"""Bytes: the data of each file in a .usdz begins at a multiple of these, so that it can be mapped into memory as it is."""

_PADDING_TAG: Final = 0x1986
"""The extra field of a zip entry that OpenUSD pads with."""


def write_usd(
    name: str, mesh: Mesh, materials: Sequence[Material], textures: Mapping[str, bytes], *, skeleton: Skeleton | None = None
) -> dict[str, bytes]:
    """<name>.usdc, which refers to those files of the package beside it that `textures` has.

    Metres, +Y up: Kiln's own frame. One component, /<name>, with a mesh that is not subdivided, UsdPreviewSurface materials and, where
    the mesh has joints, its skeleton. Only LOD0: no viewer switches USD's variants by distance. Tangents are left out, because
    UsdPreviewSurface's follow from the UVs.
    """
    return {f"{name}.usdc": _layer(name, mesh, materials, usable_slots(name, mesh, materials, textures), skeleton)}


def write_usdz(
    name: str, mesh: Mesh, materials: Sequence[Material], textures: Mapping[str, bytes], *, skeleton: Skeleton | None = None
) -> bytes:
    """The same scene with its textures as one file: a zip of stored files, the scene first."""
    slots = usable_slots(name, mesh, materials, textures)
    paths = sorted({path for used in slots for path in used.values()})
    return _stored_zip({f"{name}.usdc": _layer(name, mesh, materials, slots, skeleton)} | {path: textures[path] for path in paths})


def _layer(name: str, mesh: Mesh, materials: Sequence[Material], slots: Sequence[Mapping[Slot, str]], skeleton: Skeleton | None) -> bytes:
    if not mesh.triangle_count:
        raise ModelError(f"{name}: it has no triangles to write as USD: nothing is left of the mesh")
    if find_spec("pxr") is None:
        raise SetupError("USD files need the package usd-core: pip install kiln3d[usd]")
    from kiln.formats.usd_stage import usdc_bytes

    return usdc_bytes(name, mesh, materials, slots, skeleton)


def _stored_zip(files: Mapping[str, bytes]) -> bytes:
    """A zip of files that are not compressed, each one's data at a multiple of 64 bytes, without times."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path, data in files.items():
            entry = zipfile.ZipInfo(path)
            entry.create_system = 0  # otherwise it tells the operating system
            fixed = buffer.tell() + 30 + len(path.encode()) + 4
            entry.extra = _PADDING_TAG.to_bytes(2, "little") + (-fixed % _ALIGNMENT).to_bytes(2, "little") + bytes(-fixed % _ALIGNMENT)
            archive.writestr(entry, data)
    return buffer.getvalue()
