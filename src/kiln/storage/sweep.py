"""Garbage collection that loses nothing: contents that nobody needs go to the trash, and are deleted by a later sweep.

Somebody may start to need a content in the very moment it is swept. With M the move to the trash, R the second question what is needed,
W the writing of a record that needs it, and V its writer's look whether everything is there: when W comes before R, the sweep sees the
record and puts the content back; otherwise V comes after W, R and M, so that the writer misses it and puts it again. Every writer of
records must therefore look after writing, as `Shelf.add` does. A blob's name says what it is, so a store brings it back from the trash by
itself when somebody asks for it (`Store.head` and all reads): for blobs, asking is that look.

A sweep may be killed anywhere: the next one brings back what is needed. Let one run at a time; should a second one start while the first
stands still, what it brings back stays in the trash as well until its time is over, so that the first finds it there. In a folder a move
takes no room, so that a full disk can be swept.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from kiln.errors import AlreadyStored, InputError, StorageError
from kiln.storage.keys import TRASH, is_key, trash_key
from kiln.storage.store import Store

Needed = Callable[[Collection[str]], Collection[str]]
"""Which of these keys are needed now. It may name others, too."""


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What a sweep did."""

    trashed: tuple[str, ...]
    """Keys that nobody needed; a sweep after their time deletes them."""

    restored: tuple[str, ...]
    """Keys that were in the trash and are needed after all."""

    deleted: tuple[str, ...]
    """Keys that are gone for good."""

    freed: int
    """Bytes of what was deleted."""


def sweep(store: Store, folders: Sequence[str], *, older_than: float, needed: Needed, trashed_before: float | None = None) -> Swept:
    """Collect what nobody needs in these folders of the store.

    Times are seconds since 1970 by the store's clock. What was put after `older_than` stays, and so does what came into the trash after
    `trashed_before` (by default the same). `needed` is asked twice, and must look anew each time. Whatever it raises ends the sweep; what
    was in the trash by then stays there, and the next sweep puts back what is needed of it.
    """
    for folder in folders:
        if folder.split("/")[0] in ("", TRASH):
            raise InputError("a sweep needs folders of contents: not the whole store, and not its trash")
    in_trash = [entry for folder in folders for entry in store.entries(trash_key(folder))]
    old = [entry.key for folder in folders for entry in store.entries(folder) if entry.modified < older_than]
    needed_now = frozenset(needed({*old, *(_untrashed(entry.key) for entry in in_trash)}))
    restored = _restore(store, [key for entry in in_trash if (key := _untrashed(entry.key)) in needed_now])
    end = older_than if trashed_before is None else trashed_before
    over = [entry for entry in in_trash if entry.modified < end]
    thrown = [entry for entry in over if _untrashed(entry.key) not in needed_now]
    for entry in over:
        store.delete(entry.key)
    moved = discard(store, (key for key in old if key not in needed_now))
    needed_then = frozenset(needed(moved)) if moved else frozenset()
    back = _restore(store, [key for key in moved if key in needed_then])
    return Swept(
        trashed=tuple(key for key in moved if key not in back),
        restored=(*restored, *back),
        deleted=tuple(_untrashed(entry.key) for entry in thrown),
        freed=sum(entry.size for entry in thrown),
    )


def discard(store: Store, keys: Iterable[str]) -> tuple[str, ...]:
    """Move contents to the trash, whoever may need them; those that were there to be moved."""
    return tuple(key for key in keys if _move_to_trash(store, key))


def _move_to_trash(store: Store, key: str) -> bool:
    """False when the key is too long to have a place in the trash, is gone already, or is damaged, which a person should look at."""
    there = trash_key(key)
    if not is_key(there):
        return False
    try:
        store.copy(key, there, instead=True)  # of another time, perhaps another content
    except StorageError as error:
        if error.kind in ("missing", "damaged"):
            return False
        raise
    store.delete(key)
    return True


def _restore(store: Store, keys: Sequence[str]) -> tuple[str, ...]:
    """Put back all that are gone and can be; then the first error is raised. Those that were put back."""
    failed: StorageError | None = None
    restored = []
    for key in keys:
        try:
            if _put_back(store, key):
                restored.append(key)
        except StorageError as error:
            failed = failed or error
    if failed is not None:
        raise failed
    return tuple(restored)


def _put_back(store: Store, key: str) -> bool:
    """False where a content lies: it was put there again meanwhile, or brought back before."""
    if store.lies_at(key):
        return False
    try:
        store.copy(trash_key(key), key)
    except AlreadyStored:
        return False
    return True


def _untrashed(key: str) -> str:
    return key.removeprefix(f"{TRASH}/")
