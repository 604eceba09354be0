"""What a lane's child prints, as structured log lines with the job it belongs to. Floods are cut, secrets struck out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Final

from kiln.jobs.telemetry.scrub import scrub

log = logging.getLogger("kiln.lane")

_LONGEST_LINE_BYTES: Final = 4096
"""A longer line is logged in pieces."""

_LINES_PER_CALL: Final = 1000
"""More are counted, not kept."""

_FATAL: Final = b"Fatal Python error"
"""What the interpreter says of its own death; the stack that follows it is for the log."""


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Whose output it is."""

    job: str = ""
    stage: str = ""


class OutputLog:
    """Reads a child's output in a thread until the child and all who inherited the pipe are gone, so that printing never blocks them."""

    def __init__(self, pipe: IO[bytes], *, lane: str, token: str, secrets: Sequence[str]) -> None:
        self._pipe = pipe
        self._lane = lane
        self._marker = f"\0{token} ".encode()
        self._secrets = tuple(secrets)
        self._owners: dict[int, Owner] = {}
        self._owner = Owner()
        self._lines = 0
        self._last = b""
        self._thread = threading.Thread(target=self._drain, name=f"output of {lane}", daemon=True)
        self._thread.start()

    def expect(self, number: int, owner: Owner) -> None:
        """Say whose output it is that follows the marker of this number."""
        self._owners[number] = owner

    def last_words(self, *, wait_s: float) -> str:
        """The last line of the running call, waiting up to wait_s for the output's end; "" when it printed nothing."""
        self._thread.join(timeout=wait_s)
        return self._clean(self._last)

    def _drain(self) -> None:
        with self._pipe:
            while line := self._pipe.readline(_LONGEST_LINE_BYTES):
                if line.startswith(self._marker):
                    self._change_owner(int(line.removeprefix(self._marker)))
                elif line.strip():
                    self._keep(line)
        self._tell_cut()

    def _change_owner(self, number: int) -> None:
        self._tell_cut()
        self._owner = self._owners.get(number, Owner())
        for old in [known for known in list(self._owners) if known < number]:
            del self._owners[old]
        self._lines, self._last = 0, b""

    def _keep(self, line: bytes) -> None:
        self._lines += 1
        if not self._last.startswith(_FATAL):
            self._last = line
        if self._lines <= _LINES_PER_CALL:
            self._write(logging.INFO, self._clean(line))

    def _clean(self, line: bytes) -> str:
        return scrub(line.decode(errors="replace").rstrip(), secrets=self._secrets)

    def _tell_cut(self) -> None:
        """Say how much a flood was cut by."""
        if self._lines > _LINES_PER_CALL:
            self._write(logging.WARNING, f"{self._lines - _LINES_PER_CALL} more lines were printed and are not kept")

    def _write(self, level: int, text: str) -> None:
        log.log(level, "%s", text, extra={"job": self._owner.job, "stage": self._owner.stage, "lane": self._lane})
