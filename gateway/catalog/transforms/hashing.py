"""``bucket[N]``: murmur3 (x86, 32 bits) of the value modulo N, as the Iceberg table spec defines it (Appendix B)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mmh3
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gateway.catalog.transforms.base import Transform, TransformError, dictionary, flat, known
from gateway.catalog.transforms.keys import (
    Array,
    Dictionary,
    Key,
    KeyKind,
    KeyType,
    Ordinals,
    Values,
    key_type,
    keys,
    ordinals,
)

Words = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Bucket(Transform):
    """``bucket[N]``. The partition value is the bucket number, 0 to N-1; NULL stays NULL."""

    count: int

    @property
    def name(self) -> str:
        return f"bucket[{self.count}]"

    def problem(self, source_type: str) -> TransformError | None:
        kind = key_type(source_type)
        if (
            kind is None
            or kind.kind in (KeyKind.BOOLEAN, KeyKind.DOUBLE)
            or source_type.upper() in ("UBIGINT", "HUGEINT")
        ):
            return TransformError(
                f"bucket does not hash {source_type}",
                "integers up to 64 bits, decimals, dates, times, timestamps, VARCHAR, BLOB and UUID can be bucketed",
            )
        return None

    def result_type(self, source_type: str) -> str:
        return "INTEGER"

    def apply(self, values: Values, source_type: str) -> Dictionary:
        kind = known(source_type)
        array = flat(values, source_type)
        texts = pa.array([str(number) for number in range(self.count)], pa.string())
        if kind.kind in _HASHED_AS_LONG:
            hashed = self._numbers(hash_longs(_as_long(ordinals(array, kind), kind)))
            return pa.DictionaryArray.from_arrays(pa.array(hashed, pa.int32(), mask=_nulls(array)), texts)
        indices, distinct = dictionary(array)
        numbers = pa.array(self.codes_of(keys(distinct, kind), source_type), pa.int32())
        return pa.DictionaryArray.from_arrays(numbers.take(indices), texts)

    def decode(self, texts: Array, source_type: str) -> Array:
        try:
            numbers = texts.cast(pa.int32())
        except pa.ArrowInvalid as error:
            raise TransformError(f"not a bucket number: {error}") from error
        plain = np.asarray(numbers)
        if len(plain) and not (plain.min() >= 0 and plain.max() < self.count):
            raise TransformError(f"a bucket number is not in 0 to {self.count - 1}")
        return numbers

    def encode(self, values: Array, source_type: str) -> Array:
        return values.cast(pa.string())

    def codes(self, texts: Array, source_type: str) -> Ordinals | None:
        return np.asarray(self.decode(texts, source_type), dtype=np.int64)

    def codes_of(self, keys: Sequence[Key], source_type: str) -> Ordinals:
        return self._numbers(_hash_keys(keys, known(source_type))).astype(np.int64)

    def _numbers(self, hashes: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        return (_counted(hashes) % np.int32(self.count)).astype(np.int32)


def hashes(values: Values, source_type: str) -> Ordinals:
    """Return what buckets are the remainders of: the hash of each value that is not NULL, as a number from 0.

    Raises ``TransformError``.
    """
    kind = known(source_type)
    array = flat(values, source_type).drop_null()
    if kind.kind in _HASHED_AS_LONG:
        found = hash_longs(_as_long(ordinals(array, kind), kind))
    else:
        found = _hash_keys(keys(array, kind), kind)
    return _counted(found).astype(np.int64)


def _hash_keys(keys: Sequence[Key], kind: KeyType) -> npt.NDArray[np.int32]:
    return np.array([mmh3.hash(_hashed_bytes(key, kind), 0, True) for key in keys], dtype=np.int32)


def _counted(hashes: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Return hashes as numbers from 0."""
    return hashes & np.int32(0x7FFFFFFF)


_HASHED_AS_LONG = (KeyKind.INTEGER, KeyKind.DATE, KeyKind.TIME, KeyKind.TIMESTAMP, KeyKind.TIMESTAMPTZ)


def _nulls(array: Array) -> npt.NDArray[np.bool_]:
    return np.asarray(array.is_null(), dtype=np.bool_)


def _as_long(values: Ordinals, kind: KeyType) -> Ordinals:
    """Return what is hashed of 64-bit keys: timestamps of any unit hash as µs."""
    if kind.per_second > 10**6:
        return values // (kind.per_second // 10**6)
    return values * (10**6 // kind.per_second) if kind.per_second else values


def _hashed_bytes(key: Key, kind: KeyType) -> bytes:
    if isinstance(key, bytes):
        return key
    if kind.kind is KeyKind.UUID:
        return key.to_bytes(16, "big")
    if kind.kind is KeyKind.DECIMAL:
        return key.to_bytes(((key if key >= 0 else ~key).bit_length() + 8) // 8, "big", signed=True)
    if kind.per_second > 10**6:
        key //= kind.per_second // 10**6
    elif kind.per_second:
        key *= 10**6 // kind.per_second
    return key.to_bytes(8, "little", signed=True)


def hash_longs(values: Ordinals) -> npt.NDArray[np.int32]:
    """Return murmur3 x86 32 (seed 0) of 64-bit integers in little-endian order, vectorised.

    >>> [int(h) for h in hash_longs(np.array([34]))]
    [2017239379]
    """
    words = np.ascontiguousarray(values, dtype="<i8").view("<u4").reshape(-1, 2)
    with np.errstate(over="ignore"):
        state = _mix(np.zeros(len(words), np.uint32), words[:, 0])
        state = _mix(state, words[:, 1]) ^ np.uint32(8)
        state ^= state >> np.uint32(16)
        state *= np.uint32(0x85EBCA6B)
        state ^= state >> np.uint32(13)
        state *= np.uint32(0xC2B2AE35)
        state ^= state >> np.uint32(16)
    return state.view(np.int32)


def _mix(state: Words, block: Words) -> Words:
    block = _rotate(block * np.uint32(0xCC9E2D51), 15) * np.uint32(0x1B873593)
    return _rotate(state ^ block, 13) * np.uint32(5) + np.uint32(0xE6546B64)


def _rotate(words: Words, bits: int) -> Words:
    return (words << np.uint32(bits)) | (words >> np.uint32(32 - bits))
