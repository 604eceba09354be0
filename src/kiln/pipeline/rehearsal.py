"""Gets ready what later stages need while earlier ones work: modules in a thread, and after an installation compiled kernels.

Kernels are compiled when they are first called, and cached on disk; all of them take about 20 s of one core, once. While a cold run works
on its first stages, a child process rehearses later ones on a mesh of a few triangles and so fills the cache for them.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from kiln.asset import Asset, Material, Mesh, Picture

STAGES = ("simplify", "export")
"""What the child rehearses, in this order: the slowest to compile first."""

MODULES = (
    "kiln.geometry.repair",
    "kiln.geometry.simplify",
    "kiln.geometry.hulls",
    "kiln.geometry.fit",
    "kiln.geometry.unwrap",
    "kiln.render.baked_maps",
    "kiln.render.repaint",
    "kiln.geometry.lods",
    "kiln.geometry.place",
    "kiln.formats.package",
    "kiln.formats.asset_files",
    "kiln.engines.packed",
    "kiln.engines.unreal",
    "kiln.proof.report_files",
    "kiln.proof.inspect",
)
"""What stages import when they start; imported while the first ones work."""

_MAP_TEXELS = 256

_PREVIEW_PIXELS = 16
"""Previews of their usual size would take a second of the core that the first stages share with the child."""


class Rehearsal:
    """A child process that rehearses, if the kernels are not compiled yet; a stage that is being rehearsed waits for it."""

    def __init__(self) -> None:
        threading.Thread(target=_import_ahead, daemon=True).start()
        self._done = {name: threading.Event() for name in STAGES}
        self._is_cold = _is_cold()
        if self._is_cold:
            child = subprocess.Popen([sys.executable, "-m", __name__], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            threading.Thread(target=self._listen, args=(child,), daemon=True).start()

    def wait_for(self, stage: str) -> None:
        """Return when this stage's kernels are compiled, or will not be: then the stage compiles them itself.

        The first wait is the longest (8 s for the decimation's kernels), so it is spent on compiling what comes right after.
        """
        if not self._is_cold or stage not in self._done:
            return
        if stage == STAGES[0] and not self._done[stage].is_set():
            rehearse_here()
        self._done[stage].wait()

    def _listen(self, child: subprocess.Popen[str]) -> None:
        with child:
            for line in child.stdout or ():
                if line.strip() in self._done:
                    self._done[line.strip()].set()
        for event in self._done.values():  # however the child ended, nobody must wait for it any longer
            event.set()


def _import_ahead() -> None:
    for module in MODULES:
        importlib.import_module(module)


def _is_cold() -> bool:
    from kiln.kernels import is_cached
    from kiln.kernels.shade import shade_rows

    return not is_cached(shade_rows)


def rehearse(told: Callable[[str], None]) -> None:
    """Run STAGES on tiny assets, telling each one's name when it is done."""
    rehearse_simplify()
    told("simplify")
    rehearse_export()
    told("export")


def rehearse_simplify() -> None:
    """Simplify a tiny asset."""
    from kiln import stages

    stages.simplify(Asset(name="rehearsal", source=_block()), triangles=100)


def rehearse_export() -> None:
    """Photograph and write a tiny asset."""
    from kiln import stages
    from kiln.proof.preview import photograph

    square = np.full((_MAP_TEXELS, _MAP_TEXELS), 128, np.uint8)
    material = Material(base_color=np.dstack([square] * 4), normal=np.dstack([square] * 3), orm=np.dstack([square] * 3), guessed=square)
    photograph(_square(), material, size=_PREVIEW_PIXELS)
    with tempfile.TemporaryDirectory() as folder:
        stages.export(replace(_unwrapped(), material=material), out=Path(folder), previews=False)


def rehearse_here() -> None:
    """Unwrap and bake tiny assets."""
    from kiln import stages

    block = _block()
    stages.unwrap(Asset(name="rehearsal", source=block, mesh=block), size=_MAP_TEXELS, padding=1)
    stages.bake(_unwrapped())


def _unwrapped() -> Asset:
    """An asset whose game mesh is a finished square before its source."""
    material = Material(roughness_factor=0.8, metallic_factor=0.0)
    return Asset(name="rehearsal", source=_block(), source_materials=(material,), mesh=_square(), atlas_size=_MAP_TEXELS)


def _block() -> Mesh:
    """A source with everything a generated one carries."""
    from kiln.backends.fake import FakeGenerator, FakeGeneratorOptions
    from kiln.geometry.normals import smooth_normals

    picture = Picture(pixels=np.full((16, 16, 4), 200, np.uint8), name="rehearsal", has_matte=True)
    mesh = FakeGenerator().generate((picture,), FakeGeneratorOptions(subdivisions=8), lambda share, words: None).mesh  # noqa: ARG005
    count = mesh.vertex_count
    return replace(
        mesh, normals=smooth_normals(mesh), colors=np.full((count, 4), 200, np.uint8), seen=np.linspace(0, 1, count, dtype=np.float32)
    )


def _square() -> Mesh:
    """The front of the block as a finished game mesh of two triangles."""
    corners = np.array([(-0.5, 0), (0.5, 0), (0.5, 1), (-0.5, 1)], np.float32)
    return Mesh(
        positions=np.column_stack([corners, np.full(4, 0.25, np.float32)]),
        triangles=np.array([(0, 1, 2), (0, 2, 3)], np.uint32),
        normals=np.tile(np.array([0, 0, 1], np.float32), (4, 1)),
        tangents=np.tile(np.array([1, 0, 0, 1], np.float32), (4, 1)),
        uvs=np.column_stack([corners[:, 0] + 0.5, 1 - corners[:, 1]]) * np.float32(0.9) + np.float32(0.05),
    )


def _tell(stage: str) -> None:
    sys.stdout.write(f"{stage}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    rehearse(_tell)
