"""The codec of lanes that work on a store: contents become nouns when a stage begins, and nouns contents when it has ended.

Only the fields that a call names are read, and only those that the stage changed are written, each under its SHA-256. What was read or
written last is remembered, so that the next stage in this lane finds the very same objects, and all that was worked out for them.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, get_args, get_origin

import numpy as np

from kiln.asset import Asset, Mesh, Package, Picture, Report
from kiln.errors import PostconditionError
from kiln.formats import noun_codec
from kiln.jobs.executors.codec import Made
from kiln.jobs.executors.interface import Given, Reference, Remade, StageCall
from kiln.jobs.executors.lane_setup import load
from kiln.jobs.stored.kept_values import KeptValues
from kiln.jobs.stored.names import ARCHIVE, CHANGED, CLEARED, FILE, FILES, NAME, NAMES, PICTURE, REPORT, VALUE
from kiln.jobs.stored.nouns import Files
from kiln.jobs.stored.record import is_there
from kiln.pipeline.call_digest import FIELDS
from kiln.stages.stage import Context, Stage
from kiln.storage.blobs import blob_key
from kiln.storage.connect import open_store
from kiln.storage.digest import check_digest, sha256_of
from kiln.storage.stored import OCTETS, Stored

_UNDECLARED: Final = ("name", "history")
"""Fields of an asset that no stage may change."""

_NO_SOURCE: Final = Mesh(positions=np.zeros((0, 3), np.float32), triangles=np.zeros((0, 3), np.uint32))
"""In the place of a source that a stage does not look at: an asset cannot be without."""

_MEDIA_TYPES: Final[Mapping[str, str]] = {
    ".fbx": "application/octet-stream",
    ".glb": "model/gltf-binary",
    ".gltf": "model/gltf+json",
    ".html": "text/html",
    ".json": "application/json",
    ".ktx2": "image/ktx2",
    ".mtl": "model/mtl",
    ".obj": "model/obj",
    ".png": "image/png",
    ".stl": "model/stl",
    ".usdz": "model/vnd.usdz+zip",
    ".webp": "image/webp",
    ".zip": "application/zip",
}
"""Of a package's files, by their names' ends."""


class StoreCodec:
    """A StageCodec on the store at a URL, for stages that `stages` (`package.module:name`) finds.

    `memory_bytes` is how much of what was read and written last is remembered.
    """

    def __init__(self, *, url: str, stages: str = "kiln.jobs.stored.lane_stages:find", memory_bytes: int = 512 << 20) -> None:
        self._store = open_store(url)
        self._find: Callable[[str], Stage] = load(stages)
        self._kept = KeptValues(most_bytes=memory_bytes)
        self._again: tuple[str, Asset] | None = None
        """What a quick stage made last: place, which the export asks for next."""

    @contextmanager
    def reading(self, call: StageCall, stage: Stage) -> Iterator[Any]:
        """What the call names as the stage takes it: a noun, pictures, or files."""
        if stage.takes != Files:
            yield self._thing(call, stage)
            return
        with tempfile.TemporaryDirectory(prefix="given-") as folder:
            yield {role: self._file(Path(folder) / role, call.values[NAMES][role], reference) for role, reference in call.inputs.items()}

    @contextmanager
    def laying_out(self, call: StageCall) -> Iterator[dict[str, str]]:
        """Each alone in a folder, under its own name."""
        with tempfile.TemporaryDirectory(prefix="files-") as folder:
            yield {name: str(self._file(Path(folder) / name, file.name, file)) for name, file in call.files.items()}

    def write(self, made: Any, *, given: Any, call: StageCall, stage: Stage) -> Made:  # noqa: ARG002 - contents say where they go
        """Store what is new in what was made."""
        if isinstance(made, Asset):
            return self._asset_written(made, given, stage)
        if isinstance(made, Package):
            return self._package_written(made)
        if isinstance(made, Picture):
            about = {"name": made.name, "view": made.view, "has_matte": made.has_matte}
            return Made(outputs={PICTURE: self._kept_noun(made, Picture)}, values=about)
        return Made(outputs={VALUE: self._kept_noun(made, stage.gives)})

    def _thing(self, given: Given, stage: Stage) -> Any:
        if stage.takes is Asset:
            return self._asset(given)
        if stage.takes is Picture:
            return self._noun(given.inputs[PICTURE], Picture)
        if get_origin(stage.takes) is tuple and get_args(stage.takes)[0] is Picture:
            return tuple(self._noun(given.inputs[str(number)], Picture) for number in range(len(given.inputs)))
        raise PostconditionError(f"{stage.name} takes {stage.takes}, which no store holds: a bug in that stage")

    def _asset(self, given: Given) -> Asset:
        """The asset of which these fields are known; a stage looks at no others."""
        fields = {name: self._noun(reference, FIELDS[name]) for name, reference in given.inputs.items()}
        for made_by in given.remade:
            again = self._made_again(made_by)
            fields |= {name: getattr(again, name) for name in made_by.fields}
        return Asset(**{"source": _NO_SOURCE, "name": given.values[NAME], **fields})

    def _made_again(self, made_by: Remade) -> Asset:
        """What a quick stage makes, which is in no store."""
        known_by = made_by.model_dump_json(exclude={"fields"})
        if self._again is None or self._again[0] != known_by:
            stage = self._find(made_by.stage)
            made = stage.function(self._thing(made_by, stage), stage.params.model_validate(dict(made_by.params)), Context())
            self._again = known_by, made
        return self._again[1]

    def _noun(self, reference: Reference, kind: Any) -> Any:
        known_by = _known_by(reference.sha256, kind)
        found = self._kept.get(known_by)
        if found is None:
            data = self._store.get(reference.key, sha256=reference.sha256)
            found = noun_codec.decode(data, kind)
            self._kept.put(known_by, found, size=len(data))
        return found

    def _file(self, folder: Path, name: str, reference: Reference) -> Path:
        folder.mkdir()
        _check(reference, self._store.save(reference.key, folder / name))
        return folder / name

    def _asset_written(self, made: Asset, given: Any, stage: Stage) -> Made:
        """The fields that are not what they were; of a quick stage only their names, but not if it needs files to be run again."""
        before = given if isinstance(given, Asset) else Asset(name=made.name, source=_NO_SOURCE)
        changed = [name for name in FIELDS if getattr(made, name) is not getattr(before, name)]
        if isinstance(given, Asset) and (wrong := [name for name in changed if name in _UNDECLARED]):
            raise PostconditionError(f"{stage.name} changed {wrong[0]!r} without declaring it: a bug in that stage")
        about = {NAME: made.name}
        if not stage.cached and not stage.files and isinstance(given, Asset):
            return Made(outputs={}, values={**about, CHANGED: changed})
        cleared = [name for name in changed if getattr(made, name) in (None, ())]
        kept = [name for name in changed if name not in (*cleared, *_UNDECLARED)]
        return Made(outputs={name: self._kept_noun(getattr(made, name), FIELDS[name]) for name in kept}, values={**about, CLEARED: cleared})

    def _package_written(self, package: Package) -> Made:
        """The package's files and zips, which are then removed, and what was measured on them."""
        archives = {**({"": package.archive} if package.archive else {}), **package.engine_archives}
        places = {f"{FILE}{name}": package.folder / name for name in package.files}
        places |= {f"{ARCHIVE}{part}": path for part, path in archives.items()}
        about = {name: [path.stat().st_size, _media_type(path)] for name, path in places.items()}
        outputs = self._store.each(list(places), lambda name: self._put_file(places[name]))
        outputs[REPORT] = self._kept_noun(package.report, Report)
        shutil.rmtree(package.folder)
        for path in archives.values():
            path.unlink()
        return Made(outputs=outputs, values={NAME: package.name, FILES: about})

    def _kept_noun(self, value: Any, kind: Any) -> Reference:
        """Store a noun, and remember it."""
        parts = noun_codec.encode(value, kind).parts
        digest = hashlib.sha256()
        for part in parts:
            digest.update(part)
        sha256 = digest.hexdigest()
        self._kept.put(_known_by(sha256, kind), value, size=sum(map(len, parts)))
        return self._put(sha256, lambda key: self._store.put(key, io.BytesIO(b"".join(parts)), sha256=sha256))

    def _put_file(self, path: Path) -> Reference:
        with path.open("rb") as file:
            sha256 = sha256_of(file)
        return self._put(sha256, lambda key: self._store.put(key, path, media_type=_media_type(path), sha256=sha256))

    def _put(self, sha256: str, put: Callable[[str], Any]) -> Reference:
        """Have a content put, unless it is there."""
        key = blob_key(sha256)
        if not is_there(self._store, key, in_place=True):
            put(key)
        return Reference(key=key, sha256=sha256)


def _check(reference: Reference, stored: Stored) -> None:
    """StorageError when another content than the one that is meant lies under the key; that it is whole, the store sees to."""
    check_digest(reference.key, found=stored.sha256, expected=reference.sha256)


def _known_by(sha256: str, kind: Any) -> str:
    """Equal bytes may be read as different kinds of values."""
    return f"{sha256} {kind}"


def _media_type(path: Path) -> str:
    return _MEDIA_TYPES.get(path.suffix.lower(), OCTETS)
