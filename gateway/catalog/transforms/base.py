"""The interface of a partition transform: for the writer, for folder names, and for selection."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gateway.catalog.transforms.keys import Array, Dictionary, Key, KeyKind, KeyType, Ordinals, Values, key_type
from gateway.catalog.transforms.moments import read_moments
from gateway.model import Value


class TransformError(Exception):
    """A transform is misspelt, does not fit its source, or meets a value or folder that it cannot map."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Spans:
    """For each of n partition values, the closed interval of 64-bit source keys that its rows lie in."""

    lo: Ordinals
    hi: Ordinals


@dataclass(frozen=True, slots=True)
class WideSpans:
    """The same for wide keys, half open: ``[lo, end)``; ``end`` None is unbounded.

    ``point`` marks a single key, ``lo``, whose ``end`` is not read.
    """

    lo: Sequence[Key]
    end: Sequence[Key | None]
    point: npt.NDArray[np.bool_]


class Transform(ABC):
    """How a partition column derives from its source column. Immutable; made by ``parse_transform``."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The canonical text of the declaration, e.g. ``bucket[16]``."""

    @abstractmethod
    def problem(self, source_type: str) -> TransformError | None:
        """Return why a source of this DuckDB type does not fit; None if it does."""

    def accepts(self, source_type: str) -> bool:
        """Return whether the transform is defined for a source of this DuckDB type."""
        return self.problem(source_type) is None

    @abstractmethod
    def result_type(self, source_type: str) -> str:
        """Return the DuckDB type that the partition column has in SQL."""

    @abstractmethod
    def apply(self, values: Values, source_type: str) -> Dictionary:
        """Return the folder text of every value (dictionary of strings; null for NULL), not percent-encoded.

        *values* are cast to the Arrow type of *source_type* first. Raises ``TransformError`` where a value has no
        partition.
        """

    @abstractmethod
    def decode(self, texts: Array, source_type: str) -> Array:
        """Turn folder texts (strings, no null) into partition values, in the Arrow type of ``result_type``.

        Raises ``TransformError`` where a text is not one that the transform makes.
        """

    @abstractmethod
    def encode(self, values: Array, source_type: str) -> Array:
        """Turn partition values (no null) into folder texts: the inverse of ``decode``."""

    def makes_empty_texts(self, source_type: str) -> bool:
        """Return whether a folder text may be empty: Hive and Spark write such rows to the folder of NULL."""
        return False

    def parse(self, text: str, source_type: str) -> Value:
        """Turn one folder text into the partition column's value. Raises ``TransformError``."""
        value: Any = self.decode(pa.array([text], pa.string()), source_type)[0].as_py()
        return UUID(value) if known(self.result_type(source_type)).kind is KeyKind.UUID else value

    def format(self, value: Value, source_type: str) -> str:
        """Turn one partition value into its folder text: the inverse of ``parse``."""
        given = str(value) if isinstance(value, UUID) else value
        text: str = self.encode(pa.array([given], known(self.result_type(source_type)).arrow), source_type)[0].as_py()
        return text

    def spans(self, texts: Array, source_type: str) -> Spans | WideSpans | None:
        """Return the interval of source keys behind each folder text; None if the transform keeps no order."""
        return None

    def codes(self, texts: Array, source_type: str) -> Ordinals | None:
        """Return a code for each folder text, comparable with ``codes_of``; None if equality says nothing."""
        return None

    def codes_of(self, keys: Sequence[Key], source_type: str) -> Ordinals:
        """Return, for source keys, the code of the partition that holds them (-1: no partition can)."""
        raise TransformError(f"{self.name} maps no key to a code")


def known(type_name: str) -> KeyType:
    """Look up a type that a transform has accepted. Raises ``TransformError`` for any other."""
    found = key_type(type_name)
    if found is None:
        raise TransformError(f"no transform is defined for {type_name}")
    return found


def flat(values: Values, source_type: str) -> Array:
    """Return *values* as one array in the Arrow type of *source_type*. Raises ``TransformError``."""
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks)
    try:
        return cast_text(whole, known(source_type)) if pa.types.is_string(whole.type) else _cast(whole, source_type)
    except pa.ArrowInvalid as error:
        raise TransformError(f"a value does not fit {source_type}: {error}") from error


def cast_text(texts: Array, kind: KeyType) -> Array:
    """Read texts as values of a type. Raises ``pyarrow.ArrowInvalid``."""
    if kind.kind in (KeyKind.DATE, KeyKind.TIMESTAMP, KeyKind.TIMESTAMPTZ):
        return read_moments(texts, kind)
    return texts if kind.kind in (KeyKind.VARCHAR, KeyKind.UUID) else texts.cast(kind.arrow)


def _cast(values: Array, source_type: str) -> Array:
    kind = known(source_type)
    if kind.kind is KeyKind.UUID and pa.types.is_fixed_size_binary(values.type):
        return pa.array([None if v is None else str(UUID(bytes=v)) for v in values.to_pylist()], pa.string())
    return values if values.type == kind.arrow else values.cast(kind.arrow)


def dictionary(values: Array) -> tuple[Array, Array]:
    """Split an array into int32 indices (null at nulls) and its distinct values."""
    encoded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    return encoded.indices, encoded.dictionary
