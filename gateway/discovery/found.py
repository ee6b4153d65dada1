"""What is found at a location: tables with their levels, and what was not taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from gateway.catalog.file_names import PARQUET
from gateway.catalog.layout import Problem, data_files
from gateway.catalog.stored import StoredSchema, folded
from gateway.model import Column

Texts = Mapping[str, str | None]
"""Folder texts of one file by the folded name of their level; None is the NULL partition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Omission:
    """Something at the location that is no table, or not wholly one, and what to do about it."""

    folder: str
    """Relative to the location; ``""`` for the location itself."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder of data files that is one table. Paths of *files* (a listing) are relative to it."""

    path: str
    """Relative to the location; ``""`` for the location itself."""
    files: pa.Table
    layouts: tuple[tuple[str, ...], ...]
    """Names of the levels that paths have, layouts of older files first; one empty layout where there are no levels."""
    texts: Mapping[str, tuple[str | None, ...]]
    """The distinct texts of each level, sorted, by its name; None for the NULL partition comes last."""
    patterns: tuple[str, ...] = PARQUET
    """Patterns of the names of its data files."""

    @property
    def data(self) -> pa.Table:
        """Return those of its files that are data."""
        return data_files(self.files, self.patterns)[0]

    @property
    def levels(self) -> tuple[str, ...]:
        """Return the name of each level once, outermost first."""
        return tuple(dict.fromkeys(name for layout in self.layouts for name in layout))

    def values_of(self, level: str) -> list[str]:
        """Return the distinct texts of a level, by its name in any case, without the NULL partition; none: no level."""
        found = (texts for name, texts in self.texts.items() if folded(name) == folded(level))
        return [text for text in next(found, ()) if text is not None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """One file whose footer was read."""

    row: Mapping[str, object]
    """Its row in the listing: path, size, ETag."""
    texts: Texts
    footer: pq.FileMetaData
    schema: StoredSchema

    @property
    def rows(self) -> int:
        """Return the number of its rows."""
        return int(self.footer.num_rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """The files of a folder that were looked at, and those among them that cannot be read."""

    read: tuple[Sample, ...]
    unreadable: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLevel:
    """A folder level and how it derives: from *source* by *transform*, or from nothing but itself.

    *evidence* says what a guess rests on; None where nothing is guessed, for only the folders hold the column.
    One that is not *enforced* promises nothing of the rows.
    """

    column: str
    source: str
    transform: str = "identity"
    format: str | None = None
    evidence: str | None = None
    enforced: bool = True
    remark: str | None = None
    """What else an author should know of the level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTable:
    """A table that was found."""

    name: str
    folder: Folder
    columns: tuple[Column, ...]
    """Those of the files, then those that only folders hold."""
    of_folders: frozenset[str]
    """Names of the columns that no file holds."""
    levels: tuple[FoundLevel, ...]
    remarks: tuple[str, ...] = ()
    """What of the data needs somebody's attention."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """All that was found at a location."""

    location: str
    tables: tuple[FoundTable, ...]
    omitted: tuple[Omission, ...]
    files: int
    """Files in the folders that were found."""
