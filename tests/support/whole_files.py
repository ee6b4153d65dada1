"""A text of each kind of file of a project, with every key that is accepted; of settings, those with a default."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.access.grants import check_grants
from gateway.authoring.owners import Owners
from gateway.authoring.testfile import Document
from gateway.catalog.table import parse_table
from gateway.config import load_settings, settings_table
from gateway.declaration import DeclarationError, Declared
from gateway.errors import Diagnostic, SettingsInvalid, TemplateInvalid
from gateway.query.template import Template

TABLE = """table: events
description: All events
owner: shop
location: s3://lake/events
replicas: [s3://copy/events]
files: ["*.parquet", "part-*"]
columns:
  id: BIGINT
  ts: TIMESTAMP WITH TIME ZONE
  country: VARCHAR
column_descriptions: {id: one for each event}
partitioned_by:
  - {column: day, transform: day, source: ts, zone: Europe/Berlin, format: "%Y%m%d", enforced: false}
  - column: country
    source: country
refresh: 60s
sorted_by: [id]
limits: {max_files: 5, max_bytes: 1GiB, require_filter: [day]}
statistics: true
union_by_name: true
ignore_table_format: true
"""
DATASET = """table: events_by_day
description: Events of each day
location: s3://lake/events_by_day
query: events/v1
parameters: {start: 2024-01-01}
partitioned_by:
  - {column: day, transform: day, source: ts, zone: Europe/Berlin, format: "%Y%m%d"}
refresh: 60s
sorted_by: [id]
version: train-2024
keep: {versions: 5, replaced: 2d}
build: {on: refresh, quiet: 1m, every: 1h, schedule: "30 3 * * *", zone: Europe/Berlin, principal: nightly}
unfiltered: true
"""
FRONT_MATTER = """summary: Events of some countries
description: As many as there are.
owner: shop
tags: [sales]
parameters:
  start: {type: timestamptz, bucket: 1h, zone: UTC, epoch: ms, relative: 1m, description: first hour}
  share: {type: double, min: 0, max: 1, nonfinite: false, default: 0.5, description: a part}
  name: {type: varchar, pattern: "[a-z]+", min_length: 1, max_length: 8, optional: true, description: a name}
  countries: {type: list[varchar], choices: [DE, FR], max_items: 4, optional: true, description: some}
cache: {enabled: true, ttl: 5m, clock: 1m, stale_while_revalidate: 1h, stale_if_error: 1d}
timeout: 10s
engine: auto
deterministic: true
examples:
  - {start: "2024-01-01T00:00:00Z"}
warm: {examples: true, sets: [{start: "2024-01-01T00:00:00Z"}], recent: 5}
default: [{n: 0}]
chart: {x: n, y: n, color: n, mark: bar}
deprecated: 2024-01-01
sunset: 2025-01-01
successor: v2
"""
SQL = """SELECT count(*) AS n
FROM events
WHERE ts >= $start AND ts < now() AND id < $share AND ($name IS NULL OR country = $name)
  AND ($countries IS NULL OR country IN $countries)
"""
TESTS = """tables:
  events:
    columns: {id: BIGINT}
    rows: |
      id
      1
tests:
  - name: one
    parameters: {start: 2024-01-01}
    tables: {events: {rows: [{id: 1}]}}
    rows: [{n: 1}]
    row_count: 1
    columns: {n: BIGINT}
    invariants: [n > 0]
    reads: {files: 1, partitions: 1, bytes: 1GiB}
  - name: refused
    error: invalid-parameters
"""
OWNERS = """owners:
  shop: {name: The shop, contact: "#shop"}
"""
ACCESS = """grants:
  - to: [ana]
    queries: ["*"]
    tables: ["*"]
    actions: [refresh]
limits:
  - to: [ana]
    requests: 10/minute
    bytes: 1GiB/hour
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of file: a text with all its keys, its errors as the product finds them, and words that are no keys."""

    name: str
    text: str
    errors: Callable[[str], list[Diagnostic]]
    free: frozenset[str] = frozenset()
    beside: str = ""
    """A second text, with the keys that contradict some of the first."""


def kinds(folder: Path) -> Iterator[Kind]:
    """List every kind of file of a project; *folder* is for those that are read from a file."""

    def settings(text: str) -> list[Diagnostic]:
        (folder / "gateway.toml").write_text(text, encoding="utf-8")
        return _caught(lambda: load_settings(folder, {}))

    yield Kind(name="table", text=TABLE, errors=_table, free=frozenset({"id", "ts", "country"}), beside=DATASET)
    names = frozenset({"start", "share", "name", "countries", "n"})
    yield Kind(name="query", text=f"/*\n{FRONT_MATTER}*/\n{SQL}", errors=_query, free=names)
    yield Kind(name="tests", text=TESTS, errors=_tests, free=frozenset({"events", "id", "n", "start"}))
    yield Kind(name="owners", text=OWNERS, errors=_owners, free=frozenset({"shop"}))
    yield Kind(name="access", text=ACCESS, errors=_access)
    yield Kind(name="settings", text=_settings(), errors=settings)


def _settings() -> str:
    """Write every setting that has a default, and ``state``."""
    sections: dict[str, list[str]] = {}
    for name, _, default, _ in settings_table():
        section, _, key = name.rpartition(".")
        if key and default:
            sections.setdefault(section, []).append(f"{key} = {_toml(default)}")
    tops = ["state = '.gateway'", *sections.pop("", [])]
    return "\n".join([*tops, *(line for name, keys in sections.items() for line in (f"[{name}]", *keys))]) + "\n"


def _toml(default: str) -> str:
    text = default.lower() if default in ("True", "False") else default
    try:
        tomllib.loads(f"x = {text}")
    except tomllib.TOMLDecodeError:
        return f'"{text}"'
    return text


def _caught(read: Callable[[], object]) -> list[Diagnostic]:
    try:
        read()
    except (DeclarationError, TemplateInvalid, SettingsInvalid) as error:
        return list(error.diagnostics)
    return []


def _table(text: str) -> list[Diagnostic]:
    return _caught(lambda: parse_table(text, "catalog/events.yaml"))


def _query(text: str) -> list[Diagnostic]:
    return _caught(lambda: Template.load(text, path="queries/q/v1.sql", name="q", version=1, tables=["events"]))


def _tests(text: str) -> list[Diagnostic]:
    return _caught(lambda: Declared(text, "v1.test.yaml").validate(Document))


def _owners(text: str) -> list[Diagnostic]:
    return _caught(lambda: Declared(text, "catalog/owners.yaml").validate(Owners))


def _access(text: str) -> list[Diagnostic]:
    return list(check_grants(text, path="access.yaml", queries={"q"}, tables={"events"}))
