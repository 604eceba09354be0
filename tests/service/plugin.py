"""Generators that do what a test wants, found by their entry points as anybody's plugin is: so the service under test is the real one.

`install` lays the entry points into a folder; a process with that folder and `tests` on its PYTHONPATH has the backends "scripted", which
needs no GPU, and "scripted-gpu", which needs one and costs something.
"""

from __future__ import annotations

import ctypes
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field

from kiln.asset import Picture
from kiln.backends.card import Card, Options
from kiln.backends.fake import FakeGenerator, FakeGeneratorOptions
from kiln.backends.roles import Generation, Progress
from kiln.errors import BackendError

Deed = Literal["nothing", "wait", "hang", "segfault", "kill_worker", "out_of_gpu_memory", "refuse"]


class OutOfMemoryError(RuntimeError):
    """Named as torch names its own."""


class Script(Options):
    """What is to happen in a call."""

    number: int = Field(0, description="makes otherwise equal work different")
    deed: Deed = Field("nothing", description="what it does before it makes its block")
    seconds: float = Field(0.0, description="how long it takes for that")
    times: int = Field(1_000_000, description="only its first calls do so, as the diary tells")
    diary: str = Field("", description="a file that tells of each call: where, whether it begins or ends, and when")


class ScriptedGenerator:
    """Does a deed, and makes a small block."""

    def generate(self, pictures: tuple[Picture, ...], options: Script, progress: Progress) -> Generation:
        """A block of 48 triangles, whose size is the script's number."""
        calls = _write_down(options, "begins")
        if calls <= options.times:
            _do(options, progress)
        made = FakeGenerator().generate(pictures, FakeGeneratorOptions(subdivisions=2), progress)
        _write_down(options, "ends")
        return replace(made, mesh=made.mesh.moved(scale=1.0 + options.number / 1000))


def _do(script: Script, progress: Progress) -> None:
    until = time.monotonic() + script.seconds
    while script.deed != "hang" and time.monotonic() < until:
        progress(0.5, "waiting")  # where a call that was told to stop ends
        time.sleep(0.02)
    if script.deed == "hang":
        time.sleep(script.seconds)
    if script.deed == "segfault":
        ctypes.string_at(0)
    if script.deed == "kill_worker":
        os.kill(os.getppid(), 9)
        time.sleep(60)
    if script.deed == "out_of_gpu_memory":
        raise OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
    if script.deed == "refuse":
        raise BackendError("the model's answer made no sense")


def _write_down(script: Script, what: str) -> int:
    """How many calls have begun, this one included."""
    if not script.diary:
        return 0
    path = Path(script.diary)
    with path.open("a", encoding="ascii") as diary:
        diary.write(f"{script.number} {what} {os.getpid()} {time.monotonic()}\n")
    return sum(line.startswith(f"{script.number} begins") for line in path.read_text(encoding="ascii").splitlines())


_SAME = {
    "role": "generator",
    "summary": "Does what a test says.",
    "version": "1",
    "code_licence": "Apache-2.0",
    "options": Script,
    "implementation": "service.plugin:ScriptedGenerator",
}
CARD = Card(name="scripted", **_SAME)
GPU_CARD = Card(name="scripted-gpu", needs_gpu=True, gpu_seconds=2.0, **_SAME)


def install(folder: Path) -> Path:
    """A folder for PYTHONPATH, as an installer would have left it."""
    about = folder / "plugin" / "kiln_scripted-1.dist-info"
    about.mkdir(parents=True, exist_ok=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: kiln-scripted\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[kiln.backends]\nscripted = service.plugin:CARD\nscripted-gpu = service.plugin:GPU_CARD\n")
    return about.parent
