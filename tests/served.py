"""A real `kiln serve` in a process of its own, on a folder of the test's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

LIMIT_S = 60.0
"""For anything that takes a second on a machine that is free."""

_PROGRAM = (sys.executable, "-c", "from kiln.faces.start import run; run()")


def environment(**more: str) -> dict[str, str]:
    """Ours without any KILN_ of the user's, and with these."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith("KILN_")}, "KILN_CACHE": "off", **more}


def kiln(*arguments: object, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """A command, run to its end."""
    words = [*_PROGRAM, *map(str, arguments)]
    return subprocess.run(words, cwd=cwd, env=environment(**more), capture_output=True, text=True, timeout=10 * LIMIT_S, check=False)


def start(*arguments: object, cwd: Path, log: Path | None = None, **more: str) -> subprocess.Popen[str]:
    """A command that goes on; what it says on stderr goes to the log, if there is one: a pipe that nobody reads would stop it."""
    words = [*_PROGRAM, *map(str, arguments)]
    with ExitStack() as opened:
        errors = subprocess.PIPE if log is None else opened.enter_context(log.open("a"))
        return subprocess.Popen(words, cwd=cwd, env=environment(**more), stdout=subprocess.PIPE, stderr=errors, text=True)


class Served:
    """A server that can be killed and started again at the same port."""

    def __init__(self, folder: Path, *arguments: object, environment: Mapping[str, str]) -> None:
        self._folder, self._arguments, self._environment = folder, arguments, environment
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        log = self._folder / "serve.log"
        self.process = start("serve", "--port", self.port, *self._arguments, cwd=self._folder, log=log, **self._environment)
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        if " at http://" not in first:
            self.process.communicate(timeout=LIMIT_S)
            pytest.fail(f"{first}{log.read_text()}")
        self.port = int(first.strip().rpartition(":")[2])
        give_up = time.monotonic() + LIMIT_S
        while not self.answers():
            assert time.monotonic() < give_up, "it listens, and does not answer"

    def answers(self) -> bool:
        """Whether it does."""
        try:
            return httpx.get(f"{self.url}/livez", timeout=5, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it, and say how it ended."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.communicate(timeout=LIMIT_S)
        return self.process.returncode


@contextmanager
def served(folder: Path, *arguments: object, **environment: Any) -> Iterator[Served]:
    """A server for as long as the block lasts."""
    server = Served(folder, *arguments, environment=environment)
    try:
        yield server
    finally:
        server.stop(signal.SIGKILL)
