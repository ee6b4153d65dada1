"""The versions of a dataset, as they lie at its location.

    data/day=2013-01-01/20261129T120000Z-5f3a9c1b-00001.parquet   rows: written once, under a name of its own
    partitions/<identity>.json                                     an answer that is finished: the files that hold it
    versions/v7.json                                               a version: its partitions, and where they came from
    tags/train-2026-11.json                                        a name for a version

A version is published by the creation of its file, which fails where there is one of that number; whatever it names
is there before. Nothing that a version names is written again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import obstore
import orjson
import pyarrow as pa

from gateway.catalog.documents import Documents
from gateway.catalog.listing import SCHEMA
from gateway.errors import StorageFailed
from gateway.model import Column

FORMAT = 1
"""Of the files of versions and of finished answers."""
_VERSION = re.compile(r"versions/v([1-9][0-9]*)\.json")
_NUMBER = re.compile(r"v([1-9][0-9]{0,8})")
_TAG = re.compile(r"tags/([^/]+)\.json")
_RECENT = 20
"""Versions among which the one of a snapshot is looked for."""
Key = tuple[str | None, ...]
"""The folder texts of the levels by which a dataset is built; None is NULL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltFile:
    """A Parquet file, as a listing finds it; ``path`` is below the location, ``modified`` in µs since the epoch."""

    path: str
    size: int
    etag: str
    modified: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltPartition:
    """The rows of a dataset below one key: an answer, and the files that hold it.

    ``identity`` digests its question and the versions of the files that it was computed from; ``since`` is the first
    version that has it.
    """

    key: Key
    identity: str
    files: tuple[BuiltFile, ...]
    since: int = 0

    @property
    def rows(self) -> int:
        """Number of rows."""
        return sum(file.rows for file in self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetVersion:
    """One version of a dataset: where it came from, and its partitions in the order of their keys."""

    dataset: str
    version: int
    created_at: float
    """When it was published, in seconds since the epoch."""
    build: str
    """The name of the build that made it."""
    query: str
    """``name/v1``."""
    parameters: Mapping[str, Any]
    """What the query was asked with, as JSON values."""
    sql: str
    inputs: Mapping[str, Mapping[str, Any]]
    """Each table that was read: the id of its snapshot, when it was listed, and how many files it had."""
    columns: tuple[Column, ...]
    levels: tuple[str, ...]
    """The partition columns that the keys are made of."""
    rest: str
    """The identity of the answer that there are no rows below other keys."""
    partitions: tuple[BuiltPartition, ...] = field(repr=False)
    digest: str = ""
    """Digest of the rows' identities: two versions of one digest have the same files."""

    @property
    def files(self) -> Sequence[BuiltFile]:
        """List the files of all partitions."""
        return [file for partition in self.partitions for file in partition.files]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return sum(partition.rows for partition in self.partitions)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    def origin(self) -> dict[str, Any]:
        """Tell where it came from, as JSON: the query and its parameters, and the state of each table that was read."""
        return {
            "version": self.version,
            "query": self.query,
            "parameters": dict(self.parameters),
            "created_at": _instant(self.created_at),
            "inputs": {
                name: dict(each) | {"listed_at": datetime.fromtimestamp(each["listed_at"], UTC).isoformat()}
                for name, each in self.inputs.items()
            },
        }

    def listing(self) -> pa.Table:
        """Return the files as a listing; see ``gateway.catalog.listing``."""
        files = self.files
        columns: dict[str, list[Any]] = {
            "path": [file.path for file in files],
            "size": [file.size for file in files],
            "etag": [file.etag for file in files],
            "last_modified": [file.modified for file in files],
        }
        return pa.table(
            {
                name: pa.array(values, pa.int64() if name == "last_modified" else SCHEMA.field(name).type)
                for name, values in columns.items()
            }
        ).cast(SCHEMA)


class Versions(Documents):
    """Reads and writes what describes a dataset at its location. Raises ``StorageFailed``."""

    def numbers(self) -> list[int]:
        """List the numbers of the versions that there are, ascending."""
        found = (_VERSION.fullmatch(path) for path, _ in self.listed("versions"))
        return sorted(int(each[1]) for each in found if each is not None)

    def read(self, number: int) -> DatasetVersion | None:
        """Read a version; None where there is none of that number."""
        content = self.get(f"versions/v{number}.json")
        return None if content is None else _version(content, f"{self.store.location}/versions/v{number}.json")

    def number(self, text: str) -> int | None:
        """Return the number of the version that ``v7`` or a tag names; None where no version has the tag."""
        found = _NUMBER.fullmatch(text)
        return int(found[1]) if found is not None else self.tags().get(text)

    def newest(self) -> DatasetVersion | None:
        """Read the newest version; None before the first build."""
        for number in reversed(self.numbers()):
            found = self.read(number)
            if found is not None:
                return found
        return None

    def holding(self, files: pa.Table) -> DatasetVersion | None:
        """Read the newest version that has the *files* of a snapshot and no others; None: none of the newest has."""
        wanted = {*zip(*(files[name].to_pylist() for name in ("path", "size", "etag")), strict=True)}
        for number in reversed(self.numbers()[-_RECENT:]):
            version = self.read(number)
            if version is not None and {(file.path, file.size, file.etag) for file in version.files} == wanted:
                return version
        return None

    def publish(self, version: DatasetVersion) -> bool:
        """Publish a version; return whether it is there, and not another one of its number."""
        document = _plain(version)
        if not self.create(f"versions/v{version.version}.json", document):
            return False
        # A server that does not know conditional writes puts a later one in its place.
        there = self.read(version.version)
        return there is not None and there.build == version.build

    def partition(self, identity: str, *, since: float) -> BuiltPartition | None:
        """Return the answer of an identity that was finished *since* then; None where there is none.

        *since* is in seconds since the epoch.
        """
        content = self.get(f"partitions/{identity}.json", since=since)
        return None if content is None else _partition_of(orjson.loads(content))

    def keys(self, identity: str, *, since: float) -> list[Key] | None:
        """Return the keys that a search found *since* then; None where it was not made."""
        content = self.get(f"partitions/{identity}.json", since=since)
        return None if content is None else [tuple(key) for key in orjson.loads(content)["keys"]]

    def finish(self, partition: BuiltPartition, *, again: bool = False) -> None:
        """Note that an answer is finished: its files are there. *again*: in place of those that are noted."""
        document = {"format": FORMAT, **_partition_document(partition)}
        self.create(f"partitions/{partition.identity}.json", document, mode="overwrite" if again else "create")

    def finish_keys(self, identity: str, keys: Sequence[Key]) -> None:
        """Note that a search is finished, and the keys that it found."""
        self.create(f"partitions/{identity}.json", {"format": FORMAT, "keys": keys})

    def tags(self) -> dict[str, int]:
        """Return the tags, each with the number of its version."""
        found: dict[str, int] = {}
        for path, _ in self.listed("tags"):
            name, content = _TAG.fullmatch(path), self.get(path)
            if name is not None and content is not None:
                found[name[1]] = int(orjson.loads(content)["version"])
        return found

    def present(self) -> Mapping[str, tuple[int, str]]:
        """List the files of rows that are there, each with its size and ETag."""
        return {str(each["path"]): _state(each) for each in self.found("data")}

    def has(self, file: BuiltFile) -> bool:
        """Look whether a file of rows is there now, as it was written."""
        found = self.unless_absent(lambda: obstore.head(self.store.objects, file.path))
        return found is not None and _state(cast(Mapping[str, Any], found)) == (file.size, file.etag)


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _state(found: Mapping[str, Any]) -> tuple[int, str]:
    return found["size"], found.get("e_tag") or ""


def _plain(version: DatasetVersion) -> dict[str, Any]:
    document = {name: getattr(version, name) for name in version.__dataclass_fields__}
    return document | {
        "format": FORMAT,
        "created_at": datetime.fromtimestamp(version.created_at, UTC).isoformat(),
        "columns": [[column.name, column.type] for column in version.columns],
        "rows": version.rows,
        "bytes": version.size,
        "partitions": [_partition_document(partition) for partition in version.partitions],
    }


def _partition_document(partition: BuiltPartition) -> dict[str, Any]:
    document = {name: getattr(partition, name) for name in partition.__dataclass_fields__}
    return document | {"files": [asdict(file) for file in partition.files], "rows": partition.rows}


def _version(content: bytes, path: str) -> DatasetVersion:
    try:
        document = orjson.loads(content)
        if document.pop("format") != FORMAT:
            raise StorageFailed(f"{path} was written by another release of the gateway.", path=path)
        wanted = {name: document[name] for name in DatasetVersion.__dataclass_fields__}
        return DatasetVersion(
            **wanted
            | {
                "created_at": datetime.fromisoformat(document["created_at"]).timestamp(),
                "columns": tuple(Column(name=name, type=type_) for name, type_ in document["columns"]),
                "levels": tuple(document["levels"]),
                "partitions": tuple(_partition_of(each) for each in document["partitions"]),
            }
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise StorageFailed(f"{path} is damaged.", path=path) from error


def _partition_of(document: Mapping[str, Any]) -> BuiltPartition:
    return BuiltPartition(
        key=cast(Key, tuple(document["key"])),
        identity=document["identity"],
        since=document["since"],
        files=tuple(BuiltFile(**file) for file in document["files"]),
    )
