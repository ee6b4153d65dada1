"""A project of one table whose files a test writes, asked through the whole pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.model import BoundQuery, Principal
from gateway.pipeline import Gateway
from gateway.query.adhoc import Adhoc
from gateway.telemetry.events import unobserved


@dataclass(frozen=True, slots=True)
class Files:
    """The table ``t`` in a folder ``t``; *declared* is what its declaration says beside that."""

    folder: Path

    def declare(self, declared: str) -> None:
        (self.folder / "catalog").mkdir(exist_ok=True)
        (self.folder / "t").mkdir(exist_ok=True)
        (self.folder / "catalog" / "t.yaml").write_text(f"table: t\nlocation: t\n{declared}\n")

    def put(self, path: str, columns: Mapping[str, Any] | pa.Table) -> None:
        target = self.folder / "t" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(dict(columns)), target)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Answer *sql*. Raises what the gateway raises."""
        return [tuple(row.values()) for row in self.answers([sql])[0]]

    def answers(self, asked: Sequence[str]) -> list[list[dict[str, Any]]]:
        """Answer each of the questions, in SQL. Raises what the gateway raises."""
        with open_gateway(load_settings(self.folder, {}), observe=unobserved, background=False) as gateway:
            gateway.catalog.refresh("t")
            return [answered(gateway, sql).to_pylist() for sql in asked]

    def read(self, sql: str) -> list[str]:
        """List the files that an answer to *sql* is made of."""
        with open_gateway(load_settings(self.folder, {}), observe=unobserved, background=False) as gateway:
            gateway.catalog.refresh("t")
            query = Adhoc(sql, "q.sql", gateway.catalog.tables).bind({}, {})
            scans = gateway.explain_bound(query, principal=Principal()).plan.scans
            return [file.path.partition("/t/")[2] for scan in scans for file in scan.selection.versions()]

    def problems(self) -> list[str]:
        """List what the manifest tells of paths that break the declaration."""
        with open_gateway(load_settings(self.folder, {}), observe=unobserved, background=False) as gateway:
            return [str(problem) for problem in gateway.catalog.refresh("t").problems]


def bound(gateway: Gateway, sql: str) -> BoundQuery:
    """Bind *sql*, which has no parameters, over the columns that its tables have now."""
    adhoc = Adhoc(sql, "q.sql", gateway.catalog.tables)
    return adhoc.bind({}, {name: one.columns for name, one in gateway.catalog.pin(adhoc.tables).items()})


def answered(gateway: Gateway, sql: str) -> pa.Table:
    """Return the rows of *sql*. Raises what the gateway raises."""
    return gateway.answer(bound(gateway, sql), principal=Principal()).result.table


def in_any_order(rows: pa.Table) -> list[str]:
    """Return rows as texts that are the same for the same rows in another order."""
    return sorted(repr(tuple(row.values())) for row in rows.to_pylist())
