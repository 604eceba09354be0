"""What those who run a service are told: by its log, its numbers and its traces, and never a secret."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from kiln import settings
from kiln.errors import SetupError
from served import kiln, served

KEY = "kiln_0123456789abcdef_" + "x" * 43


def test_a_service_logs_json_counts_and_tells_no_secret(tmp_path: Path) -> None:
    with served(tmp_path, "--no-worker", "--log-format", "json", "--log-level", "debug") as server:
        httpx.get(f"{server.url}/v1/jobs?signature=0123456789", trust_env=False)
        headers = {"Authorization": f"Bearer {KEY}"}
        httpx.get(f"{server.url}/v1/jobs?signature=0123456789&x=%0d%0aforged%1b[2J", headers=headers, trust_env=False)
        numbers = httpx.get(f"{server.url}/metrics", trust_env=False).text
    lines = (tmp_path / "serve.log").read_text(encoding="utf-8").splitlines()
    told = [json.loads(line) for line in lines]
    assert {"time", "level", "logger", "message", "executor"} <= set(told[0])
    assert any(line.get("route") == "/v1/jobs" and line["request_id"] for line in told)
    assert [secret for secret in ("x" * 43, "0123456789&", "=0123456789") if secret in "".join(lines)] == []
    names = {family.name for family in text_string_to_metric_families(numbers)}
    assert {"kiln_queue_depth", "kiln_database_up", "kiln_http_requests", "process_resident_memory_bytes"} <= names
    assert "studio" not in numbers


@pytest.mark.long  # it waits half a minute for the database
def test_a_database_s_password_is_in_no_line(tmp_path: Path) -> None:
    secret = tmp_path / "database_url"
    secret.write_text("postgresql://kiln:hunter%2B22@127.0.0.1:1/kiln?connect_timeout=1\n")
    done = kiln("serve", "--port", "0", "--log-level", "debug", cwd=tmp_path, KILN_DATABASE_URL_FILE=str(secret))
    assert done.returncode == 7
    assert [word for word in ("hunter%2B22", "hunter+22") if word in done.stdout + done.stderr] == []


def test_traces_without_the_extra_are_refused_with_a_cure(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['opentelemetry.sdk.trace'] = None\n")
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "PYTHONPATH": str(tmp_path)}
    done = kiln("serve", "--port", "0", cwd=tmp_path, **variables)
    assert done.returncode == 4
    assert "kiln3d[otel]" in done.stderr


def test_secrets_may_lie_in_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KILN_DATABASE_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
        (tmp_path / name).write_text(f"{name} itself\n")
        monkeypatch.setenv(f"{name}_FILE", str(tmp_path / name))
    assert settings.database_url() == "KILN_DATABASE_URL itself"
    assert settings.s3_credentials() == {
        "access_key_id": "AWS_ACCESS_KEY_ID itself",
        "secret_access_key": "AWS_SECRET_ACCESS_KEY itself",
    }
    monkeypatch.setenv("KILN_DATABASE_URL", "said itself")
    assert settings.database_url() == "said itself"


def test_a_secret_s_file_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KILN_DATABASE_URL", raising=False)
    monkeypatch.setenv("KILN_DATABASE_URL_FILE", str(tmp_path / "gone"))
    with pytest.raises(SetupError, match=r"KILN_DATABASE_URL_FILE names .*gone"):
        settings.database_url()
