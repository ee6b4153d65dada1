"""A catalog folder, read as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.project.loader import load_tables


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    (tmp_path / "catalog").mkdir()
    return tmp_path / "catalog"


def test_every_declaration_is_loaded_by_the_name_of_its_table(catalog: Path) -> None:
    (catalog / "a.yaml").write_text("table: a\nlocation: data/a\n")
    (catalog / "b.yml").write_text("table: b\nlocation: data/b\n")
    tables, diagnostics = load_tables(catalog.parent)
    assert ({name: table.name for name, table in tables.items()}, diagnostics) == ({"a": "a", "b": "b"}, ())


def test_other_files_are_not_declarations(catalog: Path) -> None:
    for name in ("owners.yaml", "README.md", ".hidden.yaml.swp", ".hidden.yaml"):
        (catalog / name).write_text("anything: [\n")
    (catalog / ".#a.yaml").symlink_to("an-editor-s-lock")
    assert load_tables(catalog.parent) == ({}, ())


def test_the_mistakes_of_all_files_come_together_and_the_others_are_loaded(catalog: Path) -> None:
    (catalog / "a.yaml").write_text("table: a\nlocation: s3:///a\n")
    (catalog / "b.yaml").write_text("table: b\n")
    (catalog / "c.yaml").write_bytes(b"\xff\xfe\xff")
    (catalog / "d.yaml").write_text("table: d\nlocation: data/d\n")
    tables, diagnostics = load_tables(catalog.parent)
    assert list(tables) == ["d"]
    assert [Path(item.path).name for item in diagnostics] == ["a.yaml", "b.yaml", "c.yaml"]


def test_a_table_declared_in_two_files_is_refused(catalog: Path) -> None:
    (catalog / "a.yaml").write_text("table: a\nlocation: data/a\n")
    (catalog / "a.yml").write_text("table: a\nlocation: data/b\n")
    tables, diagnostics = load_tables(catalog.parent)
    assert [item.message for item in diagnostics] == ["the table 'a' is declared twice"]
    assert tables["a"].location == "data/a"


def test_a_folder_that_is_not_there_has_no_tables(tmp_path: Path) -> None:
    assert load_tables(tmp_path / "none") == ({}, ())


def test_the_tables_of_the_demo_are_right() -> None:
    tables, diagnostics = load_tables(Path(__file__).parents[2])
    assert (sorted(tables), diagnostics) == (
        ["airlines", "airports", "delay_trend", "flights", "flights_by_plane", "planes", "weather"],
        (),
    )
