"""Many processes and threads at once, and processes that are killed: what was acknowledged is there, once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from jobs.checker import broken_promises, read_history
from jobs.mortal import order
from kiln.errors import ConflictError
from kiln.jobs.money.ledger import Ledger
from kiln.jobs.records.database import Database
from kiln.jobs.records.failure_reason import FailureReason
from kiln.jobs.records.job import Failure, Job, State
from kiln.jobs.records.job_store import JobStore

HERE = Path(__file__).parent
PROCESSES, THREADS = 2, 25
TIMEOUT_S = 60


def submit_from_everywhere(url: str, **wish: object) -> list[str]:
    """50 submits at once, half of them from each of two processes."""
    command = [sys.executable, HERE / "client.py", url, json.dumps(wish | {"tenant": "studio", "threads": THREADS})]
    clients = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]
    try:
        for client in clients:
            assert client.stdout is not None
            assert client.stdout.readline() == "ready\n"
        for client in clients:
            assert client.stdin is not None
            client.stdin.write("go\n")
            client.stdin.flush()
        answers = [json.loads(client.communicate(timeout=TIMEOUT_S)[0]) for client in clients]
    finally:
        for client in clients:
            client.kill()
            client.communicate()
    return [answer for process in answers for answer in process]


def test_fifty_submits_under_one_key_are_one_job(database: Database, database_url: str) -> None:
    answers = submit_from_everywhere(database_url, key="k", microdollars=3)
    job, *others = JobStore(database).in_state(*State)
    assert (answers, others) == ([job.id] * 50, [])
    assert Ledger(database).spent("studio") == 3
    assert broken_promises(read_history(database, acknowledged={job.id: State.QUEUED})) == []


@pytest.mark.parametrize("limit", ["budget", "quota"])
def test_fifty_submits_with_credit_for_ten_are_ten_jobs(database: Database, database_url: str, limit: str) -> None:
    ledger = Ledger(database)
    if limit == "budget":
        ledger.set_budget("studio", microdollars=100)
    else:
        ledger.set_quota("sam3d", gpu_ms_a_day=10_999)
    answers = submit_from_everywhere(database_url, key=None, microdollars=10)
    accepted = [answer for answer in answers if answer.startswith("job_")]
    assert (len(set(accepted)), len(accepted), answers.count("BudgetError")) == (10, 10, 40)
    assert ledger.spent("studio") == 100
    assert broken_promises(read_history(database, acknowledged=dict.fromkeys(accepted, State.QUEUED))) == []


def outcome(action: Callable[[], Job]) -> State | None:
    """The state a change led to; None when somebody else was faster."""
    try:
        return action().state
    except ConflictError:
        return None


def test_one_of_many_executors_gets_a_job(database: Database) -> None:
    store = JobStore(database)
    job = store.submit(order(0)).job
    with ThreadPoolExecutor(8) as pool:
        started = list(pool.map(lambda name: outcome(lambda: store.start(job, executor_id=name)), "abcdefgh"))
    assert sorted(started, key=str) == [None] * 7 + [State.RUNNING]
    assert broken_promises(read_history(database)) == []


def test_one_of_all_that_end_a_job_does(database: Database) -> None:
    store = JobStore(database)
    told: dict[str, State] = {}
    with ThreadPoolExecutor(4) as pool:
        for number in range(10):
            job = store.start(store.submit(order(number)).job, executor_id="e")
            ends = (
                partial(store.succeed, job, results={}, measured=order(0).charges),
                partial(store.succeed, job, results={}, measured=()),
                partial(store.fail, job, Failure(reason=FailureReason.BACKEND, message="no")),
                partial(store.ask_to_cancel, job.id),
            )
            ended = [state for state in pool.map(outcome, ends) if state is not None]
            assert len(ended) == 1
            told[job.id] = ended[0]
    assert broken_promises(read_history(database, acknowledged=told)) == []


def test_a_client_killed_anywhere_in_a_submit_gets_one_job_when_it_asks_again(database: Database, database_url: str) -> None:
    ran = subprocess.run([sys.executable, HERE / "mortal.py", database_url], check=True, capture_output=True, timeout=TIMEOUT_S)
    died = int(ran.stdout)
    assert died >= 12  # at least five statements, before and after, and the commit, before and after
    store = JobStore(database)
    left = {job.idempotency_key for job in store.in_state(*State)}
    assert left == {f"key-{died - 1}", f"key-{died}"}  # only those that came past the commit
    receipts = [store.submit(order(number)) for number in range(died + 1)]
    assert [receipt.created for receipt in receipts] == [True] * (died - 1) + [False] * 2
    assert len({receipt.job.id for receipt in receipts}) == len(store.in_state(*State)) == died + 1
    acknowledged = {receipt.job.id: State.QUEUED for receipt in receipts}
    assert broken_promises(read_history(database, acknowledged=acknowledged)) == []


class Chatterbox:
    """A client that is killed at some moment, and what it had said by then."""

    def __init__(self, url: str, *options: str) -> None:
        command = [sys.executable, HERE / "chatterbox.py", url, *options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._said: list[str] = []

    def wait(self, *, lines: int) -> None:
        self._said += [self._process.stdout.readline() for _ in range(lines)]

    def kill(self) -> dict[str, State]:
        self._process.kill()
        self._process.wait(timeout=TIMEOUT_S)
        with self._process.stdout as pipe:
            self._said += pipe.readlines()
        return {line.split()[0]: State(line.split()[1]) for line in self._said if line.endswith("\n")}


def assert_sound(database: Database, acknowledged: dict[str, State]) -> None:
    assert broken_promises(read_history(database, acknowledged=acknowledged)) == []
    if database.engine.dialect.name == "sqlite":
        assert database.read(lambda connection: connection.exec_driver_sql("PRAGMA integrity_check").scalar()) == "ok"


def test_what_was_acknowledged_outlives_kills_at_any_moment(database: Database, database_url: str) -> None:
    acknowledged: dict[str, State] = {}
    for lines in (1, 8, 12):  # then the process is killed, wherever it is by then
        client = Chatterbox(database_url)
        client.wait(lines=lines)
        acknowledged |= client.kill()
    assert len(acknowledged) >= 8
    assert_sound(database, acknowledged)


@pytest.mark.long
def test_kills_while_several_write_and_fold_a_short_log(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    options = (str(database.engine.url), "100000")
    acknowledged: dict[str, State] = {}
    clients = [Chatterbox(*options) for _ in range(3)]
    for round_ in range(6):
        client = clients[round_ % 3]
        client.wait(lines=100)
        acknowledged |= client.kill()
        clients[round_ % 3] = Chatterbox(*options)
        assert (tmp_path / "jobs.sqlite-wal").stat().st_size < 1_000_000
    for client in clients:
        acknowledged |= client.kill()
    assert_sound(database, acknowledged)
    database.close()
