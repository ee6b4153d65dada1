"""Small projects whose one row tells whose data it is, for servers that share a Redis or a state folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

TABLE = "table: holdings\nlocation: {location}\ncolumns: {{owner: VARCHAR}}\nrefresh: 1h\n{more}"
QUERY = """\
/*
summary: Whose data it is
parameters:
  ask: {type: integer, description: Makes another question}
cache: {ttl: 10m}
*/
SELECT owner, $ask AS ask FROM holdings
"""
RESULT = "/v1/queries/owner/v1/result"


def write_project(folder: Path, *, location: str = "data", more: str = "") -> Path:
    """Declare a table at *location*, with *more* lines of its declaration, and the query that reads it."""
    for name, text in {
        "catalog/holdings.yaml": TABLE.format(location=location, more=more),
        "queries/owner/v1.sql": QUERY,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def write_data(folder: Path, owner: str) -> Path:
    """Write the one file of the table."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"owner": [owner]}), folder / "rows.parquet")
    return folder


def copy_with_times(source: Path, target: Path) -> None:
    """Copy a folder as ``cp -a`` does."""
    shutil.copytree(source, target, symlinks=True)
