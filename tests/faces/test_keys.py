"""`kiln keys`: in a folder, and at a service."""

from __future__ import annotations

import json
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from command_line import run
from kiln.jobs.records.webhook_secrets import sign
from served import kiln, served


def test_a_key_is_made_listed_and_revoked_in_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KILN_SERVER", raising=False)
    monkeypatch.delenv("KILN_DATABASE_URL", raising=False)
    data = ("--data", tmp_path / "data", "--tenant", "studio")
    assert run(monkeypatch, "keys", "create", *data, "--name", "build machine", "--days", 30) == 0
    made = capsys.readouterr()
    key = made.out.strip()
    key_id = key.split("_")[1]
    assert key.startswith("kiln_") and key not in made.err
    assert run(monkeypatch, "keys", "list", *data, "--json") == 0
    listed = capsys.readouterr().out
    assert [(one["id"], one["name"], one["scopes"], one["revoked_ms"]) for one in json.loads(listed)] == [
        (key_id, "build machine", ["read", "submit"], None)
    ]
    assert key.split("_", 2)[2] not in listed
    assert run(monkeypatch, "keys", "revoke", key_id, *data[:2]) == 0
    run(monkeypatch, "keys", "list", *data, "--json")
    assert json.loads(capsys.readouterr().out.partition("\n")[2])[0]["revoked_ms"] is not None


def test_a_folder_without_records_is_not_made_to_look_into_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KILN_SERVER", raising=False)
    monkeypatch.delenv("KILN_DATABASE_URL", raising=False)
    assert run(monkeypatch, "keys", "list", "--data", tmp_path / "none") == 3
    assert run(monkeypatch, "usage", "--data", tmp_path / "none") == 3
    assert not (tmp_path / "none").exists()
    assert "--data" in capsys.readouterr().err


def test_a_whole_key_in_place_of_its_id_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "keys", "revoke", "kiln_0123456789abcdef_verysecret", "--data", tmp_path) == 3
    assert "secret" not in capsys.readouterr().err


def test_a_service_takes_only_its_keys_and_each_opens_what_it_says(tmp_path: Path) -> None:
    def at(url: str, key: str, *words: object) -> int:
        return kiln(*words, "--server", url, cwd=tmp_path, KILN_API_KEY=key).returncode

    admin = kiln("keys", "create", "--scope", "admin", cwd=tmp_path).stdout.strip()
    with served(tmp_path, "--no-worker") as server:
        made = kiln("keys", "create", "--scope", "read", "--json", "--server", server.url, cwd=tmp_path, KILN_API_KEY=admin)
        reader = json.loads(made.stdout)
        assert at(server.url, reader["key"], "jobs", "list") == 0
        assert at(server.url, reader["key"], "keys", "list") == 4
        assert at(server.url, "kiln_wrong", "jobs", "list") == 4
        (tmp_path / "key").write_text(reader["key"])
        assert kiln("usage", "--server", server.url, "--api-key-file", "key", cwd=tmp_path).stdout.startswith("local: $0 spent")
        assert at(server.url, admin, "keys", "revoke", reader["id"]) == 0
        refused = kiln("jobs", "list", "--server", server.url, cwd=tmp_path, KILN_API_KEY=reader["key"])
    assert refused.returncode == 4
    assert "KILN_API_KEY" in refused.stderr and reader["key"] not in refused.stderr


def test_the_documented_check_of_a_webhook_takes_ours_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KILN_DATABASE_URL", raising=False)
    run(monkeypatch, "keys", "create", "--data", tmp_path)
    capsys.readouterr()
    assert run(monkeypatch, "keys", "webhook-secret", "--data", tmp_path) == 0
    secret = capsys.readouterr().out.strip()
    page = (Path(__file__).parents[2] / "docs" / "service.md").read_text()
    code = page[page.index("    import base64") : page.index("Use the body's bytes")]
    documented: dict[str, Any] = {}
    exec(textwrap.dedent(code), documented)  # noqa: S102 - it is our own page
    headers = sign(b"{}", message_id="job_1.3", at_s=int(time.time()), secrets=(secret,))
    assert documented["is_genuine"](headers, b"{}", secret)
    assert not documented["is_genuine"](headers, b"{ }", secret)
    assert not documented["is_genuine"]({**headers, "webhook-timestamp": "1"}, b"{}", secret)
    assert run(monkeypatch, "keys", "webhook-secret", "--rotate", "--data", tmp_path) == 0
    assert capsys.readouterr().out.strip() != secret
