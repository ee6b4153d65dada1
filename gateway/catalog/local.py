"""Finds local files whose names obstore refuses: those with a tab, a line break or another control character."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.errors import StorageFailed


def walked(root: str, prefix: str | None = None) -> Iterator[dict[str, Any]]:
    """List the files below a folder (or below *prefix* in it) as obstore does: path, size, ETag, time in µs.

    Raises ``StorageFailed`` for a name that is no UTF-8, and ``OSError``.
    """
    for folder, _, names in os.walk(os.path.join(root, prefix or ""), followlinks=True):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), root)
            try:
                path.encode()
            except UnicodeEncodeError as error:
                raise StorageFailed(f"The name of a file is not UTF-8: {path!a}.") from error
            try:
                status = os.stat(os.path.join(folder, name))
            except FileNotFoundError:
                continue  # removed meanwhile, or a link to nothing
            micros = status.st_mtime_ns // 1000
            yield {"path": path, "size": status.st_size, "e_tag": _etag(status), "last_modified": micros}


def read(root: str, path: str, *, etag: str, start: int, end: int) -> bytes:
    """Read a range of a file, if it is still the version with that ETag. Raises ``FileNotFoundError``."""
    with Path(root, path).open("rb") as file:
        if etag and _etag(os.fstat(file.fileno())) != etag:
            raise FileNotFoundError(path)
        file.seek(start)
        return file.read(end - start)


def _etag(status: os.stat_result) -> str:
    return f'"{status.st_ino:x}-{status.st_mtime_ns // 1000:x}-{status.st_size:x}"'
