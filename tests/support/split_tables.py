"""Random tables of several files and row groups, questions over them, and their splits read through the pipeline."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from gateway.answer import Export
from gateway.datasets.splits import Split, SplitPlan, Splits
from gateway.engine.duckdb import DuckDBEngine
from gateway.engine.rows import one_row
from gateway.model import Principal, Request
from gateway.pipeline import Gateway
from gateway.plan.dynamic import DimensionReader
from gateway.plan.fold.fold import FoldPlanner
from gateway.plan.planner import Planner

_ANYBODY = Principal()
TEXTS: Mapping[str, tuple[str, str]] = {
    "scan": ("files", "SELECT * FROM t"),
    "filter": ("files", "SELECT id, v * 2 AS v2 FROM t WHERE v IN (0, 1, 2, 3, 4, 5, 6, 7, 8, 11) AND id <> $n --"),
    "below": ("files", "WITH kept AS (SELECT id, v FROM t WHERE v < $n) SELECT v, id FROM kept WHERE id % 2 = 0"),
    "inner": ("files", "SELECT t.id, d.name, t.x, s FROM t JOIN d ON t.v = d.v WHERE t.id < $n * 40;"),
    "outer": ("files", "SELECT t.p, t.id, d.name, x AS p FROM d RIGHT JOIN t USING (v) --"),
    "among": ("files", "SELECT id, p FROM t WHERE v IN (SELECT v FROM d) AND p IS NOT NULL"),
    "parted": ("files", "SELECT p, id FROM t WHERE p >= 'b'"),
    "sorted": ("rows", "SELECT id, v FROM t WHERE v < $n ORDER BY v, id"),
    "grouped": ("rows", "SELECT v, count(*) AS n, sum(id) AS ids FROM t GROUP BY v"),
    "ends": ("rows", "SELECT max(id) AS id FROM t HAVING count(*) > $n"),
}
"""By its name: by what a question is split, and its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """A file of the table: how many rows it has, in groups of how many, and its partition."""

    rows: int
    group: int
    partition: str | None


FILES = st.lists(
    st.builds(
        DataFile, rows=st.integers(0, 120), group=st.integers(5, 50), partition=st.sampled_from(["a", "b", None])
    ),
    min_size=1,
    max_size=5,
)


def make_project(folder: Path, files: Sequence[DataFile]) -> Path:
    """Write the table ``t`` of these files, its dimension ``d``, and the questions."""
    first = 0
    for number, file in enumerate(files):
        target = folder / f"t/p={file.partition or '__HIVE_DEFAULT_PARTITION__'}"
        target.mkdir(parents=True, exist_ok=True)
        ids = list(range(first, first + file.rows))
        # Rows that repeat themselves are told apart by how often they come.
        zeros = [math.copysign(0, each // 3 % 2 - 1) for each in ids]  # equal, and not the same
        columns = {
            "id": pa.array([each // 2 for each in ids], pa.int64()),
            "v": pa.array([each % 13 for each in ids], pa.int64()),
            "x": pa.array(zeros, pa.float64()),
            "s": pa.array([{"f": [zero]} for zero in zeros], pa.struct({"f": pa.list_(pa.float32())})),
        }
        table = pa.table(columns)
        pq.write_table(table, target / f"{number}.parquet", row_group_size=file.group)
        first += file.rows
    (folder / "d").mkdir()
    names = pa.table({"v": pa.array([0, 1, 2, 2, 3, 5, 5, 5], pa.int64()), "name": list("abccdefg")})
    pq.write_table(names, folder / "d/d.parquet")
    (folder / "catalog").mkdir()
    columns = "{id: BIGINT, v: BIGINT, x: DOUBLE, s: 'STRUCT(f FLOAT[])'}"
    (folder / "catalog/t.yaml").write_text(
        f"table: t\nlocation: t\ncolumns: {columns}\npartitioned_by: [{{column: p, transform: identity, source: p}}]\n"
    )
    (folder / "catalog/d.yaml").write_text("table: d\nlocation: d\n")
    for name, (_, text) in TEXTS.items():
        declared = "parameters: {n: {type: bigint}}\n" if "$n" in text else ""
        (folder / f"queries/{name}").mkdir(parents=True)
        (folder / f"queries/{name}/v1.sql").write_text(f"/*\nsummary: {name}\n{declared}*/\n{text}\n")
    return folder


def asked(name: str, n: int = 0) -> Request:
    return Request(query=name, version=1, parameters={"n": n} if "$n" in TEXTS[name][1] else {})


def under_policy(gateway: Gateway, policy: Any) -> Gateway:
    """Put a policy of rows under a gateway."""
    engine = cast(DuckDBEngine, gateway.engine)
    dimensions = DimensionReader.over(one_row(engine, seconds=10), engine.address)
    planner = Planner(engine.evaluate, dimensions, policy, gateway.catalog.with_facts)
    planning = replace(gateway.planning, folds=FoldPlanner(planner, engine.evaluate, engine.columns))
    return replace(gateway, executor=gateway.executor.over(replace(gateway.runner, planning=planning)))


def planned(gateway: Gateway, request: Request, count: int, principal: Principal = _ANYBODY) -> SplitPlan:
    return Splits(gateway=gateway).plan(request, principal=principal, count=count, deadline=None)


def read(
    gateway: Gateway,
    request: Request,
    split: Split,
    *,
    skip: int = 0,
    principal: Principal = _ANYBODY,
) -> pa.Table:
    """Read the rows of a split."""
    part = Splits(gateway=gateway).read(request, split, principal=principal, skip=skip, deadline=None, gone=None)
    if isinstance(part.answer, Export):
        rows = pa.Table.from_batches(part.answer.result.batches, part.answer.result.schema)
        part.answer.result.close()
        return rows
    rows = part.answer.result.table
    return rows if part.stop is None else rows.slice(part.start, part.stop - part.start)


def counted(*tables: pa.Table) -> Counter[str]:
    """Count the rows of some tables, together; -0.0 is another value than 0.0."""
    every = [zip(*(column.to_pylist() for column in table.columns), strict=True) for table in tables]
    return Counter(map(repr, itertools.chain(*every)))
