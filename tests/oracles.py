"""Runs the validators that nobody here wrote (tests/validators). When they are missing, tests fail: a skipped judge judges nothing."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

_FOLDER = Path(__file__).parent / "validators"


def run_node(script: str, *arguments: Path) -> str:
    if not (_FOLDER / "node_modules").is_dir():
        pytest.fail("the validators are not installed: run `make validators` (it needs node and npm)")
    done = subprocess.run(["node", str(_FOLDER / script), *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def khronos(*files: Path) -> list[dict[str, Any]]:
    """Each file's errors, warnings, infos and messages, as Khronos' glTF validator finds them."""
    found = json.loads(run_node("validate.mjs", *files))
    return [found[str(file)] for file in files]


def three(*files: Path) -> list[list[dict[str, Any]]]:
    """Each GLB's meshes as three.js loads them."""
    found = json.loads(run_node("three_load.mjs", *files))
    return [found[str(file)] for file in files]


def sarif_schema(*files: Path) -> list[list[str]]:
    """What breaks the SARIF 2.1.0 schema in each file."""
    found = json.loads(run_node("sarif.mjs", *files))
    return [found[str(file)] for file in files]
