"""A table whose files lie in several layouts of folders answers as a table in memory that has the same rows.

The rows of each file get the partition columns of its path, and NULL for those of other layouts; the oracle is DuckDB,
without its optimiser, over those rows.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from folders import Files
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.catalog.transforms import parse_transform
from gateway.catalog.transforms.base import known
from gateway.writer.partitions import encode_text

TYPES = {"id": "BIGINT", "ts": "TIMESTAMP", "tz": "TIMESTAMP WITH TIME ZONE", "name": "VARCHAR", "n": "INTEGER"}
FIELDS: Mapping[str, Mapping[str, str]] = {
    "year": {"transform": "year", "source": "ts"},
    "month": {"transform": "month", "source": "ts"},
    "day": {"transform": "day", "source": "ts"},
    "moy": {"transform": "month_of_year", "source": "ts"},
    "dom": {"transform": "day_of_month", "source": "ts"},
    "compact": {"transform": "day", "source": "ts", "format": "%Y%m%d"},
    "local": {"transform": "day", "source": "tz", "zone": "America/New_York"},
    "utc": {"transform": "month", "source": "tz"},
    "name": {"transform": "identity", "source": "name"},
    "initial": {"transform": "truncate[1]", "source": "name"},
    "bucket": {"transform": "bucket[3]", "source": "name"},
    "kind": {"transform": "lookup{aa: x, '*': y}", "source": "name"},
    "n": {"transform": "identity", "source": "n"},
    "tens": {"transform": "truncate[10]", "source": "n"},
    "part": {"transform": "range[0, 50]", "source": "n"},
}
TRANSFORMS = {
    name: parse_transform(field["transform"], format=field.get("format"), zone=field.get("zone"))
    for name, field in FIELDS.items()
}
COLUMNS = {name: one.result_type(TYPES[FIELDS[name]["source"]]) for name, one in TRANSFORMS.items()} | TYPES
HOURS = (0, 1, 23, 24, 25, 167, 168, 744, 745, 2000, 8760)
VALUES: Mapping[str, Sequence[Any]] = {
    "ts": [None, *(datetime(2023, 12, 25) + timedelta(hours=hours) for hours in HOURS)],
    "tz": [None, *(datetime(2023, 12, 25, tzinfo=UTC) + timedelta(hours=hours) for hours in (3, 5, 28, 170, 750))],
    "name": [None, "", "aa", "ab", "é", "a/b", "x=y", " ", "[z]", "a*", "%41", "__HIVE_DEFAULT_PARTITION__"],
    "n": [None, -1, 0, 9, 10, 49, 50],
}
NEEDED = {"moy": ("year",), "dom": ("year", "moy")}
LAYOUTS = st.lists(st.sampled_from(sorted(FIELDS)), max_size=3).map(
    lambda names: tuple(dict.fromkeys(one for name in names for one in (*NEEDED.get(name, ()), name)))
)
Row = dict[str, Any]


@st.composite
def conditions(draw: st.DrawFn, rows: Sequence[Row], columns: Sequence[str]) -> str:
    name = draw(st.sampled_from(columns))
    value = draw(st.sampled_from([literal(row.get(name), COLUMNS[name]) for row in rows]))
    shape = draw(
        st.sampled_from(
            [
                *(f"{{name}} {sign} {{value}}" for sign in ("=", "<", "<=", ">", ">=", "<>")),
                "{name} IS NULL",
                "{name} IS NOT NULL",
                "{name} IS DISTINCT FROM {value}",
                "{name} IN ({value}, {value})",
                "coalesce({name}, {value}) = {value}",
                "NOT ({name} < {value})",
                "date_trunc('month', ts) = TIMESTAMP '2024-01-01'",
                "extract(month FROM ts) = 12",
                "CAST(ts AS DATE) = DATE '2023-12-26'",
            ]
        )
    )
    return shape.format(name=name, value=value)


def literal(value: Any, type_: str) -> str:
    if value is None:
        return f"CAST(NULL AS {type_})"
    text = str(value).replace("'", "''")
    return f"CAST('{text}' AS {type_})"


@st.composite
def files(draw: st.DrawFn, layouts: Sequence[Sequence[str]], number: int) -> tuple[str, list[Row], list[str]]:
    """Draw the path of a file, its rows with their partition columns, and the columns that it holds."""
    layout = draw(st.permutations(draw(st.sampled_from(layouts))))
    row = {name: draw(st.sampled_from(values)) for name, values in VALUES.items()}
    folders, told = [], {}
    by_hive = draw(st.booleans())
    for name in layout:
        source, transform = FIELDS[name]["source"], TRANSFORMS[name]
        [text] = transform.apply(pa.array([row[source]], known(TYPES[source]).arrow), TYPES[source]).to_pylist()
        text = None if by_hive and text == "" else text  # Hive and Spark write both to the folder of NULL
        values = transform.decode(pa.array([text], pa.string()), TYPES[source]).to_pylist() if text is not None else []
        told[name] = values[0] if values else None
        folders.append(f"{draw(st.sampled_from([name, name.title()]))}={encode_text(text)}")
    held = ["id", *(name for name in VALUES if draw(st.integers(0, 5)))]
    seen = {name: row[name] if name in held else None for name in VALUES} | told
    rows = [{"id": 10 * number + place, **seen} for place in range(draw(st.integers(1, 2)))]
    return "/".join([*folders, f"{number}.parquet"]), rows, held


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[tuple[str, ...]], list[tuple[str, list[Row], list[str]]]]:
    layouts = [*draw(st.lists(LAYOUTS, min_size=1, max_size=2)), draw(LAYOUTS.filter(bool))]
    return layouts, [draw(files(layouts, number)) for number in range(draw(st.integers(1, 6)))]


@pytest.fixture(scope="module")
def oracle() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("PRAGMA disable_optimizer")
        yield connection


def declaration(layouts: Sequence[Sequence[str]]) -> str:
    lines = ["columns:", *(f"  {name}: {type_}" for name, type_ in TYPES.items()), "partitioned_by:"]
    lines += [f"  - {json.dumps([{'column': name, **FIELDS[name]} for name in layout])}" for layout in layouts]
    return "\n".join(lines)


def questions(draw: Any, rows: Sequence[Row], columns: Sequence[str]) -> Iterator[str]:
    name = draw(st.sampled_from(columns))
    for form in (
        f"SELECT {', '.join(columns)} FROM t WHERE {{}} ORDER BY id",
        f"SELECT {name}, count(*) AS c, min(ts) AS a, max(n) AS b FROM t WHERE {{}} GROUP BY {name} ORDER BY {name}",
        f"SELECT {name}, id FROM t WHERE {{}} ORDER BY {name} DESC NULLS LAST, id LIMIT 2",
    ):
        yield form.format(" AND ".join(draw(st.lists(conditions(rows, columns), min_size=1, max_size=2))))


@settings(deadline=None, max_examples=40)
@given(worlds(), st.data())
def test_files_of_several_layouts_answer_as_their_rows(
    oracle: duckdb.DuckDBPyConnection,
    world: tuple[list[tuple[str, ...]], list[tuple[str, list[Row], list[str]]]],
    data: st.DataObject,
) -> None:
    layouts, made = world
    columns = [*TYPES, *dict.fromkeys(name for layout in layouts for name in layout if name not in TYPES)]
    rows = [row for _, rows, _ in made for row in rows]
    with written(oracle, layouts, made, columns) as folder:
        asked = list(questions(data.draw, rows, columns))
        assert folder.problems() == []
        assert folder.answers(asked) == [oracle.sql(sql).to_arrow_table().to_pylist() for sql in asked]


OVERLAPPING: Mapping[str, Sequence[tuple[str, ...]]] = {
    "ts": [("year",), ("month",), ("day",), ("year", "moy"), ("name",), ()],
    "tz": [("utc",), ("local",), ("name",), ()],
    "n": [("tens",), ("part",), ("n",), ("name",), ()],
}
"""Layouts whose partitions may hold the same values of a column."""


@st.composite
def of_first(draw: st.DrawFn, column: str) -> str:
    """A question with a value that is read before its files are chosen."""
    way, count, offset = draw(st.sampled_from(["", " DESC"])), draw(st.integers(0, 4)), draw(st.integers(0, 3))
    inner = f"SELECT {draw(st.sampled_from(['', 'DISTINCT ']))}{column} AS v FROM t ORDER BY v{way} LIMIT {count}"
    value = draw(
        st.sampled_from(
            [
                f"SELECT {column} FROM t ORDER BY {column}{way} LIMIT 1 OFFSET {offset}",
                f"SELECT {draw(st.sampled_from(['min', 'max']))}(v) FROM ({inner}) AS s",
                f"SELECT {draw(st.sampled_from(['min', 'max']))}({column}) FROM t WHERE id > {offset}",
            ]
        )
    )
    return f"SELECT id FROM t WHERE {column} {draw(st.sampled_from(['=', '<', '<=', '>', '>=']))} ({value}) ORDER BY id"


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(OVERLAPPING)), st.data())
def test_a_value_that_is_read_first_is_that_of_all_partitions(
    oracle: duckdb.DuckDBPyConnection, column: str, data: st.DataObject
) -> None:
    drawn = data.draw(st.lists(st.sampled_from(OVERLAPPING[column]), min_size=2, max_size=3, unique=True))
    layouts = sorted(drawn, key=bool)  # folders of no level stand first
    made = [data.draw(files(layouts, number)) for number in range(data.draw(st.integers(4, 9)))]
    columns = [*TYPES, *dict.fromkeys(name for layout in layouts for name in layout if name not in TYPES)]
    with written(oracle, layouts, made, columns) as folder:
        asked = data.draw(st.lists(of_first(column), min_size=3, max_size=6))
        assert folder.answers(asked) == [oracle.sql(sql).to_arrow_table().to_pylist() for sql in asked]


@contextmanager
def written(
    oracle: duckdb.DuckDBPyConnection,
    layouts: Sequence[Sequence[str]],
    made: Sequence[tuple[str, list[Row], list[str]]],
    columns: Sequence[str],
) -> Iterator[Files]:
    """Write files into a folder of a table, and their rows into that of the oracle."""
    with tempfile.TemporaryDirectory() as name:
        folder = Files(Path(name))
        folder.declare(declaration(layouts))
        for path, some, held in made:
            arrays = {one: pa.array([row[one] for row in some], known(TYPES[one]).arrow) for one in held}
            folder.put(path, pa.table(arrays | {one: stored(path, some, one, arrays[one]) for one in held}))
        lines = ", ".join(f"{name} {COLUMNS[name]}" for name in columns)
        oracle.execute(f"CREATE OR REPLACE TABLE t ({lines})")
        for _, some, _ in made:
            for row in some:
                oracle.execute(
                    f"INSERT INTO t VALUES ({', '.join(literal(row.get(name), COLUMNS[name]) for name in columns)})"
                )
        yield folder


def stored(path: str, rows: Sequence[Row], name: str, values: pa.Array[Any]) -> pa.Array[Any]:
    """Return what a file holds: of a column that its path tells, anything."""
    return values if f"{name}=" not in path.lower() else pa.nulls(len(rows), values.type)
