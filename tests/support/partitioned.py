"""Small tables in memory: rows, a layout, and the snapshot that listing them would give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import pyarrow as pa

from gateway.catalog import facts
from gateway.catalog.partition_field import PartitionField
from gateway.catalog.stored import StoredColumn
from gateway.catalog.table import Table
from gateway.catalog.transforms import parse_transform
from gateway.catalog.transforms.keys import key_type
from gateway.model import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A snapshot as selection reads it; one file a partition."""

    table: Table
    file_columns: tuple[Column, ...]
    columns: tuple[Column, ...]
    partitions: pa.Table
    files: pa.Table

    def address(self, path: str) -> str:
        return f"/data/{path}"


def table_of(fields: Sequence[PartitionField]) -> Table:
    """Declare a table with these partition columns, also where a declaration file would be refused."""
    return Table.model_construct(table="t", location="t", partitioned_by=tuple(fields)).model_copy(
        update={"layouts": ()}
    )


def view(fields: Sequence[PartitionField], types: Mapping[str, str], folders: Sequence[Sequence[str | None]]) -> View:
    """Make the snapshot of partitions given by their folder texts, one file each."""
    held = tuple(Column(name=name, type=type_name) for name, type_name in types.items())
    added = tuple(
        Column(
            name=field.column,
            type=parse_transform(field.transform, format=field.format, zone=field.zone).result_type(
                types[field.source]
            ),
        )
        for field in fields
        if field.column not in types
    )
    count = len(folders)
    texts = {
        field.column: pa.array([folder[place] for folder in folders], pa.string()) for place, field in enumerate(fields)
    }
    paths = [f"{place:06d}.parquet" for place in range(count)]
    partitions = pa.table(
        texts
        | {
            "first_file": pa.array(range(count), pa.int64()),
            "file_count": pa.array([1] * count, pa.int64()),
            "bytes": pa.array([10] * count, pa.int64()),
            "known": pa.array([True] * count, pa.bool_()),
            "levels": pa.array([(1 << len(fields)) - 1] * count, pa.int64()),
        }
    )
    stored = facts.text_of(
        facts.FileFacts(columns=tuple(StoredColumn(name=name, type=type_) for name, type_ in types.items()))
    )
    files = pa.table(
        {
            "path": pa.array(paths, pa.string()),
            "size": pa.array([10] * count, pa.int64()),
            "etag": pa.array(paths, pa.string()),
            "version": pa.array([blake2b(p.encode(), digest_size=16).digest() for p in paths], pa.binary(16)),
            "row_count": pa.array([1] * count, pa.int64()),
            facts.FACTS: facts.encoded([stored] * count),
        }
    )
    return View(table=table_of(fields), file_columns=held, columns=held + added, partitions=partitions, files=files)


def lay_out(
    fields: Sequence[PartitionField], types: Mapping[str, str], columns: Mapping[str, Sequence[Any]]
) -> tuple[View, list[int]]:
    """Put rows into partitions by the transforms; return the snapshot and the partition of each row."""
    texts = []
    for field in fields:
        kind = key_type(types[field.source])
        assert kind is not None
        given = pa.array(columns[field.source], kind.arrow)
        transform = parse_transform(field.transform, format=field.format, zone=field.zone)
        texts.append(transform.apply(given, types[field.source]).to_pylist())
    rows = list(zip(*texts, strict=True))
    folders = sorted(set(rows), key=lambda folder: tuple((text is None, text or "") for text in folder))
    places = {folder: place for place, folder in enumerate(folders)}
    return view(fields, types, folders), [places[row] for row in rows]
