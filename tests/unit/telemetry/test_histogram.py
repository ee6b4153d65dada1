"""The histogram of many observations at once says what that of ``prometheus_client`` says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from gateway.telemetry.histogram import BatchHistogram

BUCKETS = (0.001, 0.1, 1.0, 10.0)
LABELS = ("query", "version")
BATCHES = st.lists(
    st.tuples(
        st.tuples(st.sampled_from(["a", 'b"\\\n', ""]), st.integers(1, 2)),
        st.lists(st.sampled_from([0.0, 0.001, 0.0011, 0.1, 0.5, 1.0, 9.0, 10.0, 10.5, 1e9]), min_size=1, max_size=20),
    ),
    max_size=8,
)


def samples(registry: CollectorRegistry) -> dict[Any, float]:
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if not sample.name.endswith("_created")
    }


@given(batches=BATCHES)
def test_observations_taken_together_count_like_those_taken_singly(batches: list[Any]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    together = BatchHistogram("seconds", "Time.", LABELS, buckets=BUCKETS)
    ours.register(together)
    singly = Histogram("seconds", "Time.", LABELS, buckets=BUCKETS, registry=theirs)
    for labels, observed in batches:
        together.observe(labels, observed)
        for value in observed:
            singly.labels(*labels).observe(value)
    assert samples(ours) == pytest.approx(samples(theirs))


def test_it_is_written_as_a_histogram() -> None:
    registry = CollectorRegistry()
    histogram = BatchHistogram("seconds", "Time.", ("query",), buckets=(0.1, 1.0))
    registry.register(histogram)
    histogram.observe(["a"], [0.05, 0.1, 2.0])
    assert generate_latest(registry).decode().splitlines() == [
        "# HELP seconds Time.",
        "# TYPE seconds histogram",
        'seconds_bucket{le="0.1",query="a"} 2.0',
        'seconds_bucket{le="1.0",query="a"} 2.0',
        'seconds_bucket{le="+Inf",query="a"} 3.0',
        'seconds_count{query="a"} 3.0',
        'seconds_sum{query="a"} 2.15',
    ]
