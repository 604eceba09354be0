"""Which calls run in a cloud: written down before anybody waits for them, so that a restarted worker waits on instead of paying twice."""

from __future__ import annotations

import hashlib
import json
from typing import Final, Protocol

from kiln.errors import AlreadyStored, StorageError
from kiln.jobs.executors.interface import StageCall
from kiln.storage import Store

FOLDER: Final = "modal"
"""Of the store: one small content for each call whose end nobody has taken yet."""

_NOT_PART: Final = frozenset({"job", "tenant", "priority", "limits"})
"""Whom a call is for and how patient they are: calls that differ in nothing else make the same thing."""


class CallBook(Protocol):
    """Ids of running calls by what they make."""

    def recall(self, key: str) -> str | None:
        """The id of the call that makes this; None when none is at work."""

    def remember(self, key: str, call_id: str) -> str:
        """Write a call down; the id that counts from now on: somebody else's, if they were first."""

    def forget(self, key: str) -> None:
        """The call has ended, and whoever needs its result has it."""


class StoredCallBook:
    """A CallBook in a Store, so that any worker on any machine finds it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def recall(self, key: str) -> str | None:
        """As CallBook says."""
        try:
            return self._store.get(_place(key)).decode()
        except StorageError as error:
            if error.kind == "missing":
                return None
            raise

    def remember(self, key: str, call_id: str) -> str:
        """As CallBook says."""
        try:
            self._store.put(_place(key), call_id.encode())
        except AlreadyStored:
            return self.recall(key) or call_id
        return call_id

    def forget(self, key: str) -> None:
        """As CallBook says."""
        self._store.delete(_place(key))


def call_key(function: str, call: StageCall) -> str:
    """A SHA-256 of what a call makes, and where."""
    what = call.model_dump(mode="json", exclude=set(_NOT_PART)) | {"function": function}
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def _place(key: str) -> str:
    return f"{FOLDER}/{key}"
