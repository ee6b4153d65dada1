"""``range[…]`` and ``lookup{…}``: partition values that are listed in the declaration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gateway.catalog.transforms.base import Spans, Transform, TransformError, WideSpans, dictionary, flat, known
from gateway.catalog.transforms.keys import (
    HIGHEST,
    LOWEST,
    Array,
    Dictionary,
    Key,
    KeyKind,
    Ordinals,
    Values,
    key_type,
    keys,
    less,
)
from gateway.catalog.transforms.values import read_texts

DEFAULT = "*"


@dataclass(frozen=True, slots=True)
class Range(Transform):
    """``range[a, b, c]``: half-open ranges between ascending bounds.

    The partition values are the texts ``..a`` (below a), ``a..b`` (from a, below b), ``b..c`` and ``c..`` (from c).
    NULL stays NULL.
    """

    bounds: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"range[{', '.join(self.bounds)}]"

    @property
    def labels(self) -> list[str]:
        """The partition values, ascending."""
        edges = ["", *self.bounds, ""]
        return [f"{low}..{high}" for low, high in pairwise(edges)]

    def problem(self, source_type: str) -> TransformError | None:
        kind = key_type(source_type)
        if kind is None or kind.kind in (KeyKind.BLOB, KeyKind.BOOLEAN, KeyKind.UUID):
            return TransformError(f"range is not defined for {source_type}")
        try:
            edges = self._edges(source_type)
        except TransformError as error:
            return error
        if any(not less(low, high) for low, high in pairwise(edges)):
            return TransformError(f"the bounds of {self.name} do not ascend as {source_type}")
        return None

    def result_type(self, source_type: str) -> str:
        return "VARCHAR"

    def apply(self, values: Values, source_type: str) -> Dictionary:
        indices, distinct = dictionary(flat(values, source_type))
        positions = pa.array(self._positions_of(keys(distinct, known(source_type)), source_type), pa.int32())
        return pa.DictionaryArray.from_arrays(positions.take(indices), pa.array(self.labels, pa.string()))

    def decode(self, texts: Array, source_type: str) -> Array:
        _positions(texts, self.labels, self.name)
        return texts

    def encode(self, values: Array, source_type: str) -> Array:
        return self.decode(values, source_type)

    def spans(self, texts: Array, source_type: str) -> Spans | WideSpans | None:
        kind = known(source_type)
        edges = self._edges(source_type)
        positions = _positions(texts, self.labels, self.name)
        if not kind.wide:
            lows = np.array([LOWEST, *edges], dtype=np.int64)
            highs = np.array([*(edge - 1 for edge in edges if isinstance(edge, int)), HIGHEST], dtype=np.int64)
            return Spans(lows[positions], highs[positions])
        least: Key = b"" if kind.kind is KeyKind.VARCHAR else kind.lowest
        starts, ends = [least, *edges], [*edges, None]
        chosen = positions.tolist()
        return WideSpans(
            [starts[p] for p in chosen], [ends[p] for p in chosen], np.zeros(len(positions), dtype=np.bool_)
        )

    def _edges(self, source_type: str) -> list[Key]:
        return keys(read_texts(pa.array(self.bounds, pa.string()), source_type), known(source_type))

    def _positions_of(self, found: Sequence[Key], source_type: str) -> list[int]:
        edges = self._edges(source_type)
        return [sum(not less(key, edge) for edge in edges) for key in found]


@dataclass(frozen=True, slots=True)
class LookupTransform(Transform):
    """``lookup{a: x, b: y, *: z}``: each source value has a declared partition value; ``*`` stands for all others.

    NULL stays NULL when the gateway writes; in files written elsewhere the ``*`` partition may hold NULLs too.
    """

    entries: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        return "lookup{" + ", ".join(f"{_quoted(source)}: {_quoted(value)}" for source, value in self.entries) + "}"

    @property
    def default(self) -> str | None:
        """The partition value of every source value that is not listed."""
        return dict(self.entries).get(DEFAULT)

    @property
    def labels(self) -> list[str]:
        """The distinct partition values, in the order of the declaration."""
        return list(dict.fromkeys(value for _, value in self.entries))

    def problem(self, source_type: str) -> TransformError | None:
        kind = key_type(source_type)
        if kind is None or kind.kind in (KeyKind.BLOB, KeyKind.DOUBLE):
            return TransformError(f"lookup is not defined for {source_type}")
        try:
            mapped = self._sources(source_type)
        except TransformError as error:
            return error
        if len({key for key, _ in mapped}) < len(mapped):
            return TransformError(f"{self.name} maps one {source_type} twice")
        return None

    def result_type(self, source_type: str) -> str:
        return "VARCHAR"

    def apply(self, values: Values, source_type: str) -> Dictionary:
        indices, distinct = dictionary(flat(values, source_type))
        positions = self.codes_of(keys(distinct, known(source_type)), source_type)
        if (positions < 0).any():
            stray = distinct[int(np.flatnonzero(positions < 0)[0])].as_py()
            raise TransformError(f"{self.name} does not map {stray!r}", "add it, or a '*' entry for all others")
        taken = pa.array(positions, pa.int32()).take(indices)
        return pa.DictionaryArray.from_arrays(taken, pa.array(self.labels, pa.string()))

    def decode(self, texts: Array, source_type: str) -> Array:
        _positions(texts, self.labels, self.name)
        return texts

    def encode(self, values: Array, source_type: str) -> Array:
        return self.decode(values, source_type)

    def codes(self, texts: Array, source_type: str) -> Ordinals | None:
        return _positions(texts, self.labels, self.name)

    def codes_of(self, keys: Sequence[Key], source_type: str) -> Ordinals:
        positions = {label: place for place, label in enumerate(self.labels)}
        mapped = {key: positions[label] for key, label in self._sources(source_type)}
        fallback = -1 if self.default is None else positions[self.default]
        return np.array([mapped.get(key, fallback) for key in keys], dtype=np.int64)

    def members(self, source_type: str) -> tuple[list[list[Key]], int]:
        """Return the listed source keys of each label, and which label also holds all others (-1: none)."""
        sources: dict[str, list[Key]] = {label: [] for label in self.labels}
        for key, label in self._sources(source_type):
            sources[label].append(key)
        return list(sources.values()), -1 if self.default is None else self.labels.index(self.default)

    def _sources(self, source_type: str) -> list[tuple[Key, str]]:
        listed = [entry for entry in self.entries if entry[0] != DEFAULT]
        texts = pa.array([source for source, _ in listed], pa.string())
        found = keys(read_texts(texts, source_type), known(source_type))
        return [(key, label) for key, (_, label) in zip(found, listed, strict=True)]


def _positions(texts: Array, labels: Sequence[str], name: str) -> Ordinals:
    positions: Array = pc.index_in(texts, pa.array(labels, pa.string()))
    if positions.null_count:
        bad = texts.filter(positions.is_null())[0].as_py()
        raise TransformError(f"{bad!r} is not a value of {name}", f"expected one of {', '.join(labels[:10])}")
    return np.asarray(positions, dtype=np.int64)


def _quoted(text: str) -> str:
    plain = text and text == text.strip() and not any(mark in text for mark in ",:{}'\"")
    return text if plain else '"' + text + '"'
