"""Processes of the tests' own, and what they say."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

HERE = Path(__file__).parent
TIMEOUT_S = 60


class Process:
    """A script of this folder; leaving it as a context kills it."""

    def __init__(self, script: str, *arguments: str) -> None:
        command = [sys.executable, "-m", f"jobs.{script}", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        self._said: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill()

    def wait_for(self, line: str) -> None:
        """Until it says this; what it says before is passed over."""
        while (said := self._said.get(timeout=TIMEOUT_S)) != line:
            assert said, f"it ended without saying {line!r}"

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def resident_bytes(self) -> int:
        """Its memory now. On Linux alone."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def wait(self) -> int:
        return self._process.wait(timeout=TIMEOUT_S)

    def kill(self) -> None:
        self._process.kill()
        self.wait()
        self._reader.join(timeout=TIMEOUT_S)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.put(line.strip())
        self._said.put("")
