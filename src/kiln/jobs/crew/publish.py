"""Publishing: what a job made becomes files of its tenant and an asset on the shelf. No byte is moved; doing it twice changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Final

from kiln.errors import AlreadyStored, InputError
from kiln.jobs.reception.job_options import RecipeOptions
from kiln.jobs.reception.wanted import Wanted
from kiln.jobs.records.files import FileBook, NewFile
from kiln.jobs.records.job import Job
from kiln.jobs.stored.nouns import StoredFile, StoredPackage
from kiln.storage.record import AssetFile, new_id
from kiln.storage.shelf import Shelf

PACKAGE: Final = "package"
"""The role of the zip with the whole package."""

ENGINE: Final = "engine"
"""Of a zip with one engine's folder."""

_ROLES: Final[Mapping[str, str]] = {"report.json": "report", "report.html": "report", "manifest.json": "manifest"}
_PREVIEWS: Final = "previews"


def keep_files(book: FileBook, job: Job, package: StoredPackage) -> dict[str, str]:
    """The package's files and zips as the tenant's; their ids by name, which are the job's results."""
    files = [_new_file(file, _role(path, package.name)) for path, file in package.files.items()]
    files += [_new_file(file, ENGINE if part else PACKAGE) for part, file in package.archives.items()]
    return {kept.name: kept.id for kept in book.add_of_job(files, tenant=job.tenant, job_id=job.id)}


def put_on_shelf(shelf: Shelf, job: Job, package: StoredPackage, *, wanted: Wanted, pictures: tuple[str, ...]) -> None:
    """Let the package be found later, by its prompt, name and tags: one asset a job. `pictures` are keys of what it was made from."""
    said = wanted.options if isinstance(wanted.options, RecipeOptions) else None
    files = [AssetFile(name=file.name, key=file.content.key, sha256=file.content.sha256, size=file.size) for file in package.files.values()]
    try:
        shelf.add_stored(
            files,
            name=package.name,
            created=_created(job),
            token=_token(job),
            tenant=job.tenant,
            pictures=pictures,
            recipe=wanted.recipe.name if wanted.recipe is not None else "",
            prompt=(said.prompt or "") if said else "",
            tags=said.tags if said else (),
        )
    except AlreadyStored:  # an attempt before an upgrade of Kiln was here, and made a package that differs in its bytes
        return


def take_off_shelf(shelf: Shelf, job: Job) -> None:
    """Let nobody find what a job has put there that was cancelled in its last moment."""
    with suppress(InputError):  # it had not come so far
        shelf.remove(new_id(_created(job), token=_token(job)), tenant=job.tenant)


def _created(job: Job) -> datetime:
    return datetime.fromtimestamp(job.created_ms / 1000, UTC)


def _token(job: Job) -> str:
    """What makes an attempt's asset the same as an earlier one's."""
    return job.id.partition("_")[2]


def _new_file(file: StoredFile, role: str) -> NewFile:
    content = file.content
    return NewFile(name=file.name, role=role, key=content.key, sha256=content.sha256, size=file.size, media_type=file.media_type)


def _role(path: str, package: str) -> str:
    """What a package's file is."""
    if path == f"{package}.glb":
        return "model"
    return _ROLES.get(path) or ("preview" if PurePosixPath(path).parts[0] == _PREVIEWS else "file")
