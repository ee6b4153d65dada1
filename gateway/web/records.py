"""The access record of a request, from which its log line and its metrics are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.answer import Outcome
from gateway.model import Principal
from gateway.query.template import Template
from gateway.telemetry.events import RequestServed


@dataclass(slots=True, kw_only=True)
class Record:
    """What is known of the current request, for its log line and its metrics."""

    request: str
    started: float
    endpoint: str = ""
    principal: Principal | None = None
    query: str | None = None
    version: int | None = None
    template: Template | None = None
    """The version that was asked for, whatever was answered."""
    cache: str | None = None
    detail: str | None = None
    outcome: Outcome | None = None
    key: str | None = None
    parameters: Mapping[str, Any] | None = None
    rows: int | None = None
    partitions: int | None = None
    partitions_total: int | None = None
    format: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What went to the client, and how long it took, in seconds."""

    method: str
    path: str
    client: str | None
    status: int
    seconds: float
    size: int
    complete: bool = True


def served(noted: Record, sent: Sent) -> RequestServed:
    """Tell of a request that was answered."""
    who = noted.principal
    return RequestServed(
        request=noted.request,
        method=sent.method,
        path=sent.path,
        endpoint=noted.endpoint,
        client=sent.client,
        principal=None if who is None else who.name,
        credential=None if who is None or not who.credential else who.credential,
        status=sent.status,
        seconds=sent.seconds,
        size=sent.size,
        query=noted.query,
        version=noted.version,
        cache=noted.cache,
        detail=noted.detail,
        outcome=noted.outcome,
        key=noted.key,
        parameters=noted.parameters,
        rows=noted.rows,
        partitions=noted.partitions,
        partitions_total=noted.partitions_total,
        format=noted.format,
        error=noted.error,
        complete=sent.complete,
    )
