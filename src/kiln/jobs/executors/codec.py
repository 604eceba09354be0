"""How a lane gets at what a stage works on: a codec reads inputs from a store and writes outputs to it.

A lane is told by name which codec to make, so that the store's credentials and its code stay out of the calls.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from kiln.errors import InputError, PostconditionError
from kiln.jobs.executors.interface import Reference, StageCall
from kiln.stages.stage import Stage


@dataclass(frozen=True, kw_only=True)
class Made:
    """What became of a stage's result."""

    outputs: Mapping[str, Reference]
    values: Mapping[str, Any] = field(default_factory=dict)
    """What is too small to be stored, as plain JSON."""


class StageCodec(Protocol):
    """Turns a call's references into what a stage takes, and what it gives into references. It lives as long as its lane."""

    def reading(self, call: StageCall, stage: Stage) -> AbstractContextManager[Any]:
        """The thing that the stage takes, for as long as the block lasts; then what it needed on the disk is removed.

        InputError when bytes are missing or not what their SHA-256 says.
        """

    def laying_out(self, call: StageCall) -> AbstractContextManager[Mapping[str, str]]:
        """Paths, by parameter, at which the files lie that the call's parameters name, for as long as the block lasts.

        Raises as `reading`.
        """

    def write(self, made: Any, *, given: Any, call: StageCall, stage: Stage) -> Made:
        """Store what the stage made of what it was given. Writing the same thing twice is harmless."""


class JsonCodec:
    """Things that JSON can say, one file for each name, in a folder: a mapping of names to values goes in and comes out."""

    def __init__(self, *, folder: str) -> None:
        self._folder = Path(folder)

    @contextmanager
    def reading(self, call: StageCall, stage: Stage) -> Iterator[dict[str, Any]]:  # noqa: ARG002 - JSON needs no type
        """Every input's value by its name."""
        yield {name: json.loads(self._content(reference)) for name, reference in call.inputs.items()}

    @contextmanager
    def laying_out(self, call: StageCall) -> Iterator[dict[str, str]]:
        """They lie where they always do."""
        for file in call.files.values():
            self._content(file)
        yield {name: str(self._path(file.key)) for name, file in call.files.items()}

    def write(self, made: Any, *, given: Any, call: StageCall, stage: Stage) -> Made:  # noqa: ARG002 - JSON needs no type
        """One file `<prefix>/<name>.json` for each value."""
        if not isinstance(made, Mapping):
            raise PostconditionError(f"the stage gave a {type(made).__name__}: this codec stores mappings of names to JSON values")
        return Made(outputs={name: self._store(f"{call.output_prefix}/{name}.json", value) for name, value in made.items()})

    def _content(self, reference: Reference) -> bytes:
        try:
            content = self._path(reference.key).read_bytes()
        except OSError as error:
            raise InputError(f"the input {reference.key} is missing: {error.strerror}; submit the job again") from error
        if hashlib.sha256(content).hexdigest() != reference.sha256:
            raise InputError(f"the input {reference.key} has changed since it was stored: submit the job again")
        return content

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
