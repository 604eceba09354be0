"""How a lane gets at what a stage works on: a codec reads inputs from a store and writes outputs to it.

A lane is told by name which codec to make, so that the store's credentials and its code stay out of the calls.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from kiln.errors import InputError, PostconditionError
from kiln.jobs.executors.interface import Reference


class StageCodec(Protocol):
    """Turns references into what a stage takes, and what it gives into references. It lives as long as its lane."""

    def read(self, inputs: Mapping[str, Reference], *, takes: Any) -> Any:
        """The thing of type `takes` that these bytes say. InputError when bytes are missing or not what their SHA-256 says."""

    def write(self, thing: Any, *, prefix: str, gives: Any) -> Mapping[str, Reference]:
        """Store a thing of type `gives` under keys that start with `prefix`. Writing the same thing twice is harmless."""


class JsonCodec:
    """Things that JSON can say, one file for each name, in a folder: a mapping of names to values goes in and comes out."""

    def __init__(self, *, folder: str) -> None:
        self._folder = Path(folder)

    def read(self, inputs: Mapping[str, Reference], *, takes: Any) -> dict[str, Any]:  # noqa: ARG002 - JSON needs no type
        """Every input's value by its name."""
        return {name: self._value(reference) for name, reference in inputs.items()}

    def write(self, thing: Any, *, prefix: str, gives: Any) -> dict[str, Reference]:  # noqa: ARG002 - JSON needs no type
        """One file `<prefix>/<name>.json` for each value."""
        if not isinstance(thing, Mapping):
            raise PostconditionError(f"the stage gave a {type(thing).__name__}: this codec stores mappings of names to JSON values")
        return {name: self._store(f"{prefix}/{name}.json", value) for name, value in thing.items()}

    def _value(self, reference: Reference) -> Any:
        try:
            content = self._path(reference.key).read_bytes()
        except OSError as error:
            raise InputError(f"the input {reference.key} is missing: {error.strerror}; submit the job again") from error
        if hashlib.sha256(content).hexdigest() != reference.sha256:
            raise InputError(f"the input {reference.key} has changed since it was stored: submit the job again")
        return json.loads(content)

    def _store(self, key: str, value: Any) -> Reference:
        content = json.dumps(value, sort_keys=True, allow_nan=False).encode()
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, half = tempfile.mkstemp(dir=path.parent, prefix=".half-")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(half).replace(path)
        return Reference(key=key, sha256=hashlib.sha256(content).hexdigest())

    def _path(self, key: str) -> Path:
        parts = PurePosixPath(key).parts
        if not parts or key.startswith("/") or "\\" in key or "\0" in key or ".." in parts:
            raise InputError(f"{key!r} is no key: it must name a file below the store's folder")
        return self._folder.joinpath(*parts)
