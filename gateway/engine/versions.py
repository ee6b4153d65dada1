"""Addresses of files that contain their version, and checks that what was read is that version.

DuckDB caches footers, blocks and HTTP metadata by address. With the version in the address its caches need no
revalidation, provided that nothing else was ever read under that address (``requests`` checks it).
``docs/internals/engine-s3-cache.md`` explains why, with measurements.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from urllib.parse import unquote

from gateway.engine.instance import BUCKETS, WILDCARDS
from gateway.errors import EngineFailed
from gateway.model import FileVersion

_BITS = 32
_STEPS = re.compile(r"/(?:\./|/)+")
"""Separators in the address of a local file that distinguish its versions."""


def is_remote(path: str) -> bool:
    """Return whether a path is in a bucket."""
    return path.startswith(BUCKETS)


def address(file: FileVersion, *, use_ssl: bool, edition: int = 0) -> str:
    """Return an address of *file* that is unique to its version, and to the *edition* of that version.

    In a bucket the version stands in a parameter of the URL that is given three times: DuckDB takes the first or
    the last, which are what it would use anyway. In a folder it is written in empty steps (``/./`` and ``//``).
    """
    version = f"{file.etag}|{file.size}|{edition}" + ("" if file.modified is None else f"|{file.modified}")
    digest = blake2b(version.encode(), digest_size=_BITS // 4).digest()
    if is_remote(file.path):
        if "?" in file.path:
            raise EngineFailed("A data file has a question mark in its name, which DuckDB cannot address.")
        ssl = f"s3_use_ssl={str(use_ssl).lower()}"
        return f"{file.path.translate(WILDCARDS)}?{ssl}&s3_use_ssl={digest.hex()}&{ssl}"
    folder, slash, name = file.path.rpartition("/")
    bits = f"{int.from_bytes(digest[: _BITS // 8]):0{_BITS}b}"
    return (folder + slash + bits.replace("0", "./").replace("1", "/") + name).translate(WILDCARDS)


def named(message: str, files: Iterable[FileVersion]) -> str | None:
    """Find the file that a message of DuckDB mentions, by an address that ``address`` made."""
    plain = _STEPS.sub("/", unquote(message))
    mentioned = [file.path for file in files if _STEPS.sub("/", file.path) in plain]
    return max(mentioned, key=len, default=None)


def opaque(etag: str) -> str:
    """Return the opaque part of an ETag: listings and headers differ in its quotes.

    >>> opaque('W/"33a6"')
    '33a6'
    """
    return etag.removeprefix("W/").strip('"')


def changed_in_folders(files: Iterable[FileVersion]) -> list[FileVersion]:
    """List the local *files* that are gone or of another version now."""
    return [file for file in files if file.etag and not is_remote(file.path) and _local_etag(file.path) != file.etag]


def in_buckets(files: Sequence[FileVersion]) -> list[FileVersion]:
    """List the *files* that are in a bucket and have an ETag to check."""
    return [file for file in files if file.etag and is_remote(file.path)]


def _local_etag(path: str) -> str | None:
    """Return the ETag that obstore lists for a file in a folder: inode, modification time in µs, size, in hex."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return f'"{found.st_ino:x}-{found.st_mtime_ns // 1000:x}-{found.st_size:x}"'
