"""Tables: a line a row for programs, ids in one piece for people, and nothing a user wrote is taken for markup."""

from __future__ import annotations

import pytest

from kiln.faces.tables import print_table


def test_a_row_is_a_line_as_it_was_written(capsys: pytest.CaptureFixture[str]) -> None:
    row = ("job_92800a5e317922b085c47c61", "a word " * 40, "[bold]not bold[/bold] [/x]")
    print_table(("job", "prompt", "name"), [row])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "  ".join((row[0], row[1], row[2]))
    assert all(line == line.rstrip() for line in lines)
