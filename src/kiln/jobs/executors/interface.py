"""What is asked of an executor and what it answers: plain data, so that it can go over a pipe, into a database, or to another machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

LaneKind = Literal["cpu", "gpu"]


class _Data(BaseModel):
    """Frozen data; unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Reference(_Data):
    """Bytes that lie in a store: where, and what they must be."""

    key: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class NamedFile(Reference):
    """A file that a parameter names."""

    name: str
    """What its owner calls it, fit for every disk: messages show it."""


class CallLimits(_Data):
    """What one call may use. A limit that is None is not kept."""

    seconds: Annotated[float, Field(gt=0)] = 900.0
    """Of running, on a clock that only runs forward; it starts when the lane, and the GPU if it needs one, are there."""

    wait_seconds: Annotated[float, Field(ge=0)] = 3600.0
    """Of waiting for a free lane, and again for the GPU."""

    grace_seconds: Annotated[float, Field(ge=0)] = 5.0
    """Between being told to stop and being killed. Loading a model again costs much more than this wait."""

    silent_seconds: Annotated[float, Field(gt=0)] | None = None
    """Without any sign, heartbeats included: the child hangs in native code that lets nobody else run."""

    resident_bytes: Annotated[int, Field(gt=0)] | None = None
    """Memory of the child and all its children together; watched, so it may be passed for a moment."""

    address_bytes: Annotated[int, Field(gt=0)] | None = None
    """Address space the child may have (RLIMIT_AS): allocations beyond it fail. GPU libraries reserve far more than they use."""


class Given(_Data):
    """What a stage works on, wherever it is."""

    inputs: Mapping[str, Reference] = {}
    """Parts that lie in the store, by name."""

    values: Mapping[str, Any] = {}
    """What is too small to be stored: names of files, a verdict."""

    remade: tuple[Remade, ...] = ()
    """Parts that are in no store, because making them again is quicker than reading them."""


class Remade(Given):
    """Fields that a quick stage makes, each time somebody needs them."""

    stage: str
    params: Mapping[str, Any] = {}
    fields: tuple[str, ...]
    """Names of the fields of its result that are wanted."""


class StageCall(Given):
    """One stage to be run on inputs that lie in a store."""

    stage: str
    version: str
    """Of the stage's code; part of what its outputs are addressed by."""

    params: Mapping[str, Any] = {}
    files: Mapping[str, NamedFile] = {}
    """Of parameters that name files, which `params` leaves out: in a lane, each becomes the path of that content."""

    output_prefix: str
    """The key of every output starts with this, unless the codec addresses outputs by their content."""

    limits: CallLimits = CallLimits()
    recipe: Mapping[str, Any] | None = None
    """The whole recipe as plain data, for a package's manifest."""

    lane: LaneKind = "cpu"
    job: str = ""
    """Whom log lines and events belong to."""

    tenant: str = ""
    priority: int = 0
    """A lower one goes first."""


class StageResult(_Data):
    """What a stage made, said and used."""

    outputs: Mapping[str, Reference]
    values: Mapping[str, Any] = {}
    """What is too small to be stored: a name, the sizes of files."""

    notes: tuple[str, ...] = ()
    measures: Mapping[str, float] = {}
    seconds: float
    """Of the stage's own work, for which it held the GPU if it needs one; reading inputs and writing outputs is not in it."""

    cpu_seconds: float
    """Of processor time, in the child and in its children that have ended; reading and writing is in it."""

    peak_bytes: int
    """The most memory the child has held so far; 0 where the system does not say."""

    lane: str
    """The name of the lane it ran in, such as cpu0."""

    began_ms: float = 0.0
    """When the stage's own work began, by the clock of `Progress.at_ms`."""


class Progress(_Data):
    """A sign of life from a running stage."""

    kind: Literal["started", "progress", "note", "heartbeat"]
    """"started": the lane, and the GPU if it needs one, are there, the inputs are read, and the stage's own work begins."""

    share: float = 0.0
    """Of the stage's work, 0 to 1; in the kind "progress"."""

    words: str = ""
    lane: str = ""
    """The name of the lane; in the kind "started"."""

    at_ms: float = 0.0
    """When it was said, by a clock that all lanes of that machine share, that only runs forward and says nothing of the date."""

    resident_bytes: int = 0
    """Held by the child now; in the kind "heartbeat", 0 where the system does not say."""


class StageExecutor(Protocol):
    """Runs stages, one call after the other or many at a time from many threads."""

    def run(self, call: StageCall, *, on_progress: Callable[[Progress], None], cancel: Callable[[], bool]) -> StageResult:
        """Run one stage to its end and say what it made.

        `cancel` is asked a few times a second; once it is true, the stage is told to stop, then made to. Both functions are called in the
        thread that called. Raises Cancelled when it was stopped, unless the stage ended before it noticed; its own KilnError when it fails;
        and an error of `failure` when the stage or its process breaks. The executor stays usable in any case.
        """

    def close(self, *, wait_s: float = 0.0) -> None:
        """Take no more calls, wait up to wait_s seconds for those that run, then stop them and give back what is held."""
