"""The command line: parse, call the pipeline, present."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

import click
from rich.console import Console

from kiln import __version__
from kiln.asset import VIEWS, Package, Report
from kiln.errors import KilnError, SetupError
from kiln.faces.assets import assets
from kiln.faces.batches import batches
from kiln.faces.cache import cache
from kiln.faces.check import check, contracts, report_data
from kiln.faces.flags import StageCommand, overrides, stage_flags
from kiln.faces.jobs import jobs
from kiln.faces.keys import keys
from kiln.faces.limits import limits
from kiln.faces.package_lines import package_data, print_package
from kiln.faces.place import Place, Submitted, at_place, at_place_or_detached
from kiln.faces.progress import LiveProgress
from kiln.faces.serve import serve
from kiln.faces.tables import print_json, print_table
from kiln.faces.usage import usage
from kiln.faces.worker import worker
from kiln.pipeline import catalogue

EXIT_CODES = """\b
Exit codes:
    0  done
    1  a bug in Kiln: please report it
    2  the command line is wrong
    3  an input cannot be used: picture, model or recipe
    4  this machine lacks something: an extra, a right to write, memory
    5  a backend or native library failed
    6  a stage's result is not what it promises
    7  a store lacks something, holds it damaged, or is out of reach; so is a server
    8  it would cost more than a budget or quota leaves
  130  stopped by Ctrl-C; nothing half-written is left"""


@click.group(epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="kiln")
def kiln() -> None:
    """Pictures go in, a game-ready 3D asset comes out.

    \b
    Examples:
      kiln make skewer.png                          a prop in out/skewer and out/skewer.zip
      kiln make knight_front.png knight_left.png    two views of one subject
      kiln make sword.png --triangles 1500 --generate-method extrude
      kiln process statue.glb --recipe mobile       any mesh through the game stages
      kiln export out/skewer --engine unity,web     a finished package for more engines
      kiln inspect out/skewer/skewer.glb            measure a file
      kiln check *.glb --contract unity             judge files by limits, for CI
      kiln serve                                    the same as a service over HTTP
      kiln make skewer.png --server http://host:8600
    """


_OF_SERVICE: Final = frozenset(
    {"dbos", "fastapi", "httpx", "obstore", "prometheus_client", "psycopg", "sqlalchemy", "starlette", "uvicorn"}
)
"""Packages of the extra called service."""

_ABOVE_ZERO = click.FloatRange(min=0, min_open=True)


def _common(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that make and process share."""
    for option in (
        click.option("--memory-limit", type=_ABOVE_ZERO, metavar="GB", help="Give up when more memory than this is needed."),
        click.option("--time-limit", type=_ABOVE_ZERO, metavar="SECONDS", help="Give up when any one stage takes longer. [default: 900]"),
        click.option(
            "--contract", help="Limits the package must keep (see `kiln contracts`), a .toml file, or none. [default: the recipe's]"
        ),
        click.option(
            "--cache/--no-cache",
            default=True,
            help="Take what earlier runs made from the stage cache (see `kiln cache`), and keep what this one makes. [default: on]",
        ),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object when done, and no progress."),
        click.option("--quiet", "-q", is_flag=True, help="No progress, only the result."),
        click.option("--name", help="Name of the asset. [default: the file's name]"),
        click.option(
            "--out", type=click.Path(path_type=Path), default=Path("out"), help="Folder the package is written to. [default: out]"
        ),
        click.option("--recipe", default="prop", help="A built-in recipe (see `kiln recipes`) or a .toml file. [default: prop]"),
    ):
        command = option(command)
    return command


@kiln.command(cls=StageCommand)
@click.argument("pictures", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--view", "views", multiple=True, type=click.Choice(VIEWS), help="Which side each picture shows, in their order; else by file name."
)
@_common
@at_place_or_detached
@stage_flags()
def make(pictures: Sequence[Path], views: Sequence[Any], place: Place, **rest: Any) -> None:
    """Make an asset from one to four PICTURES of a subject.

    The side a picture shows is read from its name (knight_front.png, knight-left.png) or given with --view.
    """
    _present(lambda **given: place.work.make(list(pictures), views=views, **given), _with_limits(rest))


@kiln.command(cls=StageCommand)
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--up", type=click.Choice(["y", "z"]), default="y", help="Axis that points up in OBJ, PLY and STL. [default: y]")
@_common
@at_place_or_detached
@stage_flags(only=catalogue.model_stages())
def process(model: Path, up: Any, place: Place, **rest: Any) -> None:
    """Take any MODEL (.glb, .gltf, .fbx, .obj, .ply, .stl) through the game stages.

    Textures and vertex colours are carried over to the new mesh's maps.
    """
    _present(lambda **given: place.work.process(model, up=up, **given), _with_limits(rest))


@kiln.command(cls=StageCommand)
@click.argument("model", metavar="PACKAGE|MODEL", type=click.Path(path_type=Path))
@click.option("--up", type=click.Choice(["y", "z"]), default="y", help="Axis that points up in OBJ, PLY and STL. [default: y]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object when done, and no progress.")
@click.option("--quiet", "-q", is_flag=True, help="No progress, only the result.")
@click.option("--name", help="Name of the asset; a package keeps its own. [default: the file's name]")
@click.option("--out", type=click.Path(path_type=Path), help="Folder the package is written to. [default: a package's own; else out]")
@at_place_or_detached
@stage_flags(only=frozenset({"export"}))
def export(model: Path, place: Place, **rest: Any) -> None:
    """Hand a finished PACKAGE (folder or zip), or any MODEL as it is, to engines.

    \b
    Nothing is simplified, unwrapped or baked:
      kiln export out/skewer --engine unity,godot   two more folders in out/skewer
      kiln export hero.glb --engine unreal          a rigged model, its skeleton too
      kiln export out/skewer --formats obj,usdz
    """
    _present(lambda export=None, **given: place.work.export(model, **{**(export or {}), **given}), rest)


@kiln.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@at_place
def inspect(file: Path, as_json: bool, place: Place) -> None:
    """Measure a mesh FILE, a picture, or a finished package's folder."""
    report = place.work.inspect(file)
    if as_json:
        print_json(report_data(report))
    else:
        _print_report(report)


@kiln.command()
@click.option("--json", "as_json", is_flag=True, help="Print every recipe whole, as JSON.")
@at_place
def recipes(as_json: bool, place: Place) -> None:
    """List the recipes that ship with Kiln."""
    table = place.catalogue.recipe_table()
    if as_json:
        print_json(table)
    else:
        print_table(("recipe", "summary"), [(row["name"], row["summary"]) for row in table])


@kiln.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@at_place
def backends(as_json: bool, place: Place) -> None:
    """List the backends, and why each is or is not usable here."""
    table = place.catalogue.backend_table()
    if as_json:
        print_json(table)
        return
    rows = [
        (row["name"], row.get("role", ""), row.get("code_licence", ""), "ready" if row["usable"] else row["reason"], row.get("summary", ""))
        for row in table
    ]
    print_table(("backend", "role", "licence", "state", "summary"), rows)


@kiln.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON schemas of all parameters.")
@at_place
def stages(as_json: bool, place: Place) -> None:
    """List the stages in the order of flow."""
    table = place.catalogue.stage_table()
    if as_json:
        print_json(table)
    else:
        print_table(("stage", "what it does", "parameters"), [(r["name"], r["summary"], ", ".join(r["parameters"])) for r in table])


def _present(work: Callable[..., Package | Submitted], given: dict[str, Any]) -> None:
    """Run with progress on stderr and the result on stdout; Ctrl-C asks the run to stop, a second one stops it at once."""
    stop = threading.Event()

    def ask_to_stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop.set()

    signal.signal(signal.SIGINT, ask_to_stop)
    quiet, as_json = given.pop("quiet"), given.pop("as_json")
    arguments = {"cancelled": stop, **overrides(given), **given}
    if quiet or as_json:
        package = work(**arguments)
    else:
        with LiveProgress(Console(stderr=True)) as progress:
            package = work(on_event=progress, **arguments)
    if isinstance(package, Submitted):
        print_json({"job": package.job_id}) if as_json else click.echo(package.job_id)
    elif as_json:
        print_json(package_data(package))
    else:
        print_package(package)


def _with_limits(given: dict[str, Any]) -> dict[str, Any]:
    """The arguments with the limits that were given as one."""
    flags = {"stage_seconds": given.pop("time_limit"), "memory_gb": given.pop("memory_limit")}
    return {**given, "limits": {name: value for name, value in flags.items() if value is not None}}


def _print_report(report: Report) -> None:
    from kiln.proof.criteria import label_and_value

    print_table(("measure", report.name), [label_and_value(key, value) for key, value in report.measures.items()])
    for warning in report.warnings:
        click.echo(f"note: {warning}")


for _command in (assets, check, contracts, cache, serve, worker, jobs, batches, usage, limits, keys):
    kiln.add_command(_command)


def run() -> None:
    """The console script.

    It leaves without the interpreter's tear-down: everything is written and flushed, and taking apart half a gigabyte of arrays and a
    compiler, piece by piece, would take 0.4 s.
    """
    code = 0
    try:
        main()
    except SystemExit as done:
        code = int(done.code or 0)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    """Do what the command line says and exit: errors become a sentence on stderr and the documented exit code."""
    try:
        kiln(standalone_mode=False)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("kiln: stopped", err=True)
        sys.exit(130)
    except KilnError as error:
        click.echo(f"kiln: {error}", err=True)
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        _explain_missing(error)
    except Exception:  # noqa: BLE001 - whatever escapes is a bug, and its traceback is what a report of it needs
        traceback.print_exc()
        click.echo("kiln: this is a bug in Kiln: please report it with the lines above", err=True)
        sys.exit(1)


def _explain_missing(error: ModuleNotFoundError) -> NoReturn:
    """Exit with how to install what a service and its clients need. Any other module that is missing is a bug, and raised."""
    missing = (error.name or "").partition(".")[0]
    if missing not in _OF_SERVICE:
        raise error
    click.echo(f"kiln: {missing} is not installed, which services and their clients need: pip install 'kiln3d[service]'", err=True)
    sys.exit(SetupError.exit_code)
