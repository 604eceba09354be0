"""Garbage collection that loses nothing: contents that nobody needs go to the trash, and are deleted by a later sweep.

Somebody may start to need a content in the very moment it is swept. With M the move to the trash, R the second reading of what is needed,
W the writing of a record that needs it, and V its writer's look whether everything is there: when W comes before R, the sweep sees the
record and puts the content back; otherwise V comes after W, R and M, so that the writer misses it and puts it again. Every writer of
records must therefore look after writing, as `Shelf.add` does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from kiln.errors import AlreadyStored, InputError, StorageError
from kiln.storage.keys import is_key
from kiln.storage.store import Store
from kiln.storage.stored import Listed

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
    which keys are needed; it is asked twice, and must look anew each time. Whatever it raises ends the sweep before anything is deleted.
    """
    for folder in folders:
        if folder.split("/")[0] in ("", TRASH):
            raise InputError("a sweep needs folders of contents: not the whole store, and not its trash")
    needed = frozenset(live())
    restored = [key for key in _trashed_keys(store) if key in needed and _restore(store, key)]
    thrown = [entry for entry in _listed(store, TRASH) if entry.modified < older_than]
    for entry in thrown:
        store.delete(entry.key)
    old = [item.key for folder in folders for item in _listed(store, folder) if item.modified < older_than and item.key not in needed]
    moved = [key for key in old if _move_to_trash(store, key)]
    needed_now = frozenset(live())
    back = [key for key in moved if key in needed_now and _restore(store, key)]
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
        _copy(store, key, there)
    except StorageError as error:
        if error.kind in ("missing", "damaged"):
            return False
        raise
    store.delete(key)
    return True


def _restore(store: Store, key: str) -> bool:
    """Put it back; where its writer has put it again meanwhile, that one is as good."""
    with suppress(AlreadyStored):
        _copy(store, f"{TRASH}/{key}", key)
    store.delete(f"{TRASH}/{key}")
    return True


def _copy(store: Store, key: str, to: str) -> None:
    stored = store.head(key)
    with store.open(key) as content:
        store.put(to, content, media_type=stored.media_type, sha256=stored.sha256)


def _trashed_keys(store: Store) -> list[str]:
    return [_untrashed(entry.key) for entry in _listed(store, TRASH)]


def _untrashed(key: str) -> str:
    return key.removeprefix(f"{TRASH}/")


def _listed(store: Store, folder: str) -> Iterator[Listed]:
    page = store.list(folder)
    yield from page.items
    while page.cursor is not None:
        page = store.list(folder, cursor=page.cursor)
        yield from page.items
