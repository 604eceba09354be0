"""Documents say what the code says. Run this file as a script to write the README's table anew."""

from __future__ import annotations

import re
from pathlib import Path

import click

from kiln import stages
from kiln.faces.cli import kiln

ROOT = Path(__file__).resolve().parents[1]
TABLE = re.compile(r"(<!-- stages: .*? -->\n)(.*?)(<!-- end of stages -->)", re.DOTALL)


def stage_table() -> str:
    rows = [f"| `{name}` | {stages.find(name).summary} |" for name in stages.ORDER]
    return "\n".join(["| stage | what it does |", "| --- | --- |", *rows]) + "\n"


def test_the_readme_lists_every_stage_in_order() -> None:
    found = TABLE.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert found is not None
    assert found.group(2) == stage_table(), "run: python tests/test_docs.py"


def test_architecture_draws_the_flow_in_order() -> None:
    drawn = re.findall(r"--(\w+)-->", (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    assert tuple(drawn) == stages.ORDER


def test_architecture_names_every_room() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rooms = {path.name for path in (ROOT / "src" / "kiln").iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    assert {room for room in rooms if f"{room}/" not in text} == set()


def test_links_lead_somewhere() -> None:
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")):
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def commands(group: click.Group) -> list[click.Command]:
    """The group's commands, and those of groups in it."""
    found = list(group.commands.values())
    return [*found, *(inner for command in found if isinstance(command, click.Group) for inner in commands(command))]


def test_every_flag_that_is_named_exists() -> None:
    known = {name for command in commands(kiln) for option in command.params for name in (*option.opts, *option.secondary_opts)}
    pages = [ROOT / "README.md", *ROOT.glob("docs/*.md")]
    told = "".join(page.read_text(encoding="utf-8") for page in pages) + (kiln.help or "")
    blender_s = {"--python"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", told)) <= known | {"--help", "--version"} | blender_s


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(TABLE.sub(lambda m: m.group(1) + stage_table() + m.group(3), readme.read_text(encoding="utf-8")), encoding="utf-8")
