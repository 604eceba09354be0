"""/v1/batches: many jobs by one manifest, and how they stand as a whole."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Response
from pydantic import AfterValidator, ConfigDict, Field

from kiln.errors import ConflictError
from kiln.faces.http.options import HttpOptions
from kiln.faces.http.paths import IdempotencyKey, problems, router
from kiln.faces.http.pointers import check_webhook
from kiln.faces.http.problem import or_not_found
from kiln.faces.http.shapes import BATCH_ID, FILE_ID, Asked, JobListed, Shape, checked_text
from kiln.faces.http.site import Here, Reader, Site, Submitter
from kiln.jobs.reception.desk import MAX_ITEMS
from kiln.jobs.records.batches import Batch
from kiln.jobs.records.job import PRIORITIES, Job, State
from kiln.jobs.records.lookups import jobs_of_batch

BatchId = Annotated[str, Path(description="the batch's id", max_length=80)]

_EXAMPLE: Final[dict[str, Any]] = {
    "items": [{"recipe": "prop", "inputs": {"picture_0": FILE_ID}, "parameters": {"job": {"name": "skewer"}}}]
}


class Manifest(Asked):
    """What is to be done, item by item; an item is what /v1/jobs takes, without its conditions. A bad one fails alone."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    items: Annotated[list[dict[str, Any]], AfterValidator(checked_text)] = Field(min_length=1, max_length=MAX_ITEMS)
    priority: int = Field(0, ge=PRIORITIES.start, le=PRIORITIES.stop - 1, description="of each; a lower one goes first")
    webhook_url: str | None = Field(None, max_length=2008, pattern=r"^https://", description="https, told of each job that has ended")


class BatchShown(Shape):
    """A batch and its jobs, in the order of its manifest."""

    id: str = Field(examples=[BATCH_ID])
    size: int
    ended: bool = Field(description="whether all its jobs have ended")
    counts: dict[State, int] = Field(description="how many of its jobs are in each state; states without any are left out")
    jobs: tuple[JobListed, ...]
    created_ms: int


def make_router(options: HttpOptions) -> APIRouter:
    """The addresses of batches."""
    paths = router("batches", body_bytes=options.json_bytes)
    located: dict[int | str, dict[str, Any]] = {
        202: {"headers": {"Location": {"description": "where the batch is", "schema": {"type": "string"}}}}
    }
    paths.post(
        "/batches",
        operation_id="submitBatch",
        summary="Submit many jobs at once",
        status_code=202,
        responses={**located, **problems(402, 409, 507)},
        max_body_size=options.manifest_bytes,
    )(_submit)
    paths.get("/batches/{batch_id}", operation_id="getBatch", summary="Show a batch", responses=problems(404))(_show)
    paths.post(
        "/batches/{batch_id}/cancel", operation_id="cancelBatch", summary="Cancel what has not ended of a batch", responses=problems(404)
    )(_cancel)
    return paths


def _submit(site: Here, caller: Submitter, manifest: Manifest, response: Response, idempotency_key: IdempotencyKey = None) -> BatchShown:
    from kiln.jobs.service import Terms

    check_webhook(site, manifest.webhook_url)
    terms = Terms(priority=manifest.priority, webhook_url=manifest.webhook_url, idempotency_key=idempotency_key)
    batch, jobs = site.service.submit_batch(manifest.items, tenant=caller.tenant, terms=terms)
    response.headers["Location"] = f"/v1/batches/{batch.id}"
    return _shown(batch, jobs)


def _show(site: Here, caller: Reader, batch_id: BatchId) -> BatchShown:
    return _found(site, batch_id, caller.tenant)


def _cancel(site: Here, caller: Submitter, batch_id: BatchId) -> BatchShown:
    with or_not_found():
        site.service.batches.get(batch_id, tenant=caller.tenant)
    for job in jobs_of_batch(site.service.database, batch_id, tenant=caller.tenant):
        if not job.state.terminal:
            _cancel_one(site, job)
    return _found(site, batch_id, caller.tenant)


def _cancel_one(site: Site, job: Job) -> None:
    """Cancel it, unless it ends in this very moment."""
    try:
        site.service.cancel(job.id, tenant=job.tenant)
    except ConflictError:
        return


def _found(site: Site, batch_id: str, tenant: str) -> BatchShown:
    with or_not_found():
        batch = site.service.batches.get(batch_id, tenant=tenant)
    return _shown(batch, jobs_of_batch(site.service.database, batch_id, tenant=tenant))


def _shown(batch: Batch, jobs: tuple[Job, ...]) -> BatchShown:
    same = {name: getattr(batch, name) for name in ("id", "size", "ended", "created_ms")}
    return BatchShown(**same, counts=dict(batch.counts), jobs=tuple(map(JobListed.of, jobs)))
