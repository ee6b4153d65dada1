"""Content codings: which one a client takes, and the compressing (RFC 9110, section 8.4)."""

from __future__ import annotations

import pyarrow as pa
from werkzeug.datastructures import Accept

from gateway.encode import Format

IDENTITY = "identity"
_CODINGS = ("zstd", "gzip")
"""Best first: zstd at its lowest level costs a third of gzip."""
_COMPRESSED = frozenset({"parquet"})
"""Formats that are compressed in themselves."""


def choose_coding(accept: Accept, chosen: Format) -> str:
    """Choose how a body is compressed: by what the client likes best, and among equals by what costs least.

    >>> choose_coding(Accept([("gzip", 1), ("zstd", 1)]), Format(name="csv", media_type="text/csv"))
    'zstd'
    """
    if chosen.name in _COMPRESSED:
        return IDENTITY
    best = max(_CODINGS, key=accept.quality)
    wanted = accept.quality(best)
    return best if wanted > 0 and wanted >= _stated(accept, IDENTITY) else IDENTITY


def compress(body: bytes, coding: str) -> bytes:
    """Compress *body*."""
    if coding == IDENTITY:
        return body
    packed: bytes = _codec(coding).compress(body, asbytes=True)
    return packed


def _codec(coding: str) -> pa.Codec:
    return pa.Codec("gzip", 1) if coding == "gzip" else pa.Codec("zstd", 3)


def _stated(accept: Accept, coding: str) -> float:
    """Return the weight that a client gives a coding by name; 0 where it does not name it."""
    return next((float(weight) for name, weight in accept if name.lower() == coding), 0.0)
