"""Write a Grafana dashboard of answers: panels that ask queries of the demo through the Infinity data source.

Run it as a script after a change (``--print`` writes it to standard output); the tests compare what it makes with
``answers.json``, and ask every question in it of a real gateway. docs/recipes/grafana.md explains the parts.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dashboards import write

SOURCE = {"type": "yesoreyeram-infinity-datasource", "uid": "query-gateway"}
CARRIERS = ("AA", "B6", "DL", "EV", "UA")
RANGE = {"start": "${__from}", "end": "${__to}"}
"""The time range of the dashboard: milliseconds since 1970, which the queries take (``epoch: ms``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel: a kind of Grafana's, a question, and the columns of its answer that are shown with their types."""

    title: str
    kind: str
    query: str
    parameters: Mapping[str, str]
    columns: Mapping[str, str]
    unit: str = "short"
    place: tuple[int, int, int, int]


PANELS = (
    Panel(
        title="Mean delay by day",
        kind="timeseries",
        query="ops.delay_trend/v1",
        parameters=RANGE,
        columns={"date": "timestamp", "mean_delay": "number", "weekly_delay": "number"},
        unit="m",
        place=(0, 0, 24, 9),
    ),
    Panel(
        title="Delays by airline",
        kind="table",
        query="delays_by_carrier/v2",
        parameters=RANGE | {"carriers": "${carriers:json}"},
        columns={
            "airline": "string",
            "flights": "number",
            "cancelled": "number",
            "mean_delay": "number",
            "p90_delay": "number",
        },
        place=(0, 9, 12, 9),
    ),
    Panel(
        title="The weather and its delays",
        kind="barchart",
        query="weather_delay/v1",
        parameters=RANGE,
        columns={"weather": "string", "mean_delay": "number"},
        unit="m",
        place=(12, 9, 12, 9),
    ),
)


def dashboard() -> dict[str, Any]:
    """Make the document that Grafana imports."""
    return {
        "title": "Flights from New York",
        "uid": "query-gateway-answers",
        "tags": ["query-gateway"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "1m",
        "timezone": "America/New_York",
        "time": {"from": "2013-02-01T05:00:00.000Z", "to": "2013-03-01T05:00:00.000Z"},
        "templating": {"list": [_carriers()]},
        "panels": [_panel(panel, number) for number, panel in enumerate(PANELS, start=1)],
    }


def _panel(panel: Panel, number: int) -> dict[str, Any]:
    x, y, width, height = panel.place
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": width, "h": height},
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": [_target(panel)],
    }


def _target(panel: Panel) -> dict[str, Any]:
    """Ask for JSON: ``data`` is the list of rows, and a column of the answer is a selector in it."""
    return {
        "refId": "A",
        "datasource": SOURCE,
        "type": "json",
        "source": "url",
        "parser": "backend",
        "format": "timeseries" if panel.kind == "timeseries" else "table",
        "url": f"/v1/queries/{panel.query}/result",
        "url_options": {
            "method": "GET",
            "params": [{"key": name, "value": value} for name, value in panel.parameters.items()],
        },
        "root_selector": "data",
        "columns": [{"selector": name, "text": name, "type": kind} for name, kind in panel.columns.items()],
    }


def _carriers() -> dict[str, Any]:
    """Offer carriers to choose from; ``${carriers:json}`` writes those that are chosen as one list."""
    return {
        "name": "carriers",
        "type": "custom",
        "label": "Carriers",
        "query": ",".join(CARRIERS),
        "multi": True,
        "includeAll": True,
        "current": {"text": ["All"], "value": ["$__all"]},
        "options": [{"text": name, "value": name, "selected": False} for name in CARRIERS],
    }


if __name__ == "__main__":
    write("answers.json", dashboard(), sys.argv[1:])
