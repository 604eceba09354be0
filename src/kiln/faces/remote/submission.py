"""What a command asks for, as a server takes it: files sent there, local recipes and contracts as data, everything else by name."""

from __future__ import annotations

import json
import tomllib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from kiln.errors import InputError, ModelError, RecipeError
from kiln.faces.remote.connection import Connection
from kiln.faces.remote.parameter_files import paths_of, taken_out

_TOML: Final = ".toml"


@dataclass(frozen=True, kw_only=True)
class Submission:
    """One job to be, and the files on this machine that it needs."""

    kind: str
    files: Mapping[str, Path]
    """By role: {"picture_0": ...}; not those that parameters name."""

    recipe: str = ""
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    """What is no stage's; entries that are None or empty are left to the server."""

    def submit(self, connection: Connection) -> Mapping[str, Any]:
        """Send the files and then the request; what the server says of the job. Trying again after a lost answer makes no second job."""
        options = {name: value for name, value in self.options.items() if value not in (None, (), [], {})}
        parameters, named = taken_out(self.parameters)
        if "recipe_data" in options:
            options["recipe_data"], of_recipe = taken_out(options["recipe_data"])
            named = {**of_recipe, **named}
        inputs = {role: upload(connection, path) for role, path in {**self.files, **paths_of(named)}.items()}
        job = {"job": options} if options else {}
        body = {"kind": self.kind, "recipe": self.recipe, "parameters": {**parameters, **job}, "inputs": inputs}
        accepted: Mapping[str, Any] = connection.post("/v1/jobs", _plain(body), key=new_key())
        return accepted


def upload(connection: Connection, path: Path) -> str:
    """Send a file; the id it has there. ModelError when it cannot be read here, the server's refusal as an InputError that names it."""
    if not path.is_file():
        raise ModelError(f"{path} is not there, or no file: check the path")
    opened: list[BinaryIO] = []

    def form() -> dict[str, Any]:
        for file in opened:
            file.close()
        opened[:] = [path.open("rb")]
        return {"file": (path.name, opened[0], "application/octet-stream")}

    try:
        return str(connection.send("/v1/uploads", files=form)["id"])
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror or error}): check its permissions") from None
    except InputError as refusal:
        if type(refusal) is not InputError:
            raise
        raise InputError(f"{path.name}: {refusal}") from None
    finally:
        for file in opened:
            file.close()


def new_key() -> str:
    """An Idempotency-Key of its own for one thing that a user asks for, however often it has to be sent."""
    return f"cli-{uuid.uuid4().hex}"


def recipe_of(asked: str) -> tuple[str, dict[str, Any]]:
    """A recipe's name for the server, and for a .toml file of this machine what it says, as the option that takes it."""
    if Path(asked).suffix != _TOML:
        return asked, {}
    return Path(asked).stem, {"recipe_data": _table(asked, "recipe")}


def contract_of(asked: str | None) -> str | dict[str, Any] | None:
    """A contract for the server: its name, or what a .toml file of this machine says."""
    if asked is None or Path(asked).suffix != _TOML:
        return asked
    data = _table(asked, "contract")
    inner = data.get("contract", data)
    if not isinstance(inner, dict):
        raise RecipeError(f"contract file {asked}: contract must be a table of limits")
    return {**inner, "name": Path(asked).stem}


def views_of(views: Sequence[str | None], *, pictures: int) -> list[str | None]:
    """The views for so many pictures. InputError as `pipeline.api.make` has it, before anything is sent."""
    if not 1 <= pictures <= 4:
        raise InputError(f"{pictures} pictures were given: one to four are needed, of different sides of one subject")
    if len(views) > pictures:
        raise InputError(f"{len(views)} views were given for {pictures} pictures: one each at most")
    return list(views)


def _table(path: str, what: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{what} file {path} cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{what} file {path} is not valid TOML: {error}") from None


def _plain(body: Mapping[str, Any]) -> Any:
    """The request as JSON has it. RecipeError for what JSON cannot say: TOML knows dates."""
    try:
        return json.loads(json.dumps(body, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise RecipeError(f"the request cannot be sent: {error}; use text, finite numbers, true, false, lists and tables") from None
