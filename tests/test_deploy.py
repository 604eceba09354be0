"""What deploy/ says of Kiln is true: its commands parse, its variables are read, its ports and waits agree, its numbers are counted."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from kiln.faces.cli import kiln

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
OURS = ("api", "worker", "worker-gpu")
WRITING_DOWN_S = 10
"""What a worker takes after its grace; `_LETTING_GO_S` of the command."""


def manifests() -> Iterator[dict[str, Any]]:
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        documents = yaml.safe_load_all(path.read_text(encoding="utf-8"))
        yield from (document for document in documents if "kind" in document)


def pods() -> dict[str, dict[str, Any]]:
    """Every pod there is, by the name of its controller."""
    return {m["metadata"]["name"]: m["spec"]["template"]["spec"] for m in manifests() if m["kind"] in ("Deployment", "StatefulSet")}


def containers() -> dict[str, list[str]]:
    """What each container runs, by a name to tell it by."""
    found = {f"compose {name}": COMPOSE["services"][name]["command"] for name in OURS}
    found |= {f"pod {name}": pod["containers"][0]["args"] for name, pod in pods().items()}
    told = re.search(r"^CMD \[(.*)\]$", DOCKERFILE, re.MULTILINE)
    assert told is not None
    return found | {"image": yaml.safe_load(f"[{told[1]}]")}


def parsed(args: list[str]) -> dict[str, Any]:
    """The options as the command would get them. A click error when it would not."""
    command = kiln.commands[args[0]]
    with command.make_context(args[0], list(args[1:])) as context:
        return dict(context.params)


@pytest.mark.parametrize("name", sorted(containers()))
def test_every_command_parses(name: str) -> None:
    options = parsed(containers()[name])
    assert options["data"] == Path("/data")


def test_a_flag_that_is_none_would_be_noticed() -> None:
    with pytest.raises(click.UsageError):
        parsed(["worker", "--no-such-flag"])


def test_commands_in_comments_parse() -> None:
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    (said,) = re.findall(r"run --rm api (keys create .*?)(?:   |$)", text, re.MULTILINE)
    words = shlex.split(said)
    group = kiln.commands[words[0]]
    assert isinstance(group, click.Group)
    group.commands[words[1]].make_context(words[1], words[2:])


def variables() -> set[str]:
    of_compose = COMPOSE["x-environment"]
    told = {name for manifest in manifests() for part in ("data", "stringData") for name in manifest.get(part, {})}
    told |= {entry["name"] for pod in pods().values() for entry in pod["containers"][0].get("env", [])}
    return told | set(of_compose)


def test_every_variable_is_read() -> None:
    settings = (ROOT / "src/kiln/settings.py").read_text(encoding="utf-8")
    for name in variables():
        assert f'"{name.removesuffix("_FILE")}"' in settings, name
        assert not name.endswith("_FILE") or f'_secret("{name.removesuffix("_FILE")}")' in settings or "AWS_" in name, name


def test_ports_agree() -> None:
    exposed = {int(port) for port in re.search(r"^EXPOSE (.*)$", DOCKERFILE, re.MULTILINE)[1].split()}  # type: ignore[index]
    probed = {int(port) for port in re.findall(r"up\((\d+)\)", DOCKERFILE)}
    asked = {int(options.get("port") or options["health_port"]) for options in map(parsed, containers().values())}
    offered = {port["containerPort"] for pod in pods().values() for port in pod["containers"][0]["ports"]}
    scraped = {
        int(manifest["spec"]["template"]["metadata"]["annotations"]["prometheus.io/port"])
        for manifest in manifests()
        if manifest["kind"] in ("Deployment", "StatefulSet")
    }
    found = yaml.safe_load((DEPLOY / "prometheus/prometheus.yaml").read_text(encoding="utf-8"))["scrape_configs"]
    assert exposed == probed == asked == offered == scraped == {one["dns_sd_configs"][0]["port"] for one in found}
    assert COMPOSE["services"]["api"]["ports"][0].endswith(":8600:8600")


def test_whoever_stops_a_worker_waits_longer_than_it_takes() -> None:
    for name in OURS:
        limit_s = int(COMPOSE["services"][name]["stop_grace_period"].removesuffix("s"))
        assert parsed(COMPOSE["services"][name]["command"])["grace_s"] + WRITING_DOWN_S < limit_s, name
    for name, pod in pods().items():
        grace_s = parsed(pod["containers"][0]["args"])["grace_s"]
        assert grace_s + WRITING_DOWN_S < pod["terminationGracePeriodSeconds"], name
        alive = pod["containers"][0]["livenessProbe"]
        assert name == "kiln-api" or alive["periodSeconds"] * alive["failureThreshold"] > grace_s, name


def test_probes_ask_for_what_is_answered() -> None:
    known = {"/livez", "/readyz", "/health", "/metrics"}
    for pod in pods().values():
        container = pod["containers"][0]
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert container[kind]["httpGet"]["path"] in known
            assert container[kind]["httpGet"]["port"] in {port["name"] for port in container["ports"]}
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_nothing_runs_as_root_or_writes_where_it_should_not() -> None:
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    for pod in pods().values():
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"]
    assert all(COMPOSE["services"][name]["read_only"] for name in OURS)


def test_secrets_are_files_that_are_made(tmp_path: Path) -> None:
    script = tmp_path / "new-secrets.sh"
    script.write_bytes((DEPLOY / "new-secrets.sh").read_bytes())
    for _ in range(2):  # the second time it changes nothing
        before = {path.name: path.read_text() for path in tmp_path.glob("secrets/*")}
        subprocess.run(["sh", script], check=True, capture_output=True, timeout=60)
        made = {path.name: path.read_text() for path in tmp_path.glob("secrets/*")}
        assert before in ({}, made)
    named = {secret["file"].removeprefix("secrets/") for secret in COMPOSE["secrets"].values()}
    used = {name for service in COMPOSE["services"].values() for name in service.get("secrets", [])}
    assert set(made) == named == used == set(COMPOSE["secrets"])
    assert made["database_password"] in made["database_url"]
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0


def test_the_image_is_made_of_what_is_there() -> None:
    let_in = [line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")]
    for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert any(source == place or source.startswith(f"{place}/") for place in let_in), source
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    (asked,) = re.findall(r'"\.\[(.*)\]"', DOCKERFILE)
    assert set(asked.split(",")) <= set(extras)
    assert DOCKERFILE.count("pip install") == DOCKERFILE.count("--constraint constraints.txt")


def test_a_container_begins_with_kernels_it_may_write_to(tmp_path: Path) -> None:
    kernels, programs = tmp_path / "kernels", tmp_path / "bin"
    (kernels / "deep").mkdir(parents=True)
    (kernels / "deep" / "one.nbc").write_bytes(b"code")
    programs.mkdir()
    (programs / "kiln").write_text('#!/bin/sh\necho "$NUMBA_CACHE_DIR" "$@"\n')
    (programs / "kiln").chmod(0o755)
    script = (DEPLOY / "entrypoint.sh").read_text(encoding="utf-8").replace("/opt/kiln/kernels", str(kernels))
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "NUMBA_CACHE_DIR": str(tmp_path / "own")}
    for _ in range(2):
        command = ["sh", "-c", script, "entrypoint.sh", "serve", "--data", "/data"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == f"{tmp_path / 'own'} serve --data /data\n"
    assert (tmp_path / "own" / "deep" / "one.nbc").stat().st_mtime_ns // 10**9 == (kernels / "deep" / "one.nbc").stat().st_mtime_ns // 10**9


def counted() -> set[str]:
    """Every number there is, as Prometheus names its samples."""
    from prometheus_client.parser import text_string_to_metric_families

    from kiln.jobs.telemetry import metrics

    names = {family.name for family in text_string_to_metric_families(metrics.render().decode())}
    queue = (ROOT / "src/kiln/jobs/telemetry/queue_metrics.py").read_text(encoding="utf-8")
    names |= set(re.findall(r'GaugeMetricFamily\(\s*"(\w+)"', queue))
    return names | {f"{name}_{ending}" for name in names for ending in ("total", "sum", "count", "bucket")}


def test_alerts_ask_for_numbers_that_are_counted_and_say_what_to_do() -> None:
    (group,) = yaml.safe_load((DEPLOY / "prometheus/alerts.yaml").read_text(encoding="utf-8"))["groups"]
    manual = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    for rule in group["rules"]:
        named = set(re.findall(r"\bkiln_\w+", rule["expr"]))
        assert named
        assert named <= counted(), rule["alert"]
        assert f"`{rule['alert']}`" in manual


def test_workers_grow_with_a_number_that_is_counted() -> None:
    (scaler,) = [manifest for manifest in manifests() if manifest["kind"] == "HorizontalPodAutoscaler"]
    rules = yaml.safe_load((DEPLOY / "kubernetes/adapter-rules.yaml").read_text(encoding="utf-8"))["rules"]["external"]
    (metric,) = [one["external"]["metric"] for one in scaler["spec"]["metrics"]]
    assert metric["name"] == rules[0]["name"]["as"] == rules[0]["seriesQuery"]
    assert metric["name"] in counted()
    assert scaler["spec"]["scaleTargetRef"]["name"] in pods()


def test_every_manifest_is_used_or_says_why_not() -> None:
    used = set(yaml.safe_load((DEPLOY / "kubernetes/kustomization.yaml").read_text(encoding="utf-8"))["resources"])
    there = {path.name for path in (DEPLOY / "kubernetes").glob("*.yaml")}
    assert used <= there
    assert there - used == {"kustomization.yaml", "secret.example.yaml", "worker-gpu.yaml", "adapter-rules.yaml", "raycluster.yaml"}


def test_budgets_and_services_point_to_pods() -> None:
    labels = [m["spec"]["template"]["metadata"]["labels"] for m in manifests() if m["kind"] in ("Deployment", "StatefulSet")]
    for manifest in manifests():
        if manifest["kind"] in ("Service", "PodDisruptionBudget"):
            selector = manifest["spec"]["selector"]
            wanted = selector.get("matchLabels", selector)
            assert any(wanted.items() <= own.items() for own in labels), manifest["metadata"]["name"]
