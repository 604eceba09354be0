"""Same asset, same bytes: for every engine and option, run after run, on any number of threads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from engines import props
from kiln.asset import Asset
from kiln.engines import EngineName, engine_files

CHOICES: list[tuple[EngineName, dict[str, Any]]] = [
    *((engine, {}) for engine in get_args(EngineName)),
    ("unreal", {"forward": "x", "nanite": True}),
    ("unreal", {"embed_textures": True}),
    ("unity", {"embed_textures": True}),
    ("web", {"compression": "draco", "web_textures": "png"}),
    ("web", {"compression": "none", "web_textures": "ktx2"}),
]


@pytest.mark.parametrize("make", [props.prop, props.many, props.skinned], ids=lambda make: make.__name__)
@pytest.mark.parametrize(("engine", "options"), CHOICES, ids=str)
def test_two_runs_and_two_numbers_of_threads_give_the_same_bytes(
    engine: EngineName, options: dict[str, Any], make: Callable[[], Asset], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KILN_THREADS", "1")
    alone = engine_files(engine, props.handover(make(), **options)).files
    monkeypatch.setenv("KILN_THREADS", "3")
    together = engine_files(engine, props.handover(make(), **options)).files
    assert dict(together) == dict(alone)


@pytest.mark.long
def test_another_process_with_other_hashes_gives_the_same_bytes(tmp_path: Path) -> None:
    script = (
        "import hashlib, sys; sys.path.insert(0, sys.argv[1]); from engines import props; from kiln.engines import engine_files\n"
        "for engine in ('unreal', 'unity', 'godot', 'blender', 'portable', 'web'):\n"
        "    for path, data in sorted(engine_files(engine, props.handover(props.prop())).files.items()):\n"
        "        print(engine, path, hashlib.sha256(data).hexdigest())\n"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", script, str(Path(__file__).parents[1])],
            env={"PYTHONHASHSEED": seed, "PATH": "", "NUMBA_CACHE_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert told[0] == told[1]
    assert told[0].count("\n") > 10
