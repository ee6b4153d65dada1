"""The tier shared by the workers of a machine: a file a result, an Arrow IPC stream, renamed into place.

A file is complete or absent: it is written under a temporary name, then renamed. A worker killed while it writes
leaves a temporary file, which the next sweep removes. A file is read into memory, not mapped: one that is cut off in
its place while it is mapped ends every process that looks at what is gone (SIGBUS), long after it was found right.

Every file ends with a proof of its content and of the name that it is kept under (see ``sealed``): one that was
damaged, cut off, copied over another or written by an earlier release is rejected, which is a miss.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from functools import partial
from pathlib import Path
from uuid import uuid4

import pyarrow as pa

from gateway.cache.sealed import OVERHEAD, Seal, Unsealed
from gateway.cache.serialization import entry_from_schema, with_header, without_header
from gateway.cache.tier import Entry, OneByOne, Purge, Replaced, Room, TierError, Validation, ValueRejected, succeeding
from gateway.model import Result

_ABANDONED = 600.0
"""Seconds after which a temporary file is taken to be left over by a writer that died."""
_PAUSES = (0.0,) * 10 + (0.001,) * 50 + (0.01,) * 20
"""Seconds between attempts to lock a folder: a lock is held for a tenth of a millisecond."""
_SWEEP_EVERY = 64 * 2**20
"""Bytes written by this process between two sweeps."""
_PIECE = 2**18
"""Bytes that are read of a file at a time, where it is not needed as a whole."""
_SMALL = 2**18
"""Bytes of rows up to which a file is made in memory, so that it is written in one call."""
_SEAL = Seal()
_UNREADABLE = (pa.ArrowException, KeyError, TypeError, ValueError, AttributeError)
"""What reading a file raises that is no result."""


class FileTier(OneByOne):
    """Keep results in a folder, up to *size* bytes; several processes may use the folder at once."""

    name = "disk"

    def __init__(self, folder: Path, size: int, *, clock: Callable[[], float] = time.time) -> None:
        self._folder, self._root, self._size, self._clock = folder, str(folder), size, clock
        self._unswept = 0
        with suppress(OSError, TierError):  # whatever is wrong with the folder, the first use of it tells
            folder.mkdir(parents=True, exist_ok=True)
            self.sweep()

    def result(self, key: str) -> Result | None:
        path = self._path(key, "arrow")
        with _as_tier_error(), suppress(FileNotFoundError):
            if self._alive(path):
                with _rejected(path), pa.OSFile(path, "rb") as source:
                    return without_header(pa.ipc.open_stream(self._verified(path, source.read_buffer())).read_all())
        return None

    def put(self, result: Result, *, lifetime: float) -> bool:
        if result.table.nbytes > self._size:
            return False
        table, path = with_header(result), self._path(result.key, "arrow")
        with _as_tier_error():
            if table.nbytes <= _SMALL:
                sink = pa.BufferOutputStream()
                _stream(table, sink)
                content = memoryview(sink.getvalue())
                size = self._publish(path, [content, _SEAL.proof(self._name(path), content)], lifetime)
            else:
                size = self._publish_large(path, table, lifetime)
        self._unswept += size
        if self._unswept >= min(_SWEEP_EVERY, self._size // 4):
            self.sweep()
        return True

    def extend(self, key: str, *, lifetime: float) -> None:
        path, expires = self._path(key, "arrow"), self._clock() + lifetime
        with _as_tier_error(), suppress(FileNotFoundError):
            if os.stat(path).st_mtime < expires:
                os.utime(path, (expires, expires))

    def validation(self, question: str) -> Validation | None:
        path = self._path(question, "mark")
        with _as_tier_error(), suppress(FileNotFoundError):
            value = self._read(path)
            if value is not None:
                validation = Validation.decode(self._verified(path, pa.py_buffer(value)).to_pybytes())
                if validation is None:
                    raise ValueRejected("no validation")
                return validation
        return None

    def put_validation(self, question: str, validation: Validation, *, lifetime: float) -> Replaced:
        path = self._path(question, "mark")
        with self._alone(os.path.dirname(path)):
            before = self._before(question)
            content = succeeding(before, validation).encode()
            self._publish(path, [content, _SEAL.proof(self._name(path), content)], lifetime)
        return Replaced(before)

    def _before(self, question: str) -> Validation | None:
        """Return the validation that is to be replaced; what is none makes room."""
        with suppress(ValueRejected):
            return self.validation(question)
        return None

    def entries(self) -> Iterator[Entry]:
        with _as_tier_error():
            yield from (entry for _, entry in self._described())

    def drop(self, which: Purge) -> int:
        dropped = 0
        with _as_tier_error():
            for path, entry in self._described():
                if which.matches(entry):
                    _unlink(path)
                    dropped += 1
        return dropped

    def room(self) -> Room:
        with _as_tier_error():
            found = [_status(entry) for entry in _files(self._folder)]
        return Room(used=sum(status.st_size for status in found if status is not None), bound=self._size)

    def sweep(self) -> None:
        """Remove what has expired, then what expires soonest until the folder is within its size again."""
        self._unswept = 0
        with _as_tier_error():
            self._shrink(self._unexpired())

    def close(self) -> None:
        """Nothing is held open."""

    def _described(self) -> Iterator[tuple[str, Entry]]:
        """Read the headers of all results that are alive; what cannot be read is left to its reader."""
        for file in _files(self._folder):
            path = file.path
            if path.endswith(".arrow"):
                with suppress(FileNotFoundError, *_UNREADABLE):
                    if self._alive(path):
                        with pa.OSFile(path, "rb") as source:
                            yield path, entry_from_schema(pa.ipc.open_stream(source).schema, source.size())

    def _unexpired(self) -> list[tuple[float, int, str]]:
        """Remove what has expired and what was abandoned; return expiry, bytes and path of all other files."""
        now, kept = self._clock(), []
        for entry in _files(self._folder):
            status = _status(entry)
            if status is None:
                continue
            abandoned = entry.name.endswith(".tmp") and status.st_mtime < time.time() - _ABANDONED
            if abandoned or (not entry.name.endswith(".tmp") and status.st_mtime <= now):
                Path(entry.path).unlink(missing_ok=True)
            else:
                kept.append((status.st_mtime, status.st_size, entry.path))
        return kept

    def _shrink(self, kept: list[tuple[float, int, str]]) -> None:
        total = sum(size for _, size, _ in kept)
        for _, size, path in sorted(kept):
            if total <= self._size:
                break
            Path(path).unlink(missing_ok=True)
            total -= size

    def _name(self, path: str) -> str:
        """Return what a file is kept as: also the folder, for results and summaries have the same keys."""
        return f"{self._folder.name}/{os.path.basename(path)}"

    def _verified(self, path: str, value: pa.Buffer) -> pa.Buffer:
        """Return the content of a file, without a copy. Raises ``ValueRejected``."""
        length = max(0, value.size - OVERHEAD)
        content = value.slice(0, length)
        try:
            _SEAL.verified(self._name(path), memoryview(content), memoryview(value.slice(length)))
        except Unsealed as error:
            raise ValueRejected("unverified") from error
        return content

    def _path(self, key: str, kind: str) -> str:
        return f"{self._root}/{key[:2]}/{key}.{kind}"

    def _read(self, path: str) -> bytes | None:
        """Read a short file whose lifetime lasts. Raises ``FileNotFoundError``."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            found = os.fstat(descriptor)
            return os.read(descriptor, found.st_size) if found.st_mtime > self._clock() else None
        finally:
            os.close(descriptor)

    def _alive(self, path: str) -> bool:
        """Tell whether a file's lifetime lasts: its modification time is the instant at which it expires."""
        return os.stat(path).st_mtime > self._clock()

    @contextmanager
    def _alone(self, folder: str) -> Iterator[None]:
        """Hold the lock of a folder, among the threads and processes of the machine."""
        with _as_tier_error():
            descriptor = _opened(folder)
            try:
                _locked(descriptor)
                yield
            finally:
                os.close(descriptor)

    def _publish(self, path: str, pieces: Sequence[bytes | memoryview], lifetime: float) -> int:
        """Write a file beside its place, then put it there in one step; return its bytes. Raises ``OSError``."""

        def write(temporary: str, descriptor: int) -> int:
            return _write_all(descriptor, pieces)

        return self._put_in_place(path, write, lifetime)

    def _publish_large(self, path: str, table: pa.Table, lifetime: float) -> int:
        """Publish a result of which there is to be no copy in memory."""

        def write(temporary: str, descriptor: int) -> int:
            with pa.OSFile(temporary, "wb") as sink:
                _stream(table, sink)
            with open(temporary, "rb") as source:
                proof = _SEAL.proof_of_pieces(self._name(path), iter(partial(source.read, _PIECE), b""))
            os.lseek(descriptor, 0, os.SEEK_END)
            _write_all(descriptor, [proof])
            return os.fstat(descriptor).st_size

        return self._put_in_place(path, write, lifetime)

    def _put_in_place(self, path: str, write: Callable[[str, int], int], lifetime: float) -> int:
        try:
            with self._draft(path, lifetime) as draft:
                return write(*draft)
        except FileNotFoundError:  # the folder was removed meanwhile
            with self._draft(path, lifetime) as draft:
                return write(*draft)

    @contextmanager
    def _draft(self, path: str, lifetime: float) -> Iterator[tuple[str, int]]:
        """Make a file beside a place; put it there at the end, with its lifetime."""
        temporary = f"{path}.{uuid4().hex}.tmp"
        expires = self._clock() + lifetime
        descriptor = _made(temporary)
        try:
            try:
                yield temporary, descriptor
                os.utime(descriptor, (expires, expires))
            finally:
                os.close(descriptor)
            os.replace(temporary, path)
        except OSError:
            with suppress(OSError):
                _unlink(temporary)
            raise


def _stream(table: pa.Table, sink: pa.NativeFile) -> None:
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


def _write_all(descriptor: int, pieces: Sequence[bytes | memoryview]) -> int:
    """Write pieces one after the other; return their bytes."""
    left = [memoryview(piece).cast("B") for piece in pieces if len(piece)]
    size = sum(map(len, left))
    while left:
        written = os.writev(descriptor, left)
        while left and written >= len(left[0]):
            written -= len(left.pop(0))
        if left:
            left[0] = left[0][written:]
    return size


def _made(temporary: str) -> int:
    """Make a file and open it, its folder too where that is gone."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        return os.open(temporary, flags, 0o666)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(temporary), exist_ok=True)
        return os.open(temporary, flags, 0o666)


def _unlink(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)


def _opened(folder: str) -> int:
    """Open a folder, after making it where it is gone."""
    try:
        return os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        os.makedirs(folder, exist_ok=True)
        return os.open(folder, os.O_RDONLY | os.O_CLOEXEC)


def _locked(descriptor: int) -> None:
    """Take a lock within a bounded time. Raises ``OSError``."""
    for pause in _PAUSES:
        try:
            flock(descriptor, LOCK_EX | LOCK_NB)
            return
        except BlockingIOError:
            time.sleep(pause)
    flock(descriptor, LOCK_EX | LOCK_NB)


def bytes_of(folder: Path) -> int:
    """Add up the bytes of a tier's folder: a look at every file. Raises ``OSError``."""
    found = (_status(entry) for entry in _files(folder))
    return sum(status.st_size for status in found if status is not None)


@contextmanager
def _rejected(path: str) -> Iterator[None]:
    """Remove a file that is not what it should be: damaged, or torn by a power failure before it was on the disk."""
    try:
        yield
    except OSError as error:
        if error.errno is not None:
            raise
        _unlink(path)  # Arrow's own errors have no number
        raise ValueRejected(f"no file of this tier: {type(error).__name__}") from error
    except (ValueRejected, *_UNREADABLE) as error:
        _unlink(path)
        raise ValueRejected(str(error) or type(error).__name__) from error


@contextmanager
def _as_tier_error() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TierError(error.strerror or type(error).__name__) from error


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path))
            else:
                yield entry


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
