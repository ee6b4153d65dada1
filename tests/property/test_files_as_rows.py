"""The answer over selected files is the answer over all rows, read one by one from each file with the declared types.

Files differ in types, casing, order, missing and additional columns, in whether they hold the columns of their
folders, and in which levels their paths have. The oracle reads them by pyarrow and converts value by value in Python.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.catalog.catalog import Catalog
from gateway.catalog.store import S3Settings, open_store
from gateway.catalog.table import parse_table
from gateway.engine.duckdb import DuckDBEngine
from gateway.engine.instance import DuckDBSettings
from gateway.engine.rows import one_row
from gateway.errors import ValueMisfit
from gateway.model import BoundQuery
from gateway.plan.dynamic import DimensionReader
from gateway.plan.planner import Planner

LOST = "lost"
LAYOUTS = (("year", "kind"), ("year",), ("kind",), ())
EPOCH = datetime(1970, 1, 1)
STORED: Mapping[str, tuple[pa.DataType, Sequence[Any]]] = {
    "int8": (pa.int8(), [1, -7, 100]),
    "int32": (pa.int32(), [1, 2024, -70_000]),
    "int64": (pa.int64(), [1, 2**53 + 1, 10_000]),
    "uint64": (pa.uint64(), [1, 2**64 - 1]),
    "float": (pa.float32(), [0.5, 3.0]),
    "double": (pa.float64(), [2.5, 3.0, 0.1, 1.005, 1e300]),
    "decimal": (pa.decimal128(9, 3), [Decimal("1.500"), Decimal("2.000"), Decimal("0.125"), Decimal("123456.000")]),
    "bool": (pa.bool_(), [True, False]),
    "text": (pa.string(), ["7", "007", "1.5", "1.50", "2024-01-02", "2024-01-02 03:04:05", "x", "true", ""]),
    "bytes": (pa.binary(), [b"x", b"\xff"]),
    "date": (pa.date32(), [date(2024, 1, 2), date(1960, 2, 29)]),
    "us": (pa.timestamp("us"), [datetime(2024, 1, 2), datetime(2024, 1, 2, 3, 4, 5, 6)]),
    "ms": (pa.timestamp("ms"), [datetime(2024, 1, 2, 3, 4, 5, 6000)]),
    "ns": (pa.timestamp("ns"), [10**18, 10**18 + 1, 86_400 * 10**9]),
    "null": (pa.null(), [None]),
}
DECLARED = ("SMALLINT", "BIGINT", "DOUBLE", "DECIMAL(8,2)", "VARCHAR", "BOOLEAN", "DATE", "TIMESTAMP", "BLOB")


def converted(value: Any, stored: str, declared: str) -> Any:
    """Turn one value into its declared type; ``LOST`` where something of it would be."""
    if value is None:
        return None
    if isinstance(value, str) and declared not in ("VARCHAR", "BLOB"):
        return of_text(value, declared)
    if isinstance(value, bytes):
        return value if declared == "BLOB" else of_bytes(value) if declared == "VARCHAR" else LOST
    if stored in ("us", "ms", "ns", "date"):
        return of_time(value, stored, declared)
    if declared == "BLOB":
        return value.encode() if isinstance(value, str) else LOST
    if declared == "VARCHAR":
        return value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    if declared in ("DATE", "TIMESTAMP"):
        return LOST
    return of_number(value, declared)


def of_bytes(value: bytes) -> Any:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return LOST


def of_text(text: str, declared: str) -> Any:
    patterns = {
        "SMALLINT": r"0|-?[1-9]\d*",
        "BIGINT": r"0|-?[1-9]\d*",
        "DECIMAL(8,2)": r"-?(0|[1-9]\d*)(\.\d{1,2})?",
        "BOOLEAN": "true|false",
        "DATE": r"\d{4}-\d\d-\d\d",
        "TIMESTAMP": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
    }
    if declared == "DOUBLE":
        try:
            return float(text) if repr(float(text)) in (text, f"{text}.0") else LOST
        except ValueError:
            return LOST
    if not re.fullmatch(patterns[declared], text):
        return LOST
    if declared == "BOOLEAN":
        return text == "true"
    if declared == "DATE":
        return date.fromisoformat(text)
    return datetime.fromisoformat(text) if declared == "TIMESTAMP" else of_number(Decimal(text), declared)


def of_time(value: Any, stored: str, declared: str) -> Any:
    if stored == "ns":
        if declared == "VARCHAR":
            return written(EPOCH + timedelta(seconds=value // 10**9), value % 10**9)
        if value % 1_000:
            return LOST
        value = EPOCH + timedelta(microseconds=value // 1_000)
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    if declared == "TIMESTAMP":
        return moment
    if declared == "DATE":
        return moment.date() if moment == datetime(moment.year, moment.month, moment.day) else LOST
    if declared != "VARCHAR":
        return LOST
    return value.isoformat() if stored == "date" else written(moment.replace(microsecond=0), moment.microsecond * 1_000)


def written(second: datetime, nanos: int) -> str:
    return str(second) + (f".{nanos:09d}".rstrip("0") if nanos else "")


def of_number(value: Any, declared: str) -> Any:
    if declared == "BOOLEAN":
        whole = isinstance(value, int) and value in (0, 1)
        return bool(value) if whole else LOST
    if isinstance(value, bool) and declared in ("DOUBLE", "DECIMAL(8,2)"):
        return LOST if declared == "DOUBLE" else Decimal(int(value))
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if declared == "DOUBLE":
        return float(value) if Decimal(repr(float(value))) == exact else LOST
    if declared == "DECIMAL(8,2)":
        fits = exact == exact.quantize(Decimal("0.01")) if abs(exact) < 10**6 else False
        return exact if fits else LOST
    limit = 2**15 if declared == "SMALLINT" else 2**63
    return int(exact) if exact == exact.to_integral_value() and -limit <= exact < limit else LOST


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file: where it lies, and its columns in order, each with its stored kind and values."""

    path: str
    columns: tuple[tuple[str, str, tuple[Any, ...]], ...]

    def write(self, root: Path) -> None:
        arrays = [pa.array(list(values), STORED[kind][0]) for _, kind, values in self.columns]
        (root / self.path).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_arrays(arrays, names=[name for name, _, _ in self.columns]), root / self.path)

    def rows(self, declared: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """Read the file row by row under the declared types."""
        told = dict(part.split("=") for part in self.path.lower().split("/")[:-1])
        held = {name.lower(): (kind, values) for name, kind, values in reversed(self.columns)}
        for place in range(len(self.columns[0][2])):
            row: dict[str, Any] = {}
            for name, type_ in declared.items():
                if name in told:
                    row[name] = int(told[name]) if name == "year" else told[name]
                elif name in held:
                    kind, values = held[name]
                    row[name] = converted(values[place], kind, type_)
                else:
                    row[name] = None
            yield row


@st.composite
def worlds(draw: st.DrawFn) -> tuple[dict[str, str], list[File]]:
    declared = {"id": "BIGINT", **{name: draw(st.sampled_from(DECLARED)) for name in ("v", "w")}}
    declared |= {"year": "INTEGER", "kind": "VARCHAR"}
    ids = count()
    return declared, [draw(files(number, ids)) for number in range(draw(st.integers(1, 4)))]


@st.composite
def files(draw: st.DrawFn, number: int, ids: Iterator[int]) -> File:
    length = draw(st.integers(1, 2))
    levels = {"year": draw(st.sampled_from(["2023", "2024"])), "kind": draw(st.sampled_from(["a", "b"]))}
    layout = draw(st.sampled_from(LAYOUTS))
    folders = [f"{draw(cased(name))}={levels[name]}" for name in layout]
    columns: list[tuple[str, str, tuple[Any, ...]]] = [("id", "int64", tuple(next(ids) for _ in range(length)))]
    for name in draw(st.sets(st.sampled_from(["v", "w", "more"]))):
        kind = draw(st.sampled_from(sorted(STORED)))
        value = st.sampled_from([*STORED[kind][1], None])
        columns.append((draw(cased(name)), kind, tuple(draw(value) for _ in range(length))))
    for name, kind, values in (("year", "int32", [2023, 2024, None]), ("kind", "text", ["a", "b", None])):
        if draw(st.booleans()):
            columns.append((draw(cased(name)), kind, tuple(draw(st.sampled_from(values)) for _ in range(length))))
    return File(path="/".join([*folders, f"{number}.parquet"]), columns=tuple(draw(st.permutations(columns))))


def cased(name: str) -> st.SearchStrategy[str]:
    return st.sampled_from([name, name.upper(), name.title()])


CONDITIONS = {
    "TRUE": lambda row: True,
    "year = 2023": lambda row: row["year"] == 2023,
    "year >= 2024": lambda row: row["year"] is not None and row["year"] >= 2024,
    "kind = 'a'": lambda row: row["kind"] == "a",
    "kind IS NULL": lambda row: row["kind"] is None,
    "year = 2023 AND kind <> 'a'": lambda row: row["year"] == 2023 and row["kind"] not in (None, "a"),
    "id = 1": lambda row: row["id"] == 1,
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("worlds")


@pytest.fixture(scope="module")
def engine(root: Path) -> Iterator[DuckDBEngine]:
    opened = DuckDBEngine.open(DuckDBSettings(locations=[str(root)], temp_directory=str(root / "tmp"), threads=1))
    yield opened
    opened.close()


def answers(engine: DuckDBEngine, folder: Path, declared: Mapping[str, str], sql: str) -> list[dict[str, Any]]:
    columns = ", ".join(f"{name}: '{type_}'" for name, type_ in declared.items())
    text = f"table: t\nlocation: t\ncolumns: {{{columns}}}\nstatistics: true\npartitioned_by:\n"
    text += "".join(f"  - {{column: {name}, source: {name}}}\n" for name in ("year", "kind"))
    catalog = Catalog(
        {"t": parse_table(text, "t.yaml")},
        folder / "state",
        open_store=lambda location: open_store(location, S3Settings(), folder),
        describe=lambda paths: (),
    )
    refresher = catalog.refresher()
    for _ in range(3):
        refresher.tick()
    refresher.close()
    planner = Planner(
        engine.evaluate,
        DimensionReader.over(one_row(engine, seconds=60), engine.address),
        with_facts=catalog.with_facts,
    )
    query = BoundQuery(name="q", version=1, sql=sql, normalised=sql, tables=("t",), parameters={})
    stream = engine.execute(planner.plan(query, catalog.pin()).statement(engine.address))
    try:
        return pa.Table.from_batches(list(stream), schema=stream.schema).to_pylist()
    finally:
        stream.close()


@settings(deadline=None, max_examples=60)
@given(worlds(), st.sampled_from(sorted(CONDITIONS)), st.sets(st.sampled_from(["v", "w", "year", "kind"])))
def test_selected_files_answer_as_their_rows_read_one_by_one(
    engine: DuckDBEngine, root: Path, world: tuple[dict[str, str], list[File]], where: str, asked: set[str]
) -> None:
    declared, made = world
    names = ["id", *sorted(asked)]
    with tempfile.TemporaryDirectory(dir=root) as name:
        folder = Path(name)
        for file in made:
            file.write(folder / "t")
        rows = [row for file in made for row in file.rows(declared)]
        expected = [{name: row[name] for name in names} for row in rows if CONDITIONS[where](row)]
        sql = f"SELECT {', '.join(names)} FROM t WHERE {where} ORDER BY id"
        try:
            found: list[dict[str, Any]] | None = answers(engine, folder, declared, sql)
        except ValueMisfit:
            found = None
    if found is None:
        assert any(row[name] == LOST for row in rows for name in asked)
    else:
        assert found == sorted(expected, key=lambda row: int(row["id"]))
