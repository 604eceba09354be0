"""Godot as a judge: the executable that the environment variable KILN_GODOT names imports a folder as a person would who drops it in.

It is large and not in every distribution, so without the variable its tests are skipped, and say so; with it they run or fail.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_HERE = Path(__file__).parent
_SECONDS = 300
_PROJECT = 'config_version=5\n\n[application]\n\nconfig/name="kiln"\nconfig/features=PackedStringArray("4.6")\n'


@dataclass(frozen=True, kw_only=True)
class GodotImport:
    complaints: tuple[str, ...]
    """Lines of the log that say warning or error."""

    scenes: dict[str, list[dict[str, Any]]]
    """By file, each node: name, class, parent, and what `godot_dump.gd` tells of its mesh, collision shape or bones."""

    def nodes(self, file: str, kind: str) -> list[dict[str, Any]]:
        return [node for node in self.scenes[file] if node["class"] == kind]


def godot_import(folder: Path, project: Path) -> GodotImport:
    """What Godot makes of a folder that is dropped into an empty project."""
    executable = os.environ.get("KILN_GODOT")
    if not executable:
        pytest.skip("Godot was not asked: set KILN_GODOT to an executable of Godot 4 (CONTRIBUTING.md)")
    shutil.copytree(folder, project / folder.name)
    (project / "project.godot").write_text(_PROJECT)
    shutil.copy(_HERE / "godot_dump.gd", project / "dump.gd")
    imported = _run(executable, project, "--import")
    dumped = _run(executable, project, "-s", "dump.gd")
    line = next((line for line in dumped.splitlines() if line.startswith("DUMP ")), None)
    assert line is not None, imported + dumped
    log = imported.splitlines() + [line for line in dumped.splitlines() if not line.startswith("DUMP ")]
    complaints = tuple(line for line in log if "WARNING" in line or "ERROR" in line)
    return GodotImport(complaints=complaints, scenes=json.loads(line.removeprefix("DUMP ")))


def _run(executable: str, project: Path, *arguments: str) -> str:
    environment = os.environ | {"HOME": str(project), "XDG_DATA_HOME": str(project / ".data"), "XDG_CACHE_HOME": str(project / ".cache")}
    command = [executable, "--headless", "--path", str(project), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
