"""Content codings: negotiation and compression (RFC 9110, section 8.4)."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any

import pyarrow as pa
from werkzeug.datastructures import Accept

from gateway.encode import Format
from gateway.streaming import Chunk

IDENTITY = "identity"
CODINGS = ("zstd", "gzip")
"""Best first: zstd at its lowest level costs a third of gzip."""
COMPRESSED = frozenset({"parquet", "xlsx"})
"""Formats that are compressed in themselves."""


def choose_coding(accept: Accept, chosen: Format) -> str:
    """Choose how a body is compressed: by what the client likes best, and among equals by what costs least.

    >>> choose_coding(Accept([("gzip", 1), ("zstd", 1)]), Format(name="csv", media_type="text/csv"))
    'zstd'
    """
    if chosen.name in COMPRESSED:
        return IDENTITY
    best = max(CODINGS, key=accept.quality)
    wanted = accept.quality(best)
    return best if wanted > 0 and wanted >= _stated(accept, IDENTITY) else IDENTITY


def is_accepted(accept: Accept, coding: str) -> bool:
    """Tell whether a client takes a coding: none needs no mention, unless it is refused (RFC 9110, section 12.5.3).

    >>> is_accepted(Accept([("gzip", 1)]), IDENTITY), is_accepted(Accept([("gzip", 1), ("*", 0)]), IDENTITY)
    (True, False)
    """
    if coding != IDENTITY:
        return bool(accept.quality(coding) > 0)
    named = {name.lower(): float(weight) for name, weight in accept}
    return named.get(IDENTITY, named.get("*", 1.0)) > 0


def compress(body: bytes, coding: str) -> bytes:
    """Compress *body*."""
    if coding == IDENTITY:
        return body
    packed: bytes = _codec(coding).compress(body, asbytes=True)
    return packed


def compressed(chunks: Generator[Chunk], coding: str) -> Generator[bytes]:
    """Compress a body as it comes; the end mark is written only where *chunks* end without an error."""
    if coding == IDENTITY:
        with closing(chunks):
            for chunk in chunks:
                yield bytes(chunk)  # servers take nothing else
        return
    ready = _ChunkSink()
    packer = pa.CompressedOutputStream(pa.PythonFile(ready, "w"), "gzip" if coding == "gzip" else "zstd")
    with closing(chunks):
        for chunk in chunks:
            packer.write(chunk)
            yield from ready.taken()
    packer.close()
    yield from ready.taken()


class _ChunkSink(io.RawIOBase):
    """A file that hands on what was written to it."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._written.append(bytes(data))
        return len(data)

    def taken(self) -> Iterator[bytes]:
        """Return what was written since the last call, in one piece if there is any."""
        if self._written:
            piece = b"".join(self._written)
            self._written.clear()
            yield piece


def _codec(coding: str) -> pa.Codec:
    return pa.Codec("gzip", 1) if coding == "gzip" else pa.Codec("zstd", 3)


def _stated(accept: Accept, coding: str) -> float:
    """Return the weight that a client gives a coding by name; 0 where it does not name it."""
    return next((float(weight) for name, weight in accept if name.lower() == coding), 0.0)
