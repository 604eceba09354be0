"""Seconds of single steps in one warm process, as JSON: what a slider, a bake or a second map costs.

usage: steps.py SOURCE.ply
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from kiln import stages
from kiln.asset import Asset
from kiln.formats.model import read_model
from kiln.geometry.quick import preview

REPEATS = 3


def seconds_of(work: Callable[[], Any]) -> float:
    """Median wall seconds, after one run to warm up."""
    work()
    taken = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return round(statistics.median(taken), 3)


def main() -> None:
    read = read_model(Path(sys.argv[1]))
    asset = Asset(name="it", source=read.mesh, source_materials=read.materials)
    mesh = stages.unwrap(stages.simplify(asset, triangles=10_000), size=2048)

    def anew() -> Asset:
        """With a source that nothing is remembered of: its normals and its tree of rays are made again."""
        return replace(mesh, source=replace(mesh.source))

    found = {
        "preview to 10,000": seconds_of(lambda: preview(asset.source, triangles=10_000)),
        "simplify to 10,000": seconds_of(lambda: stages.simplify(asset, triangles=10_000)),
        "unwrap at 2048": seconds_of(lambda: stages.unwrap(mesh, size=2048)),
        "trace and all default maps but AO at 2048": seconds_of(lambda: stages.bake(anew(), ao=False)),
        "with AO": seconds_of(lambda: stages.bake(anew())),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
