"""Computes the rows of a dataset below some keys, and writes them as files that no version names yet."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import gettempdir

import obstore
import pyarrow as pa
from obstore.store import LocalStore

from gateway.catalog.store import Store, storage_errors
from gateway.catalog.versions import BuiltFile, BuiltPartition, Key
from gateway.concurrency.cancellation import Cancellation
from gateway.datasets.question import Question, Restricted
from gateway.errors import GatewayError, StorageFailed
from gateway.execution.runner import PlanRunner
from gateway.model import Result
from gateway.streaming import Streamed
from gateway.writer.base import Options, StagedFile, silent
from gateway.writer.held import hold, write_files
from gateway.writer.partitions import Texts, folder
from gateway.writer.source import connect, read
from gateway.writer.staging import flush, open_staging
from gateway.writer.write import machine_errors, new_identity

_GATHERED = 4 * 2**20
"""Bytes of a result after which its rows are written as they come."""
_UPLOADS = 16
_TOGETHER, _SMALL = 32, 64 * 2**20
"""Keys that one run answers although they read different files, and the bytes of these files, at most."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SourcesChanged(Exception):
    """Files that were pinned for a build are not there any more: it is begun again, over those that are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """The files below each key of a question, and the keys of rows that do not lie below any of them."""

    files: Mapping[Key, tuple[BuiltFile, ...]]
    elsewhere: frozenset[Key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Computer:
    """Runs questions, and writes their rows to *store*. ``memory`` is for sorting, in bytes; the rest goes to disk."""

    runner: PlanRunner
    store: Store
    cancellation: Cancellation
    memory: int

    def keys(self, question: Question, restricted: Restricted) -> list[Key]:
        """Return the keys that a search answers with. Raises ``GatewayError``, ``SourcesChanged``."""
        with self._rows(question, restricted) as (schema, batches):
            return question.keys_of(pa.Table.from_batches(list(batches), schema))

    def rows(self, question: Question, restricted: Restricted) -> Computed:
        """Write the rows below the keys of a question. Raises ``GatewayError``, ``SourcesChanged``."""
        name, options = new_identity(), Options(memory=self.memory)
        with ExitStack() as stack:
            stack.enter_context(machine_errors(self.store.location))
            staging = stack.enter_context(open_staging(self._base(), name))
            connection = stack.enter_context(connect(options, staging / "spill"))
            schema, batches = stack.enter_context(self._rows(question, restricted))
            failures: list[GatewayError] = []
            reader = pa.RecordBatchReader.from_batches(schema, noting(batches, failures))
            expected = {column.name: column.type for column in question.columns}
            try:
                rows = read(connection, reader, question.table, expected, options, staging / "input")
                held = hold(connection, rows, question.table, silent)
            except GatewayError:
                if failures:  # DuckDB tells that the rows broke off, and not why
                    raise failures[0] from None
                raise
            staged = list(write_files(held, question.table, options, staging, name, silent)) if held.rows else []
            keys = {folder(_names(question), texts): _key(question, texts) for texts in held.partitions.texts}
            wanted = [file for file in staged if keys[_folder(file)] in restricted.keys]
            return Computed(
                files=self._published(wanted, keys), elsewhere=frozenset(keys.values()) - {*restricted.keys}
            )

    @contextmanager
    def _rows(self, question: Question, restricted: Restricted) -> Iterator[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
        """Run a question; its rows are those of the pinned files once the iteration has ended."""
        self.cancellation.check()
        work = question.work(restricted)
        found = self.runner.send(work, self.cancellation, head=_GATHERED, limit=None)
        if found.key != work.key:  # files changed, and the runner has planned it over others
            _close(found)
            raise SourcesChanged
        if isinstance(found, Result):
            yield found.table.schema, iter(found.table.to_batches())
            return
        with closing(found):
            yield found.schema, found.batches

    def _base(self) -> Path:
        """Return where files wait until they are whole: in the location where that is a folder."""
        if isinstance(self.store.objects, LocalStore):
            return Path(self.store.root)
        base = Path(gettempdir()) / f"query-gateway-build-{os.getuid()}"
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        if base.stat().st_uid != os.getuid():
            raise StorageFailed(f"{base} belongs to another user: set TMPDIR to a folder of your own.")
        return base

    def _published(self, staged: Sequence[StagedFile], keys: Mapping[str, Key]) -> Mapping[Key, tuple[BuiltFile, ...]]:
        with ThreadPoolExecutor(max_workers=_UPLOADS, thread_name_prefix="upload") as pool:
            built = list(pool.map(self._put, staged))
        found: dict[Key, tuple[BuiltFile, ...]] = {}
        for file, each in zip(staged, built, strict=True):
            key = keys[_folder(file)]
            found[key] = (*found.get(key, ()), each)
        return found

    def _put(self, file: StagedFile) -> BuiltFile:
        """Make a file visible, whole, under a name that nothing had before."""
        path, objects = f"data/{file.path}", self.store.objects
        with storage_errors(self.store.location):
            if isinstance(objects, LocalStore):
                target = Path(self.store.root) / path
                target.parent.mkdir(parents=True, exist_ok=True)
                flush(file.staged)
                file.staged.rename(target)
            else:
                obstore.put(objects, path, file.staged)
            there = obstore.head(objects, path)
        modified = (there["last_modified"] - _EPOCH) // timedelta(microseconds=1)
        etag = there.get("e_tag") or ""
        return BuiltFile(path=path, size=there["size"], etag=etag, modified=modified, rows=file.rows)


def partition_of(restricted: Restricted, key: Key, computed: Computed) -> BuiltPartition:
    """Return a partition as it was computed for a question of one key."""
    return BuiltPartition(key=key, identity=restricted.identity, files=computed.files.get(key, ()))


def in_groups(missing: Collection[Restricted]) -> list[list[Restricted]]:
    """Group questions that are answered by one run: those that read the very same files, and small ones."""
    alike: dict[tuple[bytes, ...], list[Restricted]] = {}
    for each in missing:
        alike.setdefault(each.selected, []).append(each)
    groups: list[list[Restricted]] = []
    room = size = 0
    for group in alike.values():
        room, size = room - len(group), size + group[0].size
        if groups and room >= 0 and size <= _SMALL:
            groups[-1] += group
        else:
            groups.append(group)
            room, size = _TOGETHER - len(group), group[0].size
    return groups


def noting(batches: Iterator[pa.RecordBatch], failures: list[GatewayError]) -> Iterator[pa.RecordBatch]:
    """Yield batches that DuckDB reads, which does not tell with what error they broke off: it is noted."""
    try:
        yield from batches
    except GatewayError as error:
        failures.append(error)
        raise


def _names(question: Question) -> list[str]:
    return [field.column for field in question.table.written_by]


def _key(question: Question, texts: Texts) -> Key:
    """Pick, of the texts of a folder, those of the levels by which the dataset is built."""
    by_column = dict(zip(_names(question), texts, strict=True))
    return tuple(by_column[level.field.column] for level in question.levels)


def _folder(file: StagedFile) -> str:
    return file.path[: file.path.rfind("/") + 1]


def _close(found: Result | Streamed) -> None:
    if isinstance(found, Streamed):
        found.close()


def with_time(runner: PlanRunner, seconds: float) -> PlanRunner:
    """Let what a runner runs take so many seconds, exports included."""
    return replace(runner, timeout=seconds, execution=replace(runner.execution, export_timeout=seconds))
