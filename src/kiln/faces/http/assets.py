"""/v1/assets: a tenant's shelf of finished assets."""

from __future__ import annotations

from typing import Annotated, Any, Final, Self

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, Field

from kiln.faces.http.options import HttpOptions
from kiln.faces.http.paths import problems, router
from kiln.faces.http.problem import or_not_found
from kiln.faces.http.shapes import Shape
from kiln.faces.http.site import Here, Reader
from kiln.storage.record import AssetRecord

_MOST: Final = 200


class AssetListed(Shape):
    """A finished asset in a list."""

    id: str
    name: str
    created: AwareDatetime
    prompt: str
    recipe: str
    tags: tuple[str, ...]
    size: int = Field(description="bytes of all files")

    @classmethod
    def of(cls, record: AssetRecord) -> Self:
        """The asset as lists show it."""
        return cls(**_facts(record))


class AssetFileShown(Shape):
    """One file of an asset's package."""

    sha256: str
    size: int
    url: str = Field(description="signed: whoever holds it may get the file, for a while")


class AssetShown(AssetListed):
    """A finished asset."""

    files: dict[str, AssetFileShown] = Field(description="by the path inside the package")


class AssetPage(Shape):
    """Some assets, newest first."""

    assets: tuple[AssetListed, ...]
    cursor: str | None
    damaged: tuple[str, ...] = Field(description="ids of assets whose record cannot be read")


def make_router(options: HttpOptions) -> APIRouter:
    """The addresses of assets."""
    paths = router("assets", body_bytes=options.json_bytes)
    paths.get("/assets", operation_id="listAssets", summary="List or search finished assets, newest first")(_search)
    paths.get("/assets/{asset_id}", operation_id="getAsset", summary="Show an asset", responses=problems(404))(_show)
    return paths


def _search(
    site: Here,
    caller: Reader,
    q: Annotated[str, Query(max_length=200, description="words that must be in its name, prompt or tags")] = "",
    cursor: Annotated[str | None, Query(max_length=80)] = None,
    limit: Annotated[int, Query(ge=1, le=_MOST)] = 50,
) -> AssetPage:
    found = site.service.shelf.search(q, tenant=caller.tenant, cursor=cursor, limit=limit)
    return AssetPage(assets=tuple(map(AssetListed.of, found.assets)), cursor=found.cursor, damaged=found.damaged)


def _show(site: Here, caller: Reader, asset_id: Annotated[str, Path(max_length=80)]) -> AssetShown:
    with or_not_found():
        record = site.service.shelf.get(asset_id, tenant=caller.tenant)
    urls = site.service.shelf.urls(record, ttl_s=site.options.link_s)
    files = {file.name: AssetFileShown(sha256=file.sha256, size=file.size, url=urls[file.name]) for file in record.files}
    return AssetShown(**_facts(record), files=files)


def _facts(record: AssetRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in ("id", "name", "created", "prompt", "recipe", "tags", "size")}
