"""Answers kept on disk between runs, so that what did not change is not sent again.

An entry is one file: the body as it was sent, a line of JSON about it (``ETag``, digest), and the length of that line.
It is used only after the gateway has answered 304 to its ETag, so that grants and data are asked for each time. Files
are written aside and moved into place, and never changed there: any number of processes may share the folder.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import stat
import struct
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

_log = logging.getLogger("query_gateway_client")
_MAGIC = b"qgkept1\n"
_TAIL = struct.Struct("<I8s")
_PIECE = 1 << 20
_LEFT_BEHIND = 86_400.0
"""Seconds after which a file that was not moved into place belongs to nobody."""


def default_folder() -> Path:
    """Return the folder of this user for what may be lost."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "query-gateway-client"


@dataclass(slots=True, kw_only=True)
class Entry:
    """A kept body: open, so that it stays as it is whatever happens to its name."""

    path: Path
    file: BinaryIO
    etag: str
    headers: Mapping[str, str]
    length: int
    digest: str

    def whole(self) -> bool:
        """Tell whether the bytes are those that were written."""
        digest = hashlib.sha256()
        for piece in self.pieces():
            digest.update(piece)
        return digest.hexdigest() == self.digest

    def pieces(self) -> Iterator[bytes]:
        """Yield the body, a mebibyte at a time."""
        self.file.seek(0)
        left = self.length
        while left and (piece := self.file.read(min(left, _PIECE))):
            left -= len(piece)
            yield piece

    def close(self) -> None:
        self.file.close()


@dataclass(slots=True, kw_only=True)
class Writer:
    """A body on its way into the folder; nobody sees it before ``commit``."""

    kept: Kept
    name: str
    etag: str
    headers: Mapping[str, str]
    file: BinaryIO
    path: Path
    length: int = 0
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def write(self, piece: bytes) -> bool:
        """Add to the body; False where it has grown too large or the disk refuses, and nothing will be kept."""
        self.length += len(piece)
        try:
            if self.length > self.kept.largest:
                raise OSError("larger than one answer may be")
            self.file.write(piece)
        except OSError:
            self.abandon()
            return False
        self.digest.update(piece)
        return True

    def commit(self) -> None:
        """Put the body in the place of what the question had before; make room for it."""
        about = {"etag": self.etag, "headers": dict(self.headers), "digest": self.digest.hexdigest()}
        line = json.dumps({**about, "length": self.length}).encode()
        try:
            self.file.write(line + _TAIL.pack(len(line), _MAGIC))
            self.file.close()
            self.path.replace(self.kept.folder / self.name)
        except OSError as error:
            _log.warning("an answer is not kept: %s", error)
            self.abandon()
            return
        self.kept.make_room()

    def abandon(self) -> None:
        with suppress(OSError):
            self.file.close()
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The folder of kept answers: of this user alone, and of ``limit`` bytes at most, whatever else is written."""

    folder: Path
    limit: int

    @classmethod
    def opened(cls, folder: Path | None, limit: int) -> Kept | None:
        """Use a folder; None, and a warning in the log, where it is not there and cannot be, or is open to others."""
        place = folder or default_folder()
        try:
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
            found = place.stat()
        except OSError as error:
            _log.warning("answers are not kept: %s", error)
            return None
        if os.name == "posix" and (found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077):
            _log.warning("answers are not kept: %s must be this user's own, with mode 700", place)
            return None
        return cls(folder=place, limit=limit)

    @property
    def largest(self) -> int:
        """The bytes of the largest body that is kept."""
        return self.limit // 4

    def find(self, name: str) -> Entry | None:
        """Open what is kept under *name*; None where nothing is that can be read."""
        path = self.folder / name
        try:
            file = path.open("rb")
        except OSError:
            return None
        try:
            about = _about(file)
            os.utime(path)  # used last
            return Entry(path=path, file=file, **about)
        except (OSError, ValueError, TypeError, struct.error):
            file.close()
            path.unlink(missing_ok=True)
            return None

    def drop(self, entry: Entry) -> None:
        """Remove an entry that is damaged."""
        _log.warning("a kept answer was damaged and is asked for again: %s", entry.path.name)
        entry.close()
        entry.path.unlink(missing_ok=True)

    def begin(self, name: str, etag: str, headers: Mapping[str, str]) -> Writer | None:
        """Begin to write a body; None where the disk refuses."""
        try:
            number, path = tempfile.mkstemp(prefix=".new-", dir=self.folder)
        except OSError as error:
            _log.warning("an answer is not kept: %s", error)
            return None
        file = os.fdopen(number, "wb")
        return Writer(kept=self, name=name, etag=etag, headers=headers, file=file, path=Path(path))

    def make_room(self) -> None:
        """Remove what was used longest ago, until the folder is within its limit."""
        entries = []
        for path in self.folder.iterdir():
            with suppress(FileNotFoundError):  # another process makes room too
                found = path.stat()
                if path.name.startswith(".new-") and time.time() - found.st_mtime > _LEFT_BEHIND:
                    path.unlink()
                else:
                    entries.append((found.st_mtime_ns, found.st_size, path))
        excess = sum(size for _, size, _ in entries) - self.limit
        for _, size, path in sorted(entries):
            if excess <= 0:
                return
            if not path.name.startswith(".new-"):
                path.unlink(missing_ok=True)
                excess -= size


def _about(file: BinaryIO) -> dict[str, Any]:
    """Read what an entry says of itself. Raises ValueError where it is none, or was cut."""
    size = file.seek(-_TAIL.size, os.SEEK_END) + _TAIL.size
    length, magic = _TAIL.unpack(file.read(_TAIL.size))
    if magic != _MAGIC or length > size - _TAIL.size:
        raise ValueError("not an entry")
    file.seek(size - _TAIL.size - length)
    about = json.loads(file.read(length))
    if about["length"] != size - _TAIL.size - length:
        raise ValueError("cut off")
    return {key: about[key] for key in ("etag", "headers", "length", "digest")}
