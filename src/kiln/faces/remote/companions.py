"""Files that a model needs beside it: a server gets one file, so a model that refers to others is refused before it is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from kiln.errors import ModelError

_OBJ_HEAD_BYTES: Final = 1 << 16
"""In which an OBJ names its materials; exporters write that line first."""

_LARGEST_GLTF_BYTES: Final = 64 << 20
"""What a server takes; a larger one is refused there, with its own words."""


def check_alone(path: Path) -> Path:
    """The path itself. ModelError when the model's buffers, textures or materials lie in other files."""
    kind = path.suffix.lower()
    named = _gltf_files(path) if kind == ".gltf" else _obj_files(path) if kind == ".obj" else iter(())
    companion = next((name for name in named if (path.parent / name).is_file()), None)
    if companion is not None:
        raise ModelError(f"{path} needs {companion[:80]!r} beside it, and a server gets one file: save it as .glb")
    return path


def _gltf_files(path: Path) -> Iterator[str]:
    """Files that a glTF names; none when it cannot be read, which the server says better."""
    try:
        if path.stat().st_size > _LARGEST_GLTF_BYTES:
            return
        data: Any = json.loads(path.read_bytes())
        uris = [entry.get("uri") for part in ("buffers", "images") for entry in data.get(part, ())]
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return
    yield from (uri for uri in uris if isinstance(uri, str) and not uri.startswith("data:"))


def _obj_files(path: Path) -> Iterator[str]:
    try:
        with path.open("rb") as file:
            head = file.read(_OBJ_HEAD_BYTES).decode("utf-8", "replace")
    except OSError:
        return
    for line in head.splitlines():
        word, _, name = line.strip().partition(" ")
        if word == "mtllib" and name.strip():
            yield name.strip()
