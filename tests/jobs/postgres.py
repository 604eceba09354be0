"""A PostgreSQL server of the tests' own: in a temporary folder, on a unix socket only, under an unprivileged user."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

_LIMIT_S = 60


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is missing: install PostgreSQL and put its programs on PATH (on Debian from /usr/lib/postgresql/15/bin)")
    return found


def _unprivileged() -> pwd.struct_passwd | None:
    """Whom to run the server as: PostgreSQL refuses to be root. None: as ourselves."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


class Server:
    """One server and its files."""

    def __init__(self, folder: Path, *, identity: dict[str, Any], options: tuple[str, ...]) -> None:
        self.folder = folder
        self._identity = identity
        self._options = options
        init = (_program("initdb"), "-D", folder / "data", "-U", "kiln", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        subprocess.run(init, check=True, capture_output=True, cwd=folder, timeout=_LIMIT_S, **identity)
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = ("-c", f"unix_socket_directories={self.folder}", "-c", "listen_addresses=", "-c", "max_connections=200", *self._options)
        command = (_program("postgres"), "-D", self.folder / "data", *settings)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, **self._identity)
        give_up = time.monotonic() + _LIMIT_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > give_up:
                pytest.fail((self.folder / "log").read_text())
            time.sleep(0.05)  # it offers no event to wait for

    def stop(self, *, at_once: bool = False) -> None:
        """End it and all sessions; at once: as a crash does, without writing anything."""
        self._process.send_signal(signal.SIGQUIT if at_once else signal.SIGINT)
        self._process.wait(timeout=_LIMIT_S)

    @property
    def url(self) -> str:
        return f"postgresql://kiln@/postgres?host={self.folder}"

    def empty_database(self) -> str:
        """The URL of the server's one database, without any table or session that was left there; far faster than a new one."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postgres' AND pid <> pg_backend_pid()"
            )
            connection.execute("DROP SCHEMA IF EXISTS kiln_workflows CASCADE")
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        return self.url

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=10).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def server(*options: str) -> Iterator[Server]:
    """A server that is gone, with its files, when the block ends. It may lose data with the machine (no fsync), not with a process."""
    user = _unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="kiln-pg-"))  # pytest's own folder is closed to other users, and a socket's path must be short
    identity = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    try:
        started = Server(folder, identity=identity, options=("-c", "fsync=off", *options))
        try:
            yield started
        finally:
            started.stop(at_once=True)
    finally:
        shutil.rmtree(folder)
