"""A service's records in the folder or database that this machine reaches, without any service in between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kiln import settings
from kiln.errors import InputError, SetupError

if TYPE_CHECKING:
    from kiln.jobs.records.database import Database

_FILE: Final = "jobs.sqlite"


@contextmanager
def open_records(data: Path, *, make: bool = False) -> Iterator[Database]:
    """The job database at KILN_DATABASE_URL, else in the data folder; made there if it is missing and `make` says so.

    InputError when there is none, SetupError when it cannot be made.
    """
    url = settings.database_url()
    if url is None:
        _check_folder(data, make=make)
        url = f"sqlite:///{data / _FILE}"
    from kiln.jobs.records.database import Database

    database = Database(url)
    try:
        yield database
    finally:
        database.close()


def _check_folder(data: Path, *, make: bool) -> None:
    if (data / _FILE).is_file():
        return
    if not make:
        raise InputError(f"no service has kept anything in {data}: name its folder with --data, or the service with --server")
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"{data} cannot be made ({error.strerror or error}): choose another folder with --data") from None
