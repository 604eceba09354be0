"""The shelf: finished assets in a store, each a record and the files of its package.

assets/records/<when, newest first>-<token>              the record of an asset that was kept without a service
assets/tenants/<tenant>/<when, newest first>-<token>     the record of a service's tenant, whose name is hashed to be a folder's everywhere
assets/files/<2 digits>/<SHA-256>                        a file; assets that have the same file share it

Records may also point to contents that were there before, such as a job's: they stay for as long as the record does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from typing import Final, Required, TypedDict, Unpack

from pydantic import ValidationError

from kiln.errors import InputError, StorageError
from kiln.storage.record import LOCAL, AssetFile, AssetRecord, describe_refusal, is_id, new_id, read_record
from kiln.storage.shelf_index import SaidOfAssets
from kiln.storage.store import MAX_PAGE, Store
from kiln.storage.sweep import Swept, sweep

_RECORDS: Final = "assets/records"
_TENANTS: Final = "assets/tenants"
FILES: Final = "assets/files"
"""Contents that are kept for assets alone."""

_AT_ONCE: Final = 64
"""Records that are opened together."""

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


class About(TypedDict, total=False):
    """What is known of an asset besides its files."""

    name: Required[str]
    created: Required[datetime]
    """With a time zone."""

    token: str | None
    """Of the caller's own, such as a job's id: whoever repeats a call after a crash with it gets one asset."""

    tenant: str
    """Whose it is; without a service "local"."""

    prompt: str
    pictures: Sequence[str]
    """Keys of what it was made from, which are in the store."""

    recipe: str
    tags: Sequence[str]


class Shelf:
    """Assets kept in a store. Every failure is a StorageError, or an InputError for what was asked wrongly.

    An id is good for its tenant only: for another one there is no such asset.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._said = SaidOfAssets()

    def add(self, files: Mapping[str, bytes], **about: Unpack[About]) -> AssetRecord:
        """Keep a package's files, by their paths inside it, and a record of them; the asset is there once the record is.

        InputError for a value that no record takes, or a picture that is not in the store.
        """
        record = _record_of([_asset_file(path, data) for path, data in sorted(files.items())], about)
        self._check_pictures(record)
        contents = {file.key: files[file.name] for file in record.files}
        for key, data in contents.items():
            self.store.put(key, data)
        self._write(record)
        for key, data in contents.items():  # the look after writing that storage.sweep asks for
            if not self.store.exists(key):
                self.store.put(key, data)
        self._check_pictures(record)
        return record

    def add_stored(self, files: Iterable[AssetFile], **about: Unpack[About]) -> AssetRecord:
        """Keep a record of files whose contents are in this store already, such as a job's, without moving a byte of them.

        InputError as `add`, or when a content is not in the store, or another than is said.
        """
        record = _record_of(sorted(files, key=lambda file: file.name), about)
        self._check_contents(record)
        self._write(record)
        try:
            self._check_contents(record)  # the look after writing that storage.sweep asks for
        except InputError:
            self.store.delete(_record_key(record.id, record.tenant))
            raise
        return record

    def keep(self, data: bytes, *, media_type: str) -> str:
        """Put a picture beside the assets' files, for an asset that is about to name it; returns its key."""
        key = _file_key(hashlib.sha256(data).hexdigest())
        self.store.put(key, data, media_type=media_type)
        return key

    def get(self, id: str, *, tenant: str = LOCAL) -> AssetRecord:  # noqa: A002 - the name of the field
        """The tenant's asset. InputError when there is none of that id."""
        try:
            return self._record(_record_key(_checked(id), tenant), tenant)
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

    def search(self, text: str = "", *, tenant: str = LOCAL, cursor: str | None = None, limit: int = 50) -> Found:
        """A tenant's assets whose name, prompt or tags have every word of the text, the newest first; all without a text.

        Without a text, as many records are opened as are found. The first search opens all, and this shelf remembers what they say.
        """
        if not 1 <= limit <= MAX_PAGE:
            raise InputError(f"a page shows 1 to {MAX_PAGE} assets, not {limit}")
        damaged: list[str] = []
        found = tuple(islice(self._matching(text, tenant, after=cursor, damaged=damaged), limit + 1))
        more = len(found) > limit
        return Found(assets=found[:limit], cursor=found[limit - 1].id if more else None, damaged=tuple(damaged))

    def remove(self, id: str, *, tenant: str = LOCAL) -> None:  # noqa: A002 - the name of the field
        """Take the tenant's asset off the shelf at once; its files stay until they are swept, if nothing else needs them."""
        key = _record_key(_checked(id), tenant)
        if not self.store.exists(key):
            raise _no_asset(id)
        self.store.delete(key)
        self._said.forget(key)

    def live_keys(self) -> frozenset[str]:
        """Every key that an asset needs, whoever it belongs to."""
        return frozenset(key for record in self._all_records() for key in record.keys)

    def sweep(self, *, older_than: float, keep: Callable[[], Collection[str]] = frozenset, folders: Sequence[str] = (FILES,)) -> Swept:
        """Collect files that no asset needs and `keep` does not name; see storage.sweep. `keep` is asked twice."""
        return sweep(self.store, folders, older_than=older_than, needed=lambda _: self.live_keys() | frozenset(keep()))

    def _check_pictures(self, record: AssetRecord) -> None:
        for key in record.pictures:
            if not self.store.exists(key):
                raise InputError(f"the picture {key} is not in the store: put it there first")

    def _check_contents(self, record: AssetRecord) -> None:
        """Whether all that the record points to is in the store; a blob that was swept comes back from the trash by being asked for."""
        files = {file.name: file for file in record.files}
        self.store.each(list(files), lambda name: self._check_content(files[name]))
        self._check_pictures(record)

    def _check_content(self, file: AssetFile) -> None:
        try:
            there = self.store.head(file.key)
        except StorageError as error:
            if error.kind != "missing":
                raise
            raise InputError(f"{file.name} is not in the store (any more): put it there again first") from None
        if (there.sha256, there.size) != (file.sha256, file.size):
            raise InputError(f"{file.name} is another content in the store than was said: name what is there")

    def _write(self, record: AssetRecord) -> None:
        self.store.put(_record_key(record.id, record.tenant), record.json_bytes(), media_type="application/json")

    def _matching(self, text: str, tenant: str, *, after: str | None, damaged: list[str]) -> Iterator[AssetRecord]:
        """Records that have every word, the newest first. Ids of damaged ones are added to the list as they are come by."""
        words = text.casefold().split()
        cursor = None if after is None else _record_key(_checked(after), tenant)
        keys = (entry.key for entry in self.store.entries(_folder(tenant), cursor=cursor))
        while some := list(islice(keys, _AT_ONCE)):
            opened = self._open([key for key in some if self._said.of(key) is None] if words else [], tenant)
            wanted = [key for key in some if _has(self._text(key, opened), words)]
            opened |= self._open([key for key in wanted if key not in opened], tenant)
            for key in some:
                found = opened.get(key)
                if isinstance(found, StorageError):
                    _note_damaged(found, key, damaged)
                elif found is not None and key in wanted:
                    yield found

    def _text(self, key: str, opened: Mapping[str, AssetRecord | StorageError]) -> str | None:
        """What is searched of a record; None of one that cannot be read."""
        found = opened.get(key)
        return found.said if isinstance(found, AssetRecord) else None if found is not None else self._said.of(key) or ""

    def _open(self, keys: Sequence[str], tenant: str | None) -> dict[str, AssetRecord | StorageError]:
        """Records, or why they cannot be read."""
        return self.store.each(keys, lambda key: self._record_or_trouble(key, tenant))

    def _record_or_trouble(self, key: str, tenant: str | None) -> AssetRecord | StorageError:
        try:
            record = self._record(key, tenant)
        except StorageError as error:
            self._said.forget(key)
            return error
        self._said.keep(key, record.said)
        return record

    def _record(self, key: str, tenant: str | None) -> AssetRecord:
        """StorageError of kind "damaged" when it is no record, or one of another tenant."""
        record = read_record(self.store.get(key), key=key)
        if tenant not in (None, record.tenant):
            raise StorageError(f"{key} is another tenant's record, so somebody has put it there: delete it", kind="damaged")
        return record

    def _all_records(self) -> Iterator[AssetRecord]:
        """Every tenant's. A damaged one is an error: nobody knows what it needs."""
        keys = chain(self.store.keys(_RECORDS), self.store.keys(_TENANTS))
        while some := list(islice(keys, _AT_ONCE)):
            for found in self._open(some, None).values():
                if isinstance(found, AssetRecord):
                    yield found
                elif found.kind != "missing":  # it may have been removed since it was listed
                    raise found


def _has(said: str | None, words: Sequence[str]) -> bool:
    return said is not None and all(word in said for word in words)


def _note_damaged(error: StorageError, key: str, damaged: list[str]) -> None:
    """Add its id to the list; pass over a record that was removed since it was listed, and raise whatever else it is."""
    if error.kind == "damaged":
        damaged.append(_turned(key.rpartition("/")[2]))
    elif error.kind != "missing":
        raise error


def _record_of(files: Sequence[AssetFile], about: About) -> AssetRecord:
    """InputError for a value that no record takes."""
    try:
        return AssetRecord(
            id=new_id(about["created"], token=about.get("token")),
            name=about["name"],
            created=about["created"],
            tenant=about.get("tenant", LOCAL),
            prompt=about.get("prompt", ""),
            pictures=tuple(about.get("pictures", ())),
            recipe=about.get("recipe", ""),
            tags=tuple(about.get("tags", ())),
            files=tuple(files),
        )
    except ValidationError as error:
        raise InputError(f"this asset cannot be kept: {describe_refusal(error)}") from None


def _asset_file(path: str, data: bytes) -> AssetFile:
    digest = hashlib.sha256(data).hexdigest()
    try:
        return AssetFile(name=path, key=_file_key(digest), sha256=digest, size=len(data))
    except ValidationError:
        raise InputError(f"{path[:80]!r} is no path inside a package") from None


def _file_key(digest: str) -> str:
    return f"{FILES}/{digest[:2]}/{digest}"


def _checked(id: str) -> str:  # noqa: A002 - the name of the field
    if not is_id(id):
        raise InputError(f"{id[:60]!r} is no id of an asset: it looks like 20261120t201530-1f2e3d4c5b6a")
    return id


def _folder(tenant: str) -> str:
    """Where a tenant's records lie. Its name is hashed: some file systems do not tell `Studio` from `studio`, or have no `con`."""
    return _RECORDS if tenant == LOCAL else f"{_TENANTS}/{hashlib.sha256(tenant.encode()).hexdigest()[:32]}"


def _record_key(id: str, tenant: str) -> str:  # noqa: A002 - the name of the field
    return f"{_folder(tenant)}/{_turned(id)}"


def _turned(id: str) -> str:  # noqa: A002 - the name of the field
    """With the time's digits turned (0 to 9, 1 to 8): keys sort from the newest to the oldest. Turned twice it is the id again."""
    return f"{id[:_TIME_LENGTH].translate(_COMPLEMENT)}{id[_TIME_LENGTH:]}"


def _no_asset(id: str) -> InputError:  # noqa: A002 - the name of the field
    return InputError(f"there is no asset {id}: see `kiln assets list`")
