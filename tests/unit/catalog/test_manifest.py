"""A listing becomes a snapshot whose id stands for exactly what was found."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from gateway.catalog.listing import SCHEMA
from gateway.catalog.manifest import Snapshot, build, newest, unchanged
from gateway.catalog.table import Table, parse_table
from gateway.declaration import DeclarationError
from gateway.errors import TableInvalid
from gateway.model import Column

DAYS = "[{column: day, transform: day, source: at}]"
COLUMNS = (Column(name="at", type="TIMESTAMP"), Column(name="n", type="INTEGER"))


def table(partitioned_by: str = DAYS) -> Table:
    return parse_table(
        f"table: events\nlocation: s3://bucket/events\npartitioned_by: {partitioned_by}\n", "events.yaml"
    )


def listing(*files: tuple[str, int, str]) -> pa.Table:
    """Files as path, size, ETag."""
    rows = [
        {
            "path": path,
            "size": size,
            "etag": etag,
            "last_modified": datetime(2020, 1, 1, second=number % 60, tzinfo=UTC),
        }
        for number, (path, size, etag) in enumerate(files)
    ]
    return pa.Table.from_pylist(rows, SCHEMA)


def snapshot(*files: tuple[str, int, str], of: Table | None = None, columns: tuple[Column, ...] = COLUMNS) -> Snapshot:
    return build(of or table(), "s3://bucket/events/", listing(*files), columns, 1.0)


A, B = ("day=2013-01-01/a.parquet", 10, '"a"'), ("day=2013-01-02/b.parquet", 20, '"b"')


def test_partitions_count_their_files_and_bytes() -> None:
    found = snapshot(B, A, ("day=2013-01-02/a.parquet", 5, '"c"'))
    assert found.partitions.to_pylist() == [
        {"day": "2013-01-01", "first_file": 0, "file_count": 1, "bytes": 10, "known": True, "levels": 1},
        {"day": "2013-01-02", "first_file": 1, "file_count": 2, "bytes": 25, "known": True, "levels": 1},
    ]
    assert found.files["path"].to_pylist() == [A[0], "day=2013-01-02/a.parquet", B[0]]
    assert found.size == 35


def test_no_level_can_have_the_name_of_what_is_kept_beside_the_levels() -> None:
    kept = snapshot(A).partitions.column_names[len(table().partitioned_by) :]
    assert len(kept) == 5
    for name in kept:
        for fields in (f"[{{column: {name}, source: x}}]", f"[[{{column: {name}, source: x}}]]"):
            with pytest.raises(DeclarationError) as caught:
                parse_table(f"table: events\nlocation: x\npartitioned_by: {fields}\n", "catalog/events.yaml")
            [told] = caught.value.diagnostics
            assert f"the gateway keeps something else by the name {name!r}" in told.message
            assert (told.line, told.column, told.hint) == (3, 18 + fields.count("["), "rename the folders")


def test_the_id_does_not_depend_on_the_order_or_the_time_of_the_listing() -> None:
    assert snapshot(A, B).id == snapshot(B, A).id


@pytest.mark.parametrize(
    "changed",
    [("day=2013-01-01/z.parquet", 10, '"a"'), (A[0], 11, '"a"'), (A[0], 10, '"z"')],
    ids=["path", "size", "etag"],
)
def test_another_path_size_or_etag_is_another_version_and_another_id(changed: tuple[str, int, str]) -> None:
    before, after = snapshot(A, B), snapshot(changed, B)
    assert before.id != after.id
    assert before.files["version"][0] != after.files["version"][0]
    assert before.files["version"][1] == after.files["version"][1]


def at(second: int, etag: str) -> Snapshot:
    """One file, always of the same path and size."""
    row = {"path": A[0], "size": 10, "etag": etag, "last_modified": datetime(2020, 1, 1, second=second, tzinfo=UTC)}
    return build(table(), "s3://bucket/events/", pa.Table.from_pylist([row], SCHEMA), COLUMNS, 1.0)


@pytest.mark.parametrize("etag", ["", 'W/"a"'])
def test_without_a_strong_etag_the_modification_time_tells_versions_apart(etag: str) -> None:
    assert at(1, etag).id == at(1, etag).id
    assert at(1, etag).id != at(2, etag).id
    assert not unchanged(at(1, etag), at(2, etag).files.select(SCHEMA.names))


def test_a_strong_etag_stands_for_the_bytes_whenever_they_were_written() -> None:
    assert at(1, '"a"').id == at(2, '"a"').id
    assert unchanged(at(1, '"a"'), at(2, '"a"').files.select(SCHEMA.names))


def test_another_declaration_or_type_is_another_id() -> None:
    retyped = (Column(name="at", type="DATE"), COLUMNS[1])
    renamed = table("[{column: day, transform: day, source: at}, {column: n, transform: identity, source: n}]")
    ids = {snapshot(A).id, snapshot(A, columns=retyped).id, snapshot(A, of=renamed).id}
    assert len(ids) == 3


def test_partition_columns_that_no_file_holds_are_appended_in_their_sql_type() -> None:
    both = "[{column: day, transform: day, source: at}, {column: n, source: n}, {column: site, source: site}]"
    found = snapshot(("day=2013-01-01/n=1/site=x/a.parquet", 1, "e"), of=table(both))
    assert found.file_columns == COLUMNS
    assert found.columns == (*COLUMNS, Column(name="day", type="DATE"), Column(name="site", type="VARCHAR"))


def test_a_source_that_the_files_lack_is_a_mistake_of_the_declaration() -> None:
    with pytest.raises(TableInvalid, match="the files have no column 'at'"):
        snapshot(A, columns=(COLUMNS[1],))


def test_a_source_of_a_type_that_the_transform_does_not_fit_is_a_mistake_of_the_declaration() -> None:
    with pytest.raises(TableInvalid, match="day: "):
        snapshot(A, columns=(Column(name="at", type="BOOLEAN"),))


def test_files_that_are_not_data_are_among_the_problems() -> None:
    found = snapshot(A, ("day=2013-01-01/readme.md", 3, "e"), ("oops.parquet", 3, "e"))
    assert [(problem.path, problem.reason) for problem in found.problems] == [
        ("oops.parquet", "the partition column 'day' is missing"),
        ("day=2013-01-01/readme.md", "not read: its name does not end in .parquet or .parq"),
    ]
    assert found.problem_count == 2
    assert found.files.num_rows == 2


def test_an_empty_listing_is_a_snapshot_without_files() -> None:
    found = snapshot()
    assert (found.files.num_rows, found.partitions.num_rows, found.size) == (0, 0, 0)


def test_addresses_stand_below_the_root() -> None:
    assert snapshot(A).address(A[0]) == f"s3://bucket/events/{A[0]}"


def test_the_newest_file_is_a_data_file() -> None:
    assert newest(listing(A, B, ("_SUCCESS", 1, "e"))) == (B[0], B[2])
    assert newest(listing()) is None


def test_bounds_cut_a_large_table_into_ranges_of_keys() -> None:
    many: list[Any] = [(f"day=2013-01-{1 + number % 28:02}/{number:06}.parquet", 1, "e") for number in range(20_000)]
    bounds = snapshot(*many).bounds()
    assert len(bounds) == 3
    assert bounds == sorted(bounds)
    assert snapshot(A, B).bounds() == []


@pytest.mark.parametrize(
    ("files", "same"),
    [
        ([B, A], True),
        ([A], False),
        ([A, B, ("day=2013-01-03/c.parquet", 1, "e")], False),
        ([A, (B[0], B[1], '"z"')], False),
        ([A, B, ("notes.txt", 1, "e")], False),
        ([A, B, ("_SUCCESS", 1, "e")], True),
    ],
)
def test_a_listing_is_unchanged_where_it_has_the_same_files(files: list[tuple[str, int, str]], same: bool) -> None:
    assert unchanged(snapshot(A, B), listing(*files)) is same
