"""Card: what a backend says of itself before anything heavy is loaded."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Role = Literal["cutter", "generator"]


class Options(BaseModel):
    """A backend's own parameters: subclass with `Field(default, ge=, le=, description=)`; unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, kw_only=True)
class Card:
    """A backend's visiting card; a plugin's entry point in the group `kiln.backends` is one of these."""

    name: str
    role: Role
    summary: str
    """One sentence for `kiln backends`."""

    version: str
    code_licence: str
    """SPDX identifier."""

    weights_licence: str | None = None
    """SPDX identifier or name; None for backends without weights."""

    commercial_use: bool = True
    needs_gpu: bool = False
    memory_gb: float = 0.5
    """Main memory (or the GPU's, if it needs one) that a run takes."""

    gpu_seconds: float | None = None
    """What one call typically takes of a GPU, as measured by its makers or by us; None where nobody has."""

    price: str = "free"
    options: type[Options] = Options
    requires: tuple[str, ...] = ()
    """Modules that must be importable."""

    extra: str | None = None
    """The pip extra that installs them."""

    implementation: str
    """`"package.module:Class"`; the class takes no arguments and fulfils the role's Protocol. Imported by `load`."""

    def missing(self) -> str | None:
        """Why this backend cannot be used here, with the cure; None when it can."""
        absent = [module for module in self.requires if importlib.util.find_spec(module) is None]
        if not absent:
            return None
        cure = f"pip install 'kiln3d[{self.extra}]'" if self.extra else f"pip install {' '.join(absent)}"
        return f"{', '.join(absent)} not installed: {cure}"

    def load(self) -> Any:
        """Import and build the backend. This is where weights would be read."""
        module, name = self.implementation.split(":")
        return getattr(importlib.import_module(module), name)()
