"""What stands between DBOS and the rest of Kiln: its errors become ours, and it may not unpickle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from dbos import error as dbos_error
from dbos._serialization import DefaultSerializer  # no part of DBOS' interface: see refuse_pickle
from sqlalchemy.exc import SQLAlchemyError

from kiln.errors import StorageError
from kiln.jobs.telemetry.scrub import scrub

_DISK_FULL: Final = "53100"
"""PostgreSQL's code."""


@contextmanager
def translated() -> Iterator[None]:
    """A trouble of DBOS' or its database's as a StorageError."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        words = scrub(str(cause).strip().partition("\n")[0])
        if "disk is full" in words or getattr(cause, "sqlstate", None) == _DISK_FULL:
            raise StorageError(f"the queue cannot grow: {words}; free some space on its disk", kind="full") from None
        raise StorageError(f"the queue is out of reach: {words}; see that its database runs, and ask again") from None
    except dbos_error.DBOSException as refusal:
        raise StorageError(f"the queue refused: {scrub(str(refusal))}; ask again") from None


def refuse_pickle() -> None:
    """Have DBOS unpickle nothing, for the rest of this process.

    A row says itself in which format it is, and DBOS believes it, whatever serialiser it was given. It offers no switch for that, so its
    reader is replaced.
    """
    DefaultSerializer.deserialize = _no_pickle  # type: ignore[assignment, method-assign]


def _no_pickle(_self: DefaultSerializer, _text: str) -> Any:
    raise StorageError("the queue's tables hold a pickled object, which Kiln never writes: restore them from a backup", kind="damaged")
