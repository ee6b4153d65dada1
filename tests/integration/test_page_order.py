"""The rows of the page of a query are sorted and filtered as DuckDB does it: all types, odd values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import pytest
from browsers import chromium, element
from selenium import webdriver
from selenium.webdriver.common.by import By

pytestmark = [pytest.mark.browser, pytest.mark.gunicorn]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A type, its values in SQL, and what may be typed of it: a text for the span of values that it is equal to."""

    type: str
    values: tuple[str, ...]
    typed: dict[str, tuple[str, str | None]]
    """By text: the first value that it names, and the first after it; None where it names one value."""


FLOATS = ("'NaN'", "'Infinity'", "'-Infinity'", "-0.0", "0", "1", "-2.5", "1e30", "0.1", "1e-30", "16777216", "NULL")
TYPED_FLOATS = {
    text: (f"'{text}'", None) for text in ("NaN", "Infinity", "-Infinity", "0", "-0.0", "1", "0.1", "1e30", "-.5")
}
MOMENTS = ("'2024-02-10 12:00:00'", "'2024-02-10 12:00:00.000001'", "'2024-02-10 12:00:01'", "'2024-02-10 13:00:00'",
           "'2024-02-29 23:59:59.999999'", "'2024-03-01'", "'1970-01-01'", "'1969-12-31 23:59:59.5'", "'infinity'",
           "'-infinity'", "'0044-03-15 (BC)'", "'0001-01-01'", "'12345-06-07'", "'290000-12-31 01:00:00'",
           "'290000-01-01 (BC)'", "NULL")  # fmt: skip
TYPED_MOMENTS: dict[str, tuple[str, str | None]] = {
    "2024-02": ("'2024-02-01'", "'2024-03-01'"),
    "2024": ("'2024-01-01'", "'2025-01-01'"),
    "2024-02-29": ("'2024-02-29'", "'2024-03-01'"),
    "2024-02-10 12": ("'2024-02-10 12:00:00'", "'2024-02-10 13:00:00'"),
    "2024-02-10T12:00": ("'2024-02-10 12:00:00'", "'2024-02-10 12:01:00'"),
    "2024-02-10 12:00:00": ("'2024-02-10 12:00:00'", "'2024-02-10 12:00:01'"),
    "2024-02-10 12:00:00Z": ("'2024-02-10 12:00:00'", "'2024-02-10 12:00:01'"),
    "2024-02-10 12:00:00.000000": ("'2024-02-10 12:00:00'", "'2024-02-10 12:00:00.000001'"),
    "2024-02-10T13:00:00.000001+01:00": ("'2024-02-10 12:00:00.000001'", "'2024-02-10 12:00:00.000002'"),
    "2024-02-10T13:00+01": ("'2024-02-10 12:00:00'", "'2024-02-10 12:01:00'"),
    "2024-02-10T06:30:00-0530": ("'2024-02-10 12:00:00'", "'2024-02-10 12:00:01'"),
    "infinity": ("'infinity'", None),
    "-infinity": ("'-infinity'", None),
    "-000043-03-15": ("'0044-03-15 (BC)'", "'0044-03-16 (BC)'"),
    "+012345": ("'12345-01-01'", "'12346-01-01'"),
}
DAYS = ("'2024-02-10'", "'2024-02-29'", "'2024-03-01'", "'1970-01-01'", "'1969-12-31'", "'infinity'", "'-infinity'",
        "'0044-03-15 (BC)'", "'0001-01-01'", "'12345-06-07'", "'5000000-01-01'", "NULL")  # fmt: skip
TYPED_DAYS = {text: span for text, span in TYPED_MOMENTS.items() if ":" not in text and " " not in text}
SHORT = ("'2024-02-10 12:00:00'", "'2024-02-10 12:00:01'", "'1969-12-31 23:59:59'", "'infinity'", "NULL")
TYPED_SHORT = {text: span for text, span in TYPED_MOMENTS.items() if ".0" not in text and "0044" not in span[0]}
SPANS = ("'1 day'", "'24 hours'", "'100 days'", "'1 month'", "'30 days'", "'29 days'", "'2 years'", "'720 days'",
         "'1 month -1 day'", "'-1 month'", "'-0.5 seconds'", "'0 days'", "'25 hours'", "'1 hour'", "'1 day -1 second'",
         "'1 day 0.000001 seconds'", "'2147483647 months'", "'1 year 2 months 3 days 4 hours 5 minutes 6.789 seconds'",
         "NULL")  # fmt: skip
TYPED_SPANS: dict[str, tuple[str, str | None]] = {
    "P1D": ("'1 day'", None),
    "PT24H": ("'1 day'", None),
    "P1M": ("'1 month'", None),
    "P2Y": ("'2 years'", None),
    "PT-0.5S": ("'-0.5 seconds'", None),
    "P1Y2M3DT4H5M6.789S": ("'1 year 2 months 3 days 4 hours 5 minutes 6.789 seconds'", None),
    "1 day": ("'1 day'", None),
    "1 day -1 second": ("'1 day -1 second'", None),
}
TEXTS = ("''", "'a'", "'B'", "'b'", "'A'", "'é'", "'NULL'", "'10'", "'9'", "chr(65533)", "chr(119987)", "'a b'", "NULL")
TYPED_TEXTS = {text: (f"'{text}'", None) for text in ("a", "B", "é", "10", "a b")}
WHOLE = ("0", "1", "-1", "9", "10", "9007199254740991", "9007199254740992", "9007199254740993", "-9007199254740993",
         "9223372036854775807", "-9223372036854775808", "NULL")  # fmt: skip
TYPED_WHOLE = {text: (text, None) for text in ("0", "9", "9007199254740993", "-9007199254740992", "007", "-0")}
NUMBERS = ("'0.00'", "'-0.01'", "'9.10'", "'10.00'", "'12345678901234567.01'", "'12345678901234567.02'", "NULL")
TYPED_NUMBERS = {text: (text, None) for text in ("0", "-.01", "9.1", "12345678901234567.01", "9.105")}
KINDS = (
    Kind(type="DOUBLE", values=FLOATS, typed=TYPED_FLOATS),
    Kind(type="FLOAT", values=FLOATS, typed=TYPED_FLOATS),
    Kind(type="TIMESTAMP WITH TIME ZONE", values=MOMENTS, typed=TYPED_MOMENTS),
    Kind(type="TIMESTAMP", values=MOMENTS, typed=TYPED_MOMENTS),
    Kind(type="TIMESTAMP_S", values=SHORT, typed=TYPED_SHORT),
    Kind(type="TIMESTAMP_MS", values=(*SHORT, "'2024-02-10 12:00:00.001'"), typed=TYPED_SHORT),
    Kind(type="TIMESTAMP_NS", values=(*SHORT, "'2024-02-10 12:00:00.000000001'"),
         typed={**{text: span for text, span in TYPED_SHORT.items() if "12345" not in text},
                "2024-02-10 12:00:00.00000000": ("'2024-02-10 12:00:00'", "'2024-02-10 12:00:00.00000001'"),
                "2024-02-10 12:00:00.000000001": ("'2024-02-10 12:00:00.000000001'", None)}),
    Kind(type="DATE", values=DAYS, typed=TYPED_DAYS),
    Kind(type="TIME", values=("'00:00:00'", "'24:00:00'", "'12:00:00'", "'12:00:00.000001'", "'23:59:59.999999'",
                               "NULL"),
         typed={"12": ("'12:00:00'", "'13:00:00'"), "12:00:00": ("'12:00:00'", "'12:00:01'"),
                "12:00:00.000000": ("'12:00:00'", "'12:00:00.000001'"), "24:00:00": ("'24:00:00'", None)}),
    Kind(type="INTERVAL", values=SPANS, typed=TYPED_SPANS),
    Kind(type="VARCHAR", values=TEXTS, typed=TYPED_TEXTS),
    Kind(type="BIGINT", values=WHOLE, typed=TYPED_WHOLE),
    Kind(type="HUGEINT", values=(*WHOLE, "'99999999999999999999999999999999999999'"), typed=TYPED_WHOLE),
    Kind(type="UBIGINT", values=("0", "18446744073709551615", "18446744073709551614", "7", "NULL"),
         typed={"18446744073709551614": ("18446744073709551614", None), "7.0": ("7", None)}),
    Kind(type="TINYINT", values=("-128", "127", "0", "NULL"), typed={"0": ("0", None), "-128": ("-128", None)}),
    Kind(type="DECIMAL(20,2)", values=NUMBERS, typed=TYPED_NUMBERS),
    Kind(type="BOOLEAN", values=("true", "false", "NULL"), typed={"true": ("true", None), "false": ("false", None)}),
    Kind(type="UUID", values=("'00000000-0000-0000-0000-000000000001'", "'ffffffff-0000-0000-0000-00000000000a'",
                              "'80000000-0000-0000-0000-000000000001'", "NULL"),
         typed={text: (f"'{text}'", None)
                for text in ("80000000-0000-0000-0000-000000000001", "FFFFFFFF-0000-0000-0000-00000000000A")}),
    Kind(type="BLOB", values=(r"'\xAA'", r"'\x01'", r"'\x00\xFF'", r"'ab'", r"'abc'", "''", "NULL"),
         typed={"qg==": (r"'\xAA'", None), "YWI=": ("'ab'", None)}),
    Kind(type="ENUM('b', 'a', 'it''s', ', ')", values=("'a'", "'b'", "'it''s'", "', '", "NULL"), typed={}),
    Kind(type="INTEGER[]", values=("[1, 2]", "[1]", "[]", "[NULL]", "[2]", "[10]", "[1, NULL]", "NULL"),
         typed={"[1]": ("[1]", None), "[1,null]": ("[1, NULL]", None), "[2]": ("[2]", None)}),
    Kind(type="DOUBLE[2]", values=("['NaN', '1']", "['Infinity', '2']", "[NULL, 2]", "[10, 2]", "[9, 2]", "NULL"),
         typed={'["NaN",1]': ("['NaN', '1']", None), "[9,2]": ("[9, 2]", None)}),
    Kind(type='STRUCT("a b" INTEGER, "c, ""d" VARCHAR[])',
         values=("row(10, ['a'])", "row(9, ['b'])", "row(9, ['B'])", "row(NULL, ['a'])", "row(9, NULL)", "NULL"),
         typed={}),
    Kind(type="MAP(INTEGER, INTERVAL)",
         values=("MAP {1: INTERVAL 1 DAY}", "MAP {1: INTERVAL 23 HOUR}", "MAP {}", "MAP {0: NULL}", "MAP {10: NULL}",
                 "NULL"), typed={}),
)  # fmt: skip
NAMES = {kind.type: f"c{place}" for place, kind in enumerate(KINDS)}
SIGNS = ("=", "!=", "<", "<=", ">", ">=")


def rows_of_all() -> str:
    """Write the query of all values: a column a type, the shorter ones with NULL at their ends."""
    columns = [
        f"unnest([{', '.join(f'CAST({value} AS {kind.type})' for value in kind.values)}]) AS {NAMES[kind.type]}"
        for kind in KINDS
    ]
    most = max(len(kind.values) for kind in KINDS)
    return f"SELECT {', '.join(columns)}, unnest(range({most})) AS id"


def _compared(kind: str) -> str:
    """Return the type that constants have: one that no digit is lost in."""
    return "DECIMAL(38,6)" if kind.startswith("DECIMAL") else kind


def condition(kind: str, column: str, sign: str, span: tuple[str, str | None]) -> str:
    """Write in SQL what a filter of a column means: what is typed is a span of values."""
    first, end = (value and f"CAST({value} AS {kind})" for value in span)
    inside = f"{column} = {first}" if end is None else f"{column} >= {first} AND {column} < {end}"
    beyond = f"NOT ({column} < {first} OR {inside})"
    return {"=": inside, "!=": f"NOT ({inside})", "<": f"{column} < {first}", ">=": f"NOT {column} < {first}",
            "<=": f"{column} < {first} OR {inside}", ">": beyond}[sign]  # fmt: skip


@pytest.fixture(scope="module")
def rows() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE TABLE rows AS {rows_of_all()}")
        yield connection


@pytest.fixture(scope="module")
def page(
    serve_for_module: Any, tmp_path_factory: pytest.TempPathFactory, server_used: Callable[[str], None]
) -> Iterator[webdriver.Chrome]:
    folder = tmp_path_factory.mktemp("types")
    (folder / "queries/types").mkdir(parents=True)
    (folder / "queries/types/v1.sql").write_text(
        f"/*\nsummary: Values of all types\n*/\nSELECT * FROM ({rows_of_all()}) ORDER BY id\n"
    )
    (folder / "queries/many").mkdir(parents=True)
    (folder / "queries/many/v1.sql").write_text(f"/*\nsummary: Many texts\n*/\n{MANY} ORDER BY id\n")
    served = serve_for_module(folder, {"GATEWAY_STATE": str(folder / "state")})
    with chromium(tmp_path_factory.mktemp("profile"), server_used) as chrome:
        chrome.get(f"http://gateway.test:{served.port}/docs/types/v1?_view=table")
        element(chrome, By.CSS_SELECTOR, "#form[data-ready]")
        yield chrome


ARRANGED = """const [sort, filters, done] = arguments;
    const names = ["arranging", "columns", "rows"];
    Promise.all(names.map((name) => import(`/static/${name}.js`))).then(async ([arranging, columns, { Rows }]) => {
        window.found ??= await Rows.of([]);
        const read = arranging.readSort(sort, found.columns);
        const { readFilters } = columns;
        const orders = filters.map((filter) => arranging.arrange(found, read, "", readFilters(filter, found.columns)));
        done((await Promise.all(orders)).map((order) => order.map((place) => found.rows[place].at(-1))));
    }).catch((error) => done(String(error.stack)));"""


MANY = """SELECT CASE
    WHEN range % 5 = 0 THEN chr(CAST(55000 + hash(range) % 290 + hash(range) % 3 * 3000 AS INTEGER))
    WHEN range % 5 = 1 THEN chr(CAST(65000 + hash(range) % 1500 AS INTEGER))
    WHEN range % 5 = 2 THEN NULL
    ELSE 'customer ' || hash(range) % 20000 END AS name, hash(range) % 1000 / 8.0 AS share, range AS id
    FROM range(100000)"""
"""Rows with many ties, with characters below, among and beyond those of two units in UTF-16."""
SORTED = """const [sort, sooner, done] = arguments;
    const modules = ["arranging", "rows"].map((name) => import(`/static/${name}.js`));
    Promise.all(modules).then(async ([{ arrange, readSort }, { Rows }]) => {
        const rows = await Rows.of([]);
        await rows.upTo(rows.size);
        const newer = new AbortController();
        const timer = setInterval(() => { window.turns += 1; if (sooner) newer.abort("newer"); });
        window.turns = 0;
        const order = await arrange(rows, readSort(sort, rows.columns), "", new Map(), newer.signal).catch(String);
        clearInterval(timer);
        done([window.turns, order]);
    }).catch((error) => done(String(error.stack)));"""


@pytest.fixture
def many(page: webdriver.Chrome) -> Iterator[webdriver.Chrome]:
    before = page.current_url
    page.get(before.replace("/types/", "/many/"))
    element(page, By.CSS_SELECTOR, "#form[data-ready]")
    yield page
    page.get(before)
    element(page, By.CSS_SELECTOR, "#form[data-ready]")


@pytest.mark.parametrize("sort", ["name", "-name", "share"])
def test_many_rows_are_sorted_in_pieces_between_which_the_page_does_other_things(
    many: webdriver.Chrome, sort: str
) -> None:
    turns, order = many.execute_async_script(SORTED, sort, False)
    direction = "DESC" if sort.startswith("-") else "ASC"
    with duckdb.connect() as connection:
        wanted = connection.execute(f"SELECT id FROM ({MANY}) ORDER BY {sort.strip('-')} {direction} NULLS LAST, id")
        assert order == [number for (number,) in wanted.fetchall()]
    assert turns > 0


def test_sorting_that_is_no_longer_wanted_ends(many: webdriver.Chrome) -> None:
    assert many.execute_async_script(SORTED, "name", True)[1] == "newer"


def arranged(page: webdriver.Chrome, sort: str, filters: list[str]) -> Any:
    return page.execute_async_script(ARRANGED, sort, filters)


@pytest.mark.parametrize("kind", KINDS, ids=[kind.type for kind in KINDS])
def test_rows_are_sorted_as_duckdb_sorts_them(
    page: webdriver.Chrome, rows: duckdb.DuckDBPyConnection, kind: Kind
) -> None:
    name = NAMES[kind.type]
    for sign, direction in (("", "ASC"), ("-", "DESC")):
        wanted = rows.execute(f"SELECT id FROM rows ORDER BY {name} {direction} NULLS LAST, id").fetchall()
        assert arranged(page, sign + name, [""]) == [[number for (number,) in wanted]]


@pytest.mark.parametrize("kind", KINDS, ids=[kind.type for kind in KINDS])
def test_rows_are_filtered_as_duckdb_filters_them(
    page: webdriver.Chrome, rows: duckdb.DuckDBPyConnection, kind: Kind
) -> None:
    name = NAMES[kind.type]
    asked = {
        f"{sign}{text}": condition(_compared(kind.type), name, sign, span)
        for text, span in kind.typed.items()
        for sign in SIGNS
    }
    asked |= {"=NULL": f"{name} IS NULL", "!=NULL": f"{name} IS NOT NULL"}
    wanted = {
        text: [number for (number,) in rows.execute(f"SELECT id FROM rows WHERE {where} ORDER BY id").fetchall()]
        for text, where in asked.items()
    }
    filters = [f"{name}:{text.replace('%', '%25').replace(',', '%2C')}" for text in asked]
    assert dict(zip(asked, arranged(page, "", filters), strict=True)) == wanted
