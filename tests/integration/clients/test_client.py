"""The Python client against a running gateway, directly and through a proxy that fails on purpose."""

from __future__ import annotations

import asyncio
import multiprocessing
import pickle
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import duckdb
import httpx
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from fault_proxy import BUSY, BUSY_FOR, CUT, RESET, RESET_LATER, Asked, Fault, FaultProxy, Program, always, once, sound
from query_gateway_client import (
    AsyncClient,
    Busy,
    Client,
    ConnectionFailed,
    DeadlineExceeded,
    GatewayProblem,
    InvalidParameters,
    MissingLibrary,
    NotAllowed,
    NotFound,
    QuestionInvalid,
    Retry,
    StreamCut,
)
from query_gateway_client.transport import Urllib3Transport, transport_to
from readings import END, SCHEMA, START, make_project, rows

pytestmark = pytest.mark.gunicorn

SOON = Retry(times=5, first=0.001, longest=0.01)
LONG = 400_000
"""Rows of ``export`` that are more than 8 MiB, so that they are sent while they are computed the first time."""
TYPES = {
    "flag": "boolean",
    "small": "tinyint",
    "large": "bigint",
    "huge": "hugeint",
    "price": "decimal(18,4)",
    "level": "double",
    "day": "date",
    "at": "timestamp",
    "seen": "timestamptz",
    "word": "varchar",
    "key": "uuid",
    "wait": "interval",
    "words": "list[varchar]",
    "days": "list[date]",
    "numbers": "list[bigint]",
    "prices": "list[decimal(9,2)]",
}
_MORE = {"level": "nonfinite: true, "}
_LINES = [
    f"  {name}: {{type: '{kind}', optional: true, {_MORE.get(name, '')}description: of this type}}"
    for name, kind in TYPES.items()
]
ECHO = "\n".join(
    [
        "/*\nsummary: What was asked\nowner: tests\nparameters:",
        *_LINES,
        "  preset: {type: varchar, optional: true, default: unasked, description: with a default}",
        "examples:\n  - {word: x}\n*/",
        f"SELECT {', '.join(f'${name} AS {name}' for name in (*TYPES, 'preset'))}",
    ]
)
ODD = """\
/*
summary: Types that other libraries do not all have
owner: tests
*/
SELECT * FROM (VALUES
  (
    99999999999999999999999999999999999999::HUGEINT, INTERVAL '1 month 2 days', MAP {'a': 1}, {'x': [1, NULL]},
    TIME '05:00', '\\xAA'::BLOB, 'a'::ENUM ('a', 'b')
  ),
  (NULL, NULL, NULL, NULL, NULL, NULL, NULL)
) AS odd(huge, span, pairs, nested, clock, bytes, kind)
"""


@pytest.fixture(scope="module")
def server(serve_for_module: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    project = make_project(tmp_path_factory.mktemp("client"))
    for name, text in {"echo": ECHO, "odd": ODD}.items():
        (project / "queries" / name).mkdir()
        (project / "queries" / name / "v1.sql").write_text(text, encoding="utf-8")
    return serve_for_module(project, {"GATEWAY_STATE": str(tmp_path_factory.mktemp("state"))}, workers=1)


# Rows and their types.


def test_rows_come_in_the_types_of_the_query(qg: Client) -> None:
    answer = qg.read("readings", start=date.fromisoformat(START), end=datetime.fromisoformat(END))
    assert (answer.arrow().schema.remove_metadata(), answer.pylist()) == (SCHEMA, rows())
    assert (answer.about.rows, answer.about.version, answer.about.partitions, len(answer)) == (48, 1, "4/4", 48)


def test_each_library_has_the_rows(qg: Client) -> None:
    answer = qg.read("readings/v1", start=START, end=END)
    assert answer.polars().rows(named=True) == rows()
    assert answer.pandas()["price"].dtype == pd.ArrowDtype(pa.decimal128(10, 2))
    assert answer.pandas(dtype_backend="numpy")["level"].isna().sum() == 6
    total = sum(row["price"] for row in rows() if row["price"] is not None)
    assert answer.duckdb().aggregate("count(*), sum(price)").fetchall() == [(48, total)]
    with duckdb.connect() as connection:
        assert answer.duckdb(connection).filter("ok").count("id").fetchall() == [
            (sum(row["ok"] or 0 for row in rows()),)
        ]


def test_types_that_few_libraries_have_are_those_of_arrow(qg: Client) -> None:
    table = qg.read("odd").arrow()
    assert table.column("huge").to_pylist() == [Decimal(10**38 - 1), None]
    assert table.column("nested").to_pylist() == [{"x": [1, None]}, None]
    assert table.column("bytes").to_pylist() == [b"\xaa", None]
    assert table.column("kind").to_pylist() == ["a", None]
    assert qg.read("odd").duckdb().columns == table.column_names


def test_a_library_that_is_not_there_is_named(qg: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = qg.read("echo", word="x")
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MissingLibrary, match="pip install polars"):
        answer.polars()


# Parameters.

ASKED: dict[str, list[tuple[Any, Any]]] = {
    "flag": [(True, True), (np.bool_(False), False), (None, None)],
    "small": [(-128, -128), (np.int8(5), 5), (0, 0)],
    "large": [(2**63 - 1, 2**63 - 1), (-(2**53) - 1, -(2**53) - 1)],
    "price": [
        (Decimal("12.50"), Decimal("12.5000")),
        (Decimal("1E+3"), Decimal("1000.0000")),
        (Decimal("0E+2"), Decimal("0.0000")),
    ],
    "level": [
        (0.1, 0.1),
        (1e-300, 1e-300),
        (-0.0, -0.0),
        (float("inf"), float("inf")),
        (np.float64(2.5), 2.5),
        (7, 7.0),
    ],
    "day": [(date(1, 1, 1), date(1, 1, 1)), (np.datetime64("2013-01-31"), date(2013, 1, 31))],
    "at": [
        (datetime(2013, 1, 31, 17, 0, 0, 5), datetime(2013, 1, 31, 17, 0, 0, 5)),
        (date(2013, 1, 31), datetime(2013, 1, 31)),
        (pd.Timestamp("2013-01-31T17:00"), datetime(2013, 1, 31, 17)),
        (np.datetime64("2013-01-31T17:00", "us"), datetime(2013, 1, 31, 17)),
    ],
    "seen": [
        (datetime(2013, 1, 31, 17, tzinfo=UTC), datetime(2013, 1, 31, 17, tzinfo=ZoneInfo("UTC"))),
        (
            datetime(2013, 1, 31, 17, tzinfo=ZoneInfo("America/New_York")),
            datetime(2013, 1, 31, 22, tzinfo=ZoneInfo("UTC")),
        ),
    ],
    "word": [(text, text) for text in ("", " ", "ä&=+%/?#", "[1]", "null", "true", "東京 🗼", "a\r\nb", "x" * 9_000)],
    "key": [(UUID(int=7), str(UUID(int=7)))],
    "words": [
        (["a", "b"], ["a", "b"]),
        ([], []),
        (["[x"], ["[x"]),
        ([""], [""]),
        (("one",), ["one"]),
        ({"b", "a"}, ["a", "b"]),
        (pd.Series(["p"]), ["p"]),
        (pl.Series(["q", "r"]), ["q", "r"]),
        (pa.array(["s"]), ["s"]),
        ([f"{number:06d}" for number in range(2_000)], [f"{number:06d}" for number in range(2_000)]),
    ],
    "days": [([date(2013, 1, 1), date(2013, 1, 2)], [date(2013, 1, 1), date(2013, 1, 2)])],
    "numbers": [(range(3), [0, 1, 2]), (np.array([2**62, -1]), [2**62, -1])],
    "prices": [([Decimal("1.10")], [Decimal("1.10")])],
}


@pytest.mark.parametrize("name", ASKED)
def test_a_value_of_python_is_the_value_that_the_query_gets(name: str, qg: Client) -> None:
    found = [qg.read("echo", {name: value}).arrow().column(name)[0].as_py() for value, _ in ASKED[name]]
    assert list(map(repr, found)) == [repr(expected) for _, expected in ASKED[name]]


@pytest.mark.parametrize(
    "length", [timedelta(days=7), timedelta(hours=-36, microseconds=1), timedelta(0), timedelta(minutes=90)]
)
def test_a_length_of_time_is_the_interval(length: timedelta, qg: Client) -> None:
    found = qg.read("echo", wait=length).arrow().column("wait")[0].as_py()
    assert timedelta(days=found.days, microseconds=found.nanoseconds // 1_000) == length


def test_none_is_null_and_what_is_left_out_has_its_default(qg: Client) -> None:
    assert qg.read("echo").pylist()[0]["preset"] == "unasked"
    assert qg.read("echo", preset=None).pylist()[0]["preset"] is None


@pytest.mark.parametrize("missing", [pd.NaT, pd.NA, np.datetime64("NaT"), pa.scalar(None, pa.int64())])
def test_a_missing_value_of_a_library_is_null(qg: Client, missing: object) -> None:
    assert qg.read("echo", preset=missing).pylist()[0]["preset"] is None


@pytest.mark.parametrize(
    ("query", "parameters", "what"),
    [
        ("no name", {}, "write its name"),
        ("echo/2", {}, "write its name"),
        ("echo", {"_limit": 3}, "underscore"),
        ("echo", {"word": b"x"}, "word: a bytes"),
        ("echo", {"words": [["x"]]}, "words: a list in a list"),
        ("echo", {"price": Decimal("NaN")}, "price: NaN"),
        ("echo", {"word": object()}, "word: a object"),
    ],
)
def test_what_cannot_be_sent_is_said_before_it_is(
    query: str, parameters: Mapping[str, Any], what: str, qg: Client
) -> None:
    with pytest.raises(QuestionInvalid, match=what):
        qg.read(query, parameters)


@pytest.mark.parametrize("address", ["gateway.example", "ftp://gateway.example", "https://me:key@gateway.example"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(QuestionInvalid):
        Client(address)


# Pages, the catalogue, problems.


def test_pages_are_slices_of_one_answer(qg: Client) -> None:
    pages = list(qg.pages("readings", start=START, end=END, size=20))
    assert [len(page) for page in pages] == [20, 20, 8]
    assert [row for page in pages for row in page] == rows()
    long = [f"{number:06d}" for number in range(2_000)]
    assert [len(page) for page in qg.pages("readings", start=START, end=END, stations=[*long, "x"], size=3)] == [3, 1]


def test_the_catalogue_describes_what_there_is(qg: Client) -> None:
    assert {each["query"] for each in qg.queries()} == {"echo", "export", "odd", "readings"}
    assert qg.describe("readings/v1")["version"] == 1
    assert qg.explain("readings", start=START, end=END)["scans"]


def test_a_problem_says_what_the_gateway_said(qg: Client) -> None:
    with pytest.raises(InvalidParameters) as caught:
        qg.read("readings", start="yesterday", stop=1)
    problem = caught.value
    assert (problem.status, problem.code) == (422, "invalid-parameters")
    assert [parameter for parameter, _ in problem.errors] == ["start", "end", "stop"]
    assert str(problem).endswith(f"request id: {problem.request_id}")
    with pytest.raises(NotFound, match="Did you mean readings"):
        qg.read("readingz")
    with pytest.raises(NotFound, match="has no version 7: v1"):
        qg.read("readings/v7")


def test_a_key_is_sent_and_not_shown(server: Any) -> None:
    def answered(request: httpx.Request) -> httpx.Response:
        return httpx.Response(401 if request.headers.get("Authorization") != "Bearer secret" else 404)

    address = f"http://127.0.0.1:{server.port}"
    for key, expected in (
        ("secret", NotFound),
        (lambda: "secret", NotFound),
        (None, NotAllowed),
        ("other", NotAllowed),
    ):
        client = Client(address, key=key, cache=False, transport=httpx.MockTransport(answered))
        with pytest.raises(expected):
            client.read("readings")
        assert "secret" not in repr(client) + repr(vars(client))


def test_what_is_no_gateway_is_said_to_be_none(server: Any) -> None:
    def answered(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, html="<p>Log in</p>")

    client = Client("http://gateway.invalid", cache=False, transport=httpx.MockTransport(answered))
    with pytest.raises(GatewayProblem, match="No gateway answers here: text/html"):
        client.read("readings")


# What is kept on disk.


def test_what_did_not_change_is_not_sent_again(qg: Client, tmp_path: Path) -> None:
    asked = {"start": START, "end": END, "stations": ["x"]}
    first, second = qg.read("readings", asked), qg.read("readings", asked)
    assert (first.about.reused, second.about.reused) == (False, True)
    assert (second.pylist(), second.about.rows) == (first.pylist(), first.about.rows)
    with qg.stream("readings", asked) as stream:
        assert [row for batch in stream for row in batch.to_pylist()] == first.pylist()
        assert stream.about.reused


def test_a_kept_answer_that_was_damaged_is_asked_for_again(qg: Client, tmp_path: Path) -> None:
    first = qg.read("readings", start=START, end=END)
    [entry] = (tmp_path / "kept").iterdir()
    content = bytearray(entry.read_bytes())
    content[len(content) // 3] ^= 1
    entry.write_bytes(content)
    second = qg.read("readings", start=START, end=END)
    assert (second.about.reused, second.pylist()) == (False, first.pylist())
    assert qg.read("readings", start=START, end=END).about.reused


def test_nothing_is_kept_where_nothing_should_be(server: Any, tmp_path: Path) -> None:
    with Client(f"http://127.0.0.1:{server.port}", cache=False) as client:
        assert [client.read("echo", word="x").about.reused for _ in range(2)] == [False, False]


# Failures on the way.

BODY = "/v1/queries/export/latest/result.arrow"


def times(count: int, fault: Fault) -> Program:
    """Let the first *count* requests for rows meet *fault*."""
    left = [fault] * count
    return lambda asked: left.pop() if left and asked.path == BODY else None


@pytest.mark.parametrize("fault", [BUSY, RESET, RESET_LATER, CUT], ids=lambda fault: fault.name)
def test_a_read_is_tried_again(fault: Fault, shaky: Client, through: Callable[[Program], FaultProxy]) -> None:
    proxy = through(times(2, fault))
    assert shaky.read("export", rows=20_000).arrow().column("id").to_pylist() == list(range(20_000))
    assert (proxy.requests["GET"], proxy.faults.total()) == (3, 2)


def test_retry_after_is_waited_for_unless_the_deadline_comes_first(
    shaky: Client, through: Callable[[Program], FaultProxy]
) -> None:
    proxy = through(always(BUSY_FOR))
    with pytest.raises(DeadlineExceeded, match="the next try would be in 1") as caught:
        shaky.read("export", rows=1, deadline=0.9)
    assert (proxy.requests["GET"], type(caught.value.__cause__)) == (1, Busy)


def test_a_gateway_that_stays_away_is_given_up(shaky: Client, through: Callable[[Program], FaultProxy]) -> None:
    proxy = through(always(RESET))
    with pytest.raises(ConnectionFailed, match=f"{proxy.endpoint} cannot be reached"):
        shaky.read("export", rows=1)
    assert proxy.requests["GET"] == 1 + SOON.times


def test_a_problem_that_will_stay_is_told_at_once(shaky: Client, through: Callable[[Program], FaultProxy]) -> None:
    proxy = through(sound)
    with pytest.raises(InvalidParameters):
        shaky.read("export", rows="many")
    assert proxy.requests["GET"] == 1


def test_a_deadline_ends_a_call_that_nobody_answers(shaky: Client, through: Callable[[Program], FaultProxy]) -> None:
    through(always(Fault(name="silent", delay=3)))
    with pytest.raises(DeadlineExceeded):
        shaky.read("export", rows=1, deadline=0.3)


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.93, 0.9999])
def test_a_stream_that_was_cut_goes_on_where_it_was(
    kept: float, shaky: Client, through: Callable[[Program], FaultProxy]
) -> None:
    shaky.read("export", rows=50_000)  # the gateway keeps it
    proxy = through(times(3, Fault(name="cut", keep=kept)))
    with Client(proxy.endpoint, cache=False, retry=SOON) as fresh:
        found = [number for batch in fresh.stream("export", rows=50_000) for number in batch["id"].to_pylist()]
    assert (found, proxy.faults.total()) == (list(range(50_000)), 3)


def test_a_stream_whose_bytes_cannot_be_had_again_says_how_many_rows_came(
    shaky: Client, through: Callable[[Program], FaultProxy]
) -> None:
    through(times(1, Fault(name="cut", keep=0.5)))
    seen: list[int] = []
    with pytest.raises(StreamCut) as caught:
        seen.extend(batch.num_rows for batch in shaky.stream("export", rows=LONG))
    assert (0 < sum(seen) < LONG, caught.value.rows) == (True, sum(seen))


def test_a_read_of_such_rows_begins_again(shaky: Client, through: Callable[[Program], FaultProxy]) -> None:
    proxy = through(times(1, Fault(name="cut", keep=0.5)))
    answer = shaky.read("export", rows=LONG + 1)
    assert (len(answer), proxy.requests["GET"]) == (LONG + 1, 2)


def test_a_read_of_such_rows_that_always_breaks_is_given_up(
    proxy: FaultProxy, through: Callable[[Program], FaultProxy]
) -> None:
    through(always(Fault(name="cut", keep=0.5)))
    client = Client(proxy.endpoint, cache=False, retry=Retry(times=1, first=0.001), deadline=None)
    with client, pytest.raises((StreamCut, ConnectionFailed)):
        client.read("export", rows=LONG + 2)


def test_an_answer_that_became_another_is_not_put_together_of_both(
    shaky: Client, through: Callable[[Program], FaultProxy]
) -> None:
    shaky.read("export", rows=50_000)
    parts: Iterator[Fault | None] = iter([Fault(name="cut", keep=0.5), Fault(name="other", etag='"other"')])
    through(lambda asked: next(parts, None) if asked.path == BODY else None)
    with Client(shaky._settings.base, cache=False, retry=SOON) as fresh, pytest.raises(StreamCut, match="another one"):
        list(fresh.stream("export", rows=50_000))


# Processes and event loops.


def rows_in_a_process(client: Client, count: int) -> int:
    return len(client.read("export", rows=count))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_processes_ask_by_connections_of_their_own(qg: Client) -> None:
    qg.read("export", rows=1)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.starmap(rows_in_a_process, [(qg, count) for count in range(8)]) == list(range(8))
    with pickle.loads(pickle.dumps(qg)) as another:  # noqa: S301 - made here
        assert len(another.read("export", rows=9)) == 9


def test_a_connection_is_given_back_however_its_answer_ends(server: Any, tmp_path: Path) -> None:
    with Client(f"http://127.0.0.1:{server.port}", cache=tmp_path, connections=1) as client:
        for _ in range(3):  # sent, then unchanged
            assert len(client.read("readings", start=START, end=END)) == 48
        for _ in range(3):
            with client.stream("export", rows=LONG) as stream:
                next(stream)
            with pytest.raises(NotFound):
                client.read("nothing")
        assert len(client.read("readings", start=START, end=END)) == 48


@pytest.mark.parametrize(
    ("variables", "verify", "own"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"HTTPS_PROXY": "http://127.0.0.1:1"}, True, False),
        ({"ALL_PROXY": "http://127.0.0.1:1"}, True, False),
        ({"ALL_PROXY": "http://127.0.0.1:1", "NO_PROXY": "example"}, True, True),
        ({"HTTP_PROXY": "http://127.0.0.1:1"}, True, True),
    ],
)
def test_through_a_proxy_and_without_a_certificate_the_requests_are_httpxs(
    variables: Mapping[str, str], verify: bool, own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    transport = transport_to("https://gateway.example", verify=verify, connections=1)
    assert isinstance(transport, Urllib3Transport) is own


def test_two_hundred_questions_at_once_have_few_connections(proxy: FaultProxy, through: Any) -> None:
    seen: set[int] = set()

    def program(asked: Asked) -> Fault | None:
        seen.add(len(proxy._open))
        return BUSY if asked.number % 10 == 0 else None

    through(program)

    async def ask() -> list[int]:
        async with AsyncClient(proxy.endpoint, cache=False, connections=8, retry=SOON) as client:
            answers = await asyncio.gather(*[client.read("export", rows=count) for count in range(200)])
            return [len(answer) for answer in answers]

    assert asyncio.run(ask()) == list(range(200))
    assert max(seen) <= 2 * 8  # of those that are closed, the proxy hears a little later


def test_the_asynchronous_client_does_what_the_other_does(
    proxy: FaultProxy, through: Callable[[Program], FaultProxy], tmp_path: Path
) -> None:
    async def ask() -> None:
        async with AsyncClient(proxy.endpoint, cache=tmp_path / "kept", retry=SOON) as client:
            asked = {"start": START, "end": END}
            answers = [await client.read("readings", asked) for _ in range(2)]
            assert [answer.about.reused for answer in answers] == [False, True]
            assert [len(page) async for page in client.pages("readings", asked, size=30)] == [30, 18]
            assert {each["query"] for each in await client.queries()} >= {"readings"}
            assert (await client.describe("readings"))["version"] == 1
            assert (await client.explain("readings", asked))["scans"]
            with pytest.raises(NotFound):
                await client.read("readingz")
            await client.read("export", rows=50_001)
            through(times(2, Fault(name="cut", keep=0.4)))
            async with AsyncClient(proxy.endpoint, cache=False, retry=SOON) as fresh:
                found = [n async for batch in fresh.stream("export", rows=50_001) for n in batch["id"].to_pylist()]
            assert found == list(range(50_001))
            through(always(Fault(name="silent", delay=3)))
            with pytest.raises(DeadlineExceeded):
                await client.read("export", rows=2, deadline=0.3)

    asyncio.run(ask())


def test_one_answer_in_a_proxy_is_not_lost_on_its_way(shaky: Client, through: Callable[[Program], FaultProxy]) -> None:
    proxy = through(once(RESET, lambda asked: asked.path == "/v1/queries"))
    assert len(shaky.queries()) == 4
    assert proxy.faults.total() == 1
