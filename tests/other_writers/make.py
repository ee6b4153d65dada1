"""Has other writers write ``rows.py`` as partitioned Parquet, one archive each: ``python make.py [NAME…]``.

It needs what the gateway's tests do not: pandas, polars, fastparquet, awswrangler, PySpark and a Java runtime; and, for
awswrangler, an S3 server whose address is in ``S3_ENDPOINT``. The versions that wrote an archive are in its ``WRITER``.

Hive itself is too heavy to run here. ``hive`` is written by Hive's own Parquet code (its SerDe and output format, which
PySpark brings), called by Spark, and its files are then called as Hive on MapReduce calls them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pyarrow as pa
from rows import rows

SCHEMA = pa.schema(
    {
        "id": pa.int64(),
        "ts": pa.timestamp("us"),
        "amount": pa.float64(),
        "price": pa.decimal128(10, 2),
        "open": pa.bool_(),
        "note": pa.string(),
        "tags": pa.list_(pa.string()),
        "day": pa.date32(),
        "country": pa.string(),
    }.items()
)
FOLDERS = ["day", "country"]
COLUMNS = "id BIGINT, ts TIMESTAMP, amount DOUBLE, price DECIMAL(10,2), open BOOLEAN, note STRING, tags ARRAY<STRING>"
"""Columns of the files, for Spark."""
HERE = Path(__file__).parent


def table() -> pa.Table:
    return pa.Table.from_pylist(rows(), SCHEMA)


def _of_plain_folders() -> Any:
    """Return the rows as a pandas frame, without those whose folders no writer that escapes nothing can name."""
    frame = table().to_pandas()
    return frame[frame["country"].notna() & (frame["country"] != "a/b")]


def with_pyarrow(target: Path) -> None:
    from pyarrow.parquet import write_to_dataset

    write_to_dataset(table(), target, partition_cols=FOLDERS)


def with_pandas(target: Path) -> None:
    """With an index of texts, a category, and Python objects in columns, as notebooks have them."""
    frame = table().to_pandas()
    frame.index = [f"row {number}" for number in frame["id"]]
    frame["note"] = frame["note"].astype("category")
    frame.to_parquet(target, partition_cols=FOLDERS)


def with_polars(target: Path) -> None:
    import polars

    frame = polars.DataFrame(table()).with_columns(polars.col("note").cast(polars.Categorical))
    frame.write_parquet(polars.PartitionBy(target, key=FOLDERS), mkdir=True)


def with_fastparquet(target: Path) -> None:
    """It has no decimals and no lists of texts, drops rows whose partition is NULL, and escapes nothing in a name."""
    import fastparquet

    frame = _of_plain_folders().drop(columns=["price", "tags"])
    frame["ts"] = frame["ts"].astype("datetime64[ns]")  # of others it writes another time
    fastparquet.write(str(target), frame, file_scheme="hive", partition_on=FOLDERS, times="int96")


def with_awswrangler(target: Path) -> None:
    """It drops rows whose partition is NULL, and escapes nothing in a name."""
    import awswrangler
    import boto3

    endpoint, where = os.environ["S3_ENDPOINT"], "s3://written/awswrangler/"
    awswrangler.config.s3_endpoint_url = endpoint
    client = boto3.client("s3", endpoint_url=endpoint)
    client.create_bucket(Bucket="written")
    awswrangler.s3.to_parquet(_of_plain_folders(), where, dataset=True, partition_cols=FOLDERS)
    for found in client.list_objects_v2(Bucket="written")["Contents"]:
        path = target / found["Key"].removeprefix("awswrangler/")
        path.parent.mkdir(parents=True, exist_ok=True)
        client.download_file("written", found["Key"], str(path))


def with_duckdb(target: Path) -> None:
    import duckdb

    held = table()
    duckdb.sql(f"COPY held TO '{target}' (FORMAT parquet, PARTITION_BY (day, country))")
    assert held.num_rows


def with_spark(target: Path) -> None:
    """By its defaults: INT96, the calendar of today, Snappy."""
    _spark({}).write.partitionBy(*FOLDERS).parquet(str(target))


def with_spark_micros(target: Path) -> None:
    """By year and month, as numbers that only the folders hold, and by the moment, whose colons are escaped."""
    frame = _spark({"spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS"})
    frame = frame.selectExpr("*", "year(day) AS year", "month(day) AS month", "ts AS moment")
    frame.write.partitionBy("year", "month", "moment").parquet(str(target))


def with_spark_legacy(target: Path) -> None:
    """As Spark 1.4 did: decimals as bytes, lists of three levels, and the calendar before 1582 as it was."""
    legacy = ("datetimeRebaseModeInWrite", "int96RebaseModeInWrite")
    options = {f"spark.sql.parquet.{name}": "LEGACY" for name in legacy}
    _spark({**options, "spark.sql.parquet.writeLegacyFormat": "true"}).write.partitionBy(*FOLDERS).parquet(str(target))


def with_hive(target: Path) -> None:
    frame = _spark({"spark.sql.hive.convertMetastoreParquet": "false"})
    session = frame.sparkSession
    frame.createOrReplaceTempView("held")
    session.sql(
        f"CREATE TABLE written ({COLUMNS}) PARTITIONED BY (day DATE, country STRING) "
        f"STORED AS PARQUET LOCATION '{target}'"
    )
    session.sql("SET hive.exec.dynamic.partition.mode=nonstrict")
    session.sql(f"INSERT INTO written SELECT {', '.join(SCHEMA.names)} FROM held")
    for path in [path for path in target.rglob("part-*") if path.is_file()]:
        path.rename(path.with_name(f"{int(path.name.split('-')[1]):06}_0"))


def _spark(options: Mapping[str, str]) -> Any:
    """Return the rows as a frame of a session of its own: one file a partition, everything in UTC."""
    from pyspark.sql import SparkSession

    place = mkdtemp()
    builder = SparkSession.builder.master("local[1]").enableHiveSupport()
    settings = {
        "spark.sql.session.timeZone": "UTC",
        "spark.driver.extraJavaOptions": f"-Duser.timezone=UTC -Dderby.system.home={place}/derby",
        "spark.sql.warehouse.dir": f"{place}/warehouse",
        "spark.ui.enabled": "false",
    }
    for name, value in {**settings, **options}.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    values = [tuple(row.values()) for row in rows()]
    return session.createDataFrame(values, f"{COLUMNS}, day DATE, country STRING").coalesce(1)


WRITERS: Mapping[str, tuple[Callable[[Path], None], tuple[str, ...]]] = {
    "pyarrow": (with_pyarrow, ("pyarrow",)),
    "pandas": (with_pandas, ("pandas", "pyarrow")),
    "polars": (with_polars, ("polars",)),
    "fastparquet": (with_fastparquet, ("fastparquet", "pandas")),
    "awswrangler": (with_awswrangler, ("awswrangler", "pyarrow")),
    "duckdb": (with_duckdb, ("duckdb",)),
    "spark": (with_spark, ("pyspark",)),
    "spark_micros": (with_spark_micros, ("pyspark",)),
    "spark_legacy": (with_spark_legacy, ("pyspark",)),
    "hive": (with_hive, ("pyspark",)),
}


def main(names: list[str]) -> None:
    for name in names or WRITERS:
        write, packages = WRITERS[name]
        with TemporaryDirectory() as scratch:
            target = Path(scratch, "files")
            write(target)
            _archive(target, HERE / f"{name}.zip", "\n".join(f"{each} {version(each)}" for each in packages))


def _archive(files: Path, archive: Path, writer: str) -> None:
    with ZipFile(archive, "w", ZIP_DEFLATED) as sink:
        sink.writestr("WRITER", f"{writer}\n")
        for path in sorted(path for path in files.rglob("*") if path.is_file()):
            sink.write(path, Path("files", path.relative_to(files)))


if __name__ == "__main__":
    main(sys.argv[1:])
