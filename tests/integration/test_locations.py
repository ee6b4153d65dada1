"""``location`` as people write it: each form names the folder that catalog/README.md says, to read and to write."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from seaweed import S3Server

from gateway.catalog.location import local_folder
from gateway.catalog.table import parse_table
from gateway.cli import main

NAMES = ["events", "my events", "100%25 #1", "it's “ü”", "trailing ", "~old", "$HOME", "[a] *b {c}"]
"""Names of folders; those with brackets or wildcards can only be written as URLs, or lie above the project."""
PLAIN = NAMES[:-1]
QUERY = "/*\nsummary: the sum\nowner: tests\ncache: {ttl: 0s}\nexamples: [{}]\n*/\nSELECT sum(id) AS total FROM t\n"


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def project(folder: Path, location: str) -> Path:
    quoted = location.replace("'", "''")
    (folder / "catalog").mkdir(parents=True, exist_ok=True)
    (folder / "catalog" / "t.yaml").write_text(f"table: t\nlocation: '{quoted}'\ncolumns: {{id: BIGINT}}\n")
    (folder / "queries" / "total").mkdir(parents=True, exist_ok=True)
    (folder / "queries" / "total" / "v1.sql").write_text(QUERY)
    return folder


def command(folder: Path, *arguments: str, **environment: str) -> str:
    done = CliRunner().invoke(main, [*arguments, "--project", str(folder)], env=environment)
    assert done.exit_code == 0, done.output + done.stderr
    return done.output


def used(folder: Path, lake: Path, **environment: str) -> None:
    """Write a row, find its file in *lake*, and read it back; the check is clean."""
    (folder / "rows.csv").write_text("id\n7\n")
    command(folder, "write", "t", str(folder / "rows.csv"), **environment)
    assert len(list(lake.glob("*.parquet"))) == 1
    assert "7" in command(folder, "run", "total", "--format", "csv", **environment)
    assert "no mistakes" in command(folder, "check", "--data", **environment)


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("form", ["relative", "dotted", "above", "absolute", "home"])
@pytest.mark.parametrize("called", PLAIN)
def test_a_text_is_a_folder_as_it_stands(tmp_path: Path, called: str, form: str, slash: str) -> None:
    home, folder = tmp_path / "home", tmp_path / "project"
    lakes = {
        "relative": (called, folder),
        "dotted": (f"./data/{called}", folder / "data"),
        "above": (f"../{called}", tmp_path),
        "absolute": (f"{tmp_path}/lake/{called}", tmp_path / "lake"),
        "home": (f"~/{called}", home),
    }
    location, lake = lakes[form]
    if form == "relative" and called.startswith("~"):
        location = f"./{called}"  # else it is the home folder of a user of that name
    found = parse_table(f"table: t\nlocation: '{location.replace(chr(39), chr(39) * 2)}{slash}'\n", "t.yaml").location
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        assert local_folder(found, folder) == lake / called


@pytest.mark.parametrize("start", ["file://", "file:", "file://localhost"])
def test_a_file_url_is_percent_decoded(tmp_path: Path, name: str, start: str) -> None:
    location = parse_table(f"table: t\nlocation: {start}{quote(str(tmp_path / name))}/\n", "t.yaml").location
    assert local_folder(location, Path("elsewhere")) == tmp_path / name


def test_an_absolute_folder_is_written_and_read(tmp_path: Path) -> None:
    lake = tmp_path / "my lake's 100%25 #1"
    used(project(tmp_path / "project", f"{lake}/"), lake)


def test_the_home_folder_is_that_of_who_runs_the_gateway(tmp_path: Path) -> None:
    used(project(tmp_path / "project", "~/lake"), tmp_path / "home" / "lake", HOME=str(tmp_path / "home"))


def test_a_url_is_written_and_read_whatever_the_name_of_its_folder(tmp_path: Path, name: str) -> None:
    used(project(tmp_path / "project", f"file://{quote(str(tmp_path / name))}"), tmp_path / name)


def test_a_project_may_lie_in_any_folder(tmp_path: Path, name: str) -> None:
    used(project(tmp_path / name, "data/t"), tmp_path / name / "data/t")


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    used(project(tmp_path / "project", "../link/lake"), tmp_path / "real" / "lake")


@pytest.mark.s3
@pytest.mark.parametrize("folder", ["my lake/t", "100%25/t", "it's/ü"])
def test_a_folder_of_a_bucket_is_a_key_as_it_stands(tmp_path: Path, s3: S3Server, folder: str) -> None:
    place = f"locations/{folder}"
    made = project(tmp_path, s3.url(f"{place}/"))
    (made / "rows.csv").write_text("id\n7\n")
    environment = {**s3.environment, "GATEWAY_STORAGE_ENDPOINT": s3.endpoint}
    command(made, "write", "t", str(made / "rows.csv"), **environment)
    assert "7" in command(made, "run", "total", "--format", "csv", **environment)
    assert "no mistakes" in command(made, "check", "--data", **environment)


@pytest.mark.parametrize(
    ("location", "hint"),
    [
        ("/", "the root of the machine is no table's location"),
        ("file:///", "the root of the machine"),
        ("file://localhost/", "the root of the machine"),
        ("file://lake/events", "write lake/events, or file:///lake/events"),
        ("file://~/lake", "write ~/lake"),
        ("file:lake", "write file:///"),
        ("s3a://bucket/lake", "write s3://bucket/lake"),
        ("gcs://bucket/lake", "write gs://bucket/lake"),
        ("s3:/bucket/lake", "write s3://bucket/lake"),
        ("data/lake/*.parquet", "write location: data/lake and files: '*.parquet'"),
        ("s3://bucket/lake/*/*/part-*", "write location: s3://bucket/lake and files: 'part-*'"),
        ("hdfs://node/lake", "accepted: s3://, gs://, az://, file://, or a folder"),
    ],
)
def test_what_is_no_location_is_refused_with_what_to_write(tmp_path: Path, location: str, hint: str) -> None:
    made = project(tmp_path, location)
    done = CliRunner().invoke(main, ["check", "--project", str(made)])
    assert (done.exit_code, hint in " ".join(done.output.split())) == (1, True), done.output


def test_a_missing_folder_is_told_to_operators_by_its_full_path(tmp_path: Path) -> None:
    made = project(tmp_path / "project", "../lake")
    done = CliRunner().invoke(main, ["check", "--data", "--project", str(made)])
    told = "".join(done.output.split())
    assert (done.exit_code, "there is no such folder".replace(" ", "") in told) == (1, True)
    assert f"{tmp_path}{os.sep}lake".replace(" ", "") in told


def test_a_file_is_told_apart_from_a_folder(tmp_path: Path) -> None:
    made = project(tmp_path, "data/a.parquet")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.parquet").write_bytes(b"x")
    done = CliRunner().invoke(main, ["check", "--data", "--project", str(made)])
    assert "files: 'a.parquet'" in " ".join(done.output.split())
