"""The author's text is cut at its tables and clock calls, and is otherwise untouched."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import pytest

from gateway.errors import TemplateInvalid
from gateway.model import Column
from gateway.plan.analysis import NOW, PreparedQuery, prepare, render
from gateway.plan.analysis.text import read

COLUMNS = [Column(name="k", type="INTEGER"), Column(name="ts", type="TIMESTAMP")]


def analysed(sql: str) -> PreparedQuery:
    return prepare(sql, {"t": COLUMNS, 'Fl"ights': COLUMNS}, {"t": ["k", "ts"]}, {"a": "INTEGER", "b": "INTEGER"})


def test_parameters_that_follow_each_other_closely_are_read() -> None:
    assert read("SELECT $a||$b, '$a,$b' -- $a,$b").parsed == "SELECT $a ||$b , '$a,$b' -- $a,$b\n"


def test_positions_are_those_of_the_authors_text() -> None:
    sql = "SELECT * FROM t WHERE k IN ($a,$b) AND ts < now() AND k IN (SELECT k FROM t)"
    assert [sql[scan.start : scan.end] for scan in analysed(sql).scans] == ["t", "t"]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT t.k FROM t", "SELECT t.k FROM <> AS t"),
        ("SELECT x.k FROM t x", "SELECT x.k FROM <> x"),
        ("SELECT a FROM t AS x(a, b)", "SELECT a FROM <> AS x(a, b)"),
        ("FROM T", "FROM <> AS T"),
        ('FROM "Fl""ights"', 'FROM <> AS "Fl""ights"'),
        ("SELECT k FROM t TABLESAMPLE 50%", "SELECT k FROM <> AS t TABLESAMPLE 50%"),
        ("FROM t SEMI JOIN t u USING (k)", "FROM <> AS t SEMI JOIN <> u USING (k)"),
        ("SELECT k IN (SELECT k FROM t) FROM t", "SELECT k IN (SELECT k FROM <> AS t) FROM <> AS t"),
        ("PIVOT t ON k USING count(*)", "PIVOT <> AS t ON k USING count(*)"),
        ("SELECT /* FROM t */ 't' AS t -- t\nFROM t", "SELECT /* FROM t */ 't' AS t -- t\nFROM <> AS t"),
        ("WITH t AS (SELECT * FROM t) FROM t", "WITH t AS (SELECT * FROM <> AS t) FROM t"),
        ("SELECT 'é$a', k FROM t WHERE k=$a", "SELECT 'é$a', k FROM <> AS t WHERE k=$a"),
    ],
)
def test_only_the_names_of_tables_are_replaced(sql: str, expected: str) -> None:
    prepared = analysed(sql)
    assert render(prepared, ["<>"] * len(prepared.scans)) == expected


def test_a_text_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(TemplateInvalid):
        analysed("SELECT FROM WHERE")


CLOCKS = [
    *("now()", "current_timestamp", "get_current_timestamp()", "transaction_timestamp()"),
    *("current_date", "today()", "localtimestamp", "current_localtimestamp()"),
    *("localtime", "current_localtime()", "current_time", "get_current_time()"),
]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize("call", CLOCKS)
def test_a_clock_call_and_its_replacement_are_equal_at_the_same_instant(call: str, zone: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"SET TimeZone = '{zone}'")
        connection.execute("BEGIN")  # all clock calls of a transaction see one instant
        (instant,) = connection.execute("SELECT epoch_us(now())").fetchall()[0]
        value = duckdb.Value(datetime.fromtimestamp(instant / 1e6, UTC), duckdb.sqltypes.TIMESTAMP_TZ)
        replaced = read(f"SELECT {call}").clocks[0]
        sql = f"SELECT {call} = x, typeof({call}) = typeof(x), typeof(x) FROM (SELECT {replaced.replacement} AS x)"
        assert connection.execute(sql, {NOW: value}).fetchall() == [(True, True, replaced.type)]


def test_the_clock_is_read_through_the_reserved_parameter() -> None:
    prepared = analysed("SELECT count(*) AS n FROM t WHERE ts < now() - INTERVAL 1 DAY")
    assert (prepared.clock, prepared.instant) == (True, True)
    assert prepared.pieces[1] == f" AS t WHERE ts < CAST(${NOW} AS TIMESTAMPTZ) - INTERVAL 1 DAY"


def test_a_column_keeps_the_name_that_the_clock_gave_it() -> None:
    assert analysed("SELECT now(), Today ( ) FROM t").pieces[0] == (
        f'SELECT CAST(${NOW} AS TIMESTAMPTZ) AS "now()", CAST(CAST(${NOW} AS TIMESTAMPTZ) AS DATE) AS "today()" FROM '
    )


def test_a_clock_call_inside_an_unnamed_column_is_left_alone() -> None:
    prepared = analysed("SELECT now() - max(ts) FROM t")
    assert (prepared.pieces[0], prepared.clock, prepared.instant) == ("SELECT now() - max(ts) FROM ", True, False)


def test_a_column_may_have_the_name_of_a_clock() -> None:
    tables = {"t": [Column(name="current_date", type="DATE")]}
    prepared = prepare("SELECT t.current_date, current_date FROM t", tables, {}, {})
    assert not prepared.clock
