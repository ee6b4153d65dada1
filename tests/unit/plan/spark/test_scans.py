"""Files that Spark would read otherwise than DuckDB are refused before it is asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import idioms
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.model import Principal
from gateway.plan.spark.planner import SparkPlanner
from gateway.plan.spark.portability import NotPortable

QUERY = (
    "/*\nsummary: Sales by day\nexamples: [{}]\n*/\nSELECT day, sum(units) AS n FROM sales GROUP BY day ORDER BY day\n"
)
FIRST = "day=2024-01-31/a.parquet"


def reason(project: Path) -> str | None:
    """Plan the query for Spark; return why it is refused."""
    with open_gateway(load_settings(project, {}), observe=lambda event: None, background=False) as gateway:
        for table in gateway.catalog.tables:
            gateway.catalog.refresh(table)
        (template,) = gateway.registry.templates()
        bound = template.bind({}, now=0.0)
        snapshots = gateway.planning.snapshots(bound)
        planner = gateway.planning.planner
        try:
            SparkPlanner(planner).plan(planner.plan(bound, snapshots), snapshots, Principal())
        except NotPortable as error:
            return error.found[0].reason
        return None


@pytest.fixture
def project(tmp_path: Path) -> Path:
    idioms.write_tables(tmp_path)
    (tmp_path / "queries" / "days").mkdir(parents=True)
    (tmp_path / "queries" / "days" / "v1.sql").write_text(QUERY)
    return tmp_path


def test_files_as_they_are_declared_are_read(project: Path) -> None:
    assert reason(project) is None


def _moved(to: str) -> Callable[[Path], None]:
    def move(sales: Path) -> None:
        (sales / to).parent.mkdir(parents=True, exist_ok=True)
        (sales / FIRST).rename(sales / to)

    return move


def _another_type(sales: Path) -> None:
    rows = pq.read_table(sales / FIRST, partitioning=None)
    other = rows.schema.get_field_index("units")
    pq.write_table(rows.set_column(other, "units", rows["units"].cast(pa.int64())), sales / FIRST)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_moved("day=2024-01-31/a b.parquet"), "has a character in its path"),
        (_moved("day=2024-01-31/[a].parquet"), "has a character in its path"),
        (_moved("region=eu/day=2024-01-31/a.parquet"), "lies in other folders than the declared ones"),
        (_another_type, "stores units as BIGINT, not INTEGER"),
    ],
    ids=["space", "pattern", "folder", "type"],
)
def test_what_spark_would_read_otherwise_is_refused(
    project: Path, change: Callable[[Path], None], expected: str
) -> None:
    change(project / "warehouse" / "sales")
    assert expected in str(reason(project))


@pytest.mark.parametrize(("folder", "portable"), [("shop=7", True), ("shop=007", False)])
def test_folders_that_are_not_written_as_spark_reads_them_are_refused(
    project: Path, folder: str, portable: bool
) -> None:
    declaration = project / "catalog" / "sales.yaml"
    text = declaration.read_text().replace(
        "column: day, transform: day, source: sold", "column: shop, transform: identity, source: shop"
    )
    declaration.write_text(text.replace("{sold:", "{shop: INTEGER, sold:"))
    query = project / "queries" / "days" / "v1.sql"
    query.write_text(query.read_text().replace("SELECT day,", "SELECT shop,").replace("BY day", "BY shop"))
    sales = project / "warehouse" / "sales"
    sales.rename(sales.with_name("before"))
    (sales / folder).mkdir(parents=True)
    (sales.with_name("before") / FIRST).rename(sales / folder / "a.parquet")
    assert reason(project) == (None if portable else f"the folder {folder} of sales is not written as Spark reads it")
