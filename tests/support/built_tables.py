"""Sales by day in files that the test rewrites, and datasets that are built of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gateway.app.datasets import open_builder
from gateway.app.gateway import open_gateway
from gateway.catalog.versions import DatasetVersion, Versions
from gateway.config import load_settings
from gateway.datasets.build import Builder, Built
from gateway.model import Principal, Request
from gateway.pipeline import Gateway
from gateway.query.adhoc import Adhoc
from gateway.settings import Settings
from gateway.telemetry.events import unobserved

FIRST = date(2024, 1, 30)
SOURCE = """\
table: sales
location: sales
columns: {ts: TIMESTAMP, shop: VARCHAR, amount: BIGINT}
partitioned_by: [{column: day, transform: day, source: ts}]
"""
FRONT = "/*\nsummary: A query that is built\nowner: tests\n*/\n"


@dataclass(frozen=True, slots=True)
class Sales:
    """The table ``sales`` of a project, a file a day; the dataset ``built`` of its query ``q``, version 1."""

    folder: Path

    def declare(self, sql: str, declared: str, *, location: str = "built", settings: str = "") -> None:
        """Declare the query, and the dataset; *declared* is what its declaration says beside its query."""
        for name in ("catalog", "queries/q", "sales"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "gateway.toml").write_text(settings)
        (self.folder / "catalog" / "sales.yaml").write_text(SOURCE)
        (self.folder / "queries" / "q" / "v1.sql").write_text(FRONT + sql)
        (self.folder / "catalog" / "built.yaml").write_text(
            f"table: built\nlocation: {location}\nquery: q/v1\n{declared}\n"
        )

    def put(self, day: int | None, rows: Sequence[tuple[str | None, int | None]]) -> None:
        """Write the file of a day, None the one without a time, in place of what is there."""
        path = self.path(day)
        path.parent.mkdir(parents=True, exist_ok=True)
        start = None if day is None else datetime.combine(FIRST + timedelta(days=day), datetime.min.time())
        columns: Mapping[str, Any] = {
            "ts": pa.array(
                [None if start is None else start + timedelta(minutes=7 * number) for number in range(len(rows))],
                pa.timestamp("us"),
            ),
            "shop": pa.array([shop for shop, _ in rows], pa.string()),
            "amount": pa.array([amount for _, amount in rows], pa.int64()),
        }
        draft = path.with_suffix(".tmp")  # a new file each time, so that its version is another
        pq.write_table(pa.table(dict(columns)), draft)
        draft.rename(path)

    def remove(self, day: int | None) -> None:
        """Remove the file of a day."""
        self.path(day).unlink(missing_ok=True)

    def path(self, day: int | None) -> Path:
        """Return the file of a day."""
        text = "__HIVE_DEFAULT_PARTITION__" if day is None else f"{FIRST + timedelta(days=day)}"
        return self.folder / "sales" / f"day={text}" / "f.parquet"

    @property
    def settings(self) -> Settings:
        """The settings of the project."""
        return load_settings(self.folder, {})

    @contextmanager
    def opened(self) -> Iterator[tuple[Gateway, Builder]]:
        """Open the gateway of the project, and what builds its datasets."""
        with open_gateway(self.settings, observe=unobserved, background=False) as gateway:
            yield gateway, open_builder(self.settings, gateway, memory=2**28)

    def build(self) -> Built:
        """Build the dataset."""
        with self.opened() as (_, builder):
            return builder.build("built")


def versions(builder: Builder) -> Versions:
    """Open the versions of the dataset."""
    return Versions(builder.open_store(builder.dataset("built")))


def held(gateway: Gateway, name: str = "built") -> Counter[str]:
    """Return the rows that the dataset has now for those who ask, each with how often it is there."""
    columns = gateway.catalog.refresh(name).file_columns
    sql = f"SELECT {', '.join(column.name for column in columns)} FROM {name}"
    adhoc = Adhoc(sql, "q.sql", gateway.catalog.tables)
    query = adhoc.bind({}, {name: each.columns for name, each in gateway.catalog.pin(adhoc.tables).items()})
    return counted(gateway.answer(query, principal=Principal()).result.table)


def asked(gateway: Gateway) -> Counter[str]:
    """Return the rows of the query itself, over the sources as they are."""
    gateway.catalog.refresh("sales")
    request = Request(query="q", version=1, parameters={})
    return counted(gateway.renew(request, principal=Principal()).result.table)


def counted(rows: pa.Table) -> Counter[str]:
    """Count equal rows, by names and values."""
    return Counter(repr(sorted((name, str(value)) for name, value in row.items())) for row in rows.to_pylist())


def objects(version: DatasetVersion) -> Mapping[tuple[str | None, ...], list[tuple[str, str]]]:
    """Return the objects of each partition: path and ETag."""
    return {part.key: [(file.path, file.etag) for file in part.files] for part in version.partitions}
