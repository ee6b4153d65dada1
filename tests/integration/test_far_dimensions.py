"""Joined tables that are read first, with days that Python does not have: infinite, before Christ, after 9999."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from gateway.cli import main

FAR = ["DATE '9999-12-31'", "DATE 'infinity'", "DATE '-infinity'", "DATE '0044-03-15 (BC)'", "NULL"]
JOINS = {
    "range": "f.ts >= o.d AND f.ts < o.d + INTERVAL 2 DAY",
    "shifted": "date_trunc('day', f.ts) = o.d + INTERVAL 1 DAY",
    "day": "date_trunc('day', f.ts) = o.d",
    "equal": "f.ts = o.d + INTERVAL 10 HOUR",
    "cast": "f.ts::DATE = o.d",
    "least": "f.ts >= o.d",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("far") / "project"
    with duckdb.connect() as connection:
        for day in range(1, 9):
            at = folder / f"data/f/p=2024-01-0{day}"
            at.mkdir(parents=True)
            rows = f"SELECT {day} AS id, TIMESTAMP '2024-01-0{day} 10:00' AS ts"
            connection.execute(f"COPY ({rows}) TO '{at}/a.parquet'")
        (folder / "data/o").mkdir()
        listed = ", ".join(f"({number}, {day})" for number, day in enumerate(["DATE '2024-01-03'", *FAR]))
        connection.execute(f"COPY (SELECT * FROM (VALUES {listed}) v(k, d)) TO '{folder}/data/o/a.parquet'")
    (folder / "catalog").mkdir()
    (folder / "gateway.toml").write_text("")
    partitioned = "partitioned_by: [{column: p, transform: day, source: ts}]"
    (folder / "catalog/f.yaml").write_text(
        f"table: f\nlocation: data/f\ncolumns: {{id: BIGINT, ts: TIMESTAMP}}\n{partitioned}\n"
    )
    (folder / "catalog/o.yaml").write_text("table: o\nlocation: data/o\ncolumns: {k: INTEGER, d: DATE}\n")
    return folder


@pytest.mark.parametrize("far", range(1, len(FAR) + 1))
@pytest.mark.parametrize("join", JOINS)
def test_a_far_day_of_a_joined_table_changes_no_answer(project: Path, tmp_path: Path, join: str, far: int) -> None:
    sql = f"SELECT f.id FROM f JOIN o ON {JOINS[join]} WHERE o.k IN (0, {far}) ORDER BY f.id"
    (tmp_path / "ask.sql").write_text(sql)
    done = CliRunner().invoke(
        main, ["run", "--sql", str(tmp_path / "ask.sql"), "--format", "csv", "--project", str(project)]
    )
    with duckdb.connect() as connection:
        for name in "fo":
            connection.execute(f"CREATE VIEW {name} AS FROM read_parquet('{project}/data/{name}/**/*.parquet')")
        expected = [str(number) for (number,) in connection.sql(sql).fetchall()]
    assert (done.exit_code, done.stdout.split()) == (0, ["id", *expected]), done.output
