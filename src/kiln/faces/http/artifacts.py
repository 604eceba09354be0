"""/v1/artifacts: the content of a tenant's files; /v1/files: where this service's own signed URLs lead."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request, Response

from kiln.errors import StorageError
from kiln.faces.http import problem
from kiln.faces.http.content import redirect, respond
from kiln.faces.http.options import HttpOptions
from kiln.faces.http.paths import FileId, problems, router
from kiln.faces.http.site import Here, Reader
from kiln.jobs.records.files import KeptFile
from kiln.storage import Stored
from kiln.storage.keys import MAX_KEY_BYTES, is_key

_BYTES: Final[dict[str, Any]] = {"content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}
_CONTENT: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The content", **_BYTES},
    206: {"description": "The bytes that the header Range asks for", **_BYTES},
    304: {"description": "The client has it: its ETag is in If-None-Match"},
    307: {"description": "The object store hands it out, at Location"},
    **problems(404, 416),
}


def make_router(options: HttpOptions) -> APIRouter:
    """The addresses of contents."""
    paths = router("artifacts", body_bytes=options.json_bytes)
    _add(paths, "/artifacts/{file_id}", _artifact, name="Artifact", summary="an artifact's or upload's content")
    return paths


def make_signed_router(options: HttpOptions) -> APIRouter:
    """The addresses that need no key: their URLs are signed."""
    told = problems(400, 403, 404, 408, 413, 422, 500, 503)
    paths = APIRouter(prefix="/v1", tags=["artifacts"], responses=told, max_body_size=options.json_bytes)
    _add(paths, "/files/{key:path}", _signed, name="SignedFile", summary="a content by a signed URL")
    return paths


def _add(paths: APIRouter, path: str, handler: Any, *, name: str, summary: str) -> None:
    """The same for GET and HEAD."""
    shared: dict[str, Any] = {"response_class": Response, "responses": _CONTENT}
    paths.get(path, operation_id=f"get{name}", summary=f"Get {summary}", **shared)(handler)
    paths.head(path, operation_id=f"head{name}", summary=f"See the headers of {summary}", **shared)(handler)


async def _artifact(site: Here, caller: Reader, file_id: FileId, request: Request) -> Response:
    with problem.or_not_found():
        file = await site.content.run(site.service.files.get, file_id, tenant=caller.tenant)
    if site.service.store.signer is None and request.method != "HEAD":  # a presigned URL is for GET alone
        return await site.content.run(redirect, site, file.key)
    return await respond(site, request, _stored(file), name=file.name)


async def _signed(
    site: Here,
    key: Annotated[str, Path(max_length=MAX_KEY_BYTES)],
    request: Request,
    expires: Annotated[str, Query(max_length=20, description="seconds since 1970")],
    signature: Annotated[str, Query(max_length=100)],
) -> Response:
    try:
        if site.service.store.signer is None or not is_key(key):
            raise problem.Refusal(problem.FORBIDDEN, "this URL was not signed here")
        site.service.store.signer.check(key, expires=expires, signature=signature)
    except StorageError as error:
        raise problem.Refusal(problem.FORBIDDEN, str(error)) from None
    stored = await site.content.run(site.service.store.head, key)
    return await respond(site, request, stored, name=key.rpartition("/")[2])


def _stored(file: KeptFile) -> Stored:
    """What the store has of a file, as the file's record knows it."""
    return Stored(key=file.key, sha256=file.sha256, size=file.size, media_type=file.media_type)
