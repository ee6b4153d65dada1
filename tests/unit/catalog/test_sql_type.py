"""The names of DuckDB's types are read as DuckDB reads them."""

from __future__ import annotations

import duckdb
import pytest
from misspelt import one_edit

from gateway.catalog.sql_type import SqlType, canonical_type

NESTED = [
    "int[]",
    "text [ 3 ]".replace(" 3 ", "3"),
    "decimal(10, 2)[][4]",
    "struct(a int4, b text[])",
    'struct("a b" bool, "select" date, "x""y" double)',
    "map(varchar, struct(n numeric))[]",
    "DOUBLE PRECISION",
    "timestamp with  time zone",
    "varchar(10)",
    "dec(5)",
    "enum('a', 'b, c')",
]


def described(text: str) -> str:
    """Return what DuckDB calls a type."""
    with duckdb.connect() as connection:
        return str(connection.execute(f"SELECT CAST(NULL AS {text}) AS x").description[0][1])


def names() -> list[str]:
    """List the names that DuckDB has for the types that the gateway knows."""
    with duckdb.connect() as connection:
        found = connection.execute("SELECT type_name FROM duckdb_types()").fetchall()
    return sorted({name for (name,) in found if SqlType.parse(name).known})


NAMES = names()


@pytest.mark.parametrize("text", [*NAMES, *NESTED])
def test_a_type_has_the_name_that_the_engine_gives_it(text: str) -> None:
    assert described(text) == str(SqlType.parse(text))


@pytest.mark.parametrize("text", [*NAMES, *NESTED])
def test_a_canonical_name_is_read_as_the_same_type(text: str) -> None:
    assert SqlType.parse(text) == SqlType.parse(str(SqlType.parse(text)))


def test_most_names_of_the_engine_are_known() -> None:
    assert len(NAMES) > 50


@pytest.mark.parametrize(
    "text", ["LIST", "STRUCT", "MAP", "ENUM", "BIT", "geometry", "DECIMAL(39,0)", "INT(4)", "", "x[]"]
)
def test_a_text_that_is_no_type_is_kept_and_not_known(text: str) -> None:
    parsed = SqlType.parse(text)
    assert not parsed.known
    assert text == str(parsed)
    with pytest.raises(ValueError, match=r"DuckDB type|DECIMAL"):
        canonical_type(text)


@pytest.mark.parametrize(
    "name",
    ["BOOLEAN", "BIGINT", "INTEGER", "DOUBLE", "DECIMAL", "VARCHAR", "BLOB", "DATE", "TIME", "TIMESTAMP", "UUID"],
)
def test_a_type_misspelt_by_one_edit_is_refused_with_the_one_that_is_meant(name: str) -> None:
    for wrong in one_edit(name):
        for text in (wrong, f"{wrong.lower()}[]", f"{wrong}(9)"):
            with pytest.raises(ValueError, match=rf"is not a DuckDB type: did you mean .*'{name}'"):
                canonical_type(text)


@pytest.mark.parametrize(
    ("elsewhere", "meant"),
    [
        ("float64", "DOUBLE"),
        ("Float32", "FLOAT"),
        ("datetime64[ns]", "TIMESTAMP"),
        ("datetime64[ns, UTC]", "TIMESTAMPTZ"),
        ("timestamp[us]", "TIMESTAMP"),
        ("timestamp[us, tz=UTC]", "TIMESTAMPTZ"),
        ("TIMESTAMP_TZ", "TIMESTAMPTZ"),
        ("date32[day]", "DATE"),
        ("object", "VARCHAR"),
        ("utf8", "VARCHAR"),
        ("VARCHAR2(20)", "VARCHAR"),
        ("number(10,2)", "DECIMAL(10,2)"),
        ("decimal128(12, 4)", "DECIMAL(12, 4)"),
        ("large_binary", "BLOB"),
    ],
)
def test_the_name_that_a_type_has_elsewhere_is_answered_with_a_type_that_holds_its_values(
    elsewhere: str, meant: str
) -> None:
    with pytest.raises(ValueError, match="is not a DuckDB type") as caught:
        canonical_type(elsewhere)
    assert str(caught.value).endswith(f"did you mean {meant!r}?")
    assert SqlType.parse(meant).known


@pytest.mark.parametrize("text", ["DECIMAL(38", "STRUCT(a INTEGER", "INTEGER[", "MAP(VARCHAR", "STRUCT(a DECIMAL(3,1)"])
def test_a_type_that_was_cut_at_its_comma_is_told_to_stand_in_quotes(text: str) -> None:
    with pytest.raises(ValueError, match="a type with a comma stands in quotes"):
        canonical_type(text)


@pytest.mark.parametrize("text", ['STRUCT("a(" INTEGER)', "ENUM('(')", "ENUM('''[')"])
def test_brackets_in_names_and_values_are_no_brackets_of_a_type(text: str) -> None:
    assert canonical_type(text) == text
