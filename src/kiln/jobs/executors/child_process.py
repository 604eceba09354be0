"""The worker's side of a lane's child: starting it, talking to it, and seeing to its end."""

from __future__ import annotations

import contextlib
import functools
import os
import queue
import secrets
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, Final

from kiln import settings
from kiln.jobs.executors import scratch
from kiln.jobs.executors.interface import StageCall
from kiln.jobs.executors.lane_setup import LaneSetup, LaneSite
from kiln.jobs.executors.output_log import OutputLog, Owner
from kiln.jobs.executors.process_tree import kill_tree
from kiln.jobs.executors.wire import Message, WireError, encode, receive, send

_LAST_WORDS_S: Final = 1.0
"""How long to wait for a dead child's output to end; a grandchild may hold the pipe open."""

_END_S: Final = 5.0
"""How long a process may take to end after SIGKILL, or after it closed its pipe."""

_CLOSED: Final[Message] = {"kind": "closed"}


class ChildProcess:
    """One child, from its start to its end. Three threads of the worker write to it, read from it, and log what it prints.

    The writer is a thread so that a child that no longer reads cannot block the worker: killing it frees the writer.
    """

    def __init__(self, setup: LaneSetup, site: LaneSite) -> None:
        self._scratch = scratch.make(site.scratch, name="lane")
        token = secrets.token_hex(16)
        self._process = _spawner().submit(_spawn, setup, site, self._scratch).result()
        assert self._process.stdin and self._process.stdout and self._process.stderr  # noqa: S101 - for the type checker: all are pipes
        self._output = OutputLog(self._process.stderr, lane=site.name, token=token, secrets=setup.secrets)
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        for work, pipe in ((self._write, self._process.stdin), (self._read, self._process.stdout)):
            threading.Thread(target=work, args=(pipe,), name=f"pipe of {site.name}", daemon=True).start()
        self._number = 0
        self._is_ended = False
        self.is_idle = True
        """Whether no call is at work in it."""

        self.has_begun = False
        """Whether it has taken up the call that it was sent: what ends it before that has nothing to do with the call."""

        self._outbox.put(encode(_hello(setup, site, token)))

    @property
    def pid(self) -> int:
        """The process id, which is also its group's."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def begin(self, call: StageCall) -> None:
        """Send a call; what `receive` gives from now on is about it. WireError when it is too long."""
        encoded = encode({"kind": "call", "number": self._number + 1, "call": call.model_dump(mode="json")})
        self._number += 1
        self.is_idle = self.has_begun = False
        self._output.expect(self._number, Owner(job=call.job, stage=call.stage))
        self._outbox.put(encoded)

    def stop(self) -> None:
        """Tell the running call to stop."""
        self._outbox.put(encode({"kind": "stop", "number": self._number}))

    def receive(self, *, wait_s: float) -> Message | None:
        """The next message about the running call; None when none came in time. EOFError when the child is gone."""
        try:
            message = self._inbox.get(timeout=wait_s)
        except queue.Empty:
            return None
        if message is _CLOSED:
            self._inbox.put(_CLOSED)
            raise EOFError
        if message.get("number", self._number) != self._number:
            return None  # a late sign of an earlier call
        if message["kind"] == "begun":
            self.has_begun = True
            return None
        if message["kind"] in {"done", "failed"}:
            self.is_idle = True
        return message

    def death(self) -> tuple[int | None, str]:
        """Of a child that went away by itself: its exit code, None when nobody knows it, and the last it printed."""
        ended_with: int | None = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            ended_with = self._process.wait(timeout=_END_S)
        self.end()
        return ended_with, self._output.last_words(wait_s=_LAST_WORDS_S)

    def end(self) -> None:
        """Kill it and all it has started, and remove its temporary files. Once: later, its number may be another process'."""
        if self._is_ended:
            return
        self._is_ended = True
        kill_tree(self.pid)
        with contextlib.suppress(subprocess.TimeoutExpired):  # a process in the kernel's hands, such as a hung network disk's
            self._process.wait(timeout=_END_S)
        self._outbox.put(None)
        scratch.remove(self._scratch)

    def _write(self, pipe: BinaryIO) -> None:
        with contextlib.suppress(OSError), pipe:
            while (encoded := self._outbox.get()) is not None:
                send(pipe, encoded)

    def _read(self, pipe: BinaryIO) -> None:
        with contextlib.suppress(OSError, WireError), pipe:
            while (message := receive(pipe)) is not None:
                self._inbox.put(message)
        self._inbox.put(_CLOSED)


@functools.cache
def _spawner() -> ThreadPoolExecutor:
    """The one thread that starts children. Linux sends a child its death signal when the thread that started it ends, not the process."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="starts lanes")


def _spawn(setup: LaneSetup, site: LaneSite, folder: Path) -> subprocess.Popen[bytes]:
    """Start the child in a session of its own, so that Ctrl-C in a terminal reaches the worker alone."""
    return subprocess.Popen(
        [sys.executable, "-P", "-X", "faulthandler", "-m", "kiln.jobs.executors.lane_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=_environment(setup, site, folder),
        start_new_session=True,
    )


def _environment(setup: LaneSetup, site: LaneSite, folder: Path) -> dict[str, str]:
    """What the child may know of ours: no keys, no database, no proxies unless the set-up names them."""
    own = {
        "PYTHONPATH": os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path if entry),
        "PYTHONUNBUFFERED": "1",
        "KILN_THREADS": str(site.threads),
        "TMPDIR": str(folder),
        "TEMP": str(folder),
        "TMP": str(folder),
    }
    device = {"CUDA_VISIBLE_DEVICES": site.device or ""}
    return {"OPENBLAS_NUM_THREADS": "1"} | settings.lane_environment() | own | device | dict(setup.environment)


def _hello(setup: LaneSetup, site: LaneSite, token: str) -> dict[str, Any]:
    """The child's first message."""
    return {
        "parent": os.getpid(),
        "token": token,
        "name": site.name,
        "lock": None if site.lock is None else str(site.lock),
        "codec": setup.codec,
        "codec_options": dict(setup.codec_options),
        "stages": setup.stages,
        "warm_up": setup.warm_up,
    }
