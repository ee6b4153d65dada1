"""``gateway init LOCATION`` over what people really have: odd names, other formats, broken files, nothing at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.project.loader import load_tables

Lake = Callable[[Path], None]
ROWS = {"id": [1, 2]}
TEXTS = ["a b", "é", "x%2Fy", "NO", "it's", 'q"t', "a*b", "100%25", "*%2F", "2024-02-30", "日本"]


def put(path: Path, columns: Any = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns or ROWS), path)


def touch(path: Path, content: bytes = b"{}") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def gateway(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def folders(*names: str) -> Lake:
    def make(lake: Path) -> None:
        for name in names:
            put(lake / name / "a.parquet")

    return make


def columns(**named: Any) -> Lake:
    return lambda lake: put(lake / "t/a.parquet", named)


def named(names: list[str]) -> Lake:
    return lambda lake: put(lake / "t/day=1/a.parquet", pa.table([pa.array([1])] * len(names), names=names))


def levels(key: str, texts: list[str]) -> Lake:
    return folders(*(f"t/{key}={text}" for text in texts))


def held(key: str, values: dict[str, Any]) -> Lake:
    def make(lake: Path) -> None:
        for text, stored in values.items():
            put(lake / f"t/{key}={text}/a.parquet", {key: stored, **ROWS})

    return make


def days_without_rows(lake: Path) -> None:
    at = pa.table({"ts": pa.array([datetime(2024, 1, 1)], pa.timestamp("us"))})
    put(lake / "t/day=2024-01-01/a.parquet", at)
    put(lake / "t/day=2024-01-02/a.parquet", at.slice(0, 0))


def hidden(lake: Path) -> None:
    for name in (".tmp/a.parquet", "_temporary/0/a.parquet", "a.parquet"):
        put(lake / "t" / name)
    touch(lake / "t/_SUCCESS", b"")
    touch(lake / "t/.a.parquet.crc")
    (lake / "u/day=1").mkdir(parents=True)


EVERY_TYPE = {
    "decimal": pa.array([Decimal("1.5"), None]),
    "huge": pa.array([Decimal(1), None], pa.decimal128(38, 0)),
    "list": [[1], None],
    "struct": [{"a": 1, "b c": "x"}, None],
    "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
    "blob": [b"x", None],
    "time": [time(1), None],
    "instant": pa.array([datetime(2024, 1, 1, tzinfo=UTC), None], pa.timestamp("us", "UTC")),
    "nothing": pa.nulls(2),
    "nanos": pa.array([1, None], pa.timestamp("ns")),
    "float": pa.array([1.5, None], pa.float32()),
    "unsigned": pa.array([1, None], pa.uint64()),
    "date": [date(2024, 1, 1), None],
    "boolean": [True, None],
    "categories": pa.array(["a", None]).dictionary_encode(),
}
SOUND = {
    "folders": folders(
        "Événements", "2024.sales", "order", "日本", "a b", "A-B", "a.b", "select", "x" * 100, "x" * 101
    ),
    "columns": named(["order", "a b", "é", "a.b", "A", "a", 'q"x', "select", "yes", "1", "x:y", "#h", "row_count"]),
    "columns that no declaration can name": named(["a/b", "c=d", "100%", "", "kept"]),
    "texts": levels("Odd Key", TEXTS),
    "a level that is a keyword": levels("select", ["a", "b"]),
    "a level that is a clock": levels("current_date", ["a", "b"]),
    "folders of other meanings": folders("owners", "no", "anti", "current_timestamp", "range"),
    "a level that clashes with the count": levels("row_count", ["1", "2"]),
    "a level in any case": folders("t/Year=2023", "t/year=2024"),
    "encoded level": levels("a%20b", ["1", "2"]),
    "the NULL partition": levels("c", ["__HIVE_DEFAULT_PARTITION__", "x"]),
    "nothing but the NULL partition": levels("c", ["__HIVE_DEFAULT_PARTITION__"]),
    "the empty text": levels("c", ["", "x"]),
    "booleans": levels("flag", ["true", "false"]),
    "identifiers": levels("u", [str(UUID(int=number)) for number in range(3)]),
    "numbers too large": levels("n", [str(2**70), "1"]),
    "codes": levels("zip", ["01234", "00001"]),
    "far days": levels("day", ["0001-01-01", "9999-12-31"]),
    "days and one that is none": levels("day", ["2024-02-29", "2024-02-30"]),
    "a level that files hold too": held("k", {"1": [1, 1], "2": [2, 2]}),
    "a level that files contradict": held("k", {"1": [7, 8], "2": [2, 2]}),
    "a level that is no value of the column": held("k", {"a": [1, 1], "b": [1, 1]}),
    "several layouts": folders("t/year=2023", "t/year=2024/month=1", "t"),
    "days without key=": folders("t/2024/01", "t/2024/02"),
    "deep": folders("a/b/c/t/x=1", "a/b/d/t/x=1"),
    "types": columns(**EVERY_TYPE),
    "one column of NULLs": columns(nothing=pa.nulls(2)),
    "one column of lists": columns(lists=[[1], [2]]),
    "one column of structs": columns(structs=[{"a": 1}]),
    "a day without rows": days_without_rows,
    "hidden files": hidden,
}


def passes(location: Path, project: Path) -> None:
    """Everything that is written over a location passes every check, and has tests that pass."""
    done = gateway("init", location, project)
    assert done.exit_code == 0, done.output
    for command in (["check", "--data"], ["test"], ["check", "--data", "--fix"]):
        done = gateway(*command, "--project", project)
        assert done.exit_code == 0, (command, done.output)


@pytest.mark.thorough
def test_everything_that_is_written_passes_at_once(tmp_path: Path) -> None:
    for number, lake in enumerate(SOUND.values()):
        lake(tmp_path / "lake" / f"case_{number}")
    passes(tmp_path / "lake", tmp_path / "project")
    locations = [table.location for table in load_tables(tmp_path / "project")[0].values()]
    for number, name in enumerate(SOUND):
        assert any(f"/case_{number}" in location for location in locations), name


@pytest.mark.parametrize("names", [("",), ("day=2024-01-01", "day=2024-01-02")], ids=["files", "levels"])
def test_the_location_itself_may_be_the_table(names: tuple[str, ...], tmp_path: Path) -> None:
    folders(*names)(tmp_path / "Lake 1")
    passes(tmp_path / "Lake 1", tmp_path / "project")
    assert list(load_tables(tmp_path / "project")[0]) == ["lake_1"]


def delta(lake: Path) -> None:
    put(lake / "d/a.parquet")
    touch(lake / "d/_delta_log/00.json")


def iceberg(lake: Path) -> None:
    put(lake / "i/data/a.parquet")
    touch(lake / "i/metadata/v1.metadata.json")


def hudi(lake: Path) -> None:
    put(lake / "h/a.parquet")
    touch(lake / "h/.hoodie/hoodie.properties")


def two_tables_in_one_folder(lake: Path) -> None:
    put(lake / "both/orders.parquet", {"id": [1], "amount": [1]})
    put(lake / "both/customers.parquet", {"name": ["a"], "city": ["x"]})


def no_common_type(lake: Path) -> None:
    put(lake / "t/a.parquet", {"v": [1]})
    put(lake / "t/b.parquet", {"v": [[1]]})


def files_beside_a_table(lake: Path) -> None:
    put(lake / "outer/a.parquet")
    put(lake / "outer/inner/a.parquet")


OMITTED = {
    "Delta Lake": (delta, "d: it is a table of Delta Lake (d/_delta_log/00.json)"),
    "Iceberg": (iceberg, "i: it is a table of Apache Iceberg"),
    "Hudi": (hudi, "h: it is a table of Apache Hudi"),
    "unreadable": (
        lambda lake: touch(lake / "t/a.parquet", b"x" * 99),
        "t: none of its files can be read: a.parquet: it",
    ),
    "empty": (
        lambda lake: touch(lake / "t/a.parquet", b""),
        "t: none of its files can be read: a.parquet: it is empty",
    ),
    "other columns": (two_tables_in_one_folder, "both: customers.parquet and orders.parquet have other columns"),
    "no common type": (no_common_type, "t: files store the column 'v' as BIGINT and as BIGINT[]"),
    "a level twice": (folders("t/a=1/a=2"), "t: the partition column 'a' stands twice"),
    "a level without a name for it": (levels("a%25", ["1"]), "t: "),
    "a level that is kept otherwise": (levels("bytes", ["1"]), "t: the gateway keeps something else by the name"),
    "wildcards": (folders("a*b"), "a*b: the engine takes '*'"),
    "beside": (files_beside_a_table, "outer: a.parquet lies beside the folder of another table (outer/inner)"),
}


@pytest.mark.parametrize(("lake", "words"), OMITTED.values(), ids=OMITTED.keys())
def test_what_is_no_table_is_named_and_the_rest_is_taken(lake: Lake, words: str, tmp_path: Path) -> None:
    lake(tmp_path / "lake")
    put(tmp_path / "lake/sound/a.parquet")
    done = gateway("init", tmp_path / "lake", tmp_path / "project")
    assert (done.exit_code, words in done.output) == (0, True), done.output
    assert "sound" in load_tables(tmp_path / "project")[0]
    assert gateway("check", "--data", "--project", tmp_path / "project").exit_code == 0


@pytest.mark.parametrize(
    ("lake", "words"),
    [
        (lambda lake: touch(lake / "a.csv", b"a\n1\n"), "There are no Parquet files in"),
        (delta, "it is a table of Delta Lake"),
        (lambda lake: touch(lake / "t/a.parquet", b"x" * 99), "none of its files can be read"),
    ],
    ids=["no Parquet", "Delta Lake", "unreadable"],
)
def test_without_a_table_nothing_is_written(lake: Lake, words: str, tmp_path: Path) -> None:
    lake(tmp_path / "lake")
    before = sorted(tmp_path.rglob("*"))
    done = gateway("init", tmp_path / "lake", tmp_path / "project")
    assert (done.exit_code, words in done.output) == (2, True), done.output
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_is_no_location(tmp_path: Path) -> None:
    put(tmp_path / "a.parquet")
    done = gateway("init", tmp_path / "a.parquet")
    assert (done.exit_code, "is a file: name the folder" in done.output) == (2, True), done.output


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = gateway("init", tmp_path / "lake", tmp_path / "project")
    assert (done.exit_code, "there is no such folder" in done.output) == (4, True), done.output
    assert done.output == f"Error: there is no such folder: {tmp_path / 'lake'}\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("more", [[], ["project"], ["--dry-run"]], ids=["alone", "with a folder", "dry run"])
@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("s3:/bucket/x", "did you mean s3://bucket/x?"),
        ("s3:bucket/x", "did you mean s3://bucket/x?"),
        ("s3a://bucket/x", "did you mean s3://bucket/x?"),
        ("S3://bucket/x", "did you mean s3://bucket/x?"),
        ("gs:/bucket", "did you mean gs://bucket?"),
        ("file://lake", "did you mean lake, or file:///lake?"),
        ("s3:///bucket", "write s3://bucket/folder"),
        ("s3://", "write s3://bucket/folder, without credentials or options"),
        ("az:///", "write az://bucket/folder, without credentials or options"),
        ("file:lake", "a file: location is absolute"),
        ("ftp://host/lake", "accepted: s3://, gs://, az://, file://, or a folder"),
    ],
)
def test_what_is_nearly_an_address_starts_no_project(
    location: str, words: str, more: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = gateway("init", location, *more)
    assert (done.exit_code, f"there is no such folder: {location}; " in done.output) == (2, True), done.output
    assert words in done.output
    assert "None" not in done.output
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_a_colon_in_its_name_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "s3:/bucket/t/a.parquet")
    done = gateway("init", "s3:/bucket", "project")
    assert (done.exit_code, "1 table in 1 file" in done.output) == (0, True), done.output
    assert gateway("init", "new:project").exit_code == 0
    assert (tmp_path / "new:project" / "gateway.toml").is_file()


def test_files_that_cannot_be_read_are_named_and_their_table_is_taken(tmp_path: Path) -> None:
    put(tmp_path / "lake/t/a.parquet")
    touch(tmp_path / "lake/t/b.parquet", b"x" * 99)
    done = gateway("init", tmp_path / "lake", tmp_path / "project")
    assert done.exit_code == 0, done.output
    assert "t: b.parquet: it does not end as a Parquet file does" in done.output
    assert "t" in load_tables(tmp_path / "project")[0]


def test_files_of_a_folder_that_are_there_stay_as_they_are(tmp_path: Path) -> None:
    put(tmp_path / "lake/t/a.parquet")
    touch(tmp_path / "project/README.md", b"mine")
    done = gateway("init", tmp_path / "lake", tmp_path / "project")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "project/README.md").read_bytes() == b"mine"


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    put(tmp_path / "lake/t/a.parquet")
    (tmp_path / "project").mkdir()
    (tmp_path / "project/README.md").symlink_to("nowhere")
    before = sorted(tmp_path.rglob("*"))
    done = gateway("init", tmp_path / "lake", tmp_path / "project")
    assert (done.exit_code, "cannot be written" in done.output) == (2, True), done.output
    assert sorted(tmp_path.rglob("*")) == before


def test_a_project_beside_its_data_names_it_by_a_relative_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "data/t/a.parquet")
    monkeypatch.chdir(tmp_path)
    done = gateway("init", "data")
    assert done.exit_code == 0, done.output
    assert load_tables(tmp_path)[0]["t"].location == "data/t"
    assert gateway("check", "--data").exit_code == 0


def test_no_project_is_started_among_the_files_of_a_table(tmp_path: Path) -> None:
    put(tmp_path / "t/day=1/a.parquet")
    done = gateway("init", tmp_path / "t", tmp_path / "t/project")
    assert (done.exit_code, "lies among the files of the table t" in done.output) == (2, True), done.output
    assert [path.name for path in (tmp_path / "t").iterdir()] == ["day=1"]


KINDS: dict[str, pa.Array[Any]] = {
    "integers": pa.array([0, 1], pa.int32()),
    "longs": pa.array([0, 2**40]),
    "doubles": pa.array([0.5, 1.5]),
    "decimals": pa.array([0, 1]).cast(pa.decimal128(30, 2)),
    "texts": pa.array(["0", "x"]),
    "flags": pa.array([False, True]),
    "days": pa.array([0, 1], pa.date32()),
    "moments": pa.array([0, 1], pa.timestamp("us")),
    "instants": pa.array([0, 1], pa.timestamp("ms", "UTC")),
    "bytes": pa.array([b"0", b"x"]),
    "lists": pa.array([[0], [1]]),
}


@pytest.mark.parametrize("first", KINDS)
def test_a_column_of_any_two_types_keeps_no_other_table_from_being_found(first: str, tmp_path: Path) -> None:
    for second in KINDS:
        for level, kind in (("1", first), ("2", second)):
            target = tmp_path / "lake" / f"{first}_{second}" / f"n={level}" / "a.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table({"v": KINDS[kind], "w": KINDS[kind].take([1, 0])}), target, write_statistics=False)
    done = gateway("init", tmp_path / "lake", tmp_path / "project")
    assert done.exit_code == 0, done.output
    found = set(load_tables(tmp_path / "project")[0])
    assert f"{first}_{first}" in found
    assert all(f"{first}_{second}" in found or f"{first}_{second}: files store" in done.output for second in KINDS)
