"""The shelf: finished assets in a store, each a record and the files of its package.

assets/records/<when, newest first>-<token>   the record
assets/files/<2 digits>/<SHA-256>             a file; assets that have the same file share it
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from pydantic import ValidationError

from kiln.errors import InputError, StorageError
from kiln.storage.record import AssetFile, AssetRecord, describe_refusal, is_id, new_id, read_record
from kiln.storage.store import MAX_PAGE, Store
from kiln.storage.sweep import Swept, sweep

_RECORDS: Final = "assets/records"
_FILES: Final = "assets/files"
_TIME_LENGTH: Final = len("20261120t201530")
_COMPLEMENT: Final = str.maketrans("0123456789", "9876543210")


@dataclass(frozen=True, kw_only=True)
class Found:
    """A page of assets, the newest first."""

    assets: tuple[AssetRecord, ...]
    cursor: str | None
    """Give it to get the next page; None at the end."""

    damaged: tuple[str, ...] = ()
    """Ids of assets whose record cannot be read; they are passed over."""


class Shelf:
    """Assets kept in a store. Every failure is a StorageError, or an InputError for what was asked wrongly."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def add(
        self,
        files: Mapping[str, bytes],
        *,
        name: str,
        created: datetime,
        token: str | None = None,
        prompt: str = "",
        pictures: Sequence[str] = (),
        recipe: str = "",
        tags: Sequence[str] = (),
    ) -> AssetRecord:
        """Keep a package's files, by their paths inside it, and a record of them; the asset is there once the record is.

        `created` needs a time zone. With a `token` of its own a caller may repeat the call after a crash and gets one asset. InputError
        for a value that no record takes, or a picture that is not in the store.
        """
        listed = [_asset_file(path, data) for path, data in sorted(files.items())]
        try:
            record = AssetRecord(
                id=new_id(created, token=token),
                name=name,
                created=created,
                prompt=prompt,
                pictures=tuple(pictures),
                recipe=recipe,
                tags=tuple(tags),
                files=tuple(listed),
            )
        except ValidationError as error:
            raise InputError(f"this asset cannot be kept: {describe_refusal(error)}") from None
        self._check_pictures(record)
        contents = {file.key: files[file.name] for file in record.files}
        for key, data in contents.items():
            self.store.put(key, data)
        self.store.put(_record_key(record.id), record.json_bytes(), media_type="application/json")
        self._look_again(record, contents)
        return record

    def keep(self, data: bytes, *, media_type: str) -> str:
        """Put a picture beside the assets' files, for an asset that is about to name it; returns its key."""
        key = _file_key(hashlib.sha256(data).hexdigest())
        self.store.put(key, data, media_type=media_type)
        return key

    def get(self, id: str) -> AssetRecord:  # noqa: A002 - the name of the field
        """The asset's record. InputError when there is none of that id."""
        key = _record_key(_checked(id))
        try:
            return read_record(self.store.get(key), key=key)
        except StorageError as error:
            if error.kind == "missing":
                raise _no_asset(id) from None
            raise

    def read(self, file: AssetFile) -> bytes:
        """One file of an asset, verified against both the store's digest and the record's."""
        data = self.store.get(file.key)
        if hashlib.sha256(data).hexdigest() != file.sha256:
            raise StorageError(f"{file.name} is not the file its record means: restore it from a backup", kind="damaged")
        return data

    def urls(self, record: AssetRecord, *, ttl_s: int) -> dict[str, str]:
        """By each file's path, a URL at which whoever holds it may GET the file for so many seconds."""
        return {file.name: self.store.url(file.key, ttl_s=ttl_s) for file in record.files}

    def search(self, text: str = "", *, cursor: str | None = None, limit: int = 50) -> Found:
        """Assets whose name, prompt or tags have every word of the text, the newest first; all without a text.

        Records are opened one by one, so a rare word takes as many reads as there are assets.
        """
        if not 1 <= limit <= MAX_PAGE:
            raise InputError(f"a page shows 1 to {MAX_PAGE} assets, not {limit}")
        damaged: list[str] = []
        matching = (record for record in self._records(after=cursor, damaged=damaged) if record.matches(text))
        found = tuple(islice(matching, limit + 1))
        more = len(found) > limit
        return Found(assets=found[:limit], cursor=found[limit - 1].id if more else None, damaged=tuple(damaged))

    def remove(self, id: str) -> None:  # noqa: A002 - the name of the field
        """Take the asset off the shelf at once; its files stay until they are swept, if no other asset has them."""
        key = _record_key(_checked(id))
        if not self.store.exists(key):
            raise _no_asset(id)
        self.store.delete(key)

    def live_keys(self) -> frozenset[str]:
        """Every key that an asset needs."""
        return frozenset(key for record in self._records() for key in record.keys)

    def sweep(self, *, older_than: float, keep: Callable[[], Collection[str]] = frozenset, folders: Sequence[str] = (_FILES,)) -> Swept:
        """Collect files that no asset needs and `keep` does not name; see storage.sweep. `keep` is asked twice."""
        return sweep(self.store, folders, older_than=older_than, live=lambda: self.live_keys() | frozenset(keep()))

    def _check_pictures(self, record: AssetRecord) -> None:
        for key in record.pictures:
            if not self.store.exists(key):
                raise InputError(f"the picture {key} is not in the store: put it there first")

    def _look_again(self, record: AssetRecord, contents: Mapping[str, bytes]) -> None:
        """The look after writing that storage.sweep asks for: what was there may have been swept before the record was."""
        for key, data in contents.items():
            if not self.store.exists(key):
                self.store.put(key, data)
        self._check_pictures(record)

    def _records(self, *, after: str | None = None, damaged: list[str] | None = None) -> Iterator[AssetRecord]:
        """Every record, the newest first. A damaged one is an error, unless there is a list to name it in."""
        for entry in self.store.entries(_RECORDS, cursor=None if after is None else _record_key(_checked(after))):
            try:
                yield read_record(self.store.get(entry.key), key=entry.key)
            except StorageError as error:
                if error.kind == "missing":  # removed since it was listed
                    continue
                if error.kind != "damaged" or damaged is None:
                    raise
                damaged.append(_turned(entry.key.removeprefix(f"{_RECORDS}/")))


def _asset_file(path: str, data: bytes) -> AssetFile:
    digest = hashlib.sha256(data).hexdigest()
    try:
        return AssetFile(name=path, key=_file_key(digest), sha256=digest, size=len(data))
    except ValidationError:
        raise InputError(f"{path[:80]!r} is no path inside a package") from None


def _file_key(digest: str) -> str:
    return f"{_FILES}/{digest[:2]}/{digest}"


def _checked(id: str) -> str:  # noqa: A002 - the name of the field
    if not is_id(id):
        raise InputError(f"{id[:60]!r} is no id of an asset: it looks like 20261120t201530-1f2e3d4c5b6a")
    return id


def _record_key(id: str) -> str:  # noqa: A002 - the name of the field
    return f"{_RECORDS}/{_turned(id)}"


def _turned(id: str) -> str:  # noqa: A002 - the name of the field
    """With the time's digits turned (0 to 9, 1 to 8): keys sort from the newest to the oldest. Turned twice it is the id again."""
    return f"{id[:_TIME_LENGTH].translate(_COMPLEMENT)}{id[_TIME_LENGTH:]}"


def _no_asset(id: str) -> InputError:  # noqa: A002 - the name of the field
    return InputError(f"there is no asset {id}: see `kiln assets list`")
