"""Whatever folds has the same bytes by a cluster as by this machine: over the grammar of the property of folds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from dask_cluster import DaskProcesses
from days import Days, opened
from foldable import ANYTHING, CONDITIONS, KEYS, NUMBERS, aggregates, queries
from folded import FOLDED
from hypothesis import HealthCheck, event, given, note, settings

from gateway.concurrency.cancellation import Cancellation
from gateway.errors import QueryFailed
from gateway.execution.work import KeyedFold, Work
from gateway.model import Principal, Result
from gateway.telemetry.timings import Timings

MADE = {
    "k": "VARCHAR: [NULL, 'a', 'b', '', 'A']",
    "j": "INTEGER: [NULL, 0, 1, 2]",
    "i": "INTEGER: [NULL, 0, -2147483648, 2147483647, 7]",
    "b": "BIGINT: [NULL, 9223372036854775807, -9223372036854775808, 1]",
    "m": "DECIMAL(9,2): [NULL, 0.01, -9999999.99, 9999999.99]",
    "w": "DECIMAL(38,3): [NULL, 0, 14285714285714285714285714285714285.714, 0.001]",
    "h": "DECIMAL(38,0): [NULL, 0, 99999999999999999999999999999999999999, 10000000000000000000000000000000000000]",
    "t": "BOOLEAN: [NULL, true, false]",
    "u": "UUID: [NULL, '00000000-0000-0000-0000-000000000001', 'ffffffff-ffff-ffff-ffff-ffffffffffff']",
    "c": "TIME: [NULL, '00:00:00', '12:30:00.000001']",
    "z": "TIMESTAMP WITH TIME ZONE: [NULL, '2024-01-01 00:00:00+02', '2023-12-31 22:00:00+00']",
    "o": "BLOB: [NULL, '', '\\x00', '\\xff\\x00']",
}
"""The columns: their types, and the values that they are made of."""
QUERIES = queries("t", KEYS, aggregates(NUMBERS, ANYTHING, ("i", "b")), CONDITIONS)


def build(folder: Path) -> None:
    """Write ten days of 40 rows."""
    columns = {name: spec.partition(": ")[::2] for name, spec in MADE.items()}
    declared = "\n".join(f'  {name}: "{kind}"' for name, (kind, _) in columns.items())
    (folder / "catalog").mkdir(parents=True)
    (folder / "catalog" / "t.yaml").write_text(
        "table: t\nlocation: t\npartitioned_by:\n  - {column: day, transform: day, source: ts}\n"
        f"columns:\n  ts: TIMESTAMP\n{declared}\n"
    )
    (folder / "gateway.toml").write_text("")
    values = ", ".join(
        f"CAST(list_extract({choice}, 1 + (hash(n, '{name}') % len({choice}))::INTEGER) AS {kind}) AS {name}"
        for name, (kind, choice) in columns.items()
    )
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for day in range(10):
            target = folder / "t" / f"day=2024-01-{day + 1:02}"
            target.mkdir(parents=True)
            moment = f"TIMESTAMP '2024-01-01' + INTERVAL (24 * {day} + n % 24) HOUR AS ts"
            rows = f"SELECT {moment}, {values} FROM range({40 * day}, {40 * day + 40}) AS r(n)"
            connection.execute(f"COPY ({rows}) TO '{target}/rows.parquet' (FORMAT parquet)")


@pytest.fixture(scope="module")
def both(dask_all_along: DaskProcesses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Days, Days]]:
    """Open one project twice: where a cluster computes all partials, and where this machine computes as a whole."""
    folder = tmp_path_factory.mktemp("cluster")
    build(folder / "project")
    there = {"GATEWAY_CLUSTER_DASK": dask_all_along.address, "GATEWAY_CLUSTER_ABOVE": "0"}
    here = {"GATEWAY_CACHE_PARTIALS": "0"}
    states = ({"GATEWAY_STATE": str(folder / name)} for name in ("there", "here"))
    with (
        opened(folder / "project", FOLDED | there | next(states)) as first,
        opened(folder / "project", FOLDED | here | next(states)) as second,
    ):
        yield first, second


def result(days: Days, sql: str) -> tuple[bool, Result | None]:
    """Compute an answer as a server does; tell whether it folds. None: its sums do not fit.

    The rows of what does not fold may come in any order.
    """
    query, plan, _ = days.plan(sql)
    snapshots = days.gateway.catalog.pin(query.tables)
    fold = days.gateway.planning.fold(plan, snapshots, Principal())
    work = Work(
        plan=plan,
        question=sql,
        key="",
        principal=Principal(),
        pinned_at=0.0,
        timings=Timings(time.monotonic),
        fold=lambda: fold,
    )
    try:
        return isinstance(fold, KeyedFold), days.gateway.runner.whole(work, Cancellation())
    except QueryFailed as error:
        if "verflow" not in error.detail:
            raise
        return isinstance(fold, KeyedFold), None


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(query=QUERIES)
def test_an_answer_by_the_cluster_has_the_bytes_of_this_machines(both: tuple[Days, Days], query: str) -> None:
    note(query)
    try:
        folds, there = result(both[0], query)
        _, here = result(both[1], query)
    except QueryFailed:
        return  # a result that has the name of a column made GROUP BY another one
    event(f"folded: {folds}")
    if folds and there is not None and here is not None:
        assert there.digest == here.digest
        assert there.folded is not None
        assert there.folded.cluster == ("dask" if there.folded.computed else None)
