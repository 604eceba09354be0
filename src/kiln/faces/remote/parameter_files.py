"""Files of this machine that stages' parameters name: they are sent as inputs of their own, since a server opens no path."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kiln import stages
from kiln.errors import PictureError


def taken_out(tables: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str | None]]:
    """The tables, by stage, without parameters that name files; and those files by role, None where a table says that there is none.

    What is no table or no path stays where it is, for the server to say what is wrong with it.
    """
    rest, files = dict(tables), dict[str, str | None]()
    for stage in stages.STAGES.values():
        table = tables.get(stage.name)
        if isinstance(table, Mapping):
            named = {name: table[name] for name in sorted(stage.files & table.keys()) if isinstance(table[name], str | None)}
            rest[stage.name] = {name: value for name, value in table.items() if name not in named}
            files |= {f"{stage.name}.{name}": path or None for name, path in named.items()}
    return rest, files


def paths_of(files: Mapping[str, str | None]) -> dict[str, Path]:
    """The files that there are to be, by role. PictureError when one is not there, before anything is sent."""
    paths = {role: Path(path) for role, path in files.items() if path is not None}
    for role, path in paths.items():
        if not path.is_file():
            raise PictureError(f"{role}: there is no file {path}: check the name and the folder")
    return paths
