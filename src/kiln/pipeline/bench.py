"""A bench: how the work of a run's stages is carried out, and where. `Run` says which stage works on what, and when.

Here is the local way, in this process and with the stage cache; a service has another (`jobs.stored.workbench`), whose things lie in a
store and whose stages work in lanes. So nothing here may be imported before it is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from kiln.pipeline.cache import StageCache
    from kiln.pipeline.recipe import RecipeStep
    from kiln.stages import Context


class Bench(Protocol):
    """Carries out stages for one run, from several threads at once."""

    @property
    def keeps_limits(self) -> bool:
        """Whether it keeps limits on time and memory itself; else the run watches the stages, and this process."""

    def result(self, step: RecipeStep, thing: Any, context: Context, *, work: Callable[[], Any]) -> tuple[Any, bool]:
        """What the stage makes of the thing, and whether that was known already; what the stage said, it has said to `context` then.

        `work` has the stage work in this process.
        """

    def close(self) -> tuple[str, ...]:
        """End what is still at work and keep what is still to be kept; what went wrong on the way, in sentences."""


class LocalBench:
    """Stages work in this process, each once its kernels are compiled; what they made in earlier runs is taken from a cache, if any."""

    keeps_limits: ClassVar[bool] = False

    def __init__(self, cache: StageCache | None = None) -> None:
        from kiln.pipeline.recall import Recall
        from kiln.pipeline.rehearsal import Rehearsal

        self._recall = Recall(cache)
        self._rehearsal = Rehearsal()

    def result(self, step: RecipeStep, thing: Any, context: Context, *, work: Callable[[], Any]) -> tuple[Any, bool]:
        """From the cache, or worked out now."""

        def rehearsed() -> Any:
            self._rehearsal.wait_for(step.stage.name)
            return work()

        return self._recall.result(step, thing, context, work=rehearsed)

    def close(self) -> tuple[str, ...]:
        """Wait for what is still being written; what was wrong with the cache."""
        return self._recall.close()
