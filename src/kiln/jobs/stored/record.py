"""Records of finished stages: what a call made, under the digest of everything that has a say in it.

`stages/<digest>` is put once and never changed; whoever comes second takes what is there. It names contents by their SHA-256, so a record
whose contents are there is as good as the stage's work.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from kiln.errors import AlreadyStored, StorageError
from kiln.jobs.executors.interface import Reference, StageResult
from kiln.storage.blobs import blob_key
from kiln.storage.store import Store

STAGES: Final = "stages"
"""The folder of a store in which records lie."""

_MEDIA_TYPE: Final = "application/json"
_MOST_BYTES: Final = 4 << 20
"""Of one record: it holds names and numbers only. A package has some hundred files, of 150 bytes each here."""


def record_key(digest: str) -> str:
    """Where the record of the call with this digest lies."""
    return f"{STAGES}/{digest}"


class StageRecord(BaseModel):
    """What a finished stage made and said: frozen, unknown names and wrong types refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal[1] = 1
    stage: str
    outputs: Mapping[str, Reference]
    values: Mapping[str, Any] = {}
    notes: tuple[str, ...] = ()
    measures: Mapping[str, Annotated[float, Field(allow_inf_nan=False)]] = {}

    @model_validator(mode="after")
    def _check_keys(self) -> StageRecord:
        """A record leads to contents, and nowhere else."""
        if any(reference.key != blob_key(reference.sha256) for reference in self.outputs.values()):
            raise ValueError("an output's key is not its content's")
        return self

    @classmethod
    def of(cls, stage: str, result: StageResult) -> StageRecord:
        """The record of a result; how long it took, and where, is not in it, so that the same work gives the same record."""
        return cls(stage=stage, outputs=result.outputs, values=result.values, notes=result.notes, measures=result.measures)


def find_record(store: Store, digest: str) -> StageRecord | None:
    """The record of this digest, if it is sound and all its contents are there; one that is not is removed, to make room for a new one."""
    key = record_key(digest)
    try:
        record = read_record(store.get(key))
    except StorageError as error:
        if error.kind == "missing":
            return None
        if error.kind != "damaged":
            raise
        record = None
    if record is None or not is_whole(store, record):
        store.delete(key)
        return None
    return record


def is_whole(store: Store, record: StageRecord) -> bool:
    """Whether all contents that a record names are there."""
    keys = sorted({reference.key for reference in record.outputs.values()})
    return all(store.each(keys, lambda key: is_there(store, key)).values())


def is_there(store: Store, key: str, *, in_place: bool = False) -> bool:
    """Whether a content is there; one that is plainly damaged is removed, to make room for a whole one. Its bits are not looked at.

    `in_place`: what lies in the trash does not count, because whoever asks has the bytes at hand.
    """
    try:
        return store.lies_at(key) if in_place else store.exists(key)
    except StorageError as error:
        if error.kind != "damaged":
            raise
    store.delete(key)
    return False


def keep_record(store: Store, digest: str, record: StageRecord) -> tuple[StageRecord, bool]:
    """Put a record; what is there then, and whether it is this one: of two writers the first one's holds."""
    key = record_key(digest)
    try:
        store.put(key, _bytes_of(record), media_type=_MEDIA_TYPE)
    except AlreadyStored:
        there = find_record(store, digest)
        if there is not None:
            return there, False
        store.put(key, _bytes_of(record), media_type=_MEDIA_TYPE)
    return record, True


def _bytes_of(record: StageRecord) -> bytes:
    """In the order of its entries, which reports keep."""
    return record.model_dump_json().encode()


def read_record(data: bytes) -> StageRecord | None:
    """What a record's bytes say; None when they are no record."""
    try:
        return StageRecord.model_validate_json(data) if len(data) <= _MOST_BYTES else None
    except (ValidationError, RecursionError):
        return None
