"""Snapshots on disk: memory-mapped Arrow files, and a small document that points to them.

    <state>/tables/<table>/<place>/current.json     which files are the newest snapshot; replaced by an atomic rename
    <state>/tables/<table>/<place>/<content>.files.arrow, .partitions.arrow, .ignored.arrow

The document is written last: if a writer is killed half-way, the previous snapshot stays in place. A process that has
mapped files keeps them until it unmaps them, even if they are removed meanwhile.
"""

from __future__ import annotations

import os
import secrets
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, cast

import orjson
import pyarrow as pa

from gateway.catalog import facts, footers
from gateway.catalog.layout import Problem
from gateway.catalog.manifest import Snapshot, declaration
from gateway.catalog.table import Table
from gateway.model import Column, Edition

FORMAT = 2
KEPT = 3
"""Snapshots of a table that stay on disk, the current one included."""
_POINTER = "current.json"
_PARTS = ("files", "partitions", "ignored")


def snapshot_folder(state: Path, name: str, place: str) -> Path:
    """Return the folder of the snapshots of a table whose files are at a *place* (see ``store.place_of``)."""
    return state / "tables" / name / blake2b(place.encode(), digest_size=8).hexdigest()


class SnapshotUnreadable(Exception):
    """What is on disk is not a snapshot of this table as it is declared now: list it again."""


@dataclass(frozen=True, slots=True)
class SnapshotStore:
    """The folder that holds the snapshots of one table."""

    folder: Path

    def stamp(self) -> tuple[int, int] | None:
        """Return a value that changes whenever a snapshot is stored; None while there is none."""
        try:
            status = (self.folder / _POINTER).stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def put(self, snapshot: Snapshot) -> None:
        """Make *snapshot* the current one; Arrow files that are stored already are not written again."""
        self.folder.mkdir(parents=True, exist_ok=True)
        content = _content(snapshot)
        tables = {"files": snapshot.files, "partitions": snapshot.partitions, "ignored": snapshot.ignored}
        parts = self._intact(content)
        if parts is None:
            parts = {part: self._write(f"{content}.{part}.arrow", table) for part, table in tables.items()}
        with self._replacing(_POINTER) as path:
            path.write_bytes(orjson.dumps(_document(snapshot, parts), option=orjson.OPT_INDENT_2))
        self._sweep(content)

    def load(self, table: Table, root: str, known: Snapshot | None = None) -> Snapshot:
        """Map the current snapshot. Raises ``SnapshotUnreadable``.

        Where it has the content of *known*, the tables of *known* are kept and only the rest is renewed.
        """
        try:
            document = orjson.loads((self.folder / _POINTER).read_bytes())
            if (document["format"], document["declaration"]) != (FORMAT, declaration(table, root)):
                raise SnapshotUnreadable("written for another declaration or by another version")
            if document.get("any_format", True) and not table.ignore_table_format:
                raise SnapshotUnreadable("listed without looking for tables of other formats")
            parts = document["parts"]
            if known is not None and document["content"] == _content(known):
                tables = {"files": known.files, "partitions": known.partitions, "ignored": known.ignored}
            else:
                tables = {part: self._map(parts[part]) for part in _PARTS}
                tables["files"] = footers.trusted(tables["files"])
            return _snapshot(table, root, document, tables)
        except (OSError, pa.ArrowException, orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise SnapshotUnreadable(f"{type(error).__name__}: {error}") from error

    def _intact(self, content: str) -> dict[str, Any] | None:
        """Return what the pointer says of the files of *content*, where they are there and undamaged."""
        try:
            document = orjson.loads((self.folder / _POINTER).read_bytes())
            if document["content"] != content:
                return None
            parts = cast(dict[str, Any], document["parts"])
            for part in _PARTS:
                self._checked(parts[part])
        except (SnapshotUnreadable, OSError, orjson.JSONDecodeError, KeyError, TypeError):
            return None
        return parts

    def _write(self, name: str, table: pa.Table) -> dict[str, Any]:
        with (
            self._replacing(name) as new,
            pa.OSFile(str(new), "wb") as sink,
            pa.ipc.new_file(sink, table.schema) as writer,
        ):
            writer.write_table(table.combine_chunks())
        with pa.memory_map(str(self.folder / name)) as mapped:
            return {"name": name, "size": mapped.size(), "crc": zlib.crc32(mapped.read_buffer())}

    def _map(self, part: Mapping[str, Any]) -> pa.Table:
        return pa.ipc.open_file(self._checked(part)).read_all()

    def _checked(self, part: Mapping[str, Any]) -> pa.MemoryMappedFile:
        """Open one file after checking all of it: a wrong offset in a mapped file would crash the process."""
        path = self.folder / Path(part["name"]).name
        mapped = pa.memory_map(str(path))
        if mapped.size() != part["size"] or zlib.crc32(mapped.read_buffer()) != part["crc"]:
            raise SnapshotUnreadable(f"{path.name} is damaged")
        os.utime(path)  # so that the sweep knows what is in use
        mapped.seek(0)
        return mapped

    @contextmanager
    def _replacing(self, name: str) -> Iterator[Path]:
        """Yield a path to write to; when it is complete and on disk, it replaces *name* atomically."""
        path = self.folder / f"{name}.{secrets.token_hex(4)}.tmp"
        try:
            yield path
            with path.open("rb+") as written:
                os.fsync(written.fileno())
            path.replace(self.folder / name)
        finally:
            path.unlink(missing_ok=True)

    def _sweep(self, current: str) -> None:
        """Remove all but *current* and the newest others, and what writers that were killed left behind."""
        contents: dict[str, float] = {}
        for path in self.folder.glob("*.arrow"):
            with suppress(FileNotFoundError):
                content = path.name.split(".")[0]
                contents[content] = max(contents.get(content, 0.0), path.stat().st_mtime)
        old = sorted(contents.keys() - {current}, key=lambda content: contents[content], reverse=True)[KEPT - 1 :]
        for content in old:
            for path in self.folder.glob(f"{content}.*"):
                path.unlink(missing_ok=True)
        newest = max(contents.values(), default=0.0)
        for path in self.folder.glob("*.tmp"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < newest - 3600:
                    path.unlink(missing_ok=True)


def _content(snapshot: Snapshot) -> str:
    """Return the content id of the Arrow files of a snapshot; the same data files with more statistics have another."""
    digest = blake2b(snapshot.id.encode(), digest_size=16)
    for name in snapshot.files.column_names:
        digest.update(f"{name}:{snapshot.files[name].null_count};".encode())
    facts.digest(snapshot.files, digest.update)
    return digest.hexdigest()


def _document(snapshot: Snapshot, parts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "id": snapshot.id,
        "declaration": declaration(snapshot.table, snapshot.root),
        "content": _content(snapshot),
        "any_format": snapshot.table.ignore_table_format,
        "listed_at": snapshot.listed_at,
        "file_columns": [[column.name, column.type] for column in snapshot.file_columns],
        "columns": [[column.name, column.type] for column in snapshot.columns],
        "problems": [[problem.path, problem.reason] for problem in snapshot.problems],
        "problem_count": snapshot.problem_count,
        "edition": asdict(snapshot.edition),
        "announced": None if snapshot.announced is None else asdict(snapshot.announced),
        "parts": parts,
    }


def _snapshot(table: Table, root: str, document: Mapping[str, Any], tables: Mapping[str, pa.Table]) -> Snapshot:
    return Snapshot(
        id=cast(str, document["id"]),
        table=table,
        root=root,
        listed_at=float(document["listed_at"]),
        file_columns=tuple(Column(name=name, type=type_) for name, type_ in document["file_columns"]),
        columns=tuple(Column(name=name, type=type_) for name, type_ in document["columns"]),
        partitions=tables["partitions"],
        files=tables["files"],
        ignored=tables["ignored"],
        problems=tuple(Problem(path, reason) for path, reason in document["problems"]),
        problem_count=int(document["problem_count"]),
        edition=_edition(document.get("edition")) or _unnumbered(document),
        announced=_edition(document.get("announced")),
    )


def _edition(found: Mapping[str, Any] | None) -> Edition | None:
    return None if found is None else Edition(**{**found, "before": tuple(found["before"])})


def _unnumbered(document: Mapping[str, Any]) -> Edition:
    """Return an edition for a snapshot that an earlier release wrote."""
    listed_at = float(document["listed_at"])
    return Edition(line="", number=0, began=listed_at, ended=listed_at, content=cast(str, document["id"]))
