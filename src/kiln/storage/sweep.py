"""Garbage collection that loses nothing: contents that nobody needs go to the trash, and are deleted by a later sweep.

Somebody may start to need a content in the very moment it is swept. With M the move to the trash, R the second reading of what is needed,
W the writing of a record that needs it, and V its writer's look whether everything is there: when W comes before R, the sweep sees the
record and puts the content back; otherwise V comes after W, R and M, so that the writer misses it and puts it again. Every writer of
records must therefore look after writing, as `Shelf.add` does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from kiln.errors import AlreadyStored, InputError, StorageError
from kiln.storage.keys import is_key
from kiln.storage.store import Store

TRASH: Final = "trash"


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What a sweep did."""

    trashed: tuple[str, ...]
    """Keys that nobody needed; the next sweep after their time deletes them."""

    restored: tuple[str, ...]
    """Keys that were in the trash and are needed after all."""

    deleted: tuple[str, ...]
    """Keys that are gone for good."""

    freed: int
    """Bytes of what was deleted."""


def sweep(store: Store, folders: Sequence[str], *, older_than: float, live: Callable[[], Collection[str]]) -> Swept:
    """Collect what nobody needs in these folders of the store.

    `older_than`, in seconds since 1970 by the store's clock: younger contents stay, and so does what came into the trash later. `live` says
    which keys are needed; it is asked twice, and must look anew each time. Whatever it raises ends the sweep; what was in the trash by then
    stays there, and the next sweep puts back what is needed of it. One sweep at a time.
    """
    for folder in folders:
        if folder.split("/")[0] in ("", TRASH):
            raise InputError("a sweep needs folders of contents: not the whole store, and not its trash")
    needed = frozenset(live())
    restored = _restore(store, [key for key in map(_untrashed, store.keys(TRASH)) if key in needed])
    thrown = [entry for entry in store.entries(TRASH) if entry.modified < older_than]
    for entry in thrown:
        store.delete(entry.key)
    old = [item.key for folder in folders for item in store.entries(folder) if item.modified < older_than and item.key not in needed]
    moved = [key for key in old if _move_to_trash(store, key)]
    needed_now = frozenset(live())
    back = _restore(store, [key for key in moved if key in needed_now])
    return Swept(
        trashed=tuple(key for key in moved if key not in back),
        restored=(*restored, *back),
        deleted=tuple(_untrashed(entry.key) for entry in thrown),
        freed=sum(entry.size for entry in thrown),
    )


def _move_to_trash(store: Store, key: str) -> bool:
    """False when the key is too long to have a place in the trash, is gone already, or is damaged, which a person should look at."""
    there = f"{TRASH}/{key}"
    if not is_key(there):
        return False
    try:
        store.delete(there)  # of another time, perhaps another content
        store.copy(key, there)
    except StorageError as error:
        if error.kind in ("missing", "damaged"):
            return False
        raise
    store.delete(key)
    return True


def _restore(store: Store, keys: Sequence[str]) -> Sequence[str]:
    """Put them back, all that can be; then the first error is raised."""
    failed: StorageError | None = None
    for key in keys:
        try:
            _put_back(store, key)
        except StorageError as error:
            failed = failed or error
    if failed is not None:
        raise failed
    return keys


def _put_back(store: Store, key: str) -> None:
    """Where somebody has put a content there again meanwhile, that one stays."""
    there = f"{TRASH}/{key}"
    stored = store.head(there)
    with store.open(there) as content, suppress(AlreadyStored):
        store.put(key, content, media_type=stored.media_type, sha256=stored.sha256)
    store.delete(there)


def _untrashed(key: str) -> str:
    return key.removeprefix(f"{TRASH}/")
