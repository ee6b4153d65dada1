"""``docs/metrics.md`` lists every metric of the gateway with its kind, its labels and what it says."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import CollectorRegistry

from gateway.telemetry.metric_table import DEFINITIONS, EFFECTS
from gateway.telemetry.metrics import Metrics

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
ENDINGS = {"counter": "_total", "histogram": "", "gauge": ""}


def test_every_metric_is_documented_as_it_is() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| (\w+) \| ([a-z_, ]*?) ?\| (.+?) \|$", PAGE.read_text(), re.MULTILINE)
    defined = {
        f"gateway_{metric.name}{ENDINGS[metric.kind]}": (metric.kind, ", ".join(metric.labels), metric.help)
        for metric in DEFINITIONS
    }
    assert {name: (kind, labels, text) for name, kind, labels, text in rows} == defined


def test_the_metrics_of_a_gateway_are_those_of_the_table() -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    collected = {(f"{metric.name}", metric.type, metric.documentation) for metric in registry.collect()}
    assert collected == {(f"gateway_{metric.name}", metric.kind, metric.help) for metric in DEFINITIONS}


def test_every_label_is_an_attribute_of_the_event_that_changes_the_metric() -> None:
    labels = {metric.name: metric.labels for metric in DEFINITIONS}
    missing = [
        (event.__name__, name, label)
        for event, changes in EFFECTS.items()
        for name in changes
        for label in labels[name]
        if label not in event.__dataclass_fields__
    ]
    assert missing == []
