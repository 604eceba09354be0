"""Where the console script begins: with what must be set before anything loads numpy."""

from __future__ import annotations

from kiln.settings import one_blas_thread

one_blas_thread()

from kiln.faces.cli import run  # noqa: E402 - the setting counts only if it comes first

__all__ = ["run"]
