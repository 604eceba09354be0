"""Who can write into the job database can break a job, and run nothing."""

from __future__ import annotations

import ast
import base64
import os
import pickle
from pathlib import Path

import pytest
from sqlalchemy import Text

from kiln.errors import StorageError
from kiln.jobs.records.database import Database
from kiln.jobs.records.job import Request
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.records.orders import Order
from kiln.jobs.records.tables import JOBS

ROOM = Path(JobStore.submit.__code__.co_filename).parent
LOADERS = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "yaml", "joblib", "jsonpickle"}


class Bomb:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("column", ["request", "results"])
@pytest.mark.parametrize("wrapped", [False, True], ids=["as it is", "within JSON"])
def test_an_edited_record_runs_nothing(store: JobStore, database: Database, tmp_path: Path, column: str, wrapped: bool) -> None:
    job = store.submit(Order(request=Request(recipe="prop"), tenant="studio")).job
    trace = tmp_path / "it ran"
    bomb = base64.b64encode(pickle.dumps(Bomb(trace))).decode()
    forged = f'{{"py/reduce": "{bomb}"}}' if wrapped else bomb
    database.write(lambda connection: connection.execute(JOBS.update().values({column: forged})))
    if column == "results" and wrapped:
        assert store.get(job.id).results == {"py/reduce": bomb}  # inert text
    else:
        with pytest.raises(StorageError, match=r"damaged|no JSON") as raised:
            store.get(job.id)
        assert raised.value.kind == "damaged"
    assert not trace.exists()


def test_structured_columns_are_text() -> None:
    assert all(isinstance(JOBS.c[name].type, Text) for name in ("request", "results"))


def test_nothing_in_the_room_loads_objects_or_code() -> None:
    found = []
    for file in ROOM.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [node.func.id] if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else []
            found += [f"{file.name}: {name}" for name in names if name.partition(".")[0] in LOADERS | {"eval", "exec", "PickleType"}]
    assert found == []
