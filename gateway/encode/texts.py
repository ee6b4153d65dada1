"""Searches and changes the bytes of all texts of an array at once, by numpy, which releases the interpreter lock too.

Kernels of Arrow that look for a pattern do it row by row; most columns have nothing to be found.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from gateway.encode.arrays import Array, pc

Bytes = Any
"""A numpy array of ``uint8``: bytes, or one flag for each."""
LARGEST = 2**31 - 1
"""Bytes that a text array can have."""


def among(marks: bytes, old: Bytes) -> Bytes:
    """Tell of each byte whether it is one of *marks*: some comparisons are faster than one table."""
    flags = old == marks[0]
    for mark in marks[1:]:
        flags |= old == mark
    return flags


def whole(texts: Array) -> Array:
    """Return texts that are no window into a larger array, as the functions here need them."""
    return texts if texts.offset == 0 else pa.concat_arrays([texts])


def bounds(texts: Array) -> Any:
    """Return where each text begins in the bytes that ``content`` returns, and where the last one ends."""
    if len(texts) == 0:
        return np.zeros(1, np.int32)
    offsets = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1)
    return offsets if offsets[0] == 0 else offsets - offsets[0]


def content(texts: Array) -> Bytes:
    """Return the bytes of all texts, without a copy."""
    if len(texts) == 0 or texts.buffers()[2] is None:
        return np.zeros(0, np.uint8)
    offsets = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1)
    return np.frombuffer(texts.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]


def taken(texts: Array) -> memoryview:
    """Return the bytes of all texts, one after the other, without a copy."""
    texts = whole(texts)
    data = texts.buffers()[2]
    if len(texts) == 0 or data is None:
        return memoryview(b"")
    offsets = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1)
    return memoryview(data).cast("B")[offsets[0] : offsets[-1]]


def has(texts: Array, mark: str) -> bool:
    """Tell whether any text has *mark*, of one byte."""
    return bool((content(texts) == ord(mark)).any())


def inserted(texts: Array, places: Any, mark: str, starts: Any, within: Bytes | None = None) -> Array:
    """Insert *mark*, of one byte, before the bytes at *places*, in order; *starts* are the new bounds of the texts.

    *within* takes the place of the bytes of the texts.
    """
    old = content(texts) if within is None else within
    size = len(old) + len(places)
    if size > LARGEST:
        raise pa.ArrowCapacityError(f"A column's texts take {size} bytes, which is more than {LARGEST}.")
    new, kept = np.full(size, ord(mark), np.uint8), np.ones(size, np.bool_)
    kept[places + np.arange(len(places))] = False
    new[kept] = old
    return made(texts, starts, new)


def made(texts: Array, starts: Any, new: Bytes) -> Array:
    """Make an array of other bytes, null where *texts* are."""
    valid = texts.buffers()[0] if texts.null_count else None
    buffers = [valid, pa.py_buffer(starts.astype(np.int32)), pa.py_buffer(new)]
    return pa.Array.from_buffers(pa.string(), len(texts), buffers)


def after_nothing(texts: Array) -> Array:
    """Put an empty text before *texts*, none of which is null, without a copy of their bytes."""
    ends = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1)
    starts: Any = np.concatenate([ends[:1], ends])
    return pa.Array.from_buffers(pa.string(), len(texts) + 1, [None, pa.py_buffer(starts), texts.buffers()[2]])


def gathered(members: Array, lengths: Any, closing: str) -> Array:
    """Concatenate as many members for each row as *lengths* tells; each ends with a comma, the last with *closing*.

    A row of no members is *closing* alone. *members* are changed in place: they must be no one else's.
    """
    members = whole(members)
    ends, empty = bounds(members)[np.cumsum(lengths)], lengths == 0
    content(members)[ends[~empty] - 1] = ord(closing)
    starts: Any = np.concatenate([[0], ends])
    buffers = [None, pa.py_buffer(starts.astype(np.int32)), members.buffers()[2]]
    texts = pa.Array.from_buffers(pa.string(), len(lengths), buffers)
    if not empty.any():
        return texts
    return inserted(texts, ends[empty], closing, starts + np.concatenate([[0], np.cumsum(empty)]))


def joined_by_row(*parts: Array | str, null: str) -> Array:
    """Concatenate texts row by row; scalars are repeated in every row, and *null* is written for a null."""
    merged: list[Array | str] = []
    for part in parts:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        else:
            merged.append(part)
    return pc.binary_join_element_wise(*merged, "", null_handling="replace", null_replacement=null)
