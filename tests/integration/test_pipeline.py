"""The pipeline over real files: limits that refuse a scan, and files that change under a query."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from folders import answered
from serving import with_execution

from gateway.answer import Answer, Export, Unread
from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.errors import EngineFailed, FilesChanged, ScanTooLarge, StorageFailed
from gateway.execution.slow_log import SlowLog
from gateway.execution.work import StreamOptions
from gateway.model import Column, FileVersion, Principal, Statement, TypedValue, Value
from gateway.pipeline import Gateway
from gateway.query.adhoc import Adhoc
from gateway.telemetry.events import Event, QueryReplanned, QuerySlow

DAYS = 20
DECLARATION = """
table: events
location: data
partitioned_by: [{column: dt, transform: day, source: ts}]
"""


def put(project: Path, day: int, value: int) -> None:
    target = project / f"data/dt=2024-01-{day:02}/a.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    ts = pa.array([f"2024-01-{day:02}T12:00"]).cast(pa.timestamp("us"))
    pq.write_table(pa.table({"ts": ts, "n": pa.array([value], pa.int64())}), target)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog/events.yaml").write_text(DECLARATION)
    for day in range(1, DAYS + 1):
        put(tmp_path, day, day)
    return tmp_path


@pytest.fixture
def events() -> list[Event]:
    return []


Open = Callable[..., Gateway]


@pytest.fixture
def open_project(project: Path, events: list[Event]) -> Iterator[Open]:
    opened = []

    def open_with(limits: str = "") -> Gateway:
        (project / "catalog/events.yaml").write_text(DECLARATION + limits)
        context = open_gateway(load_settings(project, {}), observe=events.append, background=False)
        opened.append(context)
        return context.__enter__()

    yield open_with
    for context in opened:
        context.__exit__(None, None, None)


def ask(gateway: Gateway, sql: str) -> Any:
    return answered(gateway, sql).to_pylist()[0]["total"]


TOTAL = "SELECT sum(n) AS total FROM events"
WEEK = f"{TOTAL} WHERE ts < TIMESTAMP '2024-01-08'"


def test_a_scan_over_its_limit_of_files_is_refused_with_what_would_help(open_project: Open) -> None:
    gateway = open_project("limits: {max_files: 7}\n")
    assert ask(gateway, WEEK) == 28
    with pytest.raises(ScanTooLarge) as raised:
        ask(gateway, TOTAL)
    assert raised.value.detail == (
        "The scan of events would read too much: 20 of at most 7 files. A filter on ts would help."
    )
    assert raised.value.members["planned"]["files"] == DAYS
    assert (raised.value.members["limit"], raised.value.members["filter_on"]) == (7, ["ts"])


def test_a_scan_over_its_limit_of_bytes_is_refused(open_project: Open) -> None:
    gateway = open_project("limits: {max_bytes: 5kB}\n")
    assert ask(gateway, f"{TOTAL} WHERE ts < TIMESTAMP '2024-01-03'") == 3
    with pytest.raises(ScanTooLarge):
        ask(gateway, TOTAL)


@pytest.mark.parametrize("limits", ["limits: {require_filter: true}\n", "limits: {require_filter: [ts]}\n"])
def test_a_scan_without_the_filter_that_its_table_requires_is_refused(open_project: Open, limits: str) -> None:
    gateway = open_project(limits)
    assert ask(gateway, WEEK) == 28
    for sql in (TOTAL, f"{WEEK} OR n = 1", f"{TOTAL} WHERE n > 0"):
        with pytest.raises(ScanTooLarge, match="no filter that prunes"):
            ask(gateway, sql)


def test_a_query_over_a_file_that_was_rewritten_in_place_is_planned_again(
    project: Path, open_project: Open, events: list[Event]
) -> None:
    gateway = open_project()
    assert ask(gateway, WEEK) == 28
    put(project, 3, 1003)
    assert ask(gateway, f"{WEEK} AND n > 0") == 1028
    assert [type(event) for event in events].count(QueryReplanned) == 1


def test_a_file_that_was_removed_is_left_out(project: Path, open_project: Open) -> None:
    gateway = open_project()
    gateway.catalog.pin()
    os.remove(project / "data/dt=2024-01-03/a.parquet")
    assert ask(gateway, WEEK) == 25


@dataclass(slots=True)
class Changing:
    """An engine under which files change the first *times* that a query runs."""

    real: Any
    times: int
    name: str = "duckdb"

    def execute(self, statement: Statement, **options: Any) -> Any:
        if self.times > 0:
            self.times -= 1
            raise FilesChanged("A data file was replaced.")
        return self.real.execute(statement, **options)

    def address(self, file: FileVersion) -> str:
        return str(self.real.address(file))

    def evaluate(self, expressions: Sequence[str], parameters: Any) -> tuple[Value, ...]:
        found: tuple[Value, ...] = self.real.evaluate(expressions, parameters)
        return found


@pytest.mark.parametrize(("times", "answered"), [(1, True), (2, True), (3, False)])
def test_a_query_is_planned_again_a_bounded_number_of_times(open_project: Open, times: int, answered: bool) -> None:
    gateway = open_project()
    changing: Any = Changing(gateway.engine, times)
    gateway = with_execution(gateway, engine=changing)
    if answered:
        assert ask(gateway, WEEK) == 28
    else:
        with pytest.raises(FilesChanged):
            ask(gateway, WEEK)


def test_the_columns_of_a_query_are_known_without_reading(open_project: Open) -> None:
    gateway = open_project()
    adhoc = Adhoc("SELECT dt, sum(n) AS total FROM events WHERE ts >= $start GROUP BY dt", "q", gateway.catalog.tables)
    snapshots = gateway.catalog.pin(adhoc.tables)
    query = adhoc.bind({"start": "2024-01-01"}, {name: one.columns for name, one in snapshots.items()})
    nothing = replace(query, parameters={"start": TypedValue(value=None, type="TIMESTAMP")})
    columns = gateway.engine.columns(gateway.planning.planner.over_nothing(nothing, snapshots))
    assert columns == (Column(name="dt", type="DATE"), Column(name="total", type="HUGEINT"))


def test_an_explanation_says_that_a_manifest_cannot_be_refreshed(project: Path, open_project: Open) -> None:
    gateway = open_project()
    assert ask(gateway, WEEK) == 28
    (project / "data").rename(project / "elsewhere")
    with pytest.raises(StorageFailed):
        gateway.catalog.refresh("events")
    query = Adhoc(WEEK, "q", gateway.catalog.tables).bind({}, {})
    text = gateway.explain_bound(query, principal=Principal()).as_text()
    assert "it cannot be refreshed: data: there is no such folder." in text


def test_a_slow_query_leaves_its_plan_and_where_asked_for_the_engines(open_project: Open, events: list[Event]) -> None:
    opened = open_project()
    gateway = with_execution(opened, slow=SlowLog(after=0.0, observe=events.append, engine_plan=True))
    assert ask(gateway, WEEK) == 28
    (slow,) = [event for event in events if isinstance(event, QuerySlow)]
    assert any("7 of 20 partitions" in line for line in slow.plan)
    assert slow.engine_plan is not None
    assert any("READ_PARQUET" in line for line in slow.engine_plan)


def test_a_quick_query_leaves_no_plan(open_project: Open, events: list[Event]) -> None:
    gateway = with_execution(open_project(), slow=SlowLog(after=60.0, observe=events.append))
    assert ask(gateway, WEEK) == 28
    assert [event for event in events if isinstance(event, QuerySlow)] == []


LONG = "SELECT n, range AS m, n * 0.5 AS x FROM events, range(100000)"
"""More than is gathered before rows are sent, and less than is kept."""


def send(gateway: Gateway, sql: str) -> Answer | Export:
    adhoc = Adhoc(sql, "query.sql", gateway.catalog.tables)
    query = adhoc.bind({}, {name: one.columns for name, one in gateway.catalog.pin(adhoc.tables).items()})
    answer = gateway.answer(query, principal=Principal(), stream=StreamOptions())
    assert not isinstance(answer, Unread)
    return answer


def test_rows_that_were_sent_while_they_were_gathered_are_kept_where_they_are_few_enough(open_project: Open) -> None:
    gateway = open_project()
    first = send(gateway, LONG)
    assert isinstance(first, Export)
    assert sum(batch.num_rows for batch in first.result.batches) == DAYS * 100_000
    gateway.executor.close()  # waits for what is gathered
    second = send(gateway, LONG)
    assert (second.status.hit, second.result.key) == (True, first.result.key)


def test_files_that_changed_before_the_first_row_is_sent_are_read_anew(
    project: Path, open_project: Open, events: list[Event]
) -> None:
    gateway = with_execution(open_project(), max_result=1_000)
    gateway.catalog.pin()
    for value in (3, 1003):
        put(project, 3, value)
        export = send(gateway, f"{LONG} WHERE n IN (1, 3, 1003)")
        assert isinstance(export, Export)
        assert {value for batch in export.result.batches for value in batch.column("n").unique().to_pylist()} == {
            1,
            value,
        }
        export.result.close()
    assert gateway.admission.running == 0
    assert [type(event) for event in events].count(QueryReplanned) == 2


@dataclass(slots=True)
class Buggy(Changing):
    """An engine whose rows end in a bug."""

    def execute(self, statement: Statement, **options: Any) -> Any:
        return BuggyStream(self.real.execute(statement, **options))


class BuggyStream:
    """Rows that end in a bug."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        yield from self._real
        raise RuntimeError("a bug")


def test_a_bug_leaves_nobody_waiting_for_rows(open_project: Open) -> None:
    gateway = open_project()
    buggy: Any = Buggy(gateway.engine, 0)
    export = send(with_execution(gateway, engine=buggy), LONG)
    with pytest.raises(EngineFailed):
        list(export.result.batches)  # type: ignore[union-attr]  # it is too long to come whole
    assert gateway.admission.running == 0
