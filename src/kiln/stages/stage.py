"""What a stage is: a name, Params, and a function `(thing, params, context) -> thing`, with what it reads and writes said up front.

Because things are values and a stage declares the fields of Asset it reads and writes, the runner can check a recipe before any work, and
run stages that do not depend on each other side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, get_type_hints

from pydantic import BaseModel, ConfigDict, SerializeAsAny, model_validator

from kiln.asset import Value, Verdict
from kiln.backends import registry
from kiln.backends.card import Options, Role
from kiln.errors import Cancelled


class Params(BaseModel):
    """A stage's parameters: frozen, unknown names refused. Each Field has a default, bounds, a description, and its unit where it has one.

    The command line's flags, the recipes' tables and the JSON schemas are all made from these.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


class BackendParams(Params):
    """Parameters of a stage that a backend does the work of: its name, and that backend's own options beside the stage's parameters.

    `GenerateParams(backend="silhouette", thickness=1.2)` finds `thickness` among the options of the card called silhouette.
    """

    role: ClassVar[Role]
    backend: str
    options: SerializeAsAny[Options] | None = None
    """An instance of the card's Options; None is replaced by its defaults."""

    @classmethod
    def option_names(cls, backend: str) -> tuple[str, ...]:
        """Names of this backend's options."""
        return tuple(registry.find(cls.role, backend).options.model_fields)

    @model_validator(mode="before")
    @classmethod
    def _gather_options(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        name, options = given.get("backend", cls.model_fields["backend"].default), given.get("options") or {}
        if not isinstance(name, str) or not isinstance(options, (Options, Mapping)):
            return given  # the fields themselves say what is wrong with them
        card = registry.find(cls.role, name)
        options = options.model_dump() if isinstance(options, Options) else dict(options)
        options |= {name: value for name, value in given.items() if name not in cls.model_fields}
        own = {name: value for name, value in given.items() if name in cls.model_fields}
        return own | {"options": card.options.model_validate(options)}


class Context:
    """What a stage may say to the world while it runs: notes, measures, progress; and whether to stop."""

    def __init__(
        self,
        *,
        on_progress: Callable[[float, str], None] | None = None,
        is_stopped: Callable[[], bool] = lambda: False,
        recipe: Mapping[str, Any] | None = None,
        judge: Callable[[Mapping[str, Value]], Verdict] | None = None,
        terms: Mapping[str, Any] | None = None,
    ) -> None:
        self.recipe = recipe
        """The whole recipe as plain data, for the manifest; None for a stage that runs alone."""

        self.judge = judge
        """What a contract says of the measures of written files; it may raise, to have the package made otherwise. None: no contract."""

        self.terms = terms
        """The contract that `judge` goes by, {"name": ..., "limits": ...} as plain data, for where the judge itself cannot go."""

        self.notes: list[str] = []
        self.measures: dict[str, float] = {}
        self._on_progress = on_progress
        self._is_stopped = is_stopped

    @property
    def is_stopped(self) -> bool:
        """Whether the user said stop."""
        return self._is_stopped()

    def note(self, sentence: str) -> None:
        """A sentence for people, kept in the report: what was decided or done, with numbers."""
        self.notes.append(sentence)

    def measure(self, **values: float) -> None:
        """Numbers for machines, kept in the report under this stage."""
        self.measures |= {name: float(value) for name, value in values.items()}

    def progress(self, share: float, words: str = "") -> None:
        """How far the stage is, 0 to 1. Raises Cancelled when the user said stop, so call it between long steps."""
        if self._is_stopped():
            raise Cancelled("stopped: nothing was written")
        if self._on_progress is not None:
            self._on_progress(share, words)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A verb of the pipeline. Call it with a thing and, optionally, params (an instance, or keywords) and a context."""

    name: str
    summary: str
    """First line of the function's docstring."""

    function: Callable[[Any, Any, Context], Any]
    params: type[Params]
    takes: Any
    """Type of thing it works on: Picture, tuple[Picture, ...] or Asset."""

    gives: Any
    reads: frozenset[str]
    """Features of Asset it needs: field names, and "uvs" for a mesh that is unwrapped."""

    writes: frozenset[str]
    files: frozenset[str] = frozenset()
    """Parameters that name files the stage reads."""

    cached: bool = True
    """Whether its results may be kept for other runs, if they took long enough."""

    def __call__(self, thing: Any, params: Params | None = None, context: Context | None = None, **overrides: Any) -> Any:
        """Run the stage alone: `simplify(asset, triangles=500)`."""
        chosen = self.params.model_validate((params.model_dump() if params else {}) | overrides)
        return self.function(thing, chosen, context or Context())

    def option_names(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of the options of the backend these values choose; empty for a stage without a backend."""
        if not issubclass(self.params, BackendParams):
            return ()
        return self.params.option_names(str(values.get("backend", self.params.model_fields["backend"].default)))


def stage(
    *, reads: tuple[str, ...] = (), writes: tuple[str, ...] = (), files: tuple[str, ...] = (), cached: bool = True
) -> Callable[[Callable[[Any, Any, Context], Any]], Stage]:
    """Make a Stage of a function `(thing, params, context) -> thing`; its types come from the annotations."""

    def make(function: Callable[[Any, Any, Context], Any]) -> Stage:
        hints = get_type_hints(function)
        gives = hints.pop("return")
        takes, params, _ = hints.values()
        return Stage(
            name=function.__name__,
            summary=(function.__doc__ or "").strip().splitlines()[0],
            function=function,
            params=params,
            takes=takes,
            gives=gives,
            reads=frozenset(reads),
            writes=frozenset(writes),
            files=frozenset(files),
            cached=cached,
        )

    return make
