"""Which partitions a predicate selects, and what a selection tells."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from hashlib import blake2b
from typing import Any

import pyarrow as pa
import pytest
from partitioned import View, view

from gateway.catalog.partition_field import PartitionField
from gateway.catalog.transforms import parse_transform
from gateway.model import FileVersion, Selection, Value
from gateway.plan.details import partitions_text
from gateway.plan.select import PartitionIndex
from gateway.predicate import (
    FALSE,
    TRUE,
    Comparison,
    Condition,
    Function,
    Membership,
    NullCheck,
    Operator,
    Predicate,
    StartsWith,
    Term,
    all_of,
    any_of,
)

TS, ID, NAME = Term("ts", "TIMESTAMP"), Term("id", "BIGINT"), Term("name", "VARCHAR")
TYPES = {"ts": "TIMESTAMP", "id": "BIGINT", "name": "VARCHAR", "price": "DOUBLE", "other": "INTEGER"}
DAYS = [f"2013-06-{day:02d}" for day in range(1, 11)]


def field(column: str, transform: str, source: str, **options: Any) -> PartitionField:
    return PartitionField(column=column, transform=transform, source=source, **options)


def days(*more: str | None) -> View:
    return view([field("day", "day", "ts")], TYPES, [[text] for text in (*DAYS, *more)])


def picked(snapshot: View, predicate: Predicate, *values: Value) -> list[int]:
    return list(PartitionIndex.build(snapshot).select(predicate, values).positions())


def compare(term: Term, operator: str, slot: int = 0) -> Predicate:
    return Comparison(term, Operator(operator), slot)


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("=", datetime(2013, 6, 3, 12), [2]),
        (">=", datetime(2013, 6, 9), [8, 9]),
        (">", datetime(2013, 6, 9, 23, 59, 59, 999999), [9]),
        ("<", datetime(2013, 6, 2), [0]),
        ("<=", datetime(2013, 6, 2), [0, 1]),
        ("<>", datetime(2013, 6, 2), list(range(10))),
        ("=", datetime(2014, 1, 1), []),
        ("=", None, []),
    ],
)
def test_a_comparison_selects_the_days_that_may_hold_a_match(operator: str, value: Value, expected: list[int]) -> None:
    assert expected == picked(days(None), compare(TS, operator), value)


def test_the_null_partition_is_selected_by_is_null_only() -> None:
    snapshot = days(None)
    assert picked(snapshot, NullCheck(TS)) == [10]
    assert list(range(10)) == picked(snapshot, NullCheck(TS, negated=True))
    assert list(range(11)) == picked(snapshot, TRUE)


def test_nothing_is_selected_by_a_predicate_that_never_holds() -> None:
    assert picked(days(), FALSE) == []
    assert picked(days(), Condition(0), None) == []
    assert picked(days(), all_of(compare(TS, ">="), compare(TS, "<")), datetime(2013, 6, 3)) == []


def test_a_constant_that_cannot_be_placed_keeps_every_value() -> None:
    assert list(range(10)) == picked(days(None), compare(TS, "<"), datetime.max)
    assert list(range(10)) == picked(days(None), compare(TS, "<"), "2013-06-01")


def test_a_term_of_another_type_than_its_column_keeps_everything() -> None:
    assert list(range(10)) == picked(days(), compare(Term("ts", "DATE"), "="), date(2013, 6, 3))
    assert list(range(10)) == picked(days(), compare(Term("nowhere", "DATE"), "="), date(2013, 6, 3))


def test_not_in_with_null_never_holds_unless_the_list_is_a_value() -> None:
    snapshot = view([field("name", "identity", "name")], TYPES, [["a"], ["b"]])
    assert picked(snapshot, Membership(NAME, (0, 1), negated=True), "a", None) == []
    assert picked(snapshot, Membership(NAME, (0,), is_list=True, negated=True), ["a", None]) == [1]
    assert picked(snapshot, Membership(NAME, (0,), is_list=True), ["a", None]) == [0]
    assert picked(snapshot, Membership(NAME, (0,), is_list=True), None) == []


def test_a_bucket_is_used_by_equality_and_in_only() -> None:
    snapshot = view([field("b", "bucket[4]", "id")], TYPES, [[str(n)] for n in range(4)])
    assert picked(snapshot, compare(ID, "="), 34) == [3]  # 2017239379 modulo 4
    assert picked(snapshot, compare(ID, "<>"), 34) == [0, 1, 2, 3]
    assert picked(snapshot, compare(ID, ">"), 34) == [0, 1, 2, 3]
    assert picked(snapshot, all_of(compare(ID, ">=", 0), compare(ID, "<", 1)), 34, 35) == [3]


def test_a_sum_with_a_number_selects_the_buckets_of_what_it_is_a_sum_of() -> None:
    snapshot = view([field("b", "bucket[16]", "id")], TYPES, [[str(n)] for n in range(16)])
    less = Term("id", "BIGINT", (Function("add", (-1,), "BIGINT"),))
    buckets = {int(parse_transform("bucket[16]").codes_of([value], "BIGINT")[0]) for value in (5, 9)}
    assert sorted(buckets) == picked(snapshot, Membership(less, (0, 1)), 4, 8)
    assert len(picked(snapshot, compare(less, "="), 2**63 - 1)) == 16


@pytest.mark.parametrize(
    ("buckets", "kind", "expected"),
    [(4, "BIGINT", [3]), (8, "BIGINT", [3, 7]), (6, "BIGINT", list(range(6))), (4, "INTEGER", list(range(4)))],
)
def test_a_bucket_that_is_known_of_an_equal_value_selects_the_buckets_within_it(
    buckets: int, kind: str, expected: list[int]
) -> None:
    snapshot = view([field("b", f"bucket[{buckets}]", "id")], TYPES, [[str(n)] for n in range(buckets)])
    known = Term("id", "INTEGER", (Function("bucket", (4, kind), "INTEGER"),))
    assert expected == picked(snapshot, compare(known, "="), 3)


def test_a_short_range_selects_the_buckets_of_all_its_values() -> None:
    snapshot = view([field("b", "bucket[16]", "id")], TYPES, [[str(n)] for n in range(16)])
    buckets = {int(parse_transform("bucket[16]").codes_of([value], "BIGINT")[0]) for value in range(5, 9)}
    assert sorted(buckets) == picked(snapshot, all_of(compare(ID, ">=", 0), compare(ID, "<=", 1)), 5, 8)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(2013, 6, 3, 3, 59, tzinfo=UTC), [1]),
        (datetime(2013, 6, 3, 4, tzinfo=UTC), [2]),
        (datetime(2013, 6, 4, 3, 59, tzinfo=UTC), [2]),
    ],
)
def test_an_instant_selects_its_day_by_the_calendar_of_the_declared_zone(value: datetime, expected: list[int]) -> None:
    types = {"at": "TIMESTAMP WITH TIME ZONE"}
    snapshot = view([field("day", "day", "at", zone="America/New_York")], types, [[text] for text in DAYS])
    assert expected == picked(snapshot, compare(Term("at", types["at"]), "="), value)


def test_filters_on_two_fields_of_one_source_agree_member_by_member() -> None:
    fields = [field("t", "truncate[10]", "id"), field("b", "bucket[4]", "id")]
    snapshot = view(fields, TYPES, [[str(t), str(b)] for t in (0, 30) for b in range(4)])
    bucket_of_one = int(parse_transform("bucket[4]").codes_of([1], "BIGINT")[0])
    assert [bucket_of_one, 4 + 3] == picked(snapshot, Membership(ID, (0, 1)), 1, 34)


def test_year_month_and_day_folders_select_like_one_day() -> None:
    fields = [field("y", "year", "ts"), field("m", "month_of_year", "ts"), field("d", "day_of_month", "ts")]
    folders = [["2013", month, day] for month in ("05", "06", "12") for day in ("01", "15", "28")]
    snapshot = view(fields, TYPES, folders)
    assert picked(
        snapshot, all_of(compare(TS, ">=", 0), compare(TS, "<", 1)), datetime(2013, 5, 20), datetime(2013, 6, 10)
    ) == [2, 3]


def test_folder_levels_may_stand_in_any_order() -> None:
    fields = [field("d", "day_of_month", "ts"), field("y", "year", "ts"), field("m", "month_of_year", "ts")]
    snapshot = view(fields, TYPES, [["1", "2013", "6"], ["1", "2013", "7"], ["2", "2013", "6"]])
    assert picked(snapshot, compare(TS, "="), datetime(2013, 6, 2, 5)) == [2]


def test_a_lookup_selects_by_value_and_keeps_its_default_for_what_is_not_listed() -> None:
    fields = [field("region", "lookup{US: america, CA: america, DE: europe, *: other}", "name")]
    snapshot = view(fields, TYPES, [["america"], ["europe"], ["other"], [None]])
    assert picked(snapshot, compare(NAME, "="), "US") == [0]
    assert picked(snapshot, compare(NAME, "="), "FR") == [2]
    assert picked(snapshot, compare(NAME, "<>"), "DE") == [0, 2]
    assert picked(snapshot, compare(NAME, "<"), "D") == [0, 2]
    assert picked(snapshot, NullCheck(NAME)) == [2, 3]


def test_ranges_select_by_their_bounds() -> None:
    snapshot = view([field("r", "range[0, 10]", "id")], TYPES, [["..0"], ["0..10"], ["10.."]])
    assert picked(snapshot, compare(ID, "="), 0) == [1]
    assert picked(snapshot, compare(ID, "<"), 0) == [0]
    assert picked(snapshot, compare(ID, ">="), 9) == [1, 2]


def test_a_prefix_selects_the_texts_that_start_with_it() -> None:
    snapshot = view([field("p", "truncate[2]", "name")], TYPES, [["a"], ["ab"], ["ac"], ["b"]])
    assert picked(snapshot, StartsWith(NAME, 0), "abc") == [1]
    assert picked(snapshot, StartsWith(NAME, 0), "a") == [0, 1, 2]
    assert picked(snapshot, StartsWith(NAME, 0, negated=True), "ab") == [0, 2, 3]
    assert picked(snapshot, StartsWith(NAME, 0, negated=True), "abc") == [0, 1, 2, 3]
    assert picked(snapshot, compare(NAME, "="), "abx") == [1]


def test_a_partition_column_is_filtered_by_its_own_value() -> None:
    fields = [field("month", "month", "ts", format="%Y%m"), field("b", "bucket[4]", "id")]
    snapshot = view(fields, TYPES, [["201305", "0"], ["201306", "1"], ["201306", "2"]])
    assert picked(snapshot, compare(Term("month", "VARCHAR"), "="), "2013-06") == [1, 2]
    assert picked(snapshot, compare(Term("b", "INTEGER"), "<"), 2) == [0, 1]


def test_a_field_that_is_not_enforced_says_nothing_about_its_source() -> None:
    snapshot = view([field("day", "day", "ts", enforced=False)], TYPES, [[text] for text in DAYS])
    assert list(range(10)) == picked(snapshot, compare(TS, "="), datetime(2013, 6, 3))
    assert picked(snapshot, compare(Term("day", "DATE"), "="), date(2013, 6, 3)) == [2]
    own = view([field("name", "identity", "name", enforced=False)], TYPES, [["a"], ["b"]])
    assert picked(own, compare(NAME, "="), "a") == [0, 1]


def with_levels(snapshot: View, levels: list[int]) -> View:
    """Say which levels the path of each partition has, a bit each."""
    others = snapshot.partitions.drop_columns(["levels"])
    return replace(snapshot, partitions=others.append_column("levels", pa.array(levels, pa.int64())))


def test_partitions_that_are_not_known_are_always_kept() -> None:
    snapshot = days(None)
    snapshot = with_levels(snapshot, [*[1] * 10, 0])
    assert picked(snapshot, compare(TS, "="), datetime(2013, 6, 3)) == [2, 10]
    assert picked(snapshot, NullCheck(TS)) == [10]
    assert list(range(11)) == picked(snapshot, compare(TS, "<>"), datetime(2013, 6, 3))


def test_a_level_that_is_not_known_prunes_nothing_and_the_others_do() -> None:
    fields = [field("year", "year", "ts"), field("month", "month_of_year", "ts"), field("name", "identity", "name")]
    snapshot = view(fields, TYPES, [["2012", "6", "a"], ["2013", None, "a"], ["2013", "6", None]])
    snapshot = with_levels(snapshot, [7, 5, 3])
    assert picked(snapshot, compare(NAME, "="), "a") == [0, 1, 2]
    assert picked(snapshot, compare(NAME, "="), "b") == [2]
    assert picked(snapshot, compare(TS, "="), datetime(2013, 6, 3)) == [1, 2]
    assert picked(snapshot, compare(TS, "="), datetime(2012, 6, 3)) == [0]
    assert picked(snapshot, compare(TS, "="), datetime(2013, 7, 3)) == [1]


def test_functions_that_keep_order_are_carried_to_the_partitions() -> None:
    month = Term("ts", "TIMESTAMP", (Function("date_trunc", ("month",), "TIMESTAMP"),))
    snapshot = days("2013-07-01", "2013-07-02")
    assert picked(snapshot, compare(month, "="), datetime(2013, 7, 1)) == [10, 11]
    assert picked(snapshot, compare(month, "<>"), datetime(2013, 6, 1)) == [10, 11]
    text = Term("ts", "VARCHAR", (Function("strftime", ("%Y-%m-%d",), "VARCHAR"),))
    assert picked(snapshot, Membership(text, (0, 1)), "2013-06-04", "2013-06-05") == [3, 4]
    assert list(range(10)) == picked(
        snapshot, compare(Term("ts", "BIGINT", (Function("month", (), "BIGINT"),)), "="), 6
    )
    assert list(range(12)) == picked(snapshot, compare(Term("ts", "BIGINT", (Function("f", (), "BIGINT"),)), "="), 6)


def test_alternatives_are_united_and_conditions_of_the_request_decide_them() -> None:
    fields = [field("day", "day", "ts"), field("name", "identity", "name")]
    snapshot = view(fields, TYPES, [[text, name] for text in DAYS[:3] for name in ("a", "b")])
    either = any_of(compare(TS, "=", 0), compare(NAME, "=", 1))
    assert picked(snapshot, either, datetime(2013, 6, 1), "a") == [0, 1, 2, 4]
    optional = any_of(Condition(1), compare(NAME, "=", 0))
    assert picked(snapshot, optional, None, True) == [0, 1, 2, 3, 4, 5]
    assert picked(snapshot, optional, "b", False) == [1, 3, 5]
    assert picked(snapshot, all_of(optional, compare(TS, "=", 2)), "b", False, datetime(2013, 6, 1)) == [1]


def test_nan_is_above_infinity_and_both_zeros_are_one() -> None:
    price = Term("price", "DOUBLE")
    snapshot = view([field("price", "identity", "price")], TYPES, [["0"], ["inf"], ["nan"]])
    assert picked(snapshot, compare(price, ">"), 1.0) == [1, 2]
    assert picked(snapshot, compare(price, "="), float("nan")) == [2]
    assert picked(snapshot, compare(price, "="), -0.0) == [0]


def test_a_table_without_partitions_is_selected_as_a_whole() -> None:
    assert picked(view([], TYPES, [[]]), compare(TS, "="), datetime(2013, 6, 3)) == [0]
    assert picked(view([field("day", "day", "ts")], TYPES, []), compare(TS, "="), datetime(2013, 6, 3)) == []


def test_a_selection_counts_lists_and_digests_its_files() -> None:
    snapshot = days()
    chosen: Selection = PartitionIndex.build(snapshot).select(
        Membership(TS, (0, 1)), [datetime(2013, 6, 1), datetime(2013, 6, 4)]
    )
    assert (chosen.partitions, chosen.files, chosen.size, chosen.rows) == (2, 2, 20, 2)
    assert [
        FileVersion(path=f"/data/00000{n}.parquet", size=10, etag=f"00000{n}.parquet") for n in (0, 3)
    ] == chosen.versions()
    assert chosen.partition_values() == [{"day": "2013-06-01"}, {"day": "2013-06-04"}]
    versions = snapshot.files["version"].to_pylist()
    assert blake2b(versions[0] + versions[3], digest_size=16).digest() == chosen.digest()


def test_the_digest_of_many_scattered_files_is_that_of_their_versions_in_order() -> None:
    fields = [field("day", "day", "ts"), field("name", "identity", "name")]
    folders = [[f"2013-{m:02d}-{d:02d}", name] for m in range(1, 13) for d in range(1, 29) for name in ("a", "b")]
    snapshot = view(fields, TYPES, folders)
    chosen = PartitionIndex.build(snapshot).select(compare(NAME, "="), ["b"])
    versions = snapshot.files["version"].to_pylist()[1::2]
    assert blake2b(b"".join(versions), digest_size=16).digest() == chosen.digest()
    everything = PartitionIndex.build(snapshot).select(TRUE, [])
    assert blake2b(b"".join(snapshot.files["version"].to_pylist()), digest_size=16).digest() == everything.digest()


@pytest.mark.parametrize(
    ("predicate", "values", "expected"),
    [
        (
            all_of(compare(TS, ">="), compare(TS, "<", 1)),
            (datetime(2013, 6, 2), datetime(2013, 6, 5)),
            "day BETWEEN 2013-06-02 AND 2013-06-04",
        ),
        (compare(TS, ">="), (datetime(2013, 6, 2),), "day >= 2013-06-02"),
        (compare(TS, "<"), (datetime(2013, 6, 3),), "day <= 2013-06-02"),
        (compare(TS, "="), (datetime(2013, 6, 3),), "day = 2013-06-03"),
        (compare(ID, "="), (34,), "b = 3"),
        (NullCheck(TS), (), "day IS NULL"),
        (any_of(compare(TS, "=", 0), compare(ID, "=", 1)), (datetime(2013, 6, 3), 34), "(day = 2013-06-03 OR b = 3)"),
        (TRUE, (), "TRUE"),
        (compare(TS, "="), (None,), "FALSE"),
    ],
)
def test_a_projection_is_described_in_values_of_partition_columns(
    predicate: Predicate, values: tuple[Value, ...], expected: str
) -> None:
    fields = [field("day", "day", "ts"), field("b", "bucket[4]", "id")]
    snapshot = view(fields, TYPES, [[day, str(b)] for day in (*DAYS, None) for b in range(4)])
    assert expected == partitions_text(PartitionIndex.build(snapshot), predicate, values)


def test_composite_folders_are_described_as_tuples() -> None:
    fields = [field("y", "year", "ts"), field("m", "month_of_year", "ts")]
    index = PartitionIndex.build(view(fields, TYPES, [["2013", month] for month in ("5", "6", "7", "8")]))
    described = partitions_text(
        index, all_of(compare(TS, ">="), compare(TS, "<", 1)), (datetime(2013, 6, 3), datetime(2013, 7, 3))
    )
    assert described == "(y, m) BETWEEN (2013, 6) AND (2013, 7)"


def test_null_and_a_value_of_the_same_term_contradict_each_other() -> None:
    fields = [field("region", "lookup{US: america, *: other}", "name")]
    snapshot = view(fields, TYPES, [["america"], ["other"], [None]])
    assert picked(snapshot, all_of(compare(NAME, "="), NullCheck(NAME)), "FR") == []


def test_null_in_one_column_does_not_contradict_a_value_in_another() -> None:
    fields = [field("day", "day", "ts"), field("n", "identity", "name")]
    snapshot = view(fields, TYPES, [[day, name] for day in (None, *DAYS[:2]) for name in ("a", "b")])
    assert picked(snapshot, all_of(NullCheck(TS), compare(NAME, "=")), "b") == [1]


def test_files_are_left_out_by_the_bounds_in_their_footers() -> None:
    snapshot = days()
    files = snapshot.files
    for name, values in (
        ("min:other", [*range(0, 90, 10), None]),
        ("max:other", [*range(5, 95, 10), None]),
        ("nulls:other", [0, 1, *[0] * 7, None]),
    ):
        files = files.append_column(name, pa.array(values, pa.int64()))
    index = PartitionIndex.build(replace(snapshot, files=files))
    other = Term("other", "INTEGER")
    late = compare(TS, ">=", 1)
    chosen = index.select(all_of(compare(other, "="), late), (42, datetime(2013, 6, 3)))
    assert (list(chosen.positions()), chosen.files, chosen.size) == ([4, 9], 2, 20)
    assert [file.path for file in chosen.versions()] == ["/data/000004.parquet", "/data/000009.parquet"]
    assert list(index.select(NullCheck(other), ()).positions()) == [1, 9]
    assert (
        list(index.select(all_of(compare(other, "="), compare(TS, "<", 1)), (42, datetime(2013, 6, 3))).positions())
        == []
    )


def test_only_a_selection_with_a_file_without_a_strong_etag_is_weak() -> None:
    snapshot = days()
    etags = ["", 'W/"2"', *snapshot.files["etag"].to_pylist()[2:]]
    times = pa.array(range(10), pa.timestamp("us", "UTC"))
    files = snapshot.files.set_column(2, "etag", pa.array(etags)).append_column("last_modified", times)
    index = PartitionIndex.build(replace(snapshot, files=files))
    values = (datetime(2013, 6, 2), datetime(2013, 6, 3))
    first, rest = (index.select(compare(TS, operator, 1), values) for operator in ("<", ">="))
    assert (first.weak, rest.weak, index.all().weak) == (True, False, True)
    assert [file.modified for file in index.all().versions()] == [0, 1, *[None] * 8]
