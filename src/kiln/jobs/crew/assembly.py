"""What a job of each kind has made in lanes: uploaded files become things of the store, and those become a package."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final, cast

from kiln.errors import PostconditionError
from kiln.formats.names import is_reserved, safe_name
from kiln.jobs.executors.interface import Reference
from kiln.jobs.reception.job_options import ExportOptions, MakeOptions, ProcessOptions, is_picture
from kiln.jobs.reception.parameter_files import with_files
from kiln.jobs.reception.wanted import Wanted
from kiln.jobs.records.files import KeptFile
from kiln.jobs.records.job import Kind
from kiln.jobs.stored import file_stages, lane_stages
from kiln.jobs.stored.nouns import StoredFile, StoredPackage
from kiln.jobs.stored.workbench import Workbench
from kiln.pipeline.recipe import Recipe, RecipeStep
from kiln.pipeline.run import Event, Run
from kiln.stages.generate import front_first

_ENDINGS: Final[Mapping[str, tuple[str, ...]]] = {"jpeg": (".jpg", ".jpeg")}
"""Of files' names, by what a file was found to be, where that is not the name of the kind alone."""

_FORBIDDEN: Final = frozenset('\\/:*?"<>|')
"""In names of files on some system."""

_LONGEST_NAME_BYTES: Final = 200


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """One attempt at making what a request wants."""

    kind: Kind
    wanted: Wanted
    files: Mapping[str, KeptFile]
    """The inputs, by their roles; the bench knows those that parameters name."""

    bench: Workbench
    on_event: Callable[[Event], None]
    cancelled: threading.Event

    def package(self) -> StoredPackage:
        """The package; of a file that is measured or judged, one that holds nothing but the report.

        Raises as the run of a recipe does.
        """
        try:
            if self.kind is Kind.MAKE:
                return self._made()
            if self.kind is Kind.PROCESS:
                return self._processed()
            return cast(StoredPackage, self.bench.on_files(self._only_step(), stored(self.files))[0])
        finally:
            self.bench.close()

    def _made(self) -> StoredPackage:
        views = self.wanted.options.views if isinstance(self.wanted.options, MakeOptions) else ()
        pictures: list[Any] = []
        notes: list[str] = []
        for number in range(sum(map(is_picture, self.files))):
            params = lane_stages.ReadPictureParams(view=views[number] if number < len(views) else None)
            step = RecipeStep(stage=lane_stages.read_picture, params=params)
            picture, said = self._read(step, {lane_stages.PICTURE: self.files[f"picture_{number}"]})
            pictures.append(picture)
            notes += said
        return cast(StoredPackage, self._run().from_pictures(front_first(pictures), notes=notes))

    def _processed(self) -> StoredPackage:
        up = self.wanted.options.up if isinstance(self.wanted.options, ProcessOptions) else "y"
        step = RecipeStep(stage=lane_stages.read_model, params=lane_stages.ReadModelParams.model_validate({"up": up}))
        asset, notes = self._read(step, {lane_stages.MODEL: self.files["model"]})
        return cast(StoredPackage, self._run().from_asset(asset, notes=notes))

    def _read(self, step: RecipeStep, files: Mapping[str, KeptFile]) -> tuple[Any, Sequence[str]]:
        """What is in an uploaded file, and what reading it had to say."""
        stages = [later.stage.name for later in self._recipe.steps]  # so that reading does not count as the whole job
        handle, context = self.bench.on_files(step, stored(files), recipe={"stages": stages})
        return handle, context.notes

    def _run(self) -> Run:
        recipe = with_files(self._recipe, {role: file.name for role, file in stored(self.files).items()})
        return Run(recipe=recipe, on_event=self.on_event, cancelled=self.cancelled, bench=self.bench)

    @property
    def _recipe(self) -> Recipe:
        if self.wanted.recipe is None:
            raise PostconditionError(f"a job of kind {self.kind} was read without a recipe: a bug in Kiln")
        return self.wanted.recipe

    def _only_step(self) -> RecipeStep:
        """The one stage of a job that runs no recipe."""
        if self.kind is Kind.INSPECT:
            return RecipeStep(stage=file_stages.inspect, params=file_stages.InspectParams())
        contract = self.wanted.contract
        if contract is not None:
            return RecipeStep(stage=file_stages.check, params=file_stages.CheckParams(name=contract.name, contract=contract.as_data()))
        up = self.wanted.options.up if isinstance(self.wanted.options, ExportOptions) else "y"
        given = self._recipe.steps[-1].params.model_dump(exclude={"out"})
        return RecipeStep(stage=file_stages.hand_over, params=file_stages.HandOverParams(**given, up=up))


def stored(files: Mapping[str, KeptFile]) -> dict[str, StoredFile]:
    """A tenant's files as lanes get them, by their roles."""
    return {role: _stored_file(file) for role, file in files.items()}


def _stored_file(file: KeptFile) -> StoredFile:
    """A tenant's file under its own name, which goes into the package's manifest, or one like it that every disk takes."""
    path = PurePosixPath(file.name)
    kind = path.suffix.removeprefix(".") if file.job_id is not None else file.role
    is_own = path.suffix.lower() in _ENDINGS.get(kind, (f".{kind}",)) and _fits_every_disk(path.name)
    return StoredFile(
        name=path.name if is_own else f"{safe_name(path.stem)}.{kind}",
        content=Reference(key=file.key, sha256=file.sha256),
        size=file.size,
        media_type=file.media_type,
    )


def _fits_every_disk(name: str) -> bool:
    return not (_FORBIDDEN & set(name) or is_reserved(name) or len(name.encode()) > _LONGEST_NAME_BYTES or name != name.strip(". "))
