"""``docs/metrics.md`` lists every metric of the gateway with its kind, its labels and what it says."""

from __future__ import annotations

import re
from pathlib import Path

from flask import Flask
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from gateway.telemetry.metrics import Metrics
from gateway.web.site import measure

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
KINDS = {"counter": "_total", "histogram": "", "gauge": ""}


def defined() -> dict[str, tuple[str, str, str]]:
    """Map each metric's name to its kind, its labels and its help."""
    registry = CollectorRegistry()
    Metrics(registry)
    measure(Flask("empty"), registry)
    collectors = [one for one in registry._collector_to_names if isinstance(one, MetricWrapperBase)]
    return {
        f"{one._name}{KINDS[one._type]}": (one._type, ", ".join(one._labelnames), one._documentation)
        for one in collectors
    }


def test_every_metric_is_documented_as_it_is() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| (\w+) \| ([a-z_, ]*?) ?\| (.+?) \|$", PAGE.read_text(), re.MULTILINE)
    assert {name: (kind, labels, text) for name, kind, labels, text in rows} == defined()
