"""Kiln: pictures or a prompt go in, a game-ready 3D asset comes out.

>>> import kiln
>>> package = kiln.make("skewer.png", recipe="prop")      # doctest: +SKIP
>>> package = kiln.process("statue.glb", out="out")       # doctest: +SKIP
>>> package = kiln.export("out/statue", engine=["unity"]) # doctest: +SKIP
>>> report = kiln.inspect("out/statue/statue.glb")        # doctest: +SKIP
>>> report = kiln.check("statue.glb", "unity")            # doctest: +SKIP

Importing this module loads nothing heavy: the work is imported when it is first called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from kiln.pipeline.api import check, export, inspect, make, process

__all__ = ["check", "export", "inspect", "make", "process"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'kiln' has no attribute {name!r}")
    from kiln.pipeline import api

    return getattr(api, name)
