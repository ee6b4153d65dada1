"""The spool: results that are too large to be kept as answers are, in files on the disk while they are read in splits.

A file is written as a draft, which its writer holds a lock on, and renamed when it is whole: its name has the key of
the result and the digest of its rows. The lock is freed when its holder dies, so a draft that nobody holds is left
over. All files together, drafts too, stay within the size of the spool; the last use of a file is its time of change.

    batch | batch | … | index | proof of the index | length of the index (8 bytes)

A batch is an Arrow IPC stream of its own, so any of them can be read without the others. The index is one without rows:
its schema has what is told of a result, and where each batch is, with its digest. Everything is checked as it is read.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from fcntl import LOCK_EX, LOCK_NB, flock
from hashlib import blake2b
from itertools import accumulate
from pathlib import Path

import orjson
import pyarrow as pa

from gateway.cache.sealed import OVERHEAD, Seal, Unsealed
from gateway.cache.serialization import with_header, without_header
from gateway.cache.tier import Purge, entry_of
from gateway.content import Content
from gateway.errors import ResultTooLarge, StorageFailed
from gateway.model import Result
from gateway.streaming import Streamed

_SEAL = Seal()
_BATCHES = b"batches"
_LENGTH = 8
_DRAFT = ".draft"
_ROWS = ".rows"
_UNREADABLE = (pa.ArrowException, KeyError, TypeError, ValueError, IndexError, Unsealed)
_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")
_ELSE = "narrow the question, or aggregate it"
_PAUSES = (0.005, 0.1)
"""Shortest and longest pause, in seconds, between two attempts to take a lock that another holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """Where a batch is in its file, how many rows it has, and the digest of its bytes."""

    offset: int
    length: int
    rows: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled:
    """A result of the spool, opened; ``about`` is the result without its rows. It can be read until it is closed."""

    about: Result
    path: Path
    file: int
    """The descriptor: what was removed meanwhile is read to its end."""
    batches: tuple[_Batch, ...]
    starts: tuple[int, ...] = field(repr=False)
    """The first row of each batch, and the number of all rows."""

    @property
    def digest(self) -> str:
        """The digest of the rows and columns."""
        return self.about.digest

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.starts[-1]

    def streamed(self, start: int, stop: int) -> Streamed:
        """Return the rows from *start* up to *stop*; closing them closes this."""
        about = self.about
        return Streamed(
            key=blake2b(f"{about.key}/{about.digest}/{start}/{stop}".encode(), digest_size=20).hexdigest(),
            schema=about.table.schema,
            columns=about.columns,
            readings=about.readings,
            created_at=about.created_at,
            batches=self._read(start, stop),
            close=self.close,
        )

    def _read(self, start: int, stop: int) -> Iterator[pa.RecordBatch]:
        at = bisect_right(self.starts, start) - 1
        while start < stop:
            batch, first = self._batch(self.batches[at]), self.starts[at]
            taken = batch.slice(start - first, min(stop - first, batch.num_rows) - (start - first))
            yield taken
            start += taken.num_rows
            at += 1

    def _batch(self, place: _Batch) -> pa.RecordBatch:
        """Read one batch. Raises ``StorageFailed`` where it is not as it was written; the file is removed then."""
        content = os.pread(self.file, place.length, place.offset)
        if _digest(content) != place.digest:
            self.path.unlink(missing_ok=True)
            raise StorageFailed("Rows on the disk of the gateway are damaged: they are computed again.", passing=True)
        with pa.ipc.open_stream(content) as reader:
            return reader.read_next_batch()

    def close(self) -> None:
        """Close the file; idempotent."""
        with suppress(OSError):
            os.close(self.file)


class Spool:
    """Results on the disk in a *folder* that the processes of a machine share, of *size* bytes together.

    Each is there until *ttl* seconds after it was last used.
    """

    name = "spool"

    def __init__(self, folder: Path, *, size: int, ttl: float, clock: Callable[[], float] = time.time) -> None:
        self._folder, self._size, self._ttl, self.clock = folder, size, ttl, clock

    def find(self, key: str, digest: str | None = None) -> Spooled | None:
        """Open the result of a key, of some *digest* where one is given; None: there is none. It counts as used."""
        for path in self._paths(f"{key}.*{_ROWS}"):
            if digest is not None and path.name != _name(key, digest):
                continue
            with suppress(FileNotFoundError):
                file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    found = _opened(path, file)
                    os.utime(file, (self.clock(),) * 2)
                except BaseException as error:
                    os.close(file)
                    if not isinstance(error, _UNREADABLE):
                        raise
                    path.unlink(missing_ok=True)
                else:
                    return found
        return None

    @contextmanager
    def draft(self, key: str, *, pause: Callable[[float], None]) -> Iterator[Draft]:
        """Begin a file for the result of a key, once nobody else writes it; *pause* waits so many seconds, or raises.

        What is not committed is removed.
        """
        path = self._folder / f"{key}{_DRAFT}"
        file = self._locked(path, pause)
        try:
            yield Draft(self, path, file)
        finally:
            if _is_at(path, file):  # by now it may be another's
                path.unlink(missing_ok=True)
            os.close(file)

    def grow(self, file: int, size: int) -> None:
        """Make a draft so long, if there is room for that. Raises ``ResultTooLarge``."""
        if size > self._size:
            said = f"The result is larger than the {self._size:,} bytes that results in splits may take on disk"
            raise ResultTooLarge(f"{said} ([splits] spool): {_ELSE}.", limit=self._size)
        try:
            with self._alone():
                more = size - os.fstat(file).st_size
                if self._used() + more > self._size:
                    self.sweep()
                    if self._used() + more > self._size:
                        raise self._full()
                os.ftruncate(file, size)
        except OSError as error:
            raise _unwritable(error) from error

    def sweep(self) -> None:
        """Remove what has not been used for long, what was left over, and what was used longest ago beyond the size."""
        with suppress(OSError):  # whatever is wrong with the folder, the first use of it tells
            for path in self._paths(f"*{_DRAFT}"):
                _remove_if_free(path)
            self._shrink(self.clock())

    def _shrink(self, now: float) -> None:
        kept = list[tuple[float, int, Path]]()
        for path, status in self._files():
            if path.suffix != _DRAFT and status.st_mtime + self._ttl <= now:
                path.unlink(missing_ok=True)
            elif path.suffix != _DRAFT:
                kept.append((status.st_mtime, status.st_size, path))
        total = self._used()
        for _, size, path in sorted(kept):
            if total <= self._size:
                break
            path.unlink(missing_ok=True)
            total -= size

    def drop(self, which: Purge) -> int:
        """Remove results; return how many."""
        dropped = 0
        for path in self._paths(f"*{_ROWS}"):
            found = self.find(*path.name.split(".")[:2])
            if found is not None:
                with closing(found):
                    if which.matches(entry_of(found.about, 0)):
                        path.unlink(missing_ok=True)
                        dropped += 1
        return dropped

    def _full(self) -> ResultTooLarge:
        """Say that other results take the room, and until when."""
        used = [status.st_mtime for path, status in self._files() if path.suffix == _ROWS]
        wait = max(1.0, min(used) + self._ttl - self.clock()) if used else 1.0
        said = "Other results in splits take the room on disk ([splits] spool)"
        return ResultTooLarge(f"{said}: ask again later, {_ELSE}.", retry_after=wait)

    def _locked(self, path: Path, pause: Callable[[float], None]) -> int:
        """Open a draft that nobody else has, after waiting for whoever does."""
        seconds, longest = _PAUSES
        while True:
            file = self._made(path)
            try:
                flock(file, LOCK_EX | LOCK_NB)
                if _is_at(path, file):
                    os.ftruncate(file, 0)
                    return file
            except BlockingIOError:
                pause(seconds)
                seconds = min(seconds * 2, longest)
            except BaseException:
                os.close(file)
                raise
            os.close(file)

    def _made(self, path: Path) -> int:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unwritable(error) from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock of the folder, among the threads and processes of the machine."""
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            flock(descriptor, LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _used(self) -> int:
        return sum(status.st_size for _, status in self._files())

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        for path in self._paths("*"):
            with suppress(FileNotFoundError):
                yield path, path.stat()

    def _paths(self, pattern: str) -> Sequence[Path]:
        return sorted(self._folder.glob(pattern)) if self._folder.is_dir() else ()


class Draft:
    """A file of the spool that is being written, by one thread."""

    def __init__(self, spool: Spool, path: Path, file: int) -> None:
        self._spool, self._path, self._file, self._length = spool, path, file, 0
        self._batches: list[_Batch] = []

    def fill(self, rows: Streamed, *, query: str, version: int) -> Spooled:
        """Write all rows of a result while they are computed, and put the file in its place; return it opened.

        Raises ``ResultTooLarge``, and what computing the rows raises.
        """
        content = Content(rows.schema)
        for batch in rows.batches:
            content.add(batch)
            self._add(content.taken())
        table, digest = content.end(rows.columns)
        self._add(table.to_batches())
        about = Result(
            key=rows.key,
            table=table.schema.empty_table(),
            columns=rows.columns,
            readings=rows.readings,
            created_at=rows.created_at,
            seconds=max(0.0, self._spool.clock() - rows.created_at),
            query=query,
            version=version,
            digest=digest,
        )
        return self._committed(about)

    def _add(self, batches: Sequence[pa.RecordBatch]) -> None:
        for batch in batches:
            content = _stream(batch.schema, [batch])
            place = _Batch(offset=self._length, length=len(content), rows=batch.num_rows, digest=_digest(content))
            self._batches.append(place)
            self._append(content)

    def _append(self, content: bytes | memoryview) -> None:
        self._spool.grow(self._file, self._length + len(content))
        try:
            _write(self._file, content, self._length)
        except OSError as error:
            raise _unwritable(error) from error
        self._length += len(content)

    def _committed(self, about: Result) -> Spooled:
        place = self._path.with_name(_name(about.key, about.digest))
        header = with_header(about).schema
        places = [(each.offset, each.length, each.rows, each.digest) for each in self._batches]
        index = _stream(header.with_metadata({**(header.metadata or {}), _BATCHES: orjson.dumps(places)}), ())
        self._append(index)
        self._append(_SEAL.proof(place.name, index) + len(index).to_bytes(_LENGTH, "little"))
        try:
            self._path.rename(place)
            return _opened(place, os.open(place, os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            raise _unwritable(error) from error


def _name(key: str, digest: str) -> str:
    return f"{key}.{digest}{_ROWS}"


def _opened(path: Path, file: int) -> Spooled:
    """Read the index of a file. Raises what is in ``_UNREADABLE`` where it is none of the spool."""
    end = os.fstat(file).st_size - _LENGTH
    length = int.from_bytes(os.pread(file, _LENGTH, max(end, 0)), "little")
    begin = end - OVERHEAD - length
    if begin < 0:
        raise ValueError("it is too short for its index")
    content = memoryview(os.pread(file, length + OVERHEAD, begin))
    index = _SEAL.verified(path.name, content[:length], content[length:])
    table = pa.ipc.open_stream(pa.py_buffer(index)).read_all()
    places = orjson.loads(table.schema.metadata[_BATCHES])
    batches = tuple(_Batch(offset=at, length=size, rows=rows, digest=digest) for at, size, rows, digest in places)
    starts = tuple(accumulate((each.rows for each in batches), initial=0))
    return Spooled(about=without_header(table), path=path, file=file, batches=batches, starts=starts)


def _stream(schema: pa.Schema, batches: Sequence[pa.RecordBatch]) -> memoryview:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema, options=_OPTIONS) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return memoryview(sink.getvalue())


def _digest(content: bytes | memoryview) -> str:
    return blake2b(content, digest_size=16).hexdigest()


def _write(file: int, content: bytes | memoryview, offset: int) -> None:
    left = memoryview(content)
    while left:
        written = os.pwrite(file, left, offset)
        left, offset = left[written:], offset + written


def _is_at(path: Path, file: int) -> bool:
    """Tell whether an open file is the one at a place: whoever wrote it before may have put it elsewhere."""
    with suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(file))
    return False


def _remove_if_free(path: Path) -> None:
    """Remove a draft that nobody writes."""
    with suppress(FileNotFoundError, BlockingIOError):
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            flock(file, LOCK_EX | LOCK_NB)
            if _is_at(path, file):
                path.unlink(missing_ok=True)
        finally:
            os.close(file)


def _unwritable(error: OSError) -> ResultTooLarge:
    said = f"The result cannot be written to the disk of the gateway ({error.strerror})"
    return ResultTooLarge(f"{said}: ask again later, {_ELSE}.", retry_after=10.0)
