"""A finished package, read back: the game asset in it, without its source."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from kiln.asset import Asset, FileRecord, Material, Mesh, Primitive, Value
from kiln.errors import ModelError
from kiln.formats.content import Content
from kiln.formats.folder import Folder
from kiln.formats.gltf_read import read_gltf, read_gltf_parts
from kiln.formats.image import decode_image, decode_map, without_alpha
from kiln.formats.names import safe_name
from kiln.formats.package import MANIFEST, json_bytes
from kiln.formats.package_layout import hulls_path, lod_path, model_path, texture_path
from kiln.formats.unzip import unzip
from kiln.formats.whole_file import read_whole

_MAX_FILES: Final = 1000
_MAX_LODS: Final = 8

_SLOTS: Final = ("base_color", "normal", "orm", "emissive")


@dataclass(frozen=True, eq=False, kw_only=True)
class OpenPackage:
    """A package's files and what they hold."""

    files: Mapping[str, bytes]
    """Those its manifest lists, by path, as they lie there now."""

    manifest: Mapping[str, Any]
    asset: Asset
    """Name, mesh, material(s), LODs, hulls, skeleton; `source` is the game mesh itself."""

    report: Mapping[str, Any]
    """What its report.json says: "measures", "steps" and "warnings", as far as they are there; nothing where it is damaged."""

    changed: tuple[str, ...]
    """Files that are not as they were written: somebody worked on them."""

    gone: tuple[str, ...]
    """Files that somebody took out, engines' folders above all: they are not missed as long as the model and its textures are there."""

    @property
    def measures(self) -> Mapping[str, Value]:
        """What was measured on its files when they were made."""
        found: Mapping[str, Value] = self.report.get("measures", {})
        return found


def is_package(path: Path) -> bool:
    """Whether it is a package, rather than a model file, that the path is to name: a folder or a zip."""
    return path.is_dir() or path.suffix.lower() == ".zip"


def open_package(path: Path, *, extras: bool = False) -> OpenPackage:
    """Read a package from its folder or its zip, with the maps to which no GLB refers if `extras` are wanted.

    ModelError when it is none, lacks its model or that model's textures, or holds what Kiln does not write.
    """
    with _unpacked(path) as folder:
        manifest = _manifest(folder)
        listed = {str(entry.get("name")): str(entry.get("sha256")) for entry in manifest["outputs"]}
        inside = Folder(folder / MANIFEST)
        for name in listed:
            inside.check(name)
        files = {name: inside.read(name) for name in listed if inside.holds(name)}
        changed = tuple(name for name, data in files.items() if FileRecord.of(name, data).sha256 != listed[name])
        gone = tuple(sorted(listed.keys() - files.keys()))
        _check_textures(gone)
        name = safe_name(str(manifest.get("name", "")))
        asset = _asset(name, folder, files)
        if extras and asset.material is not None:
            asset = replace(asset, material=replace(asset.material, extras=_extras(name, files)))
        return OpenPackage(files=files, manifest=manifest, asset=asset, report=_report(files), changed=changed, gone=gone)


def _check_textures(gone: Sequence[str]) -> None:
    """Raise ModelError for a material's map that is gone: without its ORM map all would be metal."""
    for path in gone:
        if path.startswith("textures/") and path.endswith(tuple(f"_{slot}.png" for slot in _SLOTS)):
            raise ModelError(f"{path} was taken out of the package, but its material needs it: put it back, or make the package again")


def _asset(name: str, folder: Path, files: Mapping[str, bytes]) -> Asset:
    if model_path(name) not in files:
        raise ModelError(f"the package has no {model_path(name)}: it is not whole; make it again")
    model = _read(folder, model_path(name), files)
    materials = tuple(
        _textured(material, name, files, number=number, count=len(model.materials)) for number, material in enumerate(model.materials)
    )
    one = materials[0] if len(materials) == 1 else None
    parts = _hulls(folder, hulls_path(name), files)
    return Asset(
        name=name,
        source=model.mesh,
        source_materials=materials,
        mesh=model.mesh,
        material=one,
        skeleton=model.skeleton,
        lods=tuple(_lods(name, folder, files, [material.name for material in materials])),
        hulls=tuple(mesh for mesh, _ in parts),
        fits=tuple(fit for _, fit in parts),
    )


def _read(folder: Path, path: str, files: Mapping[str, bytes]) -> Content:
    try:
        return read_gltf(files[path], Folder(folder / path, textures=False, skins=True))
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None


def _lods(name: str, folder: Path, files: Mapping[str, bytes], materials: Sequence[str]) -> Iterator[Mesh]:
    for level in range(1, _MAX_LODS):
        if lod_path(name, level) in files:
            lod = _read(folder, lod_path(name, level), files)
            yield lod.mesh if len(materials) < 2 else _numbered_alike(lod, materials)


def _numbered_alike(lod: Content, materials: Sequence[str]) -> Mesh:
    """A LOD that uses some of LOD0's materials, with LOD0's numbers; readers number those that are in use."""
    if unknown := {used.name for used in lod.materials} - set(materials):
        raise ModelError(f"a LOD has the material {unknown.pop()[:60]!r}, which LOD0 does not have: make the package again")
    numbers = np.array([materials.index(used.name) for used in lod.materials], np.uint32)
    own = np.zeros(lod.mesh.triangle_count, np.uint32) if lod.mesh.material_ids is None else lod.mesh.material_ids
    return replace(lod.mesh, material_ids=numbers[own])


def _hulls(folder: Path, path: str, files: Mapping[str, bytes]) -> list[tuple[Mesh, Primitive | None]]:
    if path not in files:
        return []
    parts = read_gltf_parts(files[path], Folder(folder / path, textures=False))
    return [(part.mesh, _primitive(part.extras.get("collider"))) for part in parts]


def _primitive(said: object) -> Primitive | None:
    """The collider in a hull's extras."""
    if not isinstance(said, dict) or said.get("kind") not in ("box", "sphere", "capsule"):
        return None
    try:
        return Primitive(
            kind=said["kind"],
            center=_numbers(said["center"], 3),
            size=_numbers(said["size"], 3),
            rotation=_numbers(said["rotation"], 4),
        )
    except (KeyError, TypeError, ValueError):
        raise ModelError("a hull's collider is damaged: make the package again") from None


def _numbers(values: Any, count: int) -> Any:
    found = tuple(float(value) for value in values)
    if len(found) != count:
        raise ValueError(values)
    return found


def _textured(material: Material, name: str, files: Mapping[str, bytes], *, number: int, count: int) -> Material:
    """The material with the maps that lie beside the model: they may have been painted over since."""
    found: dict[str, Any] = {}
    for slot in _SLOTS:
        path = texture_path(name, slot, material=number, materials=count)
        if path in files:
            pixels = decode_image(files[path], what=path)
            found[slot] = pixels if slot == "base_color" else without_alpha(pixels)
    return replace(material, **found)


def _extras(name: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    """Of a single material, by the maps' names."""
    before, after = texture_path(name, "\0").split("\0")
    paths = [path for path in files if path.startswith(before) and path.endswith(after)]
    found = {path[len(before) : -len(after)]: path for path in paths}
    return {what: decode_map(files[path], what=path) for what, path in found.items() if what not in (*_SLOTS, "guessed")}


def _manifest(folder: Path) -> dict[str, Any]:
    if not (folder / MANIFEST).is_file():
        raise ModelError(f"{folder.name}: there is no {MANIFEST} in it: name a package's folder, its zip, or a model file")
    found = _json(read_whole(folder / MANIFEST, limit=16 << 20, error=ModelError))
    outputs = found.get("outputs") if isinstance(found, dict) and "kiln" in found else None
    if not isinstance(outputs, list) or not all(isinstance(entry, dict) for entry in outputs) or len(outputs) > _MAX_FILES:
        raise ModelError(f"{folder.name}: its manifest.json is not one of Kiln's, so this is no Kiln package")
    return dict(found)


def _report(files: Mapping[str, bytes]) -> dict[str, Any]:
    found = _json(files.get("report.json", b""))
    kinds = {"measures": dict, "steps": list, "warnings": list}
    if not isinstance(found, dict) or not all(isinstance(found.get(key, kind()), kind) for key, kind in kinds.items()):
        return {}
    return found


def _json(data: bytes) -> Any:
    """What a JSON file says; None where it is damaged, or says what cannot be written again, such as NaN."""
    try:
        found = json.loads(data)
        json_bytes(found)
    except (ValueError, RecursionError):
        return None
    return found


@contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    """The package's folder; a zip is unpacked for as long as the block lasts."""
    if path.suffix.lower() != ".zip" or path.is_dir():
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="kiln-") as temporary:
        yield _unzip(path, Path(temporary))


def _unzip(path: Path, into: Path) -> Path:
    """Unpack the one folder a package's zip holds."""
    names = unzip(path, into, error=ModelError)
    roots = {name.split("/", 1)[0] for name in names if "/" in name}
    if len(roots) != 1:
        raise ModelError(f"{path.name}: it does not hold one Kiln package")
    return into / roots.pop()
