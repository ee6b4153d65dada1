"""Hashes by which Spark and Hive cut buckets, to tell them from Iceberg's: no transform goes by them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

_BITS = 0xFFFFFFFF


def spark(value: int | str, type_: str) -> int:
    """Hash as Spark's ``bucketBy`` does (murmur3 with seed 42): a signed number, whose remainder is from 0.

    Source: org.apache.spark.unsafe.hash.Murmur3_x86_32; texts that are no multiple of four bytes end otherwise there.

    >>> spark(1, "INTEGER"), spark(1, "BIGINT"), spark("abc", "VARCHAR")
    (-559580957, -1712319331, 1322437556)
    """
    if isinstance(value, str):
        raw = value.encode()
        whole = len(raw) - len(raw) % 4
        words = [int.from_bytes(raw[at : at + 4], "little") for at in range(0, whole, 4)]
        return _murmur([*words, *(byte - 256 * (byte > 127) for byte in raw[whole:])], len(raw))
    if type_ == "BIGINT":
        return _murmur([value & _BITS, (value >> 32) & _BITS], 8)
    return _murmur([value & _BITS], 4)


def _murmur(words: Sequence[int], length: int) -> int:
    state = 42
    for word in words:
        word = word * 0xCC9E2D51 & _BITS
        word = (word << 15 | word >> 17) * 0x1B873593 & _BITS
        state ^= word
        state = ((state << 13 | state >> 19) & _BITS) * 5 + 0xE6546B64 & _BITS
    state ^= length
    state = (state ^ state >> 16) * 0x85EBCA6B & _BITS
    state = (state ^ state >> 13) * 0xC2B2AE35 & _BITS
    state ^= state >> 16
    return state - (1 << 32) if state >> 31 else state


def hive(value: int | str, type_: str) -> int:
    """Hash as Hive's first bucketing does: a small number is its own hash, a text has that of Java's strings.

    Source: ObjectInspectorUtils.hashCode.

    >>> hive(7, "BIGINT"), hive("ab", "VARCHAR")
    (7, 3105)
    """
    if isinstance(value, str):
        found = 0
        for byte in value.encode():
            found = found * 31 + (byte - 256 * (byte > 127)) & _BITS
        return found & 0x7FFFFFFF
    return ((value ^ ((value & 0xFFFFFFFFFFFFFFFF) >> 32)) if type_ == "BIGINT" else value) & 0x7FFFFFFF


Hash = Callable[[int | str, str], int]
HASHES: Mapping[str, Hash] = {"Spark's hash": spark, "Hive's hash, or the remainder": hive}
TYPES = frozenset({"INTEGER", "BIGINT", "VARCHAR"})
"""Types of the columns that are tried."""
