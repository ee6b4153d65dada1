"""What DuckDB's log says about an answer decides whether its bytes may be used; the log is written by hand here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import duckdb
import pytest

from gateway.engine.instance import S3Access
from gateway.engine.requests import RequestLog
from gateway.errors import FilesChanged
from gateway.model import FileVersion
from gateway.telemetry.events import Event, StoreRequested

X = FileVersion(path="s3://b/day=1/é x.parquet", size=10, etag='"1f-2"')
Y = FileVersion(path="s3://b/y.parquet", size=10, etag="33")
ACCESS = S3Access(endpoint="127.0.0.1:9", url_style="path", use_ssl=False)
URL = "http://127.0.0.1:9/b/day%3D1/%C3%A9%20x.parquet"


def answer(url: str = URL, etag: str | None = '"1f-2"', status: str = "OK_200") -> str:
    """Write an entry as DuckDB 1.5.5 does."""
    request = f"'request': {{'type': GET, 'url': '{url}', 'headers': {{Etag='\"request\"'}}, 'duration_ms': 1}}"
    header = "" if etag is None else f", Etag='{etag}'" if '"' in etag else f", ETag={etag}"
    headers = f"{{Accept-Ranges=bytes{header}, Seaweed-X-Amz-ETag=other, Date='Mon, 23 Nov 2026'}}"
    return f"{{{request}, 'response': {{'status': {status}, 'reason': OK, 'headers': {headers}}}}}"


def torn(reason: str) -> str:
    """Write the entry of an answer without headers, which is how DuckDB tells that its transfer failed."""
    return f"{{'request': {{'url': '{URL}'}}, 'response': {{'status': OK_200, 'reason': {reason}, 'headers': {{}}}}}}"


class Bench:
    def __init__(self, full: int = 1000) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("CALL enable_logging('HTTP')")
        self.events: list[Event] = []
        self.log = RequestLog(self.connection, ACCESS, full=full, observe=self.events.append)

    def query(self) -> tuple[duckdb.DuckDBPyConnection, int]:
        cursor = self.connection.cursor()
        row = cursor.execute("SELECT current_connection_id()").fetchone()
        assert row is not None
        return cursor, int(row[0])


def say(cursor: duckdb.DuckDBPyConnection, message: str) -> None:
    values = {"message": message}
    cursor.execute("SELECT write_log($message, level := 'DEBUG', log_type := 'HTTP')", values).fetchall()


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.log.close()
    made.connection.close()


@pytest.mark.parametrize(
    "message",
    [
        answer(),
        answer(status="PartialContent_206"),
        answer(etag='W/"1f-2"'),
        answer(etag="1f-2"),
        answer(etag='"other"', status="NotFound_404"),
        answer(url="http://127.0.0.1:9/b/?encoding-type=url&list-type=2&prefix=x", etag=None),
        f"{{'request': {{'type': GET, 'url': '{URL}'}}, 'response': NULL}}",
        torn("Failure when receiving data from the peer"),
        torn("Transferred a partial file"),
    ],
)
def test_answers_of_the_version_asked_for_are_confirmed(bench: Bench, message: str) -> None:
    cursor, number = bench.query()
    bench.log.enter(number, [Y, X])
    say(cursor, message)
    bench.log.confirm(number)
    bench.log.leave(number)
    assert bench.log.edition(X) == 0


def test_a_query_is_told_how_many_requests_it_has_sent(bench: Bench) -> None:
    (one, first), (other, second) = bench.query(), bench.query()
    bench.log.enter(first, [X])
    bench.log.enter(second, [X])
    for cursor in (one, other, one):
        say(cursor, answer())
    say(one, answer(status="ServiceUnavailable_503"))
    assert (bench.log.confirm(first), bench.log.confirm(second)) == (3, 1)
    say(one, answer())
    assert (bench.log.confirm(first), bench.log.confirm(second)) == (4, 1)


@pytest.mark.parametrize(
    "message",
    [
        answer(etag='"1f-3"'),
        answer(etag=None),
        answer(etag='"1f-3"', status="PartialContent_206"),
        answer(url="http://127.0.0.1:9/b/another.parquet"),
        "{'response': {'status': OK_200}}",
        torn("Partial Content"),
    ],
)
def test_an_answer_of_another_version_is_refused_and_its_address_retired(bench: Bench, message: str) -> None:
    cursor, number = bench.query()
    bench.log.enter(number, [X])
    say(cursor, answer())
    say(cursor, message)
    with pytest.raises(FilesChanged):
        bench.log.confirm(number)
    bench.log.leave(number)
    assert bench.log.edition(X) > 0


def test_a_query_that_shares_the_file_with_the_one_that_was_misled_is_refused_too(bench: Bench) -> None:
    misled, one = bench.query()
    _, two = bench.query()
    _, three = bench.query()
    bench.log.enter(one, [X])
    bench.log.enter(two, [X, Y])
    bench.log.enter(three, [Y])
    say(misled, answer(etag='"1f-3"'))
    with pytest.raises(FilesChanged):
        bench.log.confirm(two)
    bench.log.confirm(three)


def test_a_misled_query_that_nobody_confirms_still_retires_the_address(bench: Bench) -> None:
    cursor, number = bench.query()
    bench.log.enter(number, [X])
    say(cursor, answer(etag='"1f-3"'))
    bench.log.leave(number)
    assert bench.log.edition(X) > 0
    _, later = bench.query()
    bench.log.enter(later, [X])
    bench.log.confirm(later)


def test_the_log_is_emptied_when_nothing_runs(bench: Bench) -> None:
    cursor, number = bench.query()
    bench.log.enter(number, [X])
    say(cursor, answer())
    bench.log.leave(number)
    assert bench.connection.execute("SELECT count(*) FROM duckdb_logs").fetchone() == (0,)
    bench.log.enter(number, [X])
    say(cursor, answer(etag='"1f-3"'))
    with pytest.raises(FilesChanged):
        bench.log.confirm(number)


def test_a_full_log_is_emptied_and_what_runs_must_run_again() -> None:
    bench = Bench(full=5)
    cursor, one = bench.query()
    _, two = bench.query()
    bench.log.enter(one, [X])
    bench.log.enter(two, [Y])
    for _ in range(6):
        say(cursor, answer())
    bench.log.leave(one)
    with pytest.raises(FilesChanged):
        bench.log.confirm(two)
    bench.log.close()
    bench.connection.close()


def test_requests_are_counted_by_kind_and_status(bench: Bench) -> None:
    cursor, connection = bench.query()
    bench.log.enter(connection, [X])
    head = answer().replace("'type': GET", "'type': HEAD")
    for message in (head, answer(), answer(), answer(f"{URL}?list-type=2"), answer(status="ServiceUnavailable_503")):
        say(cursor, message)
    say(cursor, f"{{'request': {{'url': '{URL}'}}}}")
    with suppress(FilesChanged):
        bench.log.confirm(connection)
    counted = {
        (event.kind, event.status): event.requests for event in bench.events if isinstance(event, StoreRequested)
    }
    assert counted == {
        ("head", "200"): 1,
        ("get", "200"): 2,
        ("list", "200"): 1,
        ("get", "503"): 1,
        ("other", "none"): 1,
    }
