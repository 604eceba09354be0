"""Handles: nouns whose contents lie in the store. What holds a handle knows what a thing is called and where its parts are, and opens none.

They have the fields of the nouns they stand for, so that `pipeline.run` orders their stages as it does with the nouns themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kiln.asset import Report, Step, View
from kiln.jobs.executors.interface import Reference, Remade

Files = Mapping[str, Path]
"""What stages take that begin with uploads: in a lane, each file's path by its role. Each lies alone in a folder, under its own name."""

Part = Reference | Remade | None
"""A field of an asset: where it lies, how it is made again, or None where it is what a new asset has."""


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """A file: what its owner calls it, and its bytes."""

    name: str
    """To be shown, and to tell the kind of a model by; of a package's file, its path inside the package."""

    content: Reference
    size: int = 0
    """Bytes; 0 where nobody has asked."""

    media_type: str = "application/octet-stream"


@dataclass(frozen=True, kw_only=True)
class StoredPicture:
    """A picture."""

    name: str
    view: View
    has_matte: bool
    content: Reference


@dataclass(frozen=True, eq=False, kw_only=True)
class StoredAsset:
    """An asset; see `asset.Asset` for its fields."""

    name: str
    source: Part
    source_materials: Part = None
    source_voxels: Part = None
    mesh: Part = None
    atlas_size: Part = None
    material: Part = None
    lods: Part = None
    hulls: Part = None
    fits: Part = None
    skeleton: Part = None
    pictures: Part = None
    inputs: Part = None
    history: tuple[Step, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StoredPackage:
    """A finished package."""

    name: str
    files: Mapping[str, StoredFile]
    """By their paths inside the package, with forward slashes."""

    archives: Mapping[str, StoredFile] = field(default_factory=dict)
    """Zips: "" the whole package, "unreal" that engine's folder. Empty when none were asked for."""

    report: Report
    """What was measured on the files, and the contract's verdict."""

    reference: str
    """The key of the record that says which files these are: as long as it is there, they are kept."""
