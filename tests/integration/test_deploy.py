"""The files of ``deploy/``: what can be run here is run by its own program, the rest is read by its own schema."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from compose_spec import PyCompose
from real_servers import server_missing

from gateway.config import settings_table
from gateway.declaration import parse_duration
from gateway.settings import ServerSettings
from gateway.telemetry.metric_table import DEFINITIONS
from gateway.telemetry.metrics import SECONDS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
LABELS = {"instance", "job", "namespace", "pod", "le"}
"""Labels that Prometheus adds, or that belong to every histogram."""


@pytest.fixture(scope="session")
def program() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a program that a system package brings."""

    def run(name: str, *arguments: str, cwd: Path = DEPLOY) -> subprocess.CompletedProcess[str]:
        found = shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)
        if found is None:
            server_missing(f"no {name}: .ci/run names the package that has it")
        return subprocess.run([found, *arguments], cwd=cwd, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="module")
def metrics() -> dict[str, set[str]]:
    """Every series of the gateway with the labels that it has."""
    endings = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"], "gauge": [""]}
    return {
        f"gateway_{metric.name}{ending}": set(metric.labels)
        for metric in DEFINITIONS
        for ending in endings[metric.kind]
    }


def documents(name: str) -> list[Any]:
    return [found for found in yaml.safe_load_all((DEPLOY / name).read_text()) if found is not None]


def manifest(kind: str) -> Any:
    (found,) = [each for each in documents("kubernetes/query-gateway.yaml") if each["kind"] == kind]
    return found


def dashboard_expressions() -> Iterator[str]:
    for panel in json.loads((DEPLOY / "grafana/dashboard.json").read_text())["panels"]:
        yield from (target["expr"] for target in panel.get("targets", []))


def rules_of(name: str) -> list[dict[str, Any]]:
    """List the rules of a file of Prometheus, of all its groups."""
    groups = yaml.safe_load((DEPLOY / "prometheus" / name).read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alert_expressions() -> Iterator[str]:
    for name in ("alerts.yml", "slos.yml"):
        yield from (rule["expr"] for rule in rules_of(name))


def adapter_expressions() -> Iterator[str]:
    for rule in yaml.safe_load((DEPLOY / "kubernetes/adapter/prometheus-adapter.yaml").read_text())["rules"]["custom"]:
        yield rule["seriesQuery"]
        yield rule["metricsQuery"]


def documented_expressions() -> Iterator[str]:
    yield from re.findall(r"^```promql\n(.*?)^```", (ROOT / "docs/metrics.md").read_text(), re.DOTALL | re.MULTILINE)


EVERYWHERE = [dashboard_expressions, alert_expressions, adapter_expressions, documented_expressions]


@pytest.mark.parametrize("expressions", EVERYWHERE)
def test_every_metric_that_is_asked_for_is_one_of_the_gateway(
    expressions: Callable[[], Iterator[str]], metrics: dict[str, set[str]]
) -> None:
    texts = list(expressions())
    named = {name for text in texts for name in re.findall(r"\bgateway_[a-z_]+", text)} - {"gateway_queries_in_flight"}
    assert named
    assert named - set(metrics) == set()


@pytest.mark.parametrize("expressions", EVERYWHERE)
def test_every_label_that_is_asked_for_is_one_that_the_metric_has(
    expressions: Callable[[], Iterator[str]], metrics: dict[str, set[str]]
) -> None:
    for text in expressions():
        for name, condition in re.findall(r"\b(gateway_[a-z_]+)\{([^}]*)\}", text):
            asked = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", condition))
            assert asked - metrics[name] - LABELS == set(), text
        known = set().union(*(metrics.get(name, set()) for name in re.findall(r"\bgateway_[a-z_]+", text)))
        grouped = {label.strip() for found in re.findall(r"\bby \(([^)]*)\)", text) for label in found.split(",")}
        assert {label for label in grouped if label.isidentifier()} - known - LABELS == set(), text


def test_the_dashboard_is_what_its_program_makes() -> None:
    place = DEPLOY / "grafana/make_dashboard.py"
    made = subprocess.run([sys.executable, str(place), "--print"], capture_output=True, text=True, check=True).stdout
    assert (DEPLOY / "grafana/dashboard.json").read_text() == made, f"run {place.relative_to(ROOT)}"


def test_prometheus_takes_every_expression_of_the_dashboard(program: Any, tmp_path: Path) -> None:
    texts = [re.sub(r"\$__rate_interval", "5m", text) for text in dashboard_expressions()]
    rules = [{"record": f"panel:{number}", "expr": text} for number, text in enumerate(texts)]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    checked = program("promtool", "check", "rules", "--lint=none", str(tmp_path / "rules.yml"))
    assert checked.returncode == 0, checked.stderr


def test_prometheus_takes_its_configuration_and_the_alerts(program: Any) -> None:
    checked = program("promtool", "check", "config", "prometheus.yml", cwd=DEPLOY / "prometheus")
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("rules", ["alerts", "slos"])
def test_the_alerts_do_what_their_tests_say(rules: str, program: Any) -> None:
    tested = program("promtool", "test", "rules", f"{rules}-tests.yml", cwd=DEPLOY / "prometheus")
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.parametrize("expressions", EVERYWHERE)
def test_every_bucket_that_is_asked_for_is_one_that_there_is(expressions: Callable[[], Iterator[str]]) -> None:
    asked = {bound for text in expressions() for bound in re.findall(r'\ble="([^"]*)"', text)}
    assert asked - {str(bound) for bound in SECONDS} == set()


def test_every_alert_and_record_that_is_used_is_made() -> None:
    rules = rules_of("slos.yml")
    made = {rule["record"] for rule in rules if "record" in rule}
    used = {name for rule in rules for name in re.findall(r"query_gateway:[\w:]+", rule["expr"])}
    assert used == made


def test_every_objective_is_documented_with_its_alerts() -> None:
    page = (ROOT / "docs" / "slos.md").read_text(encoding="utf-8")
    alerts = [rule["alert"] for rule in rules_of("slos.yml") if "alert" in rule]
    assert [name for name in alerts if f"`{name}`" not in page] == []


def test_the_dockerfile_is_sound(program: Any) -> None:
    checked = program("hadolint", "Dockerfile")
    assert checked.returncode == 0, checked.stdout


def test_the_image_does_not_run_as_root_and_names_no_registry() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert re.findall(r"^USER (\S+)", text, re.MULTILINE)[-1] != "root"
    assert [name for name in re.findall(r"^FROM (\S+)", text, re.MULTILINE) if "/" in name] == []


def test_compose_takes_its_file() -> None:
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", (DEPLOY / "compose.yaml").read_text())
    services = PyCompose.from_yaml(text).service_names()
    assert sorted(services) == ["builder", "gateway", "grafana", "nginx", "prometheus", "redis"]


def test_every_file_that_compose_mounts_is_there() -> None:
    mounts = [
        each for service in documents("compose.yaml")[0]["services"].values() for each in service.get("volumes", [])
    ]
    places = [mount.split(":")[0] for mount in mounts if mount.startswith("./")]
    assert places
    assert [place for place in places if not (DEPLOY / place).exists()] == []


@pytest.mark.parametrize(
    "document",
    [*documents("kubernetes/query-gateway.yaml"), *documents("kubernetes/builder/query-gateway-builder.yaml")],
    ids=lambda each: f"{each['kind']} {each['metadata']['name']}",
)
def test_kubernetes_takes_its_manifests(document: Any) -> None:
    kubernetes_validate.validate(document, "1.34", strict=True)


def test_a_pod_is_given_the_time_that_a_gateway_takes_to_stop() -> None:
    settings = manifest("ConfigMap")["data"]
    takes = parse_duration(settings["GATEWAY_SERVER_DRAIN"]) + parse_duration(settings["GATEWAY_SERVER_GRACE"])
    assert takes < manifest("Deployment")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]


def test_a_service_and_a_container_are_given_the_time_that_a_gateway_takes_to_stop() -> None:
    server = ServerSettings()
    unit = (DEPLOY / "systemd/query-gateway.service").read_text()
    stop = re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    assert stop is not None
    grace = documents("compose.yaml")[0]["services"]["gateway"]["stop_grace_period"]
    assert server.drain + server.grace < min(float(stop[1]), parse_duration(grace))


def test_probes_ask_addresses_that_there_are() -> None:
    (container,) = manifest("Deployment")["spec"]["template"]["spec"]["containers"]
    probes = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")}
    assert probes == {"startup": "/readyz", "readiness": "/readyz", "liveness": "/healthz"}


def test_the_autoscaler_asks_for_what_the_adapter_offers() -> None:
    (wanted,) = manifest("HorizontalPodAutoscaler")["spec"]["metrics"]
    (rule,) = documents("kubernetes/adapter/prometheus-adapter.yaml")[0]["rules"]["custom"]
    assert wanted["pods"]["metric"]["name"] == rule["name"]["as"]


@pytest.mark.parametrize("name", ["query-gateway.service", "query-gateway-builder.service"])
def test_systemd_takes_the_unit(program: Any, tmp_path: Path, name: str) -> None:
    text = (DEPLOY / "systemd" / name).read_text()
    assert "/opt/query-gateway/bin/gateway" in text
    (tmp_path / name).write_text(text.replace("/opt/query-gateway/bin/gateway", "/bin/true"))
    checked = program("systemd-analyze", "verify", "--man=no", str(tmp_path / name))
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(
    "place",
    [
        "kubernetes/query-gateway.yaml",
        "compose.yaml",
        "systemd/query-gateway.service",
        "systemd/query-gateway-builder.service",
    ],
)
def test_every_setting_that_is_given_is_one_that_there_is(place: str) -> None:
    known = {variable for _, variable, _, _ in settings_table()} | {"GATEWAY_STATE"}
    assert set(re.findall(r"\bGATEWAY_[A-Z_]+\b", (DEPLOY / place).read_text())) - known == set()


def test_the_keys_that_write_are_given_to_the_builder_alone() -> None:
    services = documents("compose.yaml")[0]["services"]
    given = {name for name, service in services.items() if "GATEWAY_BUILDER" in str(service)}
    assert given == {"builder"}
    [deployment] = [each for each in documents("kubernetes/builder/query-gateway-builder.yaml") if "spec" in each]
    secrets = {
        each["metadata"]["name"]: str(each["spec"]["template"]["spec"]["containers"][0]["envFrom"])
        for each in (manifest("Deployment"), deployment)
    }
    assert {name for name, text in secrets.items() if "'query-gateway-builder'" in text} == {"query-gateway-builder"}
    assert {each["metadata"]["name"] for each in (manifest("ServiceAccount"), deployment)} == set(secrets)
