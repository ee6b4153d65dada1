"""What ``gateway write`` makes of texts: encodings, and values at the ends of what their types hold."""

from __future__ import annotations

import gzip
import json
import re
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.catalog.table import parse_table
from gateway.cli import main
from gateway.errors import InputInvalid
from gateway.writer import Files, Options, write

TEXTS = ["Zürich", "naïve, «quoted»", 'a "b"\nc', "ß¼ÿ"]
QUERY = "/*\nsummary: all\nowner: tests\ncache: {ttl: 0s}\nexamples: [{}]\n*/\nSELECT id, v FROM t ORDER BY id\n"


def project(folder: Path, kind: str = "VARCHAR", more: str = "") -> Path:
    (folder / "catalog").mkdir(parents=True)
    declared = f"table: t\nlocation: t\ncolumns: {{id: BIGINT, v: '{kind}'}}\n{more}"
    (folder / "catalog" / "t.yaml").write_text(declared)
    (folder / "queries" / "all").mkdir(parents=True)
    (folder / "queries" / "all" / "v1.sql").write_text(QUERY)
    return folder


def written(folder: Path, path: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["write", "t", str(path), "--project", str(folder), *options])


def answer(folder: Path) -> list[Any]:
    done = CliRunner().invoke(main, ["run", "all", "--project", str(folder), "--format", "json"])
    assert done.exit_code == 0, done.output
    return [row["v"] for row in json.loads(done.stdout)["data"]]


def document(form: str, texts: list[str]) -> str:
    rows = [{"id": number, "v": text} for number, text in enumerate(texts)]
    if form == "json":
        return json.dumps(rows, ensure_ascii=False)
    if form == "ndjson":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    separator = "\t" if form == "tsv" else ","
    lines = [[str(row["id"]), '"' + str(row["v"]).replace('"', '""') + '"'] for row in rows]
    return "".join(separator.join(line) + "\n" for line in [["id", "v"], *lines])


@pytest.mark.parametrize("form", ["csv", "tsv", "json", "ndjson"])
@pytest.mark.parametrize("marked", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_byte_order_mark_tells_the_encoding(tmp_path: Path, form: str, marked: str, compressed: bool) -> None:
    content = document(form, TEXTS).encode(marked)
    path = tmp_path / (f"a b.{form}" + (".gz" if compressed else ""))
    path.write_bytes(gzip.compress(content) if compressed else content)
    done = written(project(tmp_path / "project"), path)
    assert done.exit_code == 0, done.output
    assert answer(tmp_path / "project") == TEXTS


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16-le", "utf-16-be", "cp437"])
@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_another_encoding_is_named_by_the_caller(tmp_path: Path, encoding: str, form: str) -> None:
    path = tmp_path / f"a.{form}"
    path.write_bytes(document(form, TEXTS).encode(encoding))
    done = written(project(tmp_path / "project"), path, "--encoding", encoding)
    assert done.exit_code == 0, done.output
    assert answer(tmp_path / "project") == TEXTS


@pytest.mark.parametrize("form", ["csv", "json", "ndjson"])
@pytest.mark.parametrize("columns", [True, False])
def test_what_is_no_utf8_is_refused_with_its_line_and_what_to_give(tmp_path: Path, form: str, columns: bool) -> None:
    made = project(tmp_path / "project")
    if not columns:
        (made / "catalog/t.yaml").write_text("table: t\nlocation: t\n")
    path = tmp_path / f"a.{form}"
    path.write_bytes(document(form, ["plain", "plain", "Zürich"]).encode("latin-1"))
    done = written(made, path)
    line = {"csv": 4, "json": 1, "ndjson": 3}[form]
    assert done.exit_code == 3
    assert f"a.{form}, line {line}: it is not UTF-8. Give its encoding: --encoding latin-1" in done.stderr
    assert not (made / "t").exists() or not list((made / "t").rglob("*.parquet"))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("columns", [True, False])
def test_utf16_without_a_mark_is_refused_by_its_name(tmp_path: Path, encoding: str, columns: bool) -> None:
    made = project(tmp_path / "project")
    if not columns:
        (made / "catalog/t.yaml").write_text("table: t\nlocation: t\n")
    (tmp_path / "a.csv").write_bytes(document("csv", ["plain"]).encode(encoding))
    done = written(made, tmp_path / "a.csv")
    assert (done.exit_code, f"give --encoding {encoding}" in done.stderr) == (3, True)


def test_a_line_that_is_not_in_the_given_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"id,v\n" + b"1,x\n" * 300_000 + b"2,\x81\n")
    done = written(project(tmp_path / "project"), tmp_path / "a.csv", "--encoding", "cp1252")
    assert (done.exit_code, "a.csv, line 300002: it is not CP1252." in done.stderr) == (3, True)


@pytest.mark.parametrize("encoding", ["klingon", "base64", "rot13"])
def test_an_encoding_that_is_none_of_text_is_refused(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.csv").write_text("id,v\n1,x\n")
    done = written(project(tmp_path / "project"), tmp_path / "a.csv", "--encoding", encoding)
    assert (done.exit_code, "is no encoding of text" in done.stderr) == (2, True)


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv.zst", "a.ndjson.gz"])
def test_a_file_that_is_not_compressed_as_its_name_says_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("id,v\n1,x\n")
    done = written(project(tmp_path / "project"), tmp_path / name)
    assert (done.exit_code, f"{name}: it cannot be read" in done.stderr) == (3, True), done.stderr


def test_broken_lines_of_a_copy_are_told_by_the_name_that_was_given(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("id,v\n1,x,y,z\n".encode("utf-16"))
    done = written(project(tmp_path / "project"), tmp_path / "a.csv")
    assert (done.exit_code, str(tmp_path / "a.csv") in done.stderr, ".staging" in done.stderr) == (3, True, False)


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\0")), min_size=1, max_size=4), st.data())
@settings(max_examples=60)
def test_texts_come_back_whatever_their_encoding(texts: list[str], data: st.DataObject) -> None:
    encoding = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32-be", "gb18030"]))
    form = data.draw(st.sampled_from(["csv", "ndjson"]))
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / f"a.{form}").write_bytes(document(form, texts).encode(encoding))
        table = parse_table("table: t\nlocation: t\ncolumns: {id: BIGINT, v: VARCHAR}\n", "t.yaml")
        given_ = Files(paths=(str(folder / f"a.{form}"),), encoding=encoding)
        write(table, given_, root=folder, options=Options(memory=2**27))
        assert read_back(folder) == texts


def read_back(folder: Path) -> list[Any]:
    rows = [row for path in (folder / "t").rglob("*.parquet") for row in pq.read_table(path).to_pylist()]
    return [row["v"] for row in sorted(rows, key=lambda row: row["id"])]


BY_DAY = "partitioned_by: [{column: day, transform: day, source: v}]\n"
NO_DAY = "has no partition in 'day'"
MISFIT = "does not fit the column 'v'"


@pytest.mark.parametrize(
    ("kind", "text", "answered"),
    [
        ("TIMESTAMP", "9999-12-31", "9999-12-31T00:00:00"),
        ("TIMESTAMP", "9999-12-31 23:59:59.999999", "9999-12-31T23:59:59.999999"),
        ("TIMESTAMP", "0001-01-01", "0001-01-01T00:00:00"),
        ("TIMESTAMP", "1677-01-01 00:00:00Z", "1677-01-01T00:00:00"),
        ("TIMESTAMP", "2024-01-01 00:00:00.0000001", MISFIT),
        ("TIMESTAMP", "2024-01-01 00:00:00+02", MISFIT),
        ("TIMESTAMP", "9999-12-31 00:00:00-10", MISFIT),
        ("TIMESTAMP", "2024-02-30", MISFIT),
        ("TIMESTAMP", "300000-01-01", MISFIT),
        ("TIMESTAMP WITH TIME ZONE", "9999-12-31T00:00:00Z", "9999-12-31T00:00:00Z"),
        ("TIMESTAMP WITH TIME ZONE", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("TIMESTAMP WITH TIME ZONE", "2024-01-01 00:00:00.0000001Z", MISFIT),
        ("TIMESTAMP_NS", "2024-01-01 23:59:59.999999999", "2024-01-01T23:59:59.999999999"),
        ("TIMESTAMP_NS", "2262-04-11 23:47:16", "2262-04-11T23:47:16"),
        ("TIMESTAMP_NS", "9999-12-31", MISFIT),
        ("TIMESTAMP_S", "2024-01-01 00:00:00.5", MISFIT),
        ("TIMESTAMP_MS", "2024-01-01 00:00:00.0005", MISFIT),
        ("DATE", "9999-12-31", "9999-12-31"),
        ("DATE", "0001-01-01", "0001-01-01"),
        ("DATE", "2024-01-01 10:00:00", MISFIT),
        ("TIME", "12:00:00.0000001", MISFIT),
        ("BIGINT", "9223372036854775807", "9223372036854775807"),
        ("BIGINT", "9223372036854775808", MISFIT),
        ("BIGINT", "1.0000000000000000001", MISFIT),
        ("BIGINT", "1.000", 1),
        ("UBIGINT", "-1", MISFIT),
        ("DECIMAL(38,0)", "9" * 38, Decimal("9" * 38)),
        ("DECIMAL(38,0)", "1e30", Decimal(10**30)),
        ("DECIMAL(38,18)", "0.0000000000000000001", MISFIT),
        ("DECIMAL(18,2)", "1.005", MISFIT),
        ("DOUBLE", "1e309", MISFIT),
        ("DOUBLE", "1e-400", MISFIT),
        ("DOUBLE", "0e-400", 0.0),
        ("FLOAT", "1e39", MISFIT),
    ],
)
@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_text_at_the_end_of_its_type_is_written_as_it_is_or_refused_with_its_row(
    tmp_path: Path, kind: str, text: str, answered: Any, form: str
) -> None:
    made, path = project(tmp_path / "project", kind), tmp_path / f"a.{form}"
    path.write_text(document(form, [text]) if form == "csv" else json.dumps([{"id": 1, "v": text}]))
    done = written(made, path)
    if answered == MISFIT:
        assert (done.exit_code, f"Row 1: '{text}' {MISFIT} of type {kind}." in done.stderr) == (3, True), done.stderr
        return
    assert done.exit_code == 0, done.stderr
    [found] = answer(made)
    assert (Decimal(found) if isinstance(answered, Decimal) else found) == answered


@pytest.mark.parametrize("kind", ["TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "DATE"])
@pytest.mark.parametrize(
    ("text", "day"), [("9999-12-31", "9999-12-31"), ("0001-01-01", "0001-01-01"), ("10000-01-01", "")]
)
def test_the_first_and_the_last_day_have_a_folder_and_later_ones_are_refused_with_their_row(
    tmp_path: Path, kind: str, text: str, day: str
) -> None:
    made = project(tmp_path / "project", kind, BY_DAY)
    (tmp_path / "a.csv").write_text(f"id,v\n1,2024-01-01\n2,{text}\n")
    done = written(made, tmp_path / "a.csv")
    if not day:
        assert (done.exit_code, f"Row 2: 'v' {NO_DAY}" in done.stderr) == (3, True)
        return
    assert done.exit_code == 0, done.stderr
    assert {path.parent.name for path in made.rglob("*.parquet")} == {"day=2024-01-01", f"day={day}"}
    assert [value[:10] for value in answer(made)] == ["2024-01-01", day]


@given(st.datetimes(), st.text("0123456789", max_size=9), st.sampled_from(["", "Z", "+00", "+01:30"]))
@example(datetime(9999, 12, 31, 23, 59, 59), "9999999", "")
@settings(max_examples=60)
def test_a_moment_is_stored_exactly_or_refused(moment: datetime, digits: str, zone: str) -> None:
    moment = moment.replace(microsecond=0)
    text = f"{moment.isoformat(' ')}{'.' if digits else ''}{digits}{zone}"
    fits = not digits[6:].strip("0") and zone != "+01:30"
    check_stored("TIMESTAMP", text, moment.replace(microsecond=int(digits[:6].ljust(6, "0"))) if fits else None)


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**18), max_value=10**18), st.booleans()
)
@settings(max_examples=60)
def test_a_decimal_is_stored_exactly_or_refused(number: Decimal, whole: bool) -> None:
    kind, digits, places = ("DECIMAL(17,2)", 15, 2) if not whole else ("BIGINT", 19, 0)
    fits = number == round(number, places) and abs(number) < 10**digits
    stored = (int(number) if whole else number) if fits else None
    check_stored(kind, f"{number:f}", stored)


def check_stored(kind: str, text: str, stored: Any) -> None:
    """Write one text and compare what is in the file with *stored*; None: it is refused, with its row."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a.csv").write_text(f"id,v\n1,{text}\n")
        table = parse_table(f"table: t\nlocation: t\ncolumns: {{id: BIGINT, v: '{kind}'}}\n", "t.yaml")
        files, options = Files(paths=(str(folder / "a.csv"),)), Options(memory=2**27)
        if stored is None:
            with pytest.raises(InputInvalid, match=re.escape(f"Row 1: '{text}' {MISFIT}")):
                write(table, files, root=folder, options=options)
            return
        write(table, files, root=folder, options=options)
        assert read_back(folder) == [stored]


VALUES = {
    "DATE": ["9999-12-31", "0001-01-01", "infinity", "5881580-07-10"],
    "TIMESTAMP": ["9999-12-31", "0001-01-01", "infinity", "-infinity", "290309-12-22 (BC)", "2024-01-01 00:00:00.5"],
    "TIMESTAMP WITH TIME ZONE": ["9999-12-31 00:00:00Z", "infinity"],
    "TIMESTAMP_NS": ["2024-01-01 00:00:00.000000001", "2262-04-11"],
    "TIMESTAMP_MS": ["9999-12-31", "0001-01-01", "2262-04-11 23:47:17"],
    "BIGINT": ["9223372036854775807", "-9223372036854775808"],
    "UBIGINT": ["18446744073709551615"],
    "DECIMAL(38,10)": ["1234567890123456789012345678.0123456789", "1.5"],
    "TIME": ["24:00:00", "12:00:00.5"],
    "VARCHAR": ["infinity", "9999-12-31", "24:00:00", "1e400", "-1", "x"],
}
FINAL = [*VALUES, "TIMESTAMP_S", "TINYINT", "DECIMAL(38,0)", "DECIMAL(10,2)", "BOOLEAN"]


@pytest.mark.parametrize("kind", VALUES)
def test_a_stored_value_of_any_type_is_written_as_it_is_or_refused_with_its_row(kind: str, tmp_path: Path) -> None:
    for number, (value, final) in enumerate((value, final) for value in VALUES[kind] for final in FINAL):
        folder = tmp_path / str(number)
        folder.mkdir()
        rows = f"SELECT * FROM (VALUES (1::BIGINT, NULL::{kind}), (2, '{value}'::{kind})) AS t(id, v)"
        duckdb.sql(f"COPY ({rows}) TO '{folder}/a.parquet'")
        refused = refusal(folder, final)
        if refused is not None:
            assert (refused.startswith("Row 2: "), kind == final) == (True, False), (kind, value, final, refused)
            continue
        same = f"TRY_CAST(o.v AS {kind}) = a.v" if kind != "VARCHAR" else "o.v IS NOT NULL"
        both = f"'{folder}/a.parquet' AS a JOIN '{folder}/t/*.parquet' AS o ON a.id = o.id AND a.id = 2"
        assert duckdb.sql(f"SELECT count(*) FROM {both} WHERE {same}").fetchall() == [(1,)], (kind, value, final)


def refusal(folder: Path, final: str) -> str | None:
    """Write the file in *folder* to a table whose column has the type *final*; return why it was refused."""
    table = parse_table(f"table: t\nlocation: t\ncolumns: {{id: BIGINT, v: '{final}'}}\n", "t.yaml")
    try:
        write(table, Files(paths=(f"{folder}/a.parquet",)), root=folder, options=Options(memory=2**27))
    except InputInvalid as error:
        return error.detail
    return None
