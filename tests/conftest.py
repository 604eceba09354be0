"""Shape checks on, threads of native libraries off. This file must be imported before kiln is."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["KILN_CACHE"] = "off"  # what a test asserts, this run made; the cache's own tests name a folder

from jaxtyping import install_import_hook

# Kernels are not hooked: numba compiles their source.
install_import_hook(["kiln.asset", "kiln.geometry", "kiln.imaging", "kiln.formats", "kiln.render"], "beartype.beartype")
