"""Packages on their way to and from a server: a folder goes as a zip, and what comes is written as one made here."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, Final

from kiln.asset import Line, Package, Report, Step, Verdict
from kiln.errors import InputError, ModelError
from kiln.faces.remote.connection import Connection
from kiln.faces.remote.download import RemoteFile, checked_path, fetch
from kiln.formats.names import safe_name

_REPORT: Final = "report.json"
_MANIFEST: Final = "manifest.json"
_ZIPS: Final = frozenset({"package", "engine"})
"""Roles of a package's zips among a job's files, as jobs.publish gives them."""


def fetch_package(connection: Connection, job: Mapping[str, Any], *, into: Path) -> Package:
    """Write what a job made as a package in a folder, whole or not at all; an earlier one of that name is replaced.

    StorageError when a file cannot be had as it was made, SetupError when the place cannot be written to.
    """
    from kiln.formats.package import new_package

    files = _files_of(job)
    inside, archives = _parted(files)
    if _MANIFEST not in inside or _REPORT not in inside:
        raise InputError(f"{job['id']} made no package: `kiln jobs show {job['id']}` says what it made")
    name = safe_name(str(_json(fetch(connection, inside[_MANIFEST])).get("name", "")))
    with new_package(into / name, archives=archives) as draft:
        for path, file in inside.items():
            draft.write(path, fetch(connection, file))
        report = report_of(_json((draft.folder / _REPORT).read_bytes()))
    return _package(into / name, tuple(sorted(inside)), archives, report)


def fetch_report(connection: Connection, job: Mapping[str, Any]) -> Report:
    """What a job measured."""
    files = _files_of(job)
    if _REPORT not in files:
        raise InputError(f"{job['id']} made no report: it is of another kind, or the server of another version than this command")
    return report_of(_json(fetch(connection, files[_REPORT])))


def report_of(data: Mapping[str, Any]) -> Report:
    """A report from what its report.json says. InputError when that is none."""
    try:
        steps = tuple(_step(entry) for entry in data["steps"])
        contract = None if data.get("contract") is None else _verdict(data["contract"])
        return Report(
            name=str(data["name"]), measures=dict(data["measures"]), steps=steps, warnings=tuple(data["warnings"]), contract=contract
        )
    except (KeyError, TypeError, AttributeError):
        raise InputError("the server's report cannot be read: it is of another version than this command") from None


@contextmanager
def zipped(path: Path) -> Iterator[Path]:
    """A file as it lies there; a package's folder as a zip, gone when the block ends. ModelError for a folder that is no package."""
    if not path.is_dir():
        yield path
        return
    if not (path / _MANIFEST).is_file():
        raise ModelError(f"{path} is a folder without {_MANIFEST}: name a package that `kiln make` wrote, or a model")
    with tempfile.TemporaryDirectory(prefix="kiln-") as folder:
        archive = Path(folder) / f"{path.resolve().name}.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
            for file in sorted(path.rglob("*")):
                if file.is_file() and not file.is_symlink():
                    packed.write(file, PurePosixPath(path.resolve().name, *file.relative_to(path).parts))
        yield archive


def _files_of(job: Mapping[str, Any]) -> dict[str, RemoteFile]:
    """A job's files by name. InputError for a name that would lead out of a package's folder."""
    return {checked_path(name): _file(name, entry) for name, entry in job["results"].items()}


def _parted(files: Mapping[str, RemoteFile]) -> tuple[dict[str, RemoteFile], tuple[str, ...]]:
    """A package's files, and which parts of it are zips as well: those are packed here, of the same files into the same bytes."""
    inside = {name: file for name, file in files.items() if file.role not in _ZIPS}
    zips = [PurePosixPath(name).stem for name, file in files.items() if file.role in _ZIPS]
    whole = min(zips, key=len, default="")
    return inside, tuple(name.removeprefix(whole).removeprefix("_") for name in sorted(zips, key=len))


def _package(target: Path, files: tuple[str, ...], archives: tuple[str, ...], report: Report) -> Package:
    from kiln.formats.package import archive_of

    zips = {part: archive_of(target, part) for part in archives}
    whole = zips.pop("", None)
    return Package(name=target.name, folder=target, archive=whole, engine_archives=zips, files=files, report=report)


def _file(name: str, entry: Mapping[str, Any]) -> RemoteFile:
    return RemoteFile(id=str(entry["id"]), name=name, role=str(entry["role"]), sha256=str(entry["sha256"]), size=int(entry["size"]))


def _json(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InputError("what the server made cannot be read: it is of another version than this command")
    return found


def _step(entry: Mapping[str, Any]) -> Step:
    return Step(stage=entry["stage"], params=entry["params"], notes=tuple(entry["notes"]), measures=entry["measures"])


def _verdict(data: Mapping[str, Any]) -> Verdict:
    lines = tuple(Line(**{name: line[name] for name in ("key", "limit", "value", "passed")}) for line in data["lines"])
    return Verdict(contract=data["contract"], lines=lines, attempts=tuple(data["attempts"]))
