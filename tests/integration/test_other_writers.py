"""Files that other writers made, see ``tests/other_writers``: declared, checked, answered and pruned as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from folders import Files
from seaweed import S3Server

from gateway.cli import main
from tests.other_writers.archives import unpack
from tests.other_writers.rows import COLUMNS, rows

Row = dict[str, Any]
NULLED: Mapping[str, Mapping[Any, Any]] = {"country": {"": None}}
"""Hive, and who follows it, writes the empty text as the default partition."""
FILTERS: Mapping[str, Callable[[Row], bool]] = {
    "day = DATE '2024-12-31'": lambda row: row["day"] == date(2024, 12, 31),
    "country = 'x:y=z'": lambda row: row["country"] == "x:y=z",
    "country = 'Ä ö' AND day < DATE '2024-03-01'": lambda row: row["country"] == "Ä ö",
    "country = '50%'": lambda row: row["country"] == "50%",
    "country = ''": lambda row: row["country"] == "",
    "country IS NULL": lambda row: row["country"] is None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What is known of an archive beside the rows that its writer was given."""

    lacks: Sequence[str] = ()
    """Columns that the writer has no type for."""
    becomes: Mapping[str, Mapping[Any, Any]] = field(default_factory=dict)
    """Values that the writer changes."""
    dropped: Sequence[Any] = ()
    """Countries whose rows the writer loses."""
    declared: str = ""
    """What the declaration says beside columns and folders."""
    in_files: bool = False
    """Whether the files hold the columns of the folders too."""

    def rows(self) -> list[Row]:
        """Return the rows that a query has to answer."""
        kept = [row for row in rows() if row["country"] not in self.dropped]
        return [{name: self._value(name, value) for name, value in row.items() if name in self.columns} for row in kept]

    @property
    def columns(self) -> Mapping[str, str]:
        return {name: kind for name, kind in COLUMNS.items() if name not in self.lacks}

    def _value(self, name: str, value: Any) -> Any:
        return self.becomes[name].get(value, value) if name in self.becomes else value


WRITTEN = {
    "pyarrow": Written(),
    "pandas": Written(),
    "polars": Written(in_files=True),
    "fastparquet": Written(lacks=("price", "tags"), dropped=(None, "a/b")),
    "awswrangler": Written(dropped=(None, "a/b")),
    "duckdb": Written(),
    "spark": Written(becomes=NULLED),
    "spark_legacy": Written(becomes=NULLED),
    "hive": Written(becomes=NULLED, declared='files: "[0-9]*_[0-9]*"'),
}
BY_DAY = "partitioned_by: [{column: day, source: day}, {column: country, source: country}]"


@pytest.fixture(params=WRITTEN)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def unpacked(name: str, folder: Path) -> Files:
    unpack(name, folder / "t")
    return Files(folder)


def columns_of(kinds: Mapping[str, str]) -> str:
    return "columns: {" + ", ".join(f"{name}: '{kind}'" for name, kind in kinds.items()) + "}"


def check(files: Files) -> str:
    done = CliRunner().invoke(main, ["check", "--data", "--strict", "--project", str(files.folder)])
    assert done.exit_code == 0, done.output
    return done.output


def test_all_rows_are_answered_and_the_check_is_clean(name: str, tmp_path: Path) -> None:
    files, written = unpacked(name, tmp_path), WRITTEN[name]
    files.declare("\n".join([columns_of(written.columns), BY_DAY, written.declared]))
    [found] = files.answers([f"SELECT {', '.join(written.columns)} FROM t ORDER BY id"])
    assert found == written.rows()
    assert "no mistakes" in check(files)


def test_the_columns_need_not_be_declared(name: str, tmp_path: Path) -> None:
    files, written = unpacked(name, tmp_path), WRITTEN[name]
    files.declare(f"{BY_DAY}\n{written.declared}")
    chosen = [column for column in written.columns if column not in ("ts", "day")]
    [found] = files.answers([f"SELECT {', '.join(chosen)}, CAST(ts AS TIMESTAMP) AS ts, day FROM t ORDER BY id"])
    day: Callable[[date], Any] = (lambda value: value) if written.in_files else str
    assert found == [
        {**{column: row[column] for column in chosen}, "ts": row["ts"], "day": day(row["day"])}
        for row in written.rows()
    ]
    assert "no mistakes" in check(files)


def test_a_filter_reads_the_files_of_its_folders_and_finds_its_rows(name: str, tmp_path: Path) -> None:
    files, written = unpacked(name, tmp_path), WRITTEN[name]
    files.declare("\n".join([columns_of(written.columns), BY_DAY, written.declared]))
    wanted = {sql: [row for row in written.rows() if matches(row)] for sql, matches in FILTERS.items()}
    found = files.answers([f"SELECT id FROM t WHERE {sql} ORDER BY id" for sql in FILTERS])
    assert [[row["id"] for row in rows] for rows in found] == [[row["id"] for row in rows] for rows in wanted.values()]
    for sql, matching in wanted.items():
        read = {path.rpartition("/")[0] for path in files.read(f"SELECT id FROM t WHERE {sql}")}
        assert len(read) == len({(row["day"], row["country"]) for row in matching}), sql


@pytest.mark.s3
def test_from_a_bucket_the_rows_are_the_same(name: str, tmp_path: Path, s3: S3Server) -> None:
    files, written = unpacked(name, tmp_path), WRITTEN[name]
    files.declare("\n".join([columns_of(written.columns), BY_DAY, written.declared]))
    place = s3.upload(tmp_path / "t", f"other writers/{name}")
    declared = tmp_path / "catalog" / "t.yaml"
    declared.write_text(declared.read_text().replace("location: t", f"location: {place}"))
    settings = {"endpoint": s3.endpoint, "region": s3.region}
    settings |= {"access_key_id": s3.access_key, "secret_access_key": s3.secret_key}
    lines = "".join(f'{key} = "{value}"\n' for key, value in settings.items())
    (tmp_path / "gateway.toml").write_text(f"[storage]\n{lines}")
    wanted = [[row["id"] for row in written.rows() if matches(row)] for matches in FILTERS.values()]
    asked = [f"SELECT {', '.join(written.columns)} FROM t ORDER BY id"]
    asked += [f"SELECT id FROM t WHERE {sql} ORDER BY id" for sql in FILTERS]
    found, *some = files.answers(asked)
    assert found == written.rows()
    assert [[row["id"] for row in rows] for rows in some] == wanted


def test_folders_of_numbers_and_of_moments_whose_colons_are_escaped(tmp_path: Path) -> None:
    files, held = unpacked("spark_micros", tmp_path), {"year": "INTEGER", "month": "INTEGER", "moment": "TIMESTAMP"}
    files.declare(
        f"{columns_of({**COLUMNS, **held})}\n"
        "partitioned_by: [{column: year, source: year}, {column: month, source: month}, "
        "{column: moment, source: moment}]"
    )
    last = "year = 2024 AND month > 11 AND moment < TIMESTAMP '2024-12-31 09:00:00'"
    [found, some] = files.answers(
        [
            f"SELECT {', '.join(COLUMNS)} FROM t WHERE ts = moment AND month(day) = month ORDER BY id",
            f"SELECT id FROM t WHERE {last} ORDER BY id",
        ]
    )
    assert found == rows()
    assert [row["id"] for row in some] == [8]
    assert len(files.read(f"SELECT id FROM t WHERE {last}")) == 1
    assert "no mistakes" in check(files)
