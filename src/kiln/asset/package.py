"""Package: the exported files of one asset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kiln.asset.report import Report


@dataclass(frozen=True, kw_only=True)
class Package:
    """A finished package on disk. Files were written beside the target and moved into place whole."""

    name: str
    folder: Path
    archive: Path | None
    """The same files as one zip."""

    engine_archives: Mapping[str, Path] = field(default_factory=dict)
    """By engine, its folder alone as a zip."""

    files: tuple[str, ...]
    """Paths inside the folder, with forward slashes, sorted."""

    report: Report

    @property
    def model(self) -> Path:
        """The GLB with the game mesh and its textures."""
        return self.folder / f"{self.name}.glb"
