"""What a scan reads in Spark: explicit files under a declared schema, the values of folders from their paths.

Spark reads paths and types in its own way. A selection that it would read otherwise than DuckDB is refused: by the
names of its files, by the texts of its folders, and by the types that the footers say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import pyarrow as pa

from gateway.catalog import facts
from gateway.catalog.arrays import whole
from gateway.catalog.manifest import Snapshot, source_types
from gateway.catalog.partition_field import PartitionField
from gateway.catalog.sql_type import SqlType
from gateway.catalog.stored import folded
from gateway.catalog.transforms.base import TransformError, known
from gateway.catalog.transforms.keys import Ordinals
from gateway.catalog.transforms.values import value_texts
from gateway.model import Column, FileVersion
from gateway.plan.index import levels_in_path
from gateway.plan.select import Chosen
from gateway.plan.spark.kinds import spark_type
from gateway.plan.spark.portability import refused

_PLAIN = re.compile(r"[A-Za-z0-9_.=+@~/-]*")
"""Paths in which Spark sees neither a pattern nor an escape."""
_FOLDER_TYPES = {"VARCHAR", "DATE", "TINYINT", "SMALLINT", "INTEGER", "BIGINT"}
"""Types whose values are the texts of folders, where they are written in the one way that Spark reads."""
_CHECKED_SCHEMES = ("s3://", "/")


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkScan:
    """The files of one scan below a location, and the columns to read, in Spark's types."""

    root: str
    files: tuple[FileVersion, ...]
    columns: tuple[Column, ...]
    """Named as in the table, with types of Spark."""

    @property
    def id(self) -> str:
        """The digest of what it reads: equal where the same versions are read alike."""
        told = blake2b(self.root.encode(), digest_size=16)
        for column in self.columns:
            told.update(f"\n{column.name}\0{column.type}".encode())
        for file in self.files:
            told.update(f"\n{file.path}\0{file.etag}\0{file.size}".encode())
        return told.hexdigest()


def spark_scan(snapshot: Snapshot, chosen: Chosen, names: frozenset[str]) -> SparkScan:
    """Say how Spark reads the columns *names* (in lower case) of a selection of files. Raises ``NotPortable``.

    What their footers say has to be known.
    """
    table, positions, files = snapshot.table.name, chosen.file_positions(), chosen.versions()
    used = [column for column in snapshot.columns if column.name.lower() in names]
    if not used:  # only rows are counted
        used = [next(column for column in snapshot.columns if spark_type(column.type) is not None)]
    for file in files:
        _refuse_path(table, snapshot, file)
    levels = {field.column.lower(): field for field in snapshot.table.partitioned_by}
    _refuse_levels(table, snapshot, positions)
    for column in used:
        field = levels.get(column.name.lower())
        if field is not None:
            _refuse_folders(table, snapshot, field, positions)
    _refuse_stored(snapshot, positions, [column for column in used if column.name.lower() not in levels])
    columns = tuple(Column(name=each.name, type=_type(table, each)) for each in used)
    return SparkScan(root=snapshot.root, files=tuple(files), columns=columns)


def _type(table: str, column: Column) -> str:
    found = spark_type(column.type)
    if found is None:
        raise refused(f"Spark has no type with the values of {table}.{column.name}, a {column.type}")
    return found


def _refuse_path(table: str, snapshot: Snapshot, file: FileVersion) -> None:
    below = file.path.removeprefix(snapshot.root)
    scheme = next((each for each in _CHECKED_SCHEMES if file.path.startswith(each)), None)
    if scheme is None:
        raise refused(f"{table} is in a store in which the versions of files cannot be compared afterwards")
    if not file.etag or file.etag.startswith("W/"):
        raise refused(f"files of {table} have no ETag by which they could be compared afterwards")
    if not _PLAIN.fullmatch(file.path.removeprefix(scheme)):
        raise refused(f"a file of {table} has a character in its path that Spark reads as a pattern or an escape")
    if any(step.startswith(("_", ".")) for step in below.split("/")):
        raise refused(f"a file of {table} lies below a name that starts with _ or ., which Spark passes over")
    keys = [step.partition("=")[0].lower() for step in below.split("/")[:-1] if "=" in step]
    declared = [field.column.lower() for field in snapshot.table.partitioned_by]
    if sorted(keys) != sorted(declared):
        raise refused(f"a file of {table} lies in other folders than the declared ones, such as {below}")


def _refuse_levels(table: str, snapshot: Snapshot, positions: Ordinals) -> None:
    """Refuse files whose paths do not tell all partition columns, or whose own columns win over their paths."""
    for field in snapshot.table.partitioned_by:
        own = field.column.lower() in {column.name.lower() for column in snapshot.file_columns}
        if own and not field.enforced:
            raise refused(f"the column {field.column} of {table} is read from files, and Spark takes it from folders")
    every = (1 << len(snapshot.table.partitioned_by)) - 1
    if not bool(np.all(levels_in_path(snapshot.partitions, _partitions(snapshot, positions)) == every)):
        raise refused(f"not every file of {table} lies in a folder of each partition column")


def _partitions(snapshot: Snapshot, positions: Ordinals) -> Ordinals:
    first = np.asarray(whole(snapshot.partitions, "first_file"))
    found: Ordinals = np.unique(first.searchsorted(positions, "right") - 1)
    return found


def _refuse_folders(table: str, snapshot: Snapshot, field: PartitionField, positions: Ordinals) -> None:
    """Refuse folders whose text is not what its value is written as, for Spark casts the text."""
    source_type = source_types(snapshot.table, snapshot.file_columns)[field.column]
    type_ = field.function.result_type(source_type)
    result = str(SqlType.parse(type_))
    column = next(each for each in snapshot.columns if each.name.lower() == field.column.lower())
    if result not in _FOLDER_TYPES or str(SqlType.parse(column.type)) != result:
        raise refused(f"the folders of {field.column} of {table} are a {column.type}, which Spark may read otherwise")
    texts = whole(snapshot.partitions, field.column).take(pa.array(_partitions(snapshot, positions)))
    distinct = texts.dictionary_encode().dictionary
    try:
        values = value_texts(field.function.decode(distinct, source_type), known(type_))
    except TransformError as error:
        raise refused(f"a folder of {field.column} of {table} has no value") from error
    for text, value in zip(distinct.to_pylist(), values.to_pylist(), strict=True):
        if text is not None and (text != value or text == ""):
            raise refused(f"the folder {field.column}={text} of {table} is not written as Spark reads it")


def _refuse_stored(snapshot: Snapshot, positions: Ordinals, used: Sequence[Column]) -> None:
    """Refuse files that store a column in another type than the declared one, or of which that is not known."""
    for known_facts in _facts(snapshot, positions):
        if known_facts is None or known_facts.problem is not None or known_facts.misread:
            raise refused(f"the columns of a file of {snapshot.table.name} are not known")
        stored: dict[str, str | None] = {}
        for held in known_facts.columns:
            if folded(held.name) in stored:
                raise refused(f"a file of {snapshot.table.name} has two columns of the name {held.name}")
            stored[folded(held.name)] = None if held.untyped else held.type
        for column in used:
            type_ = stored.get(folded(column.name), column.type)  # a column that a file lacks is NULL in both engines
            if type_ is None or str(SqlType.parse(type_)) != str(SqlType.parse(column.type)):
                raise refused(
                    f"a file of {snapshot.table.name} stores {column.name} as {type_ or 'nothing'}, not {column.type}"
                )


def _facts(snapshot: Snapshot, positions: Ordinals) -> Iterator[facts.FileFacts | None]:
    distinct = facts.known(snapshot.files)
    for code in np.unique(facts.codes(snapshot.files, positions)).tolist():
        yield distinct[code] if code >= 0 else None
