"""``identity`` and ``truncate[W]``: partition values in the type of their source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gateway.catalog.transforms.base import (
    Spans,
    Transform,
    TransformError,
    WideSpans,
    cast_text,
    dictionary,
    flat,
    known,
)
from gateway.catalog.transforms.keys import (
    Array,
    Dictionary,
    Key,
    KeyKind,
    KeyType,
    Ordinals,
    Values,
    after_prefix,
    key_type,
    keys,
    ordinals,
    successor,
)
from gateway.catalog.transforms.moments import moment_texts


@dataclass(frozen=True, slots=True)
class Identity(Transform):
    """``identity``: the value itself."""

    @property
    def name(self) -> str:
        return "identity"

    def problem(self, source_type: str) -> TransformError | None:
        kind = key_type(source_type)
        if kind is None or kind.kind is KeyKind.BLOB:
            return TransformError(f"a column of type {source_type} cannot be a folder name")
        return None

    def result_type(self, source_type: str) -> str:
        return source_type

    def makes_empty_texts(self, source_type: str) -> bool:
        return known(source_type).kind is KeyKind.VARCHAR

    def apply(self, values: Values, source_type: str) -> Dictionary:
        indices, distinct = dictionary(flat(values, source_type))
        try:
            return pa.DictionaryArray.from_arrays(indices, value_texts(distinct, known(source_type)))
        except pa.ArrowInvalid as error:
            raise TransformError(f"a value has no text as {source_type}: {error}") from error

    def decode(self, texts: Array, source_type: str) -> Array:
        return read_texts(texts, source_type)

    def encode(self, values: Array, source_type: str) -> Array:
        return value_texts(values, known(source_type))

    def spans(self, texts: Array, source_type: str) -> Spans | WideSpans | None:
        return value_spans(self.decode(texts, source_type), known(source_type))


@dataclass(frozen=True, slots=True)
class Truncate(Transform):
    """``truncate[W]``: numbers rounded down to a multiple of W (decimals: of W units of the last digit), texts cut.

    Texts are cut after W code points, binaries after W bytes (Iceberg table spec, Truncate Transform Details).
    """

    width: int

    @property
    def name(self) -> str:
        return f"truncate[{self.width}]"

    def problem(self, source_type: str) -> TransformError | None:
        kind = key_type(source_type)
        if kind is None or kind.kind not in (KeyKind.INTEGER, KeyKind.DECIMAL, KeyKind.VARCHAR):
            return TransformError(f"truncate is not defined for {source_type}", "use integers, decimals or VARCHAR")
        return None

    def result_type(self, source_type: str) -> str:
        return source_type

    def makes_empty_texts(self, source_type: str) -> bool:
        return known(source_type).kind is KeyKind.VARCHAR

    def apply(self, values: Values, source_type: str) -> Dictionary:
        kind = known(source_type)
        array = flat(values, source_type)
        if kind.kind is KeyKind.VARCHAR:
            return pc.utf8_slice_codeunits(array, 0, self.width).dictionary_encode()
        indices, distinct = dictionary(array)
        cut = [key - key % self.width for key in keys(distinct, kind) if isinstance(key, int)]
        if cut and min(cut) < kind.lowest:
            raise TransformError(f"{self.name} of {min(cut)} is below the range of {source_type}")
        unique, positions = np.unique(np.array(cut, dtype=object), return_inverse=True)
        texts = pa.array([_number_text(key, kind) for key in unique], pa.string())
        return pa.DictionaryArray.from_arrays(pa.array(positions, pa.int32()).take(indices), texts)

    def decode(self, texts: Array, source_type: str) -> Array:
        values = read_texts(texts, source_type)
        kind = known(source_type)
        if kind.kind is KeyKind.VARCHAR:
            if (_lengths(values) > self.width).any():
                raise TransformError(f"a folder is longer than the {self.width} characters of {self.name}")
        elif any(isinstance(key, int) and key % self.width for key in keys(values, kind)):
            raise TransformError(f"a folder is not a multiple of {self.width}")
        return values

    def encode(self, values: Array, source_type: str) -> Array:
        return value_texts(values, known(source_type))

    def spans(self, texts: Array, source_type: str) -> Spans | WideSpans | None:
        kind = known(source_type)
        values = self.decode(texts, source_type)
        if kind.kind is not KeyKind.VARCHAR:
            lo = keys(values, kind)
            if kind.wide:
                return WideSpans(lo, [_above(key, self.width) for key in lo], np.full(len(lo), self.width == 1))
            hi = [min(_above(key, self.width) - 1, kind.highest) for key in lo]
            return Spans(np.array(lo, dtype=np.int64), np.array(hi, dtype=np.int64))
        prefixes = [text.encode() for text in values.to_pylist()]
        short = _lengths(values) < self.width
        ends = [successor(p) if s else after_prefix(p) for p, s in zip(prefixes, short.tolist(), strict=True)]
        return WideSpans(prefixes, ends, short)


def _lengths(texts: Array) -> Ordinals:
    """Count the code points of texts."""
    return np.asarray(pc.utf8_length(texts), dtype=np.int64)


def _above(key: Key, width: int) -> int:
    assert isinstance(key, int)
    return key + width


def read_texts(texts: Array, source_type: str) -> Array:
    """Read folder texts as values of a type. Raises ``TransformError`` naming the text that is none."""
    kind = known(source_type)
    try:
        values = cast_text(texts, kind)
        if kind.kind is KeyKind.UUID:
            return pa.array([str(UUID(text)) for text in values.to_pylist()], pa.string())
        return values
    except (pa.ArrowInvalid, ValueError) as error:
        raise TransformError(f"not a {source_type}: {error}") from error


def value_texts(values: Array, kind: KeyType) -> Array:
    """Write values as the engine's own cast to VARCHAR does, so that a folder reads as its value in SQL.

    Raises ``pyarrow.ArrowInvalid`` where it has no such text.
    """
    match kind.kind:
        case KeyKind.VARCHAR | KeyKind.UUID:
            return values
        case KeyKind.DATE | KeyKind.TIMESTAMP | KeyKind.TIMESTAMPTZ:
            return moment_texts(values, kind)
        case KeyKind.DOUBLE:
            return pc.add(values, pa.scalar(0.0, values.type)).cast(pa.string())  # -0.0 and 0.0 are one value
        case _:
            return values.cast(pa.string())


def _number_text(key: Key, kind: KeyType) -> str:
    assert isinstance(key, int)
    if not kind.scale:
        return str(key)
    digits = f"{abs(key):0{kind.scale + 1}d}"
    return f"{'-' if key < 0 else ''}{digits[: -kind.scale]}.{digits[-kind.scale :]}"


def value_spans(values: Array, kind: KeyType) -> Spans | WideSpans:
    """Return the one-key spans of values that stand for themselves."""
    if not kind.wide:
        points = ordinals(values, kind)
        return Spans(points, points)
    lo: Sequence[Key] = keys(values, kind)
    return WideSpans(lo, lo, np.ones(len(lo), dtype=np.bool_))
