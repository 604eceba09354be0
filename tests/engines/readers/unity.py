"""Unity's import script compiled by Mono against a stand-in for Unity's API, and run on a folder. Long tests only.

Unity itself needs a licence; Mono is a Debian package (mono-mcs). Without it the tests are skipped, and say so.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

_STUB = Path(__file__).parent / "UnityStub.cs"


def play_unity(project: Path, *scripts: Path, shader: str, nodes: list[str]) -> list[str]:
    """What is told of importing everything below `project`/Assets with the scripts, in a pipeline with this shader. Warnings fail."""
    return _run("mono", str(compile_unity(project, *scripts)), shader, *nodes, cwd=project).splitlines()


def compile_unity(project: Path, *scripts: Path) -> Path:
    """The program made of all the scripts together, as Unity compiles a project's. Warnings fail."""
    if shutil.which("mcs") is None or shutil.which("mono") is None:
        pytest.skip("there is no C# compiler: install Debian's mono-mcs")
    program = project / "play.exe"
    _run("mcs", "-warnaserror", "-warn:4", "-define:UNITY_EDITOR", f"-out:{program}", str(_STUB), *map(str, scripts), cwd=project)
    return program


def _run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
