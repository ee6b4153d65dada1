from __future__ import annotations

import pytest
from pydantic import ValidationError

from gateway.catalog.partition_field import PartitionField
from gateway.catalog.sql_type import canonical_type
from gateway.catalog.table import ScanLimits, Table, parse_table
from gateway.catalog.transforms import Calendar
from gateway.declaration import DeclarationError
from gateway.errors import Diagnostic

FLIGHTS = """\
table: flights
description: Departures from New York, one row a flight
location: s3://warehouse/flights/
partitioned_by:
  - {column: day, transform: day, source: time_hour}
  - {column: origin, transform: identity, source: origin}
refresh: 5m
limits: {max_files: 5000, max_bytes: 20GiB, require_filter: [day]}
"""


def mistakes(text: str, path: str = "catalog/flights.yaml") -> list[Diagnostic]:
    with pytest.raises(DeclarationError) as caught:
        parse_table(text, path)
    return list(caught.value.diagnostics)


def mistake(text: str) -> Diagnostic:
    found = mistakes(text)
    assert len(found) == 1, found
    return found[0]


def with_fields(*fields: str, columns: str | None = None) -> str:
    lines = ["table: flights", "location: data/flights"]
    lines += [f"columns: {columns}"] if columns else []
    return "\n".join([*lines, "partitioned_by:", *(f"  - {field}" for field in fields)])


def test_a_declaration_becomes_a_table() -> None:
    table = parse_table(FLIGHTS, "catalog/flights.yaml")
    assert table == Table(
        table="flights",
        description="Departures from New York, one row a flight",
        location="s3://warehouse/flights",
        partitioned_by=(
            PartitionField(column="day", transform="day", source="time_hour"),
            PartitionField(column="origin", transform="identity", source="origin"),
        ),
        refresh=300.0,
        limits=ScanLimits(max_files=5000, max_bytes=20 * 2**30, require_filter=("day",)),
    )


def test_what_is_not_written_has_its_default() -> None:
    table = parse_table("table: planes\nlocation: data/planes\n", "planes.yaml")
    assert (table.partitioned_by, table.refresh, table.limits, table.columns) == ((), 60.0, ScanLimits(), None)


def test_a_table_cannot_be_changed() -> None:
    table = parse_table(FLIGHTS, "flights.yaml")
    with pytest.raises(ValidationError):
        table.location = "elsewhere"


def test_a_field_knows_its_transform_with_zone_and_format() -> None:
    field = PartitionField(column="d", transform="day", source="ts", zone="Europe/Berlin", format="%Y%m%d")
    assert field.function == Calendar("day", pattern="%Y%m%d", zone="Europe/Berlin")


@pytest.mark.parametrize(
    ("spelled", "canonical"),
    [("{bucket: 16}", "bucket[16]"), ('"bucket[ 16 ]"', "bucket[16]"), ("{lookup: {US: am}}", "lookup{US: am}")],
)
def test_a_transform_with_arguments_may_be_a_text_or_a_mapping(spelled: str, canonical: str) -> None:
    table = parse_table(with_fields(f"{{column: b, transform: {spelled}, source: id}}"), "flights.yaml")
    assert canonical == table.partitioned_by[0].transform


def test_every_mistake_is_reported_at_once_in_the_order_of_the_file() -> None:
    text = """\
table: flights
location: s3:///elsewhere
columns: {time_hour: TIMESTAMP, origin: TEXTT}
partitioned_by:
  - {column: day, transform: dayy, source: time_hour}
  - {column: origin, source: origin, enforce: true}
  - {column: b, transform: "bucket[0]", source: origin}
  - {column: b, transform: identity, source: origin}
  - {column: B, transform: identity, source: origin}
limits: {max_files: none, max_bytes: 20 potatoes}
refrsh: 60s
"""
    assert [(item.line, item.column) for item in mistakes(text)] == [
        (2, 1),
        (3, 33),
        (5, 19),
        (6, 38),
        (7, 17),
        (9, 6),
        (10, 10),
        (10, 27),
        (11, 1),
    ]


def test_an_unknown_key_is_named_with_the_nearest_one() -> None:
    found = mistake(FLIGHTS.replace("refresh:", "refrsh:"))
    assert (
        found.line,
        found.column,
        found.message,
        found.hint,
    ) == (7, 1, "unknown key 'refrsh'", "did you mean 'refresh'?")


def test_an_unknown_transform_is_named_with_the_accepted_ones() -> None:
    found = mistake(with_fields("{column: day, transform: weekly, source: ts}"))
    assert (found.line, found.column) == (4, 19)
    assert found.hint is not None
    assert "bucket" in found.hint


def test_the_file_must_have_the_name_of_its_table() -> None:
    (found,) = mistakes("table: flights\nlocation: data/x\n", "catalog/delays.yaml")
    assert (found.line, found.column) == (1, 1)
    assert "'flights' stands in a file named 'delays'" in found.message


def test_a_missing_key_is_named() -> None:
    assert mistake("table: flights\n").message == "location is missing"


def test_a_document_that_is_no_mapping_is_refused() -> None:
    assert mistakes("- a\n- b\n")


@pytest.mark.parametrize("name", ["Flights", "main.flights", "1flights", "flights-2013", "flügе"])
def test_a_name_that_sql_would_have_to_quote_is_refused(name: str) -> None:
    assert any(item.line == 1 for item in mistakes(f"table: {name}\nlocation: data/x\n", f"{name}.yaml"))


@pytest.mark.parametrize(
    "location",
    [
        "data/*",
        "data/fl?ghts",
        "data/[a]",
        "data/{a,b}",
        '"data\\0x"',
        '"data\\\\x"',
        "/",
        "file:///",
        "file:data/flights",
        "file://~/flights",
        "s3:/bucket/flights",
        "s3a://bucket/flights",
        "s3://bucket/../flights",
        "file://data/flights",
        "https://example.org/flights",
        "ftp://bucket/flights",
        "s3:///flights",
        "s3://key:secret@bucket/flights",
        "s3://bucket/flights?versionId=1",
        '""',
    ],
)
def test_a_location_that_is_not_one_plain_folder_is_refused(location: str) -> None:
    found = mistake(f"table: flights\nlocation: {location!s}\n")
    assert (found.line, found.column) == (2, 1)


@pytest.mark.parametrize(
    "location",
    [
        "data/flights",
        "s3://bucket/a/b",
        "gs://bucket",
        "az://container/x",
        "file:///srv/data",
        "data/v1.2/x..y",
        "../flights",
        "~/flights",
        "/srv/data",
    ],
)
def test_a_plain_location_is_kept(location: str) -> None:
    assert location == parse_table(f"table: flights\nlocation: {location}\n", "flights.yaml").location


def test_replicas_are_checked_like_the_location() -> None:
    found = mistake("table: flights\nlocation: data/x\nreplicas:\n  - s3://b/x\n  - s3:///y\n")
    assert (found.line, found.column) == (5, 5)


def test_the_same_partition_column_twice_is_refused_without_regard_to_case() -> None:
    found = mistake(
        with_fields("{column: day, transform: day, source: ts}", "{column: Day, transform: identity, source: day}")
    )
    assert (found.line, found.column, found.message) == (5, 6, "the partition column 'Day' stands twice")


MONTH, DAY = "[{column: month, transform: month, source: ts}]", "[{column: day, transform: day, source: ts}]"


def test_a_declaration_may_name_several_layouts_and_the_last_is_that_of_new_files() -> None:
    table = parse_table(with_fields(MONTH, "[]", DAY), "flights.yaml")
    assert [[field.column for field in layout] for layout in table.layouts] == [["month"], [], ["day"]]
    assert [field.column for field in table.partitioned_by] == ["month", "day"]
    assert table.written_by == table.partitioned_by[1:]
    assert Table.model_validate(table.model_dump(mode="json")) == table


def test_layouts_are_part_of_what_a_declaration_means() -> None:
    ways = [(MONTH, DAY), (DAY, MONTH), (DAY,), (DAY[1:-1],), (MONTH[1:-1], DAY[1:-1])]
    assert len({parse_table(with_fields(*way), "flights.yaml").identity("x") for way in ways}) == len(ways)


@pytest.mark.parametrize(
    ("layouts", "place", "message"),
    [
        ((MONTH, DAY.replace("day,", "month,", 1)), (5, 6), "the partition column 'month' is declared otherwise"),
        ((MONTH, "[]"), (3, 1), "partitioned_by: the last layout is that of new files"),
        ((MONTH, DAY[1:-1]), (5, 5), "partitioned_by.1: write a list, such as [a, b]"),
        ((MONTH, DAY.replace("transform: day", "transform: dya")), (5, 20), "partitioned_by.1.0.transform: unknown"),
        ((MONTH, "[{column: day, transform: day_of_month, source: ts}]"), (5, 20), "day_of_month needs a partition"),
        ((DAY.replace("]", ", {column: Day, source: k}]"), MONTH), (4, 50), "the partition column 'Day' stands twice"),
    ],
)
def test_a_mistake_in_a_layout_is_told_at_its_place(
    layouts: tuple[str, ...], place: tuple[int, int], message: str
) -> None:
    found = mistake(with_fields(*layouts))
    assert ((found.line, found.column), found.message[: len(message)]) == (place, message)


def test_several_partition_columns_may_have_one_source() -> None:
    fields = ["{column: y, transform: year, source: ts}", "{column: d, transform: day, source: ts}"]
    assert len(parse_table(with_fields(*fields), "flights.yaml").partitioned_by) == 2


@pytest.mark.parametrize(
    ("source", "hint"), [("orderd_at", "did you mean 'ordered_at'?"), ("moment", "accepted: ordered_at, id")]
)
def test_a_source_that_is_no_column_is_refused_with_those_that_are(source: str, hint: str) -> None:
    field = f"{{column: day, transform: day, source: {source}}}"
    found = mistake(with_fields(field, columns="{ordered_at: TIMESTAMP, id: BIGINT}"))
    assert (found.line, found.column, found.hint) == (5, 35, hint)


def test_an_identity_source_may_be_in_the_folder_names_only() -> None:
    table = parse_table(with_fields("{column: origin, source: origin}", columns="{ts: TIMESTAMP}"), "flights.yaml")
    assert table.partitioned_by[0].source == "origin"


def test_a_transform_that_is_not_defined_for_its_source_is_refused() -> None:
    found = mistake(with_fields("{column: day, transform: day, source: id}", columns="{id: BIGINT}"))
    assert (found.line, found.column, found.message) == (5, 19, "day needs a date or a timestamp, not BIGINT")


def test_a_derived_column_cannot_have_the_name_of_its_source() -> None:
    found = mistake(with_fields('{column: id, transform: "bucket[4]", source: id}'))
    assert (found.line, found.column) == (4, 6)


def test_a_zone_must_exist() -> None:
    found = mistake(with_fields("{column: day, transform: day, source: ts, zone: Mars/Base}"))
    assert (found.line, found.column) == (4, 47)


def test_a_zone_says_nothing_about_other_transforms() -> None:
    found = mistake(with_fields('{column: b, transform: "bucket[4]", source: id, zone: UTC}'))
    assert (found.line, found.column) == (4, 53)


def test_a_format_must_tell_its_unit() -> None:
    found = mistake(with_fields('{column: day, transform: day, source: ts, format: "%Y"}'))
    assert (found.line, found.column, found.hint) == (4, 47, "use %Y %m %d, each once")


@pytest.mark.parametrize("part", ["month_of_year", "day_of_month", "hour_of_day"])
def test_a_part_of_a_date_needs_the_coarser_units_beside_it(part: str) -> None:
    found = mistake(with_fields(f"{{column: p, transform: {part}, source: ts}}"))
    assert (found.line, found.column) == (4, 17)
    assert "beside it" in found.message


def test_the_parts_of_a_date_stand_together() -> None:
    fields = [
        "{column: year, transform: year, source: ts}",
        "{column: month, transform: month_of_year, source: ts}",
        "{column: day, transform: day_of_month, source: ts}",
    ]
    assert len(parse_table(with_fields(*fields), "flights.yaml").partitioned_by) == 3


def test_parts_of_another_source_do_not_help() -> None:
    fields = ["{column: y, transform: year, source: a}", "{column: m, transform: month_of_year, source: b}"]
    assert (mistake(with_fields(*fields)).line, mistake(with_fields(*fields)).column) == (5, 17)


def test_a_required_filter_must_name_a_column() -> None:
    text = with_fields("{column: day, transform: day, source: ts}", columns="{ts: TIMESTAMP}")
    found = mistake(f"{text}\nlimits: {{require_filter: [dya]}}\n")
    assert (found.line, found.column, found.message) == (6, 27, "there is no column 'dya'")
    assert found.hint == "did you mean 'day'?"


@pytest.mark.parametrize(("kind", "meant"), [("VARCHR", "VARCHAR"), ("integr[]", "INTEGER"), ("strng", "STRING")])
def test_a_misspelt_type_of_a_column_is_refused_with_the_one_that_is_meant(kind: str, meant: str) -> None:
    found = mistake(f"table: flights\nlocation: x\ncolumns:\n  id: BIGINT\n  city: {kind}\n")
    assert (found.line, found.message) == (5, f"columns.city: {kind!r} is not a DuckDB type: did you mean {meant!r}?")


def test_a_required_filter_may_be_any() -> None:
    table = parse_table("table: flights\nlocation: x\nlimits: {require_filter: true}\n", "flights.yaml")
    assert table.limits.require_filter is True


@pytest.mark.parametrize("limits", ["{max_files: 0}", "{max_bytes: 0}", "{max_files: -1}", "{max_files: 1.5}"])
def test_a_limit_is_a_whole_number_above_zero(limits: str) -> None:
    assert mistake(f"table: flights\nlocation: x\nlimits: {limits}\n").line == 3


@pytest.mark.parametrize("refresh", ["0s", "-5s", "soon", ".nan", ".inf", "true"])
def test_refresh_is_a_duration_above_zero(refresh: str) -> None:
    assert mistake(f"table: flights\nlocation: x\nrefresh: {refresh}\n").line == 3


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("int", "INTEGER"),
        ("text[]", "VARCHAR[]"),
        ("numeric(10, 2)", "DECIMAL(10,2)"),
        ("decimal", "DECIMAL(18,3)"),
        ("timestamptz", "TIMESTAMP WITH TIME ZONE"),
        ("timestamp with  time zone", "TIMESTAMP WITH TIME ZONE"),
        ("STRUCT(a INTEGER)", "STRUCT(a INTEGER)"),
    ],
)
def test_types_are_spelled_as_the_engine_spells_them(written: str, canonical: str) -> None:
    assert canonical == canonical_type(written)


@pytest.mark.parametrize("written", ["", "TEXTT", "DECIMAL(39,0)", "DECIMAL(4,5)", "INT(4)", "VARCHAR; DROP"])
def test_what_is_no_type_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"DuckDB type|DECIMAL"):
        canonical_type(written)


def test_yaml_that_cannot_be_read_is_reported_with_its_place() -> None:
    found = mistake("table: flights\nlocation: [\n")
    assert found.line is not None
    assert "the [ that opens here is not closed" in found.message


@pytest.mark.parametrize("value", ["dya", "{a: b}", "5", "1.5", "2024-01-01"])
def test_a_value_that_may_be_of_two_kinds_and_is_of_neither_is_one_mistake_in_plain_words(value: str) -> None:
    found = mistake(f"table: flights\nlocation: data/flights\nlimits: {{require_filter: {value}}}\n")
    assert (found.line, found.column) == (3, 10)
    assert found.message == "limits.require_filter: write true or false, or a list, such as [a, b]"


def test_in_a_value_of_the_one_kind_that_it_may_be_of_only_the_wrong_item_is_a_mistake() -> None:
    found = mistake("table: flights\nlocation: data/flights\nlimits: {require_filter: [5]}\n")
    assert (found.line, found.column) == (3, 27)
    assert found.message == "limits.require_filter.0: is not a text: put it in quotes"


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("partitioned_by: day", "write partitioned_by: [{column: day, transform: day, source: ts}]"),
        ("partitioned_by: [day]", "write partitioned_by: [{column: day, transform: day, source: ts}]"),
        ("partitioned_by: {column: day}", "write partitioned_by: [{column: day, transform: day, source: ts}]"),
        ("columns: [{name: ts, type: TIMESTAMP}]", "write columns: {id: BIGINT, ts: TIMESTAMP}"),
        ("limits: 5", "write limits: {max_files: 5000, max_bytes: 20GiB}"),
        ("sorted_by: id", "write sorted_by: [id, ts]"),
    ],
)
def test_a_key_whose_value_has_another_shape_is_shown_as_it_is_written(line: str, hint: str) -> None:
    assert mistake(f"table: flights\nlocation: data/flights\n{line}\n").hint == hint
    parse_table(f"table: flights\nlocation: data/flights\n{hint.removeprefix('write ')}\n", "catalog/flights.yaml")


@pytest.mark.parametrize(
    ("address", "location"),
    [
        ("https://lake.s3.amazonaws.com/raw/", "s3://lake/raw/"),
        ("https://lake.s3.eu-west-1.amazonaws.com/raw%20data", "s3://lake/raw data"),
        ("https://my.lake.s3.dualstack.eu-west-1.amazonaws.com/raw", "s3://my.lake/raw"),
        ("https://s3-eu-west-1.amazonaws.com/lake/raw?list-type=2", "s3://lake/raw"),
        ("http://s3.cn-north-1.amazonaws.com.cn/lake", "s3://lake"),
        ("arn:aws:s3:::lake/raw", "s3://lake/raw"),
        ("s3//lake/raw", "s3://lake/raw"),
        ("https://storage.googleapis.com/lake/raw", "gs://lake/raw"),
        ("https://lake.storage.googleapis.com/raw", "gs://lake/raw"),
        ("https://acme.blob.core.windows.net/lake/raw", "az://lake/raw"),
        ("wasbs://lake@acme.blob.core.windows.net/raw", "az://lake/raw"),
        ("abfss://lake@acme.dfs.core.windows.net/raw/2024", "az://lake/raw/2024"),
        ("D:/lake", None),
    ],
)
def test_an_address_from_elsewhere_is_shown_as_a_location(address: str, location: str | None) -> None:
    hint = mistake(f"table: flights\nlocation: {address}\n").hint
    if location is None:
        assert hint == "write the folder as Linux names it, such as /mnt/c/data"
    else:
        assert hint == f"write {location}"
        parse_table(f"table: flights\nlocation: {location}\n", "catalog/flights.yaml")


@pytest.mark.parametrize(("first", "second"), [("d", "D"), ("Time", "tIME"), ("x", "X")])
def test_columns_that_differ_only_in_case_are_refused(first: str, second: str) -> None:
    found = mistake(f"table: flights\nlocation: data/flights\ncolumns: {{{first}: DATE, {second}: DATE}}\n")
    assert found.message == f"the column {second!r} stands twice: SQL does not tell it from {first!r}"
    assert found.line == 3
