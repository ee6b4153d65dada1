"""Exports: the rows of any result as partitioned Parquet files, in a folder that holds nothing else.

The rows are those that who asks for them may see, of one snapshot of the tables. Files have names that nothing had
before; that of what was written, ``_export.json``, comes last and is created once, so whoever finds it finds all. An
attempt that ended before that left files with the name of its export: the next one removes them and begins again.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from gateway.catalog.documents import Documents
from gateway.catalog.location import local_folder
from gateway.catalog.partition_field import PartitionField
from gateway.catalog.store import S3Settings, open_store
from gateway.catalog.table import Table
from gateway.concurrency.cancellation import Cancellation
from gateway.datasets.compute import noting, with_time
from gateway.datasets.export_target import TO, ExportTargets, checked_columns
from gateway.errors import GatewayError, InvalidParameters
from gateway.execution.work import Work
from gateway.model import BoundQuery, Column, Principal
from gateway.pipeline import Gateway, at_this_instant
from gateway.streaming import Streamed
from gateway.telemetry.timings import Timings
from gateway.writer.base import OnProgress, Options, Progress
from gateway.writer.staging import locked, sweep
from gateway.writer.write import write

KIND: Final = "export"
"""Of the jobs that are exports."""
MANIFEST: Final = "_export.json"
_LONGEST: Final = 86_400.0
"""Seconds that an export may take."""
_DESCRIBING: Final = 30.0
"""Seconds in which the columns of a query are found."""
_HEAD: Final = 4 * 2**20
"""Bytes of a result after which its rows are written as they come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportQuestion:
    """What is asked: a bound query, where its result goes, and how it is laid out there.

    ``parameters`` are those that the query was given, as JSON, and ``name`` is of the export: its files begin with it.
    """

    query: BoundQuery
    to: str
    partition_by: tuple[PartitionField, ...] = ()
    sort: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    name: str = field(default_factory=lambda: secrets.token_hex(8))


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export wrote; ``snapshot`` names the state of the tables that it read, None where it read none."""

    location: str
    snapshot: str | None
    rows: int
    partitions: int
    files: int
    bytes: int
    seconds: float


def columns_of(gateway: Gateway, query: BoundQuery, *, seconds: float) -> tuple[Column, ...]:
    """Return the columns of a result, found within *seconds* without reading a row. Raises ``GatewayError``."""
    bound = at_this_instant(query, gateway.clock())
    snapshots = gateway.planning.snapshots(bound)
    return gateway.columns_of(bound, snapshots, deadline=gateway.monotonic() + seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exporter:
    """Exports results of a *gateway* to its *targets*. ``memory`` is for sorting, in bytes; the rest goes to disk.

    *root* is the folder of the project; relative locations are below it.
    """

    gateway: Gateway
    targets: ExportTargets
    root: Path
    s3: S3Settings
    memory: int

    def export(
        self, asked: ExportQuestion, *, principal: Principal, cancellation: Cancellation, on_progress: OnProgress
    ) -> Exported:
        """Write a result for *principal*. Raises ``GatewayError``: nothing of it is there then, or it says what is."""
        gateway = self.gateway
        asked = replace(asked, to=self.targets.check(asked.to, gateway.catalog.tables.values()))
        columns = columns_of(gateway, asked.query, seconds=_DESCRIBING)
        table, query = _table(asked, checked_columns(asked.partition_by, asked.sort, columns)), asked.query
        if query.snapshot is None and query.tables:
            query = replace(query, snapshot=gateway.catalog.pin_by_name(query.tables)[0])
        self._make_room(asked)

        def progress(done: Progress) -> None:
            cancellation.check()
            on_progress(done)

        name = f"{asked.name}-{secrets.token_hex(4)}"
        options = Options(memory=self.memory, sort=asked.sort)
        rows, failures = self._rows(query, principal, cancellation), list[GatewayError]()
        with closing(rows):
            reader = pa.RecordBatchReader.from_batches(rows.schema, noting(rows.batches, failures))
            try:
                summary = write(
                    table,
                    reader,
                    root=self.root,
                    s3=self.s3,
                    options=options,
                    on_progress=progress,
                    identity=lambda: name,
                )
            except GatewayError:
                if failures:  # DuckDB tells that the rows broke off, and not why
                    raise failures[0] from None
                raise
        exported = Exported(
            location=asked.to,
            snapshot=query.snapshot,
            rows=summary.rows,
            partitions=min(summary.partitions, summary.files),
            files=summary.files,
            bytes=summary.bytes,
            seconds=summary.seconds,
        )
        self._finish(asked, table, exported, summary.paths)
        return exported

    def _rows(self, query: BoundQuery, principal: Principal, cancellation: Cancellation) -> Streamed:
        """Run the query; its rows are those of the snapshot once the iteration has ended."""
        gateway, timings = self.gateway, Timings(self.gateway.monotonic)
        query = replace(at_this_instant(query, gateway.clock()), default=None)
        work = gateway.planning.plan(query, gateway.question(query, principal), principal, timings)
        found = with_time(gateway.runner, _LONGEST).send(_unkept(work), cancellation, head=_HEAD, limit=None)
        if isinstance(found, Streamed):
            return found
        return Streamed(
            key=found.key,
            schema=found.table.schema,
            columns=found.columns,
            readings=found.readings,
            created_at=found.created_at,
            batches=iter(found.table.to_batches()),
            close=lambda: None,
        )

    def _make_room(self, asked: ExportQuestion) -> None:
        """Remove what attempts before left of this export. Raises ``InvalidParameters`` where something else is."""
        folder = local_folder(asked.to, self.root)
        try:
            if folder is not None and not folder.exists():
                return
            if folder is not None and not folder.is_dir():
                _taken("is a file: take a folder")
            documents = self._documents(asked)
            there = self._refuse_others(asked, documents)
            if folder is not None:
                with locked(folder):
                    sweep(folder)
                there = self._refuse_others(asked, documents)  # it may have brought what was begun to its end
            documents.remove(there)
        except OSError as error:  # of a folder: stores raise errors of the gateway's own
            _taken(f"cannot be written to: {error.strerror}")

    def _refuse_others(self, asked: ExportQuestion, documents: Documents) -> Sequence[str]:
        """Return what there is, all of this export. Raises ``InvalidParameters`` where something else is."""
        there = _listed(documents)
        if any(not _is_of(path, asked.name) for path in there):
            _taken("has files already, and an export replaces none: take a folder that is empty")
        return there

    def _finish(self, asked: ExportQuestion, table: Table, exported: Exported, paths: Sequence[str]) -> None:
        """Say what was written, unless others wrote there meanwhile: then nothing of this is left."""
        documents = self._documents(asked)
        said = {
            "query": asked.query.name,
            "version": asked.query.version,
            "parameters": dict(asked.parameters),
            "snapshot": exported.snapshot,
            "columns": [{"name": name, "type": kind} for name, kind in (table.columns or {}).items()],
            "partitioned_by": [_level(each) for each in asked.partition_by],
            "rows": exported.rows,
            "bytes": exported.bytes,
            "files": sorted(paths),
            "written_at": time.time(),
        }
        if set(_listed(documents)) != set(paths) or not documents.create(MANIFEST, said):
            documents.remove(paths)
            _taken("was written to by others meanwhile: take another folder")

    def _documents(self, asked: ExportQuestion) -> Documents:
        return Documents(open_store(asked.to, self.s3, self.root, make=True))


def progress_of(progress: Progress) -> Mapping[str, Any]:
    """Tell how far an export is, as JSON."""
    return {
        "stage": progress.stage.value,
        "done": progress.done,
        "total": progress.total,
        "partitions": progress.partitions,
        "bytes": progress.size,
    }


def described(exported: Exported) -> Mapping[str, Any]:
    """Describe what an export wrote, as JSON."""
    return {
        "location": exported.location,
        "manifest": f"{exported.location}/{MANIFEST}",
        "snapshot": exported.snapshot,
        "rows": exported.rows,
        "partitions": exported.partitions,
        "files": exported.files,
        "bytes": exported.bytes,
    }


def _table(asked: ExportQuestion, columns: Sequence[Column]) -> Table:
    """Declare the files of an export as a table."""
    levels = [_level(each) for each in asked.partition_by]
    table = Table.model_validate({"table": "export", "location": asked.to, "partitioned_by": levels})
    # Results have columns, such as `sum(a) / count(*)`, of whose names a declaration has none.
    return table.model_copy(update={"columns": {column.name: column.type for column in columns}})


def _level(field: PartitionField) -> Mapping[str, str]:
    return {"column": field.column, "transform": field.transform, "source": field.source}


def _unkept(work: Work) -> Work:
    return replace(work, keeps=False)


def _listed(documents: Documents) -> list[str]:
    """List what is there, without hidden files: the writer's lock is one."""
    paths = (path for path, _ in documents.listed(""))
    return [path for path in paths if not any(part.startswith(".") for part in path.split("/"))]


def _is_of(path: str, name: str) -> bool:
    return path.rpartition("/")[2].startswith(f"{name}-")


def _taken(detail: str) -> None:
    raise InvalidParameters([{"parameter": TO, "detail": detail}])
