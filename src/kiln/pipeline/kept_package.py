"""A finished package kept whole: its files as they were written, so that making it again is writing them again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PureWindowsPath

import numpy as np
from jaxtyping import UInt8

from kiln.asset import Package, Report
from kiln.formats.names import safe_name
from kiln.formats.package import new_package
from kiln.stages.export import ExportParams, archives, finished_package


@dataclass(frozen=True, eq=False, kw_only=True)
class KeptPackage:
    """What a package's folder holds, and what was measured on it."""

    files: Mapping[str, UInt8[np.ndarray, "..."]]
    """Contents by their paths inside the package: bytes in a row."""

    report: Report

    def __post_init__(self) -> None:
        """ValueError when a file, or the package, would lie outside its folder: a shared cache may hold what somebody else wrote."""
        if self.report.name != safe_name(self.report.name) or not all(map(_lies_inside, self.files)):
            raise ValueError("a file of the package lies outside its folder")

    @classmethod
    def of(cls, package: Package) -> KeptPackage:
        """The package as it lies on the disk. Raises OSError when somebody has taken it away already."""
        contents = {name: (package.folder / name).read_bytes() for name in package.files}
        return cls(files={name: np.frombuffer(data, np.uint8) for name, data in contents.items()}, report=package.report)

    def write(self, params: ExportParams) -> Package:
        """The package, written where the parameters say, as `export` would have. Raises SetupError as that does."""
        target = params.out / self.report.name
        with new_package(target, archives=archives(params)) as draft:
            for name, content in self.files.items():
                draft.write(name, content.tobytes())
        return finished_package(target, draft, self.report, archives=archives(params))


def _lies_inside(name: str) -> bool:
    """Whether a path, on any system, stays below the folder it is looked up in."""
    path = PureWindowsPath(name)  # takes both slashes, and knows drives and streams
    return bool(path.parts) and not path.anchor and ".." not in path.parts and ":" not in name and "\0" not in name
