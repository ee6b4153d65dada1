"""Where the gateway writes by itself: beside the tables, never among their files."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.app.gateway import open_catalog
from gateway.app.own_places import refuse_misplaced
from gateway.cli import main
from gateway.config import load_settings
from gateway.errors import SettingsInvalid
from gateway.project.loader import ProjectLoader
from gateway.telemetry.events import unobserved


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("lake/sales", "lake/sales lies in lake/sales"),
        ("lake/sales/_snapshots", "lies in lake/sales, the location of the table sales"),
        ("lake", "lake holds lake/sales"),
        ("lake/copy/x", "lies in lake/copy"),
        ("lake/sales2", None),
        ("lake/_snapshots", None),
    ],
)
def test_a_location_of_snapshots_among_the_files_of_a_table_is_refused_with_the_fix(
    tmp_path: Path, location: str, said: str | None
) -> None:
    for name in ("catalog", "queries/q", "lake/sales", "lake/copy"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "gateway.toml").write_text(f'[snapshots]\nlocation = "{location}"\n')
    (tmp_path / "catalog" / "sales.yaml").write_text(
        "table: sales\nlocation: lake/sales\nreplicas: [lake/copy]\ncolumns: {a: BIGINT}\n"
    )
    (tmp_path / "queries" / "q" / "v1.sql").write_text(
        "/*\nsummary: All\nowner: tests\n*/\nSELECT a FROM sales ORDER BY a"
    )
    checked = CliRunner().invoke(main, ["check", "--project", str(tmp_path)])
    settings = load_settings(tmp_path, {})
    if said is None:
        assert checked.exit_code == 0, checked.output
        with open_catalog(settings, observe=unobserved):
            return
    told = " ".join(checked.output.split())
    assert (checked.exit_code, said in told, "a folder of its own beside those of the tables" in told) == (
        1,
        True,
        True,
    )
    with pytest.raises(SettingsInvalid, match=said), open_catalog(settings, observe=unobserved):
        pass


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("lake/sales", "cluster.spark_spool: lake/sales lies in lake/sales, the location of the table sales"),
        ("lake", "lake holds lake/sales"),
        ("spool", "there is no folder spool: make one that the gateway and Spark both see"),
        ("lake/with space", "a character that Spark reads as an escape"),
        ("lake/spool", None),
    ],
)
def test_a_spool_is_a_folder_of_its_own_that_is_there(tmp_path: Path, location: str, said: str | None) -> None:
    for name in ("catalog", "lake/sales", "lake/spool", "lake/with space"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "gateway.toml").write_text(f'[cluster]\nspark = "sc://127.0.0.1:1"\nspark_spool = "{location}"\n')
    (tmp_path / "catalog" / "sales.yaml").write_text("table: sales\nlocation: lake/sales\ncolumns: {a: BIGINT}\n")
    checked = CliRunner().invoke(main, ["check", "--project", str(tmp_path)])
    settings, tables = load_settings(tmp_path, {}), ProjectLoader(tmp_path).read().tables
    if said is None:
        assert "spark_spool" not in checked.output
        refuse_misplaced(settings, tables)
        return
    assert (checked.exit_code, said in " ".join(checked.output.split())) == (1, True), checked.output
    with pytest.raises(SettingsInvalid, match=said):
        refuse_misplaced(settings, tables)
