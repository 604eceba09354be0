"""Calls the command line as a shell does."""

from __future__ import annotations

import sys

import pytest

from kiln.faces.cli import main


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """The exit code of `kiln` with these arguments."""
    monkeypatch.setattr(sys, "argv", ["kiln", *map(str, arguments)])
    try:
        main()
    except SystemExit as done:
        return int(done.code or 0)
    return 0
