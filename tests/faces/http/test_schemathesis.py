from __future__ import annotations

import shutil
import subprocess

import pytest

from faces.http.conftest import Served

COMMAND = shutil.which("schemathesis")


@pytest.mark.long
@pytest.mark.skipif(COMMAND is None, reason="schemathesis is not on the PATH")
def test_nothing_that_the_document_allows_or_forbids_breaks_the_service(served: Served) -> None:
    """What schemathesis makes of the OpenAPI document; a stream of events has no end it could wait for."""
    key = served.key("tester")
    command = [str(COMMAND), "run", f"{served.url}/openapi.json", "--header", f"Authorization: Bearer {key}"]
    command += ["--exclude-path", "/v1/jobs/{job_id}/events", "--phases", "examples,coverage,fuzzing", "--max-examples", "50"]
    checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,unsupported_method"
    done = subprocess.run([*command, "--checks", checks], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout[-5000:]
