"""How a call fails, and how a failure crosses from a lane to its worker: as names and words, never as a pickled object."""

from __future__ import annotations

import errno
import signal
import traceback
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from kiln.errors import BackendError, ContractError, KilnError, SetupError, StorageError, is_disk_full
from kiln.jobs.telemetry.scrub import scrub, strike_out

if TYPE_CHECKING:
    from kiln.asset import Verdict


class LaneCrashed(BackendError):
    """The process a stage ran in ended in the middle of it; other calls are not touched, and the next one gets a fresh process."""

    def __init__(self, message: str, *, ended_with: int | None = None) -> None:
        super().__init__(message)
        self.ended_with = ended_with
        """The process' exit code, as the system gives it: negative for a signal; None when the process was lost without one."""

    @property
    def signal(self) -> int | None:
        """The number of the signal that ended the process, if one did."""
        return None if self.ended_with is None or self.ended_with >= 0 else -self.ended_with


class LaneNotStarted(BackendError):
    """A lane's process could not be started, or ended before it could take a call: no fault of the call's, which may be tried again."""


class LaneBusy(SetupError):
    """No lane, or not the GPU, became free in time."""


class LaneClosed(LaneBusy):
    """The worker was shut down before the call could run, or to its end."""


class MemoryLimitError(SetupError):
    """A stage needed more memory than it may have, or than there is."""


class StageBroken(KilnError):
    """A stage failed in a way nobody foresaw: a bug, in Kiln or in a backend."""


_OUT_OF_MEMORY: Final = frozenset({"MemoryError", "OutOfMemoryError", "_ArrayMemoryError"})
"""Names of classes; OutOfMemoryError is what torch raises for a GPU, in a class of its own that must not be imported for its name."""


def crash_message(stage: str, ended_with: int | None, last_words: str) -> str:
    """What to tell people of a lane's death in the middle of a stage."""
    return f"the process that ran {stage} {_manner(ended_with, last_words)}; try again, with a smaller input if it happens twice"


def start_message(lane: str, ended_with: int | None, last_words: str) -> str:
    """What to tell people of a lane whose process ends before it can work."""
    return f"lane {lane} cannot start: its process {_manner(ended_with, last_words)}; give it more memory, or see the worker's log"


def as_data(error: BaseException, *, stage: str) -> dict[str, Any]:
    """An error as a message: the names of its class and of those it is made from, nearest first, its words, and what else it knows."""
    if is_disk_full(error) or is_disk_full(error.__cause__ or error):
        error = StorageError(f"the disk is full where {stage} works: free some space", kind="full")
    if not isinstance(error, KilnError):
        error = _translated(error, stage)
    family = [f"{cls.__module__}:{cls.__qualname__}" for cls in type(error).__mro__ if issubclass(cls, KilnError)]
    facts = {name: value for name, value in vars(error).items() if isinstance(value, (str, int, float, type(None)))}
    return {"family": family, "words": str(error), "facts": facts, "verdict": _verdict_data(error)}


def from_data(data: dict[str, Any], *, secrets: Iterable[str] = ()) -> KilnError:
    """The error a message tells of, without these secrets: of the nearest class that is known here.

    Nothing is imported for a name in a message.
    """
    known = _family()
    cls = next((known[name] for name in data["family"] if name in known), KilnError)
    error = cls.__new__(cls, strike_out(data["words"], secrets=secrets))
    vars(error).update(data["facts"])
    if isinstance(error, ContractError):
        error.verdict = _verdict(data["verdict"])
    return error


def _manner(ended_with: int | None, last_words: str) -> str:
    """How a process ended."""
    how = f"ended with exit code {ended_with}" if ended_with is not None else "was lost"
    if ended_with is not None and ended_with < 0:
        name = {known.value: known.name for known in signal.Signals}.get(-ended_with, f"signal {-ended_with}")
        how = f"was killed by {name}" + (", as the system does when memory runs out" if name == "SIGKILL" else "")
    said = f"; its last words: {last_words}" if last_words else ""
    return f"{how}{said}"


def _translated(error: BaseException, stage: str) -> KilnError:
    """A foreign error as one of ours, with the place it came from."""
    if any(cls.__name__ in _OUT_OF_MEMORY for cls in type(error).__mro__) or getattr(error, "errno", None) == errno.ENOMEM:
        return MemoryLimitError(f"{stage} ran out of memory: ask for smaller maps or fewer triangles, or allow it more")
    where = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" ({where[0].name}, line {where[0].lineno})" if where else ""
    said = scrub(f"{type(error).__name__}: {error}")
    return StageBroken(f"{stage} failed unexpectedly: {said}{place}; please report it with the log of this job")


def _verdict_data(error: KilnError) -> dict[str, Any] | None:
    return None if not isinstance(error, ContractError) or error.verdict is None else asdict(error.verdict)


def _verdict(data: dict[str, Any] | None) -> Verdict | None:
    if data is None:
        return None
    from kiln.jobs.executors.terms import verdict_of

    return verdict_of(data)


def _family() -> dict[str, type[KilnError]]:
    """Every error class that is loaded here, by its name."""
    found: dict[str, type[KilnError]] = {}
    queue: list[type[KilnError]] = [KilnError]
    while queue:
        cls = queue.pop()
        found[f"{cls.__module__}:{cls.__qualname__}"] = cls
        queue += cls.__subclasses__()
    return found
