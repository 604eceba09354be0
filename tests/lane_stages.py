"""Stages that only tests know: each does one thing a lane must live with. `find` is what a lane's child is told to load."""

from __future__ import annotations

import ctypes
import hashlib
import itertools
import mmap
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from kiln.asset import Line, Verdict
from kiln.errors import ContractError, CutoutError
from kiln.formats import noun_codec
from kiln.jobs.executors.codec import JsonCodec, Made
from kiln.jobs.executors.interface import Reference, StageCall
from kiln.stages.stage import Context, Params, Stage, stage
from lanes import is_gone

_KEPT: list[bytearray] = []


class Nothing(Params):
    """No parameters."""


class Seconds(Params):
    seconds: float = 0.0


class Megabytes(Params):
    megabytes: int = 0


class Word(Params):
    word: str = ""


class LogEntry(Params):
    log: str
    seconds: float = 0.0


@stage()
def noop(thing: dict, params: Nothing, context: Context) -> dict:
    """Give what was given."""
    return thing


@stage()
def sleep(thing: dict, params: Seconds, context: Context) -> dict:
    """Wait, looking up often."""
    until = time.monotonic() + params.seconds
    while time.monotonic() < until:
        context.progress(0.5, "asleep")
        time.sleep(0.01)
    return {"pid": os.getpid()}


@stage()
def hang(thing: dict, params: Seconds, context: Context) -> dict:
    """Wait, never looking up."""
    context.note("hanging")
    time.sleep(params.seconds)
    return {}


@stage()
def hold_gil(thing: dict, params: Nothing, context: Context) -> dict:
    """Compute in native code that lets no other thread of this process run, and that no signal interrupts."""
    context.note("holding")
    re.match("(a+)+$", "a" * 64 + "b")  # takes longer than anybody will wait
    return {}


@stage()
def segfault(thing: dict, params: Nothing, context: Context) -> dict:
    """Read address 0."""
    ctypes.string_at(0)
    return {}


@stage()
def abort(thing: dict, params: Nothing, context: Context) -> dict:
    """End as a failed C assertion does."""
    os.abort()


@stage()
def leave(thing: dict, params: Nothing, context: Context) -> dict:
    """Call sys.exit."""
    sys.exit(3)


@stage()
def vanish(thing: dict, params: Nothing, context: Context) -> dict:
    """Leave without a word."""
    os._exit(3)


@stage()
def hog(thing: dict, params: Megabytes, context: Context) -> dict:
    """Take memory bit by bit, touching it, then keep it for a while."""
    held = []
    for _ in range(params.megabytes // 10):
        held.append(bytearray(os.urandom(1)) * (10 << 20))
        time.sleep(0.005)
    time.sleep(5.0)
    return {}


@stage()
def family_hog(thing: dict, params: Megabytes, context: Context) -> dict:
    """Have a grandchild take the memory."""
    code = f"import time; held = bytearray(b'x') * ({params.megabytes} << 20); time.sleep(60)"
    subprocess.run([sys.executable, "-c", code], check=True)
    return {}


@stage()
def grandchild(thing: dict, params: Nothing, context: Context) -> dict:
    """Start a process that would run on for a minute, and hang."""
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    context.note(str(other.pid))
    time.sleep(60)
    return {}


@stage()
def greedy(thing: dict, params: Megabytes, context: Context) -> dict:
    """Ask for memory in one piece."""
    return {"bytes": len(bytearray(params.megabytes << 20))}


@stage()
def keep(thing: dict, params: Megabytes, context: Context) -> dict:
    """Take memory, touching it, and hold on to it when the stage has ended."""
    _KEPT.append(bytearray(b"x") * (params.megabytes << 20))
    return {"pid": os.getpid()}


@stage()
def reserve(thing: dict, params: Megabytes, context: Context) -> dict:
    """Ask for address space and touch none of it."""
    mmap.mmap(-1, params.megabytes << 20).close()
    return {}


@stage()
def flood(thing: dict, params: Megabytes, context: Context) -> dict:
    """Print without end."""
    for _ in range(params.megabytes):
        sys.stdout.write(("x" * 127 + "\n") * (1 << 13))
    return {}


@stage()
def say(thing: dict, params: Word, context: Context) -> dict:
    """Print a word to both outputs."""
    print(params.word)  # noqa: T201
    os.write(2, f"native {params.word}\n".encode())
    return {}


@stage()
def reject(thing: dict, params: Word, context: Context) -> dict:
    """Fail with one of Kiln's own errors."""
    raise CutoutError(params.word)


@stage()
def break_contract(thing: dict, params: Nothing, context: Context) -> dict:
    """Fail with an error that carries a verdict."""
    line = Line(key="triangles", limit="<= 10", value=11, passed=False)
    raise ContractError("too many", verdict=Verdict(contract="tiny", lines=(line,), attempts=("fewer",)))


@stage()
def stumble(thing: dict, params: Nothing, context: Context) -> dict:
    """Fail with a bug."""
    return {"x": 1 // len([])}


@stage()
def misuse(thing: dict, params: Word, context: Context) -> dict:
    """Fail with somebody else's error that quotes what it was given."""
    raise ValueError(params.word)


@stage()
def take(thing: dict, params: Word, context: Context) -> dict:
    """Tell how long a parameter is."""
    return {"length": len(params.word)}


@stage()
def chatter(thing: dict, params: Nothing, context: Context) -> dict:
    """Report progress far more often than anybody looks."""
    for i in range(100_000):
        context.progress(i / 100_000)
    context.note("said")
    context.measure(steps=100_000)
    return {}


@stage()
def known(thing: dict, params: Nothing, context: Context) -> dict:
    """Tell what this process can see."""
    return {"environment": dict(os.environ), "stdin": sys.stdin.read(), "temp": tempfile.gettempdir(), "cwd": str(Path.cwd())}


@stage()
def litter(thing: dict, params: Nothing, context: Context) -> dict:
    """Leave a temporary file behind and die."""
    Path(tempfile.mkstemp()[1]).write_text("litter")
    os.abort()


@stage()
def diary(thing: dict, params: LogEntry, context: Context) -> dict:
    """Write into a common file when it starts and when it ends."""
    append(params.log, "enter")
    time.sleep(params.seconds)
    append(params.log, "leave")
    return {}


@stage()
def roll_call(thing: dict, params: LogEntry, context: Context) -> dict:
    """Give the number of processes that have written into that file and still live."""
    pids = {int(line.split()[1]) for line in Path(params.log).read_text(encoding="utf-8").splitlines()}
    append(params.log, f"alive={sum(not is_gone(pid) for pid in pids)}")
    return {}


def endless() -> Iterator[Callable[[], None]]:
    """Steps of warming up without end, which a file tells of; the first fails."""
    yield partial(int, "no number")
    for number in itertools.count():
        yield partial(_take_step, number)


def _take_step(number: int) -> None:
    Path("steps").write_text(str(number), encoding="ascii")
    time.sleep(0.02)


def append(log: str, words: str) -> None:
    with Path(log).open("a", encoding="utf-8") as file:
        file.write(f"{words} {os.getpid()}\n")


class BrokenCodec:
    """A codec that ends the process."""

    def __init__(self, *, folder: str) -> None:
        os.write(2, b"no library of that name\n")
        os._exit(7)


class MortalCodec(JsonCodec):
    """A codec whose first child ends before it is ready."""

    def __init__(self, *, folder: str) -> None:
        place = Path(folder)
        place.mkdir(exist_ok=True)
        if not (place / "died").exists():
            (place / "died").touch()
            os.kill(os.getpid(), 9)
        super().__init__(folder=folder)


class SlowCodec:
    """A codec that takes a minute to make."""

    def __init__(self) -> None:
        time.sleep(60)


class NounFolder:
    """A codec for what Kiln's own stages work on: one noun in, one noun out, each a file."""

    def __init__(self, *, folder: str) -> None:
        self.folder = Path(folder)

    @contextmanager
    def reading(self, call: StageCall, stage: Stage) -> Iterator[Any]:
        yield noun_codec.decode((self.folder / call.inputs["thing"].key).read_bytes(), stage.takes)

    @contextmanager
    def laying_out(self, call: StageCall) -> Iterator[dict[str, str]]:
        yield {name: str(self.folder / file.key) for name, file in call.files.items()}

    def write(self, made: Any, *, given: Any, call: StageCall, stage: Stage) -> Made:
        return Made(outputs={"thing": self.put(made, stage.gives, key=call.output_prefix)})

    def put(self, thing: Any, kind: Any, *, key: str) -> Reference:
        content = b"".join(noun_codec.encode(thing, kind).parts)
        (self.folder / key).write_bytes(content)
        return Reference(key=key, sha256=hashlib.sha256(content).hexdigest())


_STAGES: dict[str, Stage] = {value.name: value for value in list(globals().values()) if isinstance(value, Stage)}


def find(name: str) -> Any:
    return _STAGES[name]
