"""What a package was made by, and under which terms: for its manifest and its report page."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from kiln.asset import Step
from kiln.backends import registry
from kiln.version import VERSION

MADE_WITH: Final = f"Made with Kiln {VERSION}. Every number was measured by reading the written files back."

_LIBRARIES = ("numpy", "scipy", "numba", "opencv-python-headless", "pillow", "embreex", "fast-simplification", "xatlas", "coacd")
"""Those whose version may show in the bytes."""

_ROLES = {"cutout": "cutter", "generate": "generator"}
"""The role whose backend does a stage's work."""


def portable(recipe: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The recipe without the place it was written to, which is this machine's affair."""
    if recipe is None:
        return None
    return {key: {k: v for k, v in table.items() if k != "out"} if key == "export" else table for key, table in recipe.items()}


def versions() -> dict[str, str]:
    """Python's version, and those of the libraries that have a say in the bytes."""
    found = {"python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:  # another distribution provides the module
            found[library] = "unknown"
    return found


def licences(history: Sequence[Step]) -> dict[str, str]:
    """Who may do what: Kiln, the backends that were used, and the result."""
    cards = {(card.role, card.name): card for card in registry.cards()}
    terms = {"Kiln": "Apache-2.0"}
    for step in history:
        card = cards.get((_ROLES.get(step.stage), step.params.get("backend")))  # type: ignore[arg-type]  # None finds nothing
        if card is not None:
            weights = "" if card.weights_licence is None else f", weights {card.weights_licence}"
            limits = "" if card.commercial_use else ", not for commercial use"
            terms[f"{card.role} {card.name}"] = card.code_licence + weights + limits
    return terms | {"This asset": "yours; Kiln claims no rights in what it makes of your pictures and meshes"}
