"""Command-line flags made from the stages' Params and the backends' Options: declared once, there."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from kiln.pipeline.catalogue import parameters

_HIDDEN = {("export", "out"), ("export", "name")}
"""Parameters that the commands offer under names of their own."""


@dataclass(frozen=True, kw_only=True)
class Flag:
    """One parameter as a flag."""

    stage: str
    parameter: str
    field: FieldInfo

    @property
    def long_name(self) -> str:
        """`--simplify-triangles`: always there."""
        return f"--{self.stage}-{self.parameter}".replace("_", "-")

    @property
    def short_name(self) -> str:
        """`--triangles`: there while no other stage has a parameter of that name."""
        return f"--{self.parameter}".replace("_", "-")

    @property
    def key(self) -> str:
        """Name of the value among the command's arguments."""
        return f"{self.stage}__{self.parameter}"


def flags() -> tuple[Flag, ...]:
    """A flag for every parameter of every stage and of every usable backend's options, in the order of flow."""
    return tuple(Flag(stage=stage, parameter=name, field=field) for stage, name, field in parameters() if (stage, name) not in _HIDDEN)


def stage_flags(*, only: frozenset[str] | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the flags of these stages, or of all, to a click command."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(list(_options(only))):
            command = option(command)
        return command

    return add


def overrides(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The flags that were given, by stage; takes them out of `values`."""
    given: dict[str, dict[str, Any]] = {}
    for key in [key for key in values if "__" in key]:
        value = values.pop(key)
        if value is not None:
            stage, parameter = key.split("__", 1)
            given.setdefault(stage, {})[parameter] = value
    return given


def _options(only: frozenset[str] | None) -> Iterator[Callable[[Callable[..., Any]], Callable[..., Any]]]:
    known = [flag for flag in flags() if only is None or flag.stage in only]
    uses = Counter(flag.short_name for flag in known)
    for flag in known:
        names = [flag.long_name] + ([flag.short_name] if uses[flag.short_name] == 1 and flag.short_name not in _TAKEN else [])
        yield _option(flag, names)


_TAKEN = {
    *("--out", "--recipe", "--json", "--view", "--name", "--up", "--help", "--quiet", "--contract", "--time-limit", "--memory-limit"),
    *("--cache", "--server", "--api-key-file", "--detach"),
}


def _option(flag: Flag, names: list[str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    kind = _plain_type(flag.field)
    help_text = f"{flag.field.description or ''}{_bounds(flag.field)} [default: {_show(flag.field.get_default(call_default_factory=True))}]"
    if kind is bool:
        pairs = "/".join([", ".join(names[:1]), f"--no-{flag.long_name[2:]}"])
        short = [f"{name}/--no-{name[2:]}" for name in names[1:]]
        return click.option(pairs, *short, flag.key, default=None, help=help_text, cls=StageOption, stage=flag.stage)
    return click.option(*names, flag.key, default=None, type=_click_type(kind), help=help_text, cls=StageOption, stage=flag.stage)


class StageOption(click.Option):
    """An option that knows which stage it belongs to, so that help can be grouped."""

    def __init__(self, *args: Any, stage: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stage = stage


class StageCommand(click.Command):
    """A command whose help lists its own options first, then each stage's under the stage's name."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, grouped."""
        groups: dict[str, list[tuple[str, str]]] = {"Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                groups.setdefault(getattr(parameter, "stage", "Options"), []).append(record)
        for title, records in groups.items():
            with formatter.section(title):
                formatter.write_dl(records)


class _Data(click.ParamType[Any]):
    """A list or table, written as JSON."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value as data; a bare word stays a string."""
        try:
            return json.loads(value)
        except (TypeError, json.JSONDecodeError):
            if str(value)[:1] in '[{"':
                self.fail(f"{value!r} is not valid JSON, for example [0.5, 0.25]", param, ctx)
            return value


class _Choice(click.ParamType[Any]):
    """One of several values, which need not be text."""

    name = "choice"

    def __init__(self, choices: tuple[Any, ...]) -> None:
        self._choices = {str(choice): choice for choice in choices}

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002
        """The values there are."""
        return f"[{'|'.join(self._choices)}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value itself."""
        if str(value) not in self._choices:
            self.fail(f"{value!r} is not one of {', '.join(self._choices)}", param, ctx)
        return self._choices[str(value)]


class _Words(click.ParamType[Any]):
    """Some of several words, or none: `unreal,unity`. A JSON list is taken, too."""

    name = "words"

    def __init__(self, choices: tuple[str, ...]) -> None:
        self._choices = choices

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002
        """The words there are."""
        return f"[{'|'.join(self._choices)}],..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The words as a list."""
        text = str(value).strip("[] ").replace('"', "")
        listed = [] if text == "none" else [word.strip() for word in text.split(",")]
        for word in listed:
            if word not in self._choices:
                self.fail(f"{word!r} is not one of {', '.join(self._choices)}", param, ctx)
        return listed


def _plain_type(field: FieldInfo) -> Any:
    """The field's type without Optional."""
    kind = field.annotation
    plain = [part for part in get_args(kind) if part is not type(None)]
    return plain[0] if type(None) in get_args(kind) and len(plain) == 1 else kind


def _click_type(kind: Any) -> click.ParamType[Any]:
    if get_origin(kind) is Literal:
        return _Choice(get_args(kind))
    if get_origin(kind) is tuple and get_origin(get_args(kind)[0]) is Literal:
        return _Words(tuple(map(str, get_args(get_args(kind)[0]))))
    plain: dict[Any, click.ParamType[Any]] = {int: click.INT, float: click.FLOAT, str: click.STRING}
    return plain.get(kind, _Data())


def _bounds(field: FieldInfo) -> str:
    limits = {name: getattr(part, name) for part in field.metadata for name in ("ge", "gt", "le", "lt") if hasattr(part, name)}
    low, high = limits.get("ge", limits.get("gt")), limits.get("le", limits.get("lt"))
    unit = (field.json_schema_extra or {}).get("unit", "") if isinstance(field.json_schema_extra, dict) else ""
    span = f"{_show(low)} to {_show(high)}" if low is not None and high is not None else f"at least {_show(low)}" if low is not None else ""
    inside = " ".join(filter(None, [span, str(unit)]))
    return f" ({inside})" if inside else ""


def _show(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, BaseModel):
        return json.dumps(value.model_dump(mode="json"))
    if value in (None, {}):
        return "none"
    if isinstance(value, tuple) and all(isinstance(word, str) for word in value):
        return ",".join(value) or "none"
    return f"{value:,}" if isinstance(value, int) and value >= 10_000 else str(value)
