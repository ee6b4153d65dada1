"""An Arrow stream in pieces of any length is the stream."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from query_gateway_client.feed import Feed, StreamDamaged

PLAIN = pa.record_batch(
    {
        "id": pa.array([1, None, 3]),
        "word": pa.array(["a", "", None]).dictionary_encode(),
        "price": pa.array([Decimal("1.10"), None, Decimal("-2.00")], pa.decimal128(10, 2)),
        "tags": pa.array([["x"], [], None], pa.list_(pa.dictionary(pa.int8(), pa.string()))),
    }
)
WORDS = pa.array(["other", "a", "other"]).dictionary_encode()
OTHER = PLAIN.set_column(1, PLAIN.schema.field(1), WORDS)
ROWLESS = pa.record_batch({"nothing": pa.array([], pa.null())})
STREAMS: dict[str, list[Any]] = {
    "batches whose dictionaries change": [PLAIN, OTHER, PLAIN.slice(0, 0), PLAIN.slice(1, 1)],
    "a batch without rows": [ROWLESS],
    "a long batch": [pa.record_batch({"n": pa.array(range(20_000))})],
}


def written(batches: list[Any], *, left_out: int = 0) -> bytes:
    """Write the stream of *batches*, without the last *left_out* of them."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batches[0].schema) as writer:
        for batch in batches[: len(batches) - left_out]:
            writer.write_batch(batch)
    return sink.getvalue()


def fed(content: bytes, lengths: list[int]) -> tuple[Feed, list[Any]]:
    feed, batches, at = Feed(), [], 0
    for length in [*lengths, len(content)]:
        batches += feed.feed(content[at : at + length])
        at += length
    return feed, batches


@settings(max_examples=40)
@given(name=st.sampled_from(sorted(STREAMS)), lengths=st.lists(st.integers(0, 3_000), max_size=40))
def test_pieces_of_any_length_give_the_batches_that_were_written(name: str, lengths: list[int]) -> None:
    feed, batches = fed(written(STREAMS[name]), lengths)
    assert (feed.ended, feed.schema) == (True, STREAMS[name][0].schema)
    assert [batch.to_pylist() for batch in batches] == [batch.to_pylist() for batch in STREAMS[name]]


@settings(max_examples=40)
@given(kept=st.floats(0, 1, exclude_max=True), lengths=st.lists(st.integers(1, 500), max_size=20))
def test_a_stream_that_is_cut_has_not_ended_and_gives_whole_batches_alone(kept: float, lengths: list[int]) -> None:
    content = written(STREAMS["batches whose dictionaries change"])
    feed, batches = fed(content[: int(len(content) * kept)], lengths)
    expected = [batch.to_pylist() for batch in STREAMS["batches whose dictionaries change"]]
    assert (feed.ended, [batch.to_pylist() for batch in batches]) == (False, expected[: len(batches)])


def test_a_stream_of_columns_alone_ends() -> None:
    feed, batches = fed(written([PLAIN], left_out=1), [])
    assert (feed.ended, feed.schema, batches) == (True, PLAIN.schema, [])


@pytest.mark.parametrize("content", [b"<html>not a gateway</html>", b"\xff\xff\xff\xff\x10\0\0\0" + b"\xff" * 16])
def test_what_is_no_stream_is_refused(content: bytes) -> None:
    with pytest.raises(StreamDamaged):
        Feed().feed(content)


def test_a_message_that_claims_more_than_any_memory_is_refused() -> None:
    length = pa.ipc.read_message(PLAIN.select(["price"]).serialize()).body.size
    content = written([PLAIN.select(["price"])]).replace(length.to_bytes(8, "little"), (1 << 62).to_bytes(8, "little"))
    with pytest.raises(StreamDamaged, match="a part of"):
        Feed().feed(content)
