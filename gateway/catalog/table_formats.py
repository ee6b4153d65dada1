"""Recognises tables of Delta Lake, Iceberg, Hudi and Spark's streaming sink by their metadata files.

In such a table the data files alone are not the rows: files that an overwrite, a delete, a compaction or a failed
batch has left behind are still in the folder, and only its log says which of them count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from gateway.catalog.file_names import PARQUET
from gateway.catalog.layout import data_files, hidden

NOT_ITS_ROWS = "its data files are not its rows, for files that were replaced or deleted are still there"
IGNORE = "ignore_table_format: true reads all of them anyhow"
_MARKS = {
    "Delta Lake": r"_delta_log/",
    "Spark structured streaming": r"_spark_metadata/",
    "Apache Hudi": r"\.hoodie/|\.hoodie_partition_metadata(?:\.\w+)?$",
    "Apache Iceberg": r"metadata/[^/]*\.metadata\.json(?:\.gz)?$",
}
_ANY = f"(?:^|/)(?:{'|'.join(_MARKS.values())})"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFormat:
    """A table of another format: which, in which folder below the location ("" for itself), a file that shows it."""

    name: str
    folder: str
    example: str

    def __str__(self) -> str:
        where = f"its folder {self.folder!r}" if self.folder else "its location"
        return f"{where} is a table of {self.name} ({self.example})"


def recognise(listing: pa.Table, patterns: Sequence[str] = PARQUET) -> TableFormat | None:
    """Find the first such table whose files would be read; one that lies beside the data files does not matter.

    *patterns* are those of the names of data files.
    """
    found = all_formats(listing)
    if not found:
        return None
    paths = data_files(listing, patterns)[0]["path"]
    read = (mark for mark in found if not mark.folder or pc.any(pc.starts_with(paths, f"{mark.folder}/")).as_py())
    return next(read, None)


def all_formats(listing: pa.Table) -> list[TableFormat]:
    """Find every such table, in the order of their folders."""
    shown = listing["path"].filter(pc.match_substring_regex(listing["path"], _ANY))
    found = {mark.folder: mark for path in sorted(map(str, shown.to_pylist())) if (mark := _mark(path)) is not None}
    return [mark for _, mark in sorted(found.items())]


def _mark(path: str) -> TableFormat | None:
    """Read which table a file of state belongs to; None for one below a hidden folder, where nothing is read."""
    for name, pattern in _MARKS.items():
        found = re.search(f"(?:^|/)(?P<mark>{pattern})", path)
        if found is not None:
            folder = path[: found.start("mark")].rstrip("/")
            if hidden(f"{folder}/"):
                return None
            return TableFormat(name=name, folder=folder, example=path)
    return None
