"""``gateway init`` writes into folders that hold no project yet, and into no others."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli import main


def test_a_folder_with_other_files_keeps_them(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("notes\n")
    (tmp_path / "notes").write_text("mine")
    result = CliRunner().invoke(main, ["init", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert ((tmp_path / ".gitignore").read_text(), (tmp_path / "notes").read_text()) == ("notes\n", "mine")
    assert (tmp_path / "catalog" / "orders.yaml").is_file()


@pytest.mark.parametrize("part", ["gateway.toml", "catalog", "queries"])
def test_a_project_or_a_part_of_one_is_left_as_it_is(part: str, tmp_path: Path) -> None:
    (tmp_path / part).mkdir()
    result = CliRunner().invoke(main, ["init", str(tmp_path)])
    assert (result.exit_code, f"has {part}" in result.output) == (2, True), result.output
    assert [path.name for path in tmp_path.iterdir()] == [part]
