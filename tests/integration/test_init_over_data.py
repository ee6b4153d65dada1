"""``gateway init LOCATION``: from a folder or a bucket of Parquet to the first answer, with nothing written by hand."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from gateway.catalog.partition_field import PartitionField
from gateway.cli import main
from gateway.project.loader import load_tables


def put(folder: Path, path: str, columns: Mapping[str, Any]) -> None:
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), target)


def hours(*texts: str) -> Any:
    return pa.array([datetime.fromisoformat(text) for text in texts], pa.timestamp("us"))


def gateway(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def passes(project: Path) -> None:
    """Everything that was written passes every check, and has tests that pass."""
    for command in (["check", "--strict"], ["check", "--data", "--strict"], ["test"]):
        done = gateway(*command, "--project", project)
        assert done.exit_code == 0, (command, done.output)


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    lake = tmp_path / "lake"
    for day in ("2024-03-01", "2024-03-02", "2024-03-03"):
        put(lake, f"events/day={day}/a.parquet", {"ts": hours(f"{day}T00:00", f"{day}T23:59"), "id": [1, 2]})
    put(lake, "customers/a.parquet", {"id": [1], "name": ["a"]})
    return lake


@pytest.mark.gunicorn
def test_a_folder_of_days_becomes_a_served_answer(lake: Path, tmp_path: Path, serve: Callable[..., Any]) -> None:
    project = tmp_path / "project"
    done = gateway("init", lake, project)
    assert done.exit_code == 0, done.output
    passes(project)
    answer = serve(project).get("/v1/queries/events/v1/result.csv", {"start": "2024-03-02", "end": "2024-03-04"})
    assert (answer.status, answer.body) == (200, b"day,row_count\r\n2024-03-02,2\r\n2024-03-03,2\r\n")


def test_tables_are_found_by_their_levels_and_schemas(lake: Path, tmp_path: Path) -> None:
    put(lake, "deep/er/sales/country=DE/year=2024/a.parquet", {"amount": [1.5], "at": ["x"]})
    put(lake, "deep/er/sales/country=FR/year=2023/a.parquet", {"amount": [2.5], "note": [7]})
    assert gateway("init", lake, tmp_path / "project").exit_code == 0
    tables, wrong = load_tables(tmp_path / "project")
    assert not wrong
    assert {name: list((table.columns or {}).items()) for name, table in tables.items()} == {
        "customers": [("id", "BIGINT"), ("name", "VARCHAR")],
        "events": list((tables["events"].columns or {}).items()),
        "sales": [
            ("amount", "DOUBLE"),
            ("at", "VARCHAR"),
            ("note", "BIGINT"),
            ("country", "VARCHAR"),
            ("year", "INTEGER"),
        ],
    }
    assert [level.column for level in tables["sales"].partitioned_by] == ["country", "year"]


def test_a_dry_run_prints_every_file_and_writes_none(lake: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    done = gateway("init", lake, project, "--dry-run")
    assert done.exit_code == 0, done.output
    for path in (
        "gateway.toml",
        "README.md",
        "catalog/events.yaml",
        "queries/events/v1.sql",
        "queries/events/v1.test.yaml",
    ):
        assert f"--- {path}\n" in done.output
    assert not project.exists()


def written(folder: Path) -> Iterable[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_project_that_is_there_is_left_as_it_is(lake: Path, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "gateway.toml").write_text('title = "mine"\n')
    done = gateway("init", lake, tmp_path / "project")
    assert (done.exit_code, "it is a project already" in done.output) == (2, True), done.output
    assert written(tmp_path / "project") == ["gateway.toml"]


@pytest.fixture
def project(lake: Path, tmp_path: Path) -> Path:
    done = gateway("init", lake, tmp_path / "project")
    assert done.exit_code == 0, done.output
    return tmp_path / "project"


def day(project: Path) -> PartitionField:
    [field] = load_tables(project)[0]["events"].partitioned_by
    return field


def explained(project: Path) -> str:
    sql = project / "question.sql"
    sql.write_text("SELECT count(*) AS n FROM events WHERE ts >= TIMESTAMP '2024-03-02'")
    done = gateway("explain", "--sql", sql, "--project", project)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_guess_is_declared_once_all_files_agree(project: Path) -> None:
    assert (day(project).transform, day(project).source, day(project).enforced) == ("day", "ts", False)
    before = (project / "catalog/events.yaml").read_bytes()
    passes(project)
    assert (project / "catalog/events.yaml").read_bytes() == before  # a check writes nothing
    assert "3 of 3 partitions" in explained(project)
    done = gateway("check", "--data", "--fix", "--project", project)
    assert (done.exit_code, "all 3 files agree" in done.output) == (0, True), done.output
    assert (day(project).transform, day(project).source, day(project).enforced) == ("day", "ts", True)
    assert "2 of 3 partitions" in explained(project)
    passes(project)


def test_a_mistake_elsewhere_keeps_no_guess_from_being_looked_at(project: Path) -> None:
    broken = project / "queries" / "broken" / "v1.sql"
    broken.parent.mkdir()
    broken.write_text("/*\nsummary: Broken\nowner: team\n*/\nSELECT nosuch AS a FROM events\n")
    (project / "catalog/other.yaml").write_text("table: other\nlocaton: nowhere\n")
    done = gateway("check", "--data", "--fix", "--project", project)
    assert (done.exit_code, "all 3 files agree" in done.output) == (1, True), done.output
    assert day(project).enforced


def test_a_copy_of_texts_is_found_where_the_folder_of_null_has_the_empty_ones(tmp_path: Path) -> None:
    for folder, names in {"__HIVE_DEFAULT_PARTITION__": ["", None], "ada": ["ada"] * 2, "bob": ["bob"] * 2}.items():
        put(tmp_path / "lake", f"people/who={folder}/a.parquet", {"name": pa.array(names, pa.string()), "id": [1, 2]})
    for command in (("init", tmp_path / "lake", tmp_path / "project"), ("check", "--data", "--fix")):
        done = gateway(*command, *([] if command[0] == "init" else ["--project", tmp_path / "project"]))
        assert done.exit_code == 0, done.output
    [field] = load_tables(tmp_path / "project")[0]["people"].partitioned_by
    assert (field.transform, field.source, field.enforced) == ("identity", "name", True)


def test_a_guess_that_a_file_contradicts_stays_one(project: Path, lake: Path) -> None:
    put(lake, "events/day=2024-03-04/a.parquet", {"ts": hours("2024-03-05T00:00"), "id": [1]})
    before = (project / "catalog/events.yaml").read_bytes()
    done = gateway("check", "--data", "--fix", "--project", project)
    assert done.exit_code == 0, done.output
    assert "day=2024-03-04/a.parquet: a row with ts = 2024-03-05 00:00:00 lies in day=2024-03-04" in done.output
    assert (project / "catalog/events.yaml").read_bytes() == before


def test_a_row_that_contradicts_a_guess_is_named_by_its_value_as_a_declaration_writes_it(
    project: Path, lake: Path
) -> None:
    put(lake, "events/day=2024-03-04/a.parquet", {"ts": pa.array([None], pa.timestamp("us")), "id": [1]})
    done = gateway("check", "--data", "--fix", "--project", project)
    assert (
        "day=2024-03-04/a.parquet: a row with ts = null lies in day=2024-03-04 "
        "and belongs in day=__HIVE_DEFAULT_PARTITION__" in done.output
    )


def test_a_guess_is_not_declared_while_a_file_cannot_be_read(project: Path, lake: Path) -> None:
    (lake / "events/day=2024-03-03/b.parquet").write_bytes(b"PAR1 is cut off")
    done = gateway("check", "--data", "--fix", "--project", project)
    assert (done.exit_code, "day=2024-03-03/b.parquet cannot be read" in done.output) == (1, True), done.output
    assert not day(project).enforced


def test_what_an_author_declares_as_not_enforced_stays_so(project: Path) -> None:
    declaration = project / "catalog/events.yaml"
    declaration.write_text(
        "".join(line for line in declaration.read_text().splitlines(True) if "# guessed" not in line)
    )
    before = declaration.read_bytes()
    assert gateway("check", "--data", "--fix", "--project", project).exit_code == 0
    assert declaration.read_bytes() == before


def test_only_what_is_new_is_added(project: Path, lake: Path) -> None:
    put(lake, "orders/a.parquet", {"id": [1]})
    put(lake, "customers/b.parquet", {"id": [1], "name": ["a"], "city": ["x"]})
    before = {path: (project / path).read_bytes() for path in written(project)}
    done = gateway("init", lake, project, "--add")
    assert done.exit_code == 0, done.output
    assert "1 new table" in done.output
    assert "+  city: VARCHAR\n" in done.output  # shown, not written
    assert "catalog/events.yaml" not in done.output
    after = {path: (project / path).read_bytes() for path in written(project)}
    assert before.items() <= after.items()
    assert sorted(after.keys() - before.keys()) == [
        "catalog/orders.yaml",
        "queries/orders/v1.sql",
        "queries/orders/v1.test.yaml",
    ]
    passes(project)
    again = gateway("init", lake, project, "--add")
    assert (again.exit_code, "0 new tables" in again.output) == (0, True), again.output


def applied(done: Result, project: Path, folder: Path) -> None:
    """Change the project as a run of ``init --add`` shows it."""
    patch = folder / "patch"
    patch.write_text(done.output[done.output.index("--- ") :])
    subprocess.run(["git", "apply", "-p0", patch], cwd=project, check=True)


def test_the_change_that_is_shown_makes_a_declaration_fit(project: Path, lake: Path, tmp_path: Path) -> None:
    put(lake, "events/day=2024-03-04/hour=05/a.parquet", {"ts": hours("2024-03-04T05:30"), "id": [1], "more": [1.5]})
    done = gateway("init", lake, project, "--add")
    assert done.exit_code == 0, done.output
    applied(done, project, tmp_path)
    assert [[level.column for level in layout] for layout in load_tables(project)[0]["events"].layouts] == [
        ["day"],
        ["day", "hour"],
    ]
    assert "more" in (load_tables(project)[0]["events"].columns or {})
    again = gateway("init", lake, project, "--add")
    assert "--- " not in again.output


def ids(values: list[Any], type_: Any, month: str = "3") -> tuple[str, pa.Array[Any]]:
    return f"t/month={month}/b.parquet", pa.array(values, type_)


@pytest.mark.parametrize(
    ("declared", "file", "changed"),
    [
        (pa.int64(), ids(["x"], pa.string()), {"id": "VARCHAR"}),
        (pa.int64(), ids([1.5], pa.float64()), {"id": "DOUBLE"}),
        (pa.int32(), ids([2**40], pa.int64()), {"id": "BIGINT"}),
        (pa.float64(), ids(["x"], pa.string()), {"id": "VARCHAR"}),
        (pa.bool_(), ids(["x"], pa.string()), {"id": "VARCHAR"}),
        (pa.date32(), ids([0], pa.timestamp("us")), {"id": "TIMESTAMP"}),
        (pa.int64(), ids([3], pa.int64(), "2024-03"), {"month": "VARCHAR"}),
        (pa.int64(), ids([3], pa.int64(), "3000000000"), {"month": "BIGINT"}),
        (pa.int64(), ids(["x"], pa.string(), "2024-03"), {"id": "VARCHAR", "month": "VARCHAR"}),
        (pa.int64(), ids([3], pa.int32()), {}),
        (pa.float64(), ids([3], pa.int32()), {}),
        (pa.string(), ids([3], pa.int64()), {}),
        (pa.int64(), ids([3], pa.int64(), "04"), {}),
        (pa.int64(), ids([3], pa.int64(), "__HIVE_DEFAULT_PARTITION__"), {}),
    ],
)
def test_types_that_no_longer_fit_are_shown_as_lines_to_change(
    declared: Any, file: tuple[str, pa.Array[Any]], changed: Mapping[str, str], tmp_path: Path
) -> None:
    lake, project = tmp_path / "lake", tmp_path / "project"
    put(lake, "t/month=1/a.parquet", {"id": pa.array([0, 1]).cast(pa.int32()).cast(declared), "v": [1.5, 2.5]})
    assert gateway("init", lake, project).exit_code == 0
    before = dict(load_tables(project)[0]["t"].columns or {})
    put(lake, file[0], {"id": file[1], "v": [3.5]})
    done = gateway("init", lake, project, "--add")
    assert done.exit_code == 0, done.output
    added = [line for line in done.output.splitlines() if line.startswith("+ ")]
    notes = {"id": "", "month": "  # of the folders"}
    assert added == [f"+  {name}: {type_}{notes[name]}" for name, type_ in changed.items()]
    if changed:
        applied(done, project, tmp_path)
    after = dict(load_tables(project)[0]["t"].columns or {})
    assert after == before | changed
    assert "--- " not in gateway("init", lake, project, "--add").output
    checked = gateway("check", "--data", project / "catalog", "--project", project)
    assert checked.exit_code == 0, checked.output


def test_a_type_that_still_fits_and_the_words_beside_one_that_does_not_stay(tmp_path: Path) -> None:
    lake, project = tmp_path / "lake", tmp_path / "project"
    put(lake, "t/day=20240131/a.parquet", {"id": [1], "at": hours("2024-01-31T12:00")})
    assert gateway("init", lake, project).exit_code == 0
    (project / "catalog/t.yaml").write_text(
        "table: t\n"
        f"location: {lake / 't'}\n"
        "columns:\n"
        "  id: 'BIGINT'  # of a customer\n"
        "  at: TIMESTAMP\n"
        "  day: DATE\n"
        "partitioned_by:\n"
        "  - {column: day, transform: day, source: at, format: '%Y%m%d'}\n"
    )
    assert "--- " not in gateway("init", lake, project, "--add").output
    put(lake, "t/day=20240201/a.parquet", {"id": ["x"], "at": hours("2024-02-01T12:00")})
    done = gateway("init", lake, project, "--add")
    assert [line for line in done.output.splitlines() if line[:2] in ("- ", "+ ")] == [
        "-  id: 'BIGINT'  # of a customer",
        "+  id: VARCHAR  # of a customer",
    ]


@pytest.mark.s3
@pytest.mark.gunicorn
def test_a_bucket_becomes_a_served_answer(
    lake: Path, tmp_path: Path, s3: Any, serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {**s3.environment, "GATEWAY_STORAGE_URL_STYLE": "path"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    project = tmp_path / "project"
    done = gateway("init", s3.upload(lake, "init/lake"), project)
    assert done.exit_code == 0, done.output
    assert load_tables(project)[0]["events"].location == s3.url("init/lake/events")
    written_settings = (project / "gateway.toml").read_text()
    assert 'url_style = "path"' in written_settings
    assert not any(secret in written_settings for name, secret in environment.items() if "SECRET" in name)
    passes(project)
    done = gateway("check", "--data", "--fix", "--project", project)
    assert (done.exit_code, day(project).enforced) == (0, True), done.output
    secrets = {name: value for name, value in environment.items() if name.startswith("AWS_")}
    answer = serve(project, secrets).get(
        "/v1/queries/events/v1/result.csv", {"start": "2024-03-03", "end": "2024-03-04"}
    )
    assert (answer.status, answer.body) == (200, b"day,row_count\r\n2024-03-03,2\r\n")


@pytest.mark.s3
def test_a_bucket_that_is_not_there_leaves_nothing(tmp_path: Path, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    done = gateway("init", "s3://no-such-bucket/lake", tmp_path / "project")
    assert done.exit_code in (2, 4), done.output
    assert "s3://no-such-bucket/lake" in done.output
    assert not (tmp_path / "project").exists()


def test_a_store_that_cannot_be_reached_leaves_nothing(
    tmp_path: Path, free_ports: Callable[[int], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    [port] = free_ports(1)
    monkeypatch.setenv("GATEWAY_STORAGE_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("GATEWAY_STORAGE_RETRIES", "0")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    done = gateway("init", "s3://warehouse/lake", tmp_path / "project")
    assert (done.exit_code, "s3://warehouse/lake: the object store cannot be reached" in done.output) == (4, True)
    assert not (tmp_path / "project").exists()


OTHERS = Path(__file__).parents[1] / "other_writers"


def test_files_of_ten_writers_become_tables(tmp_path: Path) -> None:
    for archive in OTHERS.glob("*.zip"):
        ZipFile(archive).extractall(tmp_path / "lake" / archive.stem)
    done = gateway("init", tmp_path / "lake", tmp_path / "project")
    assert done.exit_code == 0, done.output
    tables = load_tables(tmp_path / "project")[0]
    assert len(tables) == len(list(OTHERS.glob("*.zip"))), done.output
    assert tables["hive_files"].files == ("[0-9]*_[0-9]*",)
    passes(tmp_path / "project")
    assert gateway("check", "--data", "--fix", "--project", tmp_path / "project").exit_code == 0
    tables = load_tables(tmp_path / "project")[0]
    derived = {name for name, table in tables.items() for level in table.partitioned_by if level.source == "ts"}
    assert {name.removesuffix("_files") for name in tables.keys() - derived} <= {"polars", "hive"}
    assert all(level.enforced for table in tables.values() for level in table.partitioned_by)
