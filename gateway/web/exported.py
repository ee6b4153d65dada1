"""The request metrics of prometheus-flask-exporter, for requests that do not come to Flask."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prometheus_client import CollectorRegistry

from gateway.telemetry.events import RequestServed
from gateway.telemetry.metrics import observe_all

_DURATION = "gateway_http_request_duration_seconds"
_TOTAL = "gateway_http_request_total"
_ENDPOINT = "results.result"
"""The endpoint that would have answered them."""


class Exported:
    """Count requests in the metrics that the exporter has put in *registry*, by the labels that it gives them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        # The exporter keeps its metrics to itself; the registry knows them by name.
        metrics: dict[str, Any] = registry._names_to_collectors
        self._duration, self._total = metrics[_DURATION], metrics[_TOTAL]

    def count(self, events: Iterable[RequestServed]) -> None:
        """Count requests for results, and their time."""
        alike: dict[tuple[str, int, str, str, str], list[float]] = {}
        for event in events:
            labels = (event.method, event.status, event.query or "", str(event.version or ""), event.cache or "")
            alike.setdefault(labels, []).append(event.seconds)
        for (method, status, query, version, cache), durations in alike.items():
            rest = {"query": query, "version": version, "cache": cache}
            self._total.labels(method=method, status=status, **rest).inc(len(durations))
            duration = self._duration.labels(method=method, endpoint=_ENDPOINT, status=status, **rest)
            observe_all(duration, durations)
