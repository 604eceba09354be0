"""Packages go onto the shelf and come back from it."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from kiln.errors import InputError
from kiln.formats.package import MANIFEST, json_bytes, new_package
from kiln.formats.package_read import is_package, open_package
from kiln.formats.picture import read_picture
from kiln.storage.record import AssetRecord
from kiln.storage.shelf import Shelf
from kiln.storage.stored import OCTETS


def shelve(
    shelf: Shelf,
    path: Path,
    *,
    created: datetime,
    token: str | None = None,
    prompt: str = "",
    pictures: Sequence[Path] = (),
    tags: Sequence[str] = (),
) -> AssetRecord:
    """Keep a finished package, from its folder or its zip, as it lies there now, and the pictures it was made from.

    InputError when it is none; see Shelf.add for the rest.
    """
    if not is_package(path):
        raise InputError(f"{path} is no package: name the folder or the zip that `kiln make` wrote")
    opened = open_package(path)
    files = {**opened.files, MANIFEST: json_bytes(opened.manifest)}
    return shelf.add(
        files,
        name=opened.asset.name,
        created=created,
        token=token,
        prompt=prompt,
        pictures=[_keep_picture(shelf, picture) for picture in pictures],
        recipe=_recipe(opened.manifest.get("recipe")),
        tags=tags,
    )


def take_down(shelf: Shelf, id: str, *, into: Path) -> Path:  # noqa: A002 - the name of the field
    """Write the asset's package to `into/<name>`, verified and whole, or not at all; returns the folder.

    An earlier package of that name is replaced. SetupError when the place cannot be written to.
    """
    record = shelf.get(id)
    target = into / record.name
    with new_package(target) as draft:
        for file in record.files:
            draft.write(file.name, shelf.read(file))
    return target


def _keep_picture(shelf: Shelf, path: Path) -> str:
    """Its key. PictureError unless it is a picture that Kiln reads."""
    read_picture(path)
    kind = mimetypes.guess_type(path.name)[0] or OCTETS
    return shelf.keep(path.read_bytes(), media_type=kind)


def _recipe(said: Any) -> str:
    """The recipe's name, as a manifest says it."""
    name = said.get("name") if isinstance(said, dict) else said
    return str(name)[:200] if name else ""
