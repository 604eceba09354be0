"""What each game engine wants: one small file an engine, all made from the same finished asset.

>>> from kiln.engines import engine_files
>>> engine_files("unity", handover).files  # doctest: +SKIP
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

from kiln.engines.handover import EngineFiles, EngineName, EngineOptions, Handover


def engine_files(engine: EngineName, handover: Handover) -> EngineFiles:
    """The engine's files by their path within its folder, and what there is to say of them. A KilnError where the asset cannot go there."""
    from kiln.engines.soundness import sound_asset

    asset, notes = sound_asset(handover.asset)
    made: EngineFiles = import_module(f"kiln.engines.{engine}").files(replace(handover, asset=asset))
    return replace(made, notes=(*notes, *made.notes))


__all__ = ["EngineFiles", "EngineName", "EngineOptions", "Handover", "engine_files"]
