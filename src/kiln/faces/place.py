"""Where the work of a command happens: here, or on a server. Every command asks this one question, and then makes the same calls."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import click

from kiln import settings
from kiln.asset import Package, Report
from kiln.pipeline import api, catalogue

_NOWHERE_ELSE: Final = "none"
"""As --server: here, whatever KILN_SERVER says."""


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """What comes of a call that does not wait for its package."""

    job_id: str


class Work(Protocol):
    """The five calls, as `pipeline.api` has them."""

    @property
    def make(self) -> Callable[..., Package | Submitted]:
        """Pictures become a package."""

    @property
    def process(self) -> Callable[..., Package | Submitted]:
        """A model becomes a package."""

    @property
    def export(self) -> Callable[..., Package | Submitted]:
        """A package or model goes to engines."""

    @property
    def inspect(self) -> Callable[..., Report]:
        """A file is measured."""

    @property
    def check(self) -> Callable[..., Report]:
        """A file is judged."""


class Catalogue(Protocol):
    """What there is to choose from, as `pipeline.catalogue` has it."""

    @property
    def recipe_table(self) -> Callable[[], list[dict[str, Any]]]:
        """Recipes."""

    @property
    def backend_table(self) -> Callable[[], list[dict[str, Any]]]:
        """Backends."""

    @property
    def stage_table(self) -> Callable[[], list[dict[str, Any]]]:
        """Stages."""

    @property
    def contract_table(self) -> Callable[[], list[dict[str, Any]]]:
        """Contracts."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """One machine's calls."""

    work: Work
    catalogue: Catalogue


HERE: Final = Place(work=api, catalogue=catalogue)

_SERVER: Final = click.option(
    "--server", metavar="URL", help="Have it done by this Kiln service; none for here. [default: KILN_SERVER, else here]"
)
_KEY_FILE: Final = click.option(
    "--api-key-file", type=click.Path(path_type=Path), help="A file that holds the service's API key. [default: KILN_API_KEY]"
)
_DETACH: Final = click.option("--detach", is_flag=True, help="With --server: print the job's id and leave; `kiln jobs` follows it up.")


def at_place(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --server, and hand the command the `place` that it names."""

    @functools.wraps(command)
    def placed(*args: Any, server: str | None, api_key_file: Path | None, **rest: Any) -> Any:
        return command(*args, place=_place(server, api_key_file, detach=bool(rest.pop("detach", False))), **rest)

    return _SERVER(_KEY_FILE(placed))


def at_place_or_detached(command: Callable[..., Any]) -> Callable[..., Any]:
    """Likewise, of a command that need not wait for its end."""
    return _DETACH(at_place(command))


def server_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --server and --api-key-file to a command that reads them itself."""
    return _SERVER(_KEY_FILE(command))


def asked_server(url: str | None) -> str | None:
    """The URL of the server that a command is to work on; None for here."""
    asked = url or settings.server_url()
    return None if asked == _NOWHERE_ELSE else asked


def _place(url: str | None, key_file: Path | None, *, detach: bool) -> Place:
    asked = asked_server(url)
    if asked is None:
        if detach:
            raise click.UsageError("--detach needs --server: here, nobody would go on with the work")
        return HERE
    from kiln.faces.remote.address import read_address
    from kiln.faces.remote.lists import RemoteCatalogue
    from kiln.faces.remote.work import RemoteWork

    address = read_address(asked, key_file=key_file)
    return Place(work=RemoteWork(address, detach=detach), catalogue=RemoteCatalogue(address))
