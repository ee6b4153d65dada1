"""Options, progress and summary of a write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal

MEBIBYTE = 2**20

Compression = Literal["zstd", "snappy", "gzip", "lz4", "none"]
Direction = Literal["ascending", "descending"]


class Mode(StrEnum):
    """What happens to the rows that are already in the table."""

    APPEND = "append"
    OVERWRITE_PARTITIONS = "overwrite-partitions"
    REPLACE = "replace"


class InputFormat(StrEnum):
    """Formats of input files. NDJSON is JSON."""

    CSV = "csv"
    PARQUET = "parquet"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Input files: paths or wildcards, all of one format (None: by the file names).

    ``null`` is the text that stands for NULL in CSV; None: only a field with nothing in it, not even quotes.
    ``delimiter`` separates fields in CSV; None: a tab in files named ``.tsv``, else a comma.
    """

    paths: tuple[str, ...]
    format: InputFormat | None = None
    null: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    """Encoding of CSV and JSON; None: that of a byte order mark, else UTF-8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How rows become files. Sizes in bytes."""

    mode: Mode = Mode.APPEND
    select: tuple[str, ...] = ()
    """Only these columns of the input; empty: all."""
    exclude: tuple[str, ...] = ()
    """Not these columns of the input."""
    sort: tuple[str, ...] = ()
    """Order within a file, after the sources of the partition columns; ``name`` or ``name desc``."""
    target_size: int = 128 * MEBIBYTE
    """Approximate size of a file at which the next one is begun."""
    compression: Compression = "zstd"
    memory: int = 1024 * MEBIBYTE
    """Memory for reading and sorting; what does not fit goes to disk."""
    scratch: Path | None = None
    """Folder for temporary files of a write to an object store; None: the system's."""


class Stage(StrEnum):
    """The stages of a write, in order."""

    READING = "reading"
    WRITING = "writing"
    PUBLISHING = "publishing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Progress of a write: ``done`` of ``total`` rows, or files while publishing. Total None: not known yet."""

    stage: Stage
    done: int
    total: int | None
    partitions: int
    size: int
    """Bytes of Parquet written so far."""


OnProgress = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """Ignore progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteSummary:
    """Result of a write: counts, bytes of the new files, files of the table that it removed, seconds it took."""

    table: str
    location: str
    mode: Mode
    rows: int
    partitions: int
    files: int
    bytes: int
    removed: int
    seconds: float
    paths: tuple[str, ...] = field(repr=False, default=())
    """The new files, relative to the location."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedFile:
    """A finished Parquet file that is not visible yet, and its path under the location of the table."""

    staged: Path
    path: str
    rows: int
    size: int
