"""Runs the texts of a split on rows in memory, without a planner: what they mean."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa

from gateway.content import Content
from gateway.model import Column
from gateway.plan.analysis.constants import Constants
from gateway.plan.analysis.prepare import parsed
from gateway.plan.analysis.structure import structure
from gateway.plan.analysis.text import read
from gateway.plan.fold.aggregations import aggregations, ways
from gateway.plan.fold.algebra import SAME_BYTES, base
from gateway.plan.fold.forms import floats_of
from gateway.plan.fold.parts import Refused, Split, over_partials, partials
from gateway.plan.fold.split import split


def content(table: pa.Table) -> str:
    """Return a digest of every byte of a table: -0.0 is not 0.0, and a NaN is itself."""
    found = Content(table.schema)
    for batch in table.to_batches():
        found.add(batch)
    return found.end(())[1]


@dataclass(frozen=True, slots=True)
class Texts:
    """The table ``facts`` of some columns; queries call it ``t``. ``others`` are the columns of tables beside it."""

    connection: duckdb.DuckDBPyConnection
    columns: Mapping[str, str]
    others: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def load(self, rows: Sequence[Mapping[str, Any]], table: str = "facts") -> None:
        known = self._tables()[table]
        columns = ", ".join(f"{name} {kind}" for name, kind in known.items())
        self.connection.execute(f"CREATE OR REPLACE TABLE {table} ({columns})")
        if rows:
            marks = ", ".join("?" * len(known))
            values = [[row[name] for name in known] for row in rows]
            self.connection.executemany(f"INSERT INTO {table} VALUES ({marks})", values)

    def reverse(self) -> None:
        """Turn the order of the rows around."""
        for table in self._tables():
            self.connection.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM {table} ORDER BY rowid DESC")

    def _tables(self) -> dict[str, Mapping[str, str]]:
        return {"facts": self.columns, **self.others}

    def split(self, query: str) -> Split:
        """Split a query, whose parameters are dates. Raises ``Refused``, also for what types forbid."""
        tables = {
            table: [Column(name=name, type=kind) for name, kind in columns.items()]
            for table, columns in self._tables().items()
        }
        text = read(query, {column.name for columns in tables.values() for column in columns})
        found = structure(parsed(text), tables, Constants(text, {}).kind)
        whole, names = aggregations(found), [scan.name for scan in found.scans]
        partitioned = [number for number, name in enumerate(names) if name == "facts"]
        facts = ways(whole, names, [1 for _ in names], partitioned).facts
        made = split(text, found, whole, facts, self.describe)
        if any(floats := floats_of(made, [list(map(str, one.types)) for one in self.partials(made)])):
            made = split(text, found, whole, facts, self.describe, floats)
        for number, (part, partial) in enumerate(zip(made.parts, self.partials(made), strict=True)):
            for algebra, state in zip(part.states, partial.types[part.keys :], strict=True):
                if base(str(state)) not in algebra.types:
                    raise Refused(f"a state of {state}")
            self._same_bytes("a key", partial.types[: part.keys])
            if part.types is not None:
                states = ", ".join(
                    f'NULL::{kind} AS "{name}"' for name, kind in zip(partial.columns, partial.types, strict=True)
                )
                nothing = f'WITH "{partials(number)}" AS (SELECT {states} WHERE false)'
                self._same_bytes("a window over", self.connection.sql(f"{nothing} {part.types}").types)
        return made

    def partials(self, made: Split) -> list[duckdb.DuckDBPyRelation]:
        """Describe the partials of a split, whose filters hold."""
        return [self.connection.sql(part.partial(range(len(part.filters)))) for part in made.parts]

    def _same_bytes(self, what: str, types: Sequence[Any]) -> None:
        for kind in types:
            if base(str(kind)) not in SAME_BYTES:
                raise Refused(f"{what} {kind}")

    def describe(self, query: str) -> list[Column]:
        bound = re.sub(r"\$\w+", "DATE '2024-01-02'", query)
        found = self.connection.sql(f"DESCRIBE SELECT * FROM ({bound})").fetchall()
        return [Column(name=row[0], type=row[1]) for row in found]

    def table(self, sql: str) -> pa.Table:
        return self.connection.sql(sql).to_arrow_table()

    def near(self, sql: str) -> list[str]:
        """Return the rows as texts in no order: a DOUBLE in 12 digits, all else exactly."""
        names = [f"c{number}" for number in range(len(self.connection.sql(sql).columns))]
        found = self.connection.sql(f"SELECT COLUMNS(*)::VARCHAR FROM ({sql}) AS t({', '.join(names)})").fetchall()
        double = [str(kind) == "DOUBLE" for kind in self.connection.sql(sql).types]
        return sorted(
            repr([f"{float(x) + 0.0:.12g}" if x and is_double else x for x, is_double in zip(row, double, strict=True)])
            for row in found
        )

    def folded(self, made: Split, parts: Sequence[str]) -> pa.Table:
        """Fold over the rows of each of *parts*, which are conditions; partials go through Arrow, as they do."""
        sources = []
        for number, (each, types) in enumerate(zip(made.parts, self.partials(made), strict=True)):
            cast = ", ".join(
                f'CAST("{name}" AS {kind}) AS "{name}"' for name, kind in zip(types.columns, types.types, strict=True)
            )
            sources.append((cast, f"__gateway_rows_{number}"))
            partial = each.partial()
            rows = [self.table(_of_part(partial, part) if "facts AS t" in partial else partial) for part in parts]
            alone = rows if "facts AS t" in partial else rows[:1]
            self.connection.register(f"__gateway_rows_{number}", pa.concat_tables(alone))
        try:
            return self.table(over_partials(sources, made.finish))
        finally:
            for _, name in sources:
                self.connection.unregister(name)


def _of_part(sql: str, part: str) -> str:
    assert sql.count("facts AS t") == 1
    return sql.replace("facts AS t", f"(FROM facts WHERE {part}) AS t")
