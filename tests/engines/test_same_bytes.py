"""Same asset, same bytes: for every engine and option, run after run, on any number of threads."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from engines import props
from kiln.asset import Asset
from kiln.engines import EngineName, engine_files

CHOICES = [
    *((engine, {}, props.prop) for engine in get_args(EngineName)),
    *((engine, {}, make) for engine in ("unreal", "unity", "portable") for make in (props.many, props.skinned)),
    ("unreal", {"forward": "x", "nanite": True}, props.prop),
    ("unreal", {"embed_textures": True}, props.many),
    ("unity", {"embed_textures": True, "influences": 8}, props.skinned),
    ("web", {"compression": "draco", "web_textures": "png"}, props.skinned),
    # Long: it compiles the kernels that pack textures, which nothing else here needs.
    pytest.param("web", {"compression": "none", "web_textures": "ktx2"}, props.prop, marks=pytest.mark.long),
]


@pytest.mark.parametrize(("engine", "options", "make"), CHOICES, ids=lambda choice: getattr(choice, "__name__", str(choice)))
def test_two_runs_and_two_numbers_of_threads_give_the_same_bytes(
    engine: EngineName, options: dict[str, Any], make: Callable[[], Asset], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KILN_THREADS", "1")
    alone = engine_files(engine, props.handover(make(), **options)).files
    monkeypatch.setenv("KILN_THREADS", "3")
    together = engine_files(engine, props.handover(make(), **options)).files
    assert dict(together) == dict(alone)


@pytest.mark.long
def test_another_process_with_other_hashes_gives_the_same_bytes() -> None:
    script = (
        "import hashlib, sys; sys.path.insert(0, sys.argv[1]); from engines import props; from kiln.engines import engine_files\n"
        "for engine in ('unreal', 'unity', 'godot', 'blender', 'portable', 'web'):\n"
        "    for path, data in sorted(engine_files(engine, props.handover(props.prop())).files.items()):\n"
        "        print(engine, path, hashlib.sha256(data).hexdigest())\n"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", script, str(Path(__file__).parents[1])],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert told[0] == told[1]
    assert told[0].count("\n") > 10
