"""The five calls of `pipeline.api`, carried out by a server. What they are given, give and raise is the same."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from kiln.asset import Package, Report, View
from kiln.errors import Cancelled, InputError, ModelError
from kiln.faces.place import Submitted
from kiln.faces.remote.address import Address
from kiln.faces.remote.answers import error_of_failure, shown
from kiln.faces.remote.companions import check_alone
from kiln.faces.remote.connection import Connection
from kiln.faces.remote.following import follow
from kiln.faces.remote.narration import Narration
from kiln.faces.remote.packages import fetch_package, fetch_report, zipped
from kiln.faces.remote.submission import Submission, contract_of, recipe_of, views_of
from kiln.formats.names import asset_name, safe_name
from kiln.pipeline.run import Event

PathLike = str | Path
Listener = Callable[[Event], None]


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Who is told of a job, and who may stop it."""

    on_event: Listener | None = None
    cancelled: threading.Event | None = None


class RemoteWork:
    """The calls at one server. With `detach`, those that make packages return as soon as the server has taken the job."""

    def __init__(self, address: Address, *, detach: bool = False) -> None:
        self._address = address
        self._detach = detach

    def make(
        self,
        pictures: PathLike | Sequence[PathLike],
        *,
        recipe: str = "prop",
        out: PathLike = "out",
        name: str | None = None,
        views: Sequence[View | None] = (),
        contract: str | None = None,
        limits: Mapping[str, float] | None = None,
        cache: bool = True,  # noqa: ARG002 - a server shares all work there is
        on_event: Listener | None = None,
        cancelled: threading.Event | None = None,
        **parameters: Mapping[str, Any],
    ) -> Package | Submitted:
        """As pipeline.api.make."""
        paths = [Path(pictures)] if isinstance(pictures, (str, Path)) else [Path(path) for path in pictures]
        asked = views_of(views, pictures=len(paths))
        recipe_name, given = recipe_of(recipe)
        submission = Submission(
            kind="make",
            recipe=recipe_name,
            files={f"picture_{number}": path for number, path in enumerate(paths)},
            parameters=parameters,
            options={**given, "name": _safe(name), "views": asked, "contract": contract_of(contract), "limits": dict(limits or {})},
        )
        return self._package(submission, Path(out), name, Watch(on_event=on_event, cancelled=cancelled))

    def process(
        self,
        model: PathLike,
        *,
        recipe: str = "prop",
        out: PathLike = "out",
        name: str | None = None,
        up: Literal["y", "z"] = "y",
        contract: str | None = None,
        limits: Mapping[str, float] | None = None,
        cache: bool = True,  # noqa: ARG002 - a server shares all work there is
        on_event: Listener | None = None,
        cancelled: threading.Event | None = None,
        **parameters: Mapping[str, Any],
    ) -> Package | Submitted:
        """As pipeline.api.process."""
        recipe_name, given = recipe_of(recipe)
        submission = Submission(
            kind="process",
            recipe=recipe_name,
            files={"model": check_alone(Path(model))},
            parameters=parameters,
            options={**given, "name": _safe(name), "up": up, "contract": contract_of(contract), "limits": dict(limits or {})},
        )
        return self._package(submission, Path(out), name or Path(model).stem, Watch(on_event=on_event, cancelled=cancelled))

    def export(
        self,
        path: PathLike,
        *,
        engine: Sequence[str] = ("unreal",),
        out: PathLike | None = None,
        name: str | None = None,
        up: Literal["y", "z"] = "y",
        on_event: Listener | None = None,
        cancelled: threading.Event | None = None,
        **parameters: Any,
    ) -> Package | Submitted:
        """As pipeline.api.export."""
        source = Path(path)
        is_package = source.is_dir() or source.suffix.lower() == ".zip"
        given = {**parameters, "engine": list(engine), **({"name": _safe(name)} if name else {})}
        watch = Watch(on_event=on_event, cancelled=cancelled)
        if not is_package:
            files = {"model": check_alone(source)}
            submission = Submission(kind="export", files=files, parameters={"export": given}, options={"up": up})
            return self._package(submission, Path(out or "out"), name or asset_name(source.stem), watch)
        with zipped(source) as archive:
            submission = Submission(kind="export", files={"package": archive}, parameters={"export": given})
            made = self._package(submission, source.parent if out is None else Path(out), None, watch)
        return made if isinstance(made, Submitted) else _told_of_export(made)

    def inspect(self, path: PathLike) -> Report:
        """As pipeline.api.inspect."""
        with zipped(Path(path)) as file:
            return self._report(Submission(kind="inspect", files={"model": file}))

    def check(self, path: PathLike, contract: str, *, limits: Sequence[str] = (), source: PathLike | None = None) -> Report:
        """As pipeline.api.check."""
        options = {"contract": contract_of(contract), "limits": list(limits)}
        with zipped(Path(path)) as file:
            files = {"model": check_alone(file), **({} if source is None else {"source": check_alone(Path(source))})}
            return self._report(Submission(kind="check", files=files, options=options))

    def _package(self, submission: Submission, out: Path, name: str | None, watch: Watch) -> Package | Submitted:
        """Have it made there, and write it here, whole or not at all."""
        if name is not None and not self._detach:
            from kiln.formats.package import check_target

            check_target(out / safe_name(name))
        with Connection(self._address, stop=watch.cancelled) as connection:
            job_id = _taken(submission.submit(connection), watch)
            if self._detach:
                return Submitted(job_id=job_id)
            job = finished(self._address, job_id, on_event=watch.on_event, stop=watch.cancelled)
            return fetch_package(connection, job, into=out)

    def _report(self, submission: Submission) -> Report:
        with Connection(self._address) as connection:
            job_id = _taken(submission.submit(connection), Watch())
            return fetch_report(connection, finished(self._address, job_id, error_of_input=ModelError))


def _told_of_export(package: Package) -> Package:
    """A package that went to further engines: of its report, only that step is new."""
    return replace(package, report=replace(package.report, steps=package.report.steps[-1:], contract=None))


def _taken(accepted: Mapping[str, Any], watch: Watch) -> str:
    """The id of a job that was taken; what the server warns of is told."""
    for warning in accepted.get("warnings", ()):
        if watch.on_event is not None:
            watch.on_event(Event(stage="server", state="finished", notes=(shown(str(warning)),)))
    return str(accepted["job"]["id"])


def finished(
    address: Address,
    job_id: str,
    *,
    on_event: Listener | None = None,
    stop: threading.Event | None = None,
    error_of_input: type[InputError] = InputError,
) -> Mapping[str, Any]:
    """The job once it has succeeded. Raises what its failure means here, Cancelled when it was cancelled, by us or by somebody else."""
    follow(address, job_id, tell=Narration(on_event or _nobody), stop=stop)
    with Connection(address) as connection:
        job: Mapping[str, Any] = connection.get(f"/v1/jobs/{job_id}")
    if job["state"] == "cancelled":
        raise Cancelled(f"{job_id} was cancelled on the server: nothing was written")
    if job["state"] != "succeeded":
        failure = error_of_failure(job.get("failure") or {})
        raise error_of_input(str(failure)) if type(failure) is InputError else failure
    return job


def _nobody(event: Event) -> None:
    """Whom nobody listens to."""


def _safe(name: str | None) -> str | None:
    """The name as it would be here: a server takes no path for one."""
    return None if name is None else safe_name(name)
