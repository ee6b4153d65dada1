"""What a client makes of each thing that comes: heads, pieces, cuts and problems, without a network."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from query_gateway_client import Busy, ConnectionFailed, DeadlineExceeded, GatewayProblem, Retry, StreamCut
from query_gateway_client.question import Target
from query_gateway_client.retry import Attempts, Deadline
from query_gateway_client.transfer import ARROW, Next, Transfer

TABLE = pa.table({"id": range(1_000)})
STRONG = {"content-type": ARROW, "etag": '"a"'}
WEAK = {"content-type": ARROW, "etag": 'W/"a"'}


def body() -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, TABLE.schema) as writer:
        writer.write_table(TABLE, max_chunksize=100)
    return sink.getvalue()


BODY = body()


def transfer(*, times: int = 3, method: str = "GET", deadline: float | None = None) -> Transfer:
    attempts = Attempts(retry=Retry(times=times), deadline=Deadline(at=deadline, clock=lambda: 0.0))
    target = Target(method=method, path="/v1/queries/q/v1/result.arrow")
    return Transfer(target=target, attempts=attempts, base="http://gateway.example", silence=9, kept=None)


@settings(max_examples=60)
@given(cuts=st.lists(st.integers(0, len(BODY)), max_size=8), ranges=st.booleans(), seed=st.randoms())
def test_a_body_that_is_cut_again_and_again_is_the_body(cuts: list[int], ranges: bool, seed: Any) -> None:
    """With parts, or where the gateway sends the whole of the same bytes again."""
    going, found = transfer(times=10), []
    for stop in [*cuts, len(BODY)]:
        if going.done:
            break
        asked = going.request().headers
        had = int(asked["Range"][6:-1]) if "Range" in asked else 0
        assert (had, asked.get("If-Range")) == (going.feed.received, '"a"' if had else None)
        start = had if ranges else 0
        part = {"content-range": f"bytes {start}-"} if ranges and had else {}
        assert going.opened(206 if part else 200, {**STRONG, **part}) is Next.BODY
        for piece in pieces(BODY[start : max(stop, start)], seed):
            found += going.received(piece)
        if stop < len(BODY) and not going.feed.ended:
            going.cut(ConnectionError("cut"))
        else:
            going.finished()
    assert (going.done, pa.Table.from_batches(found)) == (True, TABLE)


def pieces(content: bytes, chance: Any) -> list[bytes]:
    length = chance.randint(1, 3_000)
    return [content[start : start + length] for start in range(0, len(content), length)]


@pytest.mark.parametrize(("headers", "method"), [(WEAK, "GET"), (STRONG, "POST"), ({"content-type": ARROW}, "GET")])
def test_what_has_no_strong_tag_is_not_gone_on_with(headers: dict[str, str], method: str) -> None:
    going = transfer(method=method)
    going.opened(200, headers)
    rows = sum(batch.num_rows for batch in going.received(BODY[: len(BODY) // 2]))
    with pytest.raises(StreamCut) as caught:
        going.cut(ConnectionError("cut"))
    assert 0 < rows == caught.value.rows


@pytest.mark.parametrize(
    ("status", "headers"),
    [(200, {**STRONG, "etag": '"b"'}), (206, {**STRONG, "content-range": "bytes 0-9/10"}), (206, STRONG)],
)
def test_another_answer_is_not_gone_on_with(status: int, headers: dict[str, str]) -> None:
    going = transfer()
    going.opened(200, STRONG)
    going.received(BODY[:1_000])
    going.cut(ConnectionError("cut"))
    with pytest.raises(StreamCut):
        going.opened(status, headers)


def test_a_body_that_a_proxy_ended_early_is_not_whole() -> None:
    going = transfer(times=0)
    going.opened(200, STRONG)
    going.received(BODY[:-8])
    with pytest.raises(ConnectionFailed, match="ended before the stream did"):
        going.finished()


def test_failures_in_a_row_are_counted_and_anew_when_something_came() -> None:
    going, broken = transfer(times=2), ConnectionError("cut")
    going.cut(broken)
    going.cut(broken)
    going.opened(200, STRONG)
    going.received(BODY[:10])
    going.cut(broken)
    going.cut(broken)
    with pytest.raises(ConnectionFailed):
        going.cut(broken)


def problem(status: int, code: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    document = {"type": f"/errors/{code}", "title": "Title", "status": status, "request_id": "r1"}
    return status, {"content-type": "application/problem+json", **headers}, json.dumps(document).encode()


@pytest.mark.parametrize(
    ("status", "code"), [(408, "request-timeout"), (429, "quota-exceeded"), (502, "engine-failed"), (503, "queue-full")]
)
def test_what_may_succeed_later_is_asked_again(status: int, code: str) -> None:
    assert 2.0 < transfer().refused(*problem(status, code, **{"retry-after": "2"})) < 3.0


@pytest.mark.parametrize(
    ("status", "code"),
    [(502, "value-misfit"), (504, "deadline-exceeded"), (500, "internal-error"), (410, "split-gone")],
)
def test_what_stays_is_raised(status: int, code: str) -> None:
    with pytest.raises(GatewayProblem, match=f"{status} {code}.*\n.*r1") as caught:
        transfer().refused(*problem(status, code))
    assert caught.value.code == code


def test_the_callers_limit_of_time_is_one_error_whoever_kept_it() -> None:
    late = transfer(deadline=0.0)
    with pytest.raises(DeadlineExceeded) as raised:
        late.refused(*problem(504, "deadline-exceeded"))
    assert isinstance(raised.value.__cause__, GatewayProblem)
    with pytest.raises(GatewayProblem):  # the gateway's own limit, which was shorter
        transfer(deadline=1.0).refused(*problem(504, "deadline-exceeded"))


def test_a_pause_that_is_too_long_is_not_waited_for() -> None:
    hour = problem(429, "quota-exceeded", **{"retry-after": "3600"})
    with pytest.raises(Busy) as caught:
        transfer().refused(*hour)
    assert caught.value.retry_after == 3_600
    with pytest.raises(DeadlineExceeded):
        transfer(deadline=1.5).refused(*problem(503, "queue-full", **{"retry-after": "2"}))


def test_a_version_that_goes_away_warns() -> None:
    with pytest.warns(FutureWarning, match="/v1/queries/q/v1 is deprecated, and ends on Sat"):
        transfer().opened(200, {**STRONG, "deprecation": "@1", "sunset": "Sat, 31 Jan 2026 00:00:00 GMT"})
