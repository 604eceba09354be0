"""Files of tenants: what they uploaded, and what their jobs made.

The bytes lie in the store, shared by all who have the same; here is whose they are and what they are called. Nobody reaches bytes by their
key: a file's id, and being its tenant, is the only way to them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, RowMapping, exists, select

from kiln.errors import ConflictError, InputError
from kiln.jobs.records.clock import Clock, SystemClock
from kiln.jobs.records.database import Database
from kiln.jobs.records.ids import is_id, new_id
from kiln.jobs.records.tables import FILES, JOBS
from kiln.jobs.records.tenants import add_tenant, lock_tenant

MAX_NAME: Final = 400
"""Characters of a file's name, folders included."""


@dataclass(frozen=True, kw_only=True)
class NewFile:
    """A file that is to be kept; its content is in the store already."""

    name: str
    """To show to people; of a package's files, the path inside it."""

    role: str
    """What it is: of uploads the kind that was found, such as "png"; of a job's files "package", "report", "preview" and so on."""

    key: str
    sha256: str
    size: int
    """Bytes."""

    media_type: str

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= MAX_NAME or not self.name.isprintable():
            raise InputError(f"{self.name[:80]!r} is no name of a file: 1 to {MAX_NAME} printable characters")


@dataclass(frozen=True, kw_only=True)
class KeptFile(NewFile):
    """A tenant's file."""

    id: str
    tenant: str
    job_id: str | None
    """The job that made it; None for an upload."""

    created_ms: int
    """Milliseconds since 1970 in UTC."""


class FileBook:
    """The files in a database; safe to use from many threads and processes."""

    def __init__(self, database: Database, *, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()

    def add(self, file: NewFile, *, tenant: str) -> KeptFile:
        """Keep an upload."""
        return self._database.write(lambda connection: self._add(connection, [file], tenant=tenant, job_id=None)[0])

    def add_of_job(self, files: Iterable[NewFile], *, tenant: str, job_id: str) -> tuple[KeptFile, ...]:
        """Keep what a job made, all of it at once. A job's names are kept once: made again, a file of that name is the one there was."""
        given = tuple(files)

        def write(connection: Connection) -> tuple[KeptFile, ...]:
            there = {file.name: file for file in _find(connection, FILES.c.job_id == job_id)}
            new = [file for file in given if file.name not in there]
            added = {file.name: file for file in self._add(connection, new, tenant=tenant, job_id=job_id)}
            return tuple({**there, **added}[file.name] for file in given)

        return self._database.write(write, repeatable=True)

    def get(self, file_id: str, *, tenant: str | None) -> KeptFile:
        """A file; with a tenant, only if it is theirs. InputError when there is none, which does not say whether somebody else has it."""
        found = () if not is_id(file_id) else self._found(FILES.c.id == file_id, *_of(tenant))
        if not found:
            raise InputError(f"there is no file {file_id[:80]!r}: upload it first, or see what the job made with `kiln jobs show`")
        return found[0]

    def of_job(self, job_id: str) -> tuple[KeptFile, ...]:
        """What a job made, by name; none for a job that is not there."""
        return self._found(FILES.c.job_id == job_id) if is_id(job_id) else ()

    def remove(self, file_id: str, *, tenant: str | None) -> None:
        """Forget a file; its bytes go when nobody needs them any more.

        InputError when there is none, ConflictError as long as a job that has not ended names it.
        """
        file = self.get(file_id, tenant=tenant)

        def write(connection: Connection) -> None:
            lock_tenant(connection, file.tenant)  # whoever submits holds it, too: no job can come to name a file that goes
            if _is_needed(connection, file):
                raise ConflictError(f"{file.id} is needed by a job that has not ended: wait for it, or cancel it")
            connection.execute(FILES.delete().where(FILES.c.id == file.id))

        self._database.write(write, repeatable=True)

    def _found(self, *conditions: ColumnElement[bool]) -> tuple[KeptFile, ...]:
        return self._database.read(lambda connection: _find(connection, *conditions))

    def _add(self, connection: Connection, files: Iterable[NewFile], *, tenant: str, job_id: str | None) -> list[KeptFile]:
        add_tenant(connection, tenant)
        now = self._clock.now_ms()
        kept = [KeptFile(**asdict(file), id=new_id("file"), tenant=tenant, job_id=job_id, created_ms=now) for file in files]
        if kept:
            connection.execute(FILES.insert(), [asdict(file) for file in kept])
        return kept


def _find(connection: Connection, *conditions: ColumnElement[bool]) -> tuple[KeptFile, ...]:
    rows = connection.execute(select(FILES).where(*conditions).order_by(FILES.c.number)).mappings()
    return tuple(_file_of(row) for row in rows)


def _is_needed(connection: Connection, file: KeptFile) -> bool:
    """Whether a job of its tenant that has not ended names the file."""
    naming = JOBS.c.request.contains(f'"{file.id}"', autoescape=True)
    unfinished = exists().where(JOBS.c.tenant == file.tenant, JOBS.c.ended_ms.is_(None), naming)
    return bool(connection.execute(select(unfinished)).scalar_one())


def _file_of(row: RowMapping) -> KeptFile:
    values: dict[str, Any] = {name: value for name, value in row.items() if name != "number"}
    return KeptFile(**values)


def _of(tenant: str | None) -> tuple[ColumnElement[bool], ...]:
    return () if tenant is None else (FILES.c.tenant == tenant,)
