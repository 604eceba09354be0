"""Job: what was asked for, how far it is, and how it ended. States change only along one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from kiln.errors import ConflictError, InputError, did_you_mean
from kiln.jobs.records.failure_reason import FailureReason
from kiln.jobs.records.plain import canonical, parsed, sha256_of

MAX_REQUEST_BYTES: Final = 256 * 1024
"""Of a request as canonical JSON. Pictures and meshes are stored and named by key, so this is far beyond any honest request."""

PRIORITIES: Final = range(-100, 101)
"""A lower one goes first; 0 is usual."""


class Kind(StrEnum):
    """What is to be done with a request's inputs."""

    MAKE = "make"
    """Pictures become a package."""

    PROCESS = "process"
    """A model becomes a package, by a recipe's game stages."""

    EXPORT = "export"
    """A finished package goes to further engines and formats."""

    INSPECT = "inspect"
    """A model, a picture or a package is measured."""

    CHECK = "check"
    """A model or a package is measured, and judged by a contract."""


class State(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """Whether the job has ended. What has ended stays so: trying again is a new job, which shares every stage that was finished."""
        return not TRANSITIONS[self]


TRANSITIONS: Final[Mapping[State, frozenset[State]]] = MappingProxyType(
    {
        State.QUEUED: frozenset({State.RUNNING, State.CANCELLED, State.FAILED}),
        State.RUNNING: frozenset({State.QUEUED, State.CANCELLING, State.SUCCEEDED, State.FAILED}),
        State.CANCELLING: frozenset({State.CANCELLED}),
        State.SUCCEEDED: frozenset(),
        State.FAILED: frozenset(),
        State.CANCELLED: frozenset(),
    }
)
"""Every change there is. From running back to queued: its worker was lost or sent home. From cancelling only to cancelled, so that whoever
was told "it is being cancelled" never finds it done."""


def check_transition(before: State, after: State) -> None:
    """Raise ConflictError for a change that is not in the table."""
    if after not in TRANSITIONS[before]:
        cure = "it has ended, and stays as it is" if before.terminal else f"it can become {', '.join(sorted(TRANSITIONS[before]))}"
        raise ConflictError(f"a job that is {before} cannot become {after}: {cure}")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be made: plain JSON, and ids of files. `reception` says what a request of each kind may hold."""

    kind: Kind = Kind.MAKE
    recipe: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Overrides by stage, and under "job" whatever is no stage's: {"simplify": {"triangles": 2000}, "job": {"name": "skewer"}}."""

    inputs: Mapping[str, str] = field(default_factory=dict)
    """Ids of files, by what they are: {"picture_0": "file_..."}."""

    def __post_init__(self) -> None:
        """Keep a copy of our own, which nobody else can change. InputError when it is no plain JSON, or too large."""
        if self.kind not in list(Kind):
            raise InputError(
                f"no kind of job is called {str(self.kind)[:80]!r}: {did_you_mean(str(self.kind)[:80], [kind.value for kind in Kind])}"
            )
        object.__setattr__(self, "kind", Kind(self.kind))
        text = canonical({"parameters": dict(self.parameters), "inputs": dict(self.inputs)})
        if len(text) > MAX_REQUEST_BYTES:
            raise InputError(f"the request has {len(text)} bytes: at most {MAX_REQUEST_BYTES} are taken; upload files and name their keys")
        copy = parsed(text)
        object.__setattr__(self, "parameters", MappingProxyType(copy["parameters"]))
        object.__setattr__(self, "inputs", MappingProxyType(copy["inputs"]))

    def as_data(self) -> dict[str, Any]:
        """The request as plain JSON."""
        return {"kind": self.kind.value, "recipe": self.recipe, "parameters": dict(self.parameters), "inputs": dict(self.inputs)}

    @property
    def sha256(self) -> str:
        """Equal exactly for equal requests."""
        return sha256_of(self.as_data())


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a running job is."""

    stage: str = ""
    share: float = 0.0
    """Of the whole job, 0 to 1."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0:
            raise InputError(f"a share of {self.share} is not from 0 to 1")
        if not self.stage.isprintable():
            raise InputError(f"{self.stage[:80]!r} is no name of a stage")


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a job failed."""

    reason: FailureReason
    message: str
    """A sentence for people, with the cure; without secrets."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job as it stood when it was read. Times are milliseconds since 1970 in UTC."""

    id: str
    tenant: str
    request: Request
    request_hash: str
    state: State
    priority: int = 0
    turn: int = 0
    """When it is begun, among those of its priority: the smallest first. See `fair_turns`."""

    idempotency_key: str | None = None
    batch_id: str | None = None
    webhook_url: str | None = field(default=None, repr=False)
    """Who is told when it has ended. Not shown: it may hold a secret."""

    attempts: int = 0
    """How often it was started. It is also the token of whoever runs it: writes of an earlier attempt are refused."""

    executor_id: str | None = None
    """Who runs it, or ran it last."""

    progress: Progress = field(default_factory=Progress)
    results: Mapping[str, str] = field(default_factory=dict)
    """Ids of the files it made, by their names."""

    failure: Failure | None = None
    """Present exactly when it failed."""

    last_seq: int = 0
    """The number of its newest event."""

    created_ms: int = 0
    started_ms: int | None = None
    """When its newest attempt began."""

    ended_ms: int | None = None
