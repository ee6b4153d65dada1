"""Reads the footers of some files of a folder, and values of their columns where footers say too little."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gateway.catalog.facts import FileFacts
from gateway.catalog.footers import ODD, READERS, Damaged, FileGone, read_footer, read_range
from gateway.catalog.layout import Problem
from gateway.catalog.misread import misread
from gateway.catalog.ranges import Ranges
from gateway.catalog.store import Store
from gateway.catalog.stored import folded, stored_schema
from gateway.catalog.thrift import Malformed
from gateway.catalog.transforms.keys import Values
from gateway.concurrency.daemons import Daemons
from gateway.discovery.folders import texts_of
from gateway.discovery.found import Folder, Sample, Samples
from gateway.errors import StorageFailed

FOOTERS = 64
"""Files of a table whose footers are read."""
MOST_ROWS = 20_000
"""Rows of a file that are looked at, where its values are read."""


def sample(store: Store, folder: Folder) -> Samples:
    """Read the footers of some files, spread by chance but the same ones each time. Raises ``StorageFailed``."""
    data = folder.data
    chosen = data.take(pa.array(_spread(data)))
    found = Daemons(READERS, "samples").map(partial(_read, store, folder, row) for row in chosen.to_pylist())
    return Samples(
        read=tuple(item for item in found if isinstance(item, Sample)),
        unreadable=tuple(item for item in found if isinstance(item, Problem)),
    )


def _spread(data: pa.Table) -> list[int]:
    """Choose positions of files: the newest, the first, the last, and others by chance, which no period repeats."""
    count = data.num_rows
    if count <= FOOTERS:
        return list(range(count))
    times = np.asarray(data["last_modified"].cast(pa.int64()))
    others = np.random.default_rng(count).permutation(count)[:FOOTERS].tolist()
    return sorted(dict.fromkeys([int(times.argmax()), 0, count - 1, *map(int, others)]))


def _read(store: Store, folder: Folder, row: Mapping[str, Any]) -> Sample | Problem:
    path = str(row["path"])
    try:
        footer = read_footer(store, {**row, "path": joined(folder.path, path)})
        schema = stored_schema(footer.raw)
    except Damaged as error:
        return Problem(path, str(error))
    except Malformed as error:
        return Problem(path, f"its footer is damaged ({error})")
    except FileGone:
        return Problem(path, "it was replaced or removed since it was listed")
    except StorageFailed as error:
        if error.passing:
            raise
        return Problem(path, error.detail)
    wrong = "; ".join(map(str, misread(footer.metadata))) or ("" if schema.columns else "it has no columns")
    if wrong:
        return Problem(path, wrong)
    return Sample(row=row, texts=texts_of(path), footer=footer.metadata, schema=schema)


def joined(folder: str, path: str) -> str:
    """Return the path of a file of a folder, relative to the location."""
    return f"{folder}/{path}" if folder else path


def facts_of(sample: Sample) -> FileFacts:
    """Return what the footer of a file says of its columns."""
    return FileFacts(columns=sample.schema.columns)


def read_values(store: Store, folder: Folder, sample: Sample, column: str) -> Values | None:
    """Read the first values of one column of a file; None where they cannot be read.

    Of a file in a bucket the ranges that hold them are read, not the whole. Raises ``StorageFailed``.
    """
    names = [item.name for item in sample.schema.columns]
    positions = [number for number, name in enumerate(names) if folded(name) == folded(column)]
    leaf = sample.schema.leaves[positions[0]] if len(positions) == 1 else None
    if leaf is None or not sample.footer.num_row_groups:
        return None
    row: dict[str, Any] = {**sample.row, "path": joined(folder.path, str(sample.row["path"]))}
    try:
        reader: Any = Ranges(int(row["size"]), partial(read_range, store, row))
        file = pq.ParquetFile(reader, metadata=sample.footer, coerce_int96_timestamp_unit="us")
        batch = next(file.iter_batches(MOST_ROWS, row_groups=[0], columns=[file.schema.column(leaf).path]), None)
    except (FileGone, *ODD):
        return None
    return None if batch is None or batch.num_columns != 1 else batch.column(0)
