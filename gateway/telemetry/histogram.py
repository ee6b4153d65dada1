"""A histogram that takes many observations by one addition a bucket, which ``prometheus_client`` has not."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from math import inf
from threading import Lock
from typing import Any

from prometheus_client import values
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

Labels = tuple[str, ...]


class BatchHistogram(Collector):
    """A Prometheus histogram; register it in a registry. *buckets* are upper bounds, without that of infinity.

    Its values are those of ``prometheus_client``, so that workers that share metrics report it like any other.
    """

    def __init__(self, name: str, text: str, labels: Sequence[str], *, buckets: Sequence[float]) -> None:
        self._name, self._text, self._labels = name, text, tuple(labels)
        self._bounds = (*buckets, inf)
        self._lock = Lock()
        self._children: dict[Labels, _LabelledHistogram] = {}

    def observe(self, labels: Sequence[object], observed: Sequence[float]) -> None:
        """Add *observed* to the histogram of *labels*, values in the order of its labels."""
        child = self._child(tuple(str(label) for label in labels))
        child.total.inc(sum(observed))
        for place, times in Counter(bisect_left(self._bounds, value) for value in observed).items():
            child.buckets[place].inc(times)

    def describe(self) -> Iterator[HistogramMetricFamily]:
        """Yield the histogram without samples."""
        yield HistogramMetricFamily(self._name, self._text, labels=self._labels)

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Yield the histogram with its samples."""
        (family,) = self.describe()
        with self._lock:
            children = list(self._children.items())
        for labels, child in children:
            family.add_metric(labels, child.cumulated(self._bounds), child.total.get())
        yield family

    def _child(self, labels: Labels) -> _LabelledHistogram:
        with self._lock:
            child = self._children.get(labels)
            if child is None:
                child = self._children[labels] = _LabelledHistogram(
                    self._name, self._text, self._labels, labels, self._bounds
                )
            return child


class _LabelledHistogram:
    """The sum and the buckets of one combination of labels; each bucket counts for itself."""

    def __init__(self, name: str, text: str, names: Labels, labels: Labels, bounds: Sequence[float]) -> None:
        def value(suffix: str, *bound: str) -> Any:
            label_names = (*names, "le") if bound else names
            return values.ValueClass("histogram", name, name + suffix, label_names, (*labels, *bound), text)

        self.total = value("_sum")
        self.buckets = [value("_bucket", _text(bound)) for bound in bounds]

    def cumulated(self, bounds: Sequence[float]) -> list[tuple[str, float]]:
        """Return each bound with the number of observations up to it."""
        pairs, count = [], 0.0
        for bound, bucket in zip(bounds, self.buckets, strict=True):
            count += bucket.get()
            pairs.append((_text(bound), count))
        return pairs


def _text(bound: float) -> str:
    """Write an upper bound as Prometheus does.

    >>> _text(1), _text(inf)
    ('1.0', '+Inf')
    """
    return "+Inf" if bound == inf else str(float(bound))
