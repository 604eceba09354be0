"""/v1/uploads: files from outside, taken in only after a confined child has read them to their end."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field
from starlette.datastructures import UploadFile

from kiln.errors import StorageError, is_disk_full
from kiln.faces.http import problem
from kiln.faces.http.limits import NoPlace
from kiln.faces.http.options import HttpOptions
from kiln.faces.http.paths import FileId, problems, router
from kiln.faces.http.shapes import Asked, FileShown
from kiln.faces.http.site import Here, Reader, Site, Submitter
from kiln.intake.fetch import fetch
from kiln.jobs.records.files import KeptFile

_PAUSE_S: Final = 5.0
_MOST_FIELDS: Final = 8
_FIELD_BYTES: Final = 4096
_COPY_BYTES: Final = 1 << 20

_FORM: Final[Mapping[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file": {"type": "string", "contentMediaType": "application/octet-stream", "description": "its content"}
                    },
                    "required": ["file"],
                }
            }
        },
    }
}
"""The request is described here, since the handler reads the form itself: only after it knows that the caller may upload."""


class UrlAsked(Asked):
    """A file to be fetched."""

    url: str = Field(max_length=2000, description="http or https, on the public internet", examples=["https://example.com/skewer.png"])
    name: str | None = Field(None, max_length=400, description="what it is called; else as the URL ends")


def make_router(options: HttpOptions) -> APIRouter:
    """The addresses of uploads."""
    paths = router("uploads", body_bytes=options.json_bytes)
    refused = problems(409, 415, 507)
    paths.post(
        "/uploads",
        operation_id="upload",
        summary="Upload a picture, a model or a package",
        status_code=201,
        responses=refused,
        openapi_extra=dict(_FORM),
        max_body_size=options.upload_bytes,
    )(_upload)
    paths.post(
        "/uploads/from_url", operation_id="uploadFromUrl", summary="Have a picture fetched from a URL", status_code=201, responses=refused
    )(_fetch)
    paths.get("/uploads/{file_id}", operation_id="getUpload", summary="Show an upload", responses=problems(404))(_show)
    paths.delete(
        "/uploads/{file_id}",
        operation_id="deleteUpload",
        summary="Forget an upload",
        status_code=204,
        response_class=Response,
        responses=problems(404, 409),
    )(_forget)
    return paths


async def _slot(site: Here, caller: Submitter) -> AsyncIterator[None]:
    """A place for an upload, from before its body is read until it is answered."""
    try:
        with site.uploads.one(), site.uploads_of_tenant.one(caller.tenant):
            yield
    except NoPlace:
        raise problem.come_back(problem.BUSY, "too many files are being uploaded: try again in a moment", after_s=_PAUSE_S) from None


Slot = Annotated[None, Depends(_slot)]


async def _upload(site: Here, caller: Submitter, _slot: Slot, request: Request, response: Response) -> FileShown:
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise problem.Refusal(problem.WRONG_TYPE, "send the file as multipart/form-data, in the field `file`")
    await site.content.run(site.service.store.check_room)
    async with request.form(max_files=1, max_fields=_MOST_FIELDS, max_part_size=_FIELD_BYTES) as form:
        given = form.get("file")
        if not isinstance(given, UploadFile):
            fault = problem.Fault(pointer="/file", detail="the field is missing, or holds no file")
            raise problem.Refusal(problem.INVALID, "send the file in the field `file`", faults=(fault,))
        kept = await site.intake.run(_take, site, given.file, tenant=caller.tenant, name=given.filename or "")
    return _answer(kept, response)


async def _fetch(site: Here, caller: Submitter, _slot: Slot, asked: UrlAsked, response: Response) -> FileShown:
    with _folder() as folder:
        path = await site.fetching.run(fetch, asked.url, folder / "upload", network=site.network)
        name = asked.name or urlsplit(asked.url).path
        kept = await site.intake.run(site.service.take_upload, path, tenant=caller.tenant, name=name)
    return _answer(kept, response)


def _show(site: Here, caller: Reader, file_id: FileId) -> FileShown:
    return FileShown.of(_upload_of(site, file_id, caller.tenant))


def _forget(site: Here, caller: Submitter, file_id: FileId) -> Response:
    _upload_of(site, file_id, caller.tenant)
    with problem.or_not_found():
        site.service.files.remove(file_id, tenant=caller.tenant)
    return Response(status_code=204)


def _take(site: Site, file: BinaryIO, *, tenant: str, name: str) -> KeptFile:
    """Copy what came to a file with a name, which the child that reads it needs, and take that in."""
    with _folder() as folder:
        path = folder / "upload"
        with path.open("xb") as target:
            shutil.copyfileobj(file, target, _COPY_BYTES)
        return site.service.take_upload(path, tenant=tenant, name=name)


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder for a moment. StorageError when its disk is full."""
    try:
        with tempfile.TemporaryDirectory(prefix="kiln-") as folder:
            yield Path(folder)
    except OSError as error:
        if not is_disk_full(error):
            raise
        raise StorageError("there is no room for the upload: free some space on the service's disk", kind="full") from None


def _upload_of(site: Site, file_id: str, tenant: str) -> KeptFile:
    """A tenant's upload. Refusal (404) for what a job made, too."""
    with problem.or_not_found():
        file = site.service.files.get(file_id, tenant=tenant)
    if file.job_id is not None:
        raise problem.Refusal(problem.NOT_FOUND, f"{file_id} is no upload but was made by a job: see /v1/artifacts/{file_id}")
    return file


def _answer(file: KeptFile, response: Response) -> FileShown:
    response.headers["Location"] = f"/v1/uploads/{file.id}"
    return FileShown.of(file)
