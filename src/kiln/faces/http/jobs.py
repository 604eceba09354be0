"""/v1/jobs: submit, quote, list, show, cancel, try again."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response

from kiln.faces.http.options import HttpOptions
from kiln.faces.http.paths import IdempotencyKey, JobId, problems, router
from kiln.faces.http.pointers import check_webhook, pointed_at
from kiln.faces.http.problem import or_not_found
from kiln.faces.http.shapes import Accepted, Charged, JobAsked, JobListed, JobOrdered, JobPage, JobShown, Quote
from kiln.faces.http.site import Here, Reader, Site, Submitter
from kiln.jobs.records.job import Job, State
from kiln.jobs.records.job_store import MAX_PAGE
from kiln.jobs.records.lookups import queue_position
from kiln.jobs.records.orders import Receipt
from kiln.jobs.telemetry.tracing import note_job

_ACCEPTED: Final[dict[int | str, dict[str, Any]]] = {
    202: {
        "description": "The job waits for its turn",
        "headers": {"Location": {"description": "where the job is", "schema": {"type": "string"}}},
    }
}


def make_router(options: HttpOptions) -> APIRouter:
    """The addresses of jobs."""
    paths = router("jobs", body_bytes=options.json_bytes)
    accepted: dict[str, Any] = {"status_code": 202, "responses": {**_ACCEPTED, **problems(402, 404, 409, 507)}}
    paths.post("/jobs", operation_id="submitJob", summary="Submit a job", **accepted)(_submit)
    paths.post("/jobs/quote", operation_id="quoteJob", summary="See what a job would cost")(_quote)
    paths.get("/jobs", operation_id="listJobs", summary="List jobs, newest first")(_list)
    paths.get("/jobs/{job_id}", operation_id="getJob", summary="Show a job", responses=problems(404))(_show)
    paths.post("/jobs/{job_id}/cancel", operation_id="cancelJob", summary="Cancel a job", responses=problems(404, 409))(_cancel)
    paths.post("/jobs/{job_id}/retry", operation_id="retryJob", summary="Try a failed or cancelled job again", **accepted)(_retry)
    return paths


def shown(site: Site, job: Job) -> JobShown:
    """A job with its place in the queue and what it made."""
    files = site.service.files.of_job(job.id) if job.results else ()
    return JobShown.whole(job, position=queue_position(site.service.database, job), files=files)


def _submit(site: Here, caller: Submitter, ordered: JobOrdered, response: Response, idempotency_key: IdempotencyKey = None) -> Accepted:
    from kiln.jobs.service import Terms

    check_webhook(site, ordered.webhook_url)
    terms = Terms(
        priority=ordered.priority,
        idempotency_key=idempotency_key,
        webhook_url=ordered.webhook_url,
        batch_id=ordered.batch_id,
    )
    with pointed_at(ordered):
        receipt = site.service.submit(ordered.request(), tenant=caller.tenant, terms=terms)
    note_job(receipt.job.id)
    return _accepted(site, receipt, response)


def _quote(site: Here, caller: Submitter, asked: JobAsked) -> Quote:
    with pointed_at(asked):
        charges = site.service.quote(asked.request(), tenant=caller.tenant)
    return Quote(charges=tuple(map(Charged.of, charges)), microdollars=sum(charge.microdollars for charge in charges))


def _list(
    site: Here,
    caller: Reader,
    cursor: Annotated[str | None, Query(pattern=r"^job_[0-9a-f]{24}$", description="where the page begins: the last page's cursor")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    state: Annotated[State | None, Query(description="only jobs in this state")] = None,
) -> JobPage:
    page = site.service.jobs.page(caller.tenant, cursor=cursor, limit=limit, state=state)
    return JobPage(jobs=tuple(map(JobListed.of, page.jobs)), cursor=page.cursor)


def _show(site: Here, caller: Reader, job_id: JobId) -> JobShown:
    with or_not_found():
        return shown(site, site.service.jobs.get(job_id, tenant=caller.tenant))


def _cancel(site: Here, caller: Submitter, job_id: JobId) -> JobShown:
    with or_not_found():
        return shown(site, site.service.cancel(job_id, tenant=caller.tenant))


def _retry(site: Here, caller: Submitter, job_id: JobId, response: Response, idempotency_key: IdempotencyKey = None) -> Accepted:
    with or_not_found():
        site.service.jobs.get(job_id, tenant=caller.tenant)
    receipt = site.service.retry(job_id, tenant=caller.tenant, idempotency_key=idempotency_key)
    return _accepted(site, receipt, response)


def _accepted(site: Site, receipt: Receipt, response: Response) -> Accepted:
    response.headers["Location"] = f"/v1/jobs/{receipt.job.id}"
    return Accepted(job=shown(site, receipt.job), created=receipt.created, warnings=receipt.warnings)
