"""`kiln worker`: one more worker for the queue, on any machine that reaches its database and its store."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from kiln import settings
from kiln.errors import SetupError
from kiln.faces.lanes import LaneChoice, lane_options, open_executor
from kiln.faces.operation import LogFormat, log_options, observed, sending_webhooks
from kiln.faces.stop_signals import StopSignals

if TYPE_CHECKING:
    from kiln.jobs.crew.worker import Worker
    from kiln.jobs.service import Service

GRACE_S: Final = 30.0
"""What a stop signal leaves to what runs; most orchestrators send SIGKILL 30 s after theirs, and more is asked for by --grace."""

_LETTING_GO_S: Final = 10.0
"""What a drained worker may take to write down what it has not finished."""

grace_option: Final = click.option(
    "--grace",
    "grace_s",
    type=click.FloatRange(0, 86_400),
    default=GRACE_S,
    metavar="SECONDS",
    help=f"How long running jobs may go on when asked to stop; the rest is done after the next start. [default: {GRACE_S:g}]",
)
data_option: Final = click.option(
    "--data", type=click.Path(path_type=Path), default=Path("data"), help="Folder of this machine's own files. [default: data]"
)


@click.command()
@click.option("--name", help="Of this worker: it must be its own, and the same after a restart. [default: the host's name]")
@data_option
@lane_options
@click.option("--health-port", type=click.IntRange(0, 65_535), help="Answer /livez, /readyz and /metrics at this port. [default: no]")
@click.option("--health-host", default="127.0.0.1", help="Where it does so: 0.0.0.0 for probes from outside. [default: 127.0.0.1]")
@grace_option
@log_options
def worker(
    name: str | None,
    data: Path,
    health_port: int | None,
    health_host: str,
    grace_s: float,
    log_format: LogFormat,
    log_level: str,
    **lanes: Any,
) -> None:
    """Take jobs from the queue of a Kiln service, on any machine.

    \b
    All machines need the same two addresses:
      export KILN_DATABASE_URL=postgresql://kiln@db.example.com/kiln
      export KILN_STORE=s3://studio/kiln
      kiln worker --gpu 0
    SIGTERM lets running stages end within --grace; a second one stops at once. What was not finished goes on elsewhere.
    """
    store_url = _check_shared()
    from kiln.jobs.service import open_service

    executor_id = name or socket.gethostname()
    with (
        observed("worker", name=executor_id, log_format=log_format, log_level=log_level),
        StopSignals() as signals,
        open_service(data=data, store_url=store_url) as service,
        ExitStack() as stack,
    ):
        started = stack.enter_context(running_worker(service, LaneChoice(**lanes), name=executor_id, data=data, store_url=store_url))
        if health_port is not None:
            stack.enter_context(_health(service, started, host=health_host, port=health_port))
        click.echo(f"kiln worker {executor_id} takes jobs; its own files lie in {data.resolve()}")
        signals.wait(1, or_until=lambda: started.is_leaving)
        click.echo(f"kiln worker {executor_id} stops: what runs has {grace_s:g} s to end")
        stop_within(grace_s, started, signals)


@contextmanager
def running_worker(service: Service, lanes: LaneChoice, *, name: str, data: Path, store_url: str) -> Iterator[Worker]:
    """A worker that takes jobs within the block. When it ends, whatever still runs is stopped at once."""
    from kiln.jobs.crew.carry_out import Carrier
    from kiln.jobs.crew.worker import Worker

    with ExitStack() as stack:
        executor = open_executor(lanes, data=data, store=service.store, store_url=store_url, worker=name)
        stack.callback(executor.close)
        carrier: Carrier
        worker = Worker(service, executor, executor_id=name, carry_out=lambda job_id: carrier.carry_out(job_id))  # noqa: PLW0108 - each needs the other
        carrier = Carrier(service, executor_id=name, run_stage=worker.stage)
        stack.callback(carrier.close)
        worker.start()
        stack.enter_context(_kept_house(service))
        stack.enter_context(sending_webhooks(service))
        yield worker


@contextmanager
def _kept_house(service: Service) -> Iterator[None]:
    """What is old is forgotten, hour by hour, within the block."""
    from kiln.jobs.upkeep.housekeeping import Housekeeper

    keeper = Housekeeper(service.database, service.store, forget_workflows=service.queue.forget)
    keeper.start()
    try:
        yield
    finally:
        keeper.stop(wait_s=_LETTING_GO_S)


def stop_within(grace_s: float, worker: Worker, signals: StopSignals) -> None:
    """Take no more jobs, and wait for what runs: as long as that, or until somebody asks a second time."""
    draining = threading.Thread(target=worker.drain, kwargs={"wait_s": grace_s}, name="drain", daemon=True)
    draining.start()
    signals.wait(2, or_until=lambda: not draining.is_alive(), limit_s=grace_s + _LETTING_GO_S)


@contextmanager
def _health(service: Service, worker: Worker, *, host: str, port: int) -> Iterator[None]:
    from kiln.jobs.telemetry.health_server import HealthServer

    with HealthServer(port, host=host, troubles=service.troubles, alive=lambda: not worker.is_leaving) as health:
        click.echo(f"its health is at http://{host}:{health.port}/readyz")
        yield


def _check_shared() -> str:
    """The store's URL. SetupError unless this worker shares its database and its store with the others."""
    database, store = settings.database_url(), settings.chosen_store_url()
    if database is None or not database.startswith(("postgresql:", "postgres:", "postgresql+")):
        raise SetupError(
            "a further worker needs the service's queue: set KILN_DATABASE_URL to its PostgreSQL, as in postgresql://kiln@host/kiln "
            "(SQLite is for one process: there `kiln serve` has its own worker)"
        )
    if store is None:
        raise SetupError(
            "a further worker needs the service's store: set KILN_STORE to the s3://bucket/prefix, or the folder on a shared disk, "
            "that the service uses"
        )
    return store
