"""What a stage's call is known by: everything that has a say in its result, as one SHA-256.

- the stage's name and its parameters, every one of them, its backend's options too
- the content of the files that parameters name, wherever they lie
- exactly the fields of the asset that the stage declares to read or write, and the asset's name; pictures, and what is exported, whole
- the backend's name and version, and its code where it is a plugin
- Kiln's code: every file of the rooms that stages work with. A version number kept by hand is one that somebody forgets to raise
- of a stage that is written elsewhere, such as a service's, that module's code too, and the pipeline's, which it may run as a whole
- the versions of Python and of every library that Kiln requires or uses where it is installed; the kind of processor

- for the export the recipe, too, which the manifest holds; not what its contract says of the files, which is asked each time

Where the package goes has no say in it, nor has what it is called, but for the export.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, get_type_hints

from kiln.asset import Asset, Package
from kiln.backends import registry
from kiln.formats import noun_codec
from kiln.pipeline.plan import touched
from kiln.pipeline.recipe import RecipeStep
from kiln.proof.provenance import portable
from kiln.stages.stage import BackendParams, Params, Stage
from kiln.version import VERSION

FIELDS: Final[Mapping[str, Any]] = get_type_hints(Asset)
"""The annotations of Asset's fields."""

_ROOMS: Final = ("asset", "kernels", "geometry", "imaging", "formats", "render", "backends", "stages")
"""Where the code lies that has a say in what a stage makes."""

_EXPORT_ROOMS: Final = ("proof", "engines")
"""Further ones that have a say in a package's files."""

_HOUSE: Final = Path(__file__).parents[1]

_FORMAT: Final = 1
"""Of the entries; raised when they are to be made anew."""


def call_digest(step: RecipeStep, thing: Any, *, recipe: Mapping[str, Any] | None = None) -> str:
    """The digest of running this step, of this recipe, on this thing. TypeError when the thing is not what its annotations say."""
    files = {name: _file_digest(getattr(step.params, name)) for name in sorted(step.stage.files)}
    return digest_of(step, given=_input_digest(step.stage, thing), files=files, recipe=recipe)


def digest_of(step: RecipeStep, *, given: str, files: Mapping[str, str | None], recipe: Mapping[str, Any] | None = None) -> str:
    """The digest of running this step, of this recipe, on what has the digest `given`, with files of these digests for its parameters."""
    stage, params = step.stage, step.params
    exports = stage.gives is Package
    content = {
        "format": _FORMAT,
        "stage": stage.name,
        "params": params.model_dump(mode="json", exclude={*stage.files, "out"}),
        "files": dict(files),
        "backend": _backend(params),
        "input": given,
        "recipe": portable(recipe) if exports else None,
        "code": [_kilns_code(rooms) for rooms in (_ROOMS, *([_EXPORT_ROOMS] if exports else []))] + _own_code(stage.function.__module__),
        "made_with": made_with(),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def counted(stage: Stage) -> frozenset[str]:
    """The fields of an asset that have a say in what a stage makes of it; its name has one always."""
    return frozenset(FIELDS) if stage.gives is Package else touched(stage) | {"name"}


def _input_digest(stage: Stage, thing: Any) -> str:
    if not isinstance(thing, Asset):
        return noun_codec.digest(thing, stage.takes)
    if stage.gives is Package:
        return noun_codec.digest(thing, Asset)
    return noun_codec.digest({name: getattr(thing, name) for name in sorted(counted(stage))}, FIELDS)


def _file_digest(path: str | None) -> str | None:
    """Of a file's content; None for no file."""
    try:
        return None if path is None else hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return "unreadable"  # which the stage will say better


def _backend(params: Params) -> list[str | None] | None:
    if not isinstance(params, BackendParams):
        return None
    card = registry.find(params.role, params.backend)
    return [card.name, card.version, _plugin_code(card.implementation.split(":")[0])]


@lru_cache(maxsize=16)
def _plugin_code(module: str) -> str | None:
    """The digest of a plugin's package; None for Kiln's own backends, whose code counts anyway."""
    package = module.split(".", maxsplit=1)[0]
    spec = None if package == "kiln" else find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return code_digest(Path(spec.origin).parent if spec.submodule_search_locations else Path(spec.origin), pattern="*.py")


@lru_cache(maxsize=4)
def _kilns_code(rooms: tuple[str, ...]) -> str:
    """The digest of these rooms: worked out once in a process, in 20 ms."""
    return code_digest(*(_HOUSE / room for room in rooms), _HOUSE / "isolate.py")


@lru_cache(maxsize=16)
def _own_code(module: str) -> list[str]:
    """The digest of what a stage is made of that is written in none of the rooms; none for a stage in them."""
    if module.split(".")[:2] == ["kiln", "stages"]:
        return []
    written = sys.modules[module].__file__
    return [code_digest(_HOUSE / "pipeline", *([Path(written)] if written else []))]


def code_digest(*places: Path, pattern: str = "*") -> str:
    """SHA-256 of these files, and of every file in these folders that matches, but for what Python and numba compiled."""
    found = hashlib.sha256()
    for place in places:
        for file in sorted(place.rglob(pattern)) if place.is_dir() else [place]:
            if file.is_file() and file.parent.name != "__pycache__":
                found.update(f"{file.relative_to(place.parent).as_posix()}\n".encode())
                found.update(hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()


@lru_cache(maxsize=1)
def made_with() -> dict[str, str]:
    """Kiln's version, and those of everything below it: worked out once in a process, in 8 ms."""
    return {
        "kiln": VERSION,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        **{library: _version(library) for library in sorted(_libraries())},
    }


def _libraries() -> set[str]:
    """Every distribution that Kiln requires, or uses where it is installed; those for working on Kiln have no say."""
    asked = [line for line in requires("kiln3d") or () if not re.search(r"extra == .dev.", line)]
    return {re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in asked}


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "absent"
