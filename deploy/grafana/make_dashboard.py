"""Write the Grafana dashboard: rows of panels, each a few PromQL expressions over the gateway's metrics.

Run it as a script after a change (``--print`` writes it to standard output); the tests compare what it makes with
``dashboard.json``, and every metric in it with those that the gateway has.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboards import write

SOURCE = {"type": "prometheus", "uid": "${source}"}
COLUMNS, WIDTH, HEIGHT = 3, 8, 8
RATE = "[$__rate_interval]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One graph: its unit in Grafana's words, and legend -> expression."""

    title: str
    unit: str
    queries: Mapping[str, str]
    note: str = ""


def quantile(share: float, metric: str, where: str = "", by: str = "") -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({metric}_bucket{{{where}}}{RATE})))"


def rate(metric: str, by: str = "", where: str = "") -> str:
    summed = f"sum by ({by})" if by else "sum"
    return f"{summed} (rate({metric}{{{where}}}{RATE}))"


def share(part: str, whole: str) -> str:
    return f"{part} / {whole}"


Q = 'query=~"$query"'
READ, PRUNED = "gateway_read_partitions_total", "gateway_pruned_partitions_total"
REQUESTS = "gateway_request_seconds_count"
ENDED = 'gateway_engine_processes_ended_total{reason!~"idle|room"}'
SET_APART = f"gateway_queries_set_apart_total{{{Q}}}"
ROWS: Mapping[str, Sequence[Panel]] = {
    "Clients": (
        Panel(
            title="Requests about queries, by status",
            unit="reqps",
            queries={"{{status}}": rate(REQUESTS, "status", Q)},
        ),
        Panel(
            title="Time to the last byte",
            unit="s",
            queries={
                "hits, 99 %": quantile(0.99, "gateway_request_seconds", f'{Q}, cache="hit"'),
                "misses, 50 %": quantile(0.5, "gateway_request_seconds", f'{Q}, cache="miss"'),
                "misses, 99 %": quantile(0.99, "gateway_request_seconds", f'{Q}, cache="miss"'),
            },
        ),
        Panel(title="Problems, by code", unit="reqps", queries={"{{code}}": rate("gateway_problems_total", "code")}),
        Panel(
            title="Bytes of answers, by format",
            unit="Bps",
            queries={"{{format}}": rate("gateway_response_bytes_total", "format", Q)},
        ),
        Panel(
            title="Answers cut off",
            unit="reqps",
            queries={"{{query}}": rate("gateway_responses_cut_total", "query", Q)},
        ),
        Panel(
            title="Answers by fate in the cache",
            unit="reqps",
            queries={"{{cache}}": rate("gateway_answers_total", "cache", Q)},
        ),
    ),
    "Cache": (
        Panel(
            title="Share answered without running a query",
            unit="percentunit",
            queries={
                "all": share(
                    rate("gateway_answers_total", "", f'{Q}, cache=~"hit|stale|collapsed"'),
                    rate("gateway_answers_total", "", Q),
                )
            },
        ),
        Panel(title="Hits, by tier", unit="reqps", queries={"{{tier}}": rate("gateway_cache_hits_total", "tier", Q)}),
        Panel(
            title="Found unchanged, served stale, default rows",
            unit="reqps",
            queries={
                "revalidated": rate("gateway_revalidations_total", "", Q),
                "stale: {{reason}}": rate("gateway_stale_answers_total", "reason", Q),
                "default rows": rate("gateway_default_answers_total", "", Q),
            },
        ),
        Panel(
            title="Bytes kept",
            unit="bytes",
            queries={"memory": "sum (gateway_cache_memory_bytes)", "disk": "sum (gateway_cache_disk_bytes)"},
        ),
        Panel(
            title="Made room for others",
            unit="ops",
            queries={"{{tier}} {{query}}": rate("gateway_cache_evictions_total", "tier, query", Q)},
        ),
        Panel(
            title="Failed operations of tiers",
            unit="ops",
            queries={"{{tier}} {{operation}}": rate("gateway_cache_tier_failures_total", "tier, operation")},
        ),
    ),
    "Queries": (
        Panel(
            title="Queries in flight",
            unit="short",
            queries={"running": "sum (gateway_queries_running)", "waiting": "sum (gateway_queries_waiting)"},
        ),
        Panel(
            title="Executions",
            unit="ops",
            queries={"{{query}}": rate("gateway_execution_seconds_count", "query", Q)},
        ),
        Panel(
            title="Time in the engine, 95 %",
            unit="s",
            queries={"{{query}}": quantile(0.95, "gateway_execution_seconds", Q, "query")},
        ),
        Panel(
            title="Wait for a slot",
            unit="s",
            queries={
                "50 %": quantile(0.5, "gateway_admission_seconds", Q),
                "99 %": quantile(0.99, "gateway_admission_seconds", Q),
            },
        ),
        Panel(
            title="Refused a slot",
            unit="ops",
            queries={"{{reason}} {{cost}}": rate("gateway_admission_refusals_total", "reason, cost")},
        ),
        Panel(
            title="Failed, cancelled, slow, planned again",
            unit="ops",
            queries={
                "failed: {{code}}": rate("gateway_execution_failures_total", "code", Q),
                "cancelled: {{reason}}": rate("gateway_queries_cancelled_total", "reason", Q),
                "slow": rate("gateway_slow_queries_total", "", Q),
                "planned again": rate("gateway_replans_total", "", Q),
            },
        ),
    ),
    "Pruning and storage": (
        Panel(
            title="Share of partitions read",
            unit="percentunit",
            queries={
                "{{table}}": share(
                    rate(READ, "table"),
                    f"({rate(READ, 'table')} + {rate(PRUNED, 'table')})",
                )
            },
        ),
        Panel(title="Bytes read", unit="Bps", queries={"{{table}}": rate("gateway_read_bytes_total", "table")}),
        Panel(
            title="Requests to stores",
            unit="reqps",
            queries={"{{client}} {{kind}} {{status}}": rate("gateway_storage_requests_total", "client, kind, status")},
        ),
        Panel(
            title="Retries, replicas",
            unit="ops",
            queries={
                "retried: {{query}}": rate("gateway_storage_retries_total", "query", Q),
                "replica: {{location}}": rate("gateway_replica_reads_total", "location"),
            },
        ),
        Panel(
            title="Breakers (0 closed, 1 half open, 2 open)",
            unit="short",
            queries={"{{location}}": "max by (location) (gateway_storage_breaker)"},
        ),
        Panel(
            title="Age of file lists",
            unit="s",
            queries={"{{table}}": "time() - max by (table) (gateway_snapshot_listed_timestamp_seconds)"},
        ),
    ),
    "Machines": (
        Panel(title="Memory of the workers", unit="bytes", queries={"{{instance}}": "gateway_resident_bytes"}),
        Panel(
            title="Memory of DuckDB, by purpose",
            unit="bytes",
            queries={
                "{{purpose}}": "sum by (purpose) (gateway_engine_memory_bytes)",
                "spilled": "sum (gateway_engine_spilled_bytes)",
            },
        ),
        Panel(
            title="Memory of the engine's processes",
            unit="bytes",
            queries={"{{instance}} {{role}}": "sum by (instance, role) (gateway_engine_resident_bytes)"},
        ),
        Panel(
            title="Engine's processes ended, queries set apart and run again",
            unit="short",
            queries={
                "ended: {{role}} {{reason}}": f"sum by (role, reason) (increase({ENDED}{RATE}))",
                "set apart: {{query}} {{reason}}": f"sum by (query, reason) (increase({SET_APART}{RATE}))",
                "run again: {{reason}}": f"sum by (reason) (increase(gateway_engine_reruns_total{{{Q}}}{RATE}))",
            },
            note="Why a process ended, and what to do: docs/operating.md, The engine's processes.",
        ),
        Panel(
            title="Texts of queries that run apart",
            unit="short",
            queries={"{{instance}}": "gateway_queries_apart"},
            note="gateway apart lists them on the machine.",
        ),
        Panel(
            title="Bugs, lost log lines, broken declarations",
            unit="short",
            queries={
                "bugs": f"sum (increase(gateway_unexpected_errors_total{RATE}))",
                "lost lines: {{stream}}": f"sum by (stream) (increase(gateway_log_lines_lost_total{RATE}))",
                "broken: {{kind}}": "max by (kind) (gateway_declarations_broken)",
            },
        ),
    ),
}


def dashboard() -> dict[str, Any]:
    """Make the document that Grafana imports."""
    return {
        "title": "Query Gateway",
        "uid": "query-gateway",
        "tags": ["query-gateway"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_source(), _queries()]},
        "panels": list(_panels()),
    }


def _panels() -> Iterator[dict[str, Any]]:
    number = top = 0
    for title, panels in ROWS.items():
        number += 1
        yield {"id": number, "type": "row", "title": title, "gridPos": {"x": 0, "y": top, "w": 24, "h": 1}}
        top += 1
        for place, panel in enumerate(panels):
            number += 1
            x, y = place % COLUMNS * WIDTH, top + place // COLUMNS * HEIGHT
            yield _panel(panel, number, {"x": x, "y": y, "w": WIDTH, "h": HEIGHT})
        top += -(-len(panels) // COLUMNS) * HEIGHT


def _panel(panel: Panel, number: int, place: Mapping[str, int]) -> dict[str, Any]:
    targets = [
        {"refId": chr(ord("A") + index), "datasource": SOURCE, "expr": expression, "legendFormat": legend}
        for index, (legend, expression) in enumerate(panel.queries.items())
    ]
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.note,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0, "custom": {"fillOpacity": 10}}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": targets,
    }


def _source() -> dict[str, Any]:
    return {"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"}


def _queries() -> dict[str, Any]:
    values = {"query": f'label_values({REQUESTS}{{query!=""}}, query)', "refId": "queries"}
    shown = {"includeAll": True, "multi": True, "allValue": ".+", "current": {"text": "All", "value": "$__all"}}
    return {
        "name": "query",
        "type": "query",
        "label": "Query",
        "datasource": SOURCE,
        "query": values,
        "refresh": 2,
        **shown,
    }


if __name__ == "__main__":
    write("dashboard.json", dashboard(), sys.argv[1:])
