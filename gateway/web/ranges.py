"""Byte ranges: which part of a body a request asks for (RFC 9110, section 14)."""

from __future__ import annotations

import re

from gateway.errors import RangeNotSatisfiable
from gateway.web.responses import Header

_ONE = re.compile(r"\s*bytes\s*=\s*(?:(\d+)-(\d*)|-(\d+))\s*", re.ASCII | re.IGNORECASE)
_LONGEST = 64
"""Characters of the longest ``Range`` that is read: two numbers of twenty digits have room in it."""


def is_one_range(field: str | None) -> bool:
    """Tell whether a ``Range`` field asks for one range of bytes; any other is ignored, as section 14.2 allows.

    >>> is_one_range("bytes=0-99"), is_one_range("bytes=-5"), is_one_range("bytes=0-1,5-6"), is_one_range("bytes=9-0")
    (True, True, False, False)
    """
    return field is not None and _parsed(field) is not None


def part_of(field: str, length: int) -> slice:
    """Return the part of a body of *length* bytes that *field*, which ``is_one_range``, asks for.

    The last bytes of an empty body are an empty part. Raises ``RangeNotSatisfiable`` where there is none.

    >>> part_of("bytes=-5", 100), part_of("bytes=90-200", 100)
    (slice(95, 100, None), slice(90, 100, None))
    """
    parsed = _parsed(field)
    assert parsed is not None
    first, last = parsed
    if first is None and last:
        return slice(max(length - last, 0), length)
    if first is not None and first < length:
        return slice(first, min(last + 1, length))
    raise RangeNotSatisfiable(f"The body has {length} bytes.", headers={"Content-Range": f"bytes */{length}"})


def content_range(part: slice, length: int) -> Header:
    """Say which part, of at least one byte, of a body of *length* bytes is sent.

    >>> content_range(slice(90, 100), 100)
    ('Content-Range', 'bytes 90-99/100')
    """
    return "Content-Range", f"bytes {part.start}-{part.stop - 1}/{length}"


def _parsed(field: str) -> tuple[int | None, int] | None:
    """Read the first and the last position; of a suffix None and its length. None where it is no single range."""
    found = _ONE.fullmatch(field) if len(field) <= _LONGEST else None
    if found is None:
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        return None, int(suffix)
    end = int(last) if last else 10**_LONGEST
    return (int(first), end) if int(first) <= end else None
