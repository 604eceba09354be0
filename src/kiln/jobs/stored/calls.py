"""From handles to what a lane is asked, and from what it answers to handles."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypedDict

from kiln.asset import Asset, Package, Picture, Report, Step, Verdict
from kiln.backends import registry
from kiln.errors import InputError, PostconditionError
from kiln.formats import noun_codec
from kiln.jobs.executors.interface import Given, LaneKind, NamedFile, Reference, Remade, StageCall
from kiln.jobs.executors.terms import TERMS, VERDICT
from kiln.jobs.reception.parameter_files import role_of
from kiln.jobs.records.plain import sha256_of
from kiln.jobs.stored.names import ARCHIVE, CHANGED, CLEARED, FILE, FILES, NAME, NAMES, PICTURE, REPORT, VALUE
from kiln.jobs.stored.nouns import StoredAsset, StoredFile, StoredPackage, StoredPicture
from kiln.jobs.stored.record import StageRecord, is_there, record_key
from kiln.pipeline.call_digest import code_digest, counted, digest_of
from kiln.pipeline.recipe import RecipeStep
from kiln.stages.stage import BackendParams
from kiln.storage.blobs import BLOBS, blob_key
from kiln.storage.store import Store
from kiln.version import VERSION

_PLAIN: Final = frozenset({"name", "history"})
"""Fields of an asset that its handle holds itself."""

_CODEC: Final = ("store_codec.py", "names.py")
"""What has a say in what a result's record holds."""

_HISTORY: Final = tuple[Step, ...]


class Parts(TypedDict, total=False):
    """The fields of Given."""

    inputs: dict[str, Reference]
    values: dict[str, Any]
    remade: tuple[Remade, ...]


def parts_of(step: RecipeStep, thing: Any) -> Parts:
    """What a stage needs of a handle. TypeError for what is no handle."""
    if isinstance(thing, StoredAsset):
        return _parts_of_asset(thing, counted(step.stage) - _PLAIN)
    if isinstance(thing, StoredPicture):
        return {"inputs": {PICTURE: thing.content}}
    if isinstance(thing, tuple):
        return {"inputs": {str(number): picture.content for number, picture in enumerate(thing)}}
    if isinstance(thing, Mapping):
        return {
            "inputs": {role: file.content for role, file in thing.items()},
            "values": {NAMES: {r: file.name for r, file in thing.items()}},
        }
    raise TypeError(f"{step.stage.name} was given a {type(thing).__name__}, which is no handle of something stored")


@dataclass(frozen=True, kw_only=True)
class KnownCall:
    """A call with what it is known by."""

    step: RecipeStep
    call: StageCall
    digest: str
    """Of everything that has a say in what it makes; its judge's terms and verdict, too."""

    @property
    def backend(self) -> str | None:
        """The name of the backend that does the work, if one does."""
        return self.step.params.backend if isinstance(self.step.params, BackendParams) else None


def call_for(
    step: RecipeStep,
    parts: Parts,
    *,
    files: Mapping[str, StoredFile] | None = None,
    recipe: Mapping[str, Any] | None,
    owner: Mapping[str, Any],
) -> KnownCall:
    """The call of a stage on these parts; `owner` are the fields of StageCall that say whose it is and what it may use.

    `files` are what parameters name, by the roles of `parameter_files`. InputError when one names another: it would be the server's.
    """
    named = _named(step, files or {})
    params = step.params.model_dump(mode="json", exclude={"out", *step.stage.files})
    recipe = recipe if step.stage.gives is Package else None
    call = StageCall(
        stage=step.stage.name,
        version=VERSION,
        params=params,
        files=named,
        output_prefix=BLOBS,
        recipe=recipe,
        lane=lane_for(step),
        **parts,
        **owner,
    )
    given = given_digest(parts)
    contents = {name: named[name].sha256 if name in named else None for name in step.stage.files}
    return KnownCall(step=step, call=call, digest=digest_of(step, given=given, files=contents, recipe=recipe))


def given_digest(parts: Parts) -> str:
    """The digest of what a stage is given, and of the code that reads it from the store and writes what is made of it."""
    return sha256_of({"parts": Given(**parts).model_dump(mode="json"), "codec": _codecs_code()})


def lane_for(step: RecipeStep) -> LaneKind:
    """The kind of lane that a stage with these parameters needs."""
    if not isinstance(step.params, BackendParams):
        return "cpu"
    return "gpu" if registry.find(step.params.role, step.params.backend).needs_gpu else "cpu"


def with_history(store: Store, parts: Parts, asset: StoredAsset) -> Parts:
    """The parts with what was done to the asset, which the export writes down."""
    content = b"".join(noun_codec.encode(asset.history, _HISTORY).parts)
    sha256 = hashlib.sha256(content).hexdigest()
    if not is_there(store, blob_key(sha256), in_place=True):
        store.put(blob_key(sha256), content, sha256=sha256)
    return {**parts, "inputs": {**parts["inputs"], "history": Reference(key=blob_key(sha256), sha256=sha256)}}


def with_terms(parts: Parts, terms: Mapping[str, Any] | Verdict | None) -> Parts:
    """The parts with the contract that the export must keep, or with what the judge has decided."""
    asked: dict[str, Any] = {VERDICT: asdict(terms)} if isinstance(terms, Verdict) else {TERMS: terms}
    return {**parts, "values": {**parts.get("values", {}), **asked}}


def report_of(store: Store, record: StageRecord) -> Report:
    """What was measured on the package that a record tells of."""
    report: Report = noun_codec.decode(store.get(record.outputs[REPORT].key), Report)
    return report


def handle_of(store: Store, known: KnownCall, record: StageRecord, *, thing: Any) -> Any:
    """The handle of what a stage made of a thing; a report and the like, which hold no arrays, come whole."""
    gives, values, outputs = known.step.stage.gives, record.values, record.outputs
    if gives is Asset and isinstance(thing, StoredAsset):
        return _changed(thing, record, known.call)
    if gives is Asset:
        fields: dict[str, Any] = {"source": None, **outputs}
        return StoredAsset(name=values[NAME], **fields)
    if gives is Picture:
        return StoredPicture(content=outputs[PICTURE], **values)
    if gives is Package:
        return _package(store, known.digest, record)
    return noun_codec.decode(store.get(outputs[VALUE].key), gives)


def references_in(given: Given) -> list[Reference]:
    """Every content that a call needs."""
    files = given.files.values() if isinstance(given, StageCall) else ()
    return [*files, *given.inputs.values(), *(reference for made_by in given.remade for reference in references_in(made_by))]


@lru_cache(maxsize=1)
def _codecs_code() -> str:
    return code_digest(*(Path(__file__).with_name(name) for name in _CODEC))


def _named(step: RecipeStep, files: Mapping[str, StoredFile]) -> dict[str, NamedFile]:
    """Of each parameter that names a file, that file."""
    found: dict[str, NamedFile] = {}
    for name in sorted(step.stage.files):
        if getattr(step.params, name) is not None:
            file = files.get(role_of(step.stage.name, name))
            if file is None:
                raise InputError(f"{step.stage.name}: {name} names a file of the server's, which no job may read: leave it out")
            found[name] = NamedFile(name=file.name, key=file.content.key, sha256=file.content.sha256)
    return found


def _parts_of_asset(asset: StoredAsset, names: frozenset[str]) -> Parts:
    """The fields of these names: where they lie, or what makes them."""
    inputs: dict[str, Reference] = {}
    remade: dict[str, tuple[Remade, list[str]]] = {}
    for name in sorted(names):
        part = getattr(asset, name)
        if isinstance(part, Reference):
            inputs[name] = part
        elif isinstance(part, Remade):
            remade.setdefault(part.model_dump_json(), (part, []))[1].append(name)
    made = tuple(part.model_copy(update={"fields": tuple(wanted)}) for part, wanted in remade.values())
    return {"inputs": inputs, "values": {NAME: asset.name}, "remade": made}


def _changed(asset: StoredAsset, record: StageRecord, call: StageCall) -> StoredAsset:
    """The asset with the fields that a stage changed; those of a quick stage are made again by whoever needs them."""
    again = Remade(stage=call.stage, params=call.params, inputs=call.inputs, values=call.values, remade=call.remade, fields=())
    made: dict[str, Any] = {
        **record.outputs,
        **dict.fromkeys(record.values.get(CLEARED, ())),
        **dict.fromkeys(record.values.get(CHANGED, ()), again),
    }
    if made.keys() & _PLAIN:
        raise PostconditionError(f"{call.stage} changed what no stage may: a bug in that stage")
    return replace(asset, **made)


def _package(store: Store, digest: str, record: StageRecord) -> StoredPackage:
    def files(kind: str) -> dict[str, StoredFile]:
        return {
            part.removeprefix(kind): StoredFile(
                name=part.removeprefix(kind), content=content, size=about[part][0], media_type=about[part][1]
            )
            for part, content in record.outputs.items()
            if part.startswith(kind)
        }

    about = record.values[FILES]
    archives = files(ARCHIVE)
    name = record.values[NAME]
    named = {part: replace(file, name=f"{name}_{part}.zip" if part else f"{name}.zip") for part, file in archives.items()}
    return StoredPackage(name=name, files=files(FILE), archives=named, report=report_of(store, record), reference=record_key(digest))
