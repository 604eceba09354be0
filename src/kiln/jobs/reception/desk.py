"""Reception: a request becomes an order once everything about it is checked and its price is known; nothing bad is ever queued.

What each kind of job takes (`job_options` says what may stand under the parameter "job"):

kind      inputs                                      parameters by stage
make      picture_0, picture_1, ... (one to four) *   of every stage of the recipe
process   model *                                     of the stages that work on a model
export    package (a zip), or model                   of export
inspect   model (a model, a picture or a package)     none
check     model (or a package), source (optional)     none

* and the pictures that stages' parameters name, each under `<stage>.<parameter>`: cutout.mask, cutout.scribble
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final, Protocol

from kiln.asset import Picture
from kiln.backends import registry
from kiln.errors import InputError, SetupError, did_you_mean
from kiln.intake.sniff import MODELS, PICTURES
from kiln.jobs.money.prices import Charge, Rate, Work, charges_for, expected_work
from kiln.jobs.reception import parameter_files
from kiln.jobs.reception.job_options import MAX_PICTURES, MakeOptions, is_picture
from kiln.jobs.reception.wanted import USUAL_CEILING, Ceiling, Wanted, read_request
from kiln.jobs.records.failure_reason import reason_of
from kiln.jobs.records.files import KeptFile
from kiln.jobs.records.job import Failure, Kind, Request
from kiln.jobs.records.orders import Order
from kiln.pipeline.recipe import Recipe
from kiln.stages.stage import BackendParams

MAX_ITEMS: Final = 1000
"""Of one batch: its orders are one transaction."""

_ITEM_FIELDS: Final = ("kind", "recipe", "parameters", "inputs")

_PACKAGES: Final = ("zip",)

_ROLES: Final[Mapping[Kind, dict[str, Collection[str]]]] = {
    Kind.MAKE: {f"picture_{number}": PICTURES for number in range(MAX_PICTURES)},
    Kind.PROCESS: {"model": MODELS},
    Kind.EXPORT: {"package": _PACKAGES, "model": MODELS},
    Kind.INSPECT: {"model": (*MODELS, *PICTURES, *_PACKAGES)},
    Kind.CHECK: {"model": (*MODELS, *_PACKAGES), "source": MODELS},
}
"""The inputs that each kind of job knows, and what they may be."""

_NEEDED: Final[Mapping[Kind, frozenset[str]]] = {
    Kind.MAKE: frozenset({"picture_0"}),
    Kind.PROCESS: frozenset({"model"}),
    Kind.EXPORT: frozenset({"package", "model"}),
    Kind.INSPECT: frozenset({"model"}),
    Kind.CHECK: frozenset({"model"}),
}
"""Of which inputs there must be one."""


_WITH_RECIPE: Final = (Kind.MAKE, Kind.PROCESS)


class Files(Protocol):
    """Where the tenant's files are looked up, such as a FileBook."""

    def get(self, file_id: str, *, tenant: str | None) -> KeptFile:
        """A tenant's file. InputError when there is none."""


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What is the same for all requests that come in together: whose they are, and under which conditions they become jobs."""

    tenant: str
    files: Files
    rates: Mapping[str, Rate]
    priority: int = 0
    webhook_url: str | None = None
    batch_id: str | None = None
    ceiling: Ceiling = USUAL_CEILING

    def order(self, request: Request, *, idempotency_key: str | None = None, failure: Failure | None = None) -> Order:
        """The order for a request: checked as far as can be before it runs, and priced; or one that has failed already.

        InputError says what is wrong, and how to cure it.
        """
        charges = () if failure is not None else _charges(request, _checked(request, self), self.rates)
        return Order(
            request=request,
            tenant=self.tenant,
            charges=charges,
            priority=self.priority,
            idempotency_key=idempotency_key,
            batch_id=self.batch_id,
            webhook_url=self.webhook_url,
            failure=failure,
        )


def orders_for_batch(items: Sequence[Any], desk: Desk, *, idempotency_key: str | None = None) -> tuple[Order, ...]:
    """An order for each item of a batch's manifest: plain JSON with the fields of a Request.

    A bad item's order says why it has failed, so that the batch is whole. Under a key, each item's key is made of it and of its place.
    InputError when there is none, or too many.
    """
    check_count(items)
    keys = [None if idempotency_key is None else f"{idempotency_key}.{number}" for number in range(len(items))]
    return tuple(_order_for_item(item, desk, key) for item, key in zip(items, keys, strict=True))


def check_count(items: Sequence[Any]) -> None:
    """InputError when a batch has no items, or too many."""
    if not 1 <= len(items) <= MAX_ITEMS:
        raise InputError(f"a batch of {len(items)} items: give 1 to {MAX_ITEMS}, and more in further batches")


def _order_for_item(item: Any, desk: Desk, key: str | None) -> Order:
    try:
        return desk.order(_request(item), idempotency_key=key)
    except (InputError, SetupError) as error:
        failure = Failure(reason=reason_of(error), message=str(error))
    return desk.order(_as_far_as_it_goes(item), idempotency_key=key, failure=failure)


def _request(item: Any) -> Request:
    """The request that an item of a manifest is."""
    if not isinstance(item, Mapping):
        raise InputError("an item of a batch is a table with recipe, parameters and inputs")
    for name in item:
        if name not in _ITEM_FIELDS:
            raise InputError(f"an item of a batch has no {str(name)[:80]!r}: {did_you_mean(str(name)[:80], _ITEM_FIELDS)}")
    for name in ("parameters", "inputs"):
        if not isinstance(item.get(name, {}), Mapping):
            raise InputError(f"{name} must be a table")
    if not isinstance(item.get("recipe", ""), str):
        raise InputError("recipe must be a recipe's name")
    return Request(**{"recipe": "prop", **item})


def _as_far_as_it_goes(item: Any) -> Request:
    """A request for the record of a bad item: its own where it is one at all."""
    try:
        return _request(item)
    except InputError:
        return Request(recipe="")


def _checked(request: Request, desk: Desk) -> Wanted:
    """What the request asks for. InputError for the first thing that is wrong with it or with its files."""
    wanted = read_request(request, ceiling=desk.ceiling)
    _check_roles(request, wanted)
    known = _roles_of(request.kind)
    for role, file_id in request.inputs.items():
        if not isinstance(file_id, str):
            raise InputError(f"the input {role} must be the id of a file")
        _check_file(role, desk.files.get(file_id, tenant=desk.tenant), known[role])
    return wanted


def _roles_of(kind: Kind) -> Mapping[str, Collection[str]]:
    """The inputs that a kind of job knows, with those that parameters of its stages name."""
    return _ROLES[kind] | dict.fromkeys(parameter_files.roles(), PICTURES) if kind in _WITH_RECIPE else _ROLES[kind]


def _check_roles(request: Request, wanted: Wanted) -> None:
    """InputError when an input is unknown or missing."""
    known, needed = _roles_of(request.kind), _NEEDED[request.kind]
    for role in request.inputs:
        if role not in known:
            raise InputError(f"a job of kind {request.kind} has no input {role[:80]!r}: {did_you_mean(role[:80], known)}")
    there = needed & request.inputs.keys()
    if len(there) != 1:
        raise InputError(
            f"a job of kind {request.kind} needs {'one of ' if len(needed) > 1 else ''}the input {' or '.join(sorted(needed))}"
        )
    if request.kind is Kind.MAKE:
        _check_pictures(request, wanted)


def _check_pictures(request: Request, wanted: Wanted) -> None:
    """InputError unless the pictures are numbered without gaps, and no more views are named, nor one of them twice."""
    count = _pictures_in(request)
    missing = [name for number in range(count) if (name := f"picture_{number}") not in request.inputs]
    if missing:
        raise InputError(f"there is no {missing[0]}: number the pictures from picture_0 on, without gaps")
    views = wanted.options.views if isinstance(wanted.options, MakeOptions) else ()
    if len(views) > count:
        raise InputError(f"{len(views)} views were given for {count} pictures: one each at most")
    named = [view for view in views if view is not None]
    for view in sorted(set(named)):
        if named.count(view) > 1:
            raise InputError(f"two pictures claim to be the {view} view: say in job.views which is which")


def _pictures_in(request: Request) -> int:
    return sum(map(is_picture, request.inputs))


def _check_file(role: str, file: KeptFile, accepted: Iterable[str]) -> None:
    kind = file.role if file.job_id is None else PurePosixPath(file.name).suffix.removeprefix(".").lower()
    if kind not in accepted:
        raise InputError(f"the input {role} is {kind or 'of no known kind'}: give one of {', '.join(accepted)}")


def _charges(request: Request, wanted: Wanted, rates: Mapping[str, Rate]) -> tuple[Charge, ...]:
    """The price of what the request's backends are expected to do: those that have a rate, or need a GPU."""
    if wanted.recipe is None or request.kind is Kind.EXPORT:
        return ()
    recipe = wanted.recipe if request.kind is Kind.MAKE else wanted.recipe.from_model()
    return charges_for(_expected(recipe, pictures=_pictures_in(request), rates=rates), rates=rates)


def _expected(recipe: Recipe, *, pictures: int, rates: Mapping[str, Rate]) -> tuple[Work, ...]:
    """What a recipe's paid and GPU backends are expected to do."""
    found = []
    for step in recipe.steps:
        if isinstance(step.params, BackendParams):
            card = registry.find(step.params.role, step.params.backend)
            if card.needs_gpu or card.name in rates:
                found.append(expected_work(card, calls=pictures if step.stage.takes is Picture else 1))
    return tuple(found)
