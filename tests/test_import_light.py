"""`import kiln` loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("numba", "cv2", "scipy", "embreex", "xatlas", "coacd", "PIL", "torch", "rich", "click", "pydantic")


def test_import_kiln_loads_nothing_heavy() -> None:
    code = f"import sys, kiln; print([m for m in {HEAVY!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_nouns_need_only_numpy() -> None:
    code = f"import sys, kiln.asset; print([m for m in {HEAVY!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"
