"""Shapes: the JSON of files, jobs and events, as the OpenAPI document shows it. Times are milliseconds since 1970 in UTC."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from kiln.jobs.money.prices import Charge
from kiln.jobs.records.events import Event, EventKind
from kiln.jobs.records.failure_reason import FailureReason
from kiln.jobs.records.files import KeptFile
from kiln.jobs.records.ids import is_id
from kiln.jobs.records.job import PRIORITIES, Job, Kind, Request, State

FILE_ID: Final = "file_3f2a91c04b7d5e6f8a90b1c2"
JOB_ID: Final = "job_0a1b2c3d4e5f60718293a4b5"
BATCH_ID: Final = "batch_77aa88bb99cc00dd11ee22ff"

_MAX_INPUTS: Final = 16


def checked_text(value: Any) -> Any:
    """ValueError for text that no UTF-8 can say: it could be taken, but never shown again."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (UnicodeEncodeError, RecursionError):
        raise ValueError("it holds text that is no Unicode, or is nested too deeply") from None
    return value


def _checked_file(given: str) -> str:
    if not is_id(given):
        raise ValueError("this is no id of a file: upload it first")
    return given


Table = Annotated[dict[str, Any], AfterValidator(checked_text)]
FileId = Annotated[str, AfterValidator(_checked_file)]


class Shape(BaseModel):
    """What is shown: values that do not change."""

    model_config = ConfigDict(frozen=True)


class Asked(BaseModel):
    """What is given: unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Charged(Shape):
    """What one backend costs a job."""

    item: str = Field(description="the backend")
    microdollars: int
    gpu_ms: int = Field(description="of a GPU's time")

    @classmethod
    def of(cls, charge: Charge) -> Self:
        """The charge as it is shown."""
        return cls(item=charge.item, microdollars=charge.microdollars, gpu_ms=charge.gpu_ms)


class Quote(Shape):
    """What a request would cost."""

    charges: tuple[Charged, ...]
    microdollars: int = Field(description="all charges together")


class JobAsked(Asked):
    """What is to be done."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "make",
                    "recipe": "prop",
                    "inputs": {"picture_0": FILE_ID},
                    "parameters": {"simplify": {"triangles": 5000}, "job": {"name": "skewer"}},
                }
            ]
        }
    )

    kind: Kind = Field(Kind.MAKE, description="make takes pictures; process, inspect and check a model; export a package")
    recipe: str = Field("prop", max_length=200, description="a built-in recipe, see /v1/recipes")
    parameters: Table = Field(default_factory=dict, description='overrides by stage, and under "job" what is no stage\'s; see /v1/stages')
    inputs: dict[str, FileId] = Field(
        default_factory=dict,
        max_length=_MAX_INPUTS,
        description="ids of uploads, by what they are: picture_0, model, package, source; cutout.mask for a file that a parameter names",
    )

    def request(self) -> Request:
        """It as a request. InputError when it is too large."""
        return Request(kind=self.kind, recipe=self.recipe, parameters=self.parameters, inputs=self.inputs)


class JobOrdered(JobAsked):
    """What is to be done, and under which conditions."""

    priority: int = Field(0, ge=PRIORITIES.start, le=PRIORITIES.stop - 1, description="a lower one goes first")
    webhook_url: str | None = Field(None, max_length=2008, pattern=r"^https://", description="https, told when the job has ended")
    batch_id: str | None = Field(None, max_length=80, description="a batch it belongs to")


class FileShown(Shape):
    """A file that was uploaded, or made by a job."""

    id: str = Field(examples=[FILE_ID])
    name: str
    role: str = Field(description="of uploads the kind that was found, such as png; of results what it is for")
    sha256: str
    size: int = Field(description="bytes")
    media_type: str
    url: str = Field(description="where its content is")
    created_ms: int

    @classmethod
    def of(cls, file: KeptFile) -> Self:
        """The file as it is shown."""
        same = {name: getattr(file, name) for name in ("id", "name", "role", "sha256", "size", "media_type", "created_ms")}
        return cls(**same, url=content_url(file.id))


class Failed(Shape):
    """Why a job failed."""

    reason: FailureReason
    message: str


class Done(Shape):
    """How far a job is."""

    stage: str
    share: float = Field(ge=0, le=1, description="of the whole job")


class JobListed(Shape):
    """A job in a list."""

    id: str = Field(examples=[JOB_ID])
    kind: Kind
    recipe: str
    state: State
    priority: int
    batch_id: str | None
    progress: Done
    failure: Failed | None = Field(description="present exactly when it failed")
    attempts: int = Field(description="how often it was started")
    created_ms: int
    started_ms: int | None
    ended_ms: int | None

    @classmethod
    def of(cls, job: Job) -> Self:
        """The job as lists show it."""
        return cls(**_facts(job))


class JobShown(JobListed):
    """A job."""

    parameters: dict[str, Any]
    inputs: dict[str, str]
    queue_position: int | None = Field(description="how many queued jobs go first; null when it does not wait")
    results: dict[str, FileShown] = Field(description="what it made, by name")
    last_seq: int = Field(description="the number of its newest event")

    @classmethod
    def whole(cls, job: Job, *, position: int | None, files: tuple[KeptFile, ...]) -> Self:
        """The job with all there is to say of it."""
        results = {file.name: FileShown.of(file) for file in files}
        return cls(
            **_facts(job),
            parameters=dict(job.request.parameters),
            inputs=dict(job.request.inputs),
            queue_position=position,
            results=results,
            last_seq=job.last_seq,
        )


class Accepted(Shape):
    """What came of an order."""

    job: JobShown
    created: bool = Field(description="false when the Idempotency-Key stood for this job already")
    warnings: tuple[str, ...] = Field(description="about budgets and quotas that are nearly used up")


class JobPage(Shape):
    """Some jobs, newest first."""

    jobs: tuple[JobListed, ...]
    cursor: str | None = Field(description="give it to get the next page; null at the end")


class EventShown(Shape):
    """One thing that happened to a job."""

    job_id: str = Field(examples=[JOB_ID])
    seq: int = Field(description="1, 2, 3... without gaps")
    kind: EventKind
    at_ms: int
    attempt: int
    data: dict[str, Any]

    @classmethod
    def of(cls, event: Event) -> Self:
        """The event as it is shown."""
        same = {name: getattr(event, name) for name in ("job_id", "seq", "kind", "at_ms", "attempt")}
        return cls(**same, data=dict(event.data))


def content_url(file_id: str) -> str:
    """Where a file's content is, relative to the service."""
    return f"/v1/artifacts/{file_id}"


def _facts(job: Job) -> dict[str, Any]:
    same = ("id", "state", "priority", "batch_id", "attempts", "created_ms", "started_ms", "ended_ms")
    failure = None if job.failure is None else Failed(reason=job.failure.reason, message=job.failure.message)
    return {
        **{name: getattr(job, name) for name in same},
        "kind": job.request.kind,
        "recipe": job.request.recipe,
        "progress": Done(stage=job.progress.stage, share=job.progress.share),
        "failure": failure,
    }
